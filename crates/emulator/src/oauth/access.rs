//! The org's connected apps and the access tokens it has given out.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng;

use super::UserAccess;
use crate::{Millis, RecordId};

/// How long the id of a used assertion is remembered at most: assertions may end far in the future, memory may not
/// grow with them.
const ASSERTION_MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who may use an app without being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PermittedUsers {
    /// Every user, as if all had approved it.
    #[default]
    Everybody,
    /// Users may authorise themselves, and these have.
    Approved(Vec<RecordId>),
    /// Users approved by an administrator are pre-authorised, and these are.
    AdminApproved(Vec<RecordId>),
}

/// A connected app.
#[derive(Clone, Default)]
pub struct App {
    /// Consumer key.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// The X.509 certificate registered for digital signatures, DER.
    pub certificate: Option<Vec<u8>>,
    /// Granted scopes, as token answers list them.
    pub scope: String,
    /// Whether the JWT bearer flow is on.
    pub jwt_bearer: bool,
    /// Who may use it.
    pub permitted_users: PermittedUsers,
    /// Whether the client credentials flow is on.
    pub client_credentials: bool,
    /// The Run-As user of the client credentials flow.
    pub run_as: Option<RecordId>,
    /// Whether an administrator blocked the app.
    pub blocked: bool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("client_secret", &"[redacted]")
            .field("scope", &self.scope)
            .field("jwt_bearer", &self.jwt_bearer)
            .field("client_credentials", &self.client_credentials)
            .field("blocked", &self.blocked)
            .finish_non_exhaustive()
    }
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose it is.
    pub user: RecordId,
    /// The app it was given to.
    pub client_id: String,
    /// Granted scopes.
    pub scope: String,
    /// When it was given.
    pub issued_at: Millis,
    /// When it ends unless it is used before.
    pub expires_at: Millis,
}

struct Token {
    grant: Grant,
    /// Moves with use, under a shared lock.
    expires_at: AtomicI64,
}

/// Apps and tokens. Tokens are forgotten with the process.
#[derive(Default)]
pub struct Access {
    /// Registered apps.
    pub apps: Vec<App>,
    /// Passwords and restrictions by user.
    pub users: HashMap<RecordId, UserAccess>,
    tokens: HashMap<String, Token>,
    /// Sign-ins by user in the current hour.
    logins: HashMap<RecordId, (i64, u64)>,
    /// Ids (`jti`) of assertions that were used, by app, and until when they are remembered.
    assertions: HashMap<(String, String), Millis>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("apps", &self.apps).field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

impl Access {
    /// The app with this consumer key.
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// Gives out a new access token: the org's id, `!` and random characters.
    pub fn issue(&mut self, org_id: RecordId, user: RecordId, app: &App, now: Millis, session_ms: i64) -> String {
        const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
        let mut rng = rand::rng();
        let mut token = format!("{}!AQ", org_id.as_15());
        token.extend((0..94).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])));
        let expires_at = now.saturating_add(session_ms);
        let grant =
            Grant { user, client_id: app.client_id.clone(), scope: app.scope.clone(), issued_at: now, expires_at };
        self.tokens.retain(|_, t| t.expires_at.load(Ordering::Relaxed) > now);
        self.tokens.insert(token.clone(), Token { grant, expires_at: AtomicI64::new(expires_at) });
        token
    }

    /// Opens a session without an app, with every scope: SOAP `login()`, or the sign-in page.
    pub fn open_session(&mut self, org_id: RecordId, user: RecordId, now: Millis, session_ms: i64) -> String {
        let app = App { scope: "full".into(), ..App::default() };
        self.issue(org_id, user, &app, now, session_ms)
    }

    /// Counts a sign-in of this user, unless there were already `most` in this hour.
    pub fn spend_login(&mut self, user: RecordId, now: Millis, most: u64) -> bool {
        let hour = now.div_euclid(60 * 60 * 1000);
        let (at, count) = self.logins.entry(user).or_insert((hour, 0));
        if *at != hour {
            (*at, *count) = (hour, 0);
        }
        *count += 1;
        *count <= most
    }

    /// Notes that an assertion with this id was used. `false` where it had been used before.
    pub fn spend_assertion(&mut self, client_id: &str, jti: &str, expires_at: Millis, now: Millis) -> bool {
        self.assertions.retain(|_, until| *until > now);
        let until = expires_at.min(now.saturating_add(ASSERTION_MEMORY_MS));
        self.assertions.insert((client_id.to_owned(), jti.to_owned()), until).is_none()
    }

    /// The grant of a living token. Use in the second half of its life extends it, as Salesforce documents it.
    pub fn check(&self, token: &str, now: Millis, session_ms: i64) -> Option<Grant> {
        let grant = self.look(token, now)?;
        if grant.expires_at.saturating_sub(now) <= session_ms / 2 {
            let until = now.saturating_add(session_ms);
            self.tokens.get(token)?.expires_at.store(until, Ordering::Relaxed);
            return Some(Grant { expires_at: until, ..grant });
        }
        Some(grant)
    }

    /// The grant of a living token, without touching its life.
    pub fn look(&self, token: &str, now: Millis) -> Option<Grant> {
        let found = self.tokens.get(token)?;
        let expires_at = found.expires_at.load(Ordering::Relaxed);
        (now < expires_at).then(|| Grant { expires_at, ..found.grant.clone() })
    }

    /// Ends a token. `false` where it was unknown.
    pub fn revoke(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    /// Ends every token; gives how many there were.
    pub fn revoke_all(&mut self) -> usize {
        let count = self.tokens.len();
        self.tokens.clear();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App {
            client_id: "3MVG9test".into(),
            client_secret: "s".into(),
            certificate: None,
            scope: "api".into(),
            jwt_bearer: true,
            permitted_users: PermittedUsers::Everybody,
            client_credentials: true,
            run_as: None,
            blocked: false,
        }
    }

    #[test]
    fn a_token_dies_of_silence_and_lives_by_use() {
        let (org, user) = (RecordId::new(*b"00D", *b"TG", 1), RecordId::new(*b"005", *b"TG", 1));
        let mut access = Access::default();
        let token = access.issue(org, user, &app(), 0, 1_000);
        assert!(token.starts_with(&format!("{}!", org.as_15())));
        assert_eq!(access.check(&token, 400, 1_000).unwrap().expires_at, 1_000, "first half: as it was");
        assert_eq!(access.check(&token, 600, 1_000).unwrap().expires_at, 1_600, "second half: extended");
        assert!(access.check(&token, 1_599, 1_000).is_some());
        assert!(access.check(&token, 9_999, 1_000).is_none());
        assert!(access.revoke(&token));
        assert!(!access.revoke(&token));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", App { client_secret: "hush".into(), ..app() });
        assert!(!shown.contains("hush"), "{shown}");
    }
}
