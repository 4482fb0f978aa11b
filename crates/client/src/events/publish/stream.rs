//! Publishing by Pub/Sub over a stream: requests go out without waiting for the answers of those before them.

use std::{collections::VecDeque, fmt};

use futures::{StreamExt, future::BoxFuture};
use tokio::sync::mpsc;
use tonic::{Response, Status, Streaming};

use super::super::{
    SubscriptionError, SubscriptionErrorKind,
    proto::{PublishRequest, PublishResponse},
    service::with_metadata,
};
use super::bus::{Failed, told, unknown};
use super::{NewEvent, PublishOutcome, Publisher};
use crate::error::Error;

/// Requests under way at once.
const IN_FLIGHT_MAX: usize = 16;

/// A stream of events to publish. Opened by the first [`PublishStream::send`] and again after it ended, which the
/// service does when nothing was sent for 70 s. When it breaks, the events under way are
/// [`PublishOutcome::Unknown`]; none is sent again.
pub struct PublishStream {
    publisher: Publisher,
    open: Option<Open>,
    in_flight: VecDeque<PublishRequest>,
    outcomes: VecDeque<PublishOutcome>,
}

struct Open {
    requests: mpsc::Sender<PublishRequest>,
    answers: Answers,
    generation: u64,
}

enum Answers {
    /// The service may answer the call only when the first request's result is there.
    Opening(BoxFuture<'static, Result<Response<Streaming<PublishResponse>>, Status>>),
    Open(Box<Streaming<PublishResponse>>),
}

impl fmt::Debug for PublishStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishStream")
            .field("channel", &self.publisher.channel())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

impl Open {
    async fn answer(&mut self) -> Option<Result<PublishResponse, Status>> {
        if let Answers::Opening(opening) = &mut self.answers {
            match opening.await {
                Ok(response) => self.answers = Answers::Open(Box::new(response.into_inner())),
                Err(status) => return Some(Err(status)),
            }
        }
        match &mut self.answers {
            Answers::Open(answers) => answers.next().await,
            Answers::Opening(_) => None,
        }
    }
}

impl PublishStream {
    pub(super) fn new(publisher: Publisher) -> PublishStream {
        PublishStream { publisher, open: None, in_flight: VecDeque::new(), outcomes: VecDeque::new() }
    }

    /// Sends events on their way. Waits only where too much is under way already.
    ///
    /// # Errors
    /// [`Error::Config`]: an event does not fit its schema, and none of these was sent.
    pub async fn send(&mut self, events: &[NewEvent]) -> Result<(), Error> {
        for request in self.publisher.requests(self.publisher.encode(events)?) {
            while self.in_flight.len() >= IN_FLIGHT_MAX {
                self.hear().await;
            }
            let open = match self.open.take() {
                Some(open) if !open.requests.is_closed() => self.open.insert(open),
                Some(_) => {
                    self.lost(&SubscriptionError::unavailable(&self.what(), "the service ended the stream").into());
                    let open = self.begin().await?;
                    self.open.insert(open)
                }
                None => {
                    let open = self.begin().await?;
                    self.open.insert(open)
                }
            };
            // There is room: no more than so many are under way.
            match open.requests.try_send(request.clone()) {
                Ok(()) => self.in_flight.push_back(request),
                Err(_) => {
                    let error = SubscriptionError::unavailable(&self.what(), "the stream takes nothing").into();
                    self.outcomes.extend(unknown(&request, &error));
                    self.lost(&error);
                }
            }
        }
        Ok(())
    }

    /// The next outcome, in the order in which the events were sent; `None` when there is nothing under way.
    pub async fn next(&mut self) -> Option<PublishOutcome> {
        loop {
            if let Some(outcome) = self.outcomes.pop_front() {
                return Some(outcome);
            }
            if self.in_flight.is_empty() {
                return None;
            }
            self.hear().await;
        }
    }

    /// Events whose outcome is not known yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.iter().map(|request| request.events.len()).sum()
    }

    fn what(&self) -> String {
        format!("publishing to {}", self.publisher.channel)
    }

    async fn begin(&self) -> Result<Open, Error> {
        let events = &self.publisher.events;
        let session = events.client.inner.session().await?;
        let metadata = events.metadata(&session).await?;
        let mut client = events.channel().await?.client();
        let (sender, requests) = mpsc::channel(IN_FLIGHT_MAX + 1);
        let requests = futures::stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|request| (request, requests))
        });
        let opening = Box::pin(async move { client.publish_stream(with_metadata(requests, metadata)).await });
        Ok(Open { requests: sender, answers: Answers::Opening(opening), generation: session.generation })
    }

    /// One answer, or the end of the stream with all that was under way.
    async fn hear(&mut self) {
        let what = self.what();
        let deadline = self.publisher.events.client.inner.transport.timeouts().answer;
        let error: Error = match &mut self.open {
            None => SubscriptionError::unavailable(&what, "the stream is not open").into(),
            Some(open) => match tokio::time::timeout(deadline, open.answer()).await {
                Ok(Some(Ok(response))) => {
                    if let Some(request) = self.in_flight.pop_front() {
                        self.outcomes.extend(told(&request, response));
                    }
                    return;
                }
                Ok(Some(Err(status))) => {
                    let error = SubscriptionError::from_status(&what, &status).of(&self.publisher.channel);
                    let generation = open.generation;
                    let unopened = matches!(open.answers, Answers::Opening(_));
                    if error.kind == SubscriptionErrorKind::Unauthenticated {
                        let inner = &self.publisher.events.client.inner;
                        if let Err(error) = inner.sessions.renew(&inner.transport, generation).await {
                            tracing::warn!(%error, "the token was refused, and there is no new one");
                        }
                    }
                    match Failed::of(&status, error) {
                        // Which of several requests it was is not told; those before and behind it may have got in.
                        Failed::Refused(error) if unopened || self.in_flight.len() == 1 => {
                            self.open = None;
                            let count: usize = self.in_flight.drain(..).map(|request| request.events.len()).sum();
                            let not_sent = || PublishOutcome::NotSent { error: error.clone() };
                            self.outcomes.extend((0..count).map(|_| not_sent()));
                            return;
                        }
                        Failed::Refused(error) | Failed::Unknown(error) => error,
                    }
                }
                Ok(None) => SubscriptionError::unavailable(&what, "the service ended the stream").into(),
                Err(_) => SubscriptionError::unavailable(&what, "no answer came in time").into(),
            },
        };
        self.lost(&error);
    }

    fn lost(&mut self, error: &Error) {
        self.open = None;
        let in_flight = std::mem::take(&mut self.in_flight);
        self.outcomes.extend(in_flight.iter().flat_map(|request| unknown(request, error)));
    }
}
