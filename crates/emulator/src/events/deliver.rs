//! What a subscriber gets of the log: the topic's events that pass its filters, enriched and split where the channel
//! says so.

use std::collections::HashSet;
use std::sync::Arc;

use super::channels::{ChannelType, Channels, Member, STANDARD};
use super::entity::Topic;
use super::entry::{Body, Entry};
use super::event::{ChangeType, Event, Records};
use super::log::{Batch, Cursor, ReadError};
use super::schema::EventSchema;
use super::{datum, filter};
use crate::schema::FieldId;
use crate::{Org, RecordId, Value};

impl Topic {
    /// Reads a topic's name, whose case matters, among everything that this org has: change events, platform events,
    /// custom channels, PushTopics that are active, and generic channels.
    pub fn of(org: &Org, name: &str) -> Option<Self> {
        let channels = &org.events.channels;
        let custom = |prefix, kind| {
            let name = name.strip_prefix(prefix)?;
            channels.channel(name, kind).map(|c| Topic::Custom(c.full_name.clone()))
        };
        if name.ends_with("__chn") {
            return custom("/data/", ChannelType::Data).or_else(|| custom("/event/", ChannelType::Event));
        }
        if let Some(topic) = name.strip_prefix("/topic/") {
            return super::push_topic::exists(org, topic).then(|| Topic::Push(topic.to_owned()));
        }
        if name.starts_with("/u/") {
            return super::generic::find(org, name).map(|_| Topic::Generic(name.to_owned()));
        }
        Topic::find(&org.schema, name)
    }

    /// Whether its events have Avro schemas, so that Pub/Sub carries them.
    pub fn is_for_pubsub(&self) -> bool {
        !matches!(self, Topic::Push(_) | Topic::Generic(_))
    }

    /// The channel whose members say how its events are filtered and enriched.
    fn channel(&self) -> Option<&str> {
        match self {
            Topic::Standard => Some(STANDARD),
            Topic::Custom(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it still exists: a custom channel may have been removed since.
    pub(crate) fn lives(&self, org: &Org) -> bool {
        match self {
            Topic::Custom(name) => org.events.channels.is_there(name),
            Topic::Push(name) => super::push_topic::exists(org, name),
            _ => true,
        }
    }
}

impl Channels {
    pub(super) fn is_there(&self, name: &str) -> bool {
        [ChannelType::Data, ChannelType::Event].into_iter().any(|kind| self.channel(name, kind).is_some())
    }
}

impl Org {
    /// Reads up to about `most` events of a topic as `user` gets them: filtered, enriched, merged ones split where they
    /// are enriched. What belongs together (one replay id) is never cut apart, so there may be a few more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_events(&self, cursor: Cursor, topic: &Topic, most: usize, user: RecordId) -> Result<Batch, ReadError> {
        let channels = &self.events.channels;
        let found = self.events.read_where(cursor, most, |entry| {
            topic.carries(entry, channels) && is_for(entry, user) && self.passes(topic, entry)
        })?;
        let Some(channel) = topic.channel() else { return Ok(found) };
        let mut batch = Batch { events: Vec::with_capacity(found.events.len()), ..found };
        for (entry, after) in found.events {
            if batch.events.len() >= most {
                // Read again when there is demand for it.
                batch.at_end = false;
                batch.next = batch.events.last().map(|(_, after): &(Arc<Entry>, Cursor)| *after);
                break;
            }
            match entry.change().and_then(|event| self.enrich(channel, event)) {
                Some(events) => batch.events.extend(events.into_iter().map(|event| {
                    let enriched = Entry { replay_id: entry.replay_id, at: entry.at, body: Body::Change(event) };
                    (Arc::new(enriched), after)
                })),
                None => batch.events.push((entry, after)),
            }
        }
        Ok(batch)
    }

    /// Whether an event passes the filter of the member that brings it to the channel.
    fn passes(&self, topic: &Topic, entry: &Entry) -> bool {
        let member = |schema: &EventSchema| self.events.channels.member(topic.channel()?, &schema.name);
        match &entry.body {
            Body::Change(event) => match member(&event.schema).and_then(|m| m.filter.as_ref()) {
                // Gap events carry nothing that could be looked at.
                Some(filter) if event.record().is_some() => filter::holds(filter, &|name| event.read(name)),
                _ => true,
            },
            Body::Platform(event) => match member(&event.schema).and_then(|m| m.filter.as_ref()) {
                Some(filter) => match datum::decode(&event.schema, &event.payload) {
                    Some(payload) => filter::holds(filter, &|name| {
                        let found = payload.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                        found.map(|(_, value)| value.clone()).unwrap_or_default()
                    }),
                    None => false,
                },
                None => true,
            },
            _ => true,
        }
    }

    /// The event with the values that the channel adds, one for each record; `None` where it adds none.
    fn enrich(&self, channel: &str, event: &Event) -> Option<Vec<Event>> {
        let member = self.events.channels.member(channel, &event.schema.name)?;
        let fields = enriched_fields(member, &event.schema);
        if fields.is_empty() || !matches!(event.change, ChangeType::Update | ChangeType::Delete) {
            return None;
        }
        let ids = match &event.records {
            Records::One(id) => vec![*id],
            Records::Many(ids) => ids.clone(),
            Records::Prefix(_) | Records::Unknown => return None,
        };
        let (object, _) = self.schema.find(&event.schema.entity)?;
        let table = self.store.table(object);
        let split = ids.into_iter().map(|id| {
            // Today's values, whatever they were when the event happened; those it had where the record is gone.
            let row = table.and_then(|t| t.get(id)).or_else(|| event.record());
            let value = |field: &FieldId| row.map_or(Value::Null, |row| row.get(*field));
            let enriched = fields.iter().map(|field| (*field, value(field))).collect();
            Event { records: Records::One(id), enriched, ..event.clone() }
        });
        Some(split.collect())
    }
}

/// Places of the fields that a member adds: those it names, and those its filter reads.
fn enriched_fields(member: &Member, schema: &EventSchema) -> Vec<FieldId> {
    let mut names: HashSet<String> = member.enriched_fields.iter().map(|n| n.to_ascii_lowercase()).collect();
    if let Some(condition) = &member.filter {
        let _ = filter::each(condition, &mut |comparison| {
            if let tidegate_soql::ast::Operand::Field(path) = &comparison.left {
                names.insert(path.to_string().to_ascii_lowercase());
            }
            Ok::<_, std::convert::Infallible>(())
        });
    }
    schema.fields_named(&names)
}

/// Whether this user gets it: a generic event may be for some only.
fn is_for(entry: &Entry, user: RecordId) -> bool {
    match &entry.body {
        Body::Generic(event) => event.users.is_empty() || event.users.contains(&user),
        _ => true,
    }
}
