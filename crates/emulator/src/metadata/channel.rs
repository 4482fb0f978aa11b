//! `PlatformEventChannel`, `PlatformEventChannelMember`, `ManagedEventSubscription`: which events go where.
//!
//! What is selected on the standard channel `ChangeEvents` is the org's setting for change events; its members follow
//! from that. Members of channels of one's own are kept as they were saved.

use super::apply::{Saved, check_mode};
use super::{Member, Mode, Node, Problem, Work, field, naming};
use crate::RecordId;
use crate::events::event_name;
use crate::id::INSTANCE;
use crate::schema::{ObjectType, Schema};
use crate::xml::Element;

/// The standard channel for change events.
pub(super) const STANDARD: &str = "ChangeEvents";
/// Fields that a member may ask to be in every event.
const ENRICHED_MAX: usize = 10;

const CHANNEL_ELEMENTS: &[&str] = &["channelType", "eventType", "fullName", "label"];
const MEMBER_ELEMENTS: &[&str] = &["enrichedFields", "eventChannel", "filterExpression", "fullName", "selectedEntity"];
const SUBSCRIPTION_ELEMENTS: &[&str] =
    &["defaultReplay", "errorRecoveryReplay", "fullName", "label", "state", "topicName", "version"];

pub(super) fn save_channel(
    work: &mut Work<'_>,
    full_name: &str,
    element: &Element,
    mode: Mode,
) -> Result<Saved, Problem> {
    field::check_elements(element, CHANNEL_ELEMENTS, "PlatformEventChannel")?;
    let Some(name) = full_name.strip_suffix("__chn") else {
        return Err(Problem::integrity(format!("The channel name {full_name} does not end in __chn")));
    };
    naming::check(name, "Channel Name")?;
    let kind = element.text_of("channelType").unwrap_or_default();
    if !matches!(kind, "data" | "event") {
        let message = format!("'{kind}' is not a valid value for the enum 'PlatformEventChannelType'");
        return Err(Problem::new("INVALID_FORMAT", message));
    }
    if element.text_of("label").is_none_or(str::is_empty) {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [MasterLabel]"));
    }
    let created = check_mode(work, "PlatformEventChannel", full_name, mode)?;
    if let Some(before) = work.catalog.get("PlatformEventChannel", full_name)
        && before.node.get("channelType") != Some(&Member::Text(kind.to_owned()))
    {
        return Err(Problem::integrity("The type of a channel cannot be changed"));
    }
    let id = work.keep("PlatformEventChannel", full_name, None, kept(element), Vec::new());
    Ok(Saved { full_name: full_name.to_owned(), id, created })
}

fn kept(element: &Element) -> Node {
    let mut node = Node::from_element(element);
    node.remove("fullName");
    node
}

/// The object whose change events this entity names; `None` for one that has none.
fn object_of<'s>(schema: &'s Schema, entity: &str) -> Option<&'s ObjectType> {
    let of = |object: &&std::sync::Arc<ObjectType>| object.change_events && event_name(&object.name) == entity;
    schema.objects().iter().find(of).map(|object| &**object)
}

/// The full name of a member: the double underscore of a channel of one's own collapses.
pub(super) fn member_name(channel: &str, entity: &str) -> String {
    format!("{}_{entity}", channel.replace("__chn", "_chn"))
}

