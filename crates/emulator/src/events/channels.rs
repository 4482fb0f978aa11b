//! Event channels: which entities the standard channel and custom channels carry, with their filters and enrichment,
//! and how platform events are defined. What `PlatformEventChannel` and `PlatformEventChannelMember` configure.
//!
//! ```
//! # let mut org = tidegate_emulator::Org::default();
//! # org.schema = std::sync::Arc::new(tidegate_emulator::schema::standard());
//! use tidegate_emulator::events::channels::{self, ChannelType, NewMember};
//! channels::add_channel(&mut org, "Sales__chn", ChannelType::Data, "Sales").unwrap();
//! channels::add(&mut org, NewMember::new("Sales__chn", "AccountChangeEvent")).unwrap();
//! assert_eq!(channels::list(&org)[0].full_name, "Sales_chn_AccountChangeEvent");
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_soql::ast::Condition;

use super::entity::object_of_event;
use super::filter;
use super::schema::is_platform_event;
use crate::id::INSTANCE;
use crate::schema::{ObjectType, Schema};
use crate::settings::Settings;
use crate::{ApiError, Org, RecordId};

/// The standard channel of change events.
pub const STANDARD: &str = "ChangeEvents";
/// Custom channels of an org (documented).
const CHANNELS_MAX: usize = 100;
/// Enriched fields of a member (documented).
const ENRICHED_MAX: usize = 10;

/// What a custom channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelType {
    /// Change events: `/data/Name__chn`.
    Data,
    /// Platform events: `/event/Name__chn`.
    Event,
}

impl ChannelType {
    /// `channelType` in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Event => "event",
        }
    }
}

/// A custom channel (`PlatformEventChannel`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the metadata type")]
pub struct Channel {
    #[serde(with = "super::keep::id")]
    pub id: RecordId,
    /// `Sales__chn`.
    pub full_name: String,
    pub channel_type: ChannelType,
    pub label: String,
    /// It came by [`configure`].
    #[serde(default)]
    configured: bool,
}

/// An entity on a channel (`PlatformEventChannelMember`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the metadata type")]
pub struct Member {
    #[serde(with = "super::keep::id")]
    pub id: RecordId,
    /// `Sales_chn_AccountChangeEvent`.
    pub full_name: String,
    /// `ChangeEvents` or `Sales__chn`.
    pub event_channel: String,
    /// `AccountChangeEvent`, or the platform event's name.
    pub selected_entity: String,
    pub enriched_fields: Vec<String>,
    pub filter_expression: Option<String>,
    /// It came by [`configure`].
    #[serde(default)]
    configured: bool,
    /// The filter, read.
    #[serde(skip)]
    pub(super) filter: Option<Condition>,
}

/// A member to be made.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names are those of the metadata type")]
pub struct NewMember {
    /// What the channel's and entity's names give, where it is left out.
    pub full_name: Option<String>,
    pub event_channel: String,
    pub selected_entity: String,
    pub enriched_fields: Vec<String>,
    pub filter_expression: Option<String>,
}

impl NewMember {
    /// This entity on this channel, as it comes.
    pub fn new(event_channel: &str, selected_entity: &str) -> Self {
        Self { event_channel: event_channel.into(), selected_entity: selected_entity.into(), ..Self::default() }
    }
}

/// What the definition of a platform event says beyond its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Definition {
    /// `eventType` `StandardVolume`: kept for 24 hours instead of 72.
    pub standard_volume: bool,
    /// `publishBehavior`: `Some(true)` for `PublishImmediately`, `Some(false)` for `PublishAfterCommit`.
    pub immediately: Option<bool>,
}

/// The channels of an org.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Channels {
    channels: Vec<Channel>,
    members: Vec<Member>,
    definitions: BTreeMap<String, Definition>,
    /// Objects taken off the standard channel although the settings select every object.
    deselected: Vec<String>,
    /// [`Settings::change_event_objects`] as the last commit saw it.
    #[serde(skip)]
    by_setting: Option<Vec<String>>,
    made: u64,
}

