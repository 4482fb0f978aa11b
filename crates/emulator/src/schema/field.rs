//! One field of an object, and what describe says of every field of its type.
//!
//! [`Field::new`] is the single place that knows how Salesforce marks the types (which can be filtered, sorted,
//! grouped, aggregated; how long they are). Standard objects' facts are written as differences from it, and custom
//! fields are built on it.

use super::{Formula, RollUp};

/// The `type` of a field, as describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub enum FieldType {
    String,
    Picklist,
    Multipicklist,
    Combobox,
    Reference,
    Base64,
    Boolean,
    Currency,
    Textarea,
    Int,
    Double,
    Percent,
    Phone,
    Id,
    Date,
    Datetime,
    Time,
    Url,
    Email,
    Encryptedstring,
    DatacategoryGroupReference,
    Location,
    Address,
    AnyType,
    Complexvalue,
    Long,
}

impl FieldType {
    /// Every type.
    pub const ALL: [Self; 26] = [
        Self::String,
        Self::Picklist,
        Self::Multipicklist,
        Self::Combobox,
        Self::Reference,
        Self::Base64,
        Self::Boolean,
        Self::Currency,
        Self::Textarea,
        Self::Int,
        Self::Double,
        Self::Percent,
        Self::Phone,
        Self::Id,
        Self::Date,
        Self::Datetime,
        Self::Time,
        Self::Url,
        Self::Email,
        Self::Encryptedstring,
        Self::DatacategoryGroupReference,
        Self::Location,
        Self::Address,
        Self::AnyType,
        Self::Complexvalue,
        Self::Long,
    ];

    /// The name that describe shows in `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Picklist => "picklist",
            Self::Multipicklist => "multipicklist",
            Self::Combobox => "combobox",
            Self::Reference => "reference",
            Self::Base64 => "base64",
            Self::Boolean => "boolean",
            Self::Currency => "currency",
            Self::Textarea => "textarea",
            Self::Int => "int",
            Self::Double => "double",
            Self::Percent => "percent",
            Self::Phone => "phone",
            Self::Id => "id",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Time => "time",
            Self::Url => "url",
            Self::Email => "email",
            Self::Encryptedstring => "encryptedstring",
            Self::DatacategoryGroupReference => "datacategorygroupreference",
            Self::Location => "location",
            Self::Address => "address",
            Self::AnyType => "anyType",
            Self::Complexvalue => "complexvalue",
            Self::Long => "long",
        }
    }

    /// The type of this describe name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name() == name)
    }

    /// The `soapType` that describe shows beside it.
    pub fn soap_type(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Long => "xsd:long",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::Datetime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::Base64 => "xsd:base64Binary",
            Self::AnyType => "xsd:anyType",
            Self::Address => "urn:address",
            Self::Location => "urn:location",
            _ => "xsd:string",
        }
    }

    /// Whether values are text with a `length` in characters.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Picklist
                | Self::Multipicklist
                | Self::Combobox
                | Self::Textarea
                | Self::Phone
                | Self::Url
                | Self::Email
                | Self::Encryptedstring
                | Self::DatacategoryGroupReference
        )
    }

    /// Whether a field of this type is made of others and cannot be written (`BillingAddress`, a geolocation).
    pub fn is_compound(self) -> bool {
        matches!(self, Self::Address | Self::Location)
    }
}

/// One field, with the members of its describe that anything here acts on or shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result, which reference documentation explains")]
pub struct Field {
    pub name: String,
    pub label: String,
    pub ty: FieldType,
    pub custom: bool,
    /// Characters; 0 where it does not apply.
    pub length: u32,
    pub byte_length: u32,
    pub digits: u32,
    pub precision: u32,
    pub scale: u32,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub permissionable: bool,
    pub calculated: bool,
    pub calculated_formula: Option<String>,
    /// What a formula field is computed from; the describe shows its text as `calculatedFormula`. A standard field whose
    /// text a describe shows and that the org keeps by itself has none.
    pub formula: Option<Formula>,
    /// What a roll-up summary is computed from; not shown in a describe.
    pub summary: Option<RollUp>,
    pub auto_number: bool,
    /// Display format of an auto-number (`SHP-{000000}`); not shown in a describe.
    pub auto_number_format: Option<String>,
    pub defaulted_on_create: bool,
    /// `defaultValue`: text, boolean or null.
    pub default_value: Option<String>,
    pub default_value_formula: Option<String>,
    pub external_id: bool,
    pub unique: bool,
    pub id_lookup: bool,
    pub case_sensitive: bool,
    pub filterable: bool,
    pub sortable: bool,
    pub groupable: bool,
    pub aggregatable: bool,
    pub name_field: bool,
    pub name_pointing: bool,
    pub polymorphic_foreign_key: bool,
    pub reference_to: Vec<String>,
    pub relationship_name: Option<String>,
    /// The name of the relationship seen from the parent (`Shipments__r`); the parent's describe shows it.
    pub child_relationship_name: Option<String>,
    pub relationship_order: Option<u32>,
    pub cascade_delete: bool,
    pub restricted_delete: bool,
    pub write_requires_master_read: bool,
    pub compound_field_name: Option<String>,
    pub picklist: Vec<PicklistValue>,
    pub restricted_picklist: bool,
    pub dependent_picklist: bool,
    pub controller_name: Option<String>,
    pub html_formatted: bool,
    pub extra_type_info: Option<String>,
    pub query_by_distance: bool,
    pub display_location_in_decimal: bool,
    pub search_prefilterable: bool,
    pub high_scale_number: bool,
    pub inline_help_text: Option<String>,
}

