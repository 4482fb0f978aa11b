//! One stored event, and its payload.

use std::sync::Arc;

use rust_decimal::prelude::ToPrimitive;

use super::bitmap::FieldSet;
use super::schema::{EventSchema, Kind, Slot};
use super::{ReplayId, avro};
use crate::schema::FieldId;
use crate::store::Row;
use crate::value::ValueRef;
use crate::{Millis, RecordId, Value};

/// `changeType` of the header; the order is that of the Avro enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the documentation")]
pub enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
    Snapshot,
}

impl ChangeType {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Undelete,
        Self::GapCreate,
        Self::GapUpdate,
        Self::GapDelete,
        Self::GapUndelete,
        Self::GapOverflow,
        Self::Snapshot,
    ];

    /// The name in an event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::GapCreate => "GAP_CREATE",
            Self::GapUpdate => "GAP_UPDATE",
            Self::GapDelete => "GAP_DELETE",
            Self::GapUndelete => "GAP_UNDELETE",
            Self::GapOverflow => "GAP_OVERFLOW",
            Self::Snapshot => "SNAPSHOT",
        }
    }

    /// The gap event that stands for an event of this type.
    pub fn gap(self) -> Self {
        match self {
            Self::Create => Self::GapCreate,
            Self::Update => Self::GapUpdate,
            Self::Delete => Self::GapDelete,
            Self::Undelete => Self::GapUndelete,
            other => other,
        }
    }
}

/// What all events of one transaction share.
#[derive(Debug)]
pub struct Transaction {
    /// The key's 16 bytes, written like a UUID.
    pub key: u128,
    /// Whole seconds, in milliseconds.
    pub timestamp: Millis,
    /// Looks like nanoseconds since 1970: beyond what a double holds exactly.
    pub number: i64,
    /// Who did it.
    pub user: RecordId,
    /// `changeOrigin`.
    pub origin: Box<str>,
}

impl Transaction {
    /// `transactionKey` as the header has it.
    pub fn key_text(&self) -> String {
        let hex = format!("{:032x}", self.key);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Which records an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// One record, as nearly always.
    One(RecordId),
    /// Several records that the same change hit (a merged event).
    Many(Vec<RecordId>),
    /// All records of the object with this key prefix: `001*`.
    Prefix([u8; 3]),
    /// Nobody knows which: the dummy id of an overflow event.
    Unknown,
}

impl Records {
    /// `recordIds` as the header has it.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(id) => vec![id.to_string()],
            Self::Many(ids) => ids.iter().map(RecordId::to_string).collect(),
            Self::Prefix(prefix) => vec![format!("{}*", String::from_utf8_lossy(prefix))],
            Self::Unknown => vec!["000000000000000AAA".to_owned()],
        }
    }
}

/// An event as the log keeps it: small, the values shared with the store. The payload is made when somebody asks.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where it stands on the bus.
    pub replay_id: ReplayId,
    /// The schema that its payload is written with.
    pub schema: Arc<EventSchema>,
    /// What happened.
    pub change: ChangeType,
    /// To which records.
    pub records: Records,
    /// From 1 within the transaction, with holes.
    pub sequence: u32,
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// The fields that an update changed; empty for every other type.
    pub changed: Box<[FieldId]>,
    /// Long texts that are told as the difference from their old value; empty unless the org is set up so.
    pub(super) diffs: Box<[(FieldId, Box<str>)]>,
    /// Values after the change; `None` where the event carries none.
    pub(super) row: Option<Arc<Row>>,
    /// The record of a delete as it was; what filters and enrichment read, not the payload.
    pub(super) last: Option<Arc<Row>>,
    /// Values of fields that a channel adds to every update and delete. Never in the log: put in at delivery.
    pub(super) enriched: Box<[(FieldId, Value)]>,
}

