//! Publishing by REST: up to 200 events in one call of the collections resource.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::super::Events;
use super::{EVENTS_MAX, NewEvent, PublishOutcome};
use crate::{
    budget::Kind,
    call::{Call, decode_json, with_json},
    error::{ApiError, Error, LostHow},
    version::ApiVersion,
};

/// The code with which the org says that it took an event: among `errors`, though it is none (Platform Events Developer
/// Guide). Its message is the event's UUID.
const ENQUEUED: &str = "OPERATION_ENQUEUED";

/// `POST /composite/sobjects` with events of one kind, at most 200. Never sent again when the answer was lost.
#[derive(Clone, Debug)]
pub struct PublishEvents {
    /// API name of the event, such as `Order_Event__e`.
    pub event: String,
    /// The fields of each.
    pub events: Vec<Map<String, Json>>,
}

#[derive(Deserialize)]
struct Saved {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
}

impl Call for PublishEvents {
    type Reply = Vec<PublishOutcome>;

    fn what(&self) -> String {
        format!("publishing {}", self.event)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        if self.events.is_empty() || self.events.len() > EVENTS_MAX {
            return Err(Error::config(format!("one request publishes 1 to {EVENTS_MAX} events")));
        }
        let records: Vec<Json> = self
            .events
            .iter()
            .map(|fields| {
                let mut record = Map::from_iter([("attributes".to_owned(), json!({ "type": self.event }))]);
                record.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
                Json::Object(record)
            })
            .collect();
        let path = format!("{}/composite/sobjects", api.base_path());
        with_json(Method::POST, path, &json!({ "allOrNone": false, "records": records }))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Vec<PublishOutcome>, Error> {
        let saved: Vec<Saved> = decode_json(&self.what(), response.body())?;
        if saved.len() != self.events.len() {
            let (sent, told) = (self.events.len(), saved.len());
            return Err(Error::unexpected(self.what(), format!("{told} results for {sent} events")));
        }
        Ok(saved.into_iter().map(outcome).collect())
    }
}

fn outcome(saved: Saved) -> PublishOutcome {
    if saved.success {
        let uuid = saved.errors.into_iter().find(|error| error.code == ENQUEUED).map(|error| error.message);
        return PublishOutcome::Published { uuid: uuid.filter(|uuid| !uuid.is_empty()), position: None };
    }
    let error = saved.errors.into_iter().next();
    let (code, message) = error.map(|error| (error.code, error.message)).unwrap_or_default();
    PublishOutcome::Rejected { code, message }
}

impl Events {
    /// Publishes events by REST, as many as there are, 200 in a call. One outcome for each, in order.
    ///
    /// # Errors
    /// The first call failed before anything was taken: refused, or not sent. A later failure is in the outcomes.
    pub async fn publish(&self, event: &str, events: Vec<NewEvent>) -> Result<Vec<PublishOutcome>, Error> {
        if events.iter().any(|event| event.uuid.is_some()) {
            return Err(Error::Config {
                message: "an event's UUID cannot be chosen by REST".into(),
                hint: Some("publish it by Pub/Sub, or leave the UUID to the org".into()),
            });
        }
        let mut outcomes = Vec::with_capacity(events.len());
        let mut events = events.into_iter().map(|event| event.fields);
        loop {
            let call = PublishEvents { event: event.to_owned(), events: events.by_ref().take(EVENTS_MAX).collect() };
            let count = call.events.len();
            if count == 0 {
                return Ok(outcomes);
            }
            let room = self.client.budget().spend(Kind::EventPublishes, count as u64, "publishing events").await;
            let sent = match room {
                Ok(()) => self.client.send(&call).await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(told) => outcomes.extend(told),
                Err(error) => {
                    let lost = may_be_done(&error);
                    if !lost && outcomes.is_empty() {
                        return Err(error);
                    }
                    let told = || match lost {
                        true => PublishOutcome::Unknown { uuid: None, error: error.clone() },
                        false => PublishOutcome::NotSent { error: error.clone() },
                    };
                    outcomes.extend((0..count).map(|_| told()));
                    // What broke this call would break the next.
                    outcomes.extend(events.by_ref().map(|_| PublishOutcome::NotSent { error: error.clone() }));
                    return Ok(outcomes);
                }
            }
        }
    }
}

/// Whether the org may have done what was asked although the call failed.
fn may_be_done(error: &Error) -> bool {
    match error {
        Error::Transport { how, .. } => !matches!(how, LostHow::Unreachable | LostHow::Untrusted),
        Error::Api { status, .. } => matches!(status, 500 | 502 | 504),
        Error::Decode { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(count: usize) -> PublishEvents {
        let fields = Map::from_iter([("Order_Number__c".to_owned(), json!("1"))]);
        PublishEvents { event: "Order_Event__e".into(), events: vec![fields; count] }
    }

    #[test]
    fn success_comes_as_an_error() {
        let body = r#"[{"id":"e01","success":true,"errors":[{"statusCode":"OPERATION_ENQUEUED","message":"0f3c","fields":[]}]},
            {"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required","fields":["A__c"]}]}]"#;
        let outcomes = call(2).reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert!(matches!(&outcomes[0], PublishOutcome::Published { uuid: Some(uuid), .. } if uuid == "0f3c"));
        assert!(matches!(&outcomes[1], PublishOutcome::Rejected { code, .. } if code == "REQUIRED_FIELD_MISSING"));
        assert!(call(1).reply(http::Response::new(Bytes::from_static(body.as_bytes()))).is_err());
    }

    #[test]
    fn the_request() {
        let request = call(1).request(ApiVersion::new(66)).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", "/services/data/v66.0/composite/sobjects")
        );
        assert_eq!(
            request.body().as_ref(),
            br#"{"allOrNone":false,"records":[{"attributes":{"type":"Order_Event__e"},"Order_Number__c":"1"}]}"#
        );
        assert!(!call(1).is_idempotent(request.method()));
        assert!(call(0).request(ApiVersion::new(66)).is_err() && call(201).request(ApiVersion::new(66)).is_err());
    }
}
