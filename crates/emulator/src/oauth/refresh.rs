//! Refresh tokens: families that begin with an approval, and the flow that uses them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::access::random;
use super::answer::{Answer, answer};
use super::app::RefreshTokenPolicy;
use super::client::{check_app, client};
use super::grants::{Asked, Granted};
use super::{OauthError, by_id, scope, wire};
use crate::{Millis, Org, RecordId};

/// Approvals with a refresh token that a user can have of one app. Documented: the sixth ends the oldest.
const APPROVALS_MAX: usize = 5;
/// Rotated tokens that are remembered, so that their reuse is noticed.
const SPENT_MAX: usize = 10_000;

/// A refresh token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refresh {
    #[serde(with = "wire::id")]
    pub(super) user: RecordId,
    pub(super) client_id: String,
    pub(super) scope: String,
    /// The approval it goes back to: rotated tokens share it.
    pub(super) family: u64,
    pub(super) first_at: Millis,
    pub(super) used_at: Millis,
}

impl Refresh {
    /// When it ends under this policy; `None` for never.
    pub(super) fn expires_at(&self, policy: RefreshTokenPolicy) -> Option<Millis> {
        match policy {
            RefreshTokenPolicy::UntilRevoked => None,
            RefreshTokenPolicy::ImmediatelyExpire => Some(self.first_at),
            RefreshTokenPolicy::UnusedForMs(ms) => Some(self.used_at.saturating_add(ms)),
            RefreshTokenPolicy::AfterMs(ms) => Some(self.first_at.saturating_add(ms)),
        }
    }
}

/// The org's refresh tokens.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct RefreshTokens {
    live: BTreeMap<String, Refresh>,
    /// Rotated tokens and their families, oldest first.
    spent: VecDeque<(String, u64)>,
    families: u64,
}

impl RefreshTokens {
    /// Begins a family. Gives its first token, its number, and the families that have to end for it.
    pub(super) fn begin(
        &mut self,
        user: RecordId,
        client_id: &str,
        scope: &str,
        now: Millis,
    ) -> (String, u64, Vec<u64>) {
        let of_both = self.live.values().filter(|t| t.user == user && t.client_id == client_id);
        let mut others: Vec<(Millis, u64)> = of_both.map(|t| (t.first_at, t.family)).collect();
        others.sort_unstable();
        let surplus = (others.len() + 1).saturating_sub(APPROVALS_MAX);
        let ended = others.iter().take(surplus).map(|(_, family)| *family).collect();
        self.families += 1;
        let refresh = Refresh {
            user,
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            family: self.families,
            first_at: now,
            used_at: now,
        };
        (self.add(refresh), self.families, ended)
    }

    fn add(&mut self, refresh: Refresh) -> String {
        let token = format!("5Aep861{}", random(80));
        self.live.insert(token.clone(), refresh);
        token
    }

    /// A good token.
    pub(super) fn look(&self, token: &str) -> Option<&Refresh> {
        self.live.get(token)
    }

    /// The family of a good token.
    pub(super) fn family(&self, token: &str) -> Option<u64> {
        self.look(token).map(|t| t.family)
    }

    /// Whether a user has a refresh token of an app.
    pub(super) fn has_any(&self, user: RecordId, client_id: &str) -> bool {
        self.live.values().any(|t| t.user == user && t.client_id == client_id)
    }

    /// Ends a family; gives its user and app.
    pub(super) fn end(&mut self, family: u64) -> Option<(RecordId, String)> {
        let found = self.live.values().find(|t| t.family == family).map(|t| (t.user, t.client_id.clone()));
        self.live.retain(|_, t| t.family != family);
        self.spent.retain(|(_, of)| *of != family);
        found
    }

    /// The families of an app.
    pub(super) fn families_of(&self, client_id: &str) -> BTreeSet<u64> {
        self.live.values().filter(|t| t.client_id == client_id).map(|t| t.family).collect()
    }

    /// Puts a new token in the place of this one, which is dead from now on.
    fn rotate(&mut self, token: &str) -> Option<String> {
        let refresh = self.live.remove(token)?;
        self.spent.push_back((token.to_owned(), refresh.family));
        if self.spent.len() > SPENT_MAX {
            self.spent.pop_front();
        }
        Some(self.add(refresh))
    }

    /// The family of a token that was rotated away.
    fn reused(&self, token: &str) -> Option<u64> {
        self.spent.iter().find(|(spent, _)| spent == token).map(|(_, family)| *family)
    }
}

fn expired() -> OauthError {
    OauthError::grant("expired access/refresh token")
}

/// The refresh flow. A rotated token that comes again ends its whole family.
pub(super) fn refresh(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = client(org, asked, now, |app| app.secret_required_for_refresh)?;
    check_app(&app, true)?;
    let text = asked.form.get("refresh_token").filter(|t| !t.is_empty());
    let text = text.ok_or_else(|| OauthError::missing("refresh_token"))?;
    if let Some(family) = org.access.refresh.reused(text) {
        org.access.end_family(family);
        return Err(expired());
    }
    let kept = org.access.refresh.look(text).filter(|t| t.client_id == app.client_id).ok_or_else(expired)?.clone();
    if kept.expires_at(app.refresh_token_policy).is_some_and(|at| now >= at) {
        org.access.end_family(kept.family);
        return Err(expired());
    }
    let user = by_id(org, kept.user).ok_or_else(expired)?;
    asked.admit_again(org, &app, &user, now)?;
    let mut granted = kept.scope.clone();
    if let Some(wanted) = asked.form.get("scope").filter(|s| !s.trim().is_empty()) {
        granted = scope::grantable(&super::App { scope: kept.scope.clone(), ..app.clone() }, Some(wanted))?;
    }
    let rotated = if app.refresh_token_rotation { org.access.refresh.rotate(text) } else { None };
    if let Some(t) = org.access.refresh.live.get_mut(rotated.as_deref().unwrap_or(text)) {
        t.used_at = now;
    }
    let what =
        Answer { scope: &granted, family: Some(kept.family), refresh_token: rotated, nonce: None, id_token: true };
    Ok(answer(org, &app, &user, asked.origin, now, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: RecordId = RecordId::from_bytes(*b"005TG0000000001");

    #[test]
    fn the_sixth_approval_ends_the_oldest() {
        let mut tokens = RefreshTokens::default();
        let mut first = None;
        for n in 0..5 {
            let (token, family, ended) = tokens.begin(USER, "app", "api", n);
            assert_eq!(ended, [0; 0]);
            first.get_or_insert((token, family));
        }
        let (_, family) = first.unwrap();
        assert_eq!(tokens.begin(USER, "other", "api", 5).2, [0; 0], "another app's do not count");
        assert_eq!(tokens.begin(USER, "app", "api", 5).2, [family]);
    }

    #[test]
    fn a_rotated_token_is_known_as_such() {
        let mut tokens = RefreshTokens::default();
        let (first, family, _) = tokens.begin(USER, "app", "api", 0);
        let second = tokens.rotate(&first).unwrap();
        assert_eq!((tokens.family(&first), tokens.reused(&first)), (None, Some(family)));
        assert_eq!((tokens.family(&second), tokens.reused(&second)), (Some(family), None));
        assert_eq!(tokens.end(family), Some((USER, "app".into())));
        assert_eq!((tokens.family(&second), tokens.reused(&first)), (None, None));
    }
}
