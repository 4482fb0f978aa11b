//! Change events as they come: Avro, a header, bitmaps of what changed. The client reads them; what they mean for a table
//! is [`crate::mapping`]'s.

pub use tidegate_client::events::avro::{ChangeType, Event, EventField, EventSchema, Header, bitmap};

#[cfg(test)]
pub(crate) mod tests;
