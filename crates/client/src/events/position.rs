//! Where in a channel somebody is: opaque, and tied to the transport that it came by.

use std::{fmt, str::FromStr};

use crate::error::Error;

/// How events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventTransport {
    /// Long polling by the Bayeux protocol (Streaming API). The only one for PushTopics (`/topic/…`) and generic events
    /// (`/u/…`).
    CometD,
    /// gRPC (Pub/Sub API). The only one for managed subscriptions, and for publishing besides REST.
    PubSub,
}

impl EventTransport {
    /// The one to take for a channel: Pub/Sub, where it carries the channel.
    pub fn for_channel(channel: &str) -> EventTransport {
        if is_cometd_only(channel) { EventTransport::CometD } else { EventTransport::PubSub }
    }

    /// `cometd` or `pubsub`.
    pub fn name(self) -> &'static str {
        match self {
            EventTransport::CometD => "cometd",
            EventTransport::PubSub => "pubsub",
        }
    }
}

/// PushTopics and generic events do not exist on the event bus that Pub/Sub reads (Pub/Sub API guide).
pub(super) fn is_cometd_only(channel: &str) -> bool {
    channel.starts_with("/topic/") || channel.starts_with("/u/")
}

impl fmt::Display for EventTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventTransport::CometD => "CometD",
            EventTransport::PubSub => "Pub/Sub",
        })
    }
}

/// A place in a channel's stream of events. Opaque: store it, compare it for equality, give it back; nothing can be
/// computed from it. CometD's is a number, Pub/Sub's are bytes, and neither can be used with the other.
///
/// Its text (`cometd:37904280`, `pubsub:000000000007…`) is for storing, and reads back as the same position.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Position {
    transport: EventTransport,
    bytes: Vec<u8>,
}

impl Position {
    /// A Pub/Sub replay id.
    pub fn pubsub(replay_id: impl Into<Vec<u8>>) -> Position {
        Position { transport: EventTransport::PubSub, bytes: replay_id.into() }
    }

    /// A CometD replay id.
    pub fn cometd(replay_id: i64) -> Position {
        Position { transport: EventTransport::CometD, bytes: replay_id.to_string().into_bytes() }
    }

    /// The transport that it belongs to.
    pub fn transport(&self) -> EventTransport {
        self.transport
    }

    /// As Pub/Sub sends it; the decimal digits of CometD's number.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of a CometD position.
    pub(super) fn number(&self) -> Option<i64> {
        std::str::from_utf8(&self.bytes).ok().filter(|_| self.transport == EventTransport::CometD)?.parse().ok()
    }

    /// Refuses a position of the other transport.
    pub(super) fn check(&self, transport: EventTransport) -> Result<(), Error> {
        if self.transport == transport {
            return Ok(());
        }
        Err(Error::Config {
            message: format!("position {self} comes from {}, and cannot be used with {transport}", self.transport),
            hint: Some(format!(
                "subscribe by {} to go on from it; the same event has another position in each",
                self.transport
            )),
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            EventTransport::CometD => write!(f, "cometd:{}", String::from_utf8_lossy(&self.bytes)),
            EventTransport::PubSub => {
                f.write_str("pubsub:")?;
                self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Position, Error> {
        let text = text.trim();
        let position = match text.split_once(':') {
            Some(("cometd", digits)) => digits.parse::<i64>().ok().filter(|id| *id >= 0).map(Position::cometd),
            Some(("pubsub", digits)) => hex(digits).map(Position::pubsub),
            _ => None,
        };
        position.ok_or_else(|| Error::Config {
            message: format!("`{text}` is no position"),
            hint: Some("a position is written like cometd:37904280 or pubsub:0000000000076f5b0000".into()),
        })
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Only events after now.
    Latest,
    /// The oldest event that the bus keeps: 72 hours for change events and platform events, 24 hours for PushTopics and
    /// generic events.
    Earliest,
    /// The first event after this position.
    After(Position),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mixing_is_refused() {
        let error = Position::cometd(7).check(EventTransport::PubSub).unwrap_err();
        assert_eq!(error.to_string(), "position cometd:7 comes from CometD, and cannot be used with Pub/Sub");
        assert!(Position::pubsub([0, 7]).check(EventTransport::PubSub).is_ok());
    }

    #[test]
    fn what_is_no_position() {
        for text in [
            "",
            "7",
            "cometd:",
            "cometd:-1",
            "cometd:x",
            "pubsub:",
            "pubsub:0",
            "pubsub:zz",
            "pubsub:+1",
            "x:1",
            "pubsub:ü0",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(bytes in proptest::collection::vec(any::<u8>(), 1..20), id in 0..i64::MAX) {
            for position in [Position::pubsub(bytes), Position::cometd(id)] {
                prop_assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
            }
        }

        #[test]
        fn any_text_does_no_harm(text: String) {
            let _ = text.parse::<Position>();
        }
    }
}
