//! Which records of custom objects can have files: a new custom object joins the targets of the fields that hang notes,
//! attachments and files on records.

use std::sync::Arc;

use super::{ChildRelationship, ObjectType, Schema};

/// Object, field, and the name of the relationship as the record's object has it (`None` for one without a name).
/// The records of the named ones go when their parent is deleted.
const HANGING: &[(&str, &str, Option<&str>)] = &[
    ("Attachment", "ParentId", Some("Attachments")),
    ("ContentDocumentLink", "LinkedEntityId", Some("ContentDocumentLinks")),
    ("ContentVersion", "FirstPublishLocationId", None),
    ("Note", "ParentId", Some("Notes")),
];

/// Enters a custom object with records of its own among the targets of those fields, on both sides.
pub(super) fn admit(schema: &mut Schema, object: &mut ObjectType) {
    if !object.custom || object.flags.custom_setting || !object.flags.queryable || object.key_prefix.is_none() {
        return;
    }
    for (child_object, field, name) in HANGING {
        let Some((id, facts)) = schema.find(child_object) else { continue };
        let Some((field_id, found)) = facts.field(field) else { continue };
        if !found.reference_to.contains(&object.name) {
            let place = Arc::make_mut(&mut schema.objects[usize::from(id.0)]);
            place.fields[usize::from(field_id.0)].reference_to.push(object.name.clone());
        }
        object.add_child(ChildRelationship {
            child_object: (*child_object).to_owned(),
            field: (*field).to_owned(),
            relationship_name: name.map(str::to_owned),
            cascade_delete: name.is_some(),
            restricted_delete: false,
            deprecated_and_hidden: false,
            junction_id_list_names: Vec::new(),
            junction_reference_to: Vec::new(),
        });
    }
}
