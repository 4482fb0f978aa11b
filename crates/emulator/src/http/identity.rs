//! What the identity URL and userinfo say about a user.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::{Map, Value as Json, json};

use super::ApiVersion;

use crate::clock::timestamp;
use crate::oauth::User;
use crate::{Org, Value};

/// The answer of the identity URL.
pub(super) fn identity(org: &Org, user: &User, origin: &str) -> Json {
    let text = |field| nullable(user.text(org, field));
    let created = user.get(org, "CreatedDate").as_millis().map(timestamp);
    let org_id = org.settings.org_id;
    json!({
        "id": format!("{origin}/id/{org_id}/{}", user.id),
        "asserted_user": true,
        "user_id": user.id.to_string(),
        "organization_id": org_id.to_string(),
        "username": text("Username"),
        "nick_name": text("CommunityNickname"),
        "display_name": text("Name"),
        "email": text("Email"),
        "email_verified": true,
        "first_name": text("FirstName"),
        "last_name": text("LastName"),
        "timezone": text("TimeZoneSidKey"),
        "photos": photos(origin),
        "addr_street": text("Street"),
        "addr_city": text("City"),
        "addr_state": text("State"),
        "addr_country": text("Country"),
        "addr_zip": text("PostalCode"),
        "mobile_phone": text("MobilePhone"),
        "mobile_phone_verified": false,
        "is_lightning_login_user": false,
        "status": { "created_date": created, "body": null },
        "urls": urls(org, user, origin),
        "active": user.is_active(org),
        "user_type": "STANDARD",
        "language": text("LanguageLocaleKey"),
        "locale": text("LocaleSidKey"),
        "utcOffset": utc_offset(user.text(org, "TimeZoneSidKey").as_str()),
        "last_modified_date": modified(org, user),
        "is_app_installed": true,
    })
}

/// The answer of userinfo (OpenID Connect).
pub(super) fn userinfo(org: &Org, user: &User, origin: &str) -> Json {
    let text = |field| nullable(user.text(org, field));
    let org_id = org.settings.org_id;
    let address: Map<String, Json> = [
        ("street_address", "Street"),
        ("locality", "City"),
        ("region", "State"),
        ("postal_code", "PostalCode"),
        ("country", "Country"),
    ]
    .into_iter()
    .map(|(name, field)| (name.to_owned(), text(field)))
    .filter(|(_, value)| !value.is_null())
    .collect();
    json!({
        "sub": format!("{origin}/id/{org_id}/{}", user.id),
        "user_id": user.id.to_string(),
        "organization_id": org_id.to_string(),
        "preferred_username": text("Username"),
        "nickname": text("CommunityNickname"),
        "name": text("Name"),
        "email": text("Email"),
        "email_verified": true,
        "given_name": text("FirstName"),
        "family_name": text("LastName"),
        "zoneinfo": text("TimeZoneSidKey"),
        "photos": photos(origin),
        "profile": format!("{origin}/{}", user.id),
        "picture": format!("{origin}/profilephoto/005/F"),
        "address": address,
        "urls": urls(org, user, origin),
        "active": user.is_active(org),
        "user_type": "STANDARD",
        "language": text("LanguageLocaleKey"),
        "locale": text("LocaleSidKey"),
        "utcOffset": utc_offset(user.text(org, "TimeZoneSidKey").as_str()),
        "updated_at": modified(org, user),
    })
}

/// Puts an API version in the place of `{version}`: a number, or `latest`.
pub(super) fn set_version(answer: &mut Json, version: &str) {
    let version = match version {
        "latest" => ApiVersion::LATEST.to_string(),
        number if number.parse::<f64>().is_ok() => number.to_owned(),
        _ => return,
    };
    if let Some(Json::Object(urls)) = answer.get_mut("urls") {
        for url in urls.values_mut() {
            if let Json::String(text) = url {
                *text = text.replace("{version}", &version);
            }
        }
    }
}

