//! PushTopics and generic channels (Streaming API Developer Guide): older than change events, and still what some orgs
//! are built on. Both are sObjects; their events come by CometD only.

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::Events;
use crate::{
    call::{Call, decode_json, escape, get, with_json},
    client::Client,
    error::Error,
    rest::{Create, Delete, Update},
    version::ApiVersion,
};

/// Longest name and query of a PushTopic, characters.
const NAME_MAX: usize = 25;
const QUERY_MAX: usize = 1_300;
/// Longest payload of a generic event, characters.
const PAYLOAD_MAX: usize = 3_000;

/// Which changed fields make a record worth a notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotifyFor {
    /// Any field, where the record matches the WHERE clause.
    All,
    /// A field of the SELECT or the WHERE clause.
    #[default]
    Referenced,
    /// A field of the SELECT clause.
    Select,
    /// A field of the WHERE clause.
    Where,
}

/// A query whose records are told about as they change. Followed as `/topic/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PushTopic {
    /// The record's id; `None` before it is created.
    #[serde(default, skip_serializing)]
    pub id: Option<String>,
    /// At most 25 characters; upper and lower case are told apart.
    pub name: String,
    /// SOQL of one object with `Id` among its fields; no aggregates, relationships, ORDER BY or LIMIT.
    pub query: String,
    /// Decides the form of the fields.
    pub api_version: f64,
    /// Tell about new records.
    pub notify_for_operation_create: bool,
    /// Tell about changed records.
    pub notify_for_operation_update: bool,
    /// Tell about deleted records.
    pub notify_for_operation_delete: bool,
    /// Tell about records that were brought back.
    pub notify_for_operation_undelete: bool,
    /// Which changed fields count.
    pub notify_for_fields: NotifyFor,
    /// Whether it tells anything.
    pub is_active: bool,
    /// At most 400 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl PushTopic {
    /// All operations, fields as referenced.
    pub fn new(name: impl Into<String>, query: impl Into<String>, api: ApiVersion) -> PushTopic {
        PushTopic {
            id: None,
            name: name.into(),
            query: query.into(),
            api_version: f64::from(api.major()),
            notify_for_operation_create: true,
            notify_for_operation_update: true,
            notify_for_operation_delete: true,
            notify_for_operation_undelete: true,
            notify_for_fields: NotifyFor::default(),
            is_active: true,
            description: None,
        }
    }

    /// The channel to subscribe to.
    pub fn channel(&self) -> String {
        format!("/topic/{}", self.name)
    }

    /// What can be known without the org: lengths, and whether the query is one.
    ///
    /// # Errors
    /// [`Error::Config`] in words.
    pub fn check(&self) -> Result<(), Error> {
        let refused = |message: String| Err(Error::Config { message, hint: None });
        let (name, query) = (self.name.chars().count(), self.query.chars().count());
        if name == 0 || name > NAME_MAX {
            return refused(format!(
                "a PushTopic's name has 1 to {NAME_MAX} characters, and `{}` has {name}",
                self.name
            ));
        }
        if query > QUERY_MAX {
            return refused(format!(
                "a PushTopic's query has at most {QUERY_MAX} characters, and this one has {query}"
            ));
        }
        match tidegate_soql::parse(&self.query) {
            Ok(_) => Ok(()),
            Err(error) => refused(format!("the PushTopic's query cannot be read: {error}")),
        }
    }
}

/// The org's PushTopics. Made by [`Events::push_topics`].
#[derive(Clone, Debug)]
pub struct PushTopics {
    client: Client,
}

impl PushTopics {
    /// All of them, by name.
    pub async fn list(&self) -> Result<Vec<PushTopic>, Error> {
        let soql = "SELECT Id, Name, Query, ApiVersion, NotifyForOperationCreate, NotifyForOperationUpdate, \
                    NotifyForOperationDelete, NotifyForOperationUndelete, NotifyForFields, IsActive, Description \
                    FROM PushTopic ORDER BY Name";
        self.client.query_as::<PushTopic>(soql).try_collect().await
    }

    /// Makes one; gives its id. Not sent again when the answer is lost: names are unique, so that a second one would be
    /// refused.
    ///
    /// # Errors
    /// What [`PushTopic::check`] or the org finds: `INVALID_FIELD` with the rule that the query breaks.
    pub async fn create(&self, topic: &PushTopic) -> Result<String, Error> {
        topic.check()?;
        Ok(self.client.send(&Create { object: "PushTopic".into(), fields: topic }).await?.id)
    }