pub(super) fn save_member(
    work: &mut Work<'_>,
    full_name: &str,
    element: &Element,
    mode: Mode,
) -> Result<Saved, Problem> {
    field::check_elements(element, MEMBER_ELEMENTS, "PlatformEventChannelMember")?;
    let required = |name: &str| {
        element
            .text_of(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Problem::new("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{name}]")))
    };
    let (channel, entity) = (required("eventChannel")?, required("selectedEntity")?);
    let data = match work.catalog.get("PlatformEventChannel", channel) {
        _ if channel == STANDARD => true,
        Some(known) => known.node.get("channelType") == Some(&Member::Text("data".into())),
        None => {
            let message = format!("In field: eventChannel - no PlatformEventChannel named {channel} found");
            return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
        }
    };
    if full_name != member_name(channel, entity) && full_name != format!("{channel}_{entity}") {
        let message = format!("The name {full_name} of the channel member must be {}", member_name(channel, entity));
        return Err(Problem::integrity(message));
    }
    let object = if data { object_of(&work.schema, entity) } else { work.schema.find(entity).map(|(_, o)| &**o) };
    let Some(object) = object.filter(|o| data || o.name.ends_with("__e")) else {
        let message = format!("The selected entity {entity} is not available on the channel {channel}");
        return Err(Problem::integrity(message));
    };
    let enriched: Vec<&str> = element.children_named("enrichedFields").filter_map(|f| f.text_of("name")).collect();
    if enriched.len() > ENRICHED_MAX {
        return Err(Problem::new("LIMIT_EXCEEDED", format!("A member has at most {ENRICHED_MAX} enriched fields")));
    }
    if let Some(unknown) = enriched.iter().find(|name| data && object.field(name).is_none()) {
        let message = format!("In field: enrichedFields - no field {unknown} found on {}", object.name);
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    }
    if let Some(text) = element.text_of("filterExpression") {
        crate::events::channels::check_filter(object, text).map_err(|e| Problem::new(e.code, e.message))?;
    }
    let object_name = object.name.clone();
    let full_name = member_name(channel, entity);
    let selected = channel == STANDARD && is_selected(work, &object_name);
    let there = work.catalog.get("PlatformEventChannelMember", &full_name).is_some() || selected;
    match (there, mode) {
        (true, Mode::Create) => return Err(super::apply::duplicate("PlatformEventChannelMember", &full_name)),
        (false, Mode::Update) => return Err(Problem::no_such("PlatformEventChannelMember", &full_name)),
        _ => {}
    }
    if channel == STANDARD && !selected {
        work.selected.get_or_insert_default().push(object_name.clone());
    }
    let id = (channel == STANDARD).then(|| standard_id(&work.schema, &object_name)).flatten();
    let id = work.keep("PlatformEventChannelMember", &full_name, id, kept(element), Vec::new());
    Ok(Saved { full_name, id, created: !there })
}

fn is_selected(work: &Work<'_>, object: &str) -> bool {
    work.selected.as_ref().is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(object)))
}

/// The id of an object's member of the standard channel.
fn standard_id(schema: &Schema, object: &str) -> Option<RecordId> {
    // Beyond the numbers of members that are counted.
    const FIRST: u64 = 1_000_000;
    schema.find(object).map(|(id, _)| RecordId::new(*b"0v8", INSTANCE, FIRST + u64::from(id.0)))
}

/// A member of a channel, saved or following from the org's selection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChannelMember {
    /// Its id.
    pub id: RecordId,
    /// `ChangeEvents_AccountChangeEvent`.
    pub full_name: String,
    /// `ChangeEvents`, or a channel of one's own.
    pub channel: String,
    /// `AccountChangeEvent`.
    pub entity: String,
    /// Fields that are in every event.
    pub enriched: Vec<String>,
    /// The condition that events meet, where there is one.
    pub filter: Option<String>,
    /// What was saved, or what would have been.
    pub node: Node,
}

/// Every member of every channel.
pub(super) fn members(schema: &Schema, catalog: &super::Catalog, selected: Option<&Vec<String>>) -> Vec<ChannelMember> {
    let mut found: Vec<ChannelMember> = Vec::new();
    for component in catalog.of_kind("PlatformEventChannelMember") {
        let element = component.node.element("x");
        let text = |name: &str| element.text_of(name).unwrap_or_default().to_owned();
        found.push(ChannelMember {
            id: component.id,
            full_name: component.full_name.clone(),
            channel: text("eventChannel"),
            entity: text("selectedEntity"),
            enriched: element
                .children_named("enrichedFields")
                .filter_map(|f| f.text_of("name"))
                .map(str::to_owned)
                .collect(),
            filter: element.text_of("filterExpression").map(str::to_owned),
            node: component.node.clone(),
        });
    }
    for object in schema.objects().iter().filter(|o| o.change_events && !o.is_removed()) {
        let is_selected = selected.is_none_or(|names| names.iter().any(|n| n.eq_ignore_ascii_case(&object.name)));
        let entity = event_name(&object.name);
        let full_name = member_name(STANDARD, &entity);
        if !is_selected || found.iter().any(|m| m.full_name == full_name) {
            continue;
        }
        let Some(id) = standard_id(schema, &object.name) else { continue };
        let mut node = Node::default();
        node.text("eventChannel", STANDARD).text("selectedEntity", &entity);
        let (channel, enriched, filter) = (STANDARD.to_owned(), Vec::new(), None);
        found.push(ChannelMember { id, full_name, channel, entity, enriched, filter, node });
    }
    found.sort_by(|a, b| a.full_name.cmp(&b.full_name));
    found
}

