//! The Pub/Sub API door.

/// Messages and calls of the Pub/Sub API, compiled from `proto/pubsub_api.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod proto {
    tonic::include_proto!("eventbus.v1");
}
