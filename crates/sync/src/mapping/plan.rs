//! From a change event to what has to be done to a table.

use apache_avro::types::Value;

use super::feeds::{Feeds, feeds};
use super::{ColumnFacts, ObjectMap};
use crate::decode::avro::{self, EventValue};
use crate::event::bitmap::{self, FieldBit};
use crate::event::{ChangeType, Event, EventSchema};
use crate::{Cell, ColumnIndex, ColumnType, RecordId, Row};

/// How the fields of one event schema and the columns of one table belong together. Made once for each pair.
#[derive(Debug)]
pub struct Binding {
    /// For each field of the event its column, or those of its parts.
    fields: Vec<Bound>,
    /// Columns that the event does not carry, and what moves them.
    absent: Vec<(ColumnIndex, Feeds)>,
    /// `LastModifiedDate` in the event.
    modified: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bound {
    /// The table has no such column: a compound as a whole, or a field that this user may not see.
    None,
    Column(ColumnIndex),
    Parts(Vec<Option<ColumnIndex>>),
}

/// What an event asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// These steps, one for each record.
    Steps(Vec<Planned>),
    /// The event does not name what changed: load the table again.
    Reload,
}

/// A step for one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The record.
    pub record: RecordId,
    /// What to do.
    pub step: Step,
}

/// What to do with a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The event holds the whole row.
    Upsert(Row),
    /// The event holds what changed.
    Patch(Vec<(ColumnIndex, Cell)>),
    /// The record is gone.
    Delete,
    /// The event does not hold enough: read the record.
    Reread,
}

impl Binding {
    /// Binds a schema to a table.
    pub fn new(schema: &EventSchema, map: &ObjectMap) -> Self {
        let fields: Vec<Bound> = schema
            .fields
            .iter()
            .map(|field| {
                if !field.parts.is_empty() && field.name != "ChangeEventHeader" {
                    Bound::Parts(field.parts.iter().map(|part| map.part(&field.name, part)).collect())
                } else {
                    map.table.column(&field.name).map_or(Bound::None, |(i, _)| Bound::Column(i))
                }
            })
            .collect();
        let carried = |column: ColumnIndex| {
            fields.iter().any(|b| match b {
                Bound::None => false,
                Bound::Column(c) => *c == column,
                Bound::Parts(parts) => parts.contains(&Some(column)),
            })
        };
        let columns = (0..).map(ColumnIndex).zip(map.table.columns.iter().zip(&map.facts));
        let absent = columns
            .filter(|(i, (_, facts))| !carried(*i) || facts.calculated)
            .map(|(i, (column, facts))| (i, moved_by(&map.table.object, &column.field, facts)))
            .collect();
        let modified = schema.fields.iter().position(|f| f.name == "LastModifiedDate");
        Self { fields, absent, modified }
    }

    /// The columns that a bit stands for, and the value of each. A bit of a compound field as a whole stands for all
    /// its parts.
    fn values<'e>(&self, bit: FieldBit, body: &'e [Value]) -> Vec<(ColumnIndex, &'e Value)> {
        const NULL: &Value = &Value::Null;
        let value = body.get(bit.field).map_or(NULL, unwrap);
        match self.fields.get(bit.field) {
            None | Some(Bound::None) => Vec::new(),
            Some(Bound::Column(column)) => vec![(*column, value)],
            Some(Bound::Parts(columns)) => columns
                .iter()
                .enumerate()
                .filter(|(i, _)| bit.part.is_none_or(|part| part == *i))
                .filter_map(|(i, column)| column.map(|c| (c, i)))
                .map(|(column, i)| match value {
                    Value::Record(parts) => (column, parts.get(i).map_or(NULL, |(_, v)| v)),
                    // The whole compound is null.
                    _ => (column, NULL),
                })
                .collect(),
        }
    }
}

fn unwrap(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => inner,
        other => other,
    }
}

fn moved_by(object: &str, field: &str, facts: &ColumnFacts) -> Feeds {
    if facts.calculated {
        return Feeds::Anything;
    }
    if facts.person_name {
        return Feeds::From(&["Name"]);
    }
    feeds(object, field)
}

