//! Describes, and the conditional requests that save them.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value as Json, json};

use super::Answer;
use super::call::{Call, empty};
use crate::schema::describe;
use crate::{ApiError, Millis};

/// Recent records beside an object's basic information.
const BASIC_ITEMS: usize = 5;

/// `GET /sobjects`.
pub(super) fn global(call: &Call) -> Answer {
    let schema = call.state.org.read().schema.clone();
    conditional(call, schema.last_modified(), "", || describe::global(&schema, &call.session.version.to_string()))
}

/// `GET /sobjects/{object}`: one entry of the global list, and the records of the object that the user saw lately.
pub(super) fn basic(call: &Call, name: &str) -> Answer {
    let org = call.state.org.read();
    let (id, object) = call.object(&org, name)?;
    let entry = describe::entry(&object, &call.session.version.to_string());
    let recent = super::recent::items(call, &org, Some(id), BASIC_ITEMS)?;
    drop(org);
    Ok(call.answer(200, &json!({ "objectDescribe": entry, "recentItems": recent })))
}

/// `GET /sobjects/{object}/describe`.
pub(super) fn object(call: &Call, name: &str) -> Answer {
    let schema = call.state.org.read().schema.clone();
    let Some((_, object)) = schema.find(name) else { return Err(super::not_found().into()) };
    conditional(call, schema.last_modified(), &object.name, || {
        describe::object(object, &call.session.version.to_string(), &call.origin)
    })
}

/// 304 where the asker has seen this, else the body with its date and tag.
fn conditional(call: &Call, modified: Millis, name: &str, body: impl FnOnce() -> Json) -> Answer {
    // HTTP dates have whole seconds.
    let modified = modified.div_euclid(1000);
    let mut hasher = DefaultHasher::new();
    (modified, name, call.session.version).hash(&mut hasher);
    let tag = format!("\"{}\"", STANDARD.encode(hasher.finish().to_be_bytes()));
    let seen_tag = call
        .header(header::IF_NONE_MATCH.as_str())
        .map(|tags| tags.split(',').any(|t| t.trim() == "*" || super::conditions::plain(t) == tag));
    let seen = seen_tag.unwrap_or_else(|| {
        let since = call.header(header::IF_MODIFIED_SINCE.as_str()).and_then(parse_http_date);
        since.is_some_and(|since| modified <= since)
    });
    let until = call.header(header::IF_UNMODIFIED_SINCE.as_str()).and_then(parse_http_date);
    if until.is_some_and(|until| modified > until) {
        return Err(ApiError::new("PRECONDITION_FAILED", "The describe was modified since").status(412).into());
    }
    let response = if seen { empty(304) } else { call.answer(200, &body()) };
    Ok(dated(response, modified, &tag))
}

fn dated(mut response: Response, seconds: i64, tag: &str) -> Response {
    if let (Ok(tag), Some(date)) = (HeaderValue::from_str(tag), http_date(seconds)) {
        response.headers_mut().insert(header::ETAG, tag);
        response.headers_mut().insert(header::LAST_MODIFIED, date);
    }
    response
}

pub(super) fn http_date(seconds: i64) -> Option<HeaderValue> {
    let at = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC);
    HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

pub(super) fn parse_http_date(text: &str) -> Option<i64> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(at.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        let text = "Thu, 05 Jul 2012 15:31:30 GMT";
        let seconds = parse_http_date(text).unwrap();
        assert_eq!(http_date(seconds).unwrap(), text);
        assert_eq!(parse_http_date("Thu, 05 Jul 2012 15:31:30 +0000"), Some(seconds));
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
