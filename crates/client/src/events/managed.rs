//! Managed subscriptions: the org keeps the position. Pub/Sub only, and a beta there.

use std::{collections::VecDeque, fmt};

use futures::{StreamExt, future::BoxFuture};
use http::Method;
use serde_json::{Value as Json, json};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tonic::{Response, Status, Streaming};

use super::{
    CREDIT_MAX, Event, EventTransport, Events, Position, RawEvent, SubscriptionError, SubscriptionErrorKind,
    avro::DecodeError,
    proto::{CommitReplayRequest, ManagedFetchRequest, ManagedFetchResponse},
    seen::Seen,
    service::with_metadata,
};
use crate::{
    budget::Kind,
    call::{Call, decode_json, with_json},
    error::Error,
    version::ApiVersion,
};

/// Requests that may wait to be sent: demand and commits.
const REQUESTS_MAX: usize = 256;

/// Where a managed subscription begins when there is no committed position, or it has been lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Only events after now. Those in between are lost in silence.
    Latest,
    /// The oldest event retained.
    #[default]
    Earliest,
}

/// Makes a managed subscription in the org: a `ManagedEventSubscription` by the Tooling API (58.0 and later; the type
/// needs 60.0). Its reply is the subscription's id. An org has at most 200 of them.
#[derive(Clone, Debug)]
pub struct ManagedSetup {
    /// Its developer name, by which it is followed.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The channel.
    pub channel: String,
    /// Where it begins at first.
    pub start: Recovery,
    /// Where it begins when the committed position is lost.
    pub recovery: Recovery,
}

impl Recovery {
    fn word(self) -> &'static str {
        match self {
            Recovery::Latest => "LATEST",
            Recovery::Earliest => "EARLIEST",
        }
    }
}

impl Call for ManagedSetup {
    type Reply = String;

    fn what(&self) -> String {
        format!("making the managed subscription {}", self.name)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<bytes::Bytes>, Error> {
        let path = format!("{}/tooling/sobjects/ManagedEventSubscription", api.base_path());
        let body = json!({
            "FullName": self.name,
            "Metadata": {
                "label": self.label,
                "topicName": self.channel,
                "defaultReplay": self.start.word(),
                "errorRecoveryReplay": self.recovery.word(),
                "state": "RUN",
            },
        });
        with_json(Method::POST, path, &body)
    }

    fn reply(&self, response: http::Response<bytes::Bytes>) -> Result<String, Error> {
        let saved: Json = decode_json(&self.what(), response.body())?;
        let id = saved.get("id").and_then(Json::as_str);
        id.map(str::to_owned).ok_or_else(|| Error::unexpected(self.what(), "no id"))
    }
}

/// What a managed subscription brings.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ManagedDelivery {
    /// An event; commit its position once it has been dealt with.
    Event(Box<Event>),
    /// Nothing new; the position may be committed, so that it does not grow too old.
    KeepAlive(Position),
    /// The org has stored a position, and with it all that were committed before.
    Committed(Position),
    /// The org could not store a position. The stream goes on; commit a later one.
    CommitFailed {
        /// The org's words.
        message: String,
    },
}

/// A subscription whose position the org keeps. One client at a time may follow it.
///
/// It begins after the last position that was **committed**. When the stream breaks, it is opened again there; events
/// that come again by that are recognised and left out.
pub struct ManagedSubscription {
    events: Events,
    /// Id or developer name.
    name: String,
    by_id: bool,
    credit: u32,
    pending: u32,
    stream: Option<Open>,
    waiting: VecDeque<RawEvent>,
    news: VecDeque<ManagedDelivery>,
    seen: Seen,
    /// Committed, and not confirmed yet.
    committing: Option<Position>,
    commits: u64,
    failures: u32,
    refused: bool,
    closed: bool,
    begun: u64,
}

struct Open {
    requests: mpsc::Sender<ManagedFetchRequest>,
    answers: Answers,
    generation: u64,
    heard: Instant,
}

enum Answers {
    Opening(BoxFuture<'static, Result<Response<Streaming<ManagedFetchResponse>>, Status>>),
    Open(Box<Streaming<ManagedFetchResponse>>),
}

impl fmt::Debug for ManagedSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedSubscription")
            .field("name", &self.name)
            .field("open", &self.stream.is_some())
            .finish_non_exhaustive()
    }
}

