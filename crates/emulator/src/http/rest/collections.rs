//! Collections: up to 200 records in one call, each with a result of its own.

use serde_json::{Map, Value as Json, json};

use super::call::{Call, Verb, inputs, unreadable};
use super::composite::{flag, member};
use super::multipart::{self, Part};
use super::{Answer, not_allowed};
use crate::dml::{Input, Write, WriteResult};
use crate::http::ApiErrors;
use crate::query::retrieve;
use crate::schema::FieldType;
use crate::{ApiError, Org, RecordId};

/// Records of one call that writes.
const RECORDS_MAX: usize = 200;
/// Runs of records of one object in one call.
const CHUNKS_MAX: usize = 10;
/// Ids of one call that reads.
const IDS_MAX: usize = 2_000;

/// `/composite/sobjects` and what is below it.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    let at = |n: usize| call.path.get(n).map_or("", String::as_str);
    match (call.verb, below) {
        (Verb::Post, []) => create(call),
        (Verb::Patch, []) => update(call),
        (Verb::Delete, []) => delete(call),
        (_, []) => Err(not_allowed(call, "DELETE,PATCH,POST").into()),
        (Verb::Get | Verb::Post, [_]) => read(call, at(2)),
        (_, [_]) => Err(not_allowed(call, "GET,HEAD,POST").into()),
        (Verb::Patch, [_, _]) => upsert(call, at(2), at(3)),
        (_, [_, _]) => Err(not_allowed(call, "PATCH").into()),
        _ => Err(super::not_found().into()),
    }
}

/// `POST /composite/sobjects`.
fn create(call: &Call) -> Answer {
    write(call, |org, record| {
        let (object, mut members) = typed(org, record)?;
        if take_id(&mut members).is_some() {
            let message = "cannot specify Id in an insert call";
            return Err(ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message).field("Id"));
        }
        Ok(Write::Create { object, fields: inputs(members) })
    })
}

/// `PATCH /composite/sobjects`.
fn update(call: &Call) -> Answer {
    write(call, |org, record| {
        let (object, mut members) = typed(org, record)?;
        let missing = || ApiError::new("MISSING_ARGUMENT", "Id not specified in an update call").field("Id");
        let text = take_id(&mut members).ok_or_else(missing)?;
        let id = id_of(&text)?;
        Ok(Write::Update { object, id, fields: inputs(members) })
    })
}

/// `PATCH /composite/sobjects/{object}/{field}`.
fn upsert(call: &Call, name: &str, key: &str) -> Answer {
    let (object, facts) = call.object(&call.state.org.read(), name)?;
    let (_, field) = facts.field(key).ok_or_else(|| super::record::no_match(key))?;
    if field.ty != FieldType::Id && !field.external_id && !field.id_lookup {
        return Err(super::record::no_match(key).into());
    }
    write_with(call, true, |org, record| {
        let (of, mut members) = typed(org, record)?;
        if of != object {
            let message = format!("all records must be of type {}", facts.name);
            return Err(ApiError::new("INVALID_TYPE", message));
        }
        let value = match members.keys().find(|k| k.eq_ignore_ascii_case(&field.name)).cloned() {
            Some(name) => members.shift_remove(&name).map_or(Input::Null, Input::Json),
            None => Input::Null,
        };
        Ok(Write::Upsert { object, key: field.name.clone(), value, fields: inputs(members), update_only: false })
    })
}

/// `DELETE /composite/sobjects?ids=a,b&allOrNone=false`.
fn delete(call: &Call) -> Answer {
    let ids = call.list("ids").unwrap_or_default();
    bound(ids.len(), RECORDS_MAX)?;
    let all_or_none = call.param("allOrNone").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let mut org = call.state.org.write();
    let writes = ids
        .iter()
        .map(|text| {
            let id = id_of(text)?;
            let object = org.schema.by_prefix(id.prefix()).ok_or_else(|| malformed(text))?;
            Ok(Write::Delete { object, id })
        })
        .collect::<Vec<_>>();
    check_chunks(&writes)?;
    let results = run(&mut org, call, all_or_none, writes);
    drop(org);
    Ok(call.answer(200, &Json::Array(results.into_iter().map(|r| item(r, false)).collect())))
}

