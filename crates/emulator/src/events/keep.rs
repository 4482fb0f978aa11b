//! What of the bus outlives a restart of an org that is kept: its configuration, and the newest events.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::channels::Channels;
use super::entry::{Body, Entry, GenericEvent, Notice, NoticeKind, PlatformEvent};
use super::event::{ChangeType, Event, Records, Transaction};
use super::log::Bus;
use super::managed::Managed;
use super::{Position, ReplayId};
use crate::schema::{FieldId, Schema};
use crate::store::Row;
use crate::{Millis, RecordId};

/// Ids as text.
pub(super) mod id {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::RecordId;

    pub(in crate::events) fn serialize<S: Serializer>(id: &RecordId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(in crate::events) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<RecordId, D::Error> {
        let text = String::deserialize(from)?;
        RecordId::parse(&text).ok_or_else(|| serde::de::Error::custom("no record id"))
    }
}

/// The bus as it is written down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    channels: Channels,
    #[serde(default)]
    managed: Managed,
    /// The position before the first of `events`.
    #[serde(default)]
    before: u64,
    #[serde(default)]
    events: Vec<KeptEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptEntry {
    replay_id: u64,
    at: Millis,
    body: KeptBody,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum KeptBody {
    Change(Box<KeptChange>),
    Platform { schema: String, event: String, uuid: String, payload: String, standard_volume: bool },
    Notice { topic: String, kind: NoticeKind, record: String },
    Generic { channel: String, payload: String, users: Vec<String> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptChange {
    /// Id of the schema, and the object to make it of again.
    schema: String,
    object: String,
    change: u8,
    records: Vec<String>,
    /// `records` is a key prefix, or nobody knows.
    #[serde(default)]
    special: bool,
    sequence: u32,
    key: String,
    timestamp: Millis,
    number: i64,
    user: String,
    origin: String,
    changed: Vec<u16>,
    diffs: Vec<(u16, String)>,
    row: Option<String>,
    last: Option<String>,
}

impl Bus {
    /// What of the bus is to be kept: its newest events, no more than `most`.
    pub(crate) fn keep(&self, most: usize) -> Kept {
        let skipped = self.len().saturating_sub(most);
        let before = match skipped.checked_sub(1).and_then(|at| self.entries().nth(at)) {
            Some(last) => last.replay_id.0,
            None => self.floor_position().0,
        };
        let events = self.entries().skip(skipped).map(|entry| KeptEntry::of(entry)).collect();
        Kept { channels: self.channels.clone(), managed: self.managed.clone(), before, events }
    }

    /// A bus that goes on from what was kept. An event whose schema is no longer what it was is left out, with
    /// everything before it.
    pub(crate) fn restore(position: Position, kept: Kept, schema: &Schema) -> Self {
        let mut bus = Self::resume(position);
        bus.channels = kept.channels;
        bus.channels.reread_filters();
        bus.managed = kept.managed;
        let mut floor = kept.before;
        let mut entries = Vec::with_capacity(kept.events.len());
        for event in kept.events {
            let replay_id = event.replay_id;
            match event.entry(&mut bus, schema) {
                Some(entry) => entries.push(Arc::new(entry)),
                None => {
                    entries.clear();
                    floor = replay_id;
                }
            }
        }
        if !entries.is_empty() {
            bus.take_back(floor, entries);
        }
        bus
    }
}

fn packed(row: Option<&Arc<Row>>) -> Option<String> {
    row.map(|row| BASE64.encode(row.packed()))
}

fn unpacked(text: Option<String>) -> Option<Arc<Row>> {
    BASE64.decode(text?).ok().map(|bytes| Arc::new(Row::from_packed(bytes)))
}

impl KeptEntry {
    fn of(entry: &Entry) -> Self {
        let body = match &entry.body {
            Body::Change(event) => KeptBody::Change(Box::new(KeptChange::of(event))),
            Body::Platform(event) => KeptBody::Platform {
                schema: event.schema.id.clone(),
                event: event.schema.entity.clone(),
                uuid: event.uuid.to_string(),
                payload: BASE64.encode(&event.payload),
                standard_volume: event.standard_volume,
            },
            Body::Notice(notice) => KeptBody::Notice {
                topic: notice.topic.to_string(),
                kind: notice.kind,
                record: notice.record.to_string(),
            },
            Body::Generic(event) => KeptBody::Generic {
                channel: event.channel.to_string(),
                payload: event.payload.to_string(),
                users: event.users.iter().map(RecordId::to_string).collect(),
            },
        };
        Self { replay_id: entry.replay_id.0, at: entry.at, body }
    }

    fn entry(self, bus: &mut Bus, schema: &Schema) -> Option<Entry> {
        let replay_id = ReplayId(self.replay_id);
        let mut current = |object: &str, id: &str| {
            let (_, object) = schema.find(object)?;
            Some(bus.current_schema(object)).filter(|schema| schema.id == id)
        };
        let body = match self.body {
            KeptBody::Change(change) => {
                let of = current(&change.object, &change.schema)?;
                let row = unpacked(change.row);
                let records = match (change.special, change.records.as_slice()) {
                    (true, [prefix]) => Records::Prefix(prefix.as_bytes().try_into().ok()?),
                    (true, _) => Records::Unknown,
                    (false, ids) => match ids.iter().map(|id| RecordId::parse(id)).collect::<Option<Vec<_>>>()? {
                        ids if ids.len() == 1 => Records::One(*ids.first()?),
                        ids => Records::Many(ids),
                    },
                };
                Body::Change(Event {
                    replay_id,
                    schema: of,
                    change: *ChangeType::ALL.get(usize::from(change.change))?,
                    records,
                    sequence: change.sequence,
                    transaction: Arc::new(Transaction {
                        key: u128::from_str_radix(&change.key, 16).ok()?,
                        timestamp: change.timestamp,
                        number: change.number,
                        user: RecordId::parse(&change.user)?,
                        origin: change.origin.into(),
                    }),
                    changed: change.changed.into_iter().map(FieldId).collect(),
                    diffs: change.diffs.into_iter().map(|(field, text)| (FieldId(field), text.into())).collect(),
                    row,
                    last: unpacked(change.last),
                    enriched: Box::default(),
                })
            }
            KeptBody::Platform { schema, event, uuid, payload, standard_volume } => Body::Platform(PlatformEvent {
                schema: current(&event, &schema)?,
                uuid: uuid.into(),
                payload: BASE64.decode(payload).ok()?.into(),
                standard_volume,
            }),
            KeptBody::Notice { topic, kind, record } => {
                Body::Notice(Notice { topic: topic.into(), kind, record: record.into() })
            }
            KeptBody::Generic { channel, payload, users } => Body::Generic(GenericEvent {
                channel: channel.into(),
                payload: payload.into(),
                users: users.iter().filter_map(|id| RecordId::parse(id)).collect(),
            }),
        };
        Some(Entry { replay_id, at: self.at, body })
    }
}

impl KeptChange {
    fn of(event: &Event) -> Self {
        let (records, special) = match &event.records {
            Records::One(id) => (vec![id.to_string()], false),
            Records::Many(ids) => (ids.iter().map(RecordId::to_string).collect(), false),
            Records::Prefix(prefix) => (vec![String::from_utf8_lossy(prefix).into_owned()], true),
            Records::Unknown => (Vec::new(), true),
        };
        let transaction = &event.transaction;
        Self {
            schema: event.schema.id.clone(),
            object: event.schema.entity.clone(),
            change: event.change as u8,
            records,
            special,
            sequence: event.sequence,
            key: format!("{:032x}", transaction.key),
            timestamp: transaction.timestamp,
            number: transaction.number,
            user: transaction.user.to_string(),
            origin: transaction.origin.to_string(),
            changed: event.changed.iter().map(|field| field.0).collect(),
            diffs: event.diffs.iter().map(|(field, text)| (field.0, text.to_string())).collect(),
            row: packed(event.row.as_ref()),
            last: packed(event.last.as_ref()),
        }
    }
}
