//! What Bayeux errors mean (Streaming API Developer Guide, "Streaming API Error Codes"). Their form is
//! `code:arguments:text`; the code and the beginning of the text are matched, as texts come with and without a dot.

use super::super::{SubscriptionError, SubscriptionErrorKind};
use super::message::{Message, Reconnect};

/// What has to be done about a refusal.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The session is gone: shake hands again, and subscribe again to everything.
    SessionLost(SubscriptionError),
    /// Anything else, by its kind.
    Failed(SubscriptionError),
    /// The server has too much to do. Comes dressed as 401.
    Busy(SubscriptionError),
}

/// What a message that says `successful: false` means. `what` is what was being done.
pub(super) fn of(what: &str, message: &Message) -> Refusal {
    let error = message.error.as_deref().unwrap_or_default();
    // The reason first: an overload comes with the error of a bad token.
    let text = message.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or(error);
    let told = |kind| SubscriptionError {
        kind,
        what: what.to_owned(),
        code: code_of(text).to_owned(),
        message: if text.is_empty() { "refused without a reason".to_owned() } else { text.to_owned() },
        channel: message.subscription.clone(),
    };
    if is_busy(text) {
        return Refusal::Busy(told(SubscriptionErrorKind::Unavailable));
    }
    if is_session_lost(text) {
        return Refusal::SessionLost(told(SubscriptionErrorKind::Unavailable));
    }
    let handshake = message.advice.as_ref().and_then(|advice| advice.reconnect) == Some(Reconnect::Handshake);
    match kind_of(text) {
        // Without a word that we know, the advice decides.
        SubscriptionErrorKind::Unavailable | SubscriptionErrorKind::Request if handshake => {
            Refusal::SessionLost(told(SubscriptionErrorKind::Unavailable))
        }
        kind => Refusal::Failed(told(kind)),
    }
}

fn code_of(text: &str) -> &str {
    text.split(':').next().unwrap_or_default().trim()
}

fn is_busy(text: &str) -> bool {
    code_of(text) == "503" || text.contains("Server is too busy")
}

fn is_session_lost(text: &str) -> bool {
    let code = code_of(text);
    // Bayeux servers other than Salesforce's say 401 or 402 of an unknown client.
    (matches!(code, "401" | "402" | "403") && says(text, "unknown client"))
        || (code == "401" && text.split(':').nth(1).is_some_and(|client| !client.is_empty()))
        || says(text, "has not completed handshake")
        || says(text, "has established a session, but no")
        || says(text, "does not match the session's user id")
}

fn says(text: &str, words: &str) -> bool {
    text.to_ascii_lowercase().contains(&words.to_ascii_lowercase())
}

fn kind_of(text: &str) -> SubscriptionErrorKind {
    use SubscriptionErrorKind::*;
    match code_of(text) {
        "401" => Unauthenticated,
        "400" if says(text, "replayId") => ReplayIdExpired,
        "400" if says(text, "channel you requested") => ChannelNotFound,
        "404" if says(text, "only by case") => Request,
        "404" => ChannelNotFound,
        "403" if says(text, "create_denied") || says(text, "Cannot create channel") => ChannelNotFound,
        "403" if says(text, "total events daily limit") => DeliveryLimit,
        "403"
            if says(text, "concurrent user limit")
                || says(text, "To protect all customers")
                || says(text, "limit exceeded")
                || says(text, "limit has been exceeded") =>
        {
            TooManyClients
        }
        "403" => NoPermission,
        "400" | "405" | "413" => Request,
        _ => Unavailable,
    }
}

/// What an HTTP status that is not a Bayeux answer means.
pub(super) fn of_status(what: &str, status: u16, body: &[u8]) -> Refusal {
    let words = std::str::from_utf8(body).map(str::trim).unwrap_or_default();
    let words = if words.is_empty() || words.len() > 200 || words.contains(['<', '{', '[']) {
        format!("HTTP status {status}")
    } else {
        format!("HTTP status {status}: {words}")
    };
    let kind = match status {
        401 => SubscriptionErrorKind::Unauthenticated,
        403 => SubscriptionErrorKind::NoPermission,
        408 | 420 | 429 | 500..=599 => SubscriptionErrorKind::Unavailable,
        _ => SubscriptionErrorKind::Request,
    };
    let error =
        SubscriptionError { kind, what: what.to_owned(), code: status.to_string(), message: words, channel: None };
    if status == 503 { Refusal::Busy(error) } else { Refusal::Failed(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(error: &str, reason: &str) -> Refusal {
        let body = serde_json::json!([{ "channel": "/meta/connect", "successful": false, "error": error,
            "ext": { "sfdc": { "failureReason": reason } } }]);
        let messages = super::super::message::read(body.to_string().as_bytes()).unwrap();
        of("following", &messages[0])
    }

    #[test]
    fn every_documented_error() {
        use SubscriptionErrorKind::*;
        for (error, kind) in [
            ("400::API version in the URI is mandatory. URI format: '/cometd/66.0'", Request),
            ("400::Invalid connection type websocket", Request),
            ("400::The channel you requested to subscribe to doesn't exist /data/X", ChannelNotFound),
            ("400::Channel subscriptions must start with a leading '/'", Request),
            ("400::Query fields [X] do not exist on the topic entity", Request),
            (
                "400::The replayId 7 you provided was invalid. Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
                ReplayIdExpired,
            ),
            ("401::Authentication invalid.", Unauthenticated),
            ("401::Request requires authentication", Unauthenticated),
            ("403::Cannot create channel /x", ChannelNotFound),
            ("403:denied_by_security_policy:create_denied", ChannelNotFound),
            ("403::Subscriber does not have access to the entity in this topic", NoPermission),
            ("403::Organization concurrent user limit exceeded", TooManyClients),
            ("403::Organization total events daily limit exceeded", DeliveryLimit),
            ("403::Restricted channel", NoPermission),
            ("403::User not enabled for streaming", NoPermission),
            ("403::User not allowed to subscribe CDC without View All Data permissions", NoPermission),
            ("403::Subscription limit exceeded for this topic", TooManyClients),
            (
                "403::To protect all customers from excessive use and Denial of Service attacks, we limit the number of simultaneous connections per server.",
                TooManyClients,
            ),
            ("403::Unable to create channel dynamically, maximum channel limit has been exceeded", TooManyClients),
            ("403::No access on channel", NoPermission),
            ("404::Unknown channel", ChannelNotFound),
            ("404::channel names may not vary only by case", Request),
            ("", Unavailable),
            ("what?", Unavailable),
        ] {
            match refused(error, "") {
                Refusal::Failed(told) => assert_eq!(told.kind, kind, "{error}"),
                other => panic!("{error}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_lost_session() {
        for error in [
            "403::Unknown client",
            "402::Unknown client",
            "402:abc:Unknown Client ID",
            "401:2f3x:Unknown client",
            "403::Client has not completed handshake",
            "400::Client 4kd has established a session, but no BAYEUX_BROWSER cookie present",
            "400::Authenticated user id does not match the session's user id",
        ] {
            assert!(matches!(refused(error, ""), Refusal::SessionLost(_)), "{error}");
        }
    }

    #[test]
    fn an_overload_is_not_a_bad_token() {
        let busy =
            refused("401::Authentication invalid", "503::Server is too busy. Please try your request again later.");
        assert!(matches!(busy, Refusal::Busy(_)), "{busy:?}");
        match refused("403::Handshake denied", "401::Authentication invalid") {
            Refusal::Failed(told) => assert_eq!(told.kind, SubscriptionErrorKind::Unauthenticated),
            other => panic!("{other:?}"),
        }
    }
}
