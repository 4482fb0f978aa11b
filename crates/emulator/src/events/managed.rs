//! Managed subscriptions (`ManagedEventSubscription`): subscriptions whose position the org keeps.

use serde::{Deserialize, Serialize};

use super::entity::Topic;
use super::{ReplayId, Start};
use crate::id::INSTANCE;
use crate::{ApiError, Org, RecordId};

/// Managed subscriptions of an org (documented).
const SUBSCRIPTIONS_MAX: usize = 200;

/// Where a managed subscription starts without a position that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Preset {
    /// After everything that has happened.
    #[default]
    Latest,
    /// With the oldest event kept.
    Earliest,
}

impl From<Preset> for Start {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Latest => Start::Latest,
            Preset::Earliest => Start::Earliest,
        }
    }
}

/// What a managed subscription is made of.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the names are those of the metadata type")]
pub struct NewSubscription {
    pub developer_name: String,
    pub label: String,
    pub topic_name: String,
    pub default_replay: Preset,
    pub error_recovery_replay: Preset,
}

/// A managed subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the metadata type")]
pub struct Subscription {
    #[serde(with = "super::keep::id")]
    pub id: RecordId,
    pub developer_name: String,
    pub label: String,
    pub topic_name: String,
    pub default_replay: Preset,
    pub error_recovery_replay: Preset,
    /// `state`: `RUN`, or `STOP`.
    pub runs: bool,
    /// The position that was committed last.
    pub committed: Option<u64>,
    /// It came by [`configure`].
    #[serde(default)]
    configured: bool,
    /// The client that is connected.
    #[serde(skip)]
    pub(crate) owner: Option<u64>,
}

/// The managed subscriptions of an org.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Managed {
    subscriptions: Vec<Subscription>,
    made: u64,
    #[serde(skip)]
    clients: u64,
}

/// Why a client cannot have a managed subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No subscription of this id or name.
    Missing,
    /// Its state is `STOP`.
    Stopped,
    /// Another client is connected.
    Active,
}

impl Managed {
    /// Every subscription.
    pub fn list(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// A subscription by id, 15 or 18 characters, or developer name.
    pub fn find(&self, id_or_name: &str) -> Option<&Subscription> {
        let id = RecordId::parse(id_or_name);
        self.subscriptions.iter().find(|s| s.developer_name == id_or_name || Some(s.id) == id)
    }

    fn find_mut(&mut self, id: RecordId) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|s| s.id == id)
    }

    /// Gives a subscription to a client, which gets a number to let go of it with.
    pub(crate) fn take(&mut self, id_or_name: &str) -> Result<(Subscription, u64), Refused> {
        let id = self.find(id_or_name).ok_or(Refused::Missing)?.id;
        self.clients += 1;
        let client = self.clients;
        let found = self.find_mut(id).ok_or(Refused::Missing)?;
        if !found.runs {
            return Err(Refused::Stopped);
        }
        if found.owner.is_some() {
            return Err(Refused::Active);
        }
        found.owner = Some(client);
        Ok((found.clone(), client))
    }

    /// A client has gone.
    pub(crate) fn let_go(&mut self, id: RecordId, client: u64) {
        if let Some(found) = self.find_mut(id).filter(|s| s.owner == Some(client)) {
            found.owner = None;
        }
    }

    /// Notes a client's position. `false` where the subscription is not this client's any more.
    pub(crate) fn commit(&mut self, id: RecordId, client: u64, replay_id: ReplayId) -> bool {
        let found = self.find_mut(id).filter(|s| s.owner == Some(client));
        found.map(|s| s.committed = Some(replay_id.0)).is_some()
    }

    /// Whether the subscription is still this client's; how it was lost otherwise.
    pub(crate) fn holds(&self, id: RecordId, client: u64) -> Result<(), Refused> {
        match self.subscriptions.iter().find(|s| s.id == id) {
            None => Err(Refused::Missing),
            Some(s) if !s.runs => Err(Refused::Stopped),
            Some(s) if s.owner != Some(client) => Err(Refused::Active),
            Some(_) => Ok(()),
        }
    }
}

