//! The suite against the destination in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tidegate_sync::conformance::{self, Factory};
use tidegate_sync::testing::MemoryStore;
use tidegate_sync::{Destination, DestinationError};

#[derive(Default)]
struct Memory(Mutex<HashMap<String, MemoryStore>>);

#[async_trait]
impl Factory for Memory {
    async fn connect(&self, name: &str) -> Result<Box<dyn Destination>, DestinationError> {
        let store = self.0.lock().expect("no panic").entry(name.to_owned()).or_default().clone();
        Ok(Box::new(store.connect()?))
    }
}

#[tokio::test]
async fn memory_keeps_every_promise() {
    conformance::run(&Memory::default()).await.assert();
}

#[tokio::test]
async fn one_writer_at_a_time() {
    let store = MemoryStore::default();
    let first = store.connect().expect("free");
    assert!(matches!(store.connect(), Err(DestinationError::InUse { .. })));
    drop(first);
    assert!(store.connect().is_ok());
}
