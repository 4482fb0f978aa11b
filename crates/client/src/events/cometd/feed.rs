//! The conversation with a Bayeux server: handshake, first connect, subscriptions, and then one connect after another.
//!
//! What is on its way is kept here and not in the caller's future, so that a caller who stops waiting loses nothing: an
//! answer may hold events, and the server sends them once. For the same reason a session whose answer was lost is given
//! up: the server believes to have delivered. The next session begins after the last event that was handed over.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use serde_json::Value as Json;

use crate::error::{Error, LostHow};

use super::super::{Event, Position, Replay, SubscriptionError, SubscriptionErrorKind, subscription::News};
use super::{
    door::{Answer, Door, Signed},
    jar::Jar,
    message::{self, Advice, Message, Reconnect, bare},
    refusal::{self, Refusal},
};

/// How long a server holds a connect unless it says otherwise, and what is granted beyond it.
const POLL: Duration = Duration::from_secs(110);
const POLL_GRACE: Duration = Duration::from_secs(20);
/// How long a server remembers a client that is away.
const WINDOW: Duration = Duration::from_secs(40);
/// Bytes of a request; the server takes 32,768.
const REQUEST_BYTES_MAX: usize = 30_000;
/// How long a leave-taking may take.
const LEAVE: Duration = Duration::from_secs(5);

const FOLLOWING: &str = "following events by CometD";
const SHAKING: &str = "the CometD handshake";
const SUBSCRIBING: &str = "subscribing by CometD";

/// A channel that is wanted.
struct Wanted {
    channel: String,
    replay: Replay,
    /// After which a new subscription begins.
    position: Option<Position>,
    subscribed: bool,
    /// Whether it ever was.
    was_subscribed: bool,
}

/// A session, as far as the server remembers it.
struct Session {
    client: String,
    jar: Jar,
    signed: Signed,
    advice: Advice,
    /// Whether the first connect was answered.
    connected: bool,
    heard: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    SignIn,
    Handshake,
    Connect { first: bool },
    Subscribe,
}

enum Reply {
    Signed(Signed),
    Answer(Answer),
}

struct InFlight {
    step: Step,
    reply: BoxFuture<'static, Result<Reply, Error>>,
}

pub(in crate::events) struct Feed {
    door: Door,
    wanted: Vec<Wanted>,
    session: Option<Session>,
    /// For the next handshake.
    signed: Option<Signed>,
    in_flight: Option<InFlight>,
    pause_until: Option<Instant>,
    /// What came and was not taken: of one answer.
    news: VecDeque<News>,
    messages: u64,
    /// Sessions begun.
    begun: u64,
    failures: u32,
    /// Whether the token was refused since all was well.
    refused: bool,
    closed: bool,
}

impl Feed {
    pub(in crate::events) fn new(door: Door, channels: Vec<(String, Replay)>) -> Feed {
        Feed {
            door,
            wanted: channels.into_iter().map(Wanted::new).collect(),
            session: None,
            signed: None,
            in_flight: None,
            pause_until: None,
            news: VecDeque::new(),
            messages: 0,
            begun: 0,
            failures: 0,
            refused: false,
            closed: false,
        }
    }

    pub(in crate::events) fn reconnects(&self) -> u64 {
        self.begun.saturating_sub(1)
    }

    /// Everything up to here was handed over.
    pub(in crate::events) fn moved(&mut self, channel: &str, position: &Position) {
        if let Some(wanted) = self.wanted.iter_mut().find(|wanted| wanted.channel == channel) {
            wanted.position = Some(position.clone());
        }
    }

    /// Goes on until every channel is subscribed to.
    pub(in crate::events) async fn settle(&mut self) -> Result<(), Error> {
        while !self.is_settled() {
            self.step().await?;
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.connected) && self.wanted.iter().all(|w| w.subscribed)
    }

    pub(in crate::events) async fn next(&mut self) -> Result<Option<News>, Error> {
        loop {
            if let Some(mut news) = self.news.pop_front() {
                if let News::Event(event) = &mut news {
                    event.group_ends = self.ends_group(event);
                    self.door.note_delivery();
                }
                return Ok(Some(news));
            }
            if self.closed || self.wanted.is_empty() {
                return Ok(None);
            }
            self.step().await?;
        }
    }

