//! Apps, passwords and tokens as they are kept in a file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::access::Token;
use super::refresh::RefreshTokens;
use super::{Access, App, Grant, UserAccess, wire};
use crate::{Millis, RecordId};

/// Everything of [`Access`] that outlives a process. It holds secrets: whoever writes it keeps others from reading it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessImage {
    apps: Vec<App>,
    users: Vec<KeptUser>,
    tokens: Vec<KeptToken>,
    refresh: RefreshTokens,
    approvals: Vec<KeptApproval>,
}

#[derive(Serialize, Deserialize)]
struct KeptUser {
    #[serde(with = "wire::id")]
    user: RecordId,
    access: UserAccess,
}

#[derive(Serialize, Deserialize)]
struct KeptToken {
    token: String,
    #[serde(with = "wire::id")]
    user: RecordId,
    client_id: String,
    scope: String,
    issued_at: Millis,
    expires_at: Millis,
    is_jwt: bool,
    session_ms: Option<i64>,
    family: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct KeptApproval {
    #[serde(with = "wire::id")]
    user: RecordId,
    client_id: String,
    scopes: BTreeSet<String>,
}

impl Access {
    /// What is to be kept at this time: tokens that died are left out.
    pub fn image(&self, now: Millis) -> AccessImage {
        let mut users: Vec<KeptUser> =
            self.users.iter().map(|(user, access)| KeptUser { user: *user, access: access.clone() }).collect();
        users.sort_by_key(|kept| kept.user);
        let mut tokens: Vec<KeptToken> = self
            .tokens
            .iter()
            .filter(|(_, token)| token.expires_at() > now)
            .map(|(text, token)| KeptToken {
                token: text.clone(),
                user: token.grant.user,
                client_id: token.grant.client_id.clone(),
                scope: token.grant.scope.clone(),
                issued_at: token.grant.issued_at,
                expires_at: token.expires_at(),
                is_jwt: token.grant.is_jwt,
                session_ms: token.session_ms,
                family: token.family,
            })
            .collect();
        tokens.sort_by(|a, b| a.token.cmp(&b.token));
        let approvals = self.approvals.iter().map(|((user, client_id), scopes)| KeptApproval {
            user: *user,
            client_id: client_id.clone(),
            scopes: scopes.clone(),
        });
        AccessImage {
            apps: self.apps.clone(),
            users,
            tokens,
            refresh: self.refresh.clone(),
            approvals: approvals.collect(),
        }
    }

    /// What was kept.
    pub fn from_image(image: AccessImage) -> Self {
        let tokens = image.tokens.into_iter().map(|kept| {
            let grant = Grant {
                user: kept.user,
                client_id: kept.client_id,
                scope: kept.scope,
                issued_at: kept.issued_at,
                expires_at: kept.expires_at,
                is_jwt: kept.is_jwt,
            };
            (kept.token, Token::new(grant, kept.session_ms, kept.family))
        });
        Self {
            apps: image.apps,
            users: image.users.into_iter().map(|kept| (kept.user, kept.access)).collect(),
            tokens: tokens.collect(),
            refresh: image.refresh,
            approvals: image.approvals.into_iter().map(|kept| ((kept.user, kept.client_id), kept.scopes)).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let (org, user) = (RecordId::new(*b"00D", *b"TG", 1), RecordId::new(*b"005", *b"TG", 1));
        let app = App { client_id: "3MVG9".into(), scope: "api refresh_token".into(), ..App::default() };
        let mut access = Access { apps: vec![app.clone()], ..Access::default() };
        access.users.insert(user, UserAccess { password: Some("p".into()), ..UserAccess::default() });
        let (refresh, family) = access.begin_family(true, user, "3MVG9", "api", 0);
        access.approve(user, "3MVG9", "api");
        let (living, dead) = (access.issue(org, user, &app, 500, 1_000), access.issue(org, user, &app, 0, 600));
        let text = serde_json::to_string(&access.image(700)).unwrap();
        assert!(!text.contains(&dead));
        let back = Access::from_image(serde_json::from_str(&text).unwrap());
        assert_eq!(back.look(&living, 700), access.look(&living, 700));
        assert_eq!(back.refresh.family(&refresh.unwrap()), family);
        assert!(back.has_approved(user, "3MVG9", "api"));
        assert_eq!((&back.apps, &back.users), (&access.apps, &access.users));
        assert_eq!(serde_json::to_string(&back.image(700)).unwrap(), text);
    }
}
