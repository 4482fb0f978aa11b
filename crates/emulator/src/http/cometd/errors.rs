//! Bayeux errors, word for word.

use serde_json::{Map, Value as Json, json};

pub(super) const AUTHENTICATION_INVALID: &str = "401::Authentication invalid";
pub(super) const AUTHENTICATION_REQUIRED: &str = "401::Request requires authentication";
pub(super) const HANDSHAKE_DENIED: &str = "403::Handshake denied";
pub(super) const NO_HANDSHAKE: &str = "403::Client has not completed handshake";
pub(super) const UNKNOWN_CLIENT: &str = "403::Unknown client";
pub(super) const OTHER_USER: &str = "400::Authenticated user id does not match the session's user id";
pub(super) const TOO_MANY_CLIENTS: &str = "403::Organization concurrent user limit exceeded";
pub(super) const DAILY_LIMIT: &str = "403::Organization total events daily limit exceeded";
pub(super) const TOO_BUSY: &str = "503::Server is too busy. Please try your request again later.";
pub(super) const NO_CHANNEL_NAME: &str = "400::Channel name not specified";
pub(super) const NO_SLASH: &str = "400::Channel subscriptions must start with a leading '/'";
pub(super) const TOPIC_LIMIT: &str = "403::Subscription limit exceeded for this topic";
pub(super) const UNKNOWN_CHANNEL: &str = "404::Unknown channel";
/// CometD's own word for what its security policy refuses: clients do not publish here.
pub(super) const PUBLISH_DENIED: &str = "403:denied_by_security_policy:publish_denied";

pub(super) fn no_cookie(client: &str, cookie: &str) -> String {
    format!("400::Client {client} has established a session, but no {cookie} cookie present")
}

pub(super) fn connection_type(ty: &str) -> String {
    format!("400::Invalid connection type {ty}")
}

pub(super) fn no_such_channel(channel: &str) -> String {
    format!("400::The channel you requested to subscribe to doesn't exist {channel}")
}

pub(super) fn cannot_create(channel: &str) -> String {
    format!("403::Cannot create channel {channel}")
}

pub(super) fn replay_invalid(id: &str) -> String {
    format!(
        "400::The replayId {id} you provided was invalid. Please provide a valid ID, -2 to replay all events, or -1 to \
         replay only new events."
    )
}

pub(super) fn no_such_fields(fields: &[String]) -> String {
    format!("400::Query fields {} do not exist on the topic entity", fields.join(","))
}

/// The answer with the advice to begin anew.
pub(super) fn begin_anew(mut answer: Map<String, Json>) -> Json {
    answer.insert("advice".into(), json!({ "interval": 0, "reconnect": "handshake" }));
    Json::Object(answer)
}

/// The answer with the advice to stop, and the reason where it is another than the error says.
pub(super) fn stop(mut answer: Map<String, Json>, reason: Option<&str>) -> Json {
    answer.insert("advice".into(), json!({ "reconnect": "none" }));
    if let Some(reason) = reason {
        answer.insert("ext".into(), json!({ "sfdc": { "failureReason": reason } }));
    }
    Json::Object(answer)
}
