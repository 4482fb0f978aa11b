//! The Pub/Sub API door.
