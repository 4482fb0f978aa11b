//! Platform events: how they are published by writing records, and by Pub/Sub.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::datum;
use super::entity::Topic;
use super::entry::{Body, PlatformEvent};
use super::log::Bus;
use super::schema::EventSchema;
use crate::schema::{ObjectType, Schema};
use crate::settings::Settings;
use crate::store::Values;
use crate::{ApiError, Millis, Org, RecordId};

/// Key prefixes of platform events begin with this, and no other object's do.
const PREFIX: u8 = b'e';

/// A platform event that a record was written for.
#[derive(Debug, Clone)]
pub struct Published {
    /// The id that the writer is told. Nothing is found under it.
    pub id: RecordId,
    /// The definition.
    pub object: Arc<ObjectType>,
    /// Its fields.
    pub values: Values,
    /// When it was written.
    pub at: Millis,
    /// Who wrote it.
    pub user: RecordId,
}

/// The `EventUuid` of the event that was published under this id.
pub fn event_uuid(id: RecordId) -> String {
    let hash = Sha256::digest(id.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// What a successful write says of the event that it published: `OPERATION_ENQUEUED`, with the event's uuid as the
/// message. `None` for the id of a record.
pub fn enqueued(id: RecordId) -> Option<ApiError> {
    (id.prefix()[0] == PREFIX).then(|| ApiError::new("OPERATION_ENQUEUED", event_uuid(id)))
}

/// Whether events of this definition leave even where their transaction is undone.
pub(crate) fn leaves_at_once(bus: &Bus, settings: &Settings, event: &str) -> bool {
    bus.channels.definition(event).immediately.unwrap_or(settings.streaming.publish_immediately)
}

/// An event as a Pub/Sub client publishes it.
#[derive(Debug, Clone, Default)]
pub struct ClientEvent {
    /// The id that becomes `EventUuid`; made where it is empty.
    pub id: String,
    /// The schema it is written with.
    pub schema_id: String,
    /// The Avro datum.
    pub payload: Vec<u8>,
}

/// Why an event of a request was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum PublishError {
    #[error("The schema ID of the event is blank.")]
    SchemaBlank,
    #[error("The schema ID of the event is unknown, or not one of the topic's.")]
    SchemaUnknown,
    #[error("The event payload can't be read with the schema that it names.")]
    Payload,
    #[error("The event size exceeds the limit of {0} bytes.")]
    TooLarge(usize),
    #[error("The hourly event publishing limit of the org is exceeded.")]
    Limit,
}

/// Longest id of an event that is taken as it is.
const ID_MAX: usize = 64;

impl Bus {
    /// Stores the platform events that were published by writing records and have waited for the end of their
    /// transaction.
    pub(crate) fn publish_waiting(&mut self, settings: &Settings) {
        for event in std::mem::take(&mut self.outbox) {
            let schema = self.schemas.current(&event.object);
            let payload = datum::encode(&schema, event.at, event.user, &event.values).into();
            let standard_volume = self.channels.definition(&event.object.name).standard_volume;
            let uuid = event_uuid(event.id).into();
            let body = Body::Platform(PlatformEvent { schema, uuid, payload, standard_volume });
            self.store(event.at, settings, vec![body]);
        }
    }

    /// The schemas of a definition become known with it, not only with its first event.
    pub(crate) fn know(&mut self, schema: &Schema, topic: &Topic) -> Option<Arc<EventSchema>> {
        let name = match topic {
            Topic::Object(name) | Topic::Platform(name) => name,
            _ => return None,
        };
        let (_, object) = schema.find(name)?;
        Some(self.schemas.current(object))
    }
}

impl Org {
    /// Publishes events for a Pub/Sub client, one result for each: the event's id and position.
    ///
    /// The topic must be that of a platform event.
    pub fn publish_events(
        &mut self,
        now: Millis,
        event: &str,
        events: Vec<ClientEvent>,
    ) -> Vec<Result<(String, super::ReplayId), (String, PublishError)>> {
        let Some((_, object)) = self.schema.find(event) else { return Vec::new() };
        // The newest schema is known by now, whoever named it.
        let _ = self.events.current_schema(object);
        let standard_volume = self.events.channels.definition(event).standard_volume;
        events
            .into_iter()
            .map(|given| {
                let id = match given.id {
                    id if id.is_empty() || id.len() > ID_MAX => uuid::Uuid::new_v4().to_string(),
                    id => id,
                };
                let checked = self.events.check(event, &self.settings, &given.schema_id, &given.payload);
                let schema = match checked {
                    Ok(schema) => schema,
                    Err(error) => return Err((id, error)),
                };
                if !self.usage.spend_published(now, self.settings.hourly_published_events) {
                    return Err((id, PublishError::Limit));
                }
                let body =
                    PlatformEvent { schema, uuid: id.as_str().into(), payload: given.payload.into(), standard_volume };
                self.events.store(now, &self.settings, vec![Body::Platform(body)]);
                Ok((id, self.events.latest()))
            })
            .collect()
    }
}

impl Bus {
    fn check(
        &self,
        event: &str,
        settings: &Settings,
        schema_id: &str,
        payload: &[u8],
    ) -> Result<Arc<EventSchema>, PublishError> {
        if payload.len() > settings.max_event_bytes {
            return Err(PublishError::TooLarge(settings.max_event_bytes));
        }
        if schema_id.is_empty() {
            return Err(PublishError::SchemaBlank);
        }
        let schema = self.schemas.get(schema_id).filter(|schema| schema.name == event);
        let schema = schema.ok_or(PublishError::SchemaUnknown)?;
        if settings.streaming.check_payloads && datum::decode(schema, payload).is_none() {
            return Err(PublishError::Payload);
        }
        Ok(schema.clone())
    }
}
