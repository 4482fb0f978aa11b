//! An event as a value, the same whichever way it came.

use apache_avro::types::Value;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, value::RawValue};

use crate::error::Error;

use super::{
    Position, RawEvent,
    avro::{self, ChangeType, DecodeError, EventSchema, bitmap},
};

/// One event. Equal over both transports but for [`Event::position`], [`Event::raw`] and the schema's id, which some
/// events do not carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The channel that it came by, as subscribed.
    pub channel: String,
    /// What it is.
    pub kind: EventKind,
    /// The fields by name, in the form of the REST API: dates and times are ISO texts, compound fields are objects, a
    /// number has the digits that the wire carried. A field that an update cleared is `null`, one that it did not touch
    /// is absent. A long text may come as `{"diff": …}` (see [`ChangeHeader::diff_fields`]). A generic event's payload
    /// is a text; gap events have no fields.
    pub payload: Json,
    /// Store it with the event's effects; give it back in [`super::Replay::After`]. `None` only from a server without
    /// replay.
    pub position: Option<Position>,
    /// Whether the position may be stored. Not while further events of the same position follow: those of a merged event
    /// that enrichment has split.
    pub group_ends: bool,
    /// The schema of the payload.
    pub schema_id: Option<String>,
    /// A platform event's own id, the same in every delivery.
    pub uuid: Option<String>,
    /// What came: the Avro datum of Pub/Sub, the `data` member of CometD's message.
    pub raw: Bytes,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// Records were created, changed, deleted or brought back; the payload says how.
    Change(ChangeHeader),
    /// Records changed, and the payload does not say how: read them by id.
    Gap(ChangeHeader),
    /// So much changed in one transaction that the rest is not told: read everything of this object that changed.
    Overflow(ChangeHeader),
    /// A field of every record of an object changed, as the field's type did: describe the object and read it anew.
    EveryRecord(ChangeHeader),
    /// A platform event.
    Platform,
    /// A PushTopic's notice. Values are those at the end of the transaction: do not rebuild a history from them.
    PushTopic {
        /// `created`, `updated`, `deleted` or `undeleted`.
        change: String,
        /// When, as the org wrote it.
        at: String,
    },
    /// A generic event.
    Generic {
        /// When, as the org wrote it.
        at: String,
    },
    /// The event cannot be read: the publisher's bytes are not what its schema says, or something newer came. What
    /// follows it can be. [`Event::raw`] has it.
    Undecodable {
        /// Why, without any value.
        reason: String,
    },
}

/// The header of a change event, with names for the bitmaps.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeHeader {
    /// The object's API name.
    pub entity: String,
    /// The records; several where the same change hit several.
    pub record_ids: Vec<String>,
    /// What happened.
    pub change_type: ChangeType,
    /// Which API made the change, with the client's name where it gave one: ignore your own by it. May be empty.
    pub origin: String,
    /// The same for all events of a transaction.
    pub transaction_key: String,
    /// Counts from 1 within the transaction; numbers may be missing.
    pub sequence_number: i32,
    /// Milliseconds since the epoch, in whole seconds.
    pub commit_timestamp: i64,
    /// The system's number of the commit. Beyond the digits of a double.
    pub commit_number: i64,
    /// Id of the user who made the change.
    pub commit_user: String,
    /// Fields that an update changed, parts of compounds with a dot (`BillingAddress.City`), in the org's order.
    pub changed_fields: Vec<String>,
    /// Those among them that are empty now.
    pub nulled_fields: Vec<String>,
    /// Those that hold a unified diff against the old value instead of the new one.
    pub diff_fields: Vec<String>,
}

impl Event {
    /// A field's value, with a dot for a part: `BillingAddress.City`. `None` where the event does not have it.
    pub fn field(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(&self.payload, |value, name| value.get(name))
    }