/// One entry of `picklistValues`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the describe result")]
pub struct PicklistValue {
    pub value: String,
    pub label: String,
    pub active: bool,
    pub default_value: bool,
    pub valid_for: Option<String>,
}

impl PicklistValue {
    /// An active value whose label is the value.
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { label: value.clone(), value, active: true, default_value: false, valid_for: None }
    }
}

/// Text areas up to this many characters can be filtered and sorted; longer ones cannot.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm>
const SHORT_TEXTAREA: u32 = 255;

impl Field {
    /// A field of this type as an administrator of an org gets it: writable, nillable, with the type's marks.
    ///
    /// `length` is in characters for text and ignored for the other types.
    pub fn new(name: impl Into<String>, label: impl Into<String>, ty: FieldType, length: u32) -> Self {
        let length = match ty {
            FieldType::Id | FieldType::Reference => 18,
            _ if ty.is_text() => length,
            _ => 0,
        };
        // Observed in recorded describes: three bytes a character for text, one for ids.
        let byte_length = if ty.is_text() { length.saturating_mul(3) } else { length };
        let (precision, scale) = match ty {
            FieldType::Currency => (18, 2),
            FieldType::Double | FieldType::Percent => (18, 0),
            _ => (0, 0),
        };
        let long_text = ty == FieldType::Textarea && length > SHORT_TEXTAREA;
        let (filterable, sortable, groupable, aggregatable) = match ty {
            _ if long_text => (false, false, false, false),
            FieldType::Address | FieldType::Location | FieldType::Multipicklist => (true, false, false, false),
            FieldType::Base64 | FieldType::AnyType | FieldType::Complexvalue => (false, false, false, false),
            FieldType::Encryptedstring => (false, false, false, false),
            FieldType::Boolean => (true, true, true, false),
            FieldType::Double | FieldType::Currency | FieldType::Percent => (true, true, false, true),
            FieldType::Datetime | FieldType::Time | FieldType::Combobox => (true, true, false, true),
            _ => (true, true, true, true),
        };
        let writable = !ty.is_compound() && ty != FieldType::Id;
        Self {
            name: name.into(),
            label: label.into(),
            ty,
            custom: false,
            length,
            byte_length,
            digits: if ty == FieldType::Int { 8 } else { 0 },
            precision,
            scale,
            nillable: !matches!(ty, FieldType::Boolean | FieldType::Id),
            createable: writable,
            updateable: writable,
            permissionable: writable && ty != FieldType::Boolean,
            calculated: false,
            calculated_formula: None,
            formula: None,
            summary: None,
            auto_number: false,
            auto_number_format: None,
            defaulted_on_create: matches!(ty, FieldType::Boolean | FieldType::Id),
            default_value: (ty == FieldType::Boolean).then(|| "false".to_owned()),
            default_value_formula: None,
            external_id: false,
            unique: false,
            id_lookup: ty == FieldType::Id,
            case_sensitive: false,
            filterable,
            sortable,
            groupable,
            aggregatable,
            name_field: false,
            name_pointing: false,
            polymorphic_foreign_key: false,
            reference_to: Vec::new(),
            relationship_name: None,
            child_relationship_name: None,
            relationship_order: None,
            cascade_delete: false,
            restricted_delete: false,
            write_requires_master_read: false,
            compound_field_name: None,
            picklist: Vec::new(),
            restricted_picklist: false,
            dependent_picklist: false,
            controller_name: None,
            html_formatted: false,
            extra_type_info: (ty == FieldType::Textarea).then(|| "plaintextarea".to_owned()),
            query_by_distance: ty.is_compound(),
            display_location_in_decimal: false,
            search_prefilterable: false,
            high_scale_number: false,
            inline_help_text: None,
        }
    }

    /// The empty place of a field that was deleted: it has no name, and nothing reads or writes it.
    pub fn removed() -> Self {
        let mut field = Self::new("", "", FieldType::String, 0);
        (field.createable, field.updateable, field.permissionable) = (false, false, false);
        (field.filterable, field.sortable, field.groupable, field.aggregatable) = (false, false, false, false);
        field
    }

    /// Whether this is the empty place of a field that was deleted.
    pub fn is_removed(&self) -> bool {
        self.name.is_empty()
    }

    /// Whether a create must name it: not nillable, writable, and nothing fills it in.
    pub fn required_on_create(&self) -> bool {
        !self.nillable && self.createable && !self.defaulted_on_create
    }
}
