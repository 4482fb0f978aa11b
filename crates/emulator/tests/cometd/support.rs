//! An emulator with a platform event, and a Bayeux client written from the protocol.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tidegate_emulator::schema::{Field, ObjectType};
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;
use tidegate_emulator::{Millis, RecordId};

use super::common::{Running, answer};

pub(crate) const T0: Millis = 1_769_847_342_123;

/// Long enough for a loaded machine; nothing waits so long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An emulator with `Order__e` and time standing still.
pub(crate) async fn start(set: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings::default();
    set(&mut settings);
    let running = Running::start(Config { frozen_at: Some(T0), settings, ..Config::default() }).await;
    {
        let mut org = running.emulator.org().write();
        let mut schema = tidegate_emulator::schema::Schema::clone(&org.schema);
        schema.put(
            ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00")
                .with(Field::text("Number__c", "Number", 80).required())
                .with(Field::number("Total__c", "Total", 18, 2))
                .with(Field::checkbox("Paid__c", "Paid", false))
                .with(Field::date("Due__c", "Due")),
        );
        org.schema = std::sync::Arc::new(schema);
    }
    running
}

/// A client with its own cookies.
pub(crate) struct Bayeux {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) cookie: Option<String>,
    pub(crate) id: String,
    pub(crate) sent: u64,
}

impl Bayeux {
    /// One that has not shaken hands.
    pub(crate) fn new(running: &Running) -> Self {
        Self {
            http: running.http.clone(),
            url: running.url("/cometd/66.0"),
            token: running.emulator.credentials().access_token.clone(),
            cookie: None,
            id: String::new(),
            sent: 0,
        }
    }

    /// One that has shaken hands and connected once.
    pub(crate) async fn connected(running: &Running) -> Self {
        let mut client = Self::new(running);
        client.handshake().await;
        let [connect] = &client.connect(Some(0)).await[..] else { panic!("one answer") };
        assert_eq!(connect["successful"], true, "{connect}");
        client
    }

    pub(crate) async fn handshake(&mut self) -> Json {
        let [answer] = &self
            .send(json!([{ "channel": "/meta/handshake", "id": "1", "version": "1.0", "minimumVersion": "1.0",
                "supportedConnectionTypes": ["long-polling"], "ext": { "replay": true } }]))
            .await[..]
        else {
            panic!("one answer")
        };
        self.id = answer["clientId"].as_str().unwrap_or_default().to_owned();
        answer.clone()
    }

    /// Sends messages as they are.
    pub(crate) async fn send(&mut self, messages: Json) -> Vec<Json> {
        let (status, answers) = self.post("", &messages.to_string()).await;
        assert_eq!(status, 200, "{answers}");
        answers.as_array().unwrap().clone()
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> (u16, Json) {
        let mut request = self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let response = tokio::time::timeout(PATIENCE, request.body(body.to_owned()).send()).await.unwrap().unwrap();
        let set: Vec<String> = response
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|v| v.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect();
        if !set.is_empty() {
            self.cookie = Some(set.join("; "));
        }
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Json::Null))
    }

    pub(crate) fn message(&mut self, channel: &str, more: Json) -> Json {
        self.sent += 1;
        let mut message = json!({ "channel": channel, "id": self.sent.to_string(), "clientId": self.id });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    }

    /// `timeout` 0 asks for an answer at once.
    pub(crate) async fn connect(&mut self, timeout: Option<u64>) -> Vec<Json> {
        let mut more = json!({ "connectionType": "long-polling" });
        if let Some(timeout) = timeout {
            more["advice"] = json!({ "timeout": timeout });
        }
        let message = self.message("/meta/connect", more);
        self.send(json!([message])).await
    }

    /// Subscribes, from a position or from now on; gives the answer.
    pub(crate) async fn try_subscribe(&mut self, channel: &str, replay: Option<Json>) -> Json {
        let mut more = json!({ "subscription": channel });
        if let Some(replay) = replay {
            let name = channel.split('?').next().unwrap();
            more["ext"] = json!({ "replay": { name: replay, "/data/Other": 5 } });
        }
        let message = self.message("/meta/subscribe", more);
        self.send(json!([message])).await.remove(0)
    }

    pub(crate) async fn subscribe(&mut self, channel: &str, replay: Option<i64>) {
        let answer = self.try_subscribe(channel, replay.map(|id| json!(id))).await;
        assert_eq!(answer["successful"], true, "{answer}");
        assert_eq!(answer["subscription"], channel);
    }

    /// The events that are there now.
    pub(crate) async fn events(&mut self) -> Vec<Json> {
        let mut answers = self.connect(Some(0)).await;
        let last = answers.pop().unwrap();
        assert_eq!((&last["channel"], &last["successful"]), (&json!("/meta/connect"), &json!(true)), "{last}");
        answers
    }

    /// The one event that is there now.
    pub(crate) async fn event(&mut self) -> Json {
        let events = self.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.into_iter().next().unwrap()
    }
}

/// Creates a record over REST; gives its id.
pub(crate) async fn create(running: &Running, object: &str, fields: Json) -> String {
    let (status, body) = post(running, &format!("/sobjects/{object}"), fields).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn post(running: &Running, path: &str, body: Json) -> (u16, Json) {
    answer(running.call(reqwest::Method::POST, &format!("/services/data/v66.0{path}")).json(&body)).await
}

pub(crate) async fn patch(running: &Running, object: &str, id: &str, fields: Json) {
    let path = format!("/services/data/v66.0/sobjects/{object}/{id}");
    let (status, body) = answer(running.call(reqwest::Method::PATCH, &path).json(&fields)).await;
    assert_eq!(status, 204, "{body}");
}

pub(crate) async fn delete(running: &Running, object: &str, id: &str) {
    let path = format!("/services/data/v66.0/sobjects/{object}/{id}");
    assert_eq!(answer(running.call(reqwest::Method::DELETE, &path)).await.0, 204);
}

pub(crate) async fn control(running: &Running, body: Json) -> Json {
    let (status, body) = answer(running.http.post(running.url("/__emulator/events")).json(&body)).await;
    assert_eq!(status, 200, "{body}");
    body
}

pub(crate) fn admin(running: &Running) -> RecordId {
    running.emulator.org().read().settings.admin_id
}
