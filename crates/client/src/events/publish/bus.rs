//! Publishing by Pub/Sub, one request at a time.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tonic::{Code, Status};

use super::super::{
    Events, Position, SubscriptionError, SubscriptionErrorKind,
    avro::{EventSchema, FieldError},
    proto::{ProducerEvent, PublishRequest, PublishResponse, PublishResult},
    service::with_metadata,
};
use super::{EVENTS_MAX, NewEvent, PublishOutcome, PublishStream};
use crate::budget::Kind;
use crate::error::Error;

/// Bytes of events in a request; the service takes 3 MB well, and breaks off beyond 4.
const REQUEST_BYTES_MAX: usize = 3_000_000;
/// Bytes of one event.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Publishes one kind of platform event by Pub/Sub. Holds the event's schema, so that what does not fit is told before
/// anything is sent: the service itself looks at nothing.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) events: Events,
    pub(super) channel: String,
    schema_id: String,
    schema: Arc<EventSchema>,
    by: String,
}

impl Events {
    /// A publisher of an event, by its API name (`Order_Event__e`) or channel (`/event/Order_Event__e`).
    ///
    /// # Errors
    /// [`Error::Subscription`]: there is no such event, or this user may not publish it.
    pub async fn publisher(&self, event: &str) -> Result<Publisher, Error> {
        let channel = if event.starts_with('/') { event.to_owned() } else { format!("/event/{event}") };
        let topic = self.topic(&channel).await?;
        let refused = |kind, message: &str| -> Error {
            SubscriptionError {
                kind,
                what: format!("publishing to {channel}"),
                code: "can_publish".into(),
                message: message.to_owned(),
                channel: Some(channel.clone()),
            }
            .into()
        };
        if !topic.can_publish {
            return Err(refused(SubscriptionErrorKind::NoPermission, "this user may not publish to it"));
        }
        let Some(schema_id) = topic.schema_id else {
            return Err(refused(SubscriptionErrorKind::Request, "it carries several kinds of event: name the event"));
        };
        let schema = self
            .parsed_schema(&schema_id)
            .await?
            .map_err(|source| Error::decode(format!("reading the schema of {channel}"), source))?;
        let by = self.client.user_id().await?;
        Ok(Publisher { events: self.clone(), channel, schema_id, schema, by })
    }
}

impl Publisher {
    /// The channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The event's fields.
    pub fn schema(&self) -> &EventSchema {
        &self.schema
    }

    /// Whether an event can be published.
    ///
    /// # Errors
    /// The first field that does not fit.
    pub fn check(&self, event: &NewEvent) -> Result<(), FieldError> {
        self.schema.encode(&self.filled(&event.fields)).map(drop)
    }

    /// With the two fields that every publisher has to fill itself.
    fn filled(&self, fields: &Map<String, Json>) -> Map<String, Json> {
        let now = self.events.client.server_time().unwrap_or_else(jiff::Timestamp::now);
        let mut filled = Map::new();
        filled.insert("CreatedDate".into(), now.as_millisecond().into());
        filled.insert("CreatedById".into(), self.by.as_str().into());
        filled.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        filled
    }

    /// All of them, or an error that names the one at fault: before anything is sent.
    pub(super) fn encode(&self, events: &[NewEvent]) -> Result<Vec<ProducerEvent>, Error> {
        let encode = |(at, event): (usize, &NewEvent)| {
            let refused = |why: String| Error::Config {
                message: if events.len() == 1 { why } else { format!("event {}: {why}", at + 1) },
                hint: Some("nothing was published".into()),
            };
            let payload = self.schema.encode(&self.filled(&event.fields)).map_err(|e| refused(e.to_string()))?;
            if payload.len() > EVENT_BYTES_MAX {
                return Err(refused(format!("it has {} bytes, and an event may have a megabyte", payload.len())));
            }
            Ok(ProducerEvent {
                id: event.uuid.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
                schema_id: self.schema_id.clone(),
                payload,
                headers: vec![],
            })
        };
        events.iter().enumerate().map(encode).collect()
    }

