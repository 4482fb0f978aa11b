//! XML for those who want it: answers turned from JSON, and bodies read as if they were JSON.
//!
//! Members become elements, `attributes` become attributes, lists become repeated elements.

use std::fmt::Write as _;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderValue, header};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json};

use crate::ApiError;

/// How deep elements of a body may be nested.
const DEPTH_MAX: usize = 32;

/// The same answer with an XML body, if it has a JSON one.
pub(super) async fn shape(response: Response, path: &str) -> Response {
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return Response::from_parts(parts, Body::empty()) };
    let Ok(json) = serde_json::from_slice::<Json>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml;charset=UTF-8"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(write(&json, path)))
}

/// A document.
fn write(json: &Json, path: &str) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    match json {
        Json::Array(items) => {
            let (root, each) = list_names(items, path);
            let _ = write!(out, "<{root}>");
            items.iter().for_each(|item| element(&mut out, each, item, false));
            let _ = write!(out, "</{root}>");
        }
        other => element(&mut out, &root_name(other, path), other, true),
    }
    out
}

/// Names for a list and its entries.
fn list_names(items: &[Json], path: &str) -> (&'static str, &'static str) {
    let has = |name: &str| items.first().is_some_and(|item| item.get(name).is_some());
    match path {
        _ if has("errorCode") => ("Errors", "Error"),
        "" if has("version") => ("Versions", "Version"),
        _ if has("success") => ("Results", "Result"),
        _ => ("Items", "Item"),
    }
}

/// The name of a document's element, as real orgs name it where that is known.
fn root_name(json: &Json, path: &str) -> String {
    let kind = json.get("attributes").and_then(|a| a.get("type")).and_then(Json::as_str);
    if let Some(kind) = kind {
        return kind.to_owned();
    }
    if json.get("totalSize").is_some() && json.get("records").is_some() {
        return "QueryResult".to_owned();
    }
    if json.get("success").is_some() && json.get("errors").is_some() {
        return "Result".to_owned();
    }
    let lower = path.to_ascii_lowercase();
    let names: Vec<&str> = lower.trim_matches('/').split('/').collect();
    match names.as_slice() {
        [""] => "urls",
        ["sobjects"] => "DescribeGlobal",
        ["sobjects", _] => return path.rsplit('/').next().unwrap_or("Result").to_owned(),
        ["sobjects", _, "describe"] => "DescribeSObject",
        ["sobjects", _, "describe", "layouts"] => "DescribeLayoutResult",
        ["sobjects", _, "updated"] => "getUpdatedResult",
        ["sobjects", _, "deleted"] => "getDeletedResult",
        ["limits"] => "LimitsSnapshot",
        ["composite"] => "compositeResults",
        ["composite", "batch"] => "batchResults",
        ["composite", "tree", _] => "SObjectTreeResponse",
        _ => "Result",
    }
    .to_owned()
}

fn element(out: &mut String, name: &str, json: &Json, root: bool) {
    if let Json::Array(items) = json {
        items.iter().for_each(|item| element(out, name, item, false));
        return;
    }
    let name = safe_name(name);
    let _ = write!(out, "<{name}");
    if root {
        out.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
    }
    match json {
        Json::Null => {
            out.push_str(" xsi:nil=\"true\"/>");
            return;
        }
        Json::Object(members) => {
            if let Some(Json::Object(attributes)) = members.get("attributes") {
                for (name, value) in attributes {
                    let _ = write!(out, " {}=\"", safe_name(name));
                    push_text(out, value.as_str().unwrap_or(&value.to_string()));
                    out.push('"');
                }
            }
            out.push('>');
            let rest = members.iter().filter(|(name, value)| *name != "attributes" || !value.is_object());
            rest.for_each(|(name, value)| element(out, name, value, false));
        }
        Json::String(text) => {
            out.push('>');
            match utc(text) {
                Some(instant) => push_text(out, &instant),
                None => push_text(out, text),
            }
        }
        other => {
            out.push('>');
            push_text(out, &other.to_string());
        }
    }
    let _ = write!(out, "</{name}>");
}

/// A name that XML can have: others get an underscore for what does not fit.
fn safe_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut safe: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if !safe.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        safe.insert(0, '_');
    }
    safe
}

/// `2026-01-02T03:04:05.000+0000` is written with a `Z`.
fn utc(text: &str) -> Option<String> {
    let head = text.strip_suffix("+0000")?;
    let shaped = head.len() == 23
        && head.bytes().enumerate().all(|(at, b)| match at {
            4 | 7 => b == b'-',
            10 => b == b'T',
            13 | 16 => b == b':',
            19 => b == b'.',
            _ => b.is_ascii_digit(),
        });
    shaped.then(|| format!("{head}Z"))
}

fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | ' '.. => out.push(c),
            '\r' => out.push_str("&#xD;"),
            // XML 1.0 cannot carry the other control characters.
            _ => out.push('\u{fffd}'),
        }
    }
}

/// An element that is being read.
struct Open {
    name: String,
    members: Map<String, Json>,
    text: String,
    null: bool,
}

