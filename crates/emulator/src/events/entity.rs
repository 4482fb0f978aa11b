//! Which objects raise change events, and what their events are called.

use super::channels::Channels;
use super::entry::{Body, Entry};
use super::schema::is_platform_event;
use crate::schema::{ObjectType, Schema};
use crate::settings::Settings;

/// Whether this org was set up to raise them for this object.
pub fn is_selected(object: &ObjectType, settings: &Settings) -> bool {
    object.change_events
        && settings
            .change_event_objects
            .as_ref()
            .is_none_or(|selected| selected.iter().any(|name| name.eq_ignore_ascii_case(&object.name)))
}

/// The event's API name: `AccountChangeEvent`, `Widget__ChangeEvent`.
pub fn event_name(object: &str) -> String {
    format!("{}ChangeEvent", object.strip_suffix('c').filter(|stem| stem.ends_with("__")).unwrap_or(object))
}

/// What a subscriber may name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `/data/ChangeEvents`: every object selected for it.
    Standard,
    /// `/data/AccountChangeEvent`: one object, by its API name.
    Object(String),
    /// `/data/Sales__chn`, `/event/Orders__chn`: a custom channel, by its name.
    Custom(String),
    /// `/event/Order__e`: a platform event, by its API name.
    Platform(String),
    /// `/topic/Name`: a PushTopic, by its name. CometD only.
    Push(String),
    /// `/u/name`: a generic channel, by its whole name. CometD only.
    Generic(String),
}

impl Topic {
    /// Reads a topic's name, whose case matters, as far as the schema knows it: one of change events or of a platform
    /// event. `None` where this org has no such topic.
    pub fn find(schema: &Schema, name: &str) -> Option<Self> {
        if let Some(event) = name.strip_prefix("/event/") {
            let (_, found) = schema.find(event)?;
            return (found.name == event && is_platform_event(found)).then(|| Topic::Platform(event.to_owned()));
        }
        let name = name.strip_prefix("/data/")?;
        if name == "ChangeEvents" {
            return Some(Topic::Standard);
        }
        let object = object_of_event(name)?;
        let (_, found) = schema.find(&object)?;
        (found.name == object && found.change_events && event_name(&object) == name).then_some(Topic::Object(object))
    }

    /// Whether this event belongs to it, filters aside.
    pub fn carries(&self, entry: &Entry, channels: &Channels) -> bool {
        match (self, &entry.body) {
            (Topic::Standard, Body::Change(event)) => channels.on_standard(&event.schema.entity),
            (Topic::Object(name), Body::Change(event)) => *name == event.schema.entity,
            (Topic::Custom(name), Body::Change(event)) => channels.member(name, &event.schema.name).is_some(),
            (Topic::Custom(name), Body::Platform(event)) => channels.member(name, &event.schema.name).is_some(),
            (Topic::Platform(name), Body::Platform(event)) => *name == event.schema.entity,
            (Topic::Push(name), Body::Notice(notice)) => **name == *notice.topic,
            (Topic::Generic(name), Body::Generic(event)) => **name == *event.channel,
            _ => false,
        }
    }
}

/// The object whose change events have this name: `Widget__c` for `Widget__ChangeEvent`. The object need not exist.
pub(super) fn object_of_event(event: &str) -> Option<String> {
    let stem = event.strip_suffix("ChangeEvent").filter(|stem| !stem.is_empty())?;
    Some(if stem.ends_with("__") { format!("{stem}c") } else { stem.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (object, event) in [
            ("Account", "AccountChangeEvent"),
            ("Widget__c", "Widget__ChangeEvent"),
            ("ns__Widget__c", "ns__Widget__ChangeEvent"),
            ("Topic", "TopicChangeEvent"),
        ] {
            assert_eq!(event_name(object), event);
        }
    }

    #[test]
    fn topics_are_found_by_exact_name() {
        let object = |name: &str| {
            let mut object = ObjectType::new(name, name, name, Some(*b"a00"));
            object.change_events = name != "Profile";
            object
        };
        let mut schema = Schema::default();
        for name in ["Account", "Widget__c", "Profile", "Order__e"] {
            schema.put(object(name));
        }
        for (name, topic) in [
            ("/data/ChangeEvents", Some(Topic::Standard)),
            ("/data/AccountChangeEvent", Some(Topic::Object("Account".into()))),
            ("/data/Widget__ChangeEvent", Some(Topic::Object("Widget__c".into()))),
            ("/data/accountChangeEvent", None),
            ("/data/changeevents", None),
            ("/data/ProfileChangeEvent", None),
            ("/data/Widget__cChangeEvent", None),
            ("/data/ChangeEvent", None),
            ("/data/", None),
            ("/event/Order__e", Some(Topic::Platform("Order__e".into()))),
            ("/event/order__e", None),
            ("/event/Account", None),
            ("/topic/Order__e", None),
            ("", None),
        ] {
            assert_eq!(Topic::find(&schema, name), topic, "{name}");
        }
    }
}
