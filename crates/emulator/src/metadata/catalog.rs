//! The components of the org that were saved as metadata, beside what the schema knows of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Node, types};
use crate::id::INSTANCE;
use crate::{Millis, RecordId};

/// Every saved component. Cheap to clone: components are shared.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    components: BTreeMap<(&'static str, String), Arc<Component>>,
    numbers: HashMap<[u8; 3], u64>,
    /// How many changes were committed: what tells a keeper that there is something to keep.
    pub(super) revision: u64,
}

/// One component as it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its type.
    pub kind: &'static str,
    /// Its name: `Account.Legacy_Id__c`, `ChangeEvents_AccountChangeEvent`.
    pub full_name: String,
    /// Its id, as the Tooling API shows it.
    pub id: RecordId,
    /// What was saved, for a type whose files are read.
    pub node: Node,
    /// The files of a type that is kept as it came: path below the package, and content.
    pub files: Vec<(String, Arc<[u8]>)>,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub created_by: RecordId,
    /// When it was last saved.
    pub modified: Millis,
    /// By whom.
    pub modified_by: RecordId,
}

impl Catalog {
    /// A component by type and name, whatever the name's case.
    pub fn get(&self, kind: &str, full_name: &str) -> Option<&Arc<Component>> {
        let kind = types::known(kind)?;
        self.components.get(&(kind, full_name.to_lowercase()))
    }

    /// A component by its id.
    pub fn by_id<'a>(&'a self, kind: &'a str, id: RecordId) -> Option<&'a Arc<Component>> {
        self.of_kind(kind).find(|c| c.id == id)
    }

    /// The components of a type, by name.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Component>> {
        self.components.values().filter(move |c| c.kind == kind)
    }

    /// Every component, by type and name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Component>> {
        self.components.values()
    }

    /// How many changes were committed so far.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn put(&mut self, component: Component) {
        let key = (component.kind, component.full_name.to_lowercase());
        self.components.insert(key, Arc::new(component));
    }

    pub(super) fn remove(&mut self, kind: &'static str, full_name: &str) -> Option<Arc<Component>> {
        self.components.remove(&(kind, full_name.to_lowercase()))
    }

    /// Takes out the parts of an object, or what else has a name that begins with it and a dot.
    pub(super) fn remove_parts(&mut self, object: &str) {
        let prefix = format!("{}.", object.to_lowercase());
        self.components.retain(|(kind, name), _| types::part_element(kind).is_none() || !name.starts_with(&prefix));
    }

    /// The next id with this prefix.
    pub(super) fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        let number = self.numbers.entry(prefix).or_default();
        *number += 1;
        RecordId::new(prefix, INSTANCE, *number)
    }

    /// The numbers that ids go on from, for keeping them.
    pub(super) fn numbers(&self) -> impl Iterator<Item = ([u8; 3], u64)> {
        self.numbers.iter().map(|(prefix, number)| (*prefix, *number))
    }

    pub(super) fn set_number(&mut self, prefix: [u8; 3], number: u64) {
        self.numbers.insert(prefix, number);
    }
}