/// `GET /composite/sobjects/{object}?ids=&fields=`, and the same by POST of `{"ids","fields"}`.
fn read(call: &Call, name: &str) -> Answer {
    let (ids, fields) = if call.verb == super::Verb::Post {
        let body = call.json_object()?;
        let list = |name: &str| -> Option<Vec<String>> {
            let items = body.iter().find(|(k, _)| k.eq_ignore_ascii_case(name))?.1.as_array()?;
            Some(items.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
        };
        (list("ids"), list("fields"))
    } else {
        (call.list("ids"), call.list("fields"))
    };
    let (Some(ids), Some(fields)) = (ids, fields) else {
        return Err(ApiError::new("MALFORMED_QUERY", "ids and fields must be named").into());
    };
    bound(ids.len(), IDS_MAX)?;
    let org = call.state.org.read();
    let (object, facts) = call.object(&org, name)?;
    let parsed: Vec<Option<RecordId>> =
        ids.iter().map(|id| RecordId::parse(id).filter(|id| facts.key_prefix == Some(id.prefix()))).collect();
    let known: Vec<RecordId> = parsed.iter().flatten().copied().collect();
    let mut found = retrieve(&org, object, &known, Some(&fields), &call.query_options(false))?.into_iter();
    drop(org);
    let mut body = String::from("[");
    for (n, id) in parsed.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        // What is not there is null; the order is that of the ids.
        let record = if id.is_some() { found.next().flatten() } else { None };
        body.push_str(record.as_deref().unwrap_or("null"));
    }
    body.push(']');
    Ok(call.answer_text(200, body))
}

fn write(call: &Call, read: impl Fn(&Org, Map<String, Json>) -> Result<Write, ApiError>) -> Answer {
    write_with(call, false, read)
}

fn write_with(
    call: &Call,
    tell_created: bool,
    read: impl Fn(&Org, Map<String, Json>) -> Result<Write, ApiError>,
) -> Answer {
    let (body, files) = body(call)?;
    let all_or_none = flag(&body, "allOrNone")?.unwrap_or(false);
    let Some(Json::Array(records)) = member(&body, "records") else {
        return Err(ApiError::new("JSON_PARSER_ERROR", "records must be a list").into());
    };
    bound(records.len(), RECORDS_MAX)?;
    let mut org = call.state.org.write();
    let mut writes = Vec::with_capacity(records.len());
    for record in records {
        let Json::Object(members) = record else {
            return Err(ApiError::new("JSON_PARSER_ERROR", "each of records must be an object").into());
        };
        let file = file_of(members, &files);
        let mut write = read(&org, members.clone());
        if let (Some((field, bytes)), Ok(Write::Create { fields, .. } | Write::Update { fields, .. })) =
            (file, &mut write)
        {
            fields.push((field, Input::Blob(org.store.blobs.put(bytes))));
        }
        writes.push(write);
    }
    check_chunks(&writes)?;
    let results = run(&mut org, call, all_or_none, writes);
    drop(org);
    Ok(call.answer(200, &Json::Array(results.into_iter().map(|r| item(r, tell_created)).collect())))
}

