//! A Pub/Sub subscription that hands over bytes: demand goes out, events come in, and a broken stream is opened again
//! where it broke.

use std::{fmt, time::Duration};

use futures::{StreamExt, future::BoxFuture};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tonic::{Response, Status, Streaming};

use crate::{budget::Kind, error::Error};

use super::{
    EventTransport, Replay, SubscriptionError, SubscriptionErrorKind,
    proto::{FetchRequest, FetchResponse, ReplayPreset},
    service::{Events, with_metadata},
};

/// The most events that may be asked for at once.
pub const CREDIT_MAX: u32 = 100;
/// Requests for demand that may wait to be sent. Each asks for one event at least, so there are never more.
const DEMANDS_MAX: usize = CREDIT_MAX as usize + 1;
/// How long `subscribe` waits to hear that it was refused. A quiet channel may say nothing at all for 270 s.
const REFUSAL_WAIT: Duration = Duration::from_secs(5);

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// The event's own id.
    pub id: String,
    /// The schema to read the payload with; see [`Events::schema`].
    pub schema_id: String,
    /// A bare Avro datum.
    pub payload: Vec<u8>,
    /// Opaque. Store it with the event's effects; give it back by [`super::Position::pubsub`].
    pub replay_id: Vec<u8>,
}

/// One answer of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The events in the channel's order; none in a keep-alive.
    pub events: Vec<RawEvent>,
    /// A position at or after the last event. In a keep-alive it is worth storing, so that a quiet channel's position
    /// does not grow old.
    pub latest_replay_id: Vec<u8>,
    /// Events asked for and not yet come.
    pub pending: u32,
}

/// A Pub/Sub subscription to one channel, for those who decode events themselves. [`super::Subscription`] does it for
/// you, for several channels, and over CometD too.
///
/// When the stream breaks, is silent for longer than the bus ever is, or its token is refused, it is opened again after
/// the last event that [`RawSubscription::next`] returned; at-least-once delivery follows. **Until the first answer has
/// come** there is no position: a subscription from [`Replay::Latest`] that is opened again before that begins anew at
/// the end, and what happened between is not seen. Wait for the first answer (at most 270 s on a quiet channel, see
/// [`RawSubscription::position`]) before relying on it.
#[derive(Debug)]
pub struct RawSubscription {
    events: Events,
    channel: String,
    replay: Replay,
    credit: u32,
    /// Events asked for and not yet come.
    pending: u32,
    position: Option<Vec<u8>>,
    stream: Option<Open>,
    closed: bool,
    /// Streams begun so far.
    begun: u64,
    /// Whether the stream that is open began at the tip for want of a position.
    at_tip: bool,
    failures: u32,
    /// Whether the token was refused since anything last came.
    refused: bool,
}

/// A stream that is being opened or is open.
struct Open {
    demand: mpsc::Sender<FetchRequest>,
    answers: Answers,
    generation: u64,
    /// When anything last came.
    heard: Instant,
}

enum Answers {
    /// Kept here, so that a caller who stops waiting does not have to begin again.
    Opening(BoxFuture<'static, Result<Response<Streaming<FetchResponse>>, Status>>),
    Open(Box<Streaming<FetchResponse>>),
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("open", &matches!(self.answers, Answers::Open(_))).finish_non_exhaustive()
    }
}

impl Open {
    /// Waits until the service has accepted the call.
    async fn accepted(&mut self) -> Result<&mut Streaming<FetchResponse>, Status> {
        if let Answers::Opening(opening) = &mut self.answers {
            let response = opening.await?;
            self.answers = Answers::Open(Box::new(response.into_inner()));
            self.heard = Instant::now();
        }
        match &mut self.answers {
            Answers::Open(answers) => Ok(answers),
            Answers::Opening(_) => Err(Status::internal("the stream is not open")),
        }
    }

    async fn answer(&mut self) -> Option<Result<FetchResponse, Status>> {
        let answer = match self.accepted().await {
            Ok(answers) => answers.next().await,
            Err(status) => Some(Err(status)),
        };
        self.heard = Instant::now();
        answer
    }
}

