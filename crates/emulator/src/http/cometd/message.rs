//! Bayeux messages, as a client sends them.

use serde_json::{Map, Value as Json, json};

/// One message of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    members: Map<String, Json>,
}

impl Message {
    /// Reads a request's body: a list of messages, or one. `None` for anything else.
    pub(super) fn read(body: &[u8]) -> Option<Vec<Self>> {
        let all = match serde_json::from_slice(body).ok()? {
            Json::Array(all) => all,
            one @ Json::Object(_) => vec![one],
            _ => return None,
        };
        let all = all.into_iter().map(|message| match message {
            Json::Object(members) => Some(Self { members }),
            _ => None,
        });
        all.collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.members.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str)
    }

    pub(super) fn channel(&self) -> &str {
        self.text("channel").unwrap_or_default()
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.text("clientId").filter(|id| !id.is_empty())
    }

    /// `advice.timeout`, milliseconds.
    pub(super) fn timeout(&self) -> Option<i64> {
        self.get("advice")?.get("timeout")?.as_i64()
    }

    /// What the replay extension says of a channel. Clients send their whole map; only this channel's counts.
    pub(super) fn replay(&self, channel: &str) -> Option<&Json> {
        self.get("ext")?.get("replay")?.get(channel)
    }

    /// The channels of a subscription: one, or a list.
    pub(super) fn subscriptions(&self) -> Vec<&str> {
        match self.get("subscription") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// An answer to this message: its channel and its id as it came.
    pub(super) fn answer(&self, successful: bool) -> Map<String, Json> {
        let mut out = Map::new();
        if let Some(client) = self.client_id() {
            out.insert("clientId".into(), json!(client));
        }
        out.insert("channel".into(), json!(self.channel()));
        if let Some(id) = self.get("id") {
            out.insert("id".into(), id.clone());
        }
        if let Some(subscription) = self.get("subscription") {
            out.insert("subscription".into(), subscription.clone());
        }
        out.insert("successful".into(), json!(successful));
        out
    }

    /// An answer that says what went wrong.
    pub(super) fn failure(&self, error: &str) -> Map<String, Json> {
        let mut out = self.answer(false);
        out.insert("error".into(), json!(error));
        out
    }
}
