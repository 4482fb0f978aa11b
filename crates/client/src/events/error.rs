//! Why a subscription ended: decided by the `error-code` trailer of Pub/Sub where there is one, and by the Bayeux
//! error in CometD (`cometd::refusal`).

use tonic::{Code, Status};

/// Kinds that callers act on differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionErrorKind {
    /// The replay id is out of retention, or of another org: events may have been missed. Start from the earliest
    /// retained event and read the records changed since.
    ReplayIdExpired,
    /// The replay id is none. To be treated as expired.
    ReplayIdInvalid,
    /// There is no such channel.
    ChannelNotFound,
    /// The user may not see the channel or its schema.
    NoPermission,
    /// The org does not have the feature.
    NotLicensed,
    /// The org's allowance of delivered events for 24 hours is spent. Events wait for 72 hours.
    DeliveryLimit,
    /// Too many clients, or the service protects itself.
    TooManyClients,
    /// The token was refused, and a new one too.
    Unauthenticated,
    /// The service cannot be reached, is overloaded, or said nothing for too long.
    Unavailable,
    /// An administrator has stopped the managed subscription, which also removed its committed position.
    Stopped,
    /// The request is at fault.
    Request,
}

impl SubscriptionErrorKind {
    /// Whether the same subscription may work later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            SubscriptionErrorKind::Unavailable
                | SubscriptionErrorKind::TooManyClients
                | SubscriptionErrorKind::DeliveryLimit
        )
    }

    /// What to do.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            SubscriptionErrorKind::ReplayIdExpired | SubscriptionErrorKind::ReplayIdInvalid => {
                "events may have been missed: follow from the earliest retained event and re-read what changed since the last commit"
            }
            SubscriptionErrorKind::ChannelNotFound => {
                "check the channel's name, which minds case (/data/ChangeEvents, /data/AccountChangeEvent), and Setup > Change Data Capture"
            }
            SubscriptionErrorKind::NoPermission => "the user needs View All on the object, or read access to the event",
            SubscriptionErrorKind::NotLicensed => "the org's edition does not include this event",
            SubscriptionErrorKind::DeliveryLimit => {
                "the org's event deliveries for 24 hours are used up; they free up within the day, and events are kept for 72 hours"
            }
            SubscriptionErrorKind::TooManyClients => "close other subscribers, or wait",
            SubscriptionErrorKind::Unauthenticated => {
                "check that the user's session may use the API and that the org and the endpoint belong together"
            }
            SubscriptionErrorKind::Unavailable => {
                "check the network to the Pub/Sub endpoint (port 7443 or 443, HTTP/2)"
            }
            SubscriptionErrorKind::Stopped => {
                "set the ManagedEventSubscription's state to RUN; its committed position is gone"
            }
            SubscriptionErrorKind::Request => return None,
        })
    }

    /// Whether connecting again, from the last position, may cure it by itself.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self, SubscriptionErrorKind::Unavailable | SubscriptionErrorKind::TooManyClients)
    }

    fn of(code: Code, error_code: &str) -> SubscriptionErrorKind {
        use SubscriptionErrorKind::*;
        let short = error_code.strip_prefix("sfdc.platform.eventbus.grpc.").unwrap_or(error_code);
        match short {
            "subscription.fetch.replayid.validation.failed" => ReplayIdExpired,
            "subscription.fetch.replayid.corrupted" => ReplayIdInvalid,
            "topic.not.found"
            | "topic.validation.empty"
            | "managed.subscription.developer.name.not.found"
            | "managed.subscription.id.not.found"
            | "managed.subscription.id.invalid"
            | "managed.subscription.config.deleted" => ChannelNotFound,
            "managed.subscription.config.stopped" => Stopped,
            "managed.subscription.already.active" => TooManyClients,
            "topic.meta.permission"
            | "topic.api.unavailable"
            | "schema.meta.permission"
            | "schema.api.unavailable"
            | "subscription.topic.cannot.subscribe" => NoPermission,
            "service.tenant.license" => NotLicensed,
            "subscription.limit.exceeded" => DeliveryLimit,
            "concurrent.client.limit.exceeded"
            | "service.protection.stream.limit.triggered"
            | "service.protection.triggered" => TooManyClients,
            "service.auth.error" => Unauthenticated,
            "service.unavailable" | "subscription.internal.error" => Unavailable,
            // Without a known code the status decides; what is not clearly ours to mend is taken for passing trouble.
            "" => match code {
                Code::Unauthenticated => Unauthenticated,
                Code::PermissionDenied => NoPermission,
                Code::NotFound => ChannelNotFound,
                Code::InvalidArgument | Code::Unimplemented | Code::FailedPrecondition | Code::OutOfRange => Request,
                _ => Unavailable,
            },
            _ => match code {
                Code::Unauthenticated => Unauthenticated,
                Code::Unavailable | Code::Internal | Code::Unknown | Code::Cancelled => Unavailable,
                _ => Request,
            },
        }
    }
}

/// A failure of the event bus.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {message}")]
pub struct SubscriptionError {
    /// What kind of failure.
    pub kind: SubscriptionErrorKind,
    /// What was being done, with the channel.
    pub what: String,
    /// The `error-code`, or the gRPC status where there was none.
    pub code: String,
    /// The service's words.
    pub message: String,
    /// The channel concerned; `None` where it is all of them.
    pub channel: Option<String>,
}

impl SubscriptionError {
    pub(crate) fn from_status(what: &str, status: &Status) -> SubscriptionError {
        let error_code = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
        SubscriptionError {
            kind: SubscriptionErrorKind::of(status.code(), error_code),
            what: what.to_owned(),
            code: if error_code.is_empty() { format!("{:?}", status.code()) } else { error_code.to_owned() },
            message: if status.message().is_empty() {
                status.code().description().to_owned()
            } else {
                status.message().to_owned()
            },
            channel: None,
        }
    }

    pub(crate) fn unavailable(what: &str, message: impl Into<String>) -> SubscriptionError {
        SubscriptionError {
            kind: SubscriptionErrorKind::Unavailable,
            what: what.to_owned(),
            code: "Unavailable".into(),
            message: message.into(),
            channel: None,
        }
    }

    /// Concerns one channel.
    pub(crate) fn of(mut self, channel: &str) -> SubscriptionError {
        self.channel = Some(channel.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_decides() {
        use SubscriptionErrorKind::*;
        let cases = [
            (Code::InvalidArgument, "subscription.fetch.replayid.validation.failed", ReplayIdExpired),
            (Code::InvalidArgument, "subscription.fetch.replayid.corrupted", ReplayIdInvalid),
            (Code::Unknown, "topic.not.found", ChannelNotFound),
            (Code::PermissionDenied, "subscription.topic.cannot.subscribe", NoPermission),
            (Code::ResourceExhausted, "subscription.limit.exceeded", DeliveryLimit),
            (Code::Unauthenticated, "service.auth.error", Unauthenticated),
            (Code::Unavailable, "service.unavailable", Unavailable),
            (Code::InvalidArgument, "something.new", Request),
            (Code::Internal, "something.new", Unavailable),
            (Code::Unavailable, "", Unavailable),
            (Code::Cancelled, "", Unavailable),
            (Code::InvalidArgument, "", Request),
            (Code::Unauthenticated, "", Unauthenticated),
        ];
        for (code, error_code, expected) in cases {
            let full =
                if error_code.is_empty() { String::new() } else { format!("sfdc.platform.eventbus.grpc.{error_code}") };
            assert_eq!(SubscriptionErrorKind::of(code, &full), expected, "{code:?} {error_code}");
        }
    }
}