impl RawSubscription {
    pub(super) async fn open(
        events: Events,
        channel: &str,
        replay: Replay,
        credit: u32,
    ) -> Result<RawSubscription, Error> {
        if let Replay::After(position) = &replay {
            position.check(EventTransport::PubSub)?;
        }
        let mut subscription = RawSubscription {
            events,
            channel: channel.to_owned(),
            replay,
            credit: credit.clamp(1, CREDIT_MAX),
            pending: 0,
            position: None,
            stream: None,
            closed: false,
            begun: 0,
            at_tip: false,
            failures: 0,
            refused: false,
        };
        subscription.pending = subscription.credit;
        loop {
            let open = subscription.opened().await?;
            let generation = open.generation;
            let error = match timeout(REFUSAL_WAIT, open.accepted()).await {
                Ok(Ok(_)) | Err(_) => return Ok(subscription),
                Ok(Err(status)) => {
                    let at = &subscription.events.client.inner.config.pubsub_endpoint;
                    SubscriptionError::from_status(&format!("subscribing to {channel} at {at}"), &status).of(channel)
                }
            };
            subscription.stream = None;
            subscription.recover(error, generation).await?;
        }
    }

    /// The channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Where the stream would be opened again: after the last event returned, or at the last keep-alive. `None` until
    /// the first answer, unless the subscription began after a replay id.
    pub fn position(&self) -> Option<&[u8]> {
        match (&self.position, &self.replay) {
            (Some(position), _) => Some(position),
            (None, Replay::After(position)) => Some(position.bytes()),
            (None, _) => None,
        }
    }

    /// How often the stream was opened again.
    pub fn reconnects(&self) -> u64 {
        self.begun.saturating_sub(1)
    }

    /// Whether the last stream began at the tip for want of a position.
    pub(super) fn began_without_position(&self) -> bool {
        self.at_tip
    }

    /// Whether a stream is open now. While it is not, silence means nothing.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Events asked for and not yet come.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Asks for `n` events more; together with those under way never more than 100 count. Ask for what has been dealt
    /// with, and no more than can be held will ever come.
    pub async fn request(&mut self, n: u32) -> Result<(), Error> {
        self.demand(n);
        Ok(())
    }

    fn demand(&mut self, n: u32) {
        let n = n.min(CREDIT_MAX.saturating_sub(self.pending));
        if n == 0 || self.closed {
            return;
        }
        self.pending += n;
        if let Some(open) = &self.stream {
            let demand =
                FetchRequest { topic_name: self.channel.clone(), num_requested: as_i32(n), ..FetchRequest::default() };
            if open.demand.try_send(demand).is_err() {
                // The stream is over; `next` opens it again with all that is pending.
                self.stream = None;
            }
        }
    }

    /// Ends the subscription; `next` returns `None` from now on.
    pub fn close(&mut self) {
        self.closed = true;
        self.stream = None;
    }

    /// The next answer; `None` only after [`RawSubscription::close`]. With nothing asked for, the credit is asked for
    /// again, so that a loop of `next` alone works.
    ///
    /// May be dropped and called again without loss.
    ///
    /// # Errors
    /// [`Error::Subscription`] when connecting again cannot help (an expired replay id, a missing right) or has failed
    /// as often as the retry policy allows. After a retryable one, calling again tries anew from the same position.
    pub async fn next(&mut self) -> Result<Option<Fetched>, Error> {
        if self.closed {
            return Ok(None);
        }
        if self.pending == 0 {
            self.demand(self.credit);
        }
        let silence_max = self.events.client.inner.transport.timeouts().event_silence;
        loop {
            let what = format!("the events from {}", self.events.client.inner.config.pubsub_endpoint);
            let open = self.opened().await?;
            let (generation, deadline) = (open.generation, open.heard + silence_max);
            let error = match timeout_at(deadline, open.answer()).await {
                Ok(Some(Ok(response))) => return Ok(Some(self.deliver(response))),
                Ok(Some(Err(status))) => SubscriptionError::from_status(&what, &status).of(&self.channel),
                Ok(None) => SubscriptionError::unavailable(&what, "the service ended the stream"),
                Err(_) => SubscriptionError::unavailable(
                    &what,
                    format!("nothing came for {} s, not even a keep-alive", silence_max.as_secs()),
                ),
            };
            self.stream = None;
            self.recover(error, generation).await?;
        }
    }

