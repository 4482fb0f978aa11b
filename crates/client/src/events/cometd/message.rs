//! Bayeux messages. Servers differ in what they leave out and how they type it, so everything is read leniently: what
//! is not as expected counts as absent, and the message says what it still can.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value as Json, json, value::RawValue};

use super::super::{Position, Replay};

/// How a server wants to be asked again. A new one takes the place of the former entirely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) reconnect: Option<Reconnect>,
    /// Milliseconds to wait before the next connect; negative: do not come back.
    pub(super) interval: Option<i64>,
    /// Milliseconds for which a connect is held.
    pub(super) timeout: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reconnect {
    Retry,
    Handshake,
    None,
}

/// A message of the server.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) successful: Option<bool>,
    pub(super) client_id: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) error: Option<String>,
    pub(super) advice: Option<Advice>,
    /// `ext.sfdc.failureReason`: where Salesforce says what is really wrong.
    pub(super) reason: Option<String>,
    pub(super) data: Option<Box<RawValue>>,
}

/// Reads an answer: a list of messages, or one. `None` for what is neither.
pub(super) fn read(body: &[u8]) -> Option<Vec<Message>> {
    let all: Vec<Box<RawValue>> = match serde_json::from_slice(body) {
        Ok(all) => all,
        Err(_) => vec![serde_json::from_slice(body).ok()?],
    };
    all.iter().map(|one| Message::read(one)).collect()
}

impl Message {
    fn read(raw: &RawValue) -> Option<Message> {
        let mut members: HashMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
        let data = members.remove("data");
        let mut get = |name: &str| members.remove(name);
        let text = |raw: Option<Box<RawValue>>| as_value::<String>(raw.as_deref());
        Some(Message {
            channel: text(get("channel"))?,
            successful: as_value(get("successful").as_deref()),
            client_id: text(get("clientId")),
            subscription: text(get("subscription")),
            error: text(get("error")),
            advice: as_value::<Json>(get("advice").as_deref()).and_then(|advice| Advice::of(&advice)),
            reason: as_value::<Json>(get("ext").as_deref())
                .and_then(|ext| Some(ext.get("sfdc")?.get("failureReason")?.as_str()?.to_owned())),
            data,
        })
    }

    /// Whether it is one of the protocol's own.
    pub(super) fn is_meta(&self) -> bool {
        self.channel.starts_with("/meta/")
    }
}

fn as_value<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

impl Advice {
    fn of(advice: &Json) -> Option<Advice> {
        let advice = advice.as_object()?;
        let number = |name: &str| {
            let number = advice.get(name)?;
            number.as_i64().or_else(|| number.as_str()?.trim().parse().ok())
        };
        Some(Advice {
            reconnect: match advice.get("reconnect").and_then(Json::as_str) {
                Some("retry") => Some(Reconnect::Retry),
                Some("handshake") => Some(Reconnect::Handshake),
                Some("none") => Some(Reconnect::None),
                _ => None,
            },
            interval: number("interval"),
            timeout: number("timeout"),
        })
    }
}

/// The handshake. It has to be alone in its request.
pub(super) fn handshake(id: u64, replay: bool) -> Json {
    let mut message = json!({
        "channel": "/meta/handshake",
        "id": id.to_string(),
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"],
        "advice": { "timeout": 60_000, "interval": 0 },
    });
    if replay && let Some(members) = message.as_object_mut() {
        members.insert("ext".into(), json!({ "replay": true }));
    }
    message
}

/// The connect that is held until there is something. The first of a session is answered at once, with the advice.
pub(super) fn connect(id: u64, client: &str, first: bool) -> Json {
    let mut message = json!({
        "channel": "/meta/connect",
        "id": id.to_string(),
        "clientId": client,
        "connectionType": "long-polling",
    });
    if first && let Some(members) = message.as_object_mut() {
        members.insert("advice".into(), json!({ "timeout": 0 }));
    }
    message
}

pub(super) fn subscribe(id: u64, client: &str, channel: &str, replay: Option<i64>) -> Json {
    let mut message =
        json!({ "channel": "/meta/subscribe", "id": id.to_string(), "clientId": client, "subscription": channel });
    if let (Some(replay), Some(members)) = (replay, message.as_object_mut()) {
        // The key is the channel without a filter.
        let name = bare(channel);
        members.insert("ext".into(), json!({ "replay": { name: replay } }));
    }
    message
}

