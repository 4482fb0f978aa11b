//! What saved components mean to the event bus: channels, their members, managed subscriptions, and how platform
//! events are kept and published.

use super::{Catalog, Component};
use crate::Org;
use crate::events::channels::{self, ChannelType, Configuration, Definition, NewMember};
use crate::events::managed::{self, NewSubscription, Preset};
use crate::xml::Element;

/// Makes the event bus do what the org's metadata says.
pub(super) fn follow(org: &mut Org) {
    let read = |catalog: &Catalog, kind: &str| -> Vec<(std::sync::Arc<Component>, Element)> {
        catalog.of_kind(kind).map(|component| (component.clone(), component.node.element("component"))).collect()
    };
    let text = |element: &Element, name: &str| element.text_of(name).unwrap_or_default().to_owned();
    let channels = read(&org.metadata, "PlatformEventChannel").into_iter().map(|(component, element)| {
        let kind = match element.text_of("channelType") {
            Some("event") => ChannelType::Event,
            _ => ChannelType::Data,
        };
        (component.id, component.full_name.clone(), kind, text(&element, "label"))
    });
    let members = read(&org.metadata, "PlatformEventChannelMember").into_iter().map(|(component, element)| {
        let enriched = element.children_named("enrichedFields").filter_map(|f| f.text_of("name"));
        let member = NewMember {
            full_name: Some(component.full_name.clone()),
            event_channel: text(&element, "eventChannel"),
            selected_entity: text(&element, "selectedEntity"),
            enriched_fields: enriched.map(str::to_owned).collect(),
            filter_expression: element.text_of("filterExpression").map(str::to_owned),
        };
        (component.id, member)
    });
    let configuration = Configuration { channels: channels.collect(), members: members.collect() };
    let preset = |element: &Element, name: &str| match element.text_of(name) {
        Some("EARLIEST") => Preset::Earliest,
        _ => Preset::Latest,
    };
    let subscriptions = read(&org.metadata, "ManagedEventSubscription").into_iter().map(|(component, element)| {
        let new = NewSubscription {
            developer_name: component.full_name.clone(),
            label: text(&element, "label"),
            topic_name: text(&element, "topicName"),
            default_replay: preset(&element, "defaultReplay"),
            error_recovery_replay: preset(&element, "errorRecoveryReplay"),
        };
        (component.id, new, element.text_of("state") != Some("STOP"))
    });
    let subscriptions = subscriptions.collect();
    let definitions: Vec<(String, Definition)> = read(&org.metadata, "CustomObject")
        .into_iter()
        .filter(|(component, _)| component.full_name.ends_with("__e"))
        .map(|(component, element)| {
            let immediately = match element.text_of("publishBehavior") {
                Some("PublishImmediately") => Some(true),
                Some("PublishAfterCommit") => Some(false),
                _ => None,
            };
            let standard_volume = element.text_of("eventType") == Some("StandardVolume");
            (component.full_name.clone(), Definition { standard_volume, immediately })
        })
        .collect();
    for (event, definition) in definitions {
        channels::define(org, &event, definition);
    }
    // What is not valid was refused when it was saved; an entity that went since is just not on its channel.
    if let Err(error) = channels::configure(org, configuration) {
        tracing::warn!(%error, "a channel member does not fit the org any more");
    }
    managed::configure(org, subscriptions);
}
