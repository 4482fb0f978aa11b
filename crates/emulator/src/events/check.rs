//! What the records that are channels must keep to: PushTopics and StreamingChannels.

use super::{generic, push_topic};
use crate::ApiError;
use crate::query::QueryOptions;
use crate::schema::{ObjectId, ObjectType, Schema};
use crate::settings::Settings;
use crate::store::{Store, Values};

/// Checks a record that is about to be saved, where it is a channel.
///
/// # Errors
/// A query that cannot be watched, a name that is no channel's.
pub(crate) fn check_channel(
    schema: &Schema,
    store: &Store,
    facts: &ObjectType,
    values: &Values,
    options: &QueryOptions,
) -> Result<(), Vec<ApiError>> {
    match facts.name.as_str() {
        push_topic::OBJECT => push_topic::check(schema, store, facts, values, options),
        generic::OBJECT => generic::check(facts, values),
        _ => Ok(()),
    }
}

/// Checks that there is room for one more PushTopic, where one is about to be made.
///
/// # Errors
/// `LIMIT_EXCEEDED`.
pub(crate) fn check_count(
    store: &Store,
    settings: &Settings,
    object: ObjectId,
    facts: &ObjectType,
) -> Result<(), Vec<ApiError>> {
    let most = settings.streaming.push_topics;
    if facts.name != push_topic::OBJECT || store.table(object).is_none_or(|table| table.live_len() < most) {
        return Ok(());
    }
    Err(vec![ApiError::new("LIMIT_EXCEEDED", format!("The org has reached its limit of {most} push topics"))])
}
