//! Connected apps and External Client Apps, with their policies.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{User, wire};
use crate::{Millis, RecordId};

/// Who may use an app without being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermittedUsers {
    /// Every user, as if all had approved it.
    #[default]
    Everybody,
    /// Users may authorise themselves, and these have.
    Approved(#[serde(with = "wire::record_ids")] Vec<RecordId>),
    /// Users approved by an administrator are pre-authorised, and these are.
    AdminApproved(#[serde(with = "wire::record_ids")] Vec<RecordId>),
}

/// Whether a user's login IP ranges hold for an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpRule {
    /// "Enforce IP restrictions".
    #[default]
    Enforce,
    /// "Relax IP restrictions".
    Relax,
}

/// How long a refresh token is good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenPolicy {
    /// Until it is revoked.
    #[default]
    UntilRevoked,
    /// It is given out, and never works.
    ImmediatelyExpire,
    /// Until it is not used for so long, milliseconds.
    UnusedForMs(i64),
    /// So long after it was first given out, milliseconds.
    AfterMs(i64),
}

/// A token-exchange handler: whom it takes a subject token for. In a real org that is an Apex class.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenHandler {
    /// Its name, for the `token_handler` parameter.
    pub name: String,
    /// Usernames by the subject tokens that it accepts.
    pub subjects: BTreeMap<String, String>,
}

impl fmt::Debug for TokenHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHandler").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A connected app or External Client App. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// Its name, as users and the per-app usage header see it.
    pub name: String,
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// The X.509 certificate registered for digital signatures, DER (PEM as JSON).
    #[serde(with = "wire::certificate")]
    pub certificate: Option<Vec<u8>>,
    /// Scopes that it may ask for, as token answers list them.
    pub scope: String,
    /// Whether it is an External Client App: no username-password flow, and assertions for My Domain only.
    pub external_client_app: bool,
    /// Whether it is installed in this org. An External Client App that is not is not found; another one can be
    /// approved only by users with the permission for that.
    pub installed: bool,
    /// Whether an administrator blocked the app.
    pub blocked: bool,
    /// Who may use it.
    pub permitted_users: PermittedUsers,
    /// Where the web server and user-agent flows may send a browser back to, byte for byte.
    pub callback_urls: Vec<String>,
    /// Whether any address on this machine will do as well (`http://localhost:PORT/...`).
    pub loopback_callbacks: bool,
    /// Whether the web server flow needs PKCE.
    pub pkce_required: bool,
    /// Whether the web server flow needs the secret. Without one it needs PKCE.
    pub secret_required: bool,
    /// Whether the refresh flow needs the secret.
    pub secret_required_for_refresh: bool,
    /// Whether the user-agent flow is on.
    pub user_agent_flow: bool,
    /// Whether the device flow is on.
    pub device_flow: bool,
    /// Whether the JWT bearer flow is on.
    pub jwt_bearer: bool,
    /// Whether the client credentials flow is on.
    pub client_credentials: bool,
    /// The Run-As user of the client credentials flow.
    #[serde(with = "wire::record_id")]
    pub run_as: Option<RecordId>,
    /// Handlers of the token exchange flow, the default one first. The flow is on where there are some.
    pub token_handlers: Vec<TokenHandler>,
    /// Whether every refresh gives a new refresh token and ends the old one.
    pub refresh_token_rotation: bool,
    /// How long a refresh token is good for.
    pub refresh_token_policy: RefreshTokenPolicy,
    /// How long an access token lives without use, milliseconds; the org's setting where it is none.
    pub session_ms: Option<i64>,
    /// Whether the users' login IP ranges hold.
    pub ip_rule: IpRule,
    /// Whether it may introspect the tokens of other apps.
    pub introspect_all_tokens: bool,
    /// Gives JWTs as access tokens, which live so long, milliseconds, whatever their use. Salesforce's default is 30
    /// minutes; `None`: opaque tokens.
    pub jwt_access_token_ms: Option<i64>,
    /// API requests allowed to it in 24 hours, where it has an allowance of its own.
    pub daily_requests: Option<u64>,
    /// When it was made or last changed.
    pub changed_at: Millis,
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
            certificate: None,
            scope: String::new(),
            external_client_app: false,
            installed: true,
            blocked: false,
            permitted_users: PermittedUsers::Everybody,
            callback_urls: Vec::new(),
            loopback_callbacks: false,
            pkce_required: false,
            secret_required: true,
            secret_required_for_refresh: false,
            user_agent_flow: true,
            device_flow: false,
            jwt_bearer: false,
            client_credentials: false,
            run_as: None,
            token_handlers: Vec::new(),
            refresh_token_rotation: false,
            refresh_token_policy: RefreshTokenPolicy::UntilRevoked,
            session_ms: None,
            ip_rule: IpRule::Enforce,
            introspect_all_tokens: false,
            jwt_access_token_ms: None,
            daily_requests: None,
            changed_at: Millis::MIN,
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("client_id", &self.client_id)
            .field("client_secret", &"[redacted]")
            .field("scope", &self.scope)
            .field("jwt_bearer", &self.jwt_bearer)
            .field("client_credentials", &self.client_credentials)
            .field("blocked", &self.blocked)
            .finish_non_exhaustive()
    }
}