impl Open {
    fn new(start: &BytesStart<'_>) -> Self {
        let name = start.local_name().as_ref().to_owned();
        let (mut members, mut null) = (Map::new(), false);
        for attribute in start.attributes().flatten() {
            let key = attribute.key.local_name().as_ref().to_owned();
            let value = attribute.value.clone().into_owned();
            match key.as_str() {
                "nil" => null = value == "true",
                "type" if !attribute.key.as_ref().contains(':') => {
                    let mut attributes = Map::new();
                    attributes.insert(key, Json::String(value));
                    members.insert("attributes".to_owned(), Json::Object(attributes));
                }
                _ => {}
            }
        }
        Self { name, members, text: String::new(), null }
    }

    fn json(self) -> Json {
        match (self.null, self.members.is_empty()) {
            (true, _) => Json::Null,
            (false, true) => Json::String(self.text),
            (false, false) => Json::Object(self.members),
        }
    }

    fn add(&mut self, name: String, value: Json) {
        match self.members.get_mut(&name) {
            None => {
                self.members.insert(name, value);
            }
            Some(Json::Array(items)) => items.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
        }
    }
}

/// The document's element as a JSON object.
///
/// # Errors
/// `XML_PARSER_ERROR` for what is no XML.
pub(super) fn read(body: &[u8]) -> Result<Json, ApiError> {
    let malformed = |what: String| ApiError::new("XML_PARSER_ERROR", what);
    let text = std::str::from_utf8(body).map_err(|e| malformed(e.to_string()))?;
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<Open> = Vec::new();
    loop {
        let ended = match reader.read_event().map_err(|e| malformed(e.to_string()))? {
            Event::Start(start) => {
                if stack.len() == DEPTH_MAX {
                    return Err(malformed(format!("elements are nested deeper than {DEPTH_MAX}")));
                }
                stack.push(Open::new(&start));
                None
            }
            Event::Empty(start) => Some(Open::new(&start)),
            Event::End(_) => stack.pop(),
            Event::Text(text) => {
                if let Some(open) = stack.last_mut() {
                    open.text.push_str(&text);
                }
                None
            }
            Event::CData(text) => {
                if let Some(open) = stack.last_mut() {
                    open.text.push_str(&text);
                }
                None
            }
            Event::GeneralRef(entity) => {
                let name = entity.to_string();
                let known = match name.as_str() {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => entity.resolve_char_ref().map_err(|e| malformed(e.to_string()))?,
                };
                let c = known.ok_or_else(|| malformed(format!("the entity {name} is not known")))?;
                if let Some(open) = stack.last_mut() {
                    open.text.push(c);
                }
                None
            }
            Event::Eof => return Err(malformed("the document has no element that ends".to_owned())),
            _ => None,
        };
        let Some(ended) = ended else { continue };
        match stack.last_mut() {
            Some(parent) => {
                let name = ended.name.clone();
                parent.add(name, ended.json());
            }
            None => {
                return Ok(match ended.json() {
                    Json::Object(members) => Json::Object(members),
                    _ => Json::Object(Map::new()),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_become_documents() {
        for (json, path, expected) in [
            (
                json!({"attributes": {"type": "Account", "url": "/u"}, "Name": "A & <B>", "Site": null, "At": "2026-01-02T03:04:05.000+0000"}),
                "sobjects/Account/001",
                "<Account xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" type=\"Account\" url=\"/u\"><Name>A &amp; &lt;B&gt;</Name><Site xsi:nil=\"true\"/><At>2026-01-02T03:04:05.000Z</At></Account>",
            ),
            (
                json!([{"message": "m", "errorCode": "E", "fields": ["a", "b"]}]),
                "x",
                "<Errors><Error><message>m</message><errorCode>E</errorCode><fields>a</fields><fields>b</fields></Error></Errors>",
            ),
            (
                json!([{"label": "l", "version": "31.0"}]),
                "",
                "<Versions><Version><label>l</label><version>31.0</version></Version></Versions>",
            ),
        ] {
            let text = write(&json, path);
            assert_eq!(text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), Some(expected));
        }
    }

    #[test]
    fn bodies_are_read_as_if_they_were_json() {
        let read = |text: &str| read(text.as_bytes());
        assert_eq!(
            read("<?xml version=\"1.0\"?><Account><Name>A &amp; B&#33;</Name><Site xsi:nil=\"true\"/><Parent type=\"Account\"><Ext__c><![CDATA[<x>]]></Ext__c></Parent></Account>").unwrap(),
            json!({"Name": "A & B!", "Site": null, "Parent": {"attributes": {"type": "Account"}, "Ext__c": "<x>"}})
        );
        assert_eq!(read("<a><b>1</b><b>2</b></a>").unwrap(), json!({"b": ["1", "2"]}));
        assert_eq!(read("<a/>").unwrap(), json!({}));
        for text in ["", "<a>", "<a></b>", "text", "<a>&nothing;</a>", "{\"a\":1}"] {
            assert_eq!(read(text).unwrap_err().code, "XML_PARSER_ERROR", "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        assert!(read(&deep).is_err());
    }
}
