//! Who the client is: its key, its secret or signed assertion, and whether its app may be used at all.

use super::grants::Asked;
use super::jwt::Assertion;
use super::{App, IpRule, OauthError, PermittedUsers, User, scope};
use crate::{Millis, Org};

/// How a client says that it signs who it is.
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client said who it is.
#[derive(Clone, Default)]
pub struct ClientAuth {
    /// Consumer key.
    pub client_id: Option<String>,
    /// Consumer secret.
    pub client_secret: Option<String>,
    /// Whether both came by HTTP Basic.
    pub basic: bool,
    /// A signed statement in the secret's place, and its type.
    pub assertion: Option<(String, String)>,
}

pub(super) fn unknown_client() -> OauthError {
    OauthError::new("invalid_client_id", "client identifier invalid")
}

/// The app with this consumer key. One that was made or changed a moment ago is not known everywhere yet, where the
/// org is set up that way.
pub(super) fn find_app(org: &Org, client_id: &str, now: Millis) -> Result<App, OauthError> {
    let app = org.access.app(client_id).ok_or_else(unknown_client)?;
    if now < app.changed_at.saturating_add(org.settings.app_propagation_ms) {
        return Err(unknown_client());
    }
    if app.external_client_app && !app.installed {
        return Err(app_not_found());
    }
    Ok(app.clone())
}

pub(super) fn app_not_found() -> OauthError {
    OauthError::new("app_not_found", "External client app is not installed in this org")
}

/// The app whose key and secret these are.
pub(crate) fn authenticate(org: &Org, auth: &ClientAuth, origin: &str, now: Millis) -> Result<App, OauthError> {
    identify(org, auth, origin, now, |_| true)
}

/// The client of a token request: its secret is checked where there is one, and asked for where `needs_secret`.
pub(super) fn client(
    org: &Org,
    asked: &Asked<'_>,
    now: Millis,
    needs_secret: impl Fn(&App) -> bool,
) -> Result<App, OauthError> {
    identify(org, &asked.client, asked.origin, now, needs_secret)
}

fn identify(
    org: &Org,
    auth: &ClientAuth,
    origin: &str,
    now: Millis,
    needs_secret: impl Fn(&App) -> bool,
) -> Result<App, OauthError> {
    let refused = || {
        let status = if auth.basic { 401 } else { 400 };
        let error = if org.settings.legacy_client_errors {
            OauthError::new("invalid_client_credentials", "client secret invalid")
        } else {
            OauthError::new("invalid_client", "invalid client credentials")
        };
        error.status(status)
    };
    if let Some((kind, text)) = &auth.assertion {
        if kind != CLIENT_ASSERTION {
            return Err(refused());
        }
        let assertion = Assertion::parse(text).map_err(|_| refused())?;
        let key = assertion.issuer().ok_or_else(unknown_client)?;
        let app = find_app(org, key, now)?;
        let same = assertion.subject() == Some(key) && auth.client_id.as_deref().is_none_or(|id| id == key);
        let certificate = app.certificate.as_deref().ok_or_else(refused)?;
        assertion.verify(certificate).map_err(|_| refused())?;
        if !same || !assertion.is_for_token_endpoint(origin) || assertion.check_expiry(now).is_err() {
            return Err(refused());
        }
        return Ok(app);
    }
    let key = auth.client_id.as_deref().filter(|k| !k.is_empty()).ok_or_else(|| OauthError::missing("client_id"))?;
    let app = find_app(org, key, now)?;
    match auth.client_secret.as_deref().filter(|secret| !secret.is_empty()) {
        Some(secret) if secret == app.client_secret => Ok(app),
        Some(_) => Err(refused()),
        None if needs_secret(&app) => Err(OauthError::missing("client_secret")),
        None => Ok(app),
    }
}

pub(super) fn check_app(app: &App, flow_enabled: bool) -> Result<(), OauthError> {
    if app.blocked {
        return Err(OauthError::new("OAUTH_APP_BLOCKED", "this app is blocked by admin"));
    }
    if !flow_enabled {
        return Err(OauthError::new("unauthorized_client", "grant type not enabled for this app"));
    }
    Ok(())
}

/// Whether the user need not be asked: approved by an administrator, by the policy, or by an earlier grant that was to
/// last.
pub(super) fn check_permitted(org: &Org, app: &App, user: &User) -> Result<(), OauthError> {
    if app.is_preauthorised(user) {
        return Ok(());
    }
    match app.permitted_users {
        PermittedUsers::AdminApproved(_) => Err(not_admin_approved("invalid_app_access")),
        _ if org.access.has_approved(user.id, &app.client_id, "refresh_token") => Ok(()),
        _ => Err(OauthError::grant("user hasn't approved this consumer")),
    }
}

pub(super) fn not_admin_approved(error: &'static str) -> OauthError {
    OauthError::new(error, "user is not admin approved to access this app")
}

pub(super) fn active(org: &Org, user: Option<User>) -> Result<User, OauthError> {
    user.filter(|u| u.is_active(org)).ok_or_else(|| OauthError::grant("user is not active"))
}

pub(super) fn spend_login(org: &mut Org, user: &User, now: Millis) -> Result<(), OauthError> {
    let most = org.settings.hourly_logins;
    if org.access.spend_login(user.id, now, most) { Ok(()) } else { Err(rate_exceeded()) }
}

pub(super) fn rate_exceeded() -> OauthError {
    OauthError::new("rate_limit_exceeded", "login rate exceeded")
}

impl Asked<'_> {
    /// Whether the org lets this user in now, from here, by this app.
    pub(super) fn admit(&self, org: &Org, app: &App, user: &User, now: Millis) -> Result<(), OauthError> {
        if org.settings.org_locked {
            return Err(OauthError::new("inactive_org", "organization is locked, closed, or suspended"));
        }
        let Some(access) = org.access.users.get(&user.id) else { return Ok(()) };
        if access.frozen {
            return Err(OauthError::grant("user is not active"));
        }
        if app.ip_rule == IpRule::Enforce && !access.allows_address(self.ip) {
            return Err(OauthError::grant("ip restricted"));
        }
        // Unconfirmed: documented as one cause with the addresses, without a text of its own.
        if !access.allows_time(now) {
            return Err(OauthError::grant("invalid login hours"));
        }
        Ok(())
    }

    /// The same for a user who was let in before: whoever is inactive since is told so.
    pub(super) fn admit_again(&self, org: &Org, app: &App, user: &User, now: Millis) -> Result<(), OauthError> {
        let frozen = org.access.users.get(&user.id).is_some_and(|access| access.frozen);
        if frozen || !user.is_active(org) {
            return Err(OauthError::new("inactive_user", "user is inactive"));
        }
        if matches!(app.permitted_users, PermittedUsers::AdminApproved(_)) && !app.is_preauthorised(user) {
            return Err(not_admin_approved("invalid_app_access"));
        }
        self.admit(org, app, user, now)
    }

    /// The scopes asked for, or all of the app's.
    pub(super) fn scope(&self, app: &App) -> Result<String, OauthError> {
        scope::grantable(app, self.form.get("scope").map(String::as_str))
    }
}