impl App {
    /// The app of the Salesforce CLI, which every org knows: no secret, and PKCE instead of it.
    pub fn salesforce_cli() -> Self {
        Self {
            name: "Salesforce CLI".into(),
            client_id: "PlatformCLI".into(),
            scope: "refresh_token api web id".into(),
            callback_urls: vec!["http://localhost:1717/OauthRedirect".into()],
            loopback_callbacks: true,
            secret_required: false,
            ..Self::default()
        }
    }

    /// Whether a browser may be sent back there.
    pub(super) fn accepts_callback(&self, redirect_uri: &str) -> bool {
        self.callback_urls.iter().any(|url| url == redirect_uri)
            || (self.loopback_callbacks && is_loopback(redirect_uri))
    }

    /// Whether this user was let in beforehand: by an administrator, or by the app's policy.
    pub(super) fn is_preauthorised(&self, user: &User) -> bool {
        match &self.permitted_users {
            PermittedUsers::Everybody => true,
            PermittedUsers::Approved(users) | PermittedUsers::AdminApproved(users) => users.contains(&user.id),
        }
    }
}

fn is_loopback(redirect_uri: &str) -> bool {
    let Ok(url) = Url::parse(redirect_uri) else { return false };
    let local = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    local && matches!(url.scheme(), "http" | "https") && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", App { client_secret: "hush".into(), ..App::default() });
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn callbacks_are_compared_byte_for_byte() {
        let mut app = App { callback_urls: vec!["https://app.example/cb".into()], ..App::default() };
        for (uri, accepted) in [
            ("https://app.example/cb", true),
            ("https://app.example/cb/", false),
            ("https://APP.example/cb", false),
            ("https://app.example/cb?x=1", false),
            ("http://localhost:1717/OauthRedirect", false),
        ] {
            assert_eq!(app.accepts_callback(uri), accepted, "{uri}");
        }
        app.loopback_callbacks = true;
        for (uri, accepted) in [
            ("http://localhost:1717/OauthRedirect", true),
            ("http://127.0.0.1:9/x", true),
            ("http://[::1]:9/x", true),
            ("http://localhost.evil.example/", false),
            ("http://localhost@evil.example/", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(app.accepts_callback(uri), accepted, "{uri}");
        }
    }

    #[test]
    fn apps_survive_json() {
        let app = App {
            client_id: "3MVG9x".into(),
            run_as: RecordId::parse("005TG0000000001"),
            permitted_users: PermittedUsers::AdminApproved(vec![RecordId::new(*b"005", *b"TG", 2)]),
            refresh_token_policy: RefreshTokenPolicy::UnusedForMs(5),
            ..App::default()
        };
        let json = serde_json::to_value(&app).unwrap();
        assert_eq!(json["permitted_users"]["admin_approved"][0].as_str().unwrap().len(), 18);
        assert_eq!(serde_json::from_value::<App>(json).unwrap(), app);
        assert!(serde_json::from_str::<App>(r#"{"certificate":"nonsense"}"#).is_err());
        assert!(serde_json::from_str::<App>(r#"{"calback_urls":[]}"#).is_err());
    }
}
