//! What saved components say to the event bus: channels, their members, managed subscriptions and the definitions of
//! platform events, told to it when a change of metadata is committed.

use std::sync::Arc;

use super::{Catalog, Component};
use crate::events::channels::{self, ChannelType, Definition, NewMember};
use crate::events::managed::{self, NewSubscription, Preset};
use crate::xml::Element;
use crate::{ApiError, Org, RecordId};

/// Components of this type that `after` has and `before` has not, or has otherwise; and those that are gone.
type Difference<'a> = (Vec<&'a Arc<Component>>, Vec<&'a Arc<Component>>);

fn difference<'a>(kind: &'a str, before: &'a Catalog, after: &'a Catalog) -> Difference<'a> {
    let changed = after.of_kind(kind).filter(|c| before.get(kind, &c.full_name).is_none_or(|b| b.node != c.node));
    let gone = before.of_kind(kind).filter(|c| after.get(kind, &c.full_name).is_none());
    (changed.collect(), gone.collect())
}

/// Tells the bus what changed from `before` to the org's catalog. Everything was checked when it was saved, so what
/// the bus still refuses is only noted.
pub(super) fn tell(org: &mut Org, before: &Catalog) {
    let after = org.metadata.clone();
    let mut results: Vec<Result<(), ApiError>> = Vec::new();
    let (_, gone) = difference("PlatformEventChannelMember", before, &after);
    for component in gone {
        if is_member(org, component) {
            results.push(channels::remove(org, &component.full_name));
        }
    }
    let (changed, gone) = difference("PlatformEventChannel", before, &after);
    for component in gone {
        results.push(channels::remove_channel(org, &component.full_name));
    }
    for component in changed {
        if channels::list_channels(org).iter().all(|c| c.full_name != component.full_name) {
            let element = component.node.element("x");
            let kind =
                if element.text_of("channelType") == Some("event") { ChannelType::Event } else { ChannelType::Data };
            let label = element.text_of("label").unwrap_or_default().to_owned();
            results.push(channels::add_channel(org, &component.full_name, kind, &label).map(|_| ()));
        }
    }
    let (changed, _) = difference("PlatformEventChannelMember", before, &after);
    for component in changed {
        results.push(member(org, component));
    }
    let (changed, gone) = difference("ManagedEventSubscription", before, &after);
    for component in gone {
        results.push(managed::remove(org, &component.full_name));
    }
    for component in changed {
        results.push(subscription(org, component));
    }
    let (changed, _) = difference("CustomObject", before, &after);
    for component in changed.into_iter().filter(|c| c.full_name.ends_with("__e")) {
        channels::define(org, &component.full_name, definition(&component.node.element("x")));
    }
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "the event bus refuses a component that was saved");
    }
}

fn is_member(org: &Org, component: &Component) -> bool {
    channels::list(org).iter().any(|m| m.full_name == component.full_name)
}

/// The enrichment of a member.
pub(super) fn enriched(element: &Element) -> Vec<String> {
    element.children_named("enrichedFields").filter_map(|f| f.text_of("name")).map(str::to_owned).collect()
}

fn member(org: &mut Org, component: &Component) -> Result<(), ApiError> {
    let element = component.node.element("x");
    let filter = element.text_of("filterExpression").filter(|f| !f.is_empty()).map(str::to_owned);
    if is_member(org, component) {
        return channels::update(org, &component.full_name, enriched(&element), filter);
    }
    let text = |name: &str| element.text_of(name).unwrap_or_default().to_owned();
    let new = NewMember {
        full_name: Some(component.full_name.clone()),
        event_channel: text("eventChannel"),
        selected_entity: text("selectedEntity"),
        enriched_fields: enriched(&element),
        filter_expression: filter,
    };
    channels::add(org, new).map(|_| ())
}

fn preset(element: &Element, name: &str) -> Preset {
    if element.text_of(name) == Some("EARLIEST") { Preset::Earliest } else { Preset::Latest }
}

fn subscription(org: &mut Org, component: &Component) -> Result<(), ApiError> {
    let element = component.node.element("x");
    let (default_replay, error_recovery_replay) =
        (preset(&element, "defaultReplay"), preset(&element, "errorRecoveryReplay"));
    if org.events.managed.find(&component.full_name).is_none() {
        let text = |name: &str| element.text_of(name).unwrap_or_default().to_owned();
        let new = NewSubscription {
            developer_name: component.full_name.clone(),
            label: text("label"),
            topic_name: text("topicName"),
            default_replay,
            error_recovery_replay,
        };
        managed::create(org, new)?;
    }
    let runs = element.text_of("state") != Some("STOP");
    managed::update(org, &component.full_name, runs, default_replay, error_recovery_replay)
}

/// What the definition of a platform event says beyond its fields.
fn definition(element: &Element) -> Definition {
    Definition {
        standard_volume: element.text_of("eventType") == Some("StandardVolume"),
        immediately: match element.text_of("publishBehavior") {
            Some("PublishImmediately") => Some(true),
            Some("PublishAfterCommit") => Some(false),
            _ => None,
        },
    }
}

/// The id by which the bus knows a component, which is the one that clients of the Pub/Sub API name.
pub(super) fn id_on_the_bus(org: &Org, kind: &str, full_name: &str) -> Option<RecordId> {
    match kind {
        "PlatformEventChannel" => channels::list_channels(org).iter().find(|c| c.full_name == full_name).map(|c| c.id),
        "PlatformEventChannelMember" => channels::list(org).iter().find(|m| m.full_name == full_name).map(|m| m.id),
        "ManagedEventSubscription" => org.events.managed.find(full_name).map(|s| s.id),
        _ => None,
    }
}
