//! Features of an org that an administrator or Salesforce's support turns on, and that change what can be written.

use std::sync::Arc;

use crate::Org;
use crate::schema::ObjectType;

/// The fields that "Set Audit Fields upon Record Creation" opens.
const AUDIT: [&str; 4] = ["CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate"];
/// Objects whose audit fields stay closed (documented: the permission is for records of business, not for setup).
const CLOSED: [&str; 7] = ["Group", "Organization", "PermissionSet", "Profile", "RecordType", "User", "UserRole"];

impl Org {
    /// Lets audit fields be set when a record is made (the user permission "Set Audit Fields upon Record Creation").
    /// A describe then shows them as createable.
    pub fn allow_audit_fields(&mut self) {
        let schema = Arc::make_mut(&mut self.schema);
        let objects: Vec<Arc<ObjectType>> = schema.objects().to_vec();
        for object in objects {
            if !object.flags.createable || CLOSED.contains(&object.name.as_str()) {
                continue;
            }
            let mut changed = ObjectType::clone(&object);
            for field in changed.fields.iter_mut().filter(|field| AUDIT.contains(&field.name.as_str())) {
                field.createable = true;
            }
            schema.put(changed);
        }
    }

    /// Whether audit fields can be set when a record is made.
    pub fn allows_audit_fields(&self) -> bool {
        let account = self.schema.find("Account").map(|(_, facts)| facts);
        account.and_then(|facts| facts.field("CreatedDate")).is_some_and(|(_, field)| field.createable)
    }
}
