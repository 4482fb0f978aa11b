//! The token endpoint's flows.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::jwt::Assertion;
use super::{App, OauthError, PermittedUsers, User, by_id, by_username};
use crate::{Millis, Org};

/// The grant type of the JWT bearer flow.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How a client said who it is.
#[derive(Clone, Default)]
pub struct ClientAuth {
    /// Consumer key.
    pub client_id: Option<String>,
    /// Consumer secret.
    pub client_secret: Option<String>,
    /// Whether both came by HTTP Basic.
    pub basic: bool,
}

/// A request for a token.
pub struct Asked<'a> {
    /// Form parameters.
    pub form: &'a HashMap<String, String>,
    /// The client's own credentials.
    pub client: ClientAuth,
    /// Scheme and host the request came to: `http://127.0.0.1:8080`.
    pub origin: &'a str,
}

/// Members of the answer, in order.
pub type Granted = Vec<(&'static str, String)>;

/// Answers a token request.
///
/// # Errors
/// The documented `error` and `error_description` pairs.
pub fn token(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    match asked.form.get("grant_type").map(String::as_str) {
        None | Some("") => Err(OauthError::missing("grant_type")),
        Some(JWT_BEARER) => jwt_bearer(org, asked, now),
        Some("client_credentials") => client_credentials(org, asked, now),
        Some("password") => password(org, asked, now),
        Some(_) => Err(OauthError::new("unsupported_grant_type", "grant type not supported")),
    }
}

fn jwt_bearer(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let text = asked.form.get("assertion").filter(|a| !a.is_empty()).ok_or_else(|| OauthError::missing("assertion"))?;
    let assertion = Assertion::parse(text)?;
    let app = assertion.issuer().and_then(|key| org.access.app(key)).ok_or_else(unknown_client)?.clone();
    let certificate = app.certificate.as_deref().ok_or_else(|| OauthError::grant("invalid assertion"))?;
    assertion.verify(certificate)?;
    let host = asked.origin.split_once("://").map_or(asked.origin, |(_, host)| host);
    assertion.check_audience(host)?;
    let expires_at = assertion.check_expiry(now)?;
    check_app(&app, app.jwt_bearer)?;
    let username = assertion.subject().ok_or_else(|| OauthError::grant("invalid assertion"))?;
    let user = by_username(org, username);
    let user = active(org, user)?;
    check_permitted(&app, &user)?;
    if assertion.id().is_some_and(|jti| !org.access.spend_assertion(&app.client_id, jti, expires_at, now)) {
        return Err(OauthError::grant("invalid assertion"));
    }
    spend_login(org, &user, now)?;
    let (id, access_token) = issue(org, &app, &user, asked, now);
    // These five and no others: no issued_at, no signature.
    Ok(vec![
        ("access_token", access_token),
        ("scope", app.scope),
        ("instance_url", asked.origin.to_owned()),
        ("id", id),
        ("token_type", "Bearer".into()),
    ])
}

fn client_credentials(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    if ["login.salesforce.com", "test.salesforce.com"].iter().any(|host| asked.origin.ends_with(&format!("://{host}")))
    {
        return Err(OauthError::grant("request not supported on this domain"));
    }
    let app = authenticate(org, &asked.client)?;
    check_app(&app, app.client_credentials)?;
    let user = app.run_as.ok_or_else(|| OauthError::grant("no client credentials user enabled"))?;
    let user = active(org, by_id(org, user))?;
    spend_login(org, &user, now)?;
    let (id, access_token) = issue(org, &app, &user, asked, now);
    let issued_at = now.to_string();
    Ok(vec![
        ("access_token", access_token),
        ("signature", sign(&app, &id, &issued_at)),
        ("scope", app.scope),
        ("instance_url", asked.origin.to_owned()),
        ("id", id),
        ("token_type", "Bearer".into()),
        ("issued_at", issued_at),
        ("api_instance_url", "https://api.salesforce.com".into()),
    ])
}

fn password(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = authenticate(org, &asked.client)?;
    // Where the org blocks the flow, the answer is the same as for a wrong password.
    let failed = || OauthError::grant("authentication failure");
    if !org.settings.password_grant {
        return Err(failed());
    }
    check_app(&app, true)?;
    let username = asked.form.get("username").ok_or_else(|| OauthError::missing("username"))?;
    let given = asked.form.get("password").ok_or_else(|| OauthError::missing("password"))?;
    let user = by_username(org, username).ok_or_else(failed)?;
    let kept = org.access.users.get(&user.id).ok_or_else(failed)?;
    let (Some(password), Some(token)) = (&kept.password, &kept.security_token) else { return Err(failed()) };
    if *given != format!("{password}{token}") {
        return Err(failed());
    }
    let user = active(org, Some(user))?;
    check_permitted(&app, &user)?;
    spend_login(org, &user, now)?;
    let (id, access_token) = issue(org, &app, &user, asked, now);
    let issued_at = now.to_string();
    Ok(vec![
        ("access_token", access_token),
        ("instance_url", asked.origin.to_owned()),
        ("token_type", "Bearer".into()),
        ("signature", sign(&app, &id, &issued_at)),
        ("id", id),
        ("issued_at", issued_at),
    ])
}

fn unknown_client() -> OauthError {
    OauthError::new("invalid_client_id", "client identifier invalid")
}

/// The app whose key and secret these are.
pub(crate) fn authenticate(org: &Org, client: &ClientAuth) -> Result<App, OauthError> {
    let key = client.client_id.as_deref().filter(|k| !k.is_empty()).ok_or_else(|| OauthError::missing("client_id"))?;
    let app = org.access.app(key).ok_or_else(unknown_client)?;
    let secret = client.client_secret.as_deref().ok_or_else(|| OauthError::missing("client_secret"))?;
    if secret != app.client_secret {
        let status = if client.basic { 401 } else { 400 };
        return Err(OauthError::new("invalid_client", "invalid client credentials").status(status));
    }
    Ok(app.clone())
}

fn check_app(app: &App, flow_enabled: bool) -> Result<(), OauthError> {
    if app.blocked {
        return Err(OauthError::new("OAUTH_APP_BLOCKED", "this app is blocked by admin"));
    }
    if !flow_enabled {
        return Err(OauthError::new("unauthorized_client", "grant type not enabled for this app"));
    }
    Ok(())
}

fn check_permitted(app: &App, user: &User) -> Result<(), OauthError> {
    match &app.permitted_users {
        PermittedUsers::Everybody => Ok(()),
        PermittedUsers::Approved(users) if users.contains(&user.id) => Ok(()),
        PermittedUsers::AdminApproved(users) if users.contains(&user.id) => Ok(()),
        PermittedUsers::Approved(_) => Err(OauthError::grant("user hasn't approved this consumer")),
        PermittedUsers::AdminApproved(_) => {
            Err(OauthError::new("invalid_app_access", "user is not admin approved to access this app"))
        }
    }
}

fn active(org: &Org, user: Option<User>) -> Result<User, OauthError> {
    user.filter(|u| u.is_active(org)).ok_or_else(|| OauthError::grant("user is not active"))
}

fn spend_login(org: &mut Org, user: &User, now: Millis) -> Result<(), OauthError> {
    let most = org.settings.hourly_logins;
    if org.access.spend_login(user.id, now, most) {
        return Ok(());
    }
    Err(OauthError::new("rate_limit_exceeded", "login rate exceeded"))
}

fn issue(org: &mut Org, app: &App, user: &User, asked: &Asked<'_>, now: Millis) -> (String, String) {
    let (org_id, session_ms) = (org.settings.org_id, org.settings.session_ms);
    let id = format!("{}/id/{org_id}/{}", asked.origin, user.id);
    (id, org.access.issue(org_id, user.id, app, now, session_ms))
}

/// Base64 of the HMAC-SHA256 of `id` and `issued_at`, keyed by the consumer secret.
fn sign(app: &App, id: &str, issued_at: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app.client_secret.as_bytes()) else { return String::new() };
    mac.update(id.as_bytes());
    mac.update(issued_at.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