/// The same as XML: `<user>`, with one element per member.
pub(super) fn as_xml(answer: &Json) -> Response {
    fn write(out: &mut String, name: &str, value: &Json) {
        match value {
            Json::Null => {
                let _ = write!(out, "<{name} xsi:nil=\"true\"/>");
            }
            Json::Object(members) => {
                let _ = write!(out, "<{name}>");
                members.iter().for_each(|(name, value)| write(out, name, value));
                let _ = write!(out, "</{name}>");
            }
            other => {
                let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let _ = write!(out, "<{name}>{text}</{name}>");
            }
        }
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str("<user xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">");
    if let Json::Object(members) = answer {
        members.iter().for_each(|(name, value)| write(&mut text, name, value));
    }
    text.push_str("</user>");
    with_type(text, "application/xml;charset=UTF-8")
}

/// The same form-encoded; a member of a member is named with a dot.
pub(super) fn as_form(answer: &Json) -> Response {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let text = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Json::Object(members) => {
                for (inner, value) in members {
                    form.append_pair(&format!("{name}.{inner}"), &text(value));
                }
            }
            value => {
                form.append_pair(name, &text(value));
            }
        }
    }
    with_type(form.finish(), "application/x-www-form-urlencoded;charset=UTF-8")
}

fn with_type(text: String, kind: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// How far a zone is from UTC when no daylight saving time holds, milliseconds; 0 for a zone nobody knows.
fn utc_offset(zone: &str) -> i64 {
    let Ok(zone) = jiff::tz::TimeZone::get(zone) else { return 0 };
    // One of the two is outside of daylight saving time, on either half of the earth.
    let days = [jiff::civil::date(2026, 1, 1), jiff::civil::date(2026, 7, 1)];
    let offsets = days.iter().filter_map(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let mut offsets = offsets.map(|at| zone.to_offset_info(at.timestamp()));
    offsets.find(|info| !info.dst().is_dst()).map_or(0, |info| i64::from(info.offset().seconds()) * 1000)
}

fn nullable(text: String) -> Json {
    if text.is_empty() { Json::Null } else { Json::String(text) }
}

fn modified(org: &Org, user: &User) -> Json {
    match user.get(org, "SystemModstamp") {
        Value::DateTime(at) => Json::String(timestamp(at)),
        _ => Json::Null,
    }
}

fn photos(origin: &str) -> Json {
    json!({ "picture": format!("{origin}/profilephoto/005/F"), "thumbnail": format!("{origin}/profilephoto/005/T") })
}

/// The API's entrances, with the placeholder `{version}` as Salesforce gives it.
fn urls(org: &Org, user: &User, origin: &str) -> Json {
    let org_id = org.settings.org_id;
    let soap = |kind: &str| format!("{origin}/services/Soap/{kind}/{{version}}/{org_id}");
    let rest = |path: &str| format!("{origin}/services/data/v{{version}}/{path}");
    json!({
        "enterprise": soap("c"),
        "metadata": soap("m"),
        "partner": soap("u"),
        "rest": rest(""),
        "sobjects": rest("sobjects/"),
        "search": rest("search/"),
        "query": rest("query/"),
        "recent": rest("recent/"),
        "tooling_soap": soap("T"),
        "tooling_rest": rest("tooling/"),
        "profile": format!("{origin}/{}", user.id),
        "feeds": rest("chatter/feeds"),
        "groups": rest("chatter/groups"),
        "users": rest("chatter/users"),
        "feed_items": rest("chatter/feed-items"),
        "feed_elements": rest("chatter/feed-elements"),
        "custom_domain": origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_standard_time() {
        for (zone, hours) in [
            ("GMT", 0.0),
            ("America/Los_Angeles", -8.0),
            ("Europe/Berlin", 1.0),
            ("Australia/Sydney", 10.0),
            ("Asia/Kolkata", 5.5),
            ("Pacific/Pago_Pago", -11.0),
            ("Nowhere/At_All", 0.0),
        ] {
            assert_eq!(utc_offset(zone), (hours * 3_600_000.0) as i64, "{zone}");
        }
    }
}