pub(super) fn delete_member(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let all = members(&work.schema, &work.catalog, work.selected.as_ref());
    let Some(member) = all.iter().find(|m| m.full_name.eq_ignore_ascii_case(full_name)) else {
        return Err(Problem::no_such("PlatformEventChannelMember", full_name));
    };
    work.catalog.remove("PlatformEventChannelMember", &member.full_name);
    if member.channel == STANDARD
        && let Some(name) = object_of(&work.schema, &member.entity).map(|o| o.name.clone())
    {
        let every = || work.schema.objects().iter().filter(|o| o.change_events).map(|o| o.name.clone()).collect();
        let mut selected: Vec<String> = work.selected.clone().unwrap_or_else(every);
        selected.retain(|selected| !selected.eq_ignore_ascii_case(&name));
        work.selected = Some(selected);
    }
    Ok(member.id)
}

pub(super) fn delete_channel(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    let all = members(&work.schema, &work.catalog, work.selected.as_ref());
    if let Some(member) = all.iter().find(|m| m.channel.eq_ignore_ascii_case(full_name)) {
        let message = format!("The channel {full_name} still has the member {}", member.full_name);
        return Err(Problem::new("DELETE_FAILED", message));
    }
    let gone = work.catalog.remove("PlatformEventChannel", full_name);
    gone.map(|gone| gone.id).ok_or_else(|| Problem::no_such("PlatformEventChannel", full_name))
}

pub(super) fn save_subscription(
    work: &mut Work<'_>,
    full_name: &str,
    element: &Element,
    mode: Mode,
) -> Result<Saved, Problem> {
    field::check_elements(element, SUBSCRIPTION_ELEMENTS, "ManagedEventSubscription")?;
    naming::check(full_name, "Managed Event Subscription Name")?;
    for name in ["label", "topicName", "defaultReplay", "errorRecoveryReplay", "state"] {
        if element.text_of(name).is_none_or(str::is_empty) {
            let message = format!("Required fields are missing: [{name}]");
            return Err(Problem::new("REQUIRED_FIELD_MISSING", message));
        }
    }
    for name in ["defaultReplay", "errorRecoveryReplay"] {
        let value = element.text_of(name).unwrap_or_default();
        if !matches!(value, "LATEST" | "EARLIEST") {
            let message = format!("'{value}' is not a valid value for the enum 'ManagedEventSubscriptionReplay'");
            return Err(Problem::new("INVALID_FORMAT", message));
        }
    }
    let state = element.text_of("state").unwrap_or_default();
    if !matches!(state, "RUN" | "STOP") {
        let message = format!("'{state}' is not a valid value for the enum 'ManagedEventSubscriptionState'");
        return Err(Problem::new("INVALID_FORMAT", message));
    }
    let topic = element.text_of("topicName").unwrap_or_default();
    let custom = topic.rsplit('/').next().is_some_and(|name| work.catalog.get("PlatformEventChannel", name).is_some());
    if !custom && crate::events::Topic::find(&work.schema, topic).is_none() {
        let message = format!("In field: topicName - no topic {topic} found");
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    }
    let created = check_mode(work, "ManagedEventSubscription", full_name, mode)?;
    let id = work.keep("ManagedEventSubscription", full_name, None, kept(element), Vec::new());
    Ok(Saved { full_name: full_name.to_owned(), id, created })
}
