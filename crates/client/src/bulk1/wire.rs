//! The two forms in which Bulk API 1.0 answers: XML for jobs whose data is CSV or XML, JSON for the others. Which one
//! came is seen from the answer itself.

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};

use crate::error::{ApiError, Error};

/// An answer's leaves by name. The answers that are read this way are flat.
pub(super) type Leaves = BTreeMap<String, String>;

/// More elements than any answer of a job with all its batches has.
const ELEMENTS_MAX: usize = 2_000_000;

/// The records of an answer: one for a job or a batch, many for a list of batches.
pub(super) fn records(what: &str, body: &[u8], element: &str) -> Result<Vec<Leaves>, Error> {
    match first(body) {
        Some(b'<') => xml_records(body, element).map_err(|why| Error::unexpected(what, why)),
        _ => json_records(body, element).map_err(|why| Error::unexpected(what, why)),
    }
}

/// As [`records`], where there is to be one.
pub(super) fn record(what: &str, body: &[u8], element: &str) -> Result<Leaves, Error> {
    let mut found = records(what, body, element)?;
    match (found.pop(), found.is_empty()) {
        (Some(record), true) => Ok(record),
        _ => Err(Error::unexpected(what, format!("there is not one {element} in it"))),
    }
}

/// The texts of a list: the ids of a query batch's results.
pub(super) fn list(what: &str, body: &[u8], element: &str) -> Result<Vec<String>, Error> {
    match first(body) {
        Some(b'<') => {
            let mut texts = vec![];
            walk(body, |met| match met {
                Met::Leaf([.., name], text) if name == element => texts.push(text),
                _ => {}
            })
            .map_err(|why| Error::unexpected(what, why))?;
            Ok(texts)
        }
        _ => serde_json::from_slice(body).map_err(|source| Error::decode(what, source)),
    }
}

/// The refusal in an answer, if it is one: `<error><exceptionCode>…` (its JSON form is read with all others).
pub(crate) fn refusal(body: &[u8]) -> Option<ApiError> {
    if first(body) != Some(b'<') {
        return None;
    }
    let mut leaves = xml_records(body, "error").ok()?;
    let mut error = leaves.pop()?;
    let code = error.remove("exceptionCode")?;
    Some(ApiError { code, message: error.remove("exceptionMessage").unwrap_or_default(), fields: vec![] })
}

fn first(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|byte| !byte.is_ascii_whitespace() && ![0xEF, 0xBB, 0xBF].contains(byte))
}

/// What is met on the way through XML.
enum Met<'a> {
    /// An element without children, with its text.
    Leaf(&'a [String], String),
    /// The end of an element with children.
    End(&'a [String]),
}

fn xml_records(body: &[u8], element: &str) -> Result<Vec<Leaves>, String> {
    let mut all = vec![];
    let mut current = Leaves::new();
    walk(body, |met| match met {
        Met::Leaf([.., parent, name], text) if parent == element => {
            current.insert(name.clone(), text);
        }
        Met::Leaf([.., name], _) if name == element => all.push(Leaves::new()),
        Met::End([.., name]) if name == element => all.push(std::mem::take(&mut current)),
        _ => {}
    })?;
    Ok(all)
}

fn walk(body: &[u8], mut meet: impl FnMut(Met<'_>)) -> Result<(), String> {
    let body = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(body);
    let mut path: Vec<String> = vec![];
    let mut text = String::new();
    let mut elements = 0usize;
    let mut is_leaf = false;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                elements += 1;
                if elements > ELEMENTS_MAX || path.len() > 64 {
                    return Err("it is too large".into());
                }
                path.push(start.local_name().as_ref().to_owned());
                text.clear();
                is_leaf = true;
            }
            Event::Empty(empty) => {
                path.push(empty.local_name().as_ref().to_owned());
                meet(Met::Leaf(&path, String::new()));
                path.pop();
                is_leaf = false;
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(reference) => text.push(resolve(&reference)?),
            Event::End(_) => {
                if is_leaf {
                    meet(Met::Leaf(&path, std::mem::take(&mut text).trim().to_owned()));
                } else {
                    meet(Met::End(&path));
                }
                is_leaf = false;
                if path.pop().is_none() {
                    return Err("an element ends that never began".into());
                }
            }
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err("it ends in the middle".into()),
            // A document type could define entities that grow without end.
            Event::DocType(_) => return Err("it has a document type".into()),
            _ => {}
        }
    }
}

