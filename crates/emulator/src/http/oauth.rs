//! Routes of the sign-in service: token, revoke, introspect, userinfo, the identity URL, and discovery.

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value as Json, json};
use url::form_urlencoded;

use super::error::json_response;
use super::identity;
use super::session::bearer;
use super::state::{AppState, Origin, Peer};
use crate::RecordId;
use crate::oauth::{Asked, ClientAuth, Grant, OauthError, authenticate, by_id, key_set, prepare_signing_key, token};

pub(super) use crate::oauth::Form;

/// Sign-in routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/oauth2/token", post(give_token).fallback(must_post))
        .route("/services/oauth2/revoke", get(revoke).post(revoke))
        .route("/services/oauth2/introspect", post(introspect).fallback(must_post))
        .route("/services/oauth2/userinfo", get(userinfo).post(userinfo))
        .route("/services/oauth2/register", any(register))
        .route("/id/keys", get(keys))
        .route("/id/{org}/{user}", get(identity_of).post(identity_of))
        .route("/.well-known/openid-configuration", get(discovery))
}

/// Longest form that is read.
const FORM_BYTES_MAX: usize = 1024 * 1024;

/// Parameters of the query and of the form body; the body's win.
fn form(uri: &Uri, body: &[u8]) -> Form {
    let query = uri.query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(query).into_owned().chain(form_urlencoded::parse(body).into_owned()).collect()
}

fn client_auth(headers: &HeaderMap, form: &Form) -> ClientAuth {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, value)| STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((key, secret)) = basic.as_deref().and_then(|pair| pair.split_once(':')) {
        return ClientAuth {
            client_id: Some(decoded(key)),
            client_secret: Some(decoded(secret)),
            basic: true,
            assertion: None,
        };
    }
    ClientAuth {
        client_id: form.get("client_id").cloned(),
        client_secret: form.get("client_secret").cloned(),
        basic: false,
        assertion: form
            .get("client_assertion")
            .map(|assertion| (form.get("client_assertion_type").cloned().unwrap_or_default(), assertion.clone())),
    }
}

/// A half of HTTP Basic credentials, which some clients percent-encode (RFC 6749) and others do not.
fn decoded(half: &str) -> String {
    percent_encoding::percent_decode_str(half).decode_utf8().map_or_else(|_| half.to_owned(), Into::into)
}

/// A request to the sign-in service.
pub(super) struct Posted {
    pub(super) origin: String,
    pub(super) headers: HeaderMap,
    pub(super) form: Form,
    /// Where it comes from.
    pub(super) ip: IpAddr,
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(Origin(origin)) = Origin::from_request_parts(&mut parts, state).await;
        let Ok(Peer(ip)) = Peer::from_request_parts(&mut parts, state).await;
        let body = axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| {
            let error = OauthError::new("invalid_request", "the request body could not be read");
            failure(&error, &form(&parts.uri, b""), &parts.headers)
        })?;
        Ok(Self { origin, form: form(&parts.uri, &body), headers: parts.headers, ip })
    }
}

async fn give_token(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, ip } = posted;
    let client = client_auth(&headers, &form);
    let (now, asked_form) = (state.now(), form.clone());
    let granted = tokio::task::spawn_blocking(move || {
        if signs(&state, &asked_form) {
            prepare_signing_key();
        }
        token(&mut state.org.write(), &Asked { form: &asked_form, client, origin: &origin, ip }, now)
    });
    match granted.await {
        Ok(Ok(members)) => render(StatusCode::OK, &members, &form, &headers),
        Ok(Err(error)) => failure(&error, &form, &headers),
        Err(_) => {
            let error = OauthError::new("server_error", "the request could not be carried out").status(500);
            failure(&error, &form, &headers)
        }
    }
}

