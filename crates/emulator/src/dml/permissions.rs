//! What a permission set may say of objects and fields. The org keeps it and does not act upon it: every user of it sees
//! every field.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_fieldpermissions.htm>

use super::transaction::Transaction;
use crate::schema::{ObjectId, ObjectType, Schema};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// Permissions that include another: whoever has the first of each pair has the second.
const INCLUDES: [(&str, &str); 8] = [
    ("PermissionsEdit", "PermissionsRead"),
    ("PermissionsCreate", "PermissionsRead"),
    ("PermissionsDelete", "PermissionsEdit"),
    ("PermissionsDelete", "PermissionsRead"),
    ("PermissionsViewAllRecords", "PermissionsRead"),
    ("PermissionsModifyAllRecords", "PermissionsViewAllRecords"),
    ("PermissionsModifyAllRecords", "PermissionsDelete"),
    ("PermissionsModifyAllRecords", "PermissionsEdit"),
];

impl Transaction<'_> {
    /// Checks a permission of an object or a field: what it names is there, is named once in its permission set, and what
    /// its permissions include is given too. Other objects are none of its business.
    pub(super) fn check_permissions(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
        values: &Values,
    ) -> Result<(), ApiError> {
        let of_field = match facts.name.as_str() {
            "FieldPermissions" => true,
            "ObjectPermissions" => false,
            _ => return Ok(()),
        };
        let text = |name: &str| match facts.field(name).and_then(|(field, _)| values.get(&field)) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        let named = named(&self.schema, text("SobjectType"), of_field.then(|| text("Field")))?;
        for (name, includes) in INCLUDES {
            let given = |name: &str| facts.field(name).map(|(field, _)| values.get(&field) == Some(&Value::Bool(true)));
            if given(name) == Some(true) && given(includes) == Some(false) {
                let text = format!("Permission {name} depends on permission(s): {includes}");
                return Err(ApiError::new("FIELD_INTEGRITY_EXCEPTION", text).field(name));
            }
        }
        let key = if of_field { "Field" } else { "SobjectType" };
        let (Some((parent, _)), Some((key_field, _))) = (facts.field("ParentId"), facts.field(key)) else {
            return Ok(());
        };
        let Some(set) = values.get(&parent).and_then(Value::as_id) else { return Ok(()) };
        let twin = self.store.children(object, parent, set).into_iter().find(|other| {
            let row = self.store.live(object, *other).filter(|_| *other != id);
            row.is_some_and(|row| matches!(row.get(key_field), Value::Text(text) if text.eq_ignore_ascii_case(&named)))
        });
        match twin {
            None => Ok(()),
            Some(other) => {
                let text = format!("duplicate value found: {key} duplicates value on record with id: {other}");
                Err(ApiError::new("DUPLICATE_VALUE", text).field(key))
            }
        }
    }
}

/// What is named: `Account`, or `Account.Industry`.
fn named(schema: &Schema, object: &str, field: Option<&str>) -> Result<String, ApiError> {
    let bad = |name: &str, value: &str| {
        let text = format!("{name}: bad value for restricted picklist field: {value}");
        ApiError::new("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text).field(name)
    };
    let (_, facts) = schema.find(object).ok_or_else(|| bad("SobjectType", object))?;
    let Some(field) = field else { return Ok(object.to_owned()) };
    let known = field
        .split_once('.')
        .filter(|(of, _)| of.eq_ignore_ascii_case(&facts.name))
        .and_then(|(_, name)| facts.field(name))
        .is_some_and(|(_, field)| field.permissionable);
    if known { Ok(field.to_owned()) } else { Err(bad("Field", field)) }
}
