//! The few pages that a browser is shown on the way to a token. Names and ids of their fields are those of the real
//! pages, so that programs which fill those in can fill in these.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::oauth::ConsentPage;

const STYLE: &str = "body{font:16px sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;color:#222}\
    label,input{display:block;width:100%;box-sizing:border-box;margin:.3rem 0;padding:.4rem 0}\
    input{padding:.5rem;border:1px solid #888;border-radius:4px}\
    .button{margin-top:1rem;background:#0b5cab;color:#fff;border:0}.plain{background:#ddd;color:#222}\
    #error{color:#a00}";

/// Text as HTML shows it, in an attribute too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole page.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} | Tidegate emulator</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=UTF-8"),
        (header::CACHE_CONTROL, "no-cache,must-revalidate,max-age=0,no-store,private"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The sign-in page. `start` is where the browser goes afterwards, a path of this host.
pub(super) fn sign_in(username: &str, start: &str, error: Option<&str>) -> Response {
    let error = error.map(|e| format!("<p id=\"error\">{}</p>\n", escape(e))).unwrap_or_default();
    let body = format!(
        "{error}<form id=\"login_form\" name=\"login\" method=\"post\" action=\"/login\">\n\
         <input type=\"hidden\" name=\"startURL\" value=\"{start}\">\n\
         <label for=\"username\">Username</label>\
         <input id=\"username\" name=\"username\" type=\"text\" value=\"{username}\" autocomplete=\"username\">\n\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"pw\" type=\"password\" autocomplete=\"current-password\">\n\
         <input class=\"button\" id=\"Login\" name=\"Login\" type=\"submit\" value=\"Log In\">\n</form>",
        start = escape(start),
        username = escape(username),
    );
    page(StatusCode::OK, "Log In", &body)
}

/// The page that asks whether an app may have what it asks for.
pub(super) fn consent(page_of: &ConsentPage) -> Response {
    let scopes: String = page_of.scope.split_whitespace().map(|s| format!("<li>{}</li>", escape(s))).collect();
    let body = format!(
        "<p><b>{app}</b> is asking to:</p>\n<ul>{scopes}</ul>\n<p>Do you want to allow access for {username}?</p>\n\
         <form id=\"editPage\" method=\"post\" action=\"/setup/secur/RemoteAccessAuthorizationPage.apexp\">\n\
         <input type=\"hidden\" name=\"key\" value=\"{key}\">\n\
         <input class=\"button\" id=\"oaapprove\" name=\"save\" type=\"submit\" value=\" Allow \">\n\
         <input class=\"button plain\" id=\"oadeny\" name=\"cancel\" type=\"submit\" value=\" Deny \">\n</form>",
        app = escape(&page_of.app),
        username = escape(&page_of.username),
        key = escape(&page_of.key),
    );
    page(StatusCode::OK, "Allow Access?", &body)
}

/// The page where a device's user code is entered.
pub(super) fn connect(user_code: &str, error: Option<&str>) -> Response {
    let error = error.map(|e| format!("<p id=\"error\">{}</p>\n", escape(e))).unwrap_or_default();
    let body = format!(
        "{error}<p>Enter the code that your device shows.</p>\n\
         <form id=\"editPage\" method=\"post\" action=\"/setup/connect\">\n\
         <label for=\"user_code\">Code</label>\
         <input id=\"user_code\" name=\"user_code\" type=\"text\" value=\"{}\" autocomplete=\"off\">\n\
         <input class=\"button\" id=\"save\" name=\"save\" type=\"submit\" value=\"Connect\">\n</form>",
        escape(user_code),
    );
    page(StatusCode::OK, "Connect Your Device", &body)
}

/// A page that says one thing.
pub(super) fn say(title: &str, text: &str) -> Response {
    page(StatusCode::OK, title, &format!("<p>{}</p>", escape(text)))
}