/// Whether the answer may hold something that the org signs.
fn signs(state: &AppState, form: &Form) -> bool {
    let flow = form.get("grant_type").map(String::as_str).unwrap_or_default();
    matches!(flow, "authorization_code" | "refresh_token" | "device")
        || flow.ends_with(":token-exchange")
        || state.org.read().access.apps.iter().any(|app| app.jwt_access_token_ms.is_some())
}

async fn must_post(posted: Posted) -> Response {
    failure(&OauthError::new("invalid_request", "must use HTTP POST"), &posted.form, &posted.headers)
}

fn failure(error: &OauthError, form: &Form, headers: &HeaderMap) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let members = [("error", error.error.to_owned()), ("error_description", error.description.clone())];
    render(status, &members, form, headers)
}

/// JSON; XML or form-encoded where `format` or `Accept` asks for it.
fn render(status: StatusCode, members: &[(&str, String)], form: &Form, headers: &HeaderMap) -> Response {
    const ENCODED: &str = "application/x-www-form-urlencoded";
    const XML: &str = "application/xml";
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let kind = match (form.get("format").map(String::as_str), accept) {
        (Some("urlencoded"), _) | (None, Some(ENCODED)) => ENCODED,
        (Some("xml"), _) | (None, Some(XML)) => XML,
        _ => "application/json;charset=UTF-8",
    };
    let body = match kind {
        ENCODED => form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish(),
        XML => xml(members),
        _ => Json::Object(members.iter().map(|(name, value)| ((*name).to_owned(), json_value(name, value))).collect())
            .to_string(),
    };
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let headers = response.headers_mut();
    headers
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache,must-revalidate,max-age=0,no-store,private"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// All members are text, but for the seconds between two questions of a device.
fn json_value(name: &str, value: &str) -> Json {
    match value.parse::<i64>() {
        Ok(number) if name == "interval" => json!(number),
        _ => json!(value),
    }
}

/// `<OAuth>` with one element per member.
fn xml(members: &[(&str, String)]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAuth>");
    for (name, value) in members {
        let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "<{name}>{value}</{name}>");
    }
    text.push_str("</OAuth>");
    text
}

async fn revoke(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { headers, form, .. } = posted;
    let given = form.get("token").filter(|t| !t.is_empty()).ok_or_else(|| OauthError::missing("token"));
    let revoked = given.and_then(|token| {
        let alive = state.org.write().access.revoke_given(token, state.now());
        state.org.read().events.wake();
        // Unconfirmed: which of two codes it is.
        if alive { Ok(()) } else { Err(OauthError::new("unsupported_token_type", "this token type is not supported")) }
    });
    let callback = form.get("callback").filter(|name| is_script_name(name));
    match (revoked, callback) {
        (Ok(()), None) => StatusCode::OK.into_response(),
        (Err(error), None) => failure(&error, &form, &headers),
        (Ok(()), Some(name)) => script(&format!("{name}();")),
        (Err(error), Some(name)) => {
            let error = json!({ "error": error.error, "error_description": error.description });
            script(&format!("{name}({error});"))
        }
    }
}

/// JSONP takes the name of a function and nothing else.
fn is_script_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'.'))
}

