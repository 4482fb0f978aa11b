//! Events over REST: schemas of change events and platform events, and pushing to generic channels.

use serde_json::{Value as Json, json};

use super::Answer;
use super::call::{Call, Verb};
use crate::events::{EventSchema, Topic, generic};
use crate::http::ApiErrors;
use crate::{ApiError, RecordId};

/// Events of one push. Not a bound that is documented.
const EVENTS_MAX: usize = 200;

/// `/event` and all below.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    match below {
        ["eventschema", _] if call.verb == Verb::Get => schema(call, call.path.get(2).map_or("", String::as_str)),
        ["eventschema", _] => Err(super::not_allowed(call, "GET,HEAD").into()),
        _ => Err(super::not_found().into()),
    }
}

/// `GET /event/eventSchema/{id}?payloadFormat=EXPANDED|COMPACT`.
fn schema(call: &Call, id: &str) -> Answer {
    let found = call.state.org.read().events.schema(id).cloned();
    let schema =
        found.ok_or_else(|| ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404))?;
    answer(call, &schema)
}

/// `GET /sobjects/{event}/eventSchema`: the schema that events have now.
pub(super) fn schema_of(call: &Call, event: &str) -> Answer {
    let mut org = call.state.org.write();
    let org = &mut *org;
    let topic = ["/data/", "/event/"].iter().find_map(|prefix| Topic::find(&org.schema, &format!("{prefix}{event}")));
    let schema = topic.and_then(|topic| org.events.know(&org.schema, &topic)).ok_or_else(super::not_found)?;
    answer(call, &schema)
}

fn answer(call: &Call, schema: &EventSchema) -> Answer {
    let invalid = |_| ApiError::new("UNKNOWN_EXCEPTION", "The event schema can't be shown").status(500);
    let mut record: Json = serde_json::from_str(&schema.json).map_err(invalid)?;
    match call.param("payloadFormat").map(str::to_ascii_uppercase).as_deref() {
        Some("COMPACT") => {}
        None | Some("EXPANDED") => {
            let position =
                json!({ "type": "record", "name": "Event", "fields": [{ "name": "replayId", "type": "long" }] });
            record = json!({
                "name": record.get("name"),
                "namespace": "com.sforce.eventbus",
                "type": "record",
                "fields": [
                    { "name": "data", "type": { "type": "record", "name": "Data", "fields": [
                        { "name": "schema", "type": "string" },
                        { "name": "payload", "type": payload(record) },
                        { "name": "event", "type": position },
                    ] } },
                    { "name": "channel", "type": "string" },
                ],
            });
        }
        Some(other) => {
            let message = format!("payloadFormat must be EXPANDED or COMPACT, not {other}");
            return Err(ApiError::new("INVALID_FIELD", message).into());
        }
    }
    if let Some(members) = record.as_object_mut() {
        members.insert("uuid".into(), json!(schema.id));
    }
    Ok(call.answer(200, &record))
}

/// The record of the payload, under a name of its own within the whole message.
fn payload(mut record: Json) -> Json {
    if let Some(members) = record.as_object_mut() {
        members.insert("name".into(), json!("Payload"));
        members.shift_remove("namespace");
    }
    record
}

fn channel_id(text: &str) -> Result<RecordId, ApiErrors> {
    RecordId::parse(text).ok_or_else(|| super::not_found().into())
}

/// `GET /sobjects/StreamingChannel/{id}/push`: who listens.
pub(super) fn listeners(call: &Call, id: &str) -> Answer {
    let name = generic::name(&call.state.org.read(), channel_id(id)?)?;
    let users = call.state.cometd.listeners(&name);
    let users: Vec<String> = users.iter().map(RecordId::to_string).collect();
    Ok(call.answer(200, &json!({ "OnlineUserIds": users, "ChannelName": name })))
}

/// `POST /sobjects/StreamingChannel/{id}/push`: `{"pushEvents":[{"payload","userIds"}]}`.
pub(super) fn push(call: &Call, id: &str) -> Answer {
    let id = channel_id(id)?;
    let body = call.json_object()?;
    let events = body.get("pushEvents").and_then(Json::as_array);
    let events = events.ok_or_else(|| ApiError::new("JSON_PARSER_ERROR", "pushEvents must be a list"))?;
    if events.len() > EVENTS_MAX {
        let message = format!("record limit reached. cannot submit more than {EVENTS_MAX} records into this call");
        return Err(ApiError::new("EXCEEDED_ID_LIMIT", message).into());
    }
    let name = generic::name(&call.state.org.read(), id)?;
    // Before the org is held: a client that reads holds itself first.
    let online = call.state.cometd.listeners(&name);
    let mut org = call.state.org.write();
    let mut results = Vec::with_capacity(events.len());
    for event in events {
        let payload = event.get("payload").and_then(Json::as_str);
        let payload = payload.ok_or_else(|| ApiError::new("JSON_PARSER_ERROR", "payload must be a text"))?;
        let named = event.get("userIds").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let mut users = Vec::with_capacity(named.len());
        for user in named {
            let text = user.as_str().unwrap_or_default();
            let malformed = || ApiError::new("MALFORMED_ID", format!("malformed id {text}")).field("userIds");
            users.push(RecordId::parse(text).ok_or_else(malformed)?);
        }
        let status: serde_json::Map<String, Json> =
            users.iter().map(|user| (user.to_string(), json!(online.contains(user)))).collect();
        // A broadcast is not counted.
        let count =
            if users.is_empty() { -1 } else { users.iter().filter(|user| online.contains(user)).count() as i64 };
        generic::push(&mut org, call.state.now(), id, payload, users)?;
        results.push(json!({ "fanoutCount": count, "userOnlineStatus": status }));
    }
    drop(org);
    Ok(call.answer(200, &Json::Array(results)))
}
