//! PushTopics: queries whose records' changes are told to CometD subscribers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_soql::ast::{
    Comparison, Condition, FieldPath, Literal, Name, Operand, Operator, Query, Right, SelectItem, Span,
    Value as SoqlValue,
};

use super::entry::{Body, Notice, NoticeKind};
use super::filter::each;
use crate::query::{self, QueryOptions};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType, Schema};
use crate::store::{ChangeKind, RecordChange, Row, Store, Values};
use crate::{ApiError, Millis, Org, RecordId, Value};

/// The object that is a PushTopic.
pub(crate) const OBJECT: &str = "PushTopic";
/// Standard objects that can be watched (documented); besides them every custom object.
const WATCHED: &[&str] = &[
    "Account",
    "Campaign",
    "Case",
    "Contact",
    "ContractLineItem",
    "Entitlement",
    "Lead",
    "LiveChatTranscript",
    "MessagingSession",
    "Opportunity",
    "Quote",
    "QuoteLineItem",
    "ServiceAppointment",
    "ServiceContract",
    "Task",
    "UserServicePresence",
    "WorkOrder",
    "WorkOrderLineItem",
];
/// Longest query, characters (documented).
const QUERY_MAX: usize = 1_300;
/// Changes by this door are not told (documented).
const NOT_TOLD: &str = "/bulkapi/";

/// Which fields of a record must change for an update to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotifyFor {
    All,
    Referenced,
    Select,
    Where,
}

/// A PushTopic, read.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    object: ObjectId,
    query: Query,
    version: u16,
    fields: NotifyFor,
    /// Lower-case names in SELECT and in WHERE, `Id` aside.
    selected: HashSet<String>,
    filtered: HashSet<String>,
    create: bool,
    update: bool,
    delete: bool,
    undelete: bool,
}

/// PushTopics that were read, by record; a changed record is read anew.
#[derive(Debug, Default)]
pub(super) struct Watches(HashMap<RecordId, (Arc<Row>, Option<Arc<Watch>>)>);

/// Whether there is an active PushTopic of this name, whose case matters.
pub(super) fn exists(org: &Org, name: &str) -> bool {
    field_names(org, name).is_some()
}

/// The fields that the active PushTopic of this name selects, as its query writes them.
pub(crate) fn field_names(org: &Org, name: &str) -> Option<Vec<String>> {
    let (object, facts) = org.schema.find(OBJECT)?;
    let (name_field, _) = facts.field("Name")?;
    let found = org.store.find_by(object, name_field, &Value::Text(name.to_owned()));
    let row = found
        .into_iter()
        .find_map(|id| org.store.live(object, id).filter(|row| row.get(name_field).as_text() == Some(name)))?;
    let active = facts.field("IsActive").is_none_or(|(field, _)| row.get(field) == Value::Bool(true));
    let (query_field, _) = facts.field("Query")?;
    let text = row.get(query_field);
    let query = tidegate_soql::parse(text.as_text()?).ok()?;
    let names = query.select.iter().filter_map(|item| match item {
        SelectItem::Field(path, _) => Some(path.to_string()),
        _ => None,
    });
    active.then(|| names.collect())
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("INVALID_FIELD", message).field("Query")
}

/// Checks a PushTopic that is about to be saved.
///
/// # Errors
/// `INVALID_FIELD` for a query that cannot be watched, as the documentation lists them.
pub(crate) fn check(
    schema: &Schema,
    store: &Store,
    facts: &ObjectType,
    values: &Values,
    options: &QueryOptions,
) -> Result<(), Vec<ApiError>> {
    let Some((field, _)) = facts.field("Query") else { return Ok(()) };
    let Some(text) = values.get(&field).and_then(Value::as_text) else { return Ok(()) };
    check_query(schema, text).map_err(|e| vec![e])?;
    // Beside its own rules it keeps to those of every query: types of literals, operators.
    query::check_text(schema, store, text, options).map_err(|e| vec![e.field("Query")])
}