impl Channels {
    /// Whether the bus raises change events for this object.
    pub(super) fn selects(&self, object: &ObjectType, settings: &Settings) -> bool {
        let event = super::event_name(&object.name);
        object.change_events
            && (self.members.iter().any(|m| m.selected_entity == event)
                || (super::is_selected(object, settings) && !self.deselected.contains(&object.name)))
    }

    pub(super) fn follow(&mut self, settings: &Settings) {
        if self.by_setting != settings.change_event_objects {
            self.by_setting.clone_from(&settings.change_event_objects);
        }
    }

    /// Whether change events of this object are on the standard channel.
    pub(super) fn on_standard(&self, object: &str) -> bool {
        let by_setting = self.by_setting.as_ref().is_none_or(|all| all.iter().any(|o| o.eq_ignore_ascii_case(object)));
        (by_setting && !self.deselected.iter().any(|o| o == object))
            || self.member(STANDARD, &super::event_name(object)).is_some()
    }

    /// The member that brings this event to this channel.
    pub(super) fn member(&self, channel: &str, event: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.event_channel == channel && m.selected_entity == event)
    }

    /// A custom channel by name and kind.
    pub(super) fn channel(&self, name: &str, kind: ChannelType) -> Option<&Channel> {
        self.channels.iter().find(|c| c.full_name == name && c.channel_type == kind)
    }

    /// What is known of this platform event's definition.
    pub fn definition(&self, event: &str) -> Definition {
        self.definitions.get(event).copied().unwrap_or_default()
    }

    /// Reads the filters again, which are not kept.
    pub(super) fn reread_filters(&mut self) {
        for member in &mut self.members {
            member.filter = member.filter_expression.as_deref().and_then(|text| filter::parse(text).ok());
        }
    }

    fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        self.made += 1;
        RecordId::new(prefix, INSTANCE, self.made)
    }
}

/// Says how a platform event is defined beyond its fields. Its object is in the schema.
pub fn define(org: &mut Org, event: &str, definition: Definition) {
    org.events.channels.definitions.insert(event.to_owned(), definition);
}

/// The custom channels.
pub fn list_channels(org: &Org) -> &[Channel] {
    &org.events.channels.channels
}

/// Makes a custom channel.
///
/// # Errors
/// A name that does not end in `__chn`, is not a name or is taken; too many channels.
pub fn add_channel(
    org: &mut Org,
    full_name: &str,
    channel_type: ChannelType,
    label: &str,
) -> Result<RecordId, ApiError> {
    let stem = full_name.strip_suffix("__chn").unwrap_or_default();
    let named = stem.starts_with(|c: char| c.is_ascii_alphabetic())
        && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !named {
        return Err(invalid(format!(
            "The channel name {full_name} is not valid: it must be a name that ends in __chn"
        )));
    }
    let channels = &mut org.events.channels;
    if channels.channels.iter().any(|c| c.full_name.eq_ignore_ascii_case(full_name)) {
        let message = format!("A channel with the name {full_name} already exists");
        return Err(ApiError::new("DUPLICATE_DEVELOPER_NAME", message).field("FullName"));
    }
    if channels.channels.len() >= CHANNELS_MAX {
        return Err(ApiError::new("LIMIT_EXCEEDED", format!("An org has at most {CHANNELS_MAX} custom channels")));
    }
    let id = channels.next_id(*b"0YL");
    channels.channels.push(Channel {
        id,
        full_name: full_name.into(),
        channel_type,
        label: label.into(),
        configured: false,
    });
    Ok(id)
}

