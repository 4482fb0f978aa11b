//! Writes, by whatever door they come: what Salesforce enforces is enforced here, and each transaction tells the event bus.
