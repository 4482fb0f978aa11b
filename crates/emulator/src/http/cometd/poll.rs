//! `/meta/connect`: held until there is something to tell, the time is over, or the session ends. Nothing is locked and
//! no thread waits meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::client::{Client, Subscription};
use super::errors;
use super::fault::FaultKind;
use super::message::Message;
use super::meta::Request;
use crate::Millis;
use crate::events::{Body, JsonForm, ReadError};
use crate::http::AppState;

/// How often a held connect looks whether its token still counts and whether the clock was moved.
const TICK: Duration = Duration::from_millis(250);
/// Events of one subscription in one answer.
const EVENTS_MAX: usize = 500;
/// Bytes of events in one answer, after which the rest waits for the next.
const ANSWER_BYTES: usize = 4_000_000;

/// Answers `/meta/connect`: events first, the answer itself last.
pub(super) async fn connect(request: &Request, message: &Message, may_hold: bool) -> Vec<Json> {
    let client = match request.client(message) {
        Ok(client) => client,
        Err(answer) => return vec![answer],
    };
    if let Some(ty) = message.text("connectionType").filter(|ty| *ty != "long-polling") {
        return vec![Json::Object(message.failure(&errors::connection_type(ty)))];
    }
    let (held, first) = Held::begin(&request.state, &client);
    let limit = request.state.org.read().settings.streaming.poll_ms;
    // The first connect is answered at once: it brings the advice.
    let hold_ms = match message.timeout() {
        _ if first || !may_hold => 0,
        Some(asked) => asked.clamp(0, limit),
        None => limit,
    };
    let mut told = held.wait(request, message, hold_ms).await;
    if first
        && let Some(Json::Object(answer)) = told.last_mut()
        && answer.get("successful") == Some(&Json::Bool(true))
    {
        answer.insert("advice".into(), json!({ "interval": 0, "timeout": limit, "reconnect": "retry" }));
    }
    told
}

/// A connect that is being answered. While there is one, the session lives; when it ends, however it does, the client
/// has its time to come back.
struct Held {
    state: AppState,
    client: Arc<Client>,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut client = self.client.state.lock();
        client.held = client.held.saturating_sub(1);
        client.seen_at = self.state.now();
    }
}

impl Held {
    /// Takes over from a connect that is still held. Says whether it is the session's first.
    fn begin(state: &AppState, client: &Arc<Client>) -> (Self, bool) {
        let (number, first) = {
            let mut now = client.state.lock();
            now.poll += 1;
            now.held += 1;
            let first = !now.connected;
            now.connected = true;
            (now.poll, first)
        };
        client.told.notify_waiters();
        (Self { state: state.clone(), client: client.clone(), number }, first)
    }

    async fn wait(&self, request: &Request, message: &Message, hold_ms: i64) -> Vec<Json> {
        let (began, started) = (self.state.now(), Instant::now());
        let real = Duration::from_millis(hold_ms.unsigned_abs());
        let mut signal = self.state.org.read().events.signal();
        loop {
            // What happens while we look must wake us afterwards.
            signal.borrow_and_update();
            let told = self.client.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Some(answer) = self.disturbed(request, message) {
                return answer;
            }
            let superseded = self.client.state.lock().poll != self.number;
            if !superseded {
                match collect(request, &self.client) {
                    Ok(events) if events.is_empty() => {}
                    Ok(mut events) => {
                        events.push(Json::Object(message.answer(true)));
                        return events;
                    }
                    Err(error) => {
                        self.state.cometd.end(&self.client.id);
                        return vec![error.answer(message)];
                    }
                }
            }
            // By the emulator's clock, which can be moved, or by real time, which a frozen clock would hide.
            let over = self.state.now().saturating_sub(began) >= hold_ms || started.elapsed() >= real;
            if over || superseded {
                return vec![Json::Object(message.answer(true))];
            }
            let rest = real.saturating_sub(started.elapsed());
            tokio::select! {
                _ = signal.changed() => {}
                () = told => {}
                () = tokio::time::sleep(TICK.min(rest)) => {}
            }
        }
    }