impl Open {
    async fn answer(&mut self) -> Option<Result<ManagedFetchResponse, Status>> {
        if let Answers::Opening(opening) = &mut self.answers {
            match opening.await {
                Ok(response) => self.answers = Answers::Open(Box::new(response.into_inner())),
                Err(status) => return Some(Err(status)),
            }
            self.heard = Instant::now();
        }
        let answer = match &mut self.answers {
            Answers::Open(answers) => answers.next().await,
            Answers::Opening(_) => None,
        };
        self.heard = Instant::now();
        answer
    }
}

impl Events {
    /// Follows a managed subscription, by its developer name or its id (`18x…`). `credit` is how many events may be
    /// under way at once, 1 to 100. Refusals are told by [`ManagedSubscription::next`].
    pub fn managed(&self, name: &str, credit: u32) -> ManagedSubscription {
        let credit = credit.clamp(1, CREDIT_MAX);
        ManagedSubscription {
            events: self.clone(),
            name: name.to_owned(),
            // Ids have their type's prefix and a fixed length; developer names with both are unlikely, and are found by
            // neither then.
            by_id: name.starts_with("18x") && matches!(name.len(), 15 | 18),
            credit,
            pending: credit,
            stream: None,
            waiting: VecDeque::new(),
            news: VecDeque::new(),
            seen: Seen::default(),
            committing: None,
            commits: 0,
            failures: 0,
            refused: false,
            closed: false,
            begun: 0,
        }
    }
}

impl ManagedSubscription {
    /// How often the stream was opened again.
    pub fn reconnects(&self) -> u64 {
        self.begun.saturating_sub(1)
    }

    /// Asks the org to store a position: that of the last event dealt with. Confirmed by
    /// [`ManagedDelivery::Committed`]; several may be confirmed by one. When the stream breaks before that, the newest
    /// is asked for again.
    ///
    /// # Errors
    /// [`Error::Config`] for a position of CometD.
    pub fn commit(&mut self, position: &Position) -> Result<(), Error> {
        position.check(EventTransport::PubSub)?;
        self.committing = Some(position.clone());
        self.send_commit();
        Ok(())
    }

    fn send_commit(&mut self) {
        let (Some(position), Some(open)) = (&self.committing, &self.stream) else { return };
        self.commits += 1;
        let request = ManagedFetchRequest {
            commit_replay_id_request: Some(CommitReplayRequest {
                commit_request_id: self.commits.to_string(),
                replay_id: position.bytes().to_vec(),
            }),
            ..ManagedFetchRequest::default()
        };
        // Where the queue is full, a later commit takes this one along.
        if open.requests.try_send(request).is_err() {
            tracing::debug!("a commit waits for the next one");
        }
    }

    /// Ends it; `next` returns `None` from now on. A commit on its way may or may not be stored.
    pub fn close(&mut self) {
        self.closed = true;
        self.stream = None;
        self.waiting.clear();
    }

    /// What comes next; `None` only after [`ManagedSubscription::close`]. May be dropped and called again without loss.
    ///
    /// # Errors
    /// [`Error::Subscription`]: there is no such subscription, it is stopped, another client follows it, or the retry
    /// policy is used up.
    pub async fn next(&mut self) -> Result<Option<ManagedDelivery>, Error> {
        loop {
            if self.closed {
                return Ok(None);
            }
            if let Some(news) = self.news.pop_front() {
                return Ok(Some(news));
            }
            if let Some(raw) = self.waiting.front() {
                let schema = match self.events.parsed_schema(&raw.schema_id).await {
                    Err(Error::Subscription(error))
                        if !error.kind.is_retryable() && error.kind != SubscriptionErrorKind::Unauthenticated =>
                    {
                        Err(DecodeError::new(format!("schema {}", raw.schema_id), "a schema of the org"))
                    }
                    schema => schema?,
                };
                let Some(raw) = self.waiting.pop_front() else { continue };
                let next = self.waiting.front().map(|next| next.replay_id.clone());
                let mut event = match &schema {
                    Ok(schema) => Event::from_avro(&self.name, raw, Ok(schema)),
                    Err(error) => Event::from_avro(&self.name, raw, Err(error.clone())),
                };
                event.group_ends = event.position.as_ref().map(Position::bytes) != next.as_deref();
                if event.key().is_some_and(|key| self.seen.is_repeated(key)) {
                    continue;
                }
                return Ok(Some(ManagedDelivery::Event(Box::new(event))));
            }
            self.hear().await?;
        }
    }

