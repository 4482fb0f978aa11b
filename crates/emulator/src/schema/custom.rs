//! Custom objects and fields, with the marks that Salesforce gives them.
//!
//! ```
//! use tidegate_emulator::schema::{Field, NameField, ObjectType};
//!
//! let shipment = ObjectType::custom("Shipment__c", "Shipment", "Shipments", *b"a00", NameField::auto_number("SHP-{000000}"))
//!     .with(Field::lookup("Account__c", "Account", "Account", "Shipments"))
//!     .with(Field::number("Weight__c", "Weight", 18, 3))
//!     .with_all(Field::geolocation("Position__c", "Position", 6));
//! assert!(shipment.field("Position__Latitude__s").is_some());
//! ```

use super::{Field, FieldType, ObjectType, PicklistValue, Scope};

/// What the `Name` of a custom object's records is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameField {
    /// Text that the user writes, up to 80 characters. Left empty it becomes the record's id.
    Text,
    /// A number that the org gives, shown in this format: `SHP-{000000}`.
    AutoNumber(String),
}

impl NameField {
    /// A number that the org gives, shown in this format: `SHP-{000000}`.
    pub fn auto_number(format: &str) -> Self {
        Self::AutoNumber(format.to_owned())
    }
}

impl ObjectType {
    /// A custom object with the fields that Salesforce gives to every one, in describe order. Change Data Capture
    /// is on.
    ///
    /// An object that gets a master-detail field loses its owner, as its records belong to their masters' owners.
    pub fn custom(name: &str, label: &str, label_plural: &str, key_prefix: [u8; 3], name_field: NameField) -> Self {
        let mut object = Self::new(name, label, label_plural, Some(key_prefix));
        object.change_events = true;
        object.urls.push("defaultValues".into());
        object.name_scopes();
        let owner = Self::owner_field();
        object.fields = vec![
            Field::new("Id", "Record ID", FieldType::Id, 18),
            owner,
            system("IsDeleted", "Deleted", FieldType::Boolean),
            name_field_of(label, name_field),
            system("CreatedDate", "Created Date", FieldType::Datetime),
            user("CreatedById", "Created By ID", "CreatedBy"),
            system("LastModifiedDate", "Last Modified Date", FieldType::Datetime),
            user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
            system("SystemModstamp", "System Modstamp", FieldType::Datetime),
            viewed("LastViewedDate", "Last Viewed Date"),
            viewed("LastReferencedDate", "Last Referenced Date"),
        ];
        object.index();
        object
    }

    /// A custom setting: its records belong to the organization, a profile or a user (`SetupOwnerId`).
    pub fn custom_setting(name: &str, label: &str, key_prefix: [u8; 3]) -> Self {
        let mut object = Self::new(name, label, label, Some(key_prefix));
        object.flags.custom_setting = true;
        object.off_the_pages();
        let mut owner = Field::new("SetupOwnerId", "Location", FieldType::Reference, 18);
        owner.reference_to = vec!["Organization".into(), "Profile".into(), "User".into()];
        owner.relationship_name = Some("SetupOwner".into());
        (owner.polymorphic_foreign_key, owner.name_pointing, owner.updateable) = (true, true, false);
        let mut name_field = Field::new("Name", "Name", FieldType::String, 38);
        (name_field.name_field, name_field.id_lookup) = (true, true);
        object.fields = vec![
            Field::new("Id", "Record ID", FieldType::Id, 18),
            system("IsDeleted", "Deleted", FieldType::Boolean),
            name_field,
            owner,
            system("CreatedDate", "Created Date", FieldType::Datetime),
            user("CreatedById", "Created By ID", "CreatedBy"),
            system("LastModifiedDate", "Last Modified Date", FieldType::Datetime),
            user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
            system("SystemModstamp", "System Modstamp", FieldType::Datetime),
        ];
        object.index();
        object
    }

