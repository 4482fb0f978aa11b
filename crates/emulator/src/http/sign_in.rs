//! Where a browser signs in: the authorization endpoint, the sign-in and consent pages, and the page for devices.

use std::net::IpAddr;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::oauth::{Form, Posted};
use super::pages;
use super::state::AppState;
use crate::RecordId;
use crate::oauth::{
    Browser, OauthError, Step, authorize, connect, decide, page_login, prepare_signing_key, scope_includes,
};

/// The cookie that carries the browser's session.
const COOKIE: &str = "sid";

/// Routes for browsers.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/services/oauth2/authorize", get(ask).post(ask))
        .route("/services/oauth2/success", get(success))
        .route("/login", get(login_page).post(login))
        .route("/secur/frontdoor.jsp", get(front_door).post(front_door))
        .route("/secur/logout.jsp", get(logout))
        .route("/setup/secur/RemoteAccessAuthorizationPage.apexp", get(lost).post(decided))
        .route("/setup/connect", get(device_page).post(device_code))
}

/// The browser's session token, and whose it is.
fn session(state: &AppState, headers: &HeaderMap) -> Option<(String, RecordId)> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let sid = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let token = sid.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned()).next()?;
    let grant = state.check_token(&token).ok()?;
    // A token for the API alone opens no page.
    scope_includes(&grant.scope, "web").then_some((token, grant.user))
}

fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return refused(&OauthError::new("invalid_request", "the address to go to cannot be written"));
    };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache,no-store"));
    response
}

