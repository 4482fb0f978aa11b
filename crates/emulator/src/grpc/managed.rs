//! Managed subscriptions: the org keeps the position, one client at a time moves it.

use tokio_stream::{Stream, StreamExt};
use tonic::{Status, Streaming};

use super::call::Caller;
use super::error::{Failure, new_rpc_id};
use super::proto::{
    CommitReplayRequest, CommitReplayResponse, Error, ErrorCode, ManagedFetchRequest, ManagedFetchResponse,
};
use super::subscribe::{Ask, Opening, demand, spawn, unreadable};
use crate::events::managed::Refused;
use crate::events::{ReplayId, Start, Topic};
use crate::http::state::AppState;
use crate::{Org, RecordId};

/// A client's hold on a managed subscription; dropping it lets another client have it.
pub(super) struct Lease {
    state: AppState,
    id: RecordId,
    client: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.state.org.write().events.managed.let_go(self.id, self.client);
    }
}

impl Lease {
    /// Errors: the subscription was stopped or removed.
    pub(super) fn check(&self, org: &Org) -> Result<(), Status> {
        org.events.managed.holds(self.id, self.client).map_err(|refused| match refused {
            Refused::Missing => Failure::ManagedDeleted.status(),
            Refused::Stopped => Failure::ManagedStopped.status(),
            Refused::Active => Failure::ManagedActive.status(),
        })
    }

    /// Notes a position, and says how that went. A failure does not end the stream (documented).
    pub(super) fn commit(
        &self,
        state: &AppState,
        commit_request_id: String,
        replay_id: Vec<u8>,
    ) -> CommitReplayResponse {
        let parsed = ReplayId::parse(&replay_id);
        let mut org = state.org.write();
        let known = parsed.filter(|id| org.events.start(Start::After(*id)).is_ok());
        let done = known.is_some_and(|id| org.events.managed.commit(self.id, self.client, id));
        let error = (!done).then(|| Error {
            code: ErrorCode::Commit.into(),
            msg: "The Replay ID can't be committed: it is corrupted, expired, or belongs to another org.".into(),
        });
        CommitReplayResponse { commit_request_id, replay_id, error, process_time: state.now() }
    }
}

/// Answers a managed subscription.
pub(super) fn run(
    state: AppState,
    caller: Caller,
    requests: Streaming<ManagedFetchRequest>,
) -> impl Stream<Item = Result<ManagedFetchResponse, Status>> + Send + 'static {
    spawn(state, caller, requests, open, ask).map(|answer| {
        answer.map(|answer| ManagedFetchResponse {
            events: answer.events,
            latest_replay_id: answer.latest.to_bytes().to_vec(),
            rpc_id: new_rpc_id(),
            pending_num_requested: answer.pending,
            commit_response: answer.commit,
        })
    })
}

/// Reads the first request: it names the subscription and how many events are wanted, and cannot commit.
fn open(state: &AppState, first: &ManagedFetchRequest) -> Result<Opening, Status> {
    if !first.auth_refresh.is_empty() {
        return Err(Failure::ManagedAuthRefresh.status());
    }
    if first.commit_replay_id_request.is_some() {
        return Err(Failure::ManagedCommitFirst.status());
    }
    let name = match (first.subscription_id.trim(), first.developer_name.trim()) {
        ("", "") => return Err(Failure::ManagedNameEmpty.status()),
        ("", name) => name,
        (id, _) if RecordId::parse(id).is_none() => return Err(Failure::ManagedIdInvalid.status()),
        (id, _) => id,
    };
    let demand = demand("", first.num_requested).map_err(|_| Failure::ManagedRequestedEvents.status())?;
    let now = state.now();
    let mut org = state.org.write();
    let org = &mut *org;
    let (subscription, client) = org.events.managed.take(name).map_err(|refused| match refused {
        Refused::Missing if first.subscription_id.trim().is_empty() => Failure::ManagedNameUnknown,
        Refused::Missing => Failure::ManagedIdUnknown,
        Refused::Stopped => Failure::ManagedStopped,
        Refused::Active => Failure::ManagedActive,
    })?;
    let id = subscription.id;
    let lost = |org: &mut Org, failure: Status| {
        org.events.managed.let_go(id, client);
        failure
    };
    let Some(topic) = Topic::of(org, &subscription.topic_name).filter(Topic::is_for_pubsub) else {
        return Err(lost(org, Failure::TopicNotFound.status()));
    };
    org.events.advance(now, &org.settings);
    let start = subscription.committed.map_or(subscription.default_replay.into(), |id| Start::After(ReplayId(id)));
    // A committed position that no longer counts is what the recovery preset is for.
    let started = org.events.start_on(&topic, start);
    let started = started.or_else(|_| org.events.start_on(&topic, subscription.error_recovery_replay.into()));
    let cursor = match started {
        Ok(cursor) => cursor,
        Err(error) => return Err(lost(org, unreadable(error))),
    };
    let lease = Lease { state: state.clone(), id, client };
    Ok(Opening { topic_name: subscription.topic_name, topic, cursor, demand, lease: Some(lease), commit: None })
}

/// Reads a later request: demand, a commit, or both.
fn ask(request: ManagedFetchRequest) -> Result<Ask, Status> {
    if !request.auth_refresh.is_empty() {
        return Err(Failure::ManagedAuthRefresh.status());
    }
    let commit = request
        .commit_replay_id_request
        .map(|CommitReplayRequest { commit_request_id, replay_id }| (commit_request_id, replay_id));
    let demand = match request.num_requested {
        0 if commit.is_some() => 0,
        n => demand("", n).map_err(|_| Failure::ManagedRequestedEvents.status())?,
    };
    Ok(Ask { topic_name: String::new(), demand, commit })
}