    /// A custom metadata type: its records are deployed, not written.
    pub fn custom_metadata_type(name: &str, label: &str, label_plural: &str, key_prefix: [u8; 3]) -> Self {
        let mut object = Self::new(name, label, label_plural, Some(key_prefix));
        object.custom = true;
        object.off_the_pages();
        let flags = &mut object.flags;
        (flags.createable, flags.updateable, flags.deletable) = (false, false, false);
        (flags.undeletable, flags.replicateable, flags.triggerable) = (false, false, false);
        let text = |name: &str, label: &str, length: u32| {
            let mut field = Field::new(name, label, FieldType::String, length);
            (field.createable, field.updateable) = (false, false);
            field
        };
        let mut label_field = text("MasterLabel", "Label", 40);
        label_field.name_field = true;
        object.fields = vec![
            Field::new("Id", "Custom Metadata Record ID", FieldType::Id, 18),
            text("DeveloperName", "Custom Metadata Record Name", 40),
            label_field,
            text("Language", "Master Language", 40),
            text("NamespacePrefix", "Namespace Prefix", 15),
            text("Label", "Label", 40),
            text("QualifiedApiName", "Qualified API Name", 70),
            system("SystemModstamp", "System Modstamp", FieldType::Datetime),
        ];
        object.index();
        object
    }

    /// The definition of a platform event: `name` ends in `__e`, the prefix begins with `e`. Events are published,
    /// delivered and never stored. It has the fields that every event has; more are added with [`ObjectType::with`].
    ///
    /// ```
    /// use tidegate_emulator::schema::{Field, ObjectType};
    /// let order = ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00").with(Field::text("Number__c", "Number", 80));
    /// assert!(order.field("EventUuid").is_some() && !order.flags.queryable);
    /// ```
    pub fn platform_event(name: &str, label: &str, label_plural: &str, key_prefix: [u8; 3]) -> Self {
        let mut object = Self::new(name, label, label_plural, Some(key_prefix));
        object.custom = true;
        object.off_the_pages();
        let flags = &mut object.flags;
        (flags.updateable, flags.deletable, flags.undeletable) = (false, false, false);
        (flags.queryable, flags.retrieveable, flags.replicateable) = (false, false, false);
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

    /// Marks the object as one that has no pages, lists and searches.
    fn off_the_pages(&mut self) {
        let flags = &mut self.flags;
        (flags.layoutable, flags.compact_layoutable, flags.search_layoutable) = (false, false, false);
        (flags.searchable, flags.mru_enabled, flags.feed_enabled) = (false, false, false);
    }

    /// `OwnerId`, as every object has it that is no detail of another.
    pub(crate) fn owner_field() -> Field {
        let mut owner = Field::new("OwnerId", "Owner ID", FieldType::Reference, 18);
        owner.reference_to = vec!["Group".into(), "User".into()];
        owner.relationship_name = Some("Owner".into());
        owner.polymorphic_foreign_key = true;
        owner.name_pointing = true;
        (owner.nillable, owner.permissionable, owner.defaulted_on_create) = (false, false, true);
        owner
    }

    /// Names the scopes of an ordinary custom object by its label.
    pub(crate) fn name_scopes(&mut self) {
        if !self.flags.layoutable {
            return;
        }
        self.scopes.clear();
        for (scope, of) in [("everything", "All"), ("mine", "My"), ("team", "My team's")] {
            let label = format!("{of} {}", self.label_plural.to_lowercase());
            self.scopes.push(Scope { name: scope.into(), label });
        }
    }

    /// This object with one more field.
    pub fn with(mut self, field: Field) -> Self {
        if field.write_requires_master_read || field.relationship_order.is_some() {
            self.fields.retain(|f| f.name != "OwnerId");
        }
        self.fields.push(field);
        self.index();
        self
    }

    /// This object with these fields too.
    pub fn with_all(self, fields: impl IntoIterator<Item = Field>) -> Self {
        fields.into_iter().fold(self, Self::with)
    }
}

fn system(name: &str, label: &str, ty: FieldType) -> Field {
    let mut field = Field::new(name, label, ty, 18);
    (field.nillable, field.createable, field.updateable) = (false, false, false);
    (field.permissionable, field.defaulted_on_create) = (false, true);
    field
}

fn user(name: &str, label: &str, relationship: &str) -> Field {
    let mut field = system(name, label, FieldType::Reference);
    field.reference_to = vec!["User".into()];
    field.relationship_name = Some(relationship.into());
    field
}

fn viewed(name: &str, label: &str) -> Field {
    let mut field = system(name, label, FieldType::Datetime);
    (field.nillable, field.defaulted_on_create) = (true, false);
    field
}

fn name_field_of(label: &str, kind: NameField) -> Field {
    let mut field = match kind {
        NameField::Text => {
            let mut field = Field::new("Name", format!("{label} Name"), FieldType::String, 80);
            field.defaulted_on_create = true;
            field
        }
        NameField::AutoNumber(format) => {
            let mut field = Field::auto_number("Name", &format!("{label} Number"), &format);
            field.custom = false;
            field.length = 80;
            field.byte_length = 240;
            field
        }
    };
    field.name_field = true;
    field.id_lookup = true;
    field.permissionable = false;
    field
}

/// Longest text of a long text area or rich text area.
pub const LONG_TEXT: u32 = 131_072;

/// Builders of custom fields. Names are API names with their `__c`.
impl Field {
    fn custom(name: &str, label: &str, ty: FieldType, length: u32) -> Self {
        let mut field = Self::new(name, label, ty, length);
        field.custom = true;
        field
    }