    fn deliver(&mut self, response: FetchResponse) -> Fetched {
        self.failures = 0;
        self.refused = false;
        let events: Vec<RawEvent> = response
            .events
            .into_iter()
            .map(|consumer| {
                let event = consumer.event.unwrap_or_default();
                RawEvent {
                    id: event.id,
                    schema_id: event.schema_id,
                    payload: event.payload,
                    replay_id: consumer.replay_id,
                }
            })
            .collect();
        // With events, `latest_replay_id` may lie ahead of some that are still to come.
        let position = match events.last() {
            Some(event) => &event.replay_id,
            None => &response.latest_replay_id,
        };
        if !position.is_empty() {
            self.position = Some(position.clone());
        }
        // Our own count: the service's does not know of demand that is still on its way to it.
        let came = u32::try_from(events.len()).unwrap_or(u32::MAX);
        self.pending = self.pending.saturating_sub(came);
        if came > 0 {
            self.events.client.budget().note(Kind::EventDeliveries, u64::from(came));
        }
        Fetched { events, latest_replay_id: response.latest_replay_id, pending: self.pending }
    }

    /// The stream, begun if there is none, with the first request on its way.
    async fn opened(&mut self) -> Result<&mut Open, Error> {
        let open = match self.stream.take() {
            Some(open) => open,
            None => self.begin().await?,
        };
        Ok(self.stream.insert(open))
    }

    async fn begin(&mut self) -> Result<Open, Error> {
        let session = self.events.client.inner.session().await?;
        let metadata = self.events.metadata(&session).await?;
        let mut client = self.events.channel().await?.client();
        let (preset, replay_id) = match (&self.position, &self.replay) {
            (Some(position), _) => (ReplayPreset::Custom, position.clone()),
            (None, Replay::After(position)) => (ReplayPreset::Custom, position.bytes().to_vec()),
            (None, Replay::Latest) => (ReplayPreset::Latest, vec![]),
            (None, Replay::Earliest) => (ReplayPreset::Earliest, vec![]),
        };
        self.pending = self.pending.clamp(1, CREDIT_MAX);
        let (demand, requests) = mpsc::channel(DEMANDS_MAX);
        let first = FetchRequest {
            topic_name: self.channel.clone(),
            replay_preset: preset.into(),
            replay_id,
            num_requested: as_i32(self.pending),
            ..FetchRequest::default()
        };
        // A new channel has room.
        let _ = demand.try_send(first);
        // Ends when the sender is dropped, which closes our side of the stream.
        let requests = futures::stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|request| (request, requests))
        });
        if self.begun > 0 {
            tracing::info!(channel = self.channel, times = self.begun, "subscribing again");
        }
        self.begun += 1;
        self.at_tip = preset == ReplayPreset::Latest;
        Ok(Open {
            demand,
            answers: Answers::Opening(Box::pin(
                async move { client.subscribe(with_metadata(requests, metadata)).await },
            )),
            generation: session.generation,
            heard: Instant::now(),
        })
    }

    /// Decides whether to open the stream again, and waits before that.
    async fn recover(&mut self, error: SubscriptionError, generation: u64) -> Result<(), Error> {
        let inner = self.events.client.inner.clone();
        if error.kind == SubscriptionErrorKind::Unauthenticated && !self.refused {
            self.refused = true;
            inner.sessions.renew(&inner.transport, generation).await?;
            return Ok(());
        }
        self.failures += 1;
        let retry = inner.transport.retry();
        if !error.kind.is_transient() || self.failures >= retry.attempts {
            self.failures = 0;
            self.refused = false;
            return Err(error.into());
        }
        let wait: Duration = retry.wait(self.failures, None);
        tracing::warn!(
            %error,
            failures = self.failures,
            wait_ms = wait.as_millis() as u64,
            from_position = self.position().is_some(),
            "the subscription broke; opening it again"
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

fn as_i32(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
