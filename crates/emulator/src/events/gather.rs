//! From the changes of one transaction to its events: one per record, alike ones merged, too many cut off.

use std::collections::HashMap;
use std::sync::Arc;

use super::channels::Channels;
use super::diff::difference;
use super::event::{ChangeType, Records};
use super::schema::{EventSchema, Schemas, Slot};
use crate::RecordId;
use crate::schema::{FieldId, ObjectId, Schema};
use crate::settings::Settings;
use crate::store::{ChangeKind, RecordChange, Row};
use crate::value::ValueRef;

/// An event before it has a place on the bus.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) schema: Arc<EventSchema>,
    pub(super) change: ChangeType,
    pub(super) records: Records,
    pub(super) sequence: u32,
    pub(super) changed: Box<[FieldId]>,
    pub(super) diffs: Box<[(FieldId, Box<str>)]>,
    pub(super) row: Option<Arc<Row>>,
    pub(super) last: Option<Arc<Row>>,
}

impl Draft {
    /// An event that carries no values.
    pub(super) fn bare(schema: Arc<EventSchema>, change: ChangeType, records: Records, sequence: u32) -> Self {
        let (changed, diffs) = (Box::default(), Box::default());
        Self { schema, change, records, sequence, changed, diffs, row: None, last: None }
    }
}

/// What a whole transaction did to one record.
struct Net {
    object: ObjectId,
    id: RecordId,
    first: ChangeKind,
    last: ChangeKind,
    before: Option<Arc<Row>>,
    after: Option<Arc<Row>>,
    changed: Vec<FieldId>,
}

/// The events of one transaction, in its order.
pub(super) fn drafts(
    schemas: &mut Schemas,
    schema: &Schema,
    settings: &Settings,
    channels: &Channels,
    changes: Vec<RecordChange>,
) -> Vec<Draft> {
    let mut out = Vec::<Draft>::new();
    let mut latest = HashMap::<ObjectId, usize>::new();
    let mut overflown = Vec::<(ObjectId, u32)>::new();
    let mut spent = 0_usize;
    let mut sequence = 0_u32;
    for net in net(changes) {
        // Numbers are given to unselected objects as well, so that subscribers see holes, as they do in a real org.
        sequence = sequence.saturating_add(1);
        let object = schema.object(net.object);
        if !channels.selects(object, settings) {
            continue;
        }
        let event_schema = schemas.current(object);
        let Some((change, changed)) = what_to_tell(&net, &event_schema) else { continue };
        // The documented measure: each changed field of an update counts, any other change counts once.
        spent += if change == ChangeType::Update { changed.len().max(1) } else { 1 };
        if spent > settings.overflow_changes {
            if !overflown.iter().any(|(object, _)| *object == net.object) {
                overflown.push((net.object, sequence));
            }
            continue;
        }
        let (row, last) = match change {
            ChangeType::Delete => (None, net.after.or_else(|| net.before.clone())),
            _ => (net.after, None),
        };
        let draft = match row {
            Some(row) if is_too_large(&event_schema, &row, change, &changed, settings) => {
                Draft::bare(event_schema, change.gap(), Records::One(net.id), sequence)
            }
            row => {
                let diffs = match (&net.before, &row) {
                    (Some(before), Some(after)) if settings.long_text_diffs && change == ChangeType::Update => {
                        differences(&event_schema, before, after, &changed)
                    }
                    _ => Box::default(),
                };
                let records = Records::One(net.id);
                Draft { schema: event_schema, change, records, sequence, changed, diffs, row, last }
            }
        };
        if let Some(known) = latest.get(&net.object).and_then(|at| out.get_mut(*at))
            && merges(known, &draft, settings.merged_records)
        {
            match &mut known.records {
                Records::One(first) => known.records = Records::Many(vec![*first, net.id]),
                Records::Many(ids) => ids.push(net.id),
                Records::Prefix(_) | Records::Unknown => {}
            }
            continue;
        }
        latest.insert(net.object, out.len());
        out.push(draft);
    }
    for (object, sequence) in overflown {
        let of = schemas.current(schema.object(object));
        out.push(Draft::bare(of, ChangeType::GapOverflow, Records::Unknown, sequence));
    }
    out
}

/// Several changes of one record become one, in the place of the first.
fn net(changes: Vec<RecordChange>) -> Vec<Net> {
    let mut out = Vec::<Net>::with_capacity(changes.len());
    let mut seen = HashMap::<(ObjectId, RecordId), usize>::with_capacity(changes.len());
    for change in changes {
        match seen.get(&(change.object, change.id)).and_then(|at| out.get_mut(*at)) {
            Some(net) => {
                net.last = change.kind;
                net.after = change.after;
                net.changed.extend(change.changed);
            }
            None => {
                seen.insert((change.object, change.id), out.len());
                out.push(Net {
                    object: change.object,
                    id: change.id,
                    first: change.kind,
                    last: change.kind,
                    before: change.before,
                    after: change.after,
                    changed: change.changed,
                });
            }
        }
    }
    out
}