fn script(text: &str) -> Response {
    let mut response = (StatusCode::OK, text.to_owned()).into_response();
    let kind = HeaderValue::from_static("text/javascript;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn introspect(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, .. } = posted;
    let now = state.now();
    let org = state.org.read();
    let app = match authenticate(&org, &client_auth(&headers, &form), &origin, now) {
        Ok(app) => app,
        Err(error) => return failure(&error, &form, &headers),
    };
    let Some(token) = form.get("token").filter(|t| !t.is_empty()) else {
        return failure(&OauthError::missing("token"), &form, &headers);
    };
    let found = org.access.introspect(token, now);
    let answer = match found.filter(|t| t.client_id == app.client_id || app.introspect_all_tokens) {
        None => json!({ "active": false }),
        Some(found) => {
            let mut answer = json!({
                "active": true,
                "scope": found.scope,
                "client_id": found.client_id,
                "username": by_id(&org, found.user).map(|u| u.text(&org, "Username")),
                "sub": format!("{origin}/id/{}/{}", org.settings.org_id, found.user),
                "token_type": found.token_type,
                "exp": found.expires_at.map(|at| at / 1000),
                "iat": found.issued_at / 1000,
                "nbf": found.issued_at / 1000,
            });
            if let Some(members) = answer.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            answer
        }
    };
    json_response(StatusCode::OK, &answer)
}

/// Dynamic client registration is for resource servers of other products.
async fn register(posted: Posted) -> Response {
    let error = OauthError::new("invalid_request", "This emulator has not built dynamic client registration.");
    failure(&error.status(501), &posted.form, &posted.headers)
}

/// A refusal of the identity endpoints: HTTP 403 with one word of plain text.
fn refuse(word: &'static str) -> Response {
    (StatusCode::FORBIDDEN, word).into_response()
}

fn identity_grant(state: &AppState, headers: &HeaderMap, form: &Form) -> Result<Grant, &'static str> {
    let given = form.get("oauth_token").or_else(|| form.get("access_token")).map(String::as_str);
    let token = match bearer(headers) {
        Ok(token) => token,
        Err(_) => given.ok_or("Missing_OAuth_Token")?,
    };
    state.check_token(token).map_err(|_| "Bad_OAuth_Token")
}

async fn userinfo(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, .. } = posted;
    let grant = match identity_grant(&state, &headers, &form) {
        Ok(grant) => grant,
        Err(word) => return refuse(word),
    };
    let org = state.org.read();
    match by_id(&org, grant.user) {
        Some(user) => json_response(StatusCode::OK, &identity::userinfo(&org, &user, &origin)),
        None => refuse("Bad_OAuth_Token"),
    }
}

async fn identity_of(
    State(state): State<AppState>,
    Path((org_id, user_id)): Path<(String, String)>,
    posted: Posted,
) -> Response {
    let Posted { origin, headers, form, .. } = posted;
    let grant = match identity_grant(&state, &headers, &form) {
        Ok(grant) => grant,
        Err(word) => return refuse(word),
    };
    let org = state.org.read();
    if RecordId::parse(&org_id) != Some(org.settings.org_id) {
        return refuse("Wrong_Org");
    }
    let Some(user) = RecordId::parse(&user_id).and_then(|id| by_id(&org, id)) else { return refuse("Bad_Id") };
    if user.id != grant.user {
        return refuse("No_Access");
    }
    let mut answer = identity::identity(&org, &user, &origin);
    if let Some(version) = form.get("version") {
        identity::set_version(&mut answer, version);
    }
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match form.get("format").map(String::as_str) {
        Some("xml") => identity::as_xml(&answer),
        Some("urlencoded") => identity::as_form(&answer),
        None if accept.starts_with("application/xml") => identity::as_xml(&answer),
        None if accept.starts_with("application/x-www-form-urlencoded") => identity::as_form(&answer),
        _ => match form.get("callback").filter(|name| is_script_name(name)) {
            Some(name) => script(&format!("{name}({answer});")),
            None => json_response(StatusCode::OK, &answer),
        },
    }
}

/// The keys that sign id tokens.
async fn keys() -> Response {
    let keys = tokio::task::spawn_blocking(key_set).await.unwrap_or_else(|_| json!({ "keys": [] }));
    json_response(StatusCode::OK, &keys)
}

async fn discovery(Origin(origin): Origin) -> Response {
    let at = |path: &str| format!("{origin}/services/oauth2/{path}");
    json_response(
        StatusCode::OK,
        &json!({
            "issuer": origin,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "revocation_endpoint": at("revoke"),
            "userinfo_endpoint": at("userinfo"),
            "jwks_uri": format!("{origin}/id/keys"),
            "registration_endpoint": at("register"),
            "introspection_endpoint": at("introspect"),
            "scopes_supported": ["api", "id", "openid", "refresh_token", "web"],
            "response_types_supported": ["code", "token", "token id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }),
    )
}
