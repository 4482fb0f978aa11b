//! CometD: the Bayeux protocol over long polling, as Salesforce's Streaming API speaks it.
//!
//! [`message`] is what goes over the wire, [`refusal`] what its errors mean, [`jar`] the cookies of one session,
//! [`door`] how requests leave, [`feed`] the conversation.

mod door;
mod feed;
mod jar;
mod message;
mod refusal;

pub(super) use door::Door;
pub(super) use feed::Feed;