impl Event {
    /// The Avro datum.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.header(&mut out);
        self.body(&mut out);
        out
    }

    pub(super) fn diff(&self, field: FieldId) -> Option<&str> {
        self.diffs.iter().find(|(f, _)| *f == field).map(|(_, text)| text.as_ref())
    }

    fn header(&self, out: &mut Vec<u8>) {
        let (mut changed, mut nulled, mut diffs) = (FieldSet::default(), FieldSet::default(), FieldSet::default());
        for field in &self.changed {
            let Some(place) = self.schema.place(*field) else { continue };
            changed.insert(place);
            if self.row.as_ref().is_some_and(|row| row.get_ref(*field).is_null()) {
                nulled.insert(place);
            }
        }
        self.diffs.iter().filter_map(|(field, _)| self.schema.place(*field)).for_each(|place| diffs.insert(place));
        let transaction = &self.transaction;
        avro::string(out, &self.schema.entity);
        avro::strings(out, self.records.texts().iter());
        avro::long(out, self.change as i64);
        avro::string(out, &transaction.origin);
        avro::string(out, &transaction.key_text());
        avro::long(out, i64::from(self.sequence));
        avro::long(out, transaction.timestamp);
        avro::long(out, transaction.number);
        avro::string(out, &transaction.user.to_string());
        avro::strings(out, nulled.elements().iter());
        avro::strings(out, diffs.elements().iter());
        avro::strings(out, changed.elements().iter());
    }

    /// What the event says of a field: null for what it does not tell.
    pub(super) fn value(&self, field: FieldId) -> ValueRef<'_> {
        match &self.row {
            Some(_) if self.diff(field).is_some() => self.diff(field).map_or(ValueRef::Null, ValueRef::Text),
            Some(row) if self.change != ChangeType::Update || self.changed.contains(&field) => row.get_ref(field),
            _ => self.enriched.iter().find(|(f, _)| *f == field).map_or(ValueRef::Null, |(_, value)| value.into()),
        }
    }

    /// The whole record that the event is about, as far as it is known.
    pub(super) fn record(&self) -> Option<&Arc<Row>> {
        self.row.as_ref().or(self.last.as_ref())
    }

    fn body(&self, out: &mut Vec<u8>) {
        let value = |field: FieldId| self.value(field);
        for slot in &self.schema.slots {
            match slot {
                Slot::Plain(field, kind) => plain(out, *kind, value(*field)),
                Slot::Compound(parts) => {
                    let values: Vec<_> = parts.iter().map(|(field, kind)| (*kind, value(*field))).collect();
                    if values.iter().all(|(_, v)| v.is_null()) {
                        out.push(avro::NULL);
                    } else {
                        out.push(avro::SECOND_BRANCH);
                        values.iter().for_each(|(kind, v)| plain(out, *kind, *v));
                    }
                }
            }
        }
    }
}

/// A nullable plain value. What the schema's type cannot hold is left null.
pub(super) fn plain(out: &mut Vec<u8>, kind: Kind, value: ValueRef<'_>) {
    out.push(avro::SECOND_BRANCH);
    match (kind, value) {
        (Kind::String, ValueRef::Text(text)) => avro::string(out, text),
        (Kind::String, ValueRef::Id(id)) => avro::string(out, &id.to_string()),
        (Kind::Boolean, ValueRef::Bool(b)) => avro::boolean(out, b),
        (Kind::Int, ValueRef::Int(n)) if i32::try_from(n).is_ok() => avro::long(out, n),
        (Kind::Long, ValueRef::Int(n) | ValueRef::DateTime(n)) => avro::long(out, n),
        (Kind::Long, ValueRef::Time(ms)) => avro::long(out, i64::from(ms)),
        (Kind::Long, ValueRef::Date(date)) => avro::long(out, midnight(date)),
        (Kind::Double, ValueRef::Int(n)) => avro::double(out, n as f64),
        (Kind::Double, ValueRef::Decimal(n)) => avro::double(out, n.to_f64().unwrap_or(f64::NAN)),
        _ => {
            out.pop();
            out.push(avro::NULL);
        }
    }
}

/// Midnight UTC of a day, milliseconds since 1970.
fn midnight(date: jiff::civil::Date) -> Millis {
    let days = jiff::civil::date(1970, 1, 1).until(date).map(|span| span.get_days()).unwrap_or_default();
    i64::from(days) * 86_400_000
}