/// The type of the one event, and the fields that it names; `None` where there is nothing to tell.
///
/// Documented: the first type with the final data. Where the transaction ends in the opposite of its first step
/// (created and deleted, deleted and undeleted) the documentation is silent; here the event says what is true after the commit.
fn what_to_tell(net: &Net, schema: &EventSchema) -> Option<(ChangeType, Box<[FieldId]>)> {
    let lived = matches!(net.first, ChangeKind::Update | ChangeKind::Delete);
    let lives = net.last != ChangeKind::Delete;
    match (lived, lives) {
        (false, true) if net.first == ChangeKind::Undelete => Some((ChangeType::Undelete, Box::default())),
        (false, true) => Some((ChangeType::Create, Box::default())),
        (true, false) => Some((ChangeType::Delete, Box::default())),
        (false, false) => None,
        (true, true) => Some((ChangeType::Update, changed_fields(net, schema)?)),
    }
}

fn changed_fields(net: &Net, schema: &EventSchema) -> Option<Box<[FieldId]>> {
    let differs = |f: FieldId| match (&net.before, &net.after) {
        (Some(before), Some(after)) => before.get_ref(f) != after.get_ref(f),
        _ => true,
    };
    let mut changed: Vec<_> = if net.first == ChangeKind::Delete {
        // Deleted and taken back: no step said which fields moved, so the two rows do.
        schema.fields().filter(|f| differs(*f)).collect()
    } else {
        // Steps may have cancelled each other out.
        net.changed.iter().copied().filter(|f| schema.place(*f).is_some() && differs(*f)).collect()
    };
    // Only fields moved that no event carries (a system stamp, the date of the last activity): no event.
    let stamp = schema.last_modified_date.filter(|f| schema.place(*f).is_some());
    let invisible = |f: &FieldId| schema.place(*f).is_none();
    let stamped = stamp.is_some_and(|f| net.changed.contains(&f));
    if changed.is_empty() && !stamped && (net.first == ChangeKind::Delete || net.changed.iter().any(invisible)) {
        return None;
    }
    let companions: Vec<_> = changed.iter().filter_map(|f| schema.companion(*f)).collect();
    changed.extend(companions);
    // A save names the stamp even when it fell into the same second as the one before.
    changed.extend(stamp.filter(|_| stamped));
    changed.sort_unstable();
    changed.dedup();
    Some(changed.into_boxed_slice())
}

/// Long texts that go as differences.
fn differences(schema: &EventSchema, before: &Row, after: &Row, changed: &[FieldId]) -> Box<[(FieldId, Box<str>)]> {
    let told = schema.long_texts.iter().filter(|field| changed.contains(field));
    let diffs = told.filter_map(|field| match (before.get_ref(*field), after.get_ref(*field)) {
        (ValueRef::Text(old), ValueRef::Text(new)) => Some((*field, difference(old, new)?.into_boxed_str())),
        _ => None,
    });
    diffs.collect()
}

/// Whether the event would be over the size that the bus delivers. Only long texts can bring it there.
fn is_too_large(schema: &EventSchema, row: &Row, change: ChangeType, changed: &[FieldId], settings: &Settings) -> bool {
    let size = |field: &FieldId| match row.get_ref(*field) {
        ValueRef::Text(text) => text.len(),
        _ => 0,
    };
    let told = |field: &&FieldId| change != ChangeType::Update || changed.contains(field);
    schema.long_texts.iter().filter(told).map(size).sum::<usize>() > settings.max_event_bytes
}

/// Whether the two can be told as one event: the same change, and everything that the payload would say of the values alike.
fn merges(known: &Draft, next: &Draft, most: usize) -> bool {
    let room = match &known.records {
        Records::One(_) => most > 1,
        Records::Many(ids) => ids.len() < most,
        Records::Prefix(_) | Records::Unknown => false,
    };
    if !room
        || known.change != next.change
        || known.changed != next.changed
        || !Arc::ptr_eq(&known.schema, &next.schema)
    {
        return false;
    }
    let (a, b) = match (&known.row, &next.row) {
        (None, None) => return true,
        (Some(a), Some(b)) => (a, b),
        _ => return false,
    };
    let same = |field: &FieldId| a.get_ref(*field) == b.get_ref(*field);
    match known.change {
        ChangeType::Update => known.changed.iter().all(same),
        _ => known.schema.slots.iter().all(|slot| match slot {
            Slot::Plain(field, _) => same(field),
            Slot::Compound(parts) => parts.iter().all(|(field, _)| same(field)),
        }),
    }
}