fn check_query(schema: &Schema, text: &str) -> Result<(ObjectId, Query), ApiError> {
    if text.chars().count() > QUERY_MAX {
        return Err(ApiError::new("STRING_TOO_LONG", format!("Query: data value too large (max length={QUERY_MAX})"))
            .field("Query"));
    }
    let query =
        tidegate_soql::parse(text).map_err(|e| ApiError::new("MALFORMED_QUERY", e.to_string()).field("Query"))?;
    let name = query.from.object.to_string();
    let (object, facts) = schema.find(&name).ok_or_else(|| {
        ApiError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported.")).field("Query")
    })?;
    if !facts.custom && !WATCHED.contains(&facts.name.as_str()) {
        return Err(invalid(format!("{} is not supported", facts.name)));
    }
    if !query.from.also.is_empty() {
        return Err(invalid("only one entity is supported"));
    }
    let refused = [
        (query.limit.is_some(), "'LIMIT' is not allowed"),
        (!query.order_by.is_empty(), "'ORDER BY' is not allowed"),
        (query.group_by.is_some() || query.having.is_some(), "'GROUP BY' is not allowed"),
        (query.offset.is_some(), "'OFFSET' is not allowed"),
        (query.scope.is_some(), "'USING SCOPE' is not allowed"),
        (query.with.is_some() || !query.for_clauses.is_empty() || query.all_rows, "the clause is not allowed"),
    ];
    if let Some((_, message)) = refused.iter().find(|(is, _)| *is) {
        return Err(invalid(*message));
    }
    let mut has_id = false;
    for item in &query.select {
        match item {
            SelectItem::Field(path, None) => {
                let field = field_of(facts, path)?;
                has_id |= facts.field_at(field).ty == FieldType::Id;
            }
            SelectItem::Count(_) => return Err(invalid("Aggregate queries are not supported")),
            SelectItem::Function(f, _)
                if ["count", "sum", "avg", "min", "max", "count_distinct"]
                    .contains(&f.name.text.to_ascii_lowercase().as_str()) =>
            {
                return Err(invalid("Aggregate queries are not supported"));
            }
            SelectItem::TypeOf(_) => return Err(invalid("'TYPEOF' is not allowed")),
            SelectItem::Subquery(_) => return Err(invalid("relationships are not supported")),
            _ => return Err(invalid("only fields can be selected")),
        }
    }
    if !has_id {
        return Err(invalid("Query must select Id"));
    }
    if let Some(condition) = &query.condition {
        if has_not(condition) {
            return Err(invalid("'NOT' is not supported"));
        }
        each(condition, &mut |comparison| check_comparison(facts, comparison))?;
    }
    Ok((object, query))
}

fn field_of(facts: &ObjectType, path: &FieldPath) -> Result<FieldId, ApiError> {
    match path.segments.as_slice() {
        [name] => facts
            .field(&name.text)
            .map(|(id, _)| id)
            .ok_or_else(|| invalid(format!("No such column '{}' on entity '{}'.", name.text, facts.name))),
        // The object's own name may stand before its field.
        [object, name]
            if object.text.eq_ignore_ascii_case(&facts.name) && facts.relationship(&object.text).is_none() =>
        {
            facts
                .field(&name.text)
                .map(|(id, _)| id)
                .ok_or_else(|| invalid(format!("No such column '{}' on entity '{}'.", name.text, facts.name)))
        }
        _ => Err(invalid("relationships are not supported")),
    }
}

fn has_not(condition: &Condition) -> bool {
    match condition {
        Condition::Not(_) => true,
        Condition::And(all) | Condition::Or(all) => all.iter().any(has_not),
        Condition::Compare(_) => false,
    }
}

fn check_comparison(facts: &ObjectType, comparison: &Comparison) -> Result<(), ApiError> {
    if matches!(comparison.right, Right::Subquery(_)) {
        return Err(invalid("semi/anti join sub-selects are not supported"));
    }
    let Operand::Field(path) = &comparison.left else { return Err(invalid("functions are not supported")) };
    let field = facts.field_at(field_of(facts, path)?);
    if field.calculated {
        return Err(invalid(format!("formula field '{}' can not be used in WHERE", field.name)));
    }
    if field.ty == FieldType::Textarea || !field.filterable {
        return Err(invalid(format!("field '{}' can not be filtered in a query call", field.name)));
    }
    Ok(())
}

impl Watch {
    fn read(schema: &Schema, facts: &ObjectType, row: &Row) -> Option<Self> {
        let get = |name: &str| facts.field(name).map_or(Value::Null, |(field, _)| row.get(field));
        let is = |name: &str| get(name) != Value::Bool(false);
        if !is("IsActive") {
            return None;
        }
        let (object, query) = check_query(schema, get("Query").as_text()?).ok()?;
        let selected = query.select.iter().filter_map(|item| match item {
            SelectItem::Field(path, _) => last_name(path),
            _ => None,
        });
        let selected: HashSet<String> = selected.filter(|name| name != "id").collect();
        let mut filtered = HashSet::new();
        if let Some(condition) = &query.condition {
            let _ = each(condition, &mut |comparison| {
                if let Operand::Field(path) = &comparison.left {
                    filtered.extend(last_name(path).filter(|name| name != "id"));
                }
                Ok::<_, std::convert::Infallible>(())
            });
        }
        let fields = match get("NotifyForFields").as_text() {
            Some("All") => NotifyFor::All,
            Some("Select") => NotifyFor::Select,
            Some("Where") => NotifyFor::Where,
            _ => NotifyFor::Referenced,
        };
        let version = match get("ApiVersion") {
            Value::Decimal(n) => n.trunc().to_string().parse().unwrap_or(0),
            Value::Int(n) => u16::try_from(n).unwrap_or(0),
            _ => 0,
        };
        // The older way to say it, of versions up to 28.
        let older = |operation: &str| !matches!(get("NotifyForOperations").as_text(), Some(only @ ("Create" | "Update")) if only != operation);
        Some(Self {
            name: get("Name").as_text()?.to_owned(),
            object,
            query,
            version,
            fields,
            selected,
            filtered,
            create: is("NotifyForOperationCreate") && older("Create"),
            update: is("NotifyForOperationUpdate") && older("Update"),
            delete: is("NotifyForOperationDelete"),
            undelete: is("NotifyForOperationUndelete"),
        })
    }

