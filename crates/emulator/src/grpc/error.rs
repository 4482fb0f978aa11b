//! Errors of the Pub/Sub API: a gRPC status, and the documented code in the trailers.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

const PREFIX: &str = "sfdc.platform.eventbus.grpc.";

/// The documented failures, each with its code (without the common prefix), its gRPC status and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Auth,
    Headers(&'static str),
    AuthRefresh,
    TopicEmpty,
    TopicNotFound,
    SchemaBlank,
    SchemaUnknown,
    TopicMismatch,
    RequestInvalid,
    RequestedEvents,
    ReplayCorrupted,
    ReplayExpired,
    Unavailable,
    DeliveryLimit,
    Internal,
}

impl Failure {
    fn parts(self) -> (&'static str, Code, &'static str) {
        use Code::{InvalidArgument, NotFound, ResourceExhausted, Unauthenticated};
        match self {
            Self::Auth => ("service.auth.error", Unauthenticated, "An authentication exception occurred."),
            Self::Headers(text) => ("service.auth.headers.invalid", Unauthenticated, text),
            Self::AuthRefresh => {
                ("service.auth.refresh.invalid", InvalidArgument, "The auth_refresh field is not for clients.")
            }
            Self::TopicEmpty => ("topic.validation.empty", InvalidArgument, "The topic name can't be blank."),
            Self::TopicNotFound => ("topic.not.found", NotFound, "The topic doesn't exist or isn't accessible."),
            Self::SchemaBlank => {
                ("schema.validation.failed", InvalidArgument, "Schema validation failed. The schema ID can't be blank.")
            }
            Self::SchemaUnknown => {
                ("schema.validation.failed", InvalidArgument, "Schema validation failed. The schema ID is unknown.")
            }
            Self::TopicMismatch => (
                "subscription.fetch.topic.mismatch",
                InvalidArgument,
                "The topic differs from the one that this stream subscribed to.",
            ),
            Self::RequestInvalid => {
                ("subscription.fetch.request.invalid", InvalidArgument, "The fetch request is malformed.")
            }
            Self::RequestedEvents => (
                "subscription.fetch.requested.events.invalid",
                InvalidArgument,
                "The number of requested events must be greater than 0.",
            ),
            Self::ReplayCorrupted => (
                "subscription.fetch.replayid.corrupted",
                InvalidArgument,
                "The Replay ID is corrupted. Ensure it was not altered.",
            ),
            Self::ReplayExpired => (
                "subscription.fetch.replayid.validation.failed",
                InvalidArgument,
                "The Replay ID validation failed. It is expired, or belongs to another org.",
            ),
            Self::Unavailable => {
                ("service.unavailable", Code::Unavailable, "The service is temporarily unavailable. Try again later.")
            }
            Self::DeliveryLimit => (
                "subscription.limit.exceeded",
                ResourceExhausted,
                "You have exceeded the event delivery limit for your org.",
            ),
            Self::Internal => {
                ("subscription.internal.error", Code::Internal, "An unexpected error ended the subscription.")
            }
        }
    }

    /// The status that ends a call, with its trailers.
    pub(super) fn status(self) -> Status {
        let (code, grpc, text) = self.parts();
        let rpc_id = new_rpc_id();
        let mut trailers = MetadataMap::new();
        if let Ok(value) = MetadataValue::try_from(format!("{PREFIX}{code}")) {
            trailers.insert("error-code", value);
        }
        if let Ok(value) = MetadataValue::try_from(rpc_id.as_str()) {
            trailers.insert("rpc-id", value);
        }
        Status::with_metadata(grpc, format!("{text} rpcId: {rpc_id}"), trailers)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.status()
    }
}

/// An id for one call, as answers and errors show it.
pub(super) fn new_rpc_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
