//! The org's users, as signing in needs them.

use std::sync::Arc;

use crate::store::Row;
use crate::{Org, RecordId, Value};

/// A user record.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: RecordId,
    row: Arc<Row>,
}

impl User {
    /// The value of a field, by API name; null where the org has no such field.
    pub fn get(&self, org: &Org, field: &str) -> Value {
        match org.schema.find("User").and_then(|(_, object)| object.field(field)) {
            Some((field, _)) => self.row.get(field),
            None => Value::Null,
        }
    }

    /// The text of a field; empty where it has none.
    pub fn text(&self, org: &Org, field: &str) -> String {
        self.get(org, field).as_text().unwrap_or_default().to_owned()
    }

    /// Whether the user may sign in.
    pub fn is_active(&self, org: &Org) -> bool {
        self.get(org, "IsActive").as_bool().unwrap_or(false)
    }
}

/// The user with this id.
pub fn by_id(org: &Org, id: RecordId) -> Option<User> {
    let (object, _) = org.schema.find("User")?;
    Some(User { id, row: org.store.live(object, id)?.clone() })
}

/// Whether the user with this id was deactivated. Users are never deleted.
pub fn is_deactivated(org: &Org, id: RecordId) -> bool {
    by_id(org, id).is_some_and(|user| !user.is_active(org))
}

/// The user with this username, whatever the case.
pub fn by_username(org: &Org, username: &str) -> Option<User> {
    let (object, facts) = org.schema.find("User")?;
    let (field, _) = facts.field("Username")?;
    let (id, row) = org
        .store
        .table(object)?
        .live_rows()
        .find(|(_, row)| row.get(field).as_text().is_some_and(|name| name.eq_ignore_ascii_case(username)))?;
    Some(User { id, row: row.clone() })
}
