//! Objects whose records are made when they are asked for, from the schema and the components: `EntityDefinition`,
//! `FieldDefinition` and those of the Tooling API. A query runs over them as over any other object.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use tidegate_soql::ast::{Query, SelectItem};

use crate::query::{self, QueryOptions};
use crate::schema::{ObjectId, ObjectType, Schema, facts};
use crate::settings::Settings;
use crate::store::{Row, Store};
use crate::{ApiError, Org, RecordId};

mod rows;

/// Objects of the Tooling API that the ordinary query resources know, too.
const EVERYWHERE: &[&str] = &["EntityDefinition", "FieldDefinition", "EntityParticle"];

/// The field that holds a relationship and is shown nowhere.
pub(super) const HIDDEN: &str = "EntityDefinitionRecord";

/// The objects, as their facts describe them.
pub(super) fn objects() -> &'static [ObjectType] {
    static PARSED: OnceLock<Vec<ObjectType>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let text = include_str!("../../data/tooling/objects.txt");
        let read = |text| facts::parse(text).expect("the embedded facts can be read; a test reads them");
        text.split("\n----\n").map(read).collect()
    })
}

/// An object of the Tooling API by name, whatever the case.
pub fn find(name: &str) -> Option<&'static ObjectType> {
    objects().iter().find(|o| o.name.eq_ignore_ascii_case(name))
}

/// Whether this object is made when it is asked for, outside the Tooling API as well.
pub fn is_everywhere(name: &str) -> bool {
    EVERYWHERE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The objects that the text of a query speaks of and that are made when they are asked for, the first its own.
fn spoken_of(text: &str, tooling: bool) -> Option<(Query, BTreeSet<&'static str>)> {
    // Most queries are over records: they are not read twice.
    let lower = text.to_ascii_lowercase();
    let mentions = |name: &str| lower.contains(&name.to_ascii_lowercase());
    let here = |name: &str| tooling || EVERYWHERE.contains(&name);
    if !objects().iter().any(|o| here(&o.name) && mentions(&o.name)) {
        return None;
    }
    let query = tidegate_soql::parse(text).ok()?;
    let [name] = query.from.object.segments.as_slice() else { return None };
    let object = find(&name.text)?;
    if !here(&object.name) {
        return None;
    }
    let mut all = BTreeSet::from([object.name.as_str()]);
    if object.field(HIDDEN).is_some() {
        all.insert("EntityDefinition");
    }
    for child in objects().iter().filter(|o| o.field(HIDDEN).is_some()) {
        let of = child.field(HIDDEN).and_then(|(_, f)| f.child_relationship_name.as_deref());
        if object.name == "EntityDefinition" && of.is_some_and(mentions) {
            all.insert(&child.name);
        }
        if mentions(&format!("FROM {}", child.name)) {
            all.insert(&child.name);
        }
    }
    Some((query, all))
}

/// An org that holds these tables and the users, and nothing else.
fn tables(org: &Org, names: &BTreeSet<&'static str>) -> Org {
    let mut schema = Schema::clone(&org.schema);
    for object in objects() {
        schema.put(object.clone());
    }
    let mut store = Store::default();
    for name in names {
        if let Some((place, object)) = schema.find(name) {
            let object = Arc::clone(object);
            rows::fill(org, &schema, &object, place, &mut store);
        }
    }
    copy_users(org, &mut store);
    let settings = Settings { change_event_objects: None, ..org.settings.clone() };
    Org { settings, schema: Arc::new(schema), store, ..Org::default() }
}

/// Users and the organization: who made a component, and in which time zone the asker lives.
fn copy_users(org: &Org, store: &mut Store) {
    for name in ["User", "Organization"] {
        let Some((place, _)) = org.schema.find(name) else { continue };
        let Some(table) = org.store.table(place) else { continue };
        for (id, row) in table.live_rows() {
            store.table_mut(place).put(id, Row::clone(row));
        }
    }
}

/// Whether the query selects what can be told of one component only.
fn selects_metadata(query: &Query) -> bool {
    query.select.iter().any(|item| match item {
        SelectItem::Field(path, _) => path.segments.last().is_some_and(|name| {
            name.text.eq_ignore_ascii_case("Metadata") || name.text.eq_ignore_ascii_case("FullName")
        }),
        _ => false,
    })
}

/// Runs a query over objects that are made when they are asked for; `None` where it is over others.
pub fn query(org: &Org, text: &str, options: &QueryOptions, tooling: bool) -> Option<Result<Json, ApiError>> {
    let (parsed, names) = spoken_of(text, tooling)?;
    Some(run(org, text, options, &parsed, &names, tooling))
}

fn run(
    org: &Org,
    text: &str,
    options: &QueryOptions,
    parsed: &Query,
    names: &BTreeSet<&'static str>,
    tooling: bool,
) -> Result<Json, ApiError> {
    let tables = tables(org, names);
    let read = |page: &query::Page| -> Result<Json, ApiError> {
        serde_json::from_str(&page.json).map_err(|e| ApiError::new("UNKNOWN_EXCEPTION", e.to_string()).status(500))
    };
    let first = query::run_records(&tables, text, options)?;
    let mut answer = read(&first)?;
    let mut next = first.next;
    // The tables are gone when the answer is: it has one page.
    while let Some(locator) = next {
        let page = query::more(&tables, &locator, options)?;
        if let (Some(all), Json::Object(mut more)) = (answer["records"].as_array_mut(), read(&page)?)
            && let Some(Json::Array(records)) = more.remove("records")
        {
            all.extend(records);
        }
        next = page.next;
    }
    if let Some(map) = answer.as_object_mut() {
        map.remove("nextRecordsUrl");
        map.insert("done".into(), true.into());
    }
    if selects_metadata(parsed) && first.total_size > 1 {
        let message = format!(
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more \
             than one row for retrieval. Result size: {}",
            first.total_size
        );
        return Err(ApiError::new("MALFORMED_QUERY", message));
    }
    if let Some(records) = answer["records"].as_array_mut() {
        records.iter_mut().for_each(|record| shape(record, tooling, options.version));
    }
    Ok(answer)
}

/// The columns of such a query.
pub fn columns(org: &Org, text: &str, options: &QueryOptions, tooling: bool) -> Option<Result<Json, ApiError>> {
    let (_, names) = spoken_of(text, tooling)?;
    Some(query::columns(&tables(org, &names), text, options))
}

/// Complex values as what they are, and addresses under the API that was asked.
fn shape(record: &mut Json, tooling: bool, version: u16) {
    let Some(map) = record.as_object_mut() else { return };
    for (name, value) in map.iter_mut() {
        match value {
            Json::String(text) if matches!(name.as_str(), "Metadata" | "ReferenceTo") => {
                *value = serde_json::from_str(text).unwrap_or(Json::Null);
            }
            Json::Object(_) if name == "attributes" => {
                if let Some(Json::String(url)) = value.get_mut("url").filter(|_| tooling) {
                    *url =
                        url.replace(&format!("/v{version}.0/sobjects/"), &format!("/v{version}.0/tooling/sobjects/"));
                }
            }
            Json::Object(inner) if inner.contains_key("records") => {
                if let Some(records) = inner.get_mut("records").and_then(Json::as_array_mut) {
                    records.iter_mut().for_each(|record| shape(record, tooling, version));
                }
            }
            Json::Object(_) => shape(value, tooling, version),
            _ => {}
        }
    }
}

/// One record of an object of the Tooling API, with all its fields; `None` where it is not there.
pub fn record(org: &Org, object: &'static ObjectType, id: RecordId, options: &QueryOptions) -> Option<Json> {
    let names: Vec<&str> = object.enumerate().map(|(_, f)| f.name.as_str()).filter(|n| *n != HIDDEN).collect();
    let text = format!("SELECT {} FROM {} WHERE Id = '{id}'", names.join(", "), object.name);
    let mut answer = query(org, &text, options, true)?.ok()?;
    answer["records"].as_array_mut()?.pop()
}

/// The global list of the Tooling API.
pub fn global(version: &str) -> Json {
    let entries: Vec<Json> = objects().iter().map(|object| entry(object, version)).collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries })
}

