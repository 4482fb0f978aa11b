//! The org's connected apps and the access tokens it has given out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng;
use serde_json::json;

use super::authorize::Consents;
use super::code::Codes;
use super::device::Devices;
use super::refresh::RefreshTokens;
use super::{App, IpRule, UserAccess, keys};
use crate::{Millis, RecordId};

/// How long the id of a used assertion is remembered at most: assertions may end far in the future, memory may not
/// grow with them.
const ASSERTION_MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose it is.
    pub user: RecordId,
    /// The app it was given to; empty for a session of SOAP `login()` or of the sign-in page.
    pub client_id: String,
    /// Granted scopes.
    pub scope: String,
    /// When it was given.
    pub issued_at: Millis,
    /// When it ends unless it is used before.
    pub expires_at: Millis,
    /// Whether it is a JWT: it cannot be extended, and SOAP does not take it.
    pub is_jwt: bool,
}

impl Grant {
    /// Whether it may be used with the data APIs. `full` stands for every scope.
    pub fn has_api(&self) -> bool {
        super::scope::includes(&self.scope, "api")
    }
}

/// What introspection says of a token.
pub(crate) struct Introspected {
    pub(crate) user: RecordId,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) token_type: &'static str,
    pub(crate) issued_at: Millis,
    /// Never, for a refresh token that is good until it is revoked.
    pub(crate) expires_at: Option<Millis>,
}

pub(super) struct Token {
    pub(super) grant: Grant,
    /// Moves with use, under a shared lock.
    expires_at: AtomicI64,
    /// How long it lives without use, where its app says that.
    pub(super) session_ms: Option<i64>,
    /// The refresh token it came with or from.
    pub(super) family: Option<u64>,
}

impl Token {
    pub(super) fn new(grant: Grant, session_ms: Option<i64>, family: Option<u64>) -> Self {
        let expires_at = AtomicI64::new(grant.expires_at);
        Self { grant, expires_at, session_ms, family }
    }

    pub(super) fn expires_at(&self) -> Millis {
        self.expires_at.load(Ordering::Relaxed)
    }
}

/// What an access token is to be.
pub(super) struct Wanted<'a> {
    pub(super) org_id: RecordId,
    pub(super) user: RecordId,
    pub(super) app: &'a App,
    pub(super) scope: &'a str,
    pub(super) now: Millis,
    /// The org's session timeout; the app's outranks it.
    pub(super) session_ms: i64,
    pub(super) family: Option<u64>,
    /// Scheme and host of the org, which issues JWTs.
    pub(super) origin: &'a str,
}

/// Sign-ins of a user.
#[derive(Default)]
pub(super) struct Logins {
    /// When the current hour began.
    since: Millis,
    count: u64,
    blocked_until: Millis,
}

/// Apps, users' passwords, and tokens.
#[derive(Default)]
pub struct Access {
    /// Registered apps.
    pub apps: Vec<App>,
    /// Passwords and restrictions by user.
    pub users: HashMap<RecordId, UserAccess>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) refresh: RefreshTokens,
    /// Scopes that users approved, by user and app.
    pub(super) approvals: BTreeMap<(RecordId, String), BTreeSet<String>>,
    pub(super) codes: Codes,
    pub(super) devices: Devices,
    pub(super) consents: Consents,
    pub(super) logins: HashMap<RecordId, Logins>,
    /// Ids (`jti`) of assertions that were used, by app, and until when they are remembered.
    pub(super) assertions: HashMap<(String, String), Millis>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("apps", &self.apps).field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

/// So many random letters and digits.
pub(super) fn random(length: usize) -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}

impl Access {
    /// The app with this consumer key.
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// Gives out a new access token with all the app's scopes: the org's id, `!` and random characters.
    pub fn issue(&mut self, org_id: RecordId, user: RecordId, app: &App, now: Millis, session_ms: i64) -> String {
        let app = App { jwt_access_token_ms: None, ..app.clone() };
        let scope = app.scope.clone();
        self.give(&Wanted { org_id, user, app: &app, scope: &scope, now, session_ms, family: None, origin: "" })
    }

    /// Opens a session without an app, with every scope: SOAP `login()`, or the sign-in page.
    pub fn open_session(&mut self, org_id: RecordId, user: RecordId, now: Millis, session_ms: i64) -> String {
        let app = App { scope: "full".into(), ..App::default() };
        self.issue(org_id, user, &app, now, session_ms)
    }