    /// Text of at most `length` (1 to 255) characters.
    pub fn text(name: &str, label: &str, length: u32) -> Self {
        Self::custom(name, label, FieldType::String, length)
    }

    /// A short text area, 255 characters with line ends.
    pub fn text_area(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Textarea, 255)
    }

    /// A long text area of at most `length` (256 to 131,072) characters; it cannot be filtered, sorted or grouped.
    pub fn long_text_area(name: &str, label: &str, length: u32) -> Self {
        Self::custom(name, label, FieldType::Textarea, length)
    }

    /// A rich text area: HTML, of at most `length` characters.
    pub fn rich_text_area(name: &str, label: &str, length: u32) -> Self {
        let mut field = Self::custom(name, label, FieldType::Textarea, length);
        field.html_formatted = true;
        field.extra_type_info = Some("richtextarea".into());
        field
    }

    /// A number with `precision` digits (up to 18), `scale` of them behind the point.
    pub fn number(name: &str, label: &str, precision: u32, scale: u32) -> Self {
        Self::scaled(name, label, FieldType::Double, precision, scale)
    }

    /// An amount of money with `precision` digits, `scale` of them behind the point.
    pub fn currency(name: &str, label: &str, precision: u32, scale: u32) -> Self {
        Self::scaled(name, label, FieldType::Currency, precision, scale)
    }

    /// A percentage with `precision` digits, `scale` of them behind the point.
    pub fn percent(name: &str, label: &str, precision: u32, scale: u32) -> Self {
        Self::scaled(name, label, FieldType::Percent, precision, scale)
    }

    fn scaled(name: &str, label: &str, ty: FieldType, precision: u32, scale: u32) -> Self {
        let mut field = Self::custom(name, label, ty, 0);
        (field.precision, field.scale) = (precision, scale);
        field
    }

    /// A checkbox: never null, with this default.
    pub fn checkbox(name: &str, label: &str, default: bool) -> Self {
        let mut field = Self::custom(name, label, FieldType::Boolean, 0);
        field.default_value = Some(default.to_string());
        field.permissionable = true;
        field
    }

