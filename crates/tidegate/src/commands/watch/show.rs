//! One event as one line: for a program, or for a person.

use serde_json::{Map, Value as Json, json};
use tidegate_client::events::{ChangeHeader, Event, EventKind};

use crate::output::one_line;

/// Characters of a value shown to a person.
const VALUE_MAX: usize = 60;

/// One JSON object.
pub(super) fn json(event: &Event) -> String {
    let mut line = Map::new();
    line.insert("channel".into(), event.channel.as_str().into());
    line.insert("kind".into(), kind(&event.kind).into());
    line.insert("position".into(), event.position.as_ref().map(ToString::to_string).into());
    if let Some(uuid) = &event.uuid {
        line.insert("uuid".into(), uuid.as_str().into());
    }
    if let Some(schema) = &event.schema_id {
        line.insert("schema".into(), schema.as_str().into());
    }
    match &event.kind {
        EventKind::PushTopic { change, at } => {
            line.insert("change".into(), change.as_str().into());
            line.insert("at".into(), at.as_str().into());
        }
        EventKind::Generic { at } => drop(line.insert("at".into(), at.as_str().into())),
        EventKind::Undecodable { reason } => {
            line.insert("reason".into(), reason.as_str().into());
            let bytes: String = event.raw.iter().map(|byte| format!("{byte:02x}")).collect();
            line.insert("raw".into(), bytes.into());
        }
        _ => {}
    }
    if let Some(header) = event.change() {
        line.insert("header".into(), header_json(header));
    }
    line.insert("payload".into(), event.payload.clone());
    Json::Object(line).to_string()
}

/// With Salesforce's own names.
fn header_json(header: &ChangeHeader) -> Json {
    json!({
        "entityName": header.entity,
        "recordIds": header.record_ids,
        "changeType": header.change_type.name(),
        "changeOrigin": header.origin,
        "transactionKey": header.transaction_key,
        "sequenceNumber": header.sequence_number,
        "commitTimestamp": header.commit_timestamp,
        "commitNumber": header.commit_number,
        "commitUser": header.commit_user,
        "changedFields": header.changed_fields,
        "nulledFields": header.nulled_fields,
        "diffFields": header.diff_fields,
    })
}

fn kind(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Change(_) => "change",
        EventKind::Gap(_) => "gap",
        EventKind::Overflow(_) => "overflow",
        EventKind::EveryRecord(_) => "every_record",
        EventKind::Platform => "platform",
        EventKind::PushTopic { .. } => "push_topic",
        EventKind::Generic { .. } => "generic",
        EventKind::Undecodable { .. } => "undecodable",
        // The library says more than this version knows.
        _ => "other",
    }
}

/// A line for reading: when, what, which, and the fields.
pub(super) fn text(event: &Event) -> String {
    let (at, what) = match &event.kind {
        EventKind::Change(header) => (instant(header), change(header)),
        EventKind::Gap(header) => (instant(header), format!("{}  (read it again)", change(header))),
        EventKind::Overflow(header) => {
            (instant(header), format!("OVERFLOW  {}  (too many changes to tell: read it again)", header.entity))
        }
        EventKind::EveryRecord(header) => (
            instant(header),
            format!("{}  {}  every record (a field changed its type)", header.change_type.name(), header.entity),
        ),
        EventKind::Platform => {
            let at = event.field("CreatedDate").and_then(Json::as_str).unwrap_or_default();
            (at.to_owned(), event.channel.clone())
        }
        EventKind::PushTopic { change, at } => (at.clone(), format!("{}  {change}", event.channel)),
        EventKind::Generic { at } => (at.clone(), event.channel.clone()),
        EventKind::Undecodable { reason } => (String::new(), format!("{}  cannot be read: {reason}", event.channel)),
        _ => (String::new(), event.channel.clone()),
    };
    let mut line = format!("{}  {what}", seconds(&at));
    let fields = fields(event);
    if !fields.is_empty() {
        line.push_str("  ");
        line.push_str(&fields);
    }
    line
}

fn change(header: &ChangeHeader) -> String {
    let ids = match header.record_ids.as_slice() {
        few if few.len() <= 3 => few.join(","),
        many => format!("{},… {} in all", many.first().map_or("", String::as_str), many.len()),
    };
    format!("{:<8}  {}  {ids}", header.change_type.name(), header.entity)
}

fn instant(header: &ChangeHeader) -> String {
    jiff::Timestamp::from_millisecond(header.commit_timestamp).map(|at| at.to_string()).unwrap_or_default()
}

/// An instant without fractions of a second; blanks where there is none.
fn seconds(at: &str) -> String {
    at.parse::<jiff::Timestamp>()
        .or_else(|_| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", at))
        .map_or_else(|_| " ".repeat(20), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn fields(event: &Event) -> String {
    let mut shown = Vec::new();
    match &event.payload {
        Json::Object(fields) => flatten("", fields, event.kind == EventKind::Platform, &mut shown),
        Json::Null => {}
        value => shown.push(short(value)),
    }
    shown.join("  ")
}

/// What moves with every change says nothing to a person.
fn is_noise(name: &str) -> bool {
    matches!(name, "LastModifiedDate" | "LastModifiedById" | "CreatedDate" | "CreatedById")
}

/// A platform event names every field, set or not; in a change event null means that the field was cleared.
fn flatten(prefix: &str, fields: &Map<String, Json>, hide_null: bool, shown: &mut Vec<String>) {
    for (name, value) in fields {
        match value {
            _ if prefix.is_empty() && is_noise(name) => {}
            Json::Null if hide_null => {}
            Json::Object(parts) if !parts.contains_key("diff") => {
                flatten(&format!("{prefix}{name}."), parts, hide_null, shown)
            }
            value => shown.push(format!("{prefix}{name}={}", short(value))),
        }
    }
}

fn short(value: &Json) -> String {
    let text = match value {
        Json::String(text) => one_line(text),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    let mut cut: String = chars.by_ref().take(VALUE_MAX).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    if cut.is_empty() || cut.contains(' ') { format!("\"{cut}\"") } else { cut }
}
