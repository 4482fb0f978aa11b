//! What to listen to, before it begins.

use crate::error::Error;

use super::{CREDIT_MAX, EventTransport, Events, Replay, Subscription, position::is_cometd_only};

/// Channels and where each begins. [`Listen::open`] makes a [`Subscription`] of it.
///
/// ```no_run
/// # use tidegate_client::{Client, Error, events::{EventTransport, Replay}};
/// # async fn example(org: &Client) -> Result<(), Error> {
/// let mut events = org
///     .events()
///     .listen("/data/AccountChangeEvent")
///     .from(Replay::Earliest)
///     .and("/event/Order_Event__e")
///     .open()
///     .await?;
/// while let Some(event) = events.next().await? {
///     println!("{} {}", event.channel, event.payload);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is subscribed to until it is opened"]
pub struct Listen {
    pub(super) events: Events,
    pub(super) channels: Vec<(String, Replay)>,
    transport: Option<EventTransport>,
    pub(super) credit: u32,
}

impl Listen {
    pub(super) fn new(events: Events, channel: String) -> Listen {
        Listen { events, channels: vec![(channel, Replay::Latest)], transport: None, credit: CREDIT_MAX }
    }

    /// Where the channel named last begins; [`Replay::Latest`] unless said.
    pub fn from(mut self, replay: Replay) -> Listen {
        if let Some(last) = self.channels.last_mut() {
            last.1 = replay;
        }
        self
    }

    /// Another channel. All share one CometD session, or one connection to Pub/Sub.
    pub fn and(mut self, channel: impl Into<String>) -> Listen {
        self.channels.push((channel.into(), Replay::Latest));
        self
    }

    /// By this transport. Unless said: that of the positions given; else CometD where a channel needs it; else Pub/Sub.
    pub fn by(mut self, transport: EventTransport) -> Listen {
        self.transport = Some(transport);
        self
    }

    /// How many events of a channel may be under way at once over Pub/Sub, 1 to 100 (the default). CometD has no such
    /// number: there the next answer is not asked for before the last was taken.
    pub fn credit(mut self, credit: u32) -> Listen {
        self.credit = credit;
        self
    }

    /// The transport that it would be opened with.
    pub fn transport(&self) -> EventTransport {
        let of_position = self.channels.iter().find_map(|(_, replay)| match replay {
            Replay::After(position) => Some(position.transport()),
            _ => None,
        });
        self.transport.or(of_position).unwrap_or_else(|| {
            if self.channels.iter().any(|(channel, _)| is_cometd_only(channel)) {
                EventTransport::CometD
            } else {
                EventTransport::PubSub
            }
        })
    }

    /// Subscribes. What the org refuses at once is told here; over Pub/Sub a lost position is told by the first
    /// [`Subscription::next`], as the stream says it only then.
    ///
    /// # Errors
    /// [`Error::Subscription`] with a kind that says what to do, and the channel; [`Error::Config`] for a position or a
    /// channel of the other transport.
    pub async fn open(self) -> Result<Subscription, Error> {
        Subscription::open(self).await
    }

    /// Refuses what cannot work, before anything is sent.
    pub(super) fn check(&self) -> Result<EventTransport, Error> {
        let transport = self.transport();
        for (at, (channel, replay)) in self.channels.iter().enumerate() {
            check_channel(channel, replay, transport)?;
            if self.channels.iter().take(at).any(|(earlier, _)| earlier == channel) {
                return Err(Error::config(format!("channel {channel} is named twice")));
            }
        }
        Ok(transport)
    }
}

pub(super) fn check_channel(channel: &str, replay: &Replay, transport: EventTransport) -> Result<(), Error> {
    if !channel.starts_with('/') || channel.len() < 2 {
        return Err(Error::Config {
            message: format!("`{channel}` is no channel"),
            hint: Some("a channel begins with /data/, /event/, /topic/ or /u/, as in /data/AccountChangeEvent".into()),
        });
    }
    if transport == EventTransport::PubSub && is_cometd_only(channel) {
        return Err(Error::Config {
            message: format!("channel {channel} does not exist in Pub/Sub"),
            hint: Some("PushTopics and generic events come by CometD only".into()),
        });
    }
    match replay {
        Replay::After(position) => position.check(transport),
        _ => Ok(()),
    }
}
