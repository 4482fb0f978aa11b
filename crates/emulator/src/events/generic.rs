//! Generic events: texts pushed to a StreamingChannel.

use super::entry::{Body, GenericEvent};
use crate::schema::ObjectType;
use crate::store::Values;
use crate::{ApiError, Millis, Org, RecordId, Value};

/// The object that is a generic channel.
pub(crate) const OBJECT: &str = "StreamingChannel";
/// Longest payload, characters (documented).
const PAYLOAD_MAX: usize = 3_000;

/// Checks a channel that is about to be saved. The words of the refusal are unconfirmed.
///
/// # Errors
/// A name that does not begin with `/u/`, or has nothing after it.
pub(super) fn check(facts: &ObjectType, values: &Values) -> Result<(), Vec<ApiError>> {
    let Some((field, _)) = facts.field("Name") else { return Ok(()) };
    let named = |value: &Value| value.as_text().is_none_or(|name| name.len() > 3 && name.starts_with("/u/"));
    if values.get(&field).is_none_or(named) {
        return Ok(());
    }
    let message = "Streaming Channel Name: the name must begin with /u/";
    Err(vec![ApiError::new("INVALID_FIELD", message).field("Name")])
}

/// The channel of this name, whose case matters.
pub(super) fn find(org: &Org, name: &str) -> Option<RecordId> {
    let (object, facts) = org.schema.find(OBJECT)?;
    let (field, _) = facts.field("Name")?;
    let found = org.store.find_by(object, field, &Value::Text(name.to_owned()));
    let exact = |id: &RecordId| org.store.live(object, *id).is_some_and(|row| row.get(field).as_text() == Some(name));
    found.into_iter().find(exact)
}

/// The name of the channel with this id.
///
/// # Errors
/// No such channel.
pub fn name(org: &Org, id: RecordId) -> Result<String, ApiError> {
    let missing = || ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404);
    let (object, facts) = org.schema.find(OBJECT).ok_or_else(missing)?;
    let row = org.store.live(object, id).ok_or_else(missing)?;
    let (field, _) = facts.field("Name").ok_or_else(missing)?;
    row.get(field).as_text().map(str::to_owned).ok_or_else(missing)
}

/// Pushes a text to a channel, for these users or for all.
///
/// # Errors
/// No such channel, a text that is too long.
pub fn push(org: &mut Org, now: Millis, id: RecordId, payload: &str, users: Vec<RecordId>) -> Result<(), ApiError> {
    let channel = name(org, id)?;
    if payload.chars().count() > PAYLOAD_MAX {
        let message = format!("The payload is longer than {PAYLOAD_MAX} characters");
        return Err(ApiError::new("STRING_TOO_LONG", message).field("payload"));
    }
    let event = GenericEvent { channel: channel.into(), payload: payload.into(), users: users.into() };
    org.events.store(now, &org.settings, vec![Body::Generic(event)]);
    Ok(())
}