    /// The payload as a value of a type.
    ///
    /// # Errors
    /// [`Error::Decode`] where they do not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&self.payload).map_err(|e| Error::decode(format!("reading an event of {}", self.channel), e))
    }

    /// The header of a change event, of whichever kind.
    pub fn change(&self) -> Option<&ChangeHeader> {
        match &self.kind {
            EventKind::Change(header)
            | EventKind::Gap(header)
            | EventKind::Overflow(header)
            | EventKind::EveryRecord(header) => Some(header),
            _ => None,
        }
    }

    /// What tells this event from others: the same in every delivery of it, over either transport, even where the bus
    /// gives it another position. `None` where nothing does.
    pub fn key(&self) -> Option<String> {
        if let Some(header) = self.change() {
            let ChangeHeader { transaction_key, sequence_number, entity, change_type, record_ids, .. } = header;
            if transaction_key.is_empty() {
                return None;
            }
            let (change, records) = (change_type.name(), record_ids.join(","));
            return Some(format!("{}|{transaction_key}|{sequence_number}|{entity}|{change}|{records}", self.channel));
        }
        match (&self.uuid, &self.position) {
            (Some(uuid), _) => Some(format!("{}|{uuid}", self.channel)),
            // Notices have no id but their place.
            (None, Some(position)) => Some(format!("{}|{position}", self.channel)),
            (None, None) => None,
        }
    }

    /// From Pub/Sub. `Err` for the schema says that it cannot be understood.
    pub(super) fn from_avro(channel: &str, raw: RawEvent, schema: Result<&EventSchema, DecodeError>) -> Event {
        let decoded =
            schema.and_then(|schema| if schema.is_change() { change(schema, &raw) } else { plain(schema, &raw) });
        let (kind, payload) =
            decoded.unwrap_or_else(|error| (EventKind::Undecodable { reason: error.to_string() }, Json::Null));
        let is_change = matches!(
            kind,
            EventKind::Change(_) | EventKind::Gap(_) | EventKind::Overflow(_) | EventKind::EveryRecord(_)
        );
        Event {
            channel: channel.to_owned(),
            // The id of a change event is one of this delivery, and CometD does not have it.
            uuid: (!is_change && !raw.id.is_empty()).then_some(raw.id),
            kind,
            payload,
            position: Some(Position::pubsub(raw.replay_id)),
            group_ends: true,
            schema_id: (!raw.schema_id.is_empty()).then_some(raw.schema_id),
            raw: raw.payload.into(),
        }
    }

    /// From the `data` member of CometD's message. Never fails: what cannot be read says so.
    pub(super) fn from_cometd(channel: &str, data: &RawValue) -> Event {
        let raw = Bytes::copy_from_slice(data.get().as_bytes());
        let undecodable = |reason: &str| EventKind::Undecodable { reason: reason.to_owned() };
        let mut event = Event {
            channel: channel.to_owned(),
            kind: undecodable("data: expected an event"),
            payload: Json::Null,
            position: None,
            group_ends: true,
            schema_id: None,
            uuid: None,
            raw,
        };
        let Ok(Json::Object(mut data)) = serde_json::from_str::<Json>(data.get()) else {
            return event;
        };
        let told = data.remove("event").unwrap_or_default();
        let text = |name: &str| told.get(name).and_then(Json::as_str).map(str::to_owned);
        event.position = match told.get("replayId") {
            Some(Json::Number(id)) => id.as_i64().map(Position::cometd),
            // Unconfirmed: no server is known to write it so.
            Some(Json::String(id)) => id.parse().ok().map(Position::cometd),
            _ => None,
        };
        event.schema_id = data.get("schema").and_then(Json::as_str).map(str::to_owned);
        event.uuid = text("EventUuid");
        let at = || text("createdDate").unwrap_or_default();
        if let Some(record) = data.remove("sobject") {
            event.kind = EventKind::PushTopic { change: text("type").unwrap_or_default(), at: at() };
            event.payload = record;
            return event;
        }
        match data.remove("payload") {
            Some(Json::Object(mut fields)) => match fields.shift_remove("ChangeEventHeader") {
                Some(header) => match header_of(&header) {
                    Some(header) => (event.kind, event.payload) = settle(header, fields),
                    None => event.kind = undecodable("ChangeEventHeader: expected the header of a change event"),
                },
                None if event.schema_id.is_some() || channel.starts_with("/event/") => {
                    event.kind = EventKind::Platform;
                    event.payload = Json::Object(fields);
                }
                None => {
                    event.kind = EventKind::Generic { at: at() };
                    event.payload = Json::Object(fields);
                }
            },
            Some(payload) => {
                event.kind = EventKind::Generic { at: at() };
                event.payload = payload;
            }
            // A server that is not Salesforce: the data is what was published.
            None if channel.starts_with("/data/") || channel.starts_with("/event/") => {}
            None => {
                event.kind = EventKind::Generic { at: at() };
                event.payload = Json::Object(data);
            }
        }
        event
    }
}

