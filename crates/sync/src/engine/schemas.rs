//! Event schemas by id, and how each fits the tables.

use std::collections::HashMap;
use std::sync::Arc;

use crate::TableId;
use crate::event::EventSchema;
use crate::limits::SCHEMAS_MAX;
use crate::mapping::{Binding, ObjectMap};

/// A schema with the bindings made so far.
#[derive(Debug)]
pub(crate) struct KnownSchema {
    pub(crate) schema: EventSchema,
    bindings: HashMap<TableId, Arc<Binding>>,
}

/// Schemas that have been asked for.
#[derive(Debug, Default)]
pub(crate) struct Schemas(HashMap<String, KnownSchema>);

impl KnownSchema {
    pub(crate) fn binding(&mut self, map: &ObjectMap) -> Arc<Binding> {
        let made = || Arc::new(Binding::new(&self.schema, map));
        self.bindings.entry(map.table.id).or_insert_with(made).clone()
    }
}

impl Schemas {
    pub(crate) fn get(&mut self, id: &str) -> Option<&mut KnownSchema> {
        self.0.get_mut(id)
    }

    pub(crate) fn put(&mut self, id: &str, schema: EventSchema) {
        if self.0.len() >= SCHEMAS_MAX {
            self.0.clear();
        }
        self.0.insert(id.to_owned(), KnownSchema { schema, bindings: HashMap::new() });
    }
}
