//! Disturbing the event bus and its doors, and setting up channels and managed subscriptions.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{done, refused};
use crate::events::channels::{self, ChannelType, NewMember};
use crate::events::managed::{self, NewSubscription, Preset};
use crate::events::{ChangeType, StreamFailure};
use crate::http::AppState;
use crate::http::cometd::Fault;
use crate::{Org, RecordId};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Disturbance {
    /// Delivers the next so many events twice.
    Duplicate(usize),
    /// Delivers the last so many events again, under new replay ids.
    DuplicateLast(usize),
    /// Loses the next so many events.
    Lose(usize),
    /// Holds the next `count` events back for `ms` milliseconds: later ones come before them.
    Late { count: usize, ms: i64 },
    /// Turns the next so many events into gap events.
    GapNext(usize),
    /// Sends a gap event for these records.
    Gap {
        object: String,
        ids: Vec<String>,
        #[serde(default)]
        change: GapChange,
    },
    /// Sends one event for several records, which says of these fields what all of them hold.
    Merged { object: String, ids: Vec<String>, fields: Vec<String> },
    /// Sends an overflow event for this object.
    Overflow { object: String },
    /// Sends a gap event for every record of this object.
    Wildcard { object: String },
    /// Ends a stream with an error after so many more events.
    FailStream {
        #[serde(default)]
        after: usize,
        with: StreamFailure,
    },
    /// Throws all events away and starts positions elsewhere.
    Reset {},
    /// Keeps the events, under other positions.
    Renumber {},
    /// Lets handshakes or connects of CometD clients go wrong.
    Cometd(Fault),
    /// Forgets every session of CometD clients.
    ForgetClients {},
    /// Makes a custom channel.
    Channel { full_name: String, channel_type: ChannelType },
    /// Puts an entity on a channel.
    Member {
        channel: String,
        entity: String,
        #[serde(default)]
        enriched_fields: Vec<String>,
        filter: Option<String>,
    },
    /// Makes a managed subscription.
    ManagedSubscription {
        developer_name: String,
        topic: String,
        #[serde(default)]
        default_replay: Preset,
        #[serde(default)]
        error_recovery_replay: Preset,
    },
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GapChange {
    Create,
    #[default]
    Update,
    Delete,
    Undelete,
}

impl From<GapChange> for ChangeType {
    fn from(change: GapChange) -> Self {
        match change {
            GapChange::Create => ChangeType::Create,
            GapChange::Update => ChangeType::Update,
            GapChange::Delete => ChangeType::Delete,
            GapChange::Undelete => ChangeType::Undelete,
        }
    }
}

/// Ids of records, at least one.
fn ids(texts: &[String]) -> Result<Vec<RecordId>, String> {
    let parsed: Vec<_> = texts.iter().filter_map(|id| RecordId::parse(id)).collect();
    if parsed.is_empty() || parsed.len() != texts.len() {
        return Err("ids must be record ids, at least one".into());
    }
    Ok(parsed)
}

pub(super) async fn disturb(State(state): State<AppState>, body: Bytes) -> Response {
    let asked: Disturbance = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error),
    };
    let now = state.now();
    let result = match asked {
        Disturbance::Cometd(fault) => {
            state.cometd.plan(fault);
            state.org.read().events.wake();
            Ok(json!({}))
        }
        Disturbance::ForgetClients {} => {
            state.cometd.forget_all();
            Ok(json!({}))
        }
        of_the_bus => apply(&mut state.org.write(), now, of_the_bus),
    };
    match result {
        Ok(mut told) => {
            if let Some(members) = told.as_object_mut() {
                members.insert("latest_replay_id".into(), json!(state.org.read().events.latest().0));
            }
            done(&told)
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

fn apply(org: &mut Org, now: crate::Millis, asked: Disturbance) -> Result<Json, String> {
    let (bus, schema, settings) = (&mut org.events, &org.schema, &org.settings);
    match asked {
        Disturbance::Duplicate(count) => bus.duplicate_next(count),
        Disturbance::DuplicateLast(count) => bus.duplicate_last(count),
        Disturbance::Lose(count) => bus.lose_next(count),
        Disturbance::Late { count, ms } => bus.delay_next(count, ms),
        Disturbance::GapNext(count) => bus.gap_next(count),
        Disturbance::Gap { object, ids: records, change } => {
            bus.inject_gap(schema, settings, now, &object, &ids(&records)?, change.into()).map_err(|e| e.to_string())?
        }
        Disturbance::Merged { object, ids: records, fields } => {
            org.inject_merged(now, &object, &ids(&records)?, &fields)?
        }
        Disturbance::Overflow { object } => {
            bus.inject_overflow(schema, settings, now, &object).map_err(|e| e.to_string())?;
        }
        Disturbance::Wildcard { object } => {
            bus.inject_wildcard(schema, settings, now, &object).map_err(|e| e.to_string())?;
        }
        Disturbance::FailStream { after, with } => bus.fail_stream_after(after, with),
        Disturbance::Reset {} => bus.reset_positions(),
        Disturbance::Renumber {} => bus.renumber(),
        Disturbance::Channel { full_name, channel_type } => {
            let id = channels::add_channel(org, &full_name, channel_type, &full_name).map_err(|e| e.to_string())?;
            return Ok(json!({ "id": id.to_string() }));
        }
        Disturbance::Member { channel, entity, enriched_fields, filter } => {
            let member = NewMember { enriched_fields, filter_expression: filter, ..NewMember::new(&channel, &entity) };
            let id = channels::add(org, member).map_err(|e| e.to_string())?;
            return Ok(json!({ "id": id.to_string() }));
        }
        Disturbance::ManagedSubscription { developer_name, topic, default_replay, error_recovery_replay } => {
            let label = developer_name.clone();
            let new =
                NewSubscription { developer_name, label, topic_name: topic, default_replay, error_recovery_replay };
            let id = managed::create(org, new).map_err(|e| e.to_string())?;
            return Ok(json!({ "id": id.to_string() }));
        }
        // These are not of the bus.
        Disturbance::Cometd(_) | Disturbance::ForgetClients {} => {}
    }
    Ok(json!({}))
}