/// What an event asks for. Events of other objects are the caller's to leave out.
pub fn plan(event: &Event, schema: &EventSchema, binding: &Binding, map: &ObjectMap) -> Plan {
    let header = &event.header;
    let wildcard = |id: &String| id.contains('*') || id.starts_with("000000000000000");
    if header.change_type == ChangeType::GapOverflow || header.record_ids.iter().any(wildcard) {
        return Plan::Reload;
    }
    let step = match (header.change_type, &event.body) {
        (ChangeType::Delete, _) => Step::Delete,
        (ChangeType::Update, Some(body)) => update(event, body, schema, binding, map).unwrap_or(Step::Reread),
        (ChangeType::Create, Some(body)) => create(body, binding, map).map_or(Step::Reread, Step::Upsert),
        // Undeleting moves stamps that the event does not tell; gaps tell nothing; an archived activity looks like a
        // deleted one. A body that cannot be read is a gap of our own.
        _ => Step::Reread,
    };
    let steps = header.record_ids.iter().map(|id| {
        let mut step = step.clone();
        if let Step::Upsert(row) = &mut step
            && let Some(key) = row.first_mut()
        {
            *key = Cell::Text(id.clone());
        }
        Planned { record: RecordId(id.clone()), step }
    });
    Plan::Steps(steps.collect())
}

/// `None` when the event does not hold enough.
fn update(event: &Event, body: &[Value], schema: &EventSchema, binding: &Binding, map: &ObjectMap) -> Option<Step> {
    let header = &event.header;
    let changed = bitmap::decode(&header.changed, &schema.fields).ok()?;
    if changed.is_empty() || !bitmap::decode(&header.diff, &schema.fields).ok()?.is_empty() {
        return None;
    }
    let names = || changed.iter().filter_map(|bit| schema.fields.get(bit.field)).map(|f| f.name.as_str());
    for (_, feeds) in &binding.absent {
        match feeds {
            Feeds::Nothing => {}
            Feeds::Anything => return None,
            Feeds::From(fields) if names().any(|n| fields.iter().any(|f| f.eq_ignore_ascii_case(n))) => return None,
            Feeds::From(_) => {}
        }
    }
    let mut cells = Vec::new();
    for bit in &changed {
        for (column, value) in binding.values(*bit, body) {
            cells.push((column, exact(map, column, value)?));
        }
    }
    if let Some(stamp) = absent_stamp(map, binding) {
        if !changed.iter().any(|bit| Some(bit.field) == binding.modified) {
            return None;
        }
        cells.push((stamp, modified(body, binding)?));
    }
    Some(Step::Patch(cells))
}

/// The whole row, its key still null; `None` when the event does not hold enough.
fn create(body: &[Value], binding: &Binding, map: &ObjectMap) -> Option<Row> {
    let mut row: Row = vec![Cell::Null; map.table.columns.len()];
    for (column, _) in &binding.absent {
        let field = &map.table.columns.get(usize::from(column.0))?.field;
        match field.as_str() {
            "Id" => {}
            "IsDeleted" => *row.get_mut(usize::from(column.0))? = Cell::Boolean(false),
            "SystemModstamp" => *row.get_mut(usize::from(column.0))? = modified(body, binding)?,
            _ => return None,
        }
    }
    for field in 1..binding.fields.len() {
        for (column, value) in binding.values(FieldBit { field, part: None }, body) {
            let cell = exact(map, column, value)?;
            let ty = map.table.columns.get(usize::from(column.0))?.ty;
            if ty == ColumnType::Boolean && cell == Cell::Null {
                // A check box is never empty; whoever left it out knew no better than we do.
                return None;
            }
            *row.get_mut(usize::from(column.0))? = cell;
        }
    }
    Some(row)
}

fn exact(map: &ObjectMap, column: ColumnIndex, value: &Value) -> Option<Cell> {
    let ty = map.table.columns.get(usize::from(column.0))?.ty;
    match avro::value(ty, value) {
        Ok(EventValue::Exact(cell)) => Some(cell),
        Ok(EventValue::Inexact) | Err(_) => None,
    }
}

/// `SystemModstamp`, where the table has it and events do not.
fn absent_stamp(map: &ObjectMap, binding: &Binding) -> Option<ColumnIndex> {
    let (stamp, _) = map.table.column("SystemModstamp")?;
    binding.absent.iter().any(|(c, _)| *c == stamp).then_some(stamp)
}

/// The `SystemModstamp` of a record right after a change by a user or the API: equal to its `LastModifiedDate`. The
/// documentation says that both are set then, and not that they are equal to the second; where they were not,
/// reconciliation finds and mends the row.
fn modified(body: &[Value], binding: &Binding) -> Option<Cell> {
    match avro::value(ColumnType::DateTime, body.get(binding.modified?)?) {
        Ok(EventValue::Exact(cell @ Cell::DateTime(_))) => Some(cell),
        _ => None,
    }
}