/// The kind of a change event, and its fields with a null for each that was cleared, which CometD may leave out.
fn settle(mut header: ChangeHeader, mut fields: Map<String, Json>) -> (EventKind, Json) {
    for path in &header.changed_fields {
        let mut names = path.splitn(2, '.');
        let Some(name) = names.next() else { continue };
        match names.next() {
            None => {
                fields.entry(name).or_insert(Json::Null);
            }
            Some(part) => {
                let whole = fields.entry(name).or_insert_with(|| Json::Object(Map::new()));
                if whole.is_null() {
                    *whole = Json::Object(Map::new());
                }
                if let Json::Object(parts) = whole {
                    parts.entry(part).or_insert(Json::Null);
                }
            }
        }
    }
    let value = |path: &String| {
        path.split('.')
            .try_fold(None, |at: Option<&Json>, name| {
                match at {
                    None => fields.get(name),
                    Some(whole) => whole.get(name),
                }
                .map(Some)
            })
            .flatten()
    };
    let nulled = header.changed_fields.iter().filter(|path| value(path).is_some_and(Json::is_null)).cloned().collect();
    let is_diff = |value: &Json| value.as_object().is_some_and(|o| o.len() == 1 && o.contains_key("diff"));
    let diff = header.changed_fields.iter().filter(|path| value(path).is_some_and(is_diff)).cloned().collect();
    header.nulled_fields = nulled;
    header.diff_fields = diff;
    let every = header.record_ids.iter().any(|id| id.ends_with('*'));
    let payload = Json::Object(fields);
    let kind = match header.change_type {
        ChangeType::GapOverflow => EventKind::Overflow(header),
        _ if every => EventKind::EveryRecord(header),
        kind if kind.is_gap() => EventKind::Gap(header),
        // What it means is not known here: the records have to be looked at.
        ChangeType::Unknown => EventKind::Gap(header),
        _ => EventKind::Change(header),
    };
    (kind, payload)
}

