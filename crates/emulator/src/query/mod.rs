//! SOQL over the store.