    /// The answer of a connect that cannot go on.
    fn disturbed(&self, request: &Request, message: &Message) -> Option<Vec<Json>> {
        let (ended, left) = {
            let now = self.client.state.lock();
            (now.ended, now.left)
        };
        // Who took its leave is told to stay away: advice to begin anew would bring a client back that has just gone.
        if left {
            return Some(vec![errors::stop(message.answer(true), None)]);
        }
        if ended {
            return Some(vec![errors::begin_anew(message.failure(errors::UNKNOWN_CLIENT))]);
        }
        // Being connected extends the token's life; a token that was revoked ends the session.
        let counts = request.token.as_deref().is_ok_and(|token| self.state.check_token(token).is_ok());
        if !counts {
            return Some(vec![errors::stop(message.failure(errors::AUTHENTICATION_INVALID), None)]);
        }
        let fault = self.state.cometd.faults.take(false)?;
        let answer = match fault {
            FaultKind::Auth => errors::stop(message.failure(errors::AUTHENTICATION_INVALID), None),
            FaultKind::Busy => errors::stop(message.failure(errors::AUTHENTICATION_INVALID), Some(errors::TOO_BUSY)),
            FaultKind::DeliveryLimit => errors::stop(message.failure(errors::DAILY_LIMIT), None),
            FaultKind::Disconnect => {
                self.state.cometd.end(&self.client.id);
                json!({ "channel": "/meta/disconnect", "clientId": self.client.id, "successful": true })
            }
            _ => {
                self.state.cometd.end(&self.client.id);
                errors::begin_anew(message.failure(errors::UNKNOWN_CLIENT))
            }
        };
        Some(vec![answer])
    }
}

/// Why a session cannot get its events.
enum Lost {
    /// The org's delivery allowance is spent.
    Limit,
    /// Positions are no longer what they were.
    Position,
}

impl Lost {
    fn answer(&self, message: &Message) -> Json {
        match self {
            Self::Limit => errors::stop(message.failure(errors::DAILY_LIMIT), None),
            Self::Position => errors::begin_anew(message.failure(errors::UNKNOWN_CLIENT)),
        }
    }
}

impl From<ReadError> for Lost {
    fn from(_: ReadError) -> Self {
        Lost::Position
    }
}

/// The events that a client has not got yet, in the order of their replay ids.
fn collect(request: &Request, client: &Client) -> Result<Vec<Json>, Lost> {
    let now = request.state.now();
    if request.state.org.read().events.has_due(now) {
        let mut org = request.state.org.write();
        let org = &mut *org;
        org.events.release(now, &org.settings);
    }
    let fails = request.state.org.read().events.stream_fails();
    let mut state = client.state.lock();
    let org = request.state.org.read();
    let form = JsonForm { version: request.version, cleared_as_null: org.settings.streaming.cleared_fields_as_null };
    let mut found: Vec<(u64, Json)> = Vec::new();
    let (mut events, mut notices, mut bytes) = (0, 0, 0);
    for subscription in &mut state.subscriptions {
        loop {
            let batch = org.read_events(subscription.cursor, &subscription.topic, EVENTS_MAX, client.user)?;
            for (entry, cursor) in &batch.events {
                subscription.cursor = *cursor;
                let Some(data) = entry.to_json(form).filter(|data| fits(subscription, data)) else { continue };
                match entry.body {
                    Body::Notice(_) | Body::Generic(_) => notices += 1,
                    Body::Change(_) | Body::Platform(_) => events += 1,
                }
                let message = json!({ "data": data, "channel": subscription.channel });
                bytes += message.to_string().len();
                found.push((entry.replay_id.0, message));
            }
            if let Some(next) = batch.next {
                subscription.cursor = next;
            }
            if batch.at_end || !batch.events.is_empty() {
                break;
            }
        }
        if bytes > ANSWER_BYTES {
            break;
        }
    }
    spend(&org, now, events, notices)?;
    drop(org);
    drop(state);
    found.sort_by_key(|(replay_id, _)| *replay_id);
    let mut told: Vec<Json> = found.into_iter().map(|(_, message)| message).collect();
    // A fault that ends a stream after so many events is for this door, too.
    if fails {
        let (allowed, failure) = request.state.org.write().events.ration(told.len());
        told.truncate(allowed);
        if failure.is_some() && told.is_empty() {
            return Err(Lost::Position);
        }
        if failure.is_some() {
            request.state.cometd.end(&client.id);
        }
    }
    Ok(told)
}

/// Counts what is delivered against the org's allowances.
fn spend(org: &crate::Org, now: Millis, events: u64, notices: u64) -> Result<(), Lost> {
    let (settings, usage) = (&org.settings, &org.usage);
    let spent = |n: u64, used: u64, max: u64| n > 0 && used >= max;
    if spent(events, usage.delivered_events(now), settings.daily_delivered_events)
        || spent(notices, usage.delivered_notices(now), settings.streaming.daily_notices)
    {
        return Err(Lost::Limit);
    }
    if events > 0 {
        usage.add_delivered_events(now, events);
    }
    if notices > 0 {
        usage.add_delivered_notices(now, notices);
    }
    Ok(())
}

/// Whether one of the subscription's conditions fits the record.
fn fits(subscription: &Subscription, data: &Json) -> bool {
    subscription.filter.is_empty()
        || subscription.filter.iter().any(|(field, wanted)| match data.get("sobject").and_then(|r| r.get(field)) {
            Some(Json::String(text)) => text == wanted,
            Some(Json::Null) | None => wanted == "null",
            // Numbers and booleans, as they are written.
            Some(other) => serde_json::from_str::<Json>(wanted).is_ok_and(|wanted| wanted == *other),
        })
}
