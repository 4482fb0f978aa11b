//! Which objects raise change events, and what their events are called.

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// `/data/ChangeEvents`: every selected object.
    Standard,
    /// `/data/AccountChangeEvent`: one object, by its API name.
    Object(String),
}

impl Topic {
    /// Reads a topic's name, whose case matters. `None` where this org has no such topic.
    pub fn find(schema: &Schema, name: &str) -> Option<Self> {
        let name = name.strip_prefix("/data/")?;
        if name == "ChangeEvents" {
            return Some(Topic::Standard);
        }
        let stem = name.strip_suffix("ChangeEvent")?;
        let object = if stem.ends_with("__") { format!("{stem}c") } else { stem.to_owned() };
        let (_, found) = schema.find(&object)?;
        (found.name == object && found.change_events && event_name(&object) == name).then_some(Topic::Object(object))
    }

    /// Whether events of this object belong to it.
    pub fn carries(&self, object: &str) -> bool {
        match self {
            Topic::Standard => true,
            Topic::Object(name) => name == object,
        }
    }
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
        for name in ["Account", "Widget__c", "Profile"] {
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
            ("/event/Order__e", None),
            ("", None),
        ] {
            assert_eq!(Topic::find(&schema, name), topic, "{name}");
        }
    }
}
