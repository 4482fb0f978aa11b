//! A subscription: demand goes out, events come in, and a broken stream is opened again where it broke.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use tonic::Streaming;

use crate::error::Error;

use super::{
    SubscriptionError, SubscriptionErrorKind,
    proto::{FetchRequest, FetchResponse, ReplayPreset},
    service::{Events, with_metadata},
};

/// The most events that may be asked for at once.
pub const CREDIT_MAX: u32 = 100;
/// Requests for demand under way. Each is tiny, and the service reads them at once.
const DEMANDS_MAX: usize = 64;

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Only events after now.
    Latest,
    /// The oldest event that the bus keeps (72 hours).
    Earliest,
    /// The first event after this replay id.
    After(Vec<u8>),
}

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// The event's own id.
    pub id: String,
    /// The schema to read the payload with; see [`Events::schema`].
    pub schema_id: String,
    /// A bare Avro datum.
    pub payload: Vec<u8>,
    /// Opaque. Store it with the event's effects; give it back in [`Replay::After`].
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

/// A subscription to one channel.
///
/// When the stream breaks, is silent for longer than the bus ever is, or its token is refused, it is opened again after
/// the last event that [`Subscription::next`] returned; at-least-once delivery follows. **Until the first answer has
/// come** there is no position: a subscription from [`Replay::Latest`] that is opened again before that begins anew at
/// the end, and what happened between is not seen. Wait for the first answer (at most 270 s on a quiet channel, see
/// [`Subscription::position`]) before relying on it.
#[derive(Debug)]
pub struct Subscription {
    events: Events,
    channel: String,
    replay: Replay,
    credit: u32,
    /// Events asked for and not yet come.
    pending: u32,
    position: Option<Vec<u8>>,
    stream: Option<Open>,
    closed: bool,
    reconnects: u64,
    failures: u32,
    /// The generation of the session that was last refused.
    refused: bool,
}

#[derive(Debug)]
struct Open {
    demand: mpsc::Sender<FetchRequest>,
    answers: Streaming<FetchResponse>,
    generation: u64,
}

impl Subscription {
    pub(super) async fn open(
        events: Events,
        channel: &str,
        replay: Replay,
        credit: u32,
    ) -> Result<Subscription, Error> {
        let mut subscription = Subscription {
            events,
            channel: channel.to_owned(),
            replay,
            credit: credit.clamp(1, CREDIT_MAX),
            pending: 0,
            position: None,
            stream: None,
            closed: false,
            reconnects: 0,
            failures: 0,
            refused: false,
        };
        subscription.pending = subscription.credit;
        subscription.connect().await?;
        Ok(subscription)
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
            (None, Replay::After(id)) => Some(id),
            (None, _) => None,
        }
    }

    /// How often the stream was opened again.
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Events asked for and not yet come.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// Asks for `n` events more; together with those under way never more than 100 count. Ask for what has been dealt
    /// with, and no more than can be held will ever come.
    pub async fn request(&mut self, n: u32) -> Result<(), Error> {
        let n = n.min(CREDIT_MAX.saturating_sub(self.pending));
        if n == 0 || self.closed {
            return Ok(());
        }
        self.pending += n;
        if let Some(open) = &self.stream {
            let demand =
                FetchRequest { topic_name: self.channel.clone(), num_requested: as_i32(n), ..FetchRequest::default() };
            if open.demand.send(demand).await.is_err() {
                // The stream is over; `next` opens it again with all that is pending.
                self.stream = None;
            }
        }
        Ok(())
    }

    /// Ends the subscription; `next` returns `None` from now on.
    pub fn close(&mut self) {
        self.closed = true;
        self.stream = None;
    }

    /// The next answer; `None` only after [`Subscription::close`]. With nothing asked for, the credit is asked for
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
            self.request(self.credit).await?;
        }
        let silence_max = self.events.client.inner.transport.timeouts().event_silence;
        loop {
            if self.stream.is_none() {
                self.reconnects += 1;
                self.connect().await?;
            }
            let Some(open) = &mut self.stream else { continue };
            let what = format!("following {}", self.channel);
            let error = match tokio::time::timeout(silence_max, open.answers.next()).await {
                Ok(Some(Ok(response))) => return Ok(Some(self.deliver(response))),
                Ok(Some(Err(status))) => SubscriptionError::from_status(&what, &status),
                Ok(None) => SubscriptionError::unavailable(&what, "the service ended the stream"),
                Err(_) => SubscriptionError::unavailable(
                    &what,
                    format!("nothing came for {} s, not even a keep-alive", silence_max.as_secs()),
                ),
            };
            let generation = open.generation;
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
        self.pending = u32::try_from(response.pending_num_requested).unwrap_or(0).min(CREDIT_MAX);
        Fetched { events, latest_replay_id: response.latest_replay_id, pending: self.pending }
    }

    /// Opens the stream and sends the first request.
    async fn connect(&mut self) -> Result<(), Error> {
        loop {
            let inner = self.events.client.inner.clone();
            let session = inner.session().await?;
            let metadata = self.events.metadata(&session).await?;
            let (demand, requests) = mpsc::channel(DEMANDS_MAX);
            let (preset, replay_id) = match self.position.as_ref() {
                Some(position) => (ReplayPreset::Custom, position.clone()),
                None => match &self.replay {
                    Replay::Latest => (ReplayPreset::Latest, vec![]),
                    Replay::Earliest => (ReplayPreset::Earliest, vec![]),
                    Replay::After(id) => (ReplayPreset::Custom, id.clone()),
                },
            };
            let first = FetchRequest {
                topic_name: self.channel.clone(),
                replay_preset: preset.into(),
                replay_id,
                num_requested: as_i32(self.pending.clamp(1, CREDIT_MAX)),
                ..FetchRequest::default()
            };
            self.pending = self.pending.clamp(1, CREDIT_MAX);
            // The channel is new and has room.
            let _ = demand.try_send(first);
            let requests = futures::stream::unfold(requests, |mut requests| async move {
                requests.recv().await.map(|request| (request, requests))
            });
            let what = format!("subscribing to {}", self.channel);
            let mut client = self.events.channel().await?.client();
            let opened = tokio::time::timeout(
                inner.transport.timeouts().event_silence,
                client.subscribe(with_metadata(requests, metadata)),
            )
            .await;
            let error = match opened {
                Ok(Ok(response)) => {
                    if self.reconnects > 0 {
                        tracing::info!(channel = self.channel, reconnects = self.reconnects, "subscribed again");
                    }
                    self.stream = Some(Open { demand, answers: response.into_inner(), generation: session.generation });
                    return Ok(());
                }
                Ok(Err(status)) => SubscriptionError::from_status(&what, &status),
                Err(_) => SubscriptionError::unavailable(&what, "no answer came in time"),
            };
            self.recover(error, session.generation).await?;
        }
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