/// One of the five entities of XML, or a character by number.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character);
    }
    match reference.as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(format!("it has the entity {other}")),
    }
}

fn json_records(body: &[u8], element: &str) -> Result<Vec<Leaves>, String> {
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    // A list of batches is wrapped as `{"batchInfo": […]}`.
    let value = match value {
        serde_json::Value::Object(mut object) if object.get(element).is_some_and(serde_json::Value::is_array) => {
            object.remove(element).unwrap_or_default()
        }
        other => other,
    };
    let objects = match value {
        serde_json::Value::Array(objects) => objects,
        object => vec![object],
    };
    objects
        .into_iter()
        .map(|object| match object {
            serde_json::Value::Object(fields) => Ok(fields
                .into_iter()
                .filter_map(|(name, value)| match value {
                    serde_json::Value::Null => None,
                    serde_json::Value::String(text) => Some((name, text)),
                    other => Some((name, other.to_string())),
                })
                .collect()),
            _ => Err(format!("{element} is no object")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_both_forms() {
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?><batchInfoList xmlns="http://www.force.com/2009/06/asyncapi/dataload"><batchInfo><id>751x</id><state>Completed</state><stateMessage>a &amp; b &#228;</stateMessage></batchInfo><batchInfo><id>751y</id><state>Queued</state></batchInfo></batchInfoList>"#;
        let json = br#"{"batchInfo":[{"id":"751x","state":"Completed","stateMessage":"a & b \u00e4"},{"id":"751y","state":"Queued","numberRecordsFailed":null}]}"#;
        let of_xml = records("x", xml, "batchInfo").unwrap();
        assert_eq!(of_xml, records("x", json, "batchInfo").unwrap());
        assert_eq!(of_xml[0]["stateMessage"], "a & b ä");
        assert_eq!(
            list("x", b"<result-list><result>a</result><result>b</result></result-list>", "result").unwrap(),
            ["a", "b"]
        );
        assert_eq!(list("x", br#"["a","b"]"#, "result").unwrap(), ["a", "b"]);
    }

    #[test]
    fn reads_a_refusal() {
        let body = br#"<?xml version="1.0"?><error xmlns="x"><exceptionCode>InvalidBatch</exceptionCode><exceptionMessage>no</exceptionMessage></error>"#;
        let error = refusal(body).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("InvalidBatch", "no"));
        assert_eq!(refusal(b"<html><body>busy</body></html>"), None);
        assert_eq!(refusal(b"[]"), None);
    }

    #[test]
    fn what_could_grow_without_end_is_refused() {
        let bomb = br#"<!DOCTYPE x [<!ENTITY a "aaaa">]><jobInfo><id>&a;</id></jobInfo>"#;
        assert!(record("x", bomb, "jobInfo").is_err());
        assert!(record("x", b"<jobInfo><id>&a;</id></jobInfo>", "jobInfo").is_err());
        assert!(record("x", "<a>".repeat(100).as_bytes(), "jobInfo").is_err());
        assert!(record("x", b"<jobInfo><id>1</id>", "jobInfo").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (records("x", &body, "batchInfo"), list("x", &body, "result"), refusal(&body));
        }

        #[test]
        fn no_text_of_these_pieces_panics(pieces in prop::collection::vec(
            prop::sample::select(vec!["<jobInfo>", "</jobInfo>", "<id>", "</id>", "<id/>", "1", "&amp;", "&x;", "&#0;", "<![CDATA[", "]]>", "<!--", "-->", "<?xml ", "?>", "\"", "{", "}"]), 0..20)) {
            let body = pieces.concat();
            let _ = (records("x", body.as_bytes(), "jobInfo"), list("x", body.as_bytes(), "id"), refusal(body.as_bytes()));
        }
    }
}
