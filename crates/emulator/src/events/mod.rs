//! The event bus: what happened, in order, for as long as it is retained.