    /// Gives out an access token.
    pub(super) fn give(&mut self, wanted: &Wanted<'_>) -> String {
        let &Wanted { user, app, now, family, .. } = wanted;
        let life = app.jwt_access_token_ms.or(app.session_ms).unwrap_or(wanted.session_ms);
        let expires_at = now.saturating_add(life);
        let jwt = app.jwt_access_token_ms.and_then(|_| jwt(wanted, expires_at));
        let grant = Grant {
            user,
            client_id: app.client_id.clone(),
            scope: wanted.scope.to_owned(),
            issued_at: now,
            expires_at,
            is_jwt: jwt.is_some(),
        };
        let token = jwt.unwrap_or_else(|| opaque(wanted.org_id));
        self.tokens.retain(|_, t| t.expires_at() > now);
        self.tokens.insert(token.clone(), Token::new(grant, app.session_ms, family));
        token
    }

    /// A living token of this user, app and scope, as a new one.
    pub(super) fn living(&self, user: RecordId, app: &App, scope: &str, now: Millis) -> Option<String> {
        let fits = |t: &Token| t.grant.user == user && t.grant.client_id == app.client_id && t.grant.scope == scope;
        self.tokens.iter().find(|(_, t)| fits(t) && t.expires_at() > now).map(|(token, _)| token.clone())
    }

    /// Counts a sign-in of this user. `false` where there were already `most` within an hour: then the user is kept out
    /// for an hour.
    pub fn spend_login(&mut self, user: RecordId, now: Millis, most: u64) -> bool {
        let logins = self.logins.entry(user).or_default();
        if now < logins.blocked_until {
            return false;
        }
        if now.saturating_sub(logins.since) >= HOUR_MS {
            (logins.since, logins.count) = (now, 0);
        }
        if logins.count >= most {
            *logins = Logins { blocked_until: now.saturating_add(HOUR_MS), ..Logins::default() };
            return false;
        }
        logins.count += 1;
        true
    }

    /// Notes that an assertion with this id was used. `false` where it had been used before.
    pub fn spend_assertion(&mut self, client_id: &str, jti: &str, expires_at: Millis, now: Millis) -> bool {
        self.assertions.retain(|_, until| *until > now);
        let until = expires_at.min(now.saturating_add(ASSERTION_MEMORY_MS));
        self.assertions.insert((client_id.to_owned(), jti.to_owned()), until).is_none()
    }

    /// The grant of a living token. Use in the second half of its life extends it, as Salesforce documents it; one
    /// whose app says nothing else lives for `session_ms` without use.
    pub fn check(&self, token: &str, now: Millis, session_ms: i64) -> Option<Grant> {
        let grant = self.look(token, now)?;
        let kept = self.tokens.get(token)?;
        let session_ms = kept.session_ms.unwrap_or(session_ms);
        if !grant.is_jwt && grant.expires_at.saturating_sub(now) <= session_ms / 2 {
            let until = now.saturating_add(session_ms);
            kept.expires_at.store(until, Ordering::Relaxed);
            return Some(Grant { expires_at: until, ..grant });
        }
        Some(grant)
    }

    /// Whether a session may be used from this address: within the user's login IP ranges, unless its app relaxes them.
    pub fn allows_address(&self, grant: &Grant, ip: IpAddr) -> bool {
        self.app(&grant.client_id).is_some_and(|app| app.ip_rule == IpRule::Relax)
            || self.users.get(&grant.user).is_none_or(|access| access.allows_address(ip))
    }

    /// The grant of a living token, without touching its life.
    pub fn look(&self, token: &str, now: Millis) -> Option<Grant> {
        let found = self.tokens.get(token)?;
        let expires_at = found.expires_at();
        (now < expires_at).then(|| Grant { expires_at, ..found.grant.clone() })
    }