/// Removes a custom channel and its members, by name or id. Streams on it end.
///
/// # Errors
/// No such channel.
pub fn remove_channel(org: &mut Org, name_or_id: &str) -> Result<(), ApiError> {
    let channels = &mut org.events.channels;
    let is_it = |c: &Channel| c.full_name == name_or_id || RecordId::parse(name_or_id) == Some(c.id);
    let at = channels.channels.iter().position(is_it).ok_or_else(|| missing("channel", name_or_id))?;
    let gone = channels.channels.remove(at);
    channels.members.retain(|m| m.event_channel != gone.full_name);
    org.events.wake();
    Ok(())
}

/// The members of all channels, in the order in which they were made. Objects that only the org's setting selects
/// are not among them.
pub fn list(org: &Org) -> &[Member] {
    &org.events.channels.members
}

/// Puts an entity on a channel.
///
/// # Errors
/// An unknown channel or entity, one that is there already, a field or filter that is not valid.
pub fn add(org: &mut Org, new: NewMember) -> Result<RecordId, ApiError> {
    let object = check_entity(org, &new)?;
    let channels = &org.events.channels;
    if channels.member(&new.event_channel, &new.selected_entity).is_some() {
        let message = format!("{} is already a member of channel {}", new.selected_entity, new.event_channel);
        return Err(ApiError::new("DUPLICATE_VALUE", message).field("SelectedEntity"));
    }
    let filter = check_details(&org.schema, &object, &new.enriched_fields, new.filter_expression.as_deref())?;
    let full_name = new
        .full_name
        .unwrap_or_else(|| format!("{}_{}", new.event_channel.replace("__chn", "_chn"), new.selected_entity));
    let channels = &mut org.events.channels;
    channels.deselected.retain(|name| new.event_channel != STANDARD || *name != object);
    let id = channels.next_id(*b"0v8");
    channels.members.push(Member {
        id,
        full_name,
        event_channel: new.event_channel,
        selected_entity: new.selected_entity,
        enriched_fields: new.enriched_fields,
        filter_expression: new.filter_expression,
        configured: false,
        filter,
    });
    Ok(id)
}

/// What an org's metadata says of its channels, with the ids that it gave.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Id, full name, kind and label of each custom channel.
    pub channels: Vec<(RecordId, String, ChannelType, String)>,
    /// Id of each member, and what it is.
    pub members: Vec<(RecordId, NewMember)>,
}

/// Makes the bus do what metadata says: channels and members of an earlier configuration that are not in this one go,
/// those of other origin stay. Calling it again with the same changes nothing.
///
/// # Errors
/// The last member that is not valid; such members are not put on their channels, the others are.
pub fn configure(org: &mut Org, configuration: Configuration) -> Result<(), ApiError> {
    let channels = &mut org.events.channels;
    channels.channels.retain(|c| !c.configured);
    channels.members.retain(|m| !m.configured);
    for (id, full_name, channel_type, label) in configuration.channels {
        channels.channels.retain(|c| c.full_name != full_name);
        channels.channels.push(Channel { id, full_name, channel_type, label, configured: true });
    }
    let mut result = Ok(());
    for (id, member) in configuration.members {
        let (channel, entity) = (member.event_channel.clone(), member.selected_entity.clone());
        org.events.channels.members.retain(|m| m.event_channel != channel || m.selected_entity != entity);
        match add(org, member) {
            Ok(made) => {
                if let Some(member) = org.events.channels.members.iter_mut().find(|m| m.id == made) {
                    (member.id, member.configured) = (id, true);
                }
            }
            Err(error) => result = Err(error),
        }
    }
    org.events.wake();
    result
}