/// An error with nowhere to go: shown as it is, in the form of a query.
fn refused(error: &OauthError) -> Response {
    let mut text = String::new();
    for (name, value) in [("error", error.error), ("error_description", error.description.as_str())] {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        let value = value.to_string().replace("%5F", "_");
        text.push_str(&format!("{}{name}={value}", if text.is_empty() { "" } else { "&" }));
    }
    let mut response = (StatusCode::BAD_REQUEST, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
    response
}

/// A path of this host, or nothing: a sign-in page that sends browsers anywhere is a trap.
fn own_path(path: &str) -> Option<&str> {
    let own =
        path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.contains(char::is_control);
    own.then_some(path)
}

async fn answer(step: Step, start: &str) -> Response {
    match step {
        Step::Refused(error) => refused(&error),
        Step::Redirect(to) => redirect(&to),
        Step::SignIn(username) => pages::sign_in(&username, start, None),
        Step::Consent(page) => pages::consent(&page),
    }
}

/// Works on the org where blocking is allowed: signing in may have to make a key.
async fn blocking(work: impl FnOnce() -> Step + Send + 'static) -> Step {
    let failed = |_| Step::Refused(OauthError::new("server_error", "the request could not be carried out").status(500));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(failed)
}

/// Where to go on after signing in: the same request, which does not ask for a sign-in again.
fn again(path: &str, form: &Form) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut names: Vec<&String> = form.keys().collect();
    names.sort();
    for name in names {
        let value = &form[name];
        if name == "prompt" {
            let rest: Vec<&str> = value.split_whitespace().filter(|p| *p != "login").collect();
            if !rest.is_empty() {
                query.append_pair(name, &rest.join(" "));
            }
        } else {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

async fn ask(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, ip } = posted;
    let user = session(&state, &headers).map(|(_, user)| user);
    let start = again("/services/oauth2/authorize", &form);
    let now = state.now();
    let step = blocking(move || {
        if form.get("response_type").is_some_and(|t| t.contains("token")) {
            prepare_signing_key();
        }
        authorize(&mut state.org.write(), &form, &Browser { origin: &origin, ip, user }, now)
    });
    answer(step.await, &start).await
}

async fn decided(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, ip } = posted;
    let user = session(&state, &headers).map(|(_, user)| user);
    let now = state.now();
    let step = blocking(move || {
        prepare_signing_key();
        let key = form.get("key").map(String::as_str).unwrap_or_default();
        // Nothing but the button for it says yes.
        let allow = form.contains_key("save") && !form.contains_key("cancel");
        decide(&mut state.org.write(), key, allow, &Browser { origin: &origin, ip, user }, now)
    });
    answer(step.await, "/").await
}

async fn lost() -> Response {
    pages::say("Allow Access?", "There is nothing to allow here. Start again from your app.")
}

async fn success() -> Response {
    pages::say("Remote Access Authorized", "You have authorized the app. You can close this window.")
}

async fn login_page(posted: Posted) -> Response {
    let start = posted.form.get("startURL").and_then(|path| own_path(path)).unwrap_or_default();
    pages::sign_in(posted.form.get("un").map(String::as_str).unwrap_or_default(), start, None)
}

async fn login(State(state): State<AppState>, posted: Posted) -> Response {
    let form = &posted.form;
    let field = |names: [&str; 2]| names.iter().find_map(|name| form.get(*name)).cloned().unwrap_or_default();
    let (username, password) = (field(["username", "un"]), field(["pw", "password"]));
    let start = form.get("startURL").and_then(|path| own_path(path)).unwrap_or_default();
    let opened = page_login(&mut state.org.write(), &username, &password, state.now(), posted.ip);
    match opened {
        Ok(token) => signed_in(&token, start, &posted.origin),
        Err(why) => pages::sign_in(&username, start, Some(why)),
    }
}

/// Gives the browser its session, and sends it on.
fn signed_in(token: &str, start: &str, origin: &str) -> Response {
    let mut response = if start.is_empty() { pages::say("Home", "You are signed in.") } else { redirect(start) };
    let secure = if origin.starts_with("https:") { "; Secure" } else { "" };
    if let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{secure}")) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Opens a browser session with an access token that has the `web` scope.
async fn front_door(State(state): State<AppState>, posted: Posted) -> Response {
    let start = posted.form.get("retURL").or_else(|| posted.form.get("startURL"));
    let start = start.and_then(|path| own_path(path)).unwrap_or_default();
    let token = posted.form.get("sid").map(String::as_str).unwrap_or_default();
    let good = state.check_token(token).is_ok_and(|grant| scope_includes(&grant.scope, "web"));
    if good { signed_in(token, start, &posted.origin) } else { pages::sign_in("", start, None) }
}

async fn logout(State(state): State<AppState>, headers: HeaderMap) -> Response {
    if let Some((token, _)) = session(&state, &headers) {
        state.org.write().access.revoke(&token);
    }
    let mut response = redirect("/login");
    let gone = HeaderValue::from_static("sid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    response.headers_mut().insert(header::SET_COOKIE, gone);
    response
}

async fn device_page(State(state): State<AppState>, posted: Posted) -> Response {
    match posted.form.get("done").map(String::as_str) {
        Some("1") => return pages::say("Connected", "Your device is connected. You can close this window."),
        Some(_) => return pages::say("Not Connected", "Your device was denied access."),
        None => {}
    }
    let user_code = posted.form.get("user_code").map(String::as_str).unwrap_or_default();
    if session(&state, &posted.headers).is_none() {
        return pages::sign_in("", &again("/setup/connect", &posted.form), None);
    }
    pages::connect(user_code, None)
}

async fn device_code(State(state): State<AppState>, posted: Posted) -> Response {
    let Posted { origin, headers, form, ip } = posted;
    let user = session(&state, &headers).map(|(_, user)| user);
    let user_code = form.get("user_code").cloned().unwrap_or_default();
    let step = enter(&state, &user_code, &origin, ip, user);
    match step {
        Some(step) => answer(step, &again("/setup/connect", &form)).await,
        None => pages::connect(&user_code, Some("The code is wrong, or it has expired.")),
    }
}

fn enter(state: &AppState, user_code: &str, origin: &str, ip: IpAddr, user: Option<RecordId>) -> Option<Step> {
    let now = state.now();
    connect(&mut state.org.write(), user_code, &Browser { origin, ip, user }, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_paths_of_this_host_only() {
        for (path, own) in [
            ("/services/oauth2/authorize?x=1", true),
            ("//evil.example/", false),
            ("https://evil.example/", false),
            ("/\\evil.example", false),
            ("/a\r\nb", false),
            ("", false),
        ] {
            assert_eq!(own_path(path).is_some(), own, "{path}");
        }
    }

    #[test]
    fn a_forced_sign_in_is_forced_once() {
        let form = Form::from([("prompt".into(), "login consent".into()), ("state".into(), "a&b".into())]);
        assert_eq!(again("/x", &form), "/x?prompt=consent&state=a%26b");
        assert_eq!(again("/x", &Form::from([("prompt".into(), "login".into())])), "/x?");
    }
}