    /// Ends an access token. `false` where it was unknown.
    pub fn revoke(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    /// Ends every access token; gives how many there were. Refresh tokens live on.
    pub fn revoke_all(&mut self) -> usize {
        let count = self.tokens.len();
        self.tokens.clear();
        count
    }

    /// What a living access or refresh token stands for.
    pub(crate) fn introspect(&self, token: &str, now: Millis) -> Option<Introspected> {
        if let Some(grant) = self.look(token, now) {
            return Some(Introspected {
                user: grant.user,
                client_id: grant.client_id,
                scope: grant.scope,
                token_type: "access_token",
                issued_at: grant.issued_at,
                expires_at: Some(grant.expires_at),
            });
        }
        let refresh = self.refresh.look(token)?;
        let expires_at = refresh.expires_at(self.app(&refresh.client_id)?.refresh_token_policy);
        expires_at.is_none_or(|at| now < at).then(|| Introspected {
            user: refresh.user,
            client_id: refresh.client_id.clone(),
            scope: refresh.scope.clone(),
            token_type: "refresh_token",
            issued_at: refresh.first_at,
            expires_at,
        })
    }

    /// Ends what a client was given, by its access token or its refresh token, as the revocation endpoint does: a
    /// refresh token takes its access tokens with it. `false` for one that is unknown or dead already.
    pub fn revoke_given(&mut self, token: &str, now: Millis) -> bool {
        if let Some(family) = self.refresh.family(token) {
            self.end_family(family);
            return true;
        }
        let alive = self.look(token, now).is_some();
        self.revoke(token) && alive
    }

    /// Begins a grant that lasts: a refresh token and its family. Nothing where it is not to last.
    pub(super) fn begin_family(
        &mut self,
        lasting: bool,
        user: RecordId,
        client_id: &str,
        scope: &str,
        now: Millis,
    ) -> (Option<String>, Option<u64>) {
        if !lasting {
            return (None, None);
        }
        let (token, family, ended) = self.refresh.begin(user, client_id, scope, now);
        for family in ended {
            self.end_family(family);
        }
        (Some(token), Some(family))
    }

    /// Forgets an app, with its tokens and approvals. `false` where there was none.
    pub fn remove_app(&mut self, client_id: &str) -> bool {
        let before = self.apps.len();
        self.apps.retain(|app| app.client_id != client_id);
        for family in self.refresh.families_of(client_id) {
            self.end_family(family);
        }
        self.tokens.retain(|_, token| token.grant.client_id != client_id);
        self.approvals.retain(|(_, app), _| app != client_id);
        self.apps.len() != before
    }

    /// Ends a refresh token with everything that came from it, and the approval with the last of them.
    pub(super) fn end_family(&mut self, family: u64) {
        self.tokens.retain(|_, token| token.family != Some(family));
        if let Some((user, client_id)) = self.refresh.end(family)
            && !self.refresh.has_any(user, &client_id)
        {
            self.approvals.remove(&(user, client_id));
        }
    }

    /// Notes that a user approved an app's use of these scopes.
    pub(super) fn approve(&mut self, user: RecordId, client_id: &str, scope: &str) {
        let approved = self.approvals.entry((user, client_id.to_owned())).or_default();
        approved.extend(scope.split_whitespace().map(str::to_owned));
    }

    /// Whether a user approved an app's use of all these scopes.
    pub(super) fn has_approved(&self, user: RecordId, client_id: &str, scope: &str) -> bool {
        let approved = self.approvals.get(&(user, client_id.to_owned()));
        approved.is_some_and(|approved| scope.split_whitespace().all(|scope| approved.contains(scope)))
    }
}

fn opaque(org_id: RecordId) -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let mut rng = rand::rng();
    let mut token = format!("{}!AQ", org_id.as_15());
    token.extend((0..94).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])));
    token
}

/// An access token in JWT form.
fn jwt(wanted: &Wanted<'_>, expires_at: Millis) -> Option<String> {
    let header = json!({ "tty": "sfdc-core-token", "tnk": format!("core/{}", wanted.org_id), "ver": "1.0" });
    let claims = json!({
        "scp": wanted.scope,
        "aud": [wanted.origin],
        "sub": format!("uid:{}", wanted.user),
        "nbf": wanted.now / 1000,
        "mty": "oauth",
        "iss": wanted.origin,
        "exp": expires_at / 1000,
        "iat": wanted.now / 1000,
        "client_id": wanted.app.client_id,
        // Two tokens of the same second are two tokens.
        "jti": random(16),
    });
    keys::sign(&header, &claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App { client_id: "3MVG9test".into(), client_secret: "s".into(), scope: "api".into(), ..App::default() }
    }

    const ORG: RecordId = RecordId::from_bytes(*b"00DTG0000000001");
    const USER: RecordId = RecordId::from_bytes(*b"005TG0000000001");

    #[test]
    fn a_token_dies_of_silence_and_lives_by_use() {
        let mut access = Access::default();
        let token = access.issue(ORG, USER, &app(), 0, 1_000);
        assert!(token.starts_with(&format!("{}!", ORG.as_15())));
        assert_eq!(access.check(&token, 400, 1_000).unwrap().expires_at, 1_000, "first half: as it was");
        assert_eq!(access.check(&token, 600, 1_000).unwrap().expires_at, 1_600, "second half: extended");
        assert!(access.check(&token, 1_599, 1_000).is_some());
        assert!(access.check(&token, 9_999, 1_000).is_none());
        assert!(access.revoke(&token));
        assert!(!access.revoke(&token));
    }

    #[test]
    fn an_apps_session_length_outranks_the_orgs() {
        let mut access = Access::default();
        let token = access.issue(ORG, USER, &App { session_ms: Some(100), ..app() }, 0, 1_000);
        assert_eq!(access.check(&token, 60, 1_000).unwrap().expires_at, 160);
        assert!(access.check(&token, 160, 1_000).is_none());
    }

    #[test]
    fn too_many_sign_ins_keep_a_user_out_for_an_hour() {
        let mut access = Access::default();
        let mut at = |now| access.spend_login(USER, now, 2);
        assert_eq!([at(0), at(10), at(20)], [true, true, false]);
        assert_eq!([at(HOUR_MS), at(HOUR_MS + 20)], [false, true], "an hour from the one too many");
    }
}
