//! Files in writes: base64 text is decoded before the transaction begins, and rows keep a number in its place.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use bytes::Bytes;
use serde_json::Value as Json;

use super::{Input, Write};
use crate::schema::{FieldType, ObjectId, Schema};
use crate::store::Blobs;
use crate::{Org, Value};

/// Base64 as Salesforce takes it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64 text; line breaks in it do not matter. `None` for what is none.
pub fn decode(text: &[u8]) -> Option<Bytes> {
    if !text.iter().any(u8::is_ascii_whitespace) {
        return BASE64.decode(text).ok().map(Bytes::from);
    }
    let plain: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    BASE64.decode(plain).ok().map(Bytes::from)
}

/// Encodes as Salesforce does, with padding.
pub fn encode(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Moves the contents of base64 fields out of these writes. Gives the numbers it used, each with the place of its write.
pub(super) fn stow(schema: &Schema, blobs: &mut Blobs, writes: &mut [Write]) -> Vec<(usize, u64)> {
    let mut used = Vec::new();
    for (at, write) in writes.iter_mut().enumerate() {
        let (Write::Create { object, fields }
        | Write::Update { object, fields, .. }
        | Write::Upsert { object, fields, .. }) = write
        else {
            continue;
        };
        let facts = schema.object(*object);
        if !facts.fields.iter().any(|f| f.ty == FieldType::Base64) {
            continue;
        }
        for (name, input) in fields.iter_mut() {
            if facts.field(name).is_none_or(|(_, f)| f.ty != FieldType::Base64) {
                continue;
            }
            let content = match input {
                // A door that had the bytes put them away itself.
                Input::Blob(number) => {
                    used.push((at, *number));
                    continue;
                }
                Input::Json(Json::String(text)) | Input::Text(text) if !text.is_empty() => decode(text.as_bytes()),
                _ => None,
            };
            if let Some(content) = content {
                let number = blobs.put(content);
                *input = Input::Blob(number);
                used.push((at, number));
            }
        }
    }
    used
}

impl Org {
    /// Forgets the contents that no record has any more.
    pub(super) fn sweep_blobs(&mut self) {
        if self.store.blobs.is_empty() {
            return;
        }
        let mut held = std::collections::HashSet::new();
        for (at, object) in self.schema.objects().iter().enumerate() {
            let files: Vec<_> = object.enumerate().filter(|(_, f)| f.ty == FieldType::Base64).map(|(f, _)| f).collect();
            let Some(table) = self.store.table(ObjectId(at as u16)).filter(|_| !files.is_empty()) else { continue };
            for (_, row) in table.rows() {
                held.extend(files.iter().filter_map(|field| number(&row.get(*field))));
            }
        }
        self.store.blobs.retain(|blob| held.contains(&blob));
    }
}

/// The number that a base64 field of a row holds.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_taken_with_and_without_padding_and_line_breaks() {
        for text in ["aGk=", "aGk", "aG\r\nk=\n"] {
            assert_eq!(decode(text.as_bytes()).unwrap(), "hi", "{text:?}");
        }
        assert_eq!(decode(b"a-b_"), None, "the alphabet of URLs is another one");
        assert_eq!(encode(b"hi"), "aGk=");
    }
}
