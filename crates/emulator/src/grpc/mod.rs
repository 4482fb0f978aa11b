//! The Pub/Sub API door: gRPC over the same listeners as everything else.

use axum::Router;
use tonic::service::Routes;

use crate::http::state::AppState;

mod call;
mod error;
mod managed;
mod publish;
mod service;
mod subscribe;

/// Messages and calls of the Pub/Sub API, compiled from `proto/pubsub_api.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod proto {
    tonic::include_proto!("eventbus.v1");
}

/// The service's routes, to be merged with the HTTP doors' or served alone; HTTP/2 is required.
pub fn routes(state: AppState) -> Router {
    let service = proto::pub_sub_server::PubSubServer::new(service::PubSub::new(state));
    Routes::new(service).into_axum_router()
}