    /// In requests as large as the service takes.
    pub(super) fn requests(&self, events: Vec<ProducerEvent>) -> Vec<PublishRequest> {
        let mut requests: Vec<PublishRequest> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let size = event.payload.len() + 128;
            bytes += size;
            match requests.last_mut() {
                Some(last) if last.events.len() < EVENTS_MAX && bytes <= REQUEST_BYTES_MAX => last.events.push(event),
                _ => {
                    bytes = size;
                    requests.push(PublishRequest {
                        topic_name: self.channel.clone(),
                        events: vec![event],
                        auth_refresh: String::new(),
                    });
                }
            }
        }
        requests
    }

    /// Publishes events, as many as there are, 200 in a request. One outcome for each, in order.
    ///
    /// # Errors
    /// [`Error::Config`]: an event does not fit its schema, and nothing was sent. Otherwise the first request was
    /// refused as a whole or not sent; a later failure is in the outcomes.
    pub async fn publish(&self, events: &[NewEvent]) -> Result<Vec<PublishOutcome>, Error> {
        let requests = self.requests(self.encode(events)?);
        let mut outcomes = Vec::with_capacity(events.len());
        let mut failed: Option<Error> = None;
        for request in requests {
            if let Some(error) = &failed {
                outcomes.extend(request.events.iter().map(|_| PublishOutcome::NotSent { error: error.clone() }));
                continue;
            }
            let budget = self.events.client.budget();
            let room = budget.spend(Kind::EventPublishes, request.events.len() as u64, "publishing events").await;
            let sent = match room {
                Ok(()) => self.send(&request).await,
                Err(error) => Err(Failed::Refused(error)),
            };
            match sent {
                Ok(response) => outcomes.extend(told(&request, response)),
                Err(Failed::Refused(error)) if outcomes.is_empty() => return Err(error),
                Err(Failed::Refused(error)) => {
                    outcomes.extend(request.events.iter().map(|_| PublishOutcome::NotSent { error: error.clone() }));
                    failed = Some(error);
                }
                Err(Failed::Unknown(error)) => {
                    outcomes.extend(unknown(&request, &error));
                    failed = Some(error);
                }
            }
        }
        Ok(outcomes)
    }

    /// Opens a stream over which many requests may be under way at once.
    pub fn stream(&self) -> PublishStream {
        PublishStream::new(self.clone())
    }

    /// Sends a request once; again only where the token was refused, when nothing was done.
    async fn send(&self, request: &PublishRequest) -> Result<PublishResponse, Failed> {
        let what = format!("publishing to {}", self.channel);
        let inner = &self.events.client.inner;
        let mut renewed = false;
        loop {
            let session = inner.session().await.map_err(Failed::Refused)?;
            let metadata = self.events.metadata(&session).await.map_err(Failed::Refused)?;
            let mut client = self.events.channel().await.map_err(Failed::Refused)?.client();
            let call = client.publish(with_metadata(request.clone(), metadata));
            match tokio::time::timeout(inner.transport.timeouts().answer, call).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => {
                    let error = SubscriptionError::from_status(&what, &status).of(&self.channel);
                    if error.kind == SubscriptionErrorKind::Unauthenticated && !renewed {
                        renewed = true;
                        inner.sessions.renew(&inner.transport, session.generation).await.map_err(Failed::Refused)?;
                        continue;
                    }
                    return Err(Failed::of(&status, error));
                }
                Err(_) => {
                    return Err(Failed::Unknown(
                        SubscriptionError::unavailable(&what, "no answer came in time").into(),
                    ));
                }
            }
        }
    }
}

/// How a request failed.
pub(super) enum Failed {
    /// Nothing of it was published.
    Refused(Error),
    /// It may have been published.
    Unknown(Error),
}

impl Failed {
    pub(super) fn of(status: &Status, error: SubscriptionError) -> Failed {
        let refused = matches!(
            status.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::Unimplemented
                | Code::OutOfRange
        ) || never_sent(status);
        if refused { Failed::Refused(error.into()) } else { Failed::Unknown(error.into()) }
    }
}

/// Whether no connection could be made.
fn never_sent(status: &Status) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(status);
    // Causes are few; the bound only guards against a loop.
    for _ in 0..16 {
        let Some(error) = cause else { return false };
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}

/// One outcome for each event of a request: by place, or by its id where the answer has other places.
pub(super) fn told(request: &PublishRequest, response: PublishResponse) -> Vec<PublishOutcome> {
    let results = response.results;
    let in_order = results.len() == request.events.len();
    let one = |(at, event): (usize, &ProducerEvent)| {
        let result =
            if in_order { results.get(at) } else { results.iter().find(|result| result.correlation_key == event.id) };
        match result {
            Some(result) => outcome(event, result),
            None => PublishOutcome::Unknown {
                uuid: Some(event.id.clone()),
                error: Error::unexpected("publishing", "no result for this event"),
            },
        }
    };
    request.events.iter().enumerate().map(one).collect()
}

fn outcome(event: &ProducerEvent, result: &PublishResult) -> PublishOutcome {
    match &result.error {
        Some(error) => {
            PublishOutcome::Rejected { code: error.code().as_str_name().to_owned(), message: error.msg.clone() }
        }
        None => PublishOutcome::Published {
            uuid: Some(if result.correlation_key.is_empty() {
                event.id.clone()
            } else {
                result.correlation_key.clone()
            }),
            position: (!result.replay_id.is_empty()).then(|| Position::pubsub(result.replay_id.clone())),
        },
    }
}

pub(super) fn unknown(request: &PublishRequest, error: &Error) -> Vec<PublishOutcome> {
    let one = |event: &ProducerEvent| PublishOutcome::Unknown { uuid: Some(event.id.clone()), error: error.clone() };
    request.events.iter().map(one).collect()
}
