//! An org, and requests to it whose answers are looked at.

use reqwest::Method;
use serde_json::Value as Json;
use tidegate_emulator::schema::{Field, NameField, ObjectType};
use tidegate_emulator::server::Config;

use crate::common::{Running, answer};

pub(crate) const DATA: &str = "/services/data/v66.0";

/// An answer: status, headers, JSON body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Json,
}

impl Reply {
    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.body[0]["errorCode"].as_str().unwrap_or_default())
    }
}

pub(crate) struct Org {
    pub(crate) running: Running,
}

impl Org {
    /// An org with accounts that have an external id and a custom object `Item__c`.
    pub(crate) async fn start() -> Self {
        let running = Running::start(Config::default()).await;
        {
            let mut org = running.emulator.org().write();
            let mut schema = (*org.schema).clone();
            assert!(schema.add_fields("Account", [Field::external_id("Ext__c", "External", 40, true)]));
            schema.put(
                ObjectType::custom("Item__c", "Item", "Items", *b"a0X", NameField::Text)
                    .with(Field::lookup("Account__c", "Account", "Account", "Items"))
                    .with(Field::number("Count__c", "Count", 8, 0)),
            );
            org.schema = std::sync::Arc::new(schema);
        }
        Self { running }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Reply {
        let path = if path.starts_with("/services") { path.to_owned() } else { format!("{DATA}{path}") };
        let mut request = self.running.call(method, &path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Json::Null);
        Reply { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Reply {
        self.send(Method::POST, path, &[], Some(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Json) -> Reply {
        self.send(Method::PATCH, path, &[], Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], None).await
    }

    pub(crate) async fn create(&self, object: &str, fields: Json) -> String {
        let made = self.post(&format!("/sobjects/{object}"), fields).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn query(&self, soql: &str) -> Vec<Json> {
        let (status, body) =
            answer(self.running.call(Method::GET, &format!("{DATA}/query")).query(&[("q", soql)])).await;
        assert_eq!(status, 200, "{soql}: {body}");
        body["records"].as_array().unwrap().clone()
    }

    /// Live records of an object, by the store itself: some objects cannot be counted without a filter.
    pub(crate) async fn count(&self, object: &str) -> u64 {
        let org = self.running.emulator.org().read();
        let (id, _) = org.schema.find(object).unwrap();
        org.store.table(id).map_or(0, |table| table.live_len() as u64)
    }

    /// Calls that were counted so far.
    pub(crate) fn calls(&self) -> u64 {
        let org = self.running.emulator.org().read();
        org.usage.requests(self.running.emulator.clock().now())
    }

    /// How many transactions and how many events the bus has seen.
    pub(crate) fn events(&self) -> u64 {
        let org = self.running.emulator.org().read();
        org.events.iter().count() as u64
    }
}
