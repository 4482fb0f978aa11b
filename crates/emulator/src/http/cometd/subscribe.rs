//! Subscribing and unsubscribing.

use serde_json::{Value as Json, json};

use super::client::{SUBSCRIPTIONS_MAX, Subscription};
use super::errors;
use super::message::Message;
use super::meta::Request;
use crate::Org;
use crate::dml::{Input, Write, WriteContext};
use crate::events::{ReplayId, Start, Topic, generic, push_topic};

/// Answers `/meta/subscribe`.
pub(super) fn subscribe(request: &Request, message: &Message) -> Json {
    let client = match request.client(message) {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let channels = message.subscriptions();
    if channels.is_empty() {
        return Json::Object(message.failure(errors::NO_CHANNEL_NAME));
    }
    let mut made = Vec::with_capacity(channels.len());
    for channel in channels {
        match find(request, message, channel) {
            Ok(subscription) => made.push(subscription),
            Err(error) => return Json::Object(message.failure(&error)),
        }
    }
    let mut state = client.state.lock();
    for (subscription, explicit) in made {
        let full = state.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        match state.subscriptions.iter_mut().find(|s| s.channel == subscription.channel) {
            // Subscribed again: from another place only where one is named.
            Some(known) if explicit => *known = subscription,
            Some(_) => {}
            None if full => {
                return Json::Object(message.failure(errors::TOPIC_LIMIT));
            }
            None => state.subscriptions.push(subscription),
        }
    }
    drop(state);
    // A connect that is held already looks again: there may be stored events.
    client.told.notify_waiters();
    Json::Object(message.answer(true))
}

/// The subscription to a channel, and whether the client says where it starts.
fn find(request: &Request, message: &Message, channel: &str) -> Result<(Subscription, bool), String> {
    if channel.is_empty() {
        return Err(errors::NO_CHANNEL_NAME.to_owned());
    }
    if !channel.starts_with('/') {
        return Err(errors::NO_SLASH.to_owned());
    }
    let (name, query) = channel.split_once('?').map_or((channel, None), |(name, query)| (name, Some(query)));
    let now = request.state.now();
    let mut org = request.state.org.write();
    let org = &mut *org;
    let topic = match Topic::of(org, name) {
        Some(topic) => topic,
        None if name.starts_with("/u/") => dynamic(request, org, name)?,
        None if ["/data/", "/event/", "/topic/"].iter().any(|p| name.starts_with(p)) => {
            return Err(errors::no_such_channel(name));
        }
        None => return Err(errors::cannot_create(name)),
    };
    let filter = match (&topic, query) {
        (_, None) => Vec::new(),
        (Topic::Push(topic), Some(query)) => read_filter(org, topic, query)?,
        (_, Some(_)) => return Err(errors::no_such_channel(channel)),
    };
    let given = message.replay(name).or_else(|| message.replay(channel));
    let start = match given {
        None => Start::Latest,
        Some(value) => match value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok())) {
            Some(-1) => Start::Latest,
            Some(-2) => Start::Earliest,
            Some(id) if id >= 0 => Start::After(ReplayId(id.unsigned_abs())),
            _ => return Err(errors::replay_invalid(&shown(value))),
        },
    };
    org.events.advance(now, &org.settings);
    let cursor = org.events.start_on(&topic, start);
    let cursor = cursor.map_err(|_| errors::replay_invalid(&given.map(shown).unwrap_or_default()))?;
    Ok((Subscription { channel: channel.to_owned(), topic, cursor, filter }, given.is_some()))
}

fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A generic channel that is made because somebody subscribes to it, where the org is set up so.
fn dynamic(request: &Request, org: &mut Org, name: &str) -> Result<Topic, String> {
    if !org.settings.streaming.dynamic_channels {
        return Err(errors::UNKNOWN_CHANNEL.to_owned());
    }
    let Some((object, _)) = org.schema.find(generic::OBJECT) else { return Err(errors::UNKNOWN_CHANNEL.to_owned()) };
    let user = request.user().ok_or_else(|| errors::AUTHENTICATION_INVALID.to_owned())?;
    let context = WriteContext { now: request.state.now(), user, origin: String::new(), all_or_none: true };
    let fields = vec![("Name".to_owned(), Input::Json(json!(name)))];
    let made = org.write(&context, vec![Write::Create { object, fields }]);
    match made.first() {
        Some(Ok(_)) => Ok(Topic::Generic(name.to_owned())),
        _ => Err(errors::cannot_create(name)),
    }
}

/// `Industry='Energy'&City='Oslo'`: a record is told where one of them fits.
fn read_filter(org: &Org, topic: &str, query: &str) -> Result<Vec<(String, String)>, String> {
    let selected = push_topic::field_names(org, topic).unwrap_or_default();
    let mut filter = Vec::new();
    let mut unknown = Vec::new();
    for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (name, value) = (decode(name.trim()), decode(value.trim()));
        let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).unwrap_or(&value).to_owned();
        match selected.iter().find(|field| field.eq_ignore_ascii_case(&name)) {
            Some(field) => filter.push((field.clone(), value)),
            None => unknown.push(name),
        }
    }
    if unknown.is_empty() { Ok(filter) } else { Err(errors::no_such_fields(&unknown)) }
}

/// Answers `/meta/unsubscribe`. What was not subscribed to is no error.
pub(super) fn unsubscribe(request: &Request, message: &Message) -> Json {
    let client = match request.client(message) {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let channels = message.subscriptions();
    if channels.is_empty() {
        return Json::Object(message.failure(errors::NO_CHANNEL_NAME));
    }
    client.state.lock().subscriptions.retain(|s| !channels.contains(&s.channel.as_str()));
    Json::Object(message.answer(true))
}