/// One entry of the list.
pub fn entry(object: &ObjectType, version: &str) -> Json {
    let mut entry = crate::schema::describe::entry(&shown(object), version);
    under_tooling(&mut entry, version);
    entry
}

/// The describe of an object of the Tooling API.
pub fn describe(object: &ObjectType, version: &str, instance_url: &str) -> Json {
    let mut described = crate::schema::describe::object(&shown(object), version, instance_url);
    under_tooling(&mut described, version);
    described
}

/// The object as callers see it: with the members that can be written, without the hidden field.
fn shown(object: &ObjectType) -> ObjectType {
    let mut object = object.clone();
    object.fields.retain(|f| f.name != HIDDEN);
    object.index();
    let writable = object.field("Metadata").is_some();
    let flags = &mut object.flags;
    (flags.createable, flags.updateable, flags.deletable) = (writable, writable, writable);
    for field in object.fields.iter_mut().filter(|f| matches!(f.name.as_str(), "Metadata" | "FullName")) {
        (field.createable, field.updateable) = (writable, writable);
    }
    object
}

fn under_tooling(described: &mut Json, version: &str) {
    if let Some(urls) = described.get_mut("urls").and_then(Json::as_object_mut) {
        for url in urls.values_mut() {
            if let Json::String(text) = url {
                *text = text.replace(&format!("/v{version}/sobjects/"), &format!("/v{version}/tooling/sobjects/"));
            }
        }
    }
}

/// Where an object stands in a schema that holds the tables.
fn place(schema: &Schema, name: &str) -> Option<ObjectId> {
    schema.find(name).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_the_tooling_objects_can_be_read() {
        assert!(objects().len() > 20);
        for object in objects() {
            assert!(object.key_prefix.is_some(), "{}", object.name);
            assert!(object.field("Id").is_some(), "{}", object.name);
        }
        let mut names: Vec<_> = objects().iter().map(|o| &o.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), objects().len());
    }
}
