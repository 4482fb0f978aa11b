//! The rows of a batch: CSV, JSON or XML.

use serde_json::{Map, Value as Json};

use super::ContentType;
use crate::ApiError;
use crate::bulk::columns::{Columns, record_id};
use crate::bulk::xml::Node;
use crate::bulk::{Operation, csv};
use crate::dml::{Input, Write};
use crate::schema::{ObjectId, Schema};

/// The rows of a batch, each a write or the error of its own. The error is the batch's `stateMessage`.
pub(super) fn rows(
    content: ContentType,
    schema: &Schema,
    object: &str,
    operation: &Operation,
    data: &[u8],
) -> Result<Vec<Result<Write, ApiError>>, String> {
    let Some((id, facts)) = schema.find(object) else {
        return Err(format!("InvalidBatch : Object not found : {object}"));
    };
    let rows = match content {
        ContentType::Csv => {
            let mut rows = Vec::new();
            let mut columns = None;
            let mut at = 0;
            while let Some((range, _, next)) = csv::record(data, at, b',') {
                at = next;
                let Some(columns) = &columns else {
                    let names = csv::fields(&data[range], b',')
                        .map_err(|e| format!("InvalidBatch : Failed to read the header: {e}"))?;
                    columns = Some(Columns::read(names, schema, facts, operation)?);
                    continue;
                };
                if !range.is_empty() {
                    let cells =
                        csv::fields(&data[range], b',').map_err(|e| ApiError::new("ClientInputError", e.to_string()));
                    rows.push(cells.and_then(|cells| columns.write(id, operation, &cells)));
                }
            }
            rows
        }
        ContentType::Json => {
            let unreadable =
                |e: serde_json::Error| format!("InvalidBatch : Failed to parse the JSON of the batch: {e}");
            let rows: Vec<Map<String, Json>> = serde_json::from_slice(data).map_err(unreadable)?;
            rows.into_iter().map(|row| write(id, operation, members(row))).collect()
        }
        ContentType::Xml => {
            let text = std::str::from_utf8(data).map_err(|_| "InvalidBatch : The batch is not UTF-8".to_owned())?;
            let root =
                Node::parse(text).map_err(|e| format!("InvalidBatch : Failed to parse the XML of the batch: {e}"))?;
            let records = root.children.into_iter().filter(|node| node.name == "sObject");
            records.map(|record| write(id, operation, elements(record))).collect()
        }
    };
    if rows.len() > super::BATCH_ROWS_MAX {
        return Err(format!("InvalidBatch : Exceeded max limit of {} records", super::BATCH_ROWS_MAX));
    }
    let chars = std::str::from_utf8(data).map_or(data.len(), |text| text.chars().count());
    if chars > super::BATCH_CHARS_MAX {
        return Err(format!("InvalidBatch : Exceeded max limit of {} characters", super::BATCH_CHARS_MAX));
    }
    Ok(rows)
}

fn members(row: Map<String, Json>) -> Vec<(String, Input)> {
    row.into_iter().filter(|(name, _)| name != "attributes").map(|(name, value)| (name, Input::Json(value))).collect()
}

/// The fields of an `sObject` element. An empty one leaves its field alone; `xsi:nil` clears it.
fn elements(record: Node) -> Vec<(String, Input)> {
    let mut fields = Vec::new();
    for node in record.children.into_iter().filter(|node| node.name != "type") {
        if node.nil {
            fields.push((node.name, Input::Null));
        } else if !node.children.is_empty() {
            let (name, parent) = parent(node);
            fields.push((name, Input::Json(parent)));
        } else if !node.text.is_empty() {
            fields.push((node.name, Input::Text(node.text)));
        }
    }
    fields
}

/// `<Owner><sObject><type>User</type><Username>…</Username></sObject></Owner>`, the `sObject` being optional.
fn parent(node: Node) -> (String, Json) {
    let mut inner = node.children;
    if let [only] = inner.as_mut_slice()
        && only.name == "sObject"
    {
        inner = std::mem::take(&mut only.children);
    }
    let mut members = Map::new();
    for key in inner {
        if key.name == "type" {
            members.insert("attributes".into(), serde_json::json!({ "type": key.text }));
        } else {
            members.insert(key.name, Json::String(key.text));
        }
    }
    (node.name, Json::Object(members))
}

/// What the fields of a row ask for.
fn write(object: ObjectId, operation: &Operation, mut fields: Vec<(String, Input)>) -> Result<Write, ApiError> {
    let mut take = |name: &str| {
        let at = fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(fields.remove(at).1)
    };
    let text = |input: &Option<Input>| match input {
        Some(Input::Text(text) | Input::Json(Json::String(text))) => text.clone(),
        _ => String::new(),
    };
    match operation {
        Operation::Upsert(key) => {
            let value = take(key).unwrap_or(Input::Null);
            if !key.eq_ignore_ascii_case("Id") {
                let id = take("Id");
                if !text(&id).is_empty() {
                    fields.push(("Id".into(), Input::Text(text(&id))));
                }
            }
            Ok(Write::Upsert { object, key: key.clone(), value, fields, update_only: false })
        }
        Operation::Insert => {
            let id = take("Id");
            if !text(&id).is_empty() {
                fields.push(("Id".into(), Input::Text(text(&id))));
            }
            Ok(Write::Create { object, fields })
        }
        Operation::Update => {
            let id = record_id(&text(&take("Id")))?;
            Ok(Write::Update { object, id, fields })
        }
        Operation::Delete => Ok(Write::Delete { object, id: record_id(&text(&take("Id")))? }),
        Operation::HardDelete => Ok(Write::HardDelete { object, id: record_id(&text(&take("Id")))? }),
    }
}
