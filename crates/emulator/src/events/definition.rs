//! The object that defines a platform event.

use crate::schema::{Field, FieldType, ObjectFlags, ObjectType};

impl ObjectType {
    /// The definition of a platform event: `name` ends in `__e`, the prefix begins with `e`. It has the fields that
    /// every event has; more are added with [`ObjectType::with`].
    ///
    /// ```
    /// use tidegate_emulator::schema::{Field, ObjectType};
    /// let order = ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00").with(Field::text("Number__c", "Number", 80));
    /// assert!(order.field("EventUuid").is_some() && !order.flags.queryable);
    /// ```
    pub fn platform_event(name: &str, label: &str, label_plural: &str, key_prefix: [u8; 3]) -> Self {
        let mut object = Self::new(name, label, label_plural, Some(key_prefix));
        // Events can be written and nothing else (documented).
        object.flags = ObjectFlags {
            activateable: false,
            compact_layoutable: false,
            createable: true,
            custom_setting: false,
            deep_cloneable: false,
            deletable: false,
            feed_enabled: false,
            layoutable: false,
            mergeable: false,
            mru_enabled: false,
            queryable: false,
            replicateable: false,
            retrieveable: false,
            search_layoutable: false,
            searchable: false,
            triggerable: true,
            undeletable: false,
            updateable: false,
        };
        object.custom = true;
        let given = |name: &str, label: &str, ty: FieldType, length: u32| {
            let mut field = Field::new(name, label, ty, length);
            (field.createable, field.updateable, field.permissionable) = (false, false, false);
            field
        };
        let mut by = given("CreatedById", "Created By ID", FieldType::Reference, 18);
        by.reference_to = vec!["User".into()];
        by.relationship_name = Some("CreatedBy".into());
        let mut date = given("CreatedDate", "Created Date", FieldType::Datetime, 0);
        for field in [&mut by, &mut date] {
            (field.nillable, field.defaulted_on_create) = (false, true);
        }
        object.with_all([
            given("ReplayId", "Replay ID", FieldType::String, 1_000),
            date,
            by,
            given("EventUuid", "Event UUID", FieldType::String, 36),
        ])
    }
}