    /// What is told of a change, the WHERE clause aside.
    fn concerns(&self, facts: &ObjectType, change: &RecordChange) -> Option<NoticeKind> {
        let (kind, wanted) = match change.kind {
            ChangeKind::Create => (NoticeKind::Created, self.create),
            ChangeKind::Delete => (NoticeKind::Deleted, self.delete),
            ChangeKind::Undelete => (NoticeKind::Undeleted, self.undelete),
            ChangeKind::Update => {
                let changed = |names: &HashSet<String>| {
                    change.changed.iter().any(|f| names.contains(&facts.field_at(*f).name.to_ascii_lowercase()))
                };
                let fields = match self.fields {
                    NotifyFor::All => true,
                    NotifyFor::Referenced => changed(&self.selected) || changed(&self.filtered),
                    NotifyFor::Select => changed(&self.selected),
                    NotifyFor::Where => changed(&self.filtered),
                };
                (NoticeKind::Updated, self.update && fields)
            }
        };
        wanted.then_some(kind)
    }

    /// The query of one record alone: it answers the record if it matches.
    fn of_record(&self, id: RecordId) -> String {
        let none = Span { start: 0, end: 0 };
        let path = FieldPath { segments: vec![Name { text: "Id".into(), span: none }] };
        let it = Condition::Compare(Comparison {
            left: Operand::Field(path),
            operator: Operator::Eq,
            right: Right::Value(SoqlValue { literal: Literal::String(id.to_string()), span: none }),
            span: none,
        });
        let mut query = self.query.clone();
        query.condition = Some(match query.condition.take() {
            Some(condition) => Condition::And(vec![it, condition]),
            None => it,
        });
        query.to_string()
    }
}

fn last_name(path: &FieldPath) -> Option<String> {
    path.segments.last().map(|name| name.text.to_ascii_lowercase())
}

/// Notices of what a transaction changed. The store is as it is after the transaction: every notice shows final values.
pub(super) fn notices(org: &mut Org, now: Millis, user: RecordId, origin: &str, changes: &[RecordChange]) -> Vec<Body> {
    if origin.contains(NOT_TOLD) {
        return Vec::new();
    }
    let watches = active(org);
    let mut out = Vec::new();
    for change in changes {
        let facts = org.schema.object(change.object);
        for watch in watches.iter().filter(|w| w.object == change.object) {
            let Some(kind) = watch.concerns(facts, change) else { continue };
            let binned = org.store.table(change.object).and_then(|table| table.binned(change.id));
            // Deletes that only went along with another are not told (documented).
            if kind == NoticeKind::Deleted && binned.is_some_and(|b| !b.root) {
                continue;
            }
            let options = QueryOptions {
                all: kind == NoticeKind::Deleted,
                now,
                user,
                version: watch.version.max(crate::http::ApiVersion::OLDEST.0),
                batch_size: None,
            };
            let record = query::run(org, &watch.of_record(change.id), &options).ok();
            let record = record.and_then(|page| first_record(&page.json, facts));
            let Some(record) = record else { continue };
            // Unconfirmed whether a deleted record shows more than its id.
            let record = match kind {
                NoticeKind::Deleted => serde_json::json!({ "Id": change.id.to_string() }),
                _ => record,
            };
            let topic = watch.name.as_str().into();
            out.push(Body::Notice(Notice { topic, kind, record: record.to_string().into() }));
        }
    }
    out
}

/// The one record of a query's answer, without its attributes, with instants as events show them.
fn first_record(page: &str, facts: &ObjectType) -> Option<serde_json::Value> {
    let mut page: serde_json::Value = serde_json::from_str(page).ok()?;
    let mut record = page.get_mut("records")?.get_mut(0)?.take();
    let members = record.as_object_mut()?;
    members.shift_remove("attributes");
    for (name, value) in members.iter_mut() {
        let is_instant = facts.field(name).is_some_and(|(_, f)| f.ty == FieldType::Datetime);
        if let Some(text) = value.as_str().and_then(|text| text.strip_suffix("+0000")).filter(|_| is_instant) {
            *value = serde_json::Value::String(format!("{text}Z"));
        }
    }
    Some(record)
}

/// The PushTopics that are active.
fn active(org: &mut Org) -> Vec<Arc<Watch>> {
    let Some((object, facts)) = org.schema.find(OBJECT) else { return Vec::new() };
    let Some(table) = org.store.table(object).filter(|table| !table.is_empty()) else { return Vec::new() };
    let known = &mut org.events.watches.0;
    known.retain(|id, _| table.get(*id).is_some());
    let mut out = Vec::new();
    for (id, row) in table.live_rows() {
        let read = match known.get(&id) {
            Some((of, watch)) if Arc::ptr_eq(of, row) => watch.clone(),
            _ => {
                let watch = Watch::read(&org.schema, facts, row).map(Arc::new);
                known.insert(id, (row.clone(), watch.clone()));
                watch
            }
        };
        out.extend(read);
    }
    out
}