    fn ends_group(&self, event: &Event) -> bool {
        let next = self.news.iter().find_map(|news| match news {
            News::Event(next) if next.channel == event.channel => Some(next),
            _ => None,
        });
        !next.is_some_and(|next| next.position.is_some() && next.position == event.position)
    }

    pub(in crate::events) async fn add(&mut self, wanted: (String, Replay)) -> Result<(), Error> {
        let channel = wanted.0.clone();
        self.wanted.push(Wanted::new(wanted));
        let outcome = match &self.in_flight {
            // A connect may be held for minutes: the subscription goes beside it.
            Some(InFlight { step: Step::Connect { first: false }, .. }) => self.subscribe_beside().await,
            _ => self.settle().await,
        };
        if outcome.is_err() {
            self.wanted.retain(|wanted| wanted.channel != channel);
        }
        outcome
    }

    async fn subscribe_beside(&mut self) -> Result<(), Error> {
        let Some((body, _)) = self.subscriptions() else { return Ok(()) };
        let reply = self.post(SUBSCRIBING, &body, self.door.timeouts().answer).await;
        match reply {
            Ok(answer) => self.answered(Step::Subscribe, answer),
            Err(error) => Err(error),
        }
    }

    /// Stops listening to a channel. What the server may still send of it is dropped.
    pub(in crate::events) async fn remove(&mut self, channel: &str) -> Result<(), Error> {
        let was = self.wanted.iter().any(|wanted| wanted.channel == channel && wanted.subscribed);
        self.wanted.retain(|wanted| wanted.channel != channel);
        self.news.retain(|news| match news {
            News::Event(event) => event.channel != channel,
            News::MaybeMissed(of) => of != channel,
            News::KeepAlive(_) => true,
        });
        let Some(session) = self.session.as_ref().filter(|_| was) else { return Ok(()) };
        let client = session.client.clone();
        let body = [message::unsubscribe(self.id(), &client, channel)];
        let answer = self.post("unsubscribing by CometD", &body, self.door.timeouts().answer).await?;
        // Whatever it says, the channel is not listened to any more; but the answer may hold events of others.
        for message in message::read(&answer.body).unwrap_or_default() {
            self.take_event(message);
        }
        Ok(())
    }

    pub(in crate::events) async fn close(&mut self) {
        self.news.clear();
        if let Some(leave) = self.leave() {
            leave.await;
        }
    }