/// CometD's header. `None` where what every event has is missing.
fn header_of(header: &Json) -> Option<ChangeHeader> {
    let text = |name: &str| header.get(name).and_then(Json::as_str).map(str::to_owned);
    let number = |name: &str| header.get(name).and_then(Json::as_i64);
    let list = |name: &str| -> Vec<String> {
        let items = header.get(name).and_then(Json::as_array);
        items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    Some(ChangeHeader {
        entity: text("entityName")?,
        record_ids: list("recordIds"),
        change_type: ChangeType::named(&text("changeType")?),
        origin: text("changeOrigin").unwrap_or_default(),
        transaction_key: text("transactionKey").unwrap_or_default(),
        sequence_number: number("sequenceNumber").and_then(|n| i32::try_from(n).ok()).unwrap_or_default(),
        commit_timestamp: number("commitTimestamp").unwrap_or_default(),
        commit_number: number("commitNumber").unwrap_or_default(),
        commit_user: text("commitUser").unwrap_or_default(),
        changed_fields: list("changedFields"),
        nulled_fields: Vec::new(),
        diff_fields: Vec::new(),
    })
}

/// A platform event: every field, null or not.
fn plain(schema: &EventSchema, raw: &RawEvent) -> Result<(EventKind, Json), DecodeError> {
    let values = schema.values(&raw.payload)?;
    let fields = schema.fields.iter().zip(&values);
    let fields: Map<String, Json> = fields.map(|(field, v)| (field.name.clone(), avro::json(v, field.form))).collect();
    Ok((EventKind::Platform, Json::Object(fields)))
}

fn change(schema: &EventSchema, raw: &RawEvent) -> Result<(EventKind, Json), DecodeError> {
    let event = schema.decode(&raw.payload)?;
    let header = event.header;
    let path = |bit: &bitmap::FieldBit| {
        let field = schema.fields.get(bit.field)?;
        match bit.part {
            None => Some(field.name.clone()),
            Some(part) => Some(format!("{}.{}", field.name, field.parts.get(part)?)),
        }
    };
    let names = |elements: &[String]| -> Result<Vec<String>, DecodeError> {
        Ok(bitmap::decode(elements, &schema.fields)?.iter().filter_map(path).collect())
    };
    let mut told = ChangeHeader {
        entity: header.entity,
        record_ids: header.record_ids,
        change_type: header.change_type,
        origin: header.change_origin,
        transaction_key: header.transaction_key,
        sequence_number: header.sequence_number,
        commit_timestamp: header.commit_timestamp,
        commit_number: header.commit_number,
        commit_user: header.commit_user,
        changed_fields: Vec::new(),
        nulled_fields: Vec::new(),
        diff_fields: Vec::new(),
    };
    // Something changed that cannot be named, or a body that cannot be read: the records are known, and have to be read.
    let (Ok(changed), Ok(diff), Some(body)) = (names(&header.changed), names(&header.diff), &event.body) else {
        let kind = match settle(told.clone(), Map::new()) {
            (EventKind::Change(_), _) => EventKind::Gap(told),
            (kind, _) => kind,
        };
        return Ok((kind, Json::Object(Map::new())));
    };
    told.changed_fields = changed;
    let mut fields = Map::new();
    for (field, value) in schema.fields.iter().zip(body).skip(1) {
        let value = match inner(value) {
            Value::Null => continue,
            Value::Record(parts) => {
                let parts = parts.iter().filter(|(_, part)| !matches!(inner(part), Value::Null));
                let parts: Map<String, Json> =
                    parts.map(|(name, part)| (name.clone(), avro::json(part, field.form))).collect();
                if parts.is_empty() {
                    continue;
                }
                Json::Object(parts)
            }
            value => avro::json(value, field.form),
        };
        fields.insert(field.name.clone(), value);
    }
    for path in &diff {
        if let Some(value) = fields.get_mut(path) {
            let text = value.take();
            *value = Json::Object(Map::from_iter([("diff".to_owned(), text)]));
        }
    }
    Ok(settle(told, fields))
}

fn inner(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => self::inner(inner),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::avro::tests::{UPDATE, WIDGET, bytes};
    use super::*;
    use proptest::prelude::*;

    fn raw(payload: Vec<u8>) -> RawEvent {
        RawEvent { id: "u".into(), schema_id: "s".into(), payload, replay_id: vec![0, 9] }
    }

    fn cometd(data: &Json) -> Event {
        let data: Box<RawValue> = serde_json::from_str(&data.to_string()).unwrap();
        Event::from_cometd("/data/Widget__ChangeEvent", &data)
    }

    /// The reference's worked example, as both transports write it.
    #[test]
    fn one_event_by_both() {
        let schema = EventSchema::parse(WIDGET).unwrap();
        let mut pubsub = Event::from_avro("/data/Widget__ChangeEvent", raw(bytes(UPDATE)), Ok(&schema));
        let mut other = cometd(&serde_json::json!({ "schema": "s", "event": { "replayId": 9 }, "payload": {
            "ChangeEventHeader": { "entityName": "Widget__c", "recordIds": ["a0X000000000001AAA"], "changeType": "UPDATE",
                "changeOrigin": "", "transactionKey": "0000aaaa-0000-0000-0000-00000000000b", "sequenceNumber": 1,
                "commitTimestamp": 1_767_225_600_000_i64, "commitNumber": 1_767_225_600_123_456_789_i64,
                "commitUser": "005000000000001AAA", "changedFields":
                    ["LastModifiedDate", "Status__c", "Amount__c", "Depot__c.Latitude", "Depot__c.Longitude"] },
            "LastModifiedDate": 1_767_225_600_000_i64, "Status__c": "Open", "Depot__c": { "Latitude": 1.5, "Longitude": -2.0 } } }));
        assert_eq!(other.position, Some(Position::cometd(9)));
        (pubsub.position, other.position) = (None, None);
        (pubsub.raw, other.raw) = (Bytes::new(), Bytes::new());
        // This schema has no docs, so that the date stays a number.
        assert_eq!(pubsub, other);
        assert_eq!(pubsub.change().unwrap().nulled_fields, ["Amount__c"]);
        assert_eq!(pubsub.field("Depot__c.Longitude").unwrap().to_string(), "-2.0");
    }

    #[test]
    fn a_body_that_is_cut_is_a_gap_and_a_header_that_is_cut_cannot_be_read() {
        let schema = EventSchema::parse(WIDGET).unwrap();
        let whole = bytes(UPDATE);
        for length in 0..whole.len() {
            let event = Event::from_avro("/data/W", raw(whole[..length].to_vec()), Ok(&schema));
            match &event.kind {
                EventKind::Gap(header) => assert_eq!(header.record_ids, ["a0X000000000001AAA"]),
                EventKind::Undecodable { .. } => assert!(length < 150),
                other => panic!("{length}: {other:?}"),
            }
            assert!(event.position.is_some(), "it can be passed by");
        }
    }

    #[test]
    fn keys() {
        let schema = EventSchema::parse(WIDGET).unwrap();
        let one = Event::from_avro("/data/W", raw(bytes(UPDATE)), Ok(&schema));
        let again = Event { position: Some(Position::pubsub([7])), ..one.clone() };
        assert_eq!(one.key(), again.key());
        assert_eq!(
            cometd(&serde_json::json!({ "event": { "replayId": 9 }, "payload": "x" })).key().unwrap(),
            "/data/Widget__ChangeEvent|cometd:9"
        );
        assert_eq!(cometd(&serde_json::json!({ "payload": "x" })).key(), None);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-zA-Z.*]{0,12}".prop_map(Json::from),
        ];
        let name = prop_oneof![
            Just("payload"),
            Just("event"),
            Just("replayId"),
            Just("schema"),
            Just("sobject"),
            Just("ChangeEventHeader"),
            Just("entityName"),
            Just("recordIds"),
            Just("changeType"),
            Just("changedFields"),
            Just("A"),
            Just("diff"),
        ];
        leaf.prop_recursive(5, 60, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                proptest::collection::vec((name.clone(), inner), 0..8)
                    .prop_map(|members| Json::Object(members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_datum_does_no_harm(payload: Vec<u8>, at in 0usize..170, with: u8) {
            let schema = EventSchema::parse(WIDGET).unwrap();
            let _ = Event::from_avro("/data/W", raw(payload), Ok(&schema)).key();
            let mut bent = bytes(UPDATE);
            bent[at] = with;
            let _ = Event::from_avro("/data/W", raw(bent), Ok(&schema)).key();
        }

        #[test]
        fn any_data_does_no_harm(data in any_json()) {
            let _ = cometd(&data).key();
        }
    }
}