pub(super) fn unsubscribe(id: u64, client: &str, channel: &str) -> Json {
    json!({ "channel": "/meta/unsubscribe", "id": id.to_string(), "clientId": client, "subscription": channel })
}

pub(super) fn disconnect(id: u64, client: &str) -> Json {
    json!({ "channel": "/meta/disconnect", "id": id.to_string(), "clientId": client })
}

/// The number that the replay extension takes: -1 for the tip, -2 for everything retained.
pub(super) fn replay_number(replay: &Replay, position: Option<&Position>) -> i64 {
    match (position, replay) {
        (Some(position), _) | (None, Replay::After(position)) => position.number().unwrap_or(-1),
        (None, Replay::Latest) => -1,
        (None, Replay::Earliest) => -2,
    }
}

/// A channel without its filter: `/topic/X?Industry='Energy'` → `/topic/X`.
pub(super) fn bare(channel: &str) -> &str {
    channel.split('?').next().unwrap_or(channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_salesforce_sends() {
        let body = br#"[{"data":{"event":{"replayId":7}},"channel":"/data/AccountChangeEvent"},
          {"channel":"/meta/connect","id":"1","error":"401::Authentication invalid","successful":false,
           "advice":{"reconnect":"none","interval":"5"},"ext":{"sfdc":{"failureReason":"503::Server is too busy."}}}]"#;
        let messages = read(body).unwrap();
        assert_eq!(messages[0].channel, "/data/AccountChangeEvent");
        assert_eq!(messages[0].data.as_ref().unwrap().get(), r#"{"event":{"replayId":7}}"#);
        assert!(!messages[0].is_meta());
        let connect = &messages[1];
        assert_eq!(connect.successful, Some(false));
        assert_eq!(connect.reason.as_deref(), Some("503::Server is too busy."));
        let advice = Advice { reconnect: Some(Reconnect::None), interval: Some(5), timeout: None };
        assert_eq!(connect.advice, Some(advice));
    }

    #[test]
    fn one_message_and_odd_members_are_read_too() {
        let messages = read(br#"{"channel":"/meta/handshake","id":7,"successful":"yes","clientId":null,"advice":[]}"#);
        let message = &messages.unwrap()[0];
        assert_eq!((message.successful, message.client_id.as_deref(), &message.advice), (None, None, &None));
        for no in [&b""[..], b"<html>", b"7", b"[7]", b"[{}]", br#"[{"channel":7}]"#] {
            assert!(read(no).is_none(), "{}", String::from_utf8_lossy(no));
        }
        assert!(read(b"[]").unwrap().is_empty());
    }

    #[test]
    fn replay_is_told_for_the_channel_without_its_filter() {
        let message = subscribe(3, "c", "/topic/X?A='b'", Some(-2));
        assert_eq!(message["subscription"], "/topic/X?A='b'");
        assert_eq!(message["ext"]["replay"], json!({ "/topic/X": -2 }));
        assert_eq!(replay_number(&Replay::Latest, None), -1);
        assert_eq!(replay_number(&Replay::Latest, Some(&Position::cometd(9))), 9);
        assert_eq!(replay_number(&Replay::After(Position::cometd(8)), None), 8);
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        /// Answers that were bent in one place.
        #[test]
        fn bent_answers_do_no_harm(at in 0usize..400, with: u8, cut in 0usize..400) {
            let mut body = br#"[{"data":{"schema":"s","payload":{"ChangeEventHeader":{"entityName":"A","recordIds":["001"],"changeType":"UPDATE","changedFields":["B.C"],"commitNumber":1769847342123456789}},"event":{"replayId":37904280}},"channel":"/data/A"},{"clientId":"c","channel":"/meta/connect","successful":true,"advice":{"interval":0,"timeout":110000,"reconnect":"retry"}}]"#.to_vec();
            let at = at % body.len();
            body[at] = with;
            body.truncate(body.len() - cut % body.len());
            for message in read(&body).unwrap_or_default() {
                if let Some(data) = &message.data {
                    let _ = super::super::super::Event::from_cometd(&message.channel, data);
                }
            }
        }
    }
}
