//! A subscription: the same to its user over both transports.

use std::fmt;

use futures::Stream;

use crate::error::Error;

use super::{
    Event, EventTransport, Events, Listen, Position, Replay,
    cometd::{Door, Feed as CometdFeed},
    listen::check_channel,
    pubsub::Feed as PubSubFeed,
    seen::Seen,
};

/// What [`Subscription::next_delivery`] brings.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delivery {
    /// An event.
    Event(Box<Event>),
    /// The org says that there is nothing new. With Pub/Sub the channels' positions may have moved: worth storing, so
    /// that a quiet channel's position does not grow too old.
    KeepAlive,
    /// The subscription to this channel began at the tip, had no position yet, and had to begin there again: what
    /// happened meanwhile was not seen. Cannot happen once [`Subscription::position`] tells one.
    MaybeMissed {
        /// The channel.
        channel: String,
    },
}

/// What a transport brings.
pub(super) enum News {
    Event(Box<Event>),
    /// Positions are of a channel that had nothing else to tell.
    KeepAlive(Option<(String, Position)>),
    MaybeMissed(String),
}

/// Events of one or several channels.
///
/// - Every event comes **at least once**, in its channel's order. One that the bus repeats soon is recognised by its key
///   ([`Event::key`]) and left out; after a restart of the program nothing is recognised.
/// - **Nothing is asked for ahead**: a caller who does not take events holds back the org, not memory. Over Pub/Sub at
///   most `credit` events of a channel wait here, over CometD those of one answer.
/// - A broken connection, a silence longer than the org ever keeps, a lost session, advice to begin anew and an expired
///   token are mended from the last event that was handed over. What cannot be mended is an error with a kind; calling
///   again afterwards tries again.
/// - Its methods may be dropped while they wait (`tokio::select!`, a timeout) without losing anything.
///
/// Store a position together with an event's effects, or after them, and only where [`Event::group_ends`].
#[derive(Debug)]
pub struct Subscription {
    channels: Vec<Channel>,
    feed: Feed,
    seen: Seen,
    repeated: u64,
}

#[derive(Debug)]
struct Channel {
    name: String,
    /// Of the last event handed over whose group was complete, or of a keep-alive after it.
    position: Option<Position>,
}

enum Feed {
    Cometd(Box<CometdFeed>),
    PubSub(PubSubFeed),
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feed::Cometd(_) => "CometD",
            Feed::PubSub(_) => "PubSub",
        })
    }
}

impl Subscription {
    pub(super) async fn open(listen: Listen) -> Result<Subscription, Error> {
        let transport = listen.check()?;
        let Listen { events, channels, credit, .. } = listen;
        let known = channels.iter().map(Channel::new).collect();
        let feed = match transport {
            EventTransport::CometD => {
                let mut feed = CometdFeed::new(Door::Org(events.client.clone()), channels);
                feed.settle().await?;
                Feed::Cometd(Box::new(feed))
            }
            EventTransport::PubSub => Feed::PubSub(PubSubFeed::open(events, channels, credit).await?),
        };
        Ok(Subscription { channels: known, feed, seen: Seen::default(), repeated: 0 })
    }

    /// Bayeux servers that are not Salesforce, on this machine, for tests of the protocol: no sign-in, no replay.
    #[doc(hidden)]
    pub async fn open_foreign(
        url: &str,
        channels: &[&str],
        retry: crate::RetryPolicy,
        timeouts: crate::Timeouts,
    ) -> Result<Subscription, Error> {
        let channels: Vec<(String, Replay)> = channels.iter().map(|c| ((*c).to_owned(), Replay::Latest)).collect();
        let known = channels.iter().map(Channel::new).collect();
        let mut feed = CometdFeed::new(Door::foreign(url, retry, timeouts)?, channels);
        feed.settle().await?;
        Ok(Subscription { channels: known, feed: Feed::Cometd(Box::new(feed)), seen: Seen::default(), repeated: 0 })
    }

    /// How the events come.
    pub fn transport(&self) -> EventTransport {
        match self.feed {
            Feed::Cometd(_) => EventTransport::CometD,
            Feed::PubSub(_) => EventTransport::PubSub,
        }
    }

