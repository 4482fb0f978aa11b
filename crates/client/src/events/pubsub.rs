//! Several Pub/Sub subscriptions as one: whichever has something is heard, and no channel twice in a row while another
//! waits.

use std::collections::VecDeque;

use futures::future::{select_all, try_join_all};

use crate::error::Error;

use super::{
    Event, Events, Position, RawEvent, RawSubscription, Replay, SubscriptionError, SubscriptionErrorKind,
    subscription::News,
};

pub(super) struct Feed {
    events: Events,
    credit: u32,
    raws: Vec<Raw>,
    /// Came, and was not handed over. Of one answer.
    waiting: VecDeque<(String, RawEvent)>,
    news: VecDeque<News>,
    /// Reconnects of subscriptions that are gone.
    before: u64,
}

struct Raw {
    subscription: RawSubscription,
    /// Streams that were begun when it last had no position.
    reconnects: u64,
}

impl Feed {
    pub(super) async fn open(events: Events, channels: Vec<(String, Replay)>, credit: u32) -> Result<Feed, Error> {
        let opening = channels.into_iter().map(|wanted| Raw::open(&events, wanted, credit));
        let raws = try_join_all(opening).await?;
        Ok(Feed { raws, events, credit, waiting: VecDeque::new(), news: VecDeque::new(), before: 0 })
    }

    pub(super) async fn add(&mut self, wanted: (String, Replay)) -> Result<(), Error> {
        self.raws.push(Raw::open(&self.events, wanted, self.credit).await?);
        Ok(())
    }

    pub(super) fn remove(&mut self, channel: &str) {
        for raw in &self.raws {
            if raw.subscription.channel() == channel {
                self.before += raw.subscription.reconnects();
            }
        }
        self.raws.retain(|raw| raw.subscription.channel() != channel);
        self.waiting.retain(|(of, _)| of != channel);
    }

    pub(super) fn close(&mut self) {
        self.raws.clear();
        self.waiting.clear();
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.before + self.raws.iter().map(|raw| raw.subscription.reconnects()).sum::<u64>()
    }

    pub(super) async fn next(&mut self) -> Result<Option<News>, Error> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(Some(news));
            }
            if let Some((channel, raw)) = self.waiting.front() {
                // The schema is asked for before the event is taken out: this may be dropped while it waits.
                let schema = self.events.parsed_schema(&raw.schema_id).await;
                let schema = match schema {
                    // A blank or unknown id is the event's fault, and must not hold up those behind it.
                    Err(Error::Subscription(error)) if !error.kind.is_retryable() && !is_sign_in(&error) => {
                        Err(super::avro::DecodeError::new(format!("schema {}", raw.schema_id), "a schema of the org"))
                    }
                    schema => schema?,
                };
                let channel = channel.clone();
                let Some((_, raw)) = self.waiting.pop_front() else { continue };
                let mut event = match &schema {
                    Ok(schema) => Event::from_avro(&channel, raw, Ok(schema)),
                    Err(error) => Event::from_avro(&channel, raw, Err(error.clone())),
                };
                let follows = self.waiting.iter().find(|(of, _)| *of == channel);
                event.group_ends = !follows.is_some_and(|(_, next)| {
                    event.position.as_ref().is_some_and(|position| position.bytes() == next.replay_id)
                });
                return Ok(Some(News::Event(Box::new(event))));
            }
            if self.raws.is_empty() {
                return Ok(None);
            }
            let waits = self.raws.iter_mut().map(|raw| Box::pin(raw.subscription.next()));
            let (fetched, at, others) = select_all(waits).await;
            drop(others);
            let Some(raw) = self.raws.get_mut(at) else { continue };
            let channel = raw.subscription.channel().to_owned();
            let again = raw.was_begun_again();
            // Fair: this one is asked last the next time.
            self.raws.rotate_left(at + 1);
            if again {
                self.news.push_back(News::MaybeMissed(channel.clone()));
            }
            let Some(fetched) = fetched? else { continue };
            if fetched.events.is_empty() {
                let moved = (!fetched.latest_replay_id.is_empty())
                    .then(|| (channel, Position::pubsub(fetched.latest_replay_id)));
                self.news.push_back(News::KeepAlive(moved));
            } else {
                self.waiting.extend(fetched.events.into_iter().map(|event| (channel.clone(), event)));
            }
        }
    }
}

fn is_sign_in(error: &SubscriptionError) -> bool {
    error.kind == SubscriptionErrorKind::Unauthenticated
}

impl Raw {
    async fn open(events: &Events, (channel, replay): (String, Replay), credit: u32) -> Result<Raw, Error> {
        // The stream tells a refusal only after it was opened, and a quiet one tells nothing for minutes: asked first,
        // a wrong name is told at once.
        let topic = events.topic(&channel).await.map_err(|error| match error {
            Error::Subscription(error) => error.of(&channel).into(),
            other => other,
        })?;
        if !topic.can_subscribe {
            return Err(SubscriptionError {
                kind: SubscriptionErrorKind::NoPermission,
                what: format!("subscribing to {channel}"),
                code: "can_subscribe".into(),
                message: "this user may not subscribe to it".into(),
                channel: Some(channel),
            }
            .into());
        }
        let subscription = events.subscribe(&channel, replay, credit).await?;
        Ok(Raw { reconnects: subscription.reconnects(), subscription })
    }

    /// Whether the stream was begun again at the tip since this was asked last.
    fn was_begun_again(&mut self) -> bool {
        let reconnects = self.subscription.reconnects();
        let again = reconnects > self.reconnects && self.subscription.began_without_position();
        self.reconnects = reconnects;
        again
    }
}
