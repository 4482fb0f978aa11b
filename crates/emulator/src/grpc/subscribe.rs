//! One subscription: demand comes in, events go out, read from the log as they are asked for. A managed subscription is
//! the same, but for where it starts and that its client commits positions.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Status, Streaming};

use super::call::Caller;
use super::error::{Failure, new_rpc_id};
use super::managed::Lease;
use super::proto::{CommitReplayResponse, ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset};
use crate::RecordId;
use crate::events::{Cursor, Entry, ReadError, ReplayId, Start, StreamFailure, Topic};
use crate::http::state::AppState;

/// Documented: more demand than this counts as this much.
const DEMAND_MAX: usize = 100;

/// Payload bytes of one answer, well under the 4 MB that gRPC clients accept.
const ANSWER_BYTES: usize = 2_000_000;

/// How often a quiet stream looks whether its token was revoked.
const TICK: Duration = Duration::from_millis(500);

/// What a client asks for after the first request.
pub(super) struct Ask {
    /// The topic, where it is named again.
    pub(super) topic_name: String,
    pub(super) demand: usize,
    /// A position to commit: the client's own id for it, and the replay id.
    pub(super) commit: Option<(String, Vec<u8>)>,
}

/// What goes out.
pub(super) struct Answer {
    pub(super) events: Vec<ConsumerEvent>,
    pub(super) latest: ReplayId,
    pub(super) pending: i32,
    pub(super) commit: Option<CommitReplayResponse>,
}

/// Where a subscription begins.
pub(super) struct Opening {
    pub(super) topic_name: String,
    pub(super) topic: Topic,
    pub(super) cursor: Cursor,
    pub(super) demand: usize,
    pub(super) lease: Option<Lease>,
    /// Answers that go out before any event.
    pub(super) commit: Option<CommitReplayResponse>,
}

/// Answers a subscription. One answer at most waits for the client: a slow client slows its own reading, nothing piles up.
pub(super) fn run(
    state: AppState,
    caller: Caller,
    requests: Streaming<FetchRequest>,
) -> impl Stream<Item = Result<FetchResponse, Status>> + Send + 'static {
    let answers = spawn(state, caller, requests, open, |request: FetchRequest| {
        let demand = demand(&request.auth_refresh, request.num_requested)?;
        Ok(Ask { topic_name: request.topic_name, demand, commit: None })
    });
    answers.map(|answer| {
        answer.map(|answer| FetchResponse {
            events: answer.events,
            latest_replay_id: answer.latest.to_bytes().to_vec(),
            rpc_id: new_rpc_id(),
            pending_num_requested: answer.pending,
        })
    })
}

/// Serves a stream of requests: `open` reads the first, `ask` every later one.
pub(super) fn spawn<R: Send + 'static>(
    state: AppState,
    caller: Caller,
    requests: Streaming<R>,
    open: fn(&AppState, &R) -> Result<Opening, Status>,
    ask: fn(R) -> Result<Ask, Status>,
) -> ReceiverStream<Result<Answer, Status>> {
    let (answers, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(status) = serve(state, caller, requests, &answers, open, ask).await {
            // The client may have gone; then nobody is left to be told.
            let _ = answers.send(Err(status)).await;
        }
    });
    ReceiverStream::new(receiver)
}

struct Subscription {
    state: AppState,
    caller: Caller,
    user: RecordId,
    topic_name: String,
    topic: Topic,
    cursor: Cursor,
    demand: usize,
    lease: Option<Lease>,
    /// When the last answer went out.
    spoke_at: Instant,
    keep_alive: Duration,
    idle: Duration,
}

/// What one look at the log gave.
enum Look {
    /// Something to send.
    Answer(Answer),
    /// Nothing yet, but the end is not reached.
    More,
    /// Nothing there.
    Quiet,
}

