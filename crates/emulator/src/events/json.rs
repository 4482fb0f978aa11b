//! Events as CometD delivers them: JSON with names where Avro has places, and ISO texts where it has numbers.

use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json, json};

use super::datum;
use super::entry::{Body, Entry};
use super::event::{ChangeType, Event};
use super::schema::Slot;
use crate::Millis;
use crate::value::ValueRef;

/// `EventUuid` is told from this version on.
const UUID_SINCE: u16 = 52;

/// How an event is to be shown.
#[derive(Debug, Clone, Copy)]
pub struct JsonForm {
    /// API version of the subscriber's URL, by its whole number.
    pub version: u16,
    /// Whether a field that an update cleared is shown as `null`.
    pub cleared_as_null: bool,
}

impl Entry {
    /// The `data` member of a Bayeux message. `None` for a platform event whose payload cannot be read.
    pub fn to_json(&self, form: JsonForm) -> Option<Json> {
        let replay_id = self.replay_id.0;
        Some(match &self.body {
            Body::Change(event) => json!({
                "schema": event.schema.id,
                "payload": event.to_json(form),
                "event": { "replayId": replay_id },
            }),
            Body::Platform(event) => {
                let payload = datum::decode(&event.schema, &event.payload)?;
                let mut told = Map::new();
                if form.version >= UUID_SINCE {
                    told.insert("EventUuid".into(), json!(event.uuid));
                }
                told.insert("replayId".into(), json!(replay_id));
                json!({ "schema": event.schema.id, "payload": payload, "event": told })
            }
            Body::Notice(notice) => {
                let record: Json = serde_json::from_str(&notice.record).unwrap_or(Json::Null);
                let told =
                    json!({ "createdDate": instant(self.at), "replayId": replay_id, "type": notice.kind.name() });
                json!({ "event": told, "sobject": record })
            }
            Body::Generic(event) => json!({
                "payload": &*event.payload,
                "event": { "createdDate": instant(self.at), "replayId": replay_id },
            }),
        })
    }
}

impl Event {
    /// The payload: the header, then the fields that the event tells.
    pub(super) fn to_json(&self, form: JsonForm) -> Json {
        let mut out = Map::new();
        out.insert("ChangeEventHeader".into(), self.header_json());
        for (slot, name) in self.schema.slots.iter().zip(&self.schema.names) {
            let shown = |field: crate::schema::FieldId| {
                let value = self.value(field);
                if let Some(diff) = self.diff(field) {
                    return Some(json!({ "diff": diff }));
                }
                let cleared = self.change == ChangeType::Update && self.row.is_some() && self.changed.contains(&field);
                match value {
                    ValueRef::Null if cleared && form.cleared_as_null => Some(Json::Null),
                    ValueRef::Null => None,
                    value => Some(value_json(value)),
                }
            };
            match slot {
                Slot::Plain(field, _) => {
                    if let Some(value) = shown(*field) {
                        out.insert(name.name.clone(), value);
                    }
                }
                Slot::Compound(parts) => {
                    let parts: Map<String, Json> = parts
                        .iter()
                        .zip(&name.parts)
                        .filter_map(|((field, _), name)| Some((name.clone(), shown(*field)?)))
                        .collect();
                    if !parts.is_empty() {
                        out.insert(name.name.clone(), Json::Object(parts));
                    }
                }
            }
        }
        Json::Object(out)
    }

    fn header_json(&self) -> Json {
        let transaction = &self.transaction;
        let changed: Vec<String> = self.changed.iter().filter_map(|field| self.field_name(*field)).collect();
        json!({
            "entityName": self.schema.entity,
            "recordIds": self.records.texts(),
            "changeType": self.change.name(),
            "changeOrigin": &*transaction.origin,
            "transactionKey": transaction.key_text(),
            "sequenceNumber": self.sequence,
            "commitTimestamp": transaction.timestamp,
            "commitNumber": transaction.number,
            "commitUser": transaction.user.to_string(),
            "changedFields": changed,
        })
    }

    /// `Industry`, or `BillingAddress.City` for the part of a compound.
    fn field_name(&self, field: crate::schema::FieldId) -> Option<String> {
        let place = self.schema.place(field)?;
        let name = self.schema.names.get(place.top.checked_sub(1)?)?;
        match place.child {
            None => Some(name.name.clone()),
            Some(child) => Some(format!("{}.{}", name.name, name.parts.get(child)?)),
        }
    }

    /// A value by the name that a filter uses: of the header, or of the record whether it changed or not.
    pub(super) fn read(&self, name: &str) -> Json {
        if let Some(member) = name.strip_prefix("ChangeEventHeader.") {
            return self.header_json().get(member).cloned().unwrap_or_default();
        }
        let (top, part) = name.split_once('.').map_or((name, None), |(top, part)| (top, Some(part)));
        let Some(row) = self.record() else { return Json::Null };
        let found = self.schema.names.iter().position(|n| n.name.eq_ignore_ascii_case(top));
        let field = match (found.and_then(|at| Some((self.schema.slots.get(at)?, self.schema.names.get(at)?))), part) {
            (Some((Slot::Plain(field, _), _)), None) => Some(*field),
            (Some((Slot::Compound(parts), names)), Some(part)) => {
                let at = names.parts.iter().position(|n| n.eq_ignore_ascii_case(part));
                at.and_then(|at| parts.get(at)).map(|(field, _)| *field)
            }
            _ => None,
        };
        field.map_or(Json::Null, |field| value_json(row.get_ref(field)))
    }
}

/// A value of a record.
pub(super) fn value_json(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Text(text) => json!(text),
        ValueRef::Bool(b) => json!(b),
        ValueRef::Int(n) => json!(n),
        ValueRef::Decimal(n) => json!(n.to_f64()),
        ValueRef::Date(date) => json!(date.to_string()),
        ValueRef::DateTime(ms) => json!(instant(ms)),
        ValueRef::Time(ms) => json!(time(i64::from(ms))),
        ValueRef::Id(id) => json!(id.to_string()),
    }
}

/// `2026-01-31T08:15:42.000Z`.
pub(super) fn instant(at: Millis) -> String {
    let instant = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The day of an instant: `2026-01-31`.
pub(super) fn day(at: Millis) -> String {
    instant(at).chars().take_while(|c| *c != 'T').collect()
}

/// `08:15:42.000Z`, from milliseconds since midnight.
pub(super) fn time(ms: i64) -> String {
    let ms = ms.rem_euclid(86_400_000);
    format!("{:02}:{:02}:{:02}.{:03}Z", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}