    async fn hear(&mut self) -> Result<(), Error> {
        let what = format!("following the managed subscription {}", self.name);
        let silence_max = self.events.client.inner.transport.timeouts().event_silence;
        if self.stream.is_none() {
            self.stream = Some(self.begin().await?);
            self.send_commit();
        } else if self.pending == 0 {
            self.pending = self.credit;
            let demand = self.request(self.credit);
            if let Some(open) = &self.stream
                && open.requests.try_send(demand).is_err()
            {
                self.stream = None;
                return Ok(());
            }
        }
        let Some(open) = &mut self.stream else { return Ok(()) };
        let (generation, deadline) = (open.generation, open.heard + silence_max);
        let error = match timeout_at(deadline, open.answer()).await {
            Ok(Some(Ok(response))) => {
                self.failures = 0;
                self.refused = false;
                self.take(response);
                return Ok(());
            }
            Ok(Some(Err(status))) => SubscriptionError::from_status(&what, &status),
            Ok(None) => SubscriptionError::unavailable(&what, "the service ended the stream"),
            Err(_) => SubscriptionError::unavailable(&what, "nothing came, not even a keep-alive"),
        };
        self.stream = None;
        self.recover(error, generation).await
    }

    fn take(&mut self, response: ManagedFetchResponse) {
        if let Some(commit) = response.commit_response {
            let position = Position::pubsub(commit.replay_id);
            match commit.error {
                Some(error) => self.news.push_back(ManagedDelivery::CommitFailed { message: error.msg }),
                None => {
                    if self.committing.as_ref() == Some(&position) {
                        self.committing = None;
                    }
                    self.news.push_back(ManagedDelivery::Committed(position));
                }
            }
            if response.events.is_empty() {
                return;
            }
        }
        let came = u32::try_from(response.events.len()).unwrap_or(u32::MAX);
        self.pending = self.pending.saturating_sub(came);
        if came > 0 {
            self.events.client.budget().note(Kind::EventDeliveries, u64::from(came));
        }
        if response.events.is_empty() && !response.latest_replay_id.is_empty() {
            self.news.push_back(ManagedDelivery::KeepAlive(Position::pubsub(response.latest_replay_id)));
        }
        self.waiting.extend(response.events.into_iter().map(|consumer| {
            let event = consumer.event.unwrap_or_default();
            RawEvent { id: event.id, schema_id: event.schema_id, payload: event.payload, replay_id: consumer.replay_id }
        }));
    }

    fn request(&self, demand: u32) -> ManagedFetchRequest {
        let name = || self.name.clone();
        ManagedFetchRequest {
            subscription_id: if self.by_id { name() } else { String::new() },
            developer_name: if self.by_id { String::new() } else { name() },
            num_requested: i32::try_from(demand).unwrap_or(i32::MAX),
            ..ManagedFetchRequest::default()
        }
    }

    async fn begin(&mut self) -> Result<Open, Error> {
        let session = self.events.client.inner.session().await?;
        let metadata = self.events.metadata(&session).await?;
        let mut client = self.events.channel().await?.client();
        self.pending = self.credit;
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        // A new channel has room.
        let _ = sender.try_send(self.request(self.credit));
        let requests = futures::stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|request| (request, requests))
        });
        self.begun += 1;
        let opening = Box::pin(async move { client.managed_subscribe(with_metadata(requests, metadata)).await });
        Ok(Open {
            requests: sender,
            answers: Answers::Opening(opening),
            generation: session.generation,
            heard: Instant::now(),
        })
    }

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
        let wait = retry.wait(self.failures, None);
        tracing::warn!(%error, failures = self.failures, "the managed subscription broke; opening it again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
