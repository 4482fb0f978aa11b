//! One subscription: demand comes in, events go out, read from the log as they are asked for.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::call::Caller;
use super::error::{Failure, new_rpc_id};
use super::proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset};
use crate::events::{Cursor, Event, ReadError, ReplayId, Start, StreamFailure, Topic};
use crate::http::state::AppState;

/// Documented: more demand than this counts as this much.
const DEMAND_MAX: usize = 100;

/// Payload bytes of one answer, well under the 4 MB that gRPC clients accept.
const ANSWER_BYTES: usize = 2_000_000;

/// How often a quiet stream looks whether its token was revoked.
const TICK: Duration = Duration::from_millis(500);

/// Answers a subscription. One answer at most waits for the client: a slow client slows its own reading, nothing piles up.
pub(super) fn run(
    state: AppState,
    caller: Caller,
    requests: Streaming<FetchRequest>,
) -> impl Stream<Item = Result<FetchResponse, Status>> + Send + 'static {
    let (answers, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(status) = serve(state, caller, requests, &answers).await {
            // The client may have gone; then nobody is left to be told.
            let _ = answers.send(Err(status)).await;
        }
    });
    ReceiverStream::new(receiver)
}

struct Subscription {
    state: AppState,
    caller: Caller,
    topic_name: String,
    topic: Topic,
    cursor: Cursor,
    demand: usize,
    /// When the last answer went out.
    spoke_at: Instant,
    keep_alive: Duration,
    idle: Duration,
}

/// What one look at the log gave.
enum Look {
    /// Something to send.
    Answer(FetchResponse),
    /// Nothing yet, but the end is not reached.
    More,
    /// Nothing there.
    Quiet,
}

async fn serve(
    state: AppState,
    caller: Caller,
    mut requests: Streaming<FetchRequest>,
    answers: &mpsc::Sender<Result<FetchResponse, Status>>,
) -> Result<(), Status> {
    let Some(first) = requests.message().await? else { return Ok(()) };
    let (mut sub, mut signal) = Subscription::open(state, caller, &first)?;
    loop {
        // What happens while we look must wake us afterwards.
        signal.borrow_and_update();
        if sub.caller.is_revoked(&sub.state) {
            return Err(Failure::Auth.status());
        }
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
                Some(request) => sub.ask(&request)?,
                None => return Ok(()),
            },
            () = answers.closed() => return Ok(()),
            changed = signal.changed(), if waiting => {
                // The bus lives as long as the org, which this task holds.
                changed.map_err(|_| Failure::Unavailable.status())?;
            }
            () = pause => {
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

impl Subscription {
    fn open(state: AppState, caller: Caller, first: &FetchRequest) -> Result<(Self, watch::Receiver<u64>), Status> {
        if first.topic_name.trim().is_empty() {
            return Err(Failure::TopicEmpty.status());
        }
        let demand = demand(first)?;
        let now = state.now();
        let mut org = state.org.write();
        let org = &mut *org;
        let topic = Topic::find(&org.schema, &first.topic_name).ok_or(Failure::TopicNotFound)?;
        org.events.advance(now, &org.settings);
        let start = match ReplayPreset::try_from(first.replay_preset) {
            Ok(ReplayPreset::Latest) => Start::Latest,
            Ok(ReplayPreset::Earliest) => Start::Earliest,
            Ok(ReplayPreset::Custom) => {
                Start::After(ReplayId::parse(&first.replay_id).ok_or(Failure::ReplayCorrupted)?)
            }
            Err(_) => return Err(Failure::RequestInvalid.status()),
        };
        let sub = Self {
            topic_name: first.topic_name.clone(),
            topic,
            cursor: org.events.start(start).map_err(unreadable)?,
            demand,
            spoke_at: Instant::now(),
            keep_alive: Duration::from_millis(org.settings.keep_alive_ms),
            idle: Duration::from_millis(org.settings.idle_stream_ms),
            caller,
            state: state.clone(),
        };
        Ok((sub, org.events.signal()))
    }

    /// Takes in a later request: it only adds demand.
    fn ask(&mut self, request: &FetchRequest) -> Result<(), Status> {
        if !request.topic_name.is_empty() && request.topic_name != self.topic_name {
            return Err(Failure::TopicMismatch.status());
        }
        self.demand = (self.demand + demand(request)?).min(DEMAND_MAX);
        Ok(())
    }

    /// Reads on, as far as the demand goes.
    fn look(&mut self) -> Result<(Look, Option<StreamFailure>), Status> {
        let (mut batch, tip, fails) = {
            let events = &self.state.org.read().events;
            let batch = events.read(self.cursor, &self.topic, self.demand).map_err(unreadable)?;
            (batch, events.latest(), events.stream_fails())
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
        for (event, cursor) in batch.events {
            if bytes > ANSWER_BYTES {
                break;
            }
            let event = consumer_event(&event, &mut last);
            bytes += event.event.as_ref().map_or(0, |e| e.payload.len());
            events.push(event);
            self.cursor = cursor;
        }
        let all = events.len() == found;
        if all && let Some(next) = batch.next.filter(|_| failure.is_none()) {
            self.cursor = next;
        }
        self.demand = self.demand.saturating_sub(events.len());
        self.state.org.read().usage.add_delivered_events(self.state.now(), events.len() as u64);
        // Only where everything was delivered may the position run ahead of the last event.
        let latest = if all && batch.at_end && failure.is_none() { tip } else { last };
        Ok((Look::Answer(self.answer(events, latest)), failure))
    }

    /// An empty answer, whose position is newer than any event; `None` when an event came just now.
    fn keep_alive(&mut self) -> Option<FetchResponse> {
        let now = self.state.now();
        let latest = {
            let mut org = self.state.org.write();
            let org = &mut *org;
            let batch = org.events.read(self.cursor, &self.topic, 1).ok()?;
            if !batch.events.is_empty() || !batch.at_end {
                return None;
            }
            org.events.run_ahead(now, &org.settings)
        };
        Some(self.answer(Vec::new(), latest))
    }

    fn answer(&self, events: Vec<ConsumerEvent>, latest: ReplayId) -> FetchResponse {
        FetchResponse {
            events,
            latest_replay_id: latest.to_bytes().to_vec(),
            rpc_id: new_rpc_id(),
            pending_num_requested: i32::try_from(self.demand).unwrap_or(i32::MAX),
        }
    }
}

fn consumer_event(event: &Event, last: &mut ReplayId) -> ConsumerEvent {
    *last = event.replay_id;
    ConsumerEvent {
        event: Some(ProducerEvent {
            // Stable for an event, however often it is delivered.
            id: format!("{}-{}", event.transaction.key_text(), event.sequence),
            schema_id: event.schema.id.clone(),
            payload: event.payload().into(),
            headers: Vec::new(),
        }),
        replay_id: event.replay_id.to_bytes().to_vec(),
    }
}

fn demand(request: &FetchRequest) -> Result<usize, Status> {
    if !request.auth_refresh.is_empty() {
        return Err(Failure::AuthRefresh.status());
    }
    match usize::try_from(request.num_requested) {
        Ok(n) if n > 0 => Ok(n.min(DEMAND_MAX)),
        _ => Err(Failure::RequestedEvents.status()),
    }
}

fn unreadable(error: ReadError) -> Status {
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