/// The body: JSON, or JSON with the files that its records name in parts beside it.
fn body(call: &Call) -> Result<(Map<String, Json>, Vec<Part>), ApiError> {
    if !call.content_type().starts_with("multipart/") {
        return Ok((call.json_object()?, Vec::new()));
    }
    let header = call.header(http::header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let malformed = |what: &str| ApiError::new("POST_BODY_PARSE_ERROR", what);
    let boundary = multipart::boundary(header).ok_or_else(|| malformed("The multipart boundary is missing"))?;
    let mut parts = multipart::parse(&call.body, boundary)?;
    if parts.is_empty() {
        return Err(malformed("The part with the collection is missing"));
    }
    let first = parts.remove(0);
    match serde_json::from_slice(&first.data).map_err(|e| unreadable(&first.data, &e))? {
        Json::Object(members) => Ok((members, parts)),
        _ => Err(ApiError::new("JSON_PARSER_ERROR", "The first part must be a JSON object.")),
    }
}

/// The field and the bytes of the file that a record's attributes name.
fn file_of(record: &Map<String, Json>, files: &[Part]) -> Option<(String, bytes::Bytes)> {
    let attributes = member(record, "attributes")?.as_object()?;
    let text = |name: &str| member(attributes, name).and_then(Json::as_str);
    let (part, field) = (text("binaryPartName")?, text("binaryPartNameAlias")?);
    let found = files.iter().find(|file| file.name == part)?;
    Some((field.to_owned(), found.data.clone()))
}

/// Runs of records of one object are bounded.
fn check_chunks(writes: &[Result<Write, ApiError>]) -> Result<(), ApiErrors> {
    let objects: Vec<_> = writes
        .iter()
        .flatten()
        .map(|write| match write {
            Write::Create { object, .. }
            | Write::Update { object, .. }
            | Write::Upsert { object, .. }
            | Write::Delete { object, .. }
            | Write::HardDelete { object, .. }
            | Write::Undelete { object, .. } => *object,
        })
        .collect();
    if objects.chunk_by(|a, b| a == b).count() > CHUNKS_MAX {
        let message = format!(
            "Cannot have more than {CHUNKS_MAX} chunks in a single operation. Please rearrange the data to reduce chunking."
        );
        return Err(ApiError::new("TOO_MANY_CHUNKS", message).into());
    }
    Ok(())
}

/// Does the writes that could be read, in one transaction; the others have failed already.
fn run(org: &mut Org, call: &Call, all_or_none: bool, writes: Vec<Result<Write, ApiError>>) -> Vec<WriteResult> {
    if all_or_none && writes.iter().any(Result::is_err) {
        return writes
            .into_iter()
            .map(|write| match write {
                Err(error) => Err(vec![error]),
                Ok(_) => Err(vec![ApiError::new(
                    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                    "Record rolled back because not all records were valid and the request was using AllOrNone header",
                )]),
            })
            .collect();
    }
    let (mut ready, mut failed) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Ok(write) => {
                ready.push(write);
                failed.push(None);
            }
            Err(error) => failed.push(Some(error)),
        }
    }
    let mut done = org.write_with(&call.write_context(all_or_none), call.write_options(), ready).into_iter();
    failed
        .into_iter()
        .filter_map(|error| match error {
            Some(error) => Some(Err(vec![error])),
            None => done.next(),
        })
        .collect()
}

fn item(result: WriteResult, tell_created: bool) -> Json {
    match result {
        Ok(saved) => {
            let mut item =
                json!({ "id": saved.id.to_string(), "success": true, "errors": super::record::notes(saved.id) });
            if tell_created && let Some(members) = item.as_object_mut() {
                members.insert("created".into(), json!(saved.created));
            }
            item
        }
        Err(errors) => {
            let rolled_back = match errors.as_slice() {
                [only] if only.code == "ALL_OR_NONE_OPERATION_ROLLED_BACK" => only.ids.first().copied(),
                _ => None,
            };
            let errors: Vec<Json> = errors.iter().map(item_error).collect();
            // What was rolled back still says which record it was.
            match rolled_back {
                Some(id) => json!({ "id": id.to_string(), "success": false, "errors": errors }),
                None => json!({ "success": false, "errors": errors }),
            }
        }
    }
}

/// An error of one record. `NOT_FOUND` is of HTTP and no status code of a record: a record that is not there is told by
/// the words of SOAP and Bulk.
fn item_error(error: &ApiError) -> Json {
    let (code, message) = error.of_record();
    json!({ "statusCode": code, "message": message, "fields": error.fields })
}

/// The object that a record's `attributes` name, and its members without them.
fn typed(org: &Org, mut members: Map<String, Json>) -> Result<(crate::schema::ObjectId, Map<String, Json>), ApiError> {
    let attributes = members.shift_remove("attributes");
    let name = attributes.as_ref().and_then(|a| a.get("type")).and_then(Json::as_str);
    let Some(name) = name else {
        return Err(ApiError::new("INVALID_TYPE", "attributes.type must name the object of each record"));
    };
    let unknown = || ApiError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported."));
    let (object, _) = org.schema.find(name).ok_or_else(unknown)?;
    Ok((object, members))
}

/// `id` or `Id`, taken out.
fn take_id(members: &mut Map<String, Json>) -> Option<String> {
    let name = members.keys().find(|k| k.eq_ignore_ascii_case("id")).cloned()?;
    match members.shift_remove(&name)? {
        Json::String(text) if !text.is_empty() => Some(text),
        Json::Null | Json::String(_) => None,
        other => Some(other.to_string()),
    }
}

fn id_of(text: &str) -> Result<RecordId, ApiError> {
    RecordId::parse(text).ok_or_else(|| malformed(text))
}

fn malformed(text: &str) -> ApiError {
    ApiError::new("MALFORMED_ID", format!("malformed id {text}")).field("Id")
}

fn bound(n: usize, max: usize) -> Result<(), ApiErrors> {
    if n <= max {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {max} records into this call");
    Err(ApiError::new("EXCEEDED_ID_LIMIT", message).into())
}