async fn serve<R: Send + 'static>(
    state: AppState,
    caller: Caller,
    mut requests: Streaming<R>,
    answers: &mpsc::Sender<Result<Answer, Status>>,
    open: fn(&AppState, &R) -> Result<Opening, Status>,
    ask: fn(R) -> Result<Ask, Status>,
) -> Result<(), Status> {
    let Some(first) = requests.message().await? else { return Ok(()) };
    let opening = open(&state, &first)?;
    drop(first);
    let (mut sub, mut signal, committed) = Subscription::begin(state, caller, opening);
    if let Some(response) = committed
        && answers.send(Ok(sub.committed(response))).await.is_err()
    {
        return Ok(());
    }
    loop {
        // What happens while we look must wake us afterwards.
        signal.borrow_and_update();
        sub.may_go_on()?;
        let (look, failure) = sub.look()?;
        let waiting = matches!(look, Look::Quiet);
        if let Look::Answer(answer) = look {
            sub.spoke_at = Instant::now();
            if answers.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
        if let Some(failure) = failure {
            return Err(failed(failure));
        }
        let deadline = sub.spoke_at + if sub.demand > 0 { sub.keep_alive } else { sub.idle };
        let pause = async {
            match waiting {
                true => tokio::time::sleep_until(deadline.min(Instant::now() + TICK)).await,
                false => tokio::task::yield_now().await,
            }
        };
        tokio::select! {
            biased;
            request = requests.message() => match request? {
                Some(request) => {
                    if let Some(response) = sub.ask(ask(request)?)? {
                        sub.spoke_at = Instant::now();
                        if answers.send(Ok(sub.committed(response))).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                None => return Ok(()),
            },
            () = answers.closed() => return Ok(()),
            changed = signal.changed(), if waiting => {
                // The bus lives as long as the org, which this task holds.
                changed.map_err(|_| Failure::Unavailable.status())?;
            }
            () = pause => {
                sub.release_late();
                if waiting && Instant::now() >= deadline {
                    if sub.demand == 0 {
                        return Ok(());
                    }
                    if let Some(answer) = sub.keep_alive() {
                        sub.spoke_at = Instant::now();
                        if answers.send(Ok(answer)).await.is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// Reads the first request of `Subscribe`.
fn open(state: &AppState, first: &FetchRequest) -> Result<Opening, Status> {
    if first.topic_name.trim().is_empty() {
        return Err(Failure::TopicEmpty.status());
    }
    let demand = demand(&first.auth_refresh, first.num_requested)?;
    let now = state.now();
    let mut org = state.org.write();
    let org = &mut *org;
    let topic = Topic::of(org, &first.topic_name).filter(Topic::is_for_pubsub).ok_or(Failure::TopicNotFound)?;
    org.events.advance(now, &org.settings);
    let start = match ReplayPreset::try_from(first.replay_preset) {
        Ok(ReplayPreset::Latest) => Start::Latest,
        Ok(ReplayPreset::Earliest) => Start::Earliest,
        Ok(ReplayPreset::Custom) => Start::After(ReplayId::parse(&first.replay_id).ok_or(Failure::ReplayCorrupted)?),
        Err(_) => return Err(Failure::RequestInvalid.status()),
    };
    let cursor = org.events.start_on(&topic, start).map_err(unreadable)?;
    Ok(Opening { topic_name: first.topic_name.clone(), topic, cursor, demand, lease: None, commit: None })
}

impl Subscription {
    fn begin(
        state: AppState,
        caller: Caller,
        opening: Opening,
    ) -> (Self, watch::Receiver<u64>, Option<CommitReplayResponse>) {
        let (keep_alive, idle, signal) = {
            let org = state.org.read();
            (org.settings.keep_alive_ms, org.settings.idle_stream_ms, org.events.signal())
        };
        let sub = Self {
            user: caller.user(),
            topic_name: opening.topic_name,
            topic: opening.topic,
            cursor: opening.cursor,
            demand: opening.demand,
            lease: opening.lease,
            spoke_at: Instant::now(),
            keep_alive: Duration::from_millis(keep_alive),
            idle: Duration::from_millis(idle),
            caller,
            state,
        };
        (sub, signal, opening.commit)
    }

    /// Errors: the token was revoked, the channel or the managed subscription is gone.
    fn may_go_on(&mut self) -> Result<(), Status> {
        if self.caller.is_revoked(&self.state) {
            return Err(Failure::Auth.status());
        }
        let org = self.state.org.read();
        if !self.topic.lives(&org) {
            return Err(Failure::TopicNotFound.status());
        }
        match &self.lease {
            Some(lease) => lease.check(&org),
            None => Ok(()),
        }
    }

    /// Takes in a later request: it adds demand, and of a managed subscription may commit a position.
    fn ask(&mut self, ask: Ask) -> Result<Option<CommitReplayResponse>, Status> {
        if !ask.topic_name.is_empty() && ask.topic_name != self.topic_name {
            return Err(Failure::TopicMismatch.status());
        }
        self.demand = (self.demand + ask.demand).min(DEMAND_MAX);
        Ok(match (&self.lease, ask.commit) {
            (Some(lease), Some((id, replay_id))) => Some(lease.commit(&self.state, id, replay_id)),
            _ => None,
        })
    }

    /// Events that a fault held back come when their time has come.
    fn release_late(&self) {
        let now = self.state.now();
        if self.state.org.read().events.has_due(now) {
            let mut org = self.state.org.write();
            let org = &mut *org;
            org.events.release(now, &org.settings);
        }
    }

    /// Reads on, as far as the demand goes.
    fn look(&mut self) -> Result<(Look, Option<StreamFailure>), Status> {
        let now = self.state.now();
        let (mut batch, tip, fails) = {
            let org = self.state.org.read();
            let batch = org.read_events(self.cursor, &self.topic, self.demand, self.user).map_err(unreadable)?;
            if !batch.events.is_empty() && org.usage.delivered_events(now) >= org.settings.daily_delivered_events {
                return Ok((Look::Quiet, Some(StreamFailure::DeliveryLimit)));
            }
            (batch, org.events.latest(), org.events.stream_fails())
        };
        let mut failure = None;
        if fails {
            let (allowed, fails) = self.state.org.write().events.ration(batch.events.len());
            batch.events.truncate(allowed);
            failure = fails;
        }
        if batch.events.is_empty() {
            // With no demand the cursor stays where it is: what is read must be sent.
            let quiet = batch.at_end || self.demand == 0 || failure.is_some();
            if let (Some(next), false) = (batch.next, self.demand == 0) {
                self.cursor = next;
            }
            return Ok((if quiet { Look::Quiet } else { Look::More }, failure));
        }
        let found = batch.events.len();
        let (mut events, mut bytes) = (Vec::with_capacity(found), 0);
        let mut last = ReplayId(0);
        for (entry, cursor) in batch.events {
            // What shares a replay id goes together.
            if bytes > ANSWER_BYTES && entry.replay_id != last {
                break;
            }
            last = entry.replay_id;
            if let Some(event) = consumer_event(&entry) {
                bytes += event.event.as_ref().map_or(0, |e| e.payload.len());
                events.push(event);
            }
            self.cursor = cursor;
        }
        let all = events.len() == found;
        if all && let Some(next) = batch.next.filter(|_| failure.is_none()) {
            self.cursor = next;
        }
        self.demand = self.demand.saturating_sub(events.len());
        self.state.org.read().usage.add_delivered_events(now, events.len() as u64);
        // Only where everything was delivered may the position run ahead of the last event.
        let latest = if all && batch.at_end && failure.is_none() { tip } else { last };
        Ok((Look::Answer(self.answer(events, latest)), failure))
    }

    /// An empty answer, whose position is newer than any event; `None` when an event came just now.
    fn keep_alive(&mut self) -> Option<Answer> {
        let now = self.state.now();
        let latest = {
            let mut org = self.state.org.write();
            let org = &mut *org;
            let batch = org.read_events(self.cursor, &self.topic, 1, self.user).ok()?;
            if !batch.events.is_empty() || !batch.at_end {
                return None;
            }
            org.events.run_ahead(now, &org.settings)
        };
        Some(self.answer(Vec::new(), latest))
    }

    fn answer(&self, events: Vec<ConsumerEvent>, latest: ReplayId) -> Answer {
        Answer { events, latest, pending: i32::try_from(self.demand).unwrap_or(i32::MAX), commit: None }
    }

    /// The answer to a commit.
    fn committed(&self, response: CommitReplayResponse) -> Answer {
        let latest = ReplayId::parse(&response.replay_id).unwrap_or(ReplayId(0));
        Answer { commit: Some(response), ..self.answer(Vec::new(), latest) }
    }
}

fn consumer_event(entry: &Entry) -> Option<ConsumerEvent> {
    let (schema, payload) = entry.datum()?;
    Some(ConsumerEvent {
        event: Some(ProducerEvent {
            id: entry.id(),
            schema_id: schema.id.clone(),
            payload: payload.into(),
            headers: Vec::new(),
        }),
        replay_id: entry.replay_id.to_bytes().to_vec(),
    })
}

/// The demand that a request adds.
pub(super) fn demand(auth_refresh: &str, requested: i32) -> Result<usize, Status> {
    if !auth_refresh.is_empty() {
        return Err(Failure::AuthRefresh.status());
    }
    match usize::try_from(requested) {
        Ok(n) if n > 0 => Ok(n.min(DEMAND_MAX)),
        _ => Err(Failure::RequestedEvents.status()),
    }
}

pub(super) fn unreadable(error: ReadError) -> Status {
    match error {
        ReadError::Expired => Failure::ReplayExpired.status(),
        ReadError::Reset => Failure::Unavailable.status(),
    }
}

fn failed(failure: StreamFailure) -> Status {
    match failure {
        StreamFailure::Unavailable => Failure::Unavailable.status(),
        StreamFailure::Auth => Failure::Auth.status(),
        StreamFailure::DeliveryLimit => Failure::DeliveryLimit.status(),
        StreamFailure::Internal => Failure::Internal.status(),
    }
}
