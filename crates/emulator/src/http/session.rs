//! Who is asking: the access token, the API version of the path and the name the client gives itself.

use std::sync::Arc;
use std::sync::OnceLock;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::state::AppState;
use super::version::ApiVersion;
use crate::oauth::{Grant, is_deactivated};
use crate::{ApiError, RecordId};

/// A request that was let in. Taking it as a handler's argument checks the token and counts one API call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user whose token it is.
    pub user: RecordId,
    /// The version in the path.
    pub version: ApiVersion,
    /// `client=` of `Sforce-Call-Options`.
    pub client: Option<String>,
}

/// Where the `Sforce-Limit-Info` of an answer is put by whoever counted the call.
#[derive(Debug, Clone, Default)]
pub(crate) struct LimitInfo(Arc<OnceLock<String>>);

impl LimitInfo {
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        if let Some(value) = self.0.get().and_then(|v| HeaderValue::from_str(v).ok()) {
            headers.insert("Sforce-Limit-Info", value);
        }
    }
}

/// The token of an `Authorization` header: `Bearer` or the older `OAuth`.
///
/// # Errors
/// 401 `INVALID_SESSION_ID` without the header, `INVALID_AUTH_HEADER` for another scheme.
pub fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Err(session_invalid()) };
    let malformed = || ApiError::new("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE").status(401);
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth") {
        Ok(token.trim())
    } else {
        Err(malformed())
    }
}

/// The answer to a token that is expired, revoked, unknown or missing.
pub fn session_invalid() -> ApiError {
    ApiError::new("INVALID_SESSION_ID", "Session expired or invalid").status(401)
}

impl AppState {
    /// Checks a token, and extends its life where it is due, without counting an API call.
    ///
    /// # Errors
    /// 401 `INVALID_SESSION_ID`.
    pub fn check_token(&self, token: &str) -> Result<Grant, ApiError> {
        let now = self.now();
        let org = self.org.read();
        let grant = org.access.check(token, now, org.settings.session_ms).ok_or_else(session_invalid)?;
        // Whoever is deactivated is out at once.
        if is_deactivated(&org, grant.user) { Err(session_invalid()) } else { Ok(grant) }
    }
}

impl FromRequestParts<AppState> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let version = ApiVersion::from_path(parts.uri.path())?;
        let grant = state.check_token(bearer(&parts.headers)?)?;
        let now = state.now();
        let (spent, used, max) = {
            let org = state.org.read();
            let max = org.settings.daily_requests;
            (org.usage.spend_request(now, max), org.usage.requests(now), max)
        };
        if let Some(info) = parts.extensions.get::<LimitInfo>() {
            let _ = info.0.set(format!("api-usage={used}/{max}"));
        }
        if !spent {
            return Err(ApiError::new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").status(403));
        }
        Ok(Session { user: grant.user, version, client: client_name(&parts.headers) })
    }
}

fn client_name(headers: &HeaderMap) -> Option<String> {
    let options = headers.get("Sforce-Call-Options")?.to_str().ok()?;
    options
        .split([',', ';'])
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("client"))
        .map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_headers() {
        for (value, expected) in [
            ("Bearer abc", Ok("abc")),
            ("bearer abc", Ok("abc")),
            ("OAuth abc", Ok("abc")),
            ("Basic abc", Err("INVALID_AUTH_HEADER")),
            ("abc", Err("INVALID_AUTH_HEADER")),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(bearer(&headers).map_err(|e| e.code), expected, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()).unwrap_err().code, "INVALID_SESSION_ID");
    }

    #[test]
    fn call_options_name_the_client() {
        for (value, expected) in [
            ("client=MyApp, defaultNamespace=battle", Some("MyApp")),
            ("defaultNamespace=x; Client = a/1", Some("a/1")),
            ("x", None),
        ] {
            let headers =
                HeaderMap::from_iter([("sforce-call-options".parse().unwrap(), HeaderValue::from_static(value))]);
            assert_eq!(client_name(&headers).as_deref(), expected);
        }
    }
}