/// Makes a managed subscription; it runs.
///
/// # Errors
/// An unknown topic, a name that is none or taken, too many subscriptions.
pub fn create(org: &mut Org, new: NewSubscription) -> Result<RecordId, ApiError> {
    let name = &new.developer_name;
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !named {
        let message = format!("{name} is not a valid developer name");
        return Err(ApiError::new("INVALID_INPUT", message).field("DeveloperName"));
    }
    if !Topic::of(org, &new.topic_name).is_some_and(|topic| topic.is_for_pubsub()) {
        let message = format!("The topic {} doesn't exist", new.topic_name);
        return Err(ApiError::new("INVALID_CROSS_REFERENCE_KEY", message).field("TopicName"));
    }
    let managed = &mut org.events.managed;
    if managed.subscriptions.iter().any(|s| s.developer_name.eq_ignore_ascii_case(name)) {
        let message = format!("A managed subscription {name} already exists");
        return Err(ApiError::new("DUPLICATE_DEVELOPER_NAME", message).field("DeveloperName"));
    }
    if managed.subscriptions.len() >= SUBSCRIPTIONS_MAX {
        let message = format!("An org has at most {SUBSCRIPTIONS_MAX} managed subscriptions");
        return Err(ApiError::new("LIMIT_EXCEEDED", message));
    }
    managed.made += 1;
    let id = RecordId::new(*b"18x", INSTANCE, managed.made);
    managed.subscriptions.push(Subscription {
        id,
        developer_name: new.developer_name,
        label: new.label,
        topic_name: new.topic_name,
        default_replay: new.default_replay,
        error_recovery_replay: new.error_recovery_replay,
        runs: true,
        committed: None,
        configured: false,
        owner: None,
    });
    Ok(id)
}

/// Makes the bus do what an org's metadata says: each subscription with its id, what it is, and whether it runs. Those of
/// an earlier configuration that are not in this one go; positions of those that stay are kept, and so are subscriptions
/// of other origin.
pub fn configure(org: &mut Org, subscriptions: Vec<(RecordId, NewSubscription, bool)>) {
    let managed = &mut org.events.managed;
    managed.subscriptions.retain(|s| !s.configured || subscriptions.iter().any(|(id, ..)| *id == s.id));
    for (id, new, runs) in subscriptions {
        let known = managed.subscriptions.iter().position(|s| s.id == id || s.developer_name == new.developer_name);
        let before =
            known.map(|at| managed.subscriptions.remove(at)).filter(|s| s.topic_name == new.topic_name && runs);
        managed.subscriptions.push(Subscription {
            id,
            developer_name: new.developer_name,
            label: new.label,
            topic_name: new.topic_name,
            default_replay: new.default_replay,
            error_recovery_replay: new.error_recovery_replay,
            runs,
            committed: before.as_ref().and_then(|s| s.committed),
            configured: true,
            owner: before.and_then(|s| s.owner),
        });
    }
    org.events.wake();
}

/// Changes where a subscription starts, and whether it runs. Stopping it disconnects its client and forgets the
/// committed position (documented).
///
/// # Errors
/// No such subscription.
pub fn update(
    org: &mut Org,
    id_or_name: &str,
    runs: bool,
    default_replay: Preset,
    error_recovery_replay: Preset,
) -> Result<(), ApiError> {
    let id = org.events.managed.find(id_or_name).ok_or_else(|| missing(id_or_name))?.id;
    if let Some(found) = org.events.managed.find_mut(id) {
        (found.runs, found.default_replay, found.error_recovery_replay) = (runs, default_replay, error_recovery_replay);
        if !runs {
            (found.committed, found.owner) = (None, None);
        }
    }
    org.events.wake();
    Ok(())
}

/// Removes a subscription; its client is disconnected.
///
/// # Errors
/// No such subscription.
pub fn remove(org: &mut Org, id_or_name: &str) -> Result<(), ApiError> {
    let id = org.events.managed.find(id_or_name).ok_or_else(|| missing(id_or_name))?.id;
    org.events.managed.subscriptions.retain(|s| s.id != id);
    org.events.wake();
    Ok(())
}

fn missing(name: &str) -> ApiError {
    ApiError::new("NOT_FOUND", format!("There is no managed event subscription {name}")).status(404)
}