    /// A date.
    pub fn date(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Date, 0)
    }

    /// An instant.
    pub fn datetime(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Datetime, 0)
    }

    /// A time of day.
    pub fn time(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Time, 0)
    }

    /// An e-mail address, at most 80 characters.
    pub fn email(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Email, 80)
    }

    /// A telephone number, at most 40 characters.
    pub fn phone(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Phone, 40)
    }

    /// A URL, at most 255 characters.
    pub fn url(name: &str, label: &str) -> Self {
        Self::custom(name, label, FieldType::Url, 255)
    }

    /// A picklist; `restricted` refuses values that are not listed.
    pub fn picklist(name: &str, label: &str, values: &[&str], restricted: bool) -> Self {
        let mut field = Self::custom(name, label, FieldType::Picklist, 255);
        field.picklist = values.iter().map(|v| PicklistValue::new(*v)).collect();
        field.restricted_picklist = restricted;
        field
    }

    /// A multi-select picklist; its values are stored joined by semicolons, 4,099 characters at most.
    pub fn multi_picklist(name: &str, label: &str, values: &[&str], restricted: bool) -> Self {
        let mut field = Self::custom(name, label, FieldType::Multipicklist, 4099);
        field.picklist = values.iter().map(|v| PicklistValue::new(*v)).collect();
        field.restricted_picklist = restricted;
        field
    }

    /// A lookup to `parent`. `Account__c` is followed as `Account__r`; the parent has its children as
    /// `{children}__r`. Deleting the parent clears it.
    pub fn lookup(name: &str, label: &str, parent: &str, children: &str) -> Self {
        let mut field = Self::custom(name, label, FieldType::Reference, 18);
        field.reference_to = vec![parent.to_owned()];
        field.relationship_name = name.strip_suffix("__c").map(|stem| format!("{stem}__r"));
        field.child_relationship_name = Some(format!("{children}__r"));
        field
    }

    /// The `order`-th (0 or 1) master of this object: required, and deleting the master deletes the detail.
    pub fn master_detail(name: &str, label: &str, parent: &str, children: &str, order: u32) -> Self {
        let mut field = Self::lookup(name, label, parent, children);
        field.relationship_order = Some(order);
        field.cascade_delete = true;
        (field.nillable, field.updateable, field.permissionable) = (false, false, false);
        field
    }

    /// A text external id, unique; `case_sensitive` tells whether `A` and `a` are two keys.
    pub fn external_id(name: &str, label: &str, length: u32, case_sensitive: bool) -> Self {
        let mut field = Self::text(name, label, length);
        (field.external_id, field.unique, field.id_lookup) = (true, true, true);
        field.case_sensitive = case_sensitive;
        field
    }

    /// A numeric external id, unique.
    pub fn external_id_number(name: &str, label: &str, precision: u32, scale: u32) -> Self {
        let mut field = Self::number(name, label, precision, scale);
        (field.external_id, field.unique, field.id_lookup) = (true, true, true);
        field
    }

    /// A number that the org gives to each record, shown in this format: `{0000}`.
    pub fn auto_number(name: &str, label: &str, format: &str) -> Self {
        let mut field = Self::custom(name, label, FieldType::String, 30);
        field.auto_number = true;
        field.auto_number_format = Some(format.to_owned());
        (field.nillable, field.createable, field.updateable) = (false, false, false);
        field.defaulted_on_create = true;
        // As recorded for Case.CaseNumber, the one auto-number of the standard objects.
        field.groupable = false;
        field
    }

    /// The three fields of a geolocation: latitude and longitude (`X__Latitude__s`, `X__Longitude__s`) with `scale`
    /// decimals, and the compound field made of them.
    pub fn geolocation(name: &str, label: &str, scale: u32) -> [Self; 3] {
        let stem = name.strip_suffix("__c").unwrap_or(name);
        let part = |part: &str| {
            let label = format!("{label} ({part})");
            // Three digits before the point hold ±180.
            let mut field = Self::number(&format!("{stem}__{part}__s"), &label, scale + 3, scale);
            field.compound_field_name = Some(name.to_owned());
            field
        };
        let mut compound = Self::custom(name, label, FieldType::Location, 0);
        compound.display_location_in_decimal = true;
        compound.permissionable = true;
        [part("Latitude"), part("Longitude"), compound]
    }

    /// This field, required on every write.
    pub fn required(mut self) -> Self {
        self.nillable = false;
        self.permissionable = false;
        self
    }

    /// This field, with no two records alike.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// This field with a default that a create gets when it does not name the field.
    pub fn with_default(mut self, value: &str) -> Self {
        for p in &mut self.picklist {
            p.default_value = p.value == value;
        }
        self.default_value = Some(value.to_owned());
        self.defaulted_on_create = true;
        self
    }
}

/// An auto-number in its display format: `SHP-{000000}` and 42 give `SHP-000042`. The braces hold as many zeros as
/// there are digits at least; a format without them is followed by the number. Dates (`{YYYY}`) are not emulated and
/// stay as they are written.
pub fn format_auto_number(format: &str, number: u64) -> String {
    let mut from = 0;
    while let Some(open) = format[from..].find('{').map(|at| from + at) {
        let Some(close) = format[open..].find('}').map(|at| open + at) else { break };
        let inside = &format[open + 1..close];
        if !inside.is_empty() && inside.bytes().all(|b| b == b'0') {
            return format!(
                "{}{number:0width$}{}",
                &format[..open],
                &format[close + 1..],
                width = inside.len().min(10)
            );
        }
        from = close + 1;
    }
    format!("{format}{number}")
}

#[cfg(test)]
mod tests {
    use super::format_auto_number;

    #[test]
    fn auto_numbers_follow_their_format() {
        for (format, number, shown) in [
            ("SHP-{000000}", 42, "SHP-000042"),
            ("{0}", 1234, "1234"),
            ("é{00}/x", 7, "é07/x"),
            ("{YYYY}-{000}", 7, "{YYYY}-007"),
            ("N", 7, "N7"),
            ("{", 7, "{7"),
            ("{}", 7, "{}7"),
        ] {
            assert_eq!(format_auto_number(format, number), shown);
        }
    }
}