    /// The channels.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.name.as_str())
    }

    /// The place up to which everything was handed over, which is where a later subscription has to begin. `None`
    /// before the first event of a channel that began without a position (over Pub/Sub a keep-alive brings one).
    pub fn position(&self, channel: &str) -> Option<&Position> {
        self.channels.iter().find(|known| known.name == channel)?.position.as_ref()
    }

    /// How often the connection or the session was made anew.
    pub fn reconnects(&self) -> u64 {
        match &self.feed {
            Feed::Cometd(feed) => feed.reconnects(),
            Feed::PubSub(feed) => feed.reconnects(),
        }
    }

    /// Events that came again and were left out.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// The next event; `None` after [`Subscription::close`] or without channels.
    ///
    /// # Errors
    /// [`Error::Subscription`] with a kind, and the channel where it is one channel's: see
    /// [`Subscription::begin_again`] for a lost position. [`Error::Auth`] where signing in anew fails.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.next_delivery().await? {
                Some(Delivery::Event(event)) => return Ok(Some(*event)),
                Some(Delivery::MaybeMissed { channel }) => {
                    tracing::warn!(channel, "subscribed at the tip again, without a position: events may be missed");
                }
                Some(Delivery::KeepAlive) => {}
                None => return Ok(None),
            }
        }
    }

    /// As [`Subscription::next`], with what else there is to tell.
    pub async fn next_delivery(&mut self) -> Result<Option<Delivery>, Error> {
        loop {
            let news = match &mut self.feed {
                Feed::Cometd(feed) => feed.next().await?,
                Feed::PubSub(feed) => feed.next().await?,
            };
            match news {
                None => return Ok(None),
                Some(News::MaybeMissed(channel)) => return Ok(Some(Delivery::MaybeMissed { channel })),
                Some(News::KeepAlive(moved)) => {
                    if let Some((channel, position)) = moved {
                        self.moved(&channel, position);
                    }
                    return Ok(Some(Delivery::KeepAlive));
                }
                Some(News::Event(event)) => {
                    if let (true, Some(position)) = (event.group_ends, &event.position) {
                        self.moved(&event.channel, position.clone());
                    }
                    if event.key().is_some_and(|key| self.seen.is_repeated(key)) {
                        self.repeated += 1;
                        tracing::debug!(channel = event.channel, "an event came again");
                        continue;
                    }
                    return Ok(Some(Delivery::Event(event)));
                }
            }
        }
    }

    /// The events as a stream, which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Event, Error>> + Send {
        futures::stream::try_unfold(self, |mut subscription| async move {
            Ok(subscription.next().await?.map(|event| (event, subscription)))
        })
    }

    fn moved(&mut self, channel: &str, position: Position) {
        if let Feed::Cometd(feed) = &mut self.feed {
            feed.moved(channel, &position);
        }
        if let Some(known) = self.channels.iter_mut().find(|known| known.name == channel) {
            known.position = Some(position);
        }
    }

    /// Listens to another channel too, in the same session.
    ///
    /// # Errors
    /// As [`Listen::open`].
    pub async fn add(&mut self, channel: &str, replay: Replay) -> Result<(), Error> {
        check_channel(channel, &replay, self.transport())?;
        if self.channels.iter().any(|known| known.name == channel) {
            return Err(Error::config(format!("channel {channel} is subscribed to already")));
        }
        let wanted = (channel.to_owned(), replay);
        let known = Channel::new(&wanted);
        match &mut self.feed {
            Feed::Cometd(feed) => feed.add(wanted).await?,
            Feed::PubSub(feed) => feed.add(wanted).await?,
        }
        self.channels.push(known);
        Ok(())
    }

    /// Stops listening to a channel. Events that came and were not taken are dropped; the position before them stays
    /// known to the caller.
    pub async fn remove(&mut self, channel: &str) -> Result<(), Error> {
        self.channels.retain(|known| known.name != channel);
        match &mut self.feed {
            Feed::Cometd(feed) => feed.remove(channel).await,
            Feed::PubSub(feed) => {
                feed.remove(channel);
                Ok(())
            }
        }
    }

    /// After [`super::SubscriptionErrorKind::ReplayIdExpired`]: begins elsewhere in the channel. Whoever keeps a copy of
    /// records has to read what changed since the last stored event, as events are lost.
    pub async fn begin_again(&mut self, channel: &str, replay: Replay) -> Result<(), Error> {
        check_channel(channel, &replay, self.transport())?;
        // What is asked for now may bring events that came before, and this time they are wanted.
        self.seen = Seen::default();
        if let Err(error) = self.remove(channel).await {
            tracing::debug!(%error, "could not unsubscribe first");
        }
        self.add(channel, replay).await
    }

    /// Takes its leave, so that the org does not count this client any more. Dropping it does the same in the
    /// background.
    pub async fn close(&mut self) {
        match &mut self.feed {
            Feed::Cometd(feed) => feed.close().await,
            Feed::PubSub(feed) => feed.close(),
        }
    }
}

impl Channel {
    fn new((name, replay): &(String, Replay)) -> Channel {
        let position = match replay {
            Replay::After(position) => Some(position.clone()),
            _ => None,
        };
        Channel { name: name.clone(), position }
    }
}

impl Events {
    /// Listens to one channel from now on, by the transport that carries it: the short form of [`Events::listen`].
    ///
    /// # Errors
    /// As [`Listen::open`].
    pub async fn follow(&self, channel: &str) -> Result<Subscription, Error> {
        self.listen(channel).open().await
    }
}
