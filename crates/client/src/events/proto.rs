//! The generated wire types.
#![allow(missing_docs, unreachable_pub, clippy::all)]

tonic::include_proto!("eventbus.v1");