    /// Changes one, by its id.
    ///
    /// # Errors
    /// As [`PushTopics::create`].
    pub async fn update(&self, id: &str, topic: &PushTopic) -> Result<(), Error> {
        topic.check()?;
        self.client.send(&Update { object: "PushTopic".into(), id: id.to_owned(), fields: topic }).await
    }

    /// Deletes one, by its id.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        self.client.send(&Delete { object: "PushTopic".into(), id: id.to_owned() }).await
    }
}

/// Pushes a text to the subscribers of a generic channel: `POST /sobjects/StreamingChannel/{id}/push`. Its reply is the
/// number of subscribers reached: -1 for a broadcast, 0 where nobody was. Not sent again when the answer was lost.
#[derive(Clone, Debug)]
pub struct Push {
    /// Id of the `StreamingChannel`.
    pub channel_id: String,
    /// At most 3,000 characters.
    pub payload: String,
    /// Only to these users; to all when empty.
    pub users: Vec<String>,
}

impl Call for Push {
    type Reply = i64;

    fn what(&self) -> String {
        "pushing a generic event".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let length = self.payload.chars().count();
        if length > PAYLOAD_MAX {
            return Err(Error::config(format!(
                "a generic event has at most {PAYLOAD_MAX} characters, and this one has {length}"
            )));
        }
        let body = json!({ "pushEvents": [{ "payload": self.payload, "userIds": self.users }] });
        with_json(Method::POST, push_path(api, &self.channel_id), &body)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<i64, Error> {
        let told: Json = decode_json(&self.what(), response.body())?;
        let count = told.get(0).and_then(|first| first.get("fanoutCount")).and_then(Json::as_i64);
        count.ok_or_else(|| Error::unexpected(self.what(), "no fanoutCount"))
    }
}

/// Who listens to a generic channel: `GET /sobjects/StreamingChannel/{id}/push`. Its reply is the users' ids.
#[derive(Clone, Debug)]
pub struct OnlineUsers {
    /// Id of the `StreamingChannel`.
    pub channel_id: String,
}

impl Call for OnlineUsers {
    type Reply = Vec<String>;

    fn what(&self) -> String {
        "asking who listens to a generic channel".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(push_path(api, &self.channel_id))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            online_user_ids: Vec<String>,
        }
        Ok(decode_json::<Told>(&self.what(), response.body())?.online_user_ids)
    }
}

fn push_path(api: ApiVersion, id: &str) -> String {
    format!("{}/sobjects/StreamingChannel/{}/push", api.base_path(), escape(id))
}

impl Events {
    /// The org's PushTopics.
    pub fn push_topics(&self) -> PushTopics {
        PushTopics { client: self.client.clone() }
    }

    /// Makes a generic channel, such as `/u/notifications/Demo`; gives its id, to [`Push`] to.
    pub async fn create_generic_channel(&self, name: &str) -> Result<String, Error> {
        if !name.starts_with("/u/") || name.len() < 4 {
            return Err(Error::config(format!("a generic channel's name begins with /u/, and `{name}` does not")));
        }
        let fields = Map::from_iter([("Name".to_owned(), json!(name))]);
        Ok(self.client.send(&Create { object: "StreamingChannel".into(), fields }).await?.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn a_topic_is_checked_before_it_is_sent() {
        let topic = |name: &str, query: &str| PushTopic::new(name, query, V66).check();
        assert!(topic("Big", "SELECT Id, Name FROM Account WHERE AnnualRevenue > 5").is_ok());
        for (name, query, words) in [
            ("", "SELECT Id FROM Account", "1 to 25 characters"),
            ("12345678901234567890123456", "SELECT Id FROM Account", "has 26"),
            ("Big", "SELECT Id FROMM Account", "cannot be read"),
            ("Big", &format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(1300)), "1300 characters"),
        ] {
            let error = topic(name, query).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn requests_are_as_documented() {
        let push = Push { channel_id: "0M6".into(), payload: "hello".into(), users: vec![] };
        let request = push.request(V66).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/sobjects/StreamingChannel/0M6/push");
        assert_eq!(request.body().as_ref(), br#"{"pushEvents":[{"payload":"hello","userIds":[]}]}"#);
        let answer = http::Response::new(Bytes::from_static(br#"[{"fanoutCount":-1,"userOnlineStatus":{}}]"#));
        assert_eq!(push.reply(answer).unwrap(), -1);
        let long = Push { payload: "x".repeat(3001), ..push };
        assert!(long.request(V66).is_err());
        let topic = PushTopic::new("Big", "SELECT Id FROM Account", V66);
        let written = serde_json::to_value(&topic).unwrap();
        assert_eq!(written["NotifyForFields"], "Referenced");
        assert!(written.get("Id").is_none() && written["ApiVersion"] == 66.0);
    }
}
