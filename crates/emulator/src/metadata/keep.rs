//! The catalog as JSON, for the snapshot of an org.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Catalog, Component, Node, types};
use crate::{Millis, RecordId};

/// A catalog, and what else a change of metadata leaves in the org.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    components: Vec<KeptComponent>,
    numbers: Vec<(String, u64)>,
    /// Objects selected for change events.
    #[serde(default)]
    pub selected: Option<Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptComponent {
    kind: String,
    name: String,
    id: String,
    node: serde_json::Value,
    files: Vec<(String, String)>,
    created: (Millis, String),
    modified: (Millis, String),
}

impl Catalog {
    /// For keeping it.
    pub fn kept(&self, selected: Option<Vec<String>>) -> Kept {
        let component = |c: &Arc<Component>| KeptComponent {
            kind: c.kind.to_owned(),
            name: c.full_name.clone(),
            id: c.id.to_string(),
            node: c.node.json(),
            files: c.files.iter().map(|(path, bytes)| (path.clone(), STANDARD.encode(bytes))).collect(),
            created: (c.created, c.created_by.to_string()),
            modified: (c.modified, c.modified_by.to_string()),
        };
        let numbers = self.numbers().map(|(prefix, n)| (String::from_utf8_lossy(&prefix).into_owned(), n)).collect();
        Kept { components: self.all().map(component).collect(), numbers, selected }
    }

    /// From what was kept. A component that this version does not know is left out.
    pub fn from_kept(kept: Kept) -> Self {
        let mut catalog = Self::default();
        for c in kept.components {
            let id = RecordId::parse(&c.id);
            let by = |id: &str| RecordId::parse(id);
            let (Some(kind), Some(id)) = (types::known(&c.kind), id) else { continue };
            let (Some(created_by), Some(modified_by)) = (by(&c.created.1), by(&c.modified.1)) else { continue };
            let bytes = |text: &str| STANDARD.decode(text).unwrap_or_default().into();
            catalog.put(Component {
                kind,
                full_name: c.name,
                id,
                node: Node::from_json(&c.node),
                files: c.files.iter().map(|(path, text)| (path.clone(), bytes(text))).collect(),
                created: c.created.0,
                created_by,
                modified: c.modified.0,
                modified_by,
            });
        }
        for (prefix, number) in kept.numbers {
            if let Ok(prefix) = <[u8; 3]>::try_from(prefix.as_bytes()) {
                catalog.set_number(prefix, number);
            }
        }
        catalog
    }
}
