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
    TopicPermission,
    PublishAuthRefresh,
    PublishEventCount,
    PublishTopicEmpty,
    PublishTopicMismatch,
    PublishIdle,
    ManagedActive,
    ManagedStopped,
    ManagedDeleted,
    ManagedNameUnknown,
    ManagedIdUnknown,
    ManagedIdInvalid,
    ManagedNameEmpty,
    ManagedRequestedEvents,
    ManagedCommitFirst,
    ManagedAuthRefresh,
}

impl Failure {
    fn parts(self) -> (&'static str, Code, &'static str) {
        use Code::{InvalidArgument, NotFound, ResourceExhausted, Unauthenticated};
        // The status of most codes is unconfirmed; clients decide by the code.
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
            Self::TopicPermission => {
                ("topic.meta.permission", Code::PermissionDenied, "You don't have permission to publish to the topic.")
            }
            Self::PublishAuthRefresh => {
                ("publish.auth.refresh.invalid", InvalidArgument, "The auth_refresh field is not for clients.")
            }
            Self::PublishEventCount => (
                "publish.event.count.invalid",
                InvalidArgument,
                "The number of events in a publish request must be between 1 and 200.",
            ),
            Self::PublishTopicEmpty => {
                ("publish.topic.validation.empty", InvalidArgument, "The topic name can't be blank.")
            }
            Self::PublishTopicMismatch => (
                "publish.topic.mismatch",
                InvalidArgument,
                "The topic differs from the one that this stream publishes to.",
            ),
            Self::PublishIdle => (
                "publish.stream.sweeper.timeout",
                Code::Unavailable,
                "The publish stream was closed: no request came in time.",
            ),
            Self::ManagedActive => (
                "managed.subscription.already.active",
                Code::FailedPrecondition,
                "The managed subscription already has an active client.",
            ),
            Self::ManagedStopped => (
                "managed.subscription.config.stopped",
                Code::FailedPrecondition,
                "The managed subscription is stopped.",
            ),
            Self::ManagedDeleted => (
                "managed.subscription.config.deleted",
                Code::FailedPrecondition,
                "The managed subscription was deleted.",
            ),
            Self::ManagedNameUnknown => (
                "managed.subscription.developer.name.not.found",
                NotFound,
                "There is no managed subscription with this developer name.",
            ),
            Self::ManagedIdUnknown => {
                ("managed.subscription.id.not.found", NotFound, "There is no managed subscription with this ID.")
            }
            Self::ManagedIdInvalid => {
                ("managed.subscription.id.invalid", InvalidArgument, "The managed subscription ID is not valid.")
            }
            Self::ManagedNameEmpty => (
                "managed.subscription.id.or.developer.name.empty",
                InvalidArgument,
                "The managed subscription ID or developer name must be given.",
            ),
            Self::ManagedRequestedEvents => (
                "managed.subscription.fetch.request.events.invalid",
                InvalidArgument,
                "The number of requested events must be greater than 0.",
            ),
            Self::ManagedCommitFirst => (
                "managed.subscription.fetch.request.commit.request.restricted",
                InvalidArgument,
                "The first request can't commit a Replay ID.",
            ),
            Self::ManagedAuthRefresh => (
                "managed.subscription.fetch.request.auth.request.restricted",
                InvalidArgument,
                "The auth_refresh field is not for clients.",
            ),
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