    /// What tells the server that we go; it does not depend on this feed any more.
    fn leave(&mut self) -> Option<BoxFuture<'static, ()>> {
        self.closed = true;
        self.in_flight = None;
        let session = self.session.take()?;
        let body = vec![message::disconnect(self.id(), &session.client)];
        let body = serde_json::to_vec(&body).ok()?;
        let going = self.door.post("leaving CometD", session.signed, session.jar.header(), body, LEAVE);
        Some(Box::pin(async move {
            // The server forgets us anyway, after 40 s.
            if let Err(error) = going.await {
                tracing::debug!(%error, "could not take leave of CometD");
            }
        }))
    }

    /// One request and what comes of it, or one wait.
    async fn step(&mut self) -> Result<(), Error> {
        if let Some(until) = self.pause_until {
            tokio::time::sleep_until(until.into()).await;
            self.pause_until = None;
        }
        let (step, reply) = match &mut self.in_flight {
            Some(in_flight) => (in_flight.step, (&mut in_flight.reply).await),
            None => {
                let begun = self.begin();
                let in_flight = self.in_flight.insert(begun);
                (in_flight.step, (&mut in_flight.reply).await)
            }
        };
        self.in_flight = None;
        match reply {
            Ok(Reply::Signed(signed)) => {
                self.signed = Some(signed);
                Ok(())
            }
            Ok(Reply::Answer(answer)) => self.answered(step, answer),
            Err(error) => self.lost(step, error),
        }
    }

    /// What has to be done next.
    fn begin(&mut self) -> InFlight {
        let answer = self.door.timeouts().answer;
        let Some(session) = &self.session else {
            let Some(signed) = self.signed.clone() else {
                let door = self.door.clone();
                let reply = Box::pin(async move { door.sign_in().await.map(Reply::Signed) });
                return InFlight { step: Step::SignIn, reply };
            };
            let body = [message::handshake(self.id(), self.door.has_replay())];
            let reply = as_reply(self.door.post(SHAKING, signed, None, written(&body), answer));
            return InFlight { step: Step::Handshake, reply };
        };
        let (first, client) = (!session.connected, session.client.clone());
        // The first connect comes before the subscriptions: it brings the advice.
        if !first && let Some((body, _)) = self.subscriptions() {
            let reply = self.post(SUBSCRIBING, &body, answer);
            return InFlight { step: Step::Subscribe, reply: as_reply(reply) };
        }
        let timeouts = self.door.timeouts();
        let held = self.session.as_ref().and_then(|session| session.advice.timeout);
        let held = held.and_then(|ms| u64::try_from(ms).ok()).map_or(POLL, Duration::from_millis);
        let deadline = if first { answer } else { (held + POLL_GRACE).min(timeouts.event_silence) };
        let body = [message::connect(self.id(), &client, first)];
        let reply = self.post(FOLLOWING, &body, deadline);
        InFlight { step: Step::Connect { first }, reply: as_reply(reply) }
    }

    /// Subscriptions that are due, as many as one request takes.
    fn subscriptions(&mut self) -> Option<(Vec<Json>, usize)> {
        let client = self.session.as_ref()?.client.clone();
        let has_replay = self.door.has_replay();
        let mut body = Vec::new();
        let mut bytes = 0;
        for at in 0..self.wanted.len() {
            let id = self.id();
            let Some(wanted) = self.wanted.get(at).filter(|wanted| !wanted.subscribed) else { continue };
            let replay = has_replay.then(|| message::replay_number(&wanted.replay, wanted.position.as_ref()));
            let message = message::subscribe(id, &client, &wanted.channel, replay);
            bytes += message.to_string().len() + 1;
            if !body.is_empty() && bytes > REQUEST_BYTES_MAX {
                break;
            }
            body.push(message);
        }
        let count = body.len();
        (count > 0).then_some((body, count))
    }

    fn post(&self, what: &'static str, body: &[Json], deadline: Duration) -> BoxFuture<'static, Result<Answer, Error>> {
        let (signed, cookies) = match &self.session {
            Some(session) => (session.signed.clone(), session.jar.header()),
            None => (None, None),
        };
        self.door.post(what, signed, cookies, written(body), deadline)
    }

    fn id(&mut self) -> u64 {
        self.messages += 1;
        self.messages
    }

    /// An answer came.
    fn answered(&mut self, step: Step, answer: Answer) -> Result<(), Error> {
        let what = match step {
            Step::Handshake | Step::SignIn => SHAKING,
            Step::Connect { .. } => FOLLOWING,
            Step::Subscribe => SUBSCRIBING,
        };
        // Bayeux errors come with any status; what is no Bayeux at all is judged by its status.
        let messages = match message::read(&answer.body) {
            Some(messages) if answer.status < 400 || !messages.is_empty() => messages,
            _ if answer.status >= 300 => {
                let refusal = refusal::of_status(what, answer.status, &answer.body);
                return self.refused(step, refusal, None, answer.retry_after);
            }
            _ => {
                let error = SubscriptionError::unavailable(what, "the answer is no list of Bayeux messages");
                return self.refused(step, Refusal::Failed(error), None, None);
            }
        };
        if step == Step::Handshake {
            return self.shook_hands(messages, &answer);
        }
        if let Some(session) = &mut self.session {
            session.heard = Instant::now();
            answer.cookies.iter().for_each(|cookie| session.jar.take(cookie));
        }
        let before = self.news.len();
        let mut first_error = Ok(());
        let mut told = false;
        for message in messages {
            if !message.is_meta() {
                self.take_event(message);
                continue;
            }
            let outcome = match (message.channel.as_str(), step) {
                // The server moves its clients elsewhere.
                ("/meta/disconnect", _) => {
                    let error = SubscriptionError::unavailable(what, "the server ended the session");
                    told = true;
                    self.refused(step, Refusal::SessionLost(error), None, None)
                }
                ("/meta/connect", Step::Connect { first }) => {
                    told = true;
                    self.connected(first, &message)
                }
                ("/meta/subscribe", Step::Subscribe) => {
                    told = true;
                    self.subscribed(&message)
                }
                _ => Ok(()),
            };
            if first_error.is_ok() {
                first_error = outcome;
            }
        }
        first_error?;
        if !told && self.session.is_some() {
            let error = SubscriptionError::unavailable(what, "the answer does not say what came of it");
            return self.refused(step, Refusal::Failed(error), None, answer.retry_after);
        }
        if step == (Step::Connect { first: false }) && self.news.len() == before && self.session.is_some() {
            self.news.push_back(News::KeepAlive(None));
        }
        Ok(())
    }

    fn shook_hands(&mut self, messages: Vec<Message>, answer: &Answer) -> Result<(), Error> {
        let Some(message) = messages.into_iter().find(|message| message.channel == "/meta/handshake") else {
            let error = SubscriptionError::unavailable(SHAKING, "the answer does not say what came of it");
            return self.refused(Step::Handshake, Refusal::Failed(error), None, answer.retry_after);
        };
        match (message.successful, message.client_id.clone()) {
            (Some(true), Some(client)) => {
                let mut jar = Jar::default();
                answer.cookies.iter().for_each(|cookie| jar.take(cookie));
                if self.begun > 0 {
                    tracing::info!(times = self.begun, "a new CometD session; subscribing again");
                }
                self.begun += 1;
                // Advice to shake hands that comes with a success would lead in a circle.
                let advice = Advice { reconnect: None, ..message.advice.unwrap_or_default() };
                self.session = Some(Session {
                    client,
                    jar,
                    signed: self.signed.take().unwrap_or_default(),
                    advice,
                    connected: false,
                    heard: Instant::now(),
                });
                Ok(())
            }
            _ => {
                let refusal = refusal::of(SHAKING, &message);
                self.refused(Step::Handshake, refusal, message.advice.as_ref(), answer.retry_after)
            }
        }
    }

    fn connected(&mut self, first: bool, message: &Message) -> Result<(), Error> {
        if message.successful != Some(true) {
            let refusal = refusal::of(FOLLOWING, message);
            return self.refused(Step::Connect { first }, refusal, message.advice.as_ref(), None);
        }
        if !first {
            self.failures = 0;
            self.refused = false;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        session.connected = true;
        if let Some(advice) = &message.advice {
            session.advice = advice.clone();
        }
        let interval = session.advice.interval.unwrap_or(0);
        match message.advice.as_ref().and_then(|advice| advice.reconnect) {
            Some(Reconnect::Handshake) => {
                let error = SubscriptionError::unavailable(FOLLOWING, "the server wants a new session");
                self.refused(Step::Connect { first }, Refusal::SessionLost(error), None, None)
            }
            Some(Reconnect::None) => self.give_up("the server says not to come back"),
            _ if interval < 0 => self.give_up("the server says not to come back"),
            _ => {
                if interval > 0 {
                    let wait = Duration::from_millis(interval.unsigned_abs()).min(self.door.retry().cap);
                    self.pause_until = Some(Instant::now() + wait);
                }
                Ok(())
            }
        }
    }

    fn give_up(&mut self, why: &str) -> Result<(), Error> {
        self.forget();
        Err(SubscriptionError::unavailable(FOLLOWING, why).into())
    }

    fn subscribed(&mut self, message: &Message) -> Result<(), Error> {
        let due = self.wanted.iter().filter(|wanted| !wanted.subscribed).count();
        let of = |wanted: &&mut Wanted| match &message.subscription {
            Some(channel) => wanted.channel == *channel,
            None => due == 1 && !wanted.subscribed,
        };
        let Some(wanted) = self.wanted.iter_mut().find(of) else { return Ok(()) };
        let channel = wanted.channel.clone();
        if message.successful == Some(true) {
            wanted.subscribed = true;
            let at_tip = wanted.replay == Replay::Latest && wanted.position.is_none();
            if std::mem::replace(&mut wanted.was_subscribed, true) && at_tip {
                self.news.push_back(News::MaybeMissed(channel));
            }
            return Ok(());
        }
        let refusal = match refusal::of(&format!("subscribing to {channel}"), message) {
            Refusal::Failed(error) => Refusal::Failed(error.of(&channel)),
            other => other,
        };
        self.refused(Step::Subscribe, refusal, message.advice.as_ref(), None)
    }

    fn take_event(&mut self, message: Message) {
        let Some(data) = &message.data else { return };
        let of = |wanted: &&Wanted| wanted.channel == message.channel;
        let same = |wanted: &&Wanted| bare(&wanted.channel) == bare(&message.channel);
        // A filtered subscription's events may come under the bare name.
        let wanted = self.wanted.iter().find(of).or_else(|| self.wanted.iter().find(same));
        if let Some(wanted) = wanted {
            self.news.push_back(News::Event(Box::new(Event::from_cometd(&wanted.channel, data))));
        }
    }

    /// The request, or its answer, was lost.
    fn lost(&mut self, step: Step, error: Error) -> Result<(), Error> {
        if step == Step::SignIn {
            self.signed = None;
            return Err(error);
        }
        let unsent = matches!(error, Error::Transport { how: LostHow::Unreachable, .. });
        let remembered = self.session.as_ref().is_some_and(|session| session.heard.elapsed() < WINDOW);
        if !(unsent && remembered) {
            self.forget();
        }
        self.failures += 1;
        if !error.is_retryable() || self.failures >= self.door.retry().attempts {
            self.failures = 0;
            return Err(error);
        }
        let wait = self.door.retry().wait(self.failures, None);
        tracing::warn!(%error, failures = self.failures, wait_ms = wait.as_millis() as u64, "CometD broke off");
        self.pause_until = Some(Instant::now() + wait);
        Ok(())
    }

    /// The server refused; decides how to go on.
    fn refused(
        &mut self,
        step: Step,
        refusal: Refusal,
        advice: Option<&Advice>,
        retry_after: Option<Duration>,
    ) -> Result<(), Error> {
        let signed = match &self.session {
            Some(session) => Some(session.signed.clone()),
            None => self.signed.clone(),
        };
        let (error, busy, lost) = match refusal {
            Refusal::SessionLost(error) => (error, false, true),
            Refusal::Busy(error) => (error, true, false),
            Refusal::Failed(error) => (error, false, false),
        };
        // A channel that is refused leaves the session and the other channels alone.
        if step == Step::Subscribe
            && !lost
            && !error.kind.is_transient()
            && error.kind != SubscriptionErrorKind::Unauthenticated
        {
            return Err(error.into());
        }
        self.forget();
        if error.kind == SubscriptionErrorKind::Unauthenticated && !self.refused {
            self.refused = true;
            tracing::info!("the token of the CometD session was refused; signing in anew");
            let renewing = self.door.renew(signed.flatten());
            let reply = Box::pin(async move { renewing.await.map(Reply::Signed) });
            self.in_flight = Some(InFlight { step: Step::SignIn, reply });
            return Ok(());
        }
        self.failures += 1;
        let stop = advice.is_some_and(|advice| advice.interval.is_some_and(|ms| ms < 0));
        let retry = self.door.retry();
        if stop || !error.kind.is_transient() || self.failures >= retry.attempts {
            self.failures = 0;
            self.refused = false;
            return Err(error.into());
        }
        // The first time a session is lost is nothing unusual; a server that forgets again and again is.
        let mut wait = if lost && self.failures == 1 { Duration::ZERO } else { retry.wait(self.failures, retry_after) };
        if busy {
            wait = wait.max(retry.concurrency_floor);
        }
        tracing::warn!(
            %error,
            failures = self.failures,
            wait_ms = wait.as_millis() as u64,
            "the CometD session is over; beginning another"
        );
        self.pause_until = Some(Instant::now() + wait);
        Ok(())
    }

    /// The session is gone, and with it its subscriptions.
    fn forget(&mut self) {
        self.session = None;
        self.signed = None;
        self.in_flight = None;
        self.wanted.iter_mut().for_each(|wanted| wanted.subscribed = false);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(leave) = self.leave()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(leave);
        }
    }
}

impl Wanted {
    fn new((channel, replay): (String, Replay)) -> Wanted {
        Wanted { channel, replay, position: None, subscribed: false, was_subscribed: false }
    }
}

fn as_reply(answer: BoxFuture<'static, Result<Answer, Error>>) -> BoxFuture<'static, Result<Reply, Error>> {
    Box::pin(async move { answer.await.map(Reply::Answer) })
}

fn written(body: &[Json]) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}
