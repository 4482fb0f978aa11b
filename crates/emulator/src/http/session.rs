//! Who is asking: the access token, the API version of the path and the name the client gives itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::OnceLock;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::state::{AppState, Peer};
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
    /// `client_id` of the app whose token it is.
    pub app: String,
    /// Whether a planned fault locks every row that the request writes.
    pub rows_locked: bool,
}

/// The token of a request shall be revoked before it is looked at (a planned fault), in the request's extensions: for
/// doors whose tokens travel in the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpireToken;

/// Every record that a request writes answers `UNABLE_TO_LOCK_ROW` (a planned fault), in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockRows;

/// Every token in the head of a request, wherever it travels: in a header, a cookie or the query.
pub(crate) fn tokens(headers: &HeaderMap, query: Option<&str>) -> Vec<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let sids = pairs.filter(|(name, _)| *name == "sid").map(|(_, value)| value.to_owned());
    let params = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let params = params.filter(|(name, _)| ["access_token", "oauth_token", "sid"].contains(&name.as_ref()));
    // `accesstoken` is the Pub/Sub API's, `X-SFDC-Session` that of Bulk API 1.0.
    header("accesstoken")
        .into_iter()
        .chain(header("X-SFDC-Session"))
        .chain(bearer(headers).ok().map(str::to_owned))
        .chain(sids)
        .chain(params.map(|(_, value)| value.into_owned()))
        .collect()
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

    /// Checks the token of a SOAP `SessionHeader`: access tokens in JWT form, and those without the `api` scope, are none.
    ///
    /// # Errors
    /// `INVALID_SESSION_ID`.
    pub fn check_session_header(&self, token: &str) -> Result<Grant, ApiError> {
        let grant = self.check_token(token)?;
        if grant.is_jwt || !grant.has_api() { Err(session_invalid()) } else { Ok(grant) }
    }

    /// Checks whether a session that is good may use the data APIs, from this address.
    ///
    /// # Errors
    /// 401 `INVALID_SESSION_ID` with another text than an expired session has, where its scopes or the user's login IP
    /// ranges do not allow that; 403 `API_DISABLED_FOR_ORG`; 403 `FORBIDDEN` for a user without the API.
    pub fn check_api(&self, grant: &Grant, ip: IpAddr) -> Result<(), ApiError> {
        let org = self.org.read();
        if !grant.has_api() || !org.access.allows_address(grant, ip) {
            let message = "This session is not valid for use with the REST API";
            return Err(ApiError::new("INVALID_SESSION_ID", message).status(401));
        }
        if !org.settings.api_enabled {
            let message = "The REST API is not enabled for this Organization.";
            return Err(ApiError::new("API_DISABLED_FOR_ORG", message).status(403));
        }
        if org.access.users.get(&grant.user).is_some_and(|access| !access.api_enabled) {
            return Err(ApiError::new("FORBIDDEN", "The user does not have the API Enabled permission.").status(403));
        }
        Ok(())
    }

    /// Counts one API call of the org, and of the app where it has an allowance of its own. Gives the value of
    /// `Sforce-Limit-Info`, and whether the call is allowed.
    pub(crate) fn count_call(&self, grant: &Grant) -> (String, Result<(), ApiError>) {
        let now = self.now();
        let org = self.org.read();
        let app = org.access.app(&grant.client_id).and_then(|app| Some((app, app.daily_requests?)));
        let max = org.settings.daily_requests;
        let spent = app.is_none_or(|(app, max)| org.usage.spend_app_request(&app.client_id, now, max))
            && org.usage.spend_request(now, max);
        let mut info = format!("api-usage={}/{max}", org.usage.requests(now));
        if let Some((app, max)) = app {
            let used = org.usage.app_requests(&app.client_id, now);
            info.push_str(&format!("; per-app-api-usage={used}/{max}(appName={})", app.name));
        }
        let exceeded = || ApiError::new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").status(403);
        (info, spent.then_some(()).ok_or_else(exceeded))
    }
}

impl FromRequestParts<AppState> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let version = ApiVersion::from_path(parts.uri.path())?;
        let grant = state.check_token(bearer(&parts.headers)?)?;
        let Ok(Peer(ip)) = Peer::from_request_parts(parts, state).await;
        state.check_api(&grant, ip)?;
        let (limit_info, allowed) = state.count_call(&grant);
        if let Some(info) = parts.extensions.get::<LimitInfo>() {
            let _ = info.0.set(limit_info);
        }
        allowed?;
        let (client, rows_locked) = (client_name(&parts.headers), parts.extensions.get::<LockRows>().is_some());
        Ok(Session { user: grant.user, version, client, app: grant.client_id, rows_locked })
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
