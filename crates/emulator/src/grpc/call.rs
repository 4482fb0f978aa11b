//! Who calls: the three metadata keys of every call.

use tonic::metadata::MetadataMap;

use super::error::Failure;
use crate::http::state::AppState;
use crate::oauth::is_deactivated;
use crate::{Millis, RecordId};

/// A caller whose metadata were in order.
pub(super) struct Caller {
    token: String,
    user: RecordId,
    /// When the token ends by itself, as far as is known.
    expires_at: Millis,
}

impl Caller {
    /// Checks the metadata of a call.
    pub(super) fn check(state: &AppState, metadata: &MetadataMap) -> Result<Self, Failure> {
        let get = |key: &str| metadata.get(key).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty());
        let token = get("accesstoken").ok_or(Failure::Headers("The accesstoken header is missing."))?;
        let instance = get("instanceurl").ok_or(Failure::Headers("The instanceurl header is missing."))?;
        let tenant = get("tenantid").ok_or(Failure::Headers("The tenantid header is missing."))?;
        let is_web = |u: &url::Url| matches!(u.scheme(), "http" | "https") && u.has_host();
        if !url::Url::parse(instance).is_ok_and(|u| is_web(&u)) {
            return Err(Failure::Headers("The instanceurl header is not the URL of an instance."));
        }
        if RecordId::parse(tenant) != Some(state.org.read().settings.org_id) {
            return Err(Failure::Headers("The tenantid header is not the id of the token's org."));
        }
        let grant = state.check_token(token).map_err(|_| Failure::Auth)?;
        // Unconfirmed: that a token without the `api` scope is refused like a bad one.
        if !grant.has_api() {
            return Err(Failure::Auth);
        }
        Ok(Self { token: token.to_owned(), user: grant.user, expires_at: grant.expires_at })
    }

    /// Whose token it is.
    pub(super) fn user(&self) -> RecordId {
        self.user
    }

    /// Whether the token was revoked since, or its user deactivated. A token that merely grew old does not end what it began.
    pub(super) fn is_revoked(&mut self, state: &AppState) -> bool {
        let now = state.now();
        let org = state.org.read();
        match org.access.look(&self.token, now) {
            Some(grant) => {
                self.expires_at = grant.expires_at;
                is_deactivated(&org, grant.user)
            }
            None => now < self.expires_at,
        }
    }
}
