//! Files: the fields of a record as a body brings them, with or without files, and reading a file's bytes.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::call::{Call, unreadable};
use super::multipart::{self, Part};
use super::{Answer, not_found, record};
use crate::dml::{Input, blob};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType};
use crate::{ApiError, Org, RecordId, Value};

/// The type of bytes of which nothing is known, in the spelling that was observed.
const UNKNOWN_KIND: &str = "application/octetstream";

/// A field's value in a body.
enum Piece {
    Json(Json),
    File(Bytes),
}

/// The fields of one record as a body brought them.
pub(super) struct Fields(Vec<(String, Piece)>);

impl Fields {
    /// Reads the body of a request for one record: JSON, XML, or JSON and files in parts.
    pub(super) fn read(call: &Call, facts: &ObjectType) -> Result<Self, ApiError> {
        let header = call.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if call.content_type().starts_with("multipart/") {
            let boundary = multipart::boundary(header)
                .ok_or_else(|| ApiError::new("POST_BODY_PARSE_ERROR", "The multipart boundary is missing"))?;
            return Self::of_parts(multipart::parse(&call.body, boundary)?);
        }
        let has_files = facts.fields.iter().any(|f| f.ty == FieldType::Base64);
        if has_files && call.content_type().starts_with("application/json") {
            return Self::with_base64(&call.body, facts);
        }
        Ok(Self::plain(call.json_object()?))
    }

    fn plain(members: Map<String, Json>) -> Self {
        Self(members.into_iter().map(|(name, value)| (name, Piece::Json(value))).collect())
    }

    fn of_parts(parts: Vec<Part>) -> Result<Self, ApiError> {
        let is_json = |part: &Part| {
            part.kind.as_deref().is_some_and(|kind| kind.starts_with("application/json"))
                || (part.kind.is_none() && !part.is_file)
        };
        let mut members = None;
        let mut files = Vec::new();
        for part in parts {
            if members.is_none() && is_json(&part) {
                let json: Json = serde_json::from_slice(&part.data).map_err(|e| unreadable(&part.data, &e))?;
                let Json::Object(object) = json else {
                    return Err(ApiError::new("JSON_PARSER_ERROR", "The first part must be a JSON object."));
                };
                members = Some(object);
            } else {
                files.push((part.name, Piece::File(part.data)));
            }
        }
        let members = members
            .ok_or_else(|| ApiError::new("POST_BODY_PARSE_ERROR", "The part with the record's JSON is missing"))?;
        let mut fields = Self::plain(members);
        fields.0.extend(files);
        Ok(fields)
    }

    /// Base64 is decoded straight from the body: the text is not held a second time.
    fn with_base64(body: &[u8], facts: &ObjectType) -> Result<Self, ApiError> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(|e| match e.is_data() {
            true => ApiError::new("JSON_PARSER_ERROR", "The request body must be a JSON object."),
            false => unreadable(body, &e),
        })?;
        let mut fields = Vec::with_capacity(raw.len());
        for (name, raw) in raw {
            let is_file = facts.field(&name).is_some_and(|(_, f)| f.ty == FieldType::Base64);
            let text = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let file = match text {
                Some(text) if is_file && !text.is_empty() && !text.contains('\\') => blob::decode(text.as_bytes()),
                _ => None,
            };
            let piece = match file {
                Some(bytes) => Piece::File(bytes),
                None => Piece::Json(serde_json::from_str(raw.get()).map_err(|e| unreadable(body, &e))?),
            };
            fields.push((name, piece));
        }
        Ok(Self(fields))
    }

    /// Whether a field is named.
    pub(super) fn names(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name.eq_ignore_ascii_case(field))
    }

    /// As a write takes them. Files are put into the org's store.
    pub(super) fn inputs(self, org: &mut Org) -> Vec<(String, Input)> {
        let input = |piece: Piece| match piece {
            Piece::Json(json) => Input::Json(json),
            Piece::File(bytes) => Input::Blob(org.store.blobs.put(bytes)),
        };
        let mut put = input;
        self.0.into_iter().map(|(name, piece)| (name, put(piece))).collect()
    }
}

/// The bytes of a file, with type, length and name.
pub(super) fn read(call: &Call, object: ObjectId, id: RecordId, field: FieldId) -> Answer {
    let org = call.state.org.read();
    let facts = org.schema.object(object);
    if org.store.table(object).is_some_and(|table| table.is_deleted(id)) {
        return Err(ApiError::new("ENTITY_IS_DELETED", "entity is deleted").status(404).into());
    }
    let row = org.store.live(object, id).ok_or_else(|| record::no_match(&id.to_string()))?;
    let bytes = blob::number(&row.get(field)).and_then(|number| org.store.blobs.get(number)).cloned();
    let bytes = bytes.ok_or_else(not_found)?;
    let text = |name: &str| match facts.field(name).map(|(field, _)| row.get(field)) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let kind = text("ContentType").and_then(|kind| HeaderValue::from_str(&kind).ok());
    let kind = kind.unwrap_or_else(|| HeaderValue::from_static(UNKNOWN_KIND));
    let name = match (text("PathOnClient"), text("Title")) {
        (Some(path), _) => path.rsplit(['/', '\\']).next().map(str::to_owned),
        (None, Some(title)) => Some(title),
        (None, None) => text("Name"),
    };
    drop(org);
    let mut response = Response::new(Body::from(bytes.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Some(name) = name.and_then(|name| disposition(&name)) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// `attachment; filename="a.pdf"`, and the name encoded where it is not plain.
fn disposition(name: &str) -> Option<HeaderValue> {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        text.push_str(&format!("; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC)));
    }
    HeaderValue::from_str(&text).ok()
}
