//! `/composite/tree/{object}`: records with their children, made all or none.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobject_tree.htm>

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value as Json, json};

use super::Answer;
use super::call::{Call, inputs};
use super::composite::member;
use super::hold::Hold;
use crate::dml::{Input, Write};
use crate::http::ApiErrors;
use crate::schema::{ObjectId, Schema};
use crate::{ApiError, RecordId};

/// Records of one request. Documented, as all bounds here.
const RECORDS_MAX: usize = 200;
/// Levels of a tree.
const LEVELS_MAX: usize = 5;
/// Different objects of one request.
const OBJECTS_MAX: usize = 5;

/// A record to be made.
struct Node {
    reference: String,
    object: ObjectId,
    fields: Map<String, Json>,
    /// The place of its parent, and the field that points there.
    parent: Option<(usize, String)>,
    level: usize,
}

/// A record that was not read yet: its JSON, its object, its parent as in [`Node`], its level.
type Waiting<'a> = (&'a Json, ObjectId, Option<(usize, String)>, usize);

/// What is wrong with a record.
struct Wrong {
    reference: String,
    errors: Vec<ApiError>,
}

/// `POST /composite/tree/{object}`.
pub(super) fn tree(call: &Call, name: &str) -> Answer {
    let body = call.json_object()?;
    let Some(Json::Array(records)) = member(&body, "records") else {
        return Err(ApiError::new("JSON_PARSER_ERROR", "records must be a list").into());
    };
    let hold = Hold::take(&call.state.org);
    let mut org = hold.org().write();
    let (object, _) = call.object(&org, name)?;
    let nodes = match read(&org.schema, object, records)? {
        Ok(nodes) => nodes,
        Err(wrong) => return Ok(refused(call, &[wrong])),
    };
    let context = call.write_context(true);
    let mut made: Vec<RecordId> = Vec::with_capacity(nodes.len());
    let mut wrong = Vec::new();
    // Level by level, so that every parent has its id before its children are made.
    let mut at = 0;
    while at < nodes.len() && wrong.is_empty() {
        let level = nodes[at].level;
        let end = nodes[at..].iter().position(|node| node.level != level).map_or(nodes.len(), |n| at + n);
        let writes = nodes[at..end].iter().map(|node| {
            let mut fields = inputs(node.fields.clone());
            if let Some((parent, field)) = &node.parent
                && let Some(id) = made.get(*parent)
            {
                fields.push((field.clone(), Input::Text(id.to_string())));
            }
            Write::Create { object: node.object, fields }
        });
        let writes: Vec<Write> = writes.collect();
        for (node, result) in nodes[at..end].iter().zip(org.write_with(&context, call.write_options(), writes)) {
            match result {
                Ok(saved) => made.push(saved.id),
                Err(errors) if errors.iter().any(|e| e.code == "ALL_OR_NONE_OPERATION_ROLLED_BACK") => {}
                Err(errors) => wrong.push(Wrong { reference: node.reference.clone(), errors }),
            }
        }
        at = end;
    }
    if !wrong.is_empty() {
        return Ok(refused(call, &wrong));
    }
    drop(org);
    hold.commit(&context);
    let results: Vec<Json> = nodes
        .iter()
        .zip(&made)
        .map(|(node, id)| json!({ "referenceId": node.reference, "id": id.to_string() }))
        .collect();
    Ok(call.answer(201, &json!({ "hasErrors": false, "results": results })))
}

fn refused(call: &Call, wrong: &[Wrong]) -> axum::response::Response {
    let error = |e: &ApiError| json!({ "statusCode": e.code, "message": e.message, "fields": e.fields });
    let results: Vec<Json> = wrong
        .iter()
        .map(|wrong| json!({ "referenceId": wrong.reference, "errors": wrong.errors.iter().map(error).collect::<Vec<_>>() }))
        .collect();
    call.answer(400, &json!({ "hasErrors": true, "results": results }))
}

/// The records in the order of their levels. The inner error is one record's, the outer one the whole request's.
fn read(schema: &Schema, object: ObjectId, records: &[Json]) -> Result<Result<Vec<Node>, Wrong>, ApiErrors> {
    let mut waiting: VecDeque<Waiting<'_>> = records.iter().map(|record| (record, object, None, 1)).collect();
    let mut nodes: Vec<Node> = Vec::new();
    let (mut seen, mut objects) = (HashSet::new(), HashSet::new());
    while let Some((record, object, parent, level)) = waiting.pop_front() {
        let Json::Object(members) = record else {
            return Err(ApiError::new("JSON_PARSER_ERROR", "each of records must be an object").into());
        };
        let facts = schema.object(object);
        let attributes = member(members, "attributes").and_then(Json::as_object);
        let text = |name: &str| attributes.and_then(|a| member(a, name)).and_then(Json::as_str);
        let reference = text("referenceId").unwrap_or_default().to_owned();
        let wrong = |code: &'static str, message: String| {
            Ok(Err(Wrong { reference: reference.clone(), errors: vec![ApiError::new(code, message)] }))
        };
        match text("type") {
            Some(kind) if kind.eq_ignore_ascii_case(&facts.name) => {}
            Some(kind) => {
                return wrong("INVALID_INPUT", format!("Type {kind} is not the expected one: {}", facts.name));
            }
            None => return wrong("INVALID_INPUT", "Include a type in the attributes of each record.".to_owned()),
        }
        if reference.is_empty() {
            return wrong("INVALID_INPUT", "Include a reference ID for each record in the request.".to_owned());
        }
        if !seen.insert(reference.clone()) {
            return wrong("INVALID_INPUT", format!("Duplicate ReferenceId provided in the request: {reference}"));
        }
        if nodes.len() == RECORDS_MAX {
            return wrong("INVALID_INPUT", format!("The request cannot have more than {RECORDS_MAX} records."));
        }
        if level > LEVELS_MAX {
            return wrong("INVALID_INPUT", format!("The request cannot have more than {LEVELS_MAX} levels."));
        }
        objects.insert(object);
        if objects.len() > OBJECTS_MAX {
            return wrong(
                "INVALID_INPUT",
                format!("The request cannot have more than {OBJECTS_MAX} different objects."),
            );
        }
        let place = nodes.len();
        let mut fields = Map::new();
        for (name, value) in members.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("attributes")) {
            let children = value.as_object().and_then(|value| member(value, "records")).and_then(Json::as_array);
            let Some(children) = children else {
                fields.insert(name.clone(), value.clone());
                continue;
            };
            let found = facts
                .children
                .iter()
                .find(|c| c.relationship_name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)));
            let Some((child, field)) = found.and_then(|c| Some((schema.find(&c.child_object)?.0, &c.field))) else {
                return wrong("INVALID_FIELD", format!("No such column '{name}' on sobject of type {}", facts.name));
            };
            waiting.extend(children.iter().map(|record| (record, child, Some((place, field.clone())), level + 1)));
        }
        nodes.push(Node { reference, object, fields, parent, level });
    }
    Ok(Ok(nodes))
}