/// Changes a member's enrichment and filter; channel and entity cannot be changed.
///
/// # Errors
/// No such member, a field or filter that is not valid.
pub fn update(
    org: &mut Org,
    name_or_id: &str,
    enriched_fields: Vec<String>,
    filter_expression: Option<String>,
) -> Result<(), ApiError> {
    let at = find(org, name_or_id)?;
    let member = org.events.channels.members.get(at).ok_or_else(|| missing("member", name_or_id))?;
    let entity = member.selected_entity.clone();
    let object = object_of_event(&entity).unwrap_or(entity);
    let filter = check_details(&org.schema, &object, &enriched_fields, filter_expression.as_deref())?;
    if let Some(member) = org.events.channels.members.get_mut(at) {
        (member.enriched_fields, member.filter_expression, member.filter) =
            (enriched_fields, filter_expression, filter);
    }
    Ok(())
}

/// Takes an entity off its channel, by the member's name or id. Off the standard channel, the org's setting no longer
/// selects it either.
///
/// # Errors
/// No such member.
pub fn remove(org: &mut Org, name_or_id: &str) -> Result<(), ApiError> {
    let at = find(org, name_or_id)?;
    let channels = &mut org.events.channels;
    let gone = channels.members.remove(at);
    if gone.event_channel == STANDARD
        && let Some(object) = object_of_event(&gone.selected_entity)
    {
        channels.deselected.push(object);
    }
    Ok(())
}

fn find(org: &Org, name_or_id: &str) -> Result<usize, ApiError> {
    let is_it = |m: &Member| m.full_name == name_or_id || RecordId::parse(name_or_id) == Some(m.id);
    org.events.channels.members.iter().position(is_it).ok_or_else(|| missing("member", name_or_id))
}

/// The object whose events are to be put on the channel.
fn check_entity(org: &Org, new: &NewMember) -> Result<String, ApiError> {
    let channels = &org.events.channels;
    let kind = match new.event_channel.as_str() {
        STANDARD => ChannelType::Data,
        name => {
            let found = channels.channels.iter().find(|c| c.full_name == name);
            found.ok_or_else(|| missing("channel", name).field("EventChannel"))?.channel_type
        }
    };
    let object = match kind {
        ChannelType::Data => object_of_event(&new.selected_entity),
        ChannelType::Event => Some(new.selected_entity.clone()),
    };
    let known = object.filter(|object| {
        org.schema.find(object).is_some_and(|(_, found)| match kind {
            ChannelType::Data => found.change_events && super::event_name(&found.name) == new.selected_entity,
            ChannelType::Event => is_platform_event(found) && found.name == new.selected_entity,
        })
    });
    known.ok_or_else(|| {
        let message = format!("The selected entity, {}, isn't valid for this channel", new.selected_entity);
        ApiError::new("INVALID_CROSS_REFERENCE_KEY", message).field("SelectedEntity")
    })
}

/// Checks a filter expression against the fields of an entity's object.
///
/// # Errors
/// `INVALID_FILTER_EXPRESSION`.
pub fn check_filter(object: &ObjectType, text: &str) -> Result<(), ApiError> {
    filter::check(text, object).map(drop)
}

/// Checks enrichment and filter against the entity's fields.
pub(crate) fn check_details(
    schema: &Schema,
    object: &str,
    enriched: &[String],
    filter: Option<&str>,
) -> Result<Option<Condition>, ApiError> {
    let (_, facts) = schema.find(object).ok_or_else(|| missing("entity", object))?;
    if enriched.len() > ENRICHED_MAX {
        let message = format!("A member has at most {ENRICHED_MAX} enriched fields");
        return Err(ApiError::new("LIMIT_EXCEEDED", message).field("EnrichedFields"));
    }
    for name in enriched {
        if facts.field(name).is_none() {
            let message = format!("The enriched field {name} doesn't exist on {object}");
            return Err(ApiError::new("INVALID_FIELD", message).field("EnrichedFields"));
        }
    }
    let Some(text) = filter.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    filter::check(text, facts).map(Some).map_err(|e| e.field("FilterExpression"))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("INVALID_INPUT", message).field("FullName")
}

fn missing(what: &str, name: &str) -> ApiError {
    ApiError::new("NOT_FOUND", format!("There is no event {what} {name}")).status(404)
}
