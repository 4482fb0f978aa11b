//! The token endpoint: which flow a request asks for, and the flows without a browser.

use std::collections::HashMap;
use std::net::IpAddr;

use super::answer::{API_INSTANCE_URL, Answer, answer, identity_url, issue, sign};
use super::client::{
    active, app_not_found, authenticate, check_app, check_permitted, find_app, rate_exceeded, spend_login,
    unknown_client,
};
use super::jwt::{Assertion, Audience};
use super::password::{Entrance, Refusal, check_password};
use super::{IpRule, OauthError, by_id, by_username, code, device, exchange, refresh};
use crate::{Millis, Org};

pub use super::client::ClientAuth;

/// Form parameters.
pub type Form = HashMap<String, String>;

/// A request for a token.
pub struct Asked<'a> {
    /// Form parameters.
    pub form: &'a Form,
    /// The client's own credentials.
    pub client: ClientAuth,
    /// Scheme and host the request came to: `http://127.0.0.1:8080`.
    pub origin: &'a str,
    /// Where it came from.
    pub ip: IpAddr,
}

/// Members of the answer, in order.
pub type Granted = Vec<(&'static str, String)>;

/// Answers a token request.
///
/// # Errors
/// The documented `error` and `error_description` pairs.
pub fn token(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let get = |name: &str| asked.form.get(name).map(String::as_str).filter(|v| !v.is_empty());
    match (get("grant_type"), get("response_type")) {
        (None, Some("device_code")) => device::begin(org, asked, now),
        (None, _) => Err(OauthError::missing("grant_type")),
        (Some("urn:ietf:params:oauth:grant-type:jwt-bearer"), _) => jwt_bearer(org, asked, now),
        (Some("urn:ietf:params:oauth:grant-type:token-exchange"), _) => exchange::exchange(org, asked, now),
        (Some("authorization_code"), _) => code::exchange(org, asked, now),
        (Some("refresh_token"), _) => refresh::refresh(org, asked, now),
        (Some("device"), _) => device::poll(org, asked, now),
        (Some("client_credentials"), _) => client_credentials(org, asked, now),
        (Some("password"), _) => password(org, asked, now),
        (Some(_), _) => Err(unsupported()),
    }
}

fn unsupported() -> OauthError {
    OauthError::new("unsupported_grant_type", "grant type not supported")
}

fn jwt_bearer(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let text = asked.form.get("assertion").filter(|a| !a.is_empty()).ok_or_else(|| OauthError::missing("assertion"))?;
    let assertion = Assertion::parse(text)?;
    let app = find_app(org, assertion.issuer().ok_or_else(unknown_client)?, now)?;
    let certificate = app.certificate.as_deref().ok_or_else(|| OauthError::grant("invalid assertion"))?;
    assertion.verify(certificate)?;
    let settings = &org.settings;
    match assertion.audience(asked.host()) {
        Audience::Own => {}
        Audience::Login | Audience::Test if app.external_client_app => return Err(app_not_found()),
        Audience::Login if !settings.sandbox || !settings.strict_audience => {}
        Audience::Test if settings.sandbox || !settings.strict_audience => {}
        // Which of the two texts is given when is unconfirmed.
        Audience::Missing => return Err(OauthError::grant("Audience validation failed")),
        _ => return Err(OauthError::grant("audience is invalid")),
    }
    let expires_at = assertion.check_expiry(now)?;
    check_app(&app, app.jwt_bearer)?;
    let username = assertion.subject().ok_or_else(|| OauthError::grant("invalid assertion"))?;
    let user = active(org, by_username(org, username))?;
    check_permitted(org, &app, &user)?;
    asked.admit(org, &app, &user, now)?;
    if assertion.id().is_some_and(|jti| !org.access.spend_assertion(&app.client_id, jti, expires_at, now)) {
        return Err(OauthError::grant("invalid assertion"));
    }
    spend_login(org, &user, now)?;
    let living = if org.settings.jwt_reuses_session { org.access.living(user.id, &app, &app.scope, now) } else { None };
    let access_token = match living {
        Some(token) => token,
        None => issue(org, &app, &user, &app.scope, None, asked.origin, now),
    };
    // These five and no others: no issued_at, no signature.
    Ok(vec![
        ("access_token", access_token),
        ("scope", app.scope),
        ("instance_url", asked.origin.to_owned()),
        ("id", identity_url(org, &user, asked.origin)),
        ("token_type", "Bearer".into()),
    ])
}

fn client_credentials(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    if matches!(asked.host(), "login.salesforce.com" | "test.salesforce.com") {
        return Err(OauthError::grant("request not supported on this domain"));
    }
    let app = authenticate(org, &asked.client, asked.origin, now)?;
    check_app(&app, app.client_credentials)?;
    let user = app.run_as.ok_or_else(|| OauthError::grant("no client credentials user enabled"))?;
    let user = active(org, by_id(org, user))?;
    asked.admit(org, &app, &user, now)?;
    spend_login(org, &user, now)?;
    let scope = app.scope.clone();
    let what = Answer { scope: &scope, family: None, refresh_token: None, nonce: None, id_token: false };
    let mut members = answer(org, &app, &user, asked.origin, now, what);
    members.retain(|(name, _)| *name != "api_instance_url");
    members.push(("api_instance_url", API_INSTANCE_URL.into()));
    Ok(members)
}

fn password(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = authenticate(org, &asked.client, asked.origin, now)?;
    if app.external_client_app {
        return Err(unsupported());
    }
    // Where the org blocks the flow, the answer is the same as for a wrong password.
    let failed = || OauthError::grant("authentication failure");
    if !org.settings.password_grant {
        return Err(failed());
    }
    check_app(&app, true)?;
    if org.settings.org_locked {
        return Err(OauthError::new("inactive_org", "organization is locked, closed, or suspended"));
    }
    let username = asked.form.get("username").ok_or_else(|| OauthError::missing("username"))?;
    let given = asked.form.get("password").ok_or_else(|| OauthError::missing("password"))?;
    let entrance = if app.ip_rule == IpRule::Relax { Entrance::RelaxedApi } else { Entrance::Api };
    let user = check_password(org, username, given, now, asked.ip, entrance).map_err(|refusal| match refusal {
        Refusal::RateExceeded => rate_exceeded(),
        _ => failed(),
    })?;
    check_permitted(org, &app, &user)?;
    let access_token = issue(org, &app, &user, &app.scope, None, asked.origin, now);
    let (id, issued_at) = (identity_url(org, &user, asked.origin), now.to_string());
    Ok(vec![
        ("access_token", access_token),
        ("instance_url", asked.origin.to_owned()),
        ("token_type", "Bearer".into()),
        ("signature", sign(&app, &id, &issued_at)),
        ("scope", app.scope),
        ("id", id),
        ("issued_at", issued_at),
    ])
}

impl Asked<'_> {
    /// The host the request came to, with its port.
    fn host(&self) -> &str {
        self.origin.split_once("://").map_or(self.origin, |(_, host)| host)
    }
}
