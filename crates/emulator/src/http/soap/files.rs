//! Contents of files in answers: where REST gives an address, SOAP gives the content itself.

use serde_json::{Map, Value as Json};

use crate::dml::blob;
use crate::schema::FieldType;
use crate::{Org, RecordId};

/// Puts contents, base64, in the place of their addresses, in every record of an answer.
pub(super) fn fill(org: &Org, answer: &mut Json) {
    match answer {
        Json::Array(items) => items.iter_mut().for_each(|item| fill(org, item)),
        Json::Object(members) => {
            contents(org, members);
            members.iter_mut().filter(|(name, _)| *name != "attributes").for_each(|(_, value)| fill(org, value));
        }
        _ => {}
    }
}

fn contents(org: &Org, record: &mut Map<String, Json>) {
    let attribute = |name: &str| record.get("attributes").and_then(|a| a.get(name)).and_then(Json::as_str);
    let Some((object, facts)) = attribute("type").and_then(|name| org.schema.find(name)) else { return };
    if !facts.fields.iter().any(|field| field.ty == FieldType::Base64) {
        return;
    }
    let id = attribute("url").and_then(|url| url.rsplit('/').next()).and_then(RecordId::parse);
    let Some(row) = id.and_then(|id| org.store.get(object, id)) else { return };
    for (name, value) in record.iter_mut().filter(|(_, value)| value.is_string()) {
        let Some((field, _)) = facts.field(name).filter(|(_, field)| field.ty == FieldType::Base64) else { continue };
        let content = blob::number(&row.get(field)).and_then(|number| org.store.blobs.get(number));
        *value = content.map_or(Json::Null, |bytes| blob::encode(bytes).into());
    }
}
