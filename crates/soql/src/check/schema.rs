//! What the checker knows of an org: objects, fields and figures, as a describe gives them.

use std::collections::HashMap;

/// Where the checker looks things up. Nothing is fetched: what is not there is named in [`Report::needs`], so that a
/// caller can fetch it and ask again.
///
/// [`Report::needs`]: super::Report::needs
pub trait Schema {
    /// An object by its API name, in any case.
    fn object(&self, name: &str) -> Lookup<'_>;

    /// The API names of all objects, for "did you mean"; `None` where they were not fetched.
    fn object_names(&self) -> Option<&[String]> {
        None
    }

    /// What a `SELECT COUNT()` query answered, by its text; `None` where it was not asked.
    fn count(&self, soql: &str) -> Option<u64> {
        let _ = soql;
        None
    }
}

/// What is known of an object.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// Its facts.
    Known(&'a ObjectFacts),
    /// The org does not have it, or the user may not see it.
    Missing,
    /// It was not fetched yet.
    NotLoaded,
}

/// One object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFacts {
    /// API name.
    pub name: String,
    /// Made by the org rather than by Salesforce.
    pub custom: bool,
    /// Whether records can be queried.
    pub queryable: bool,
    /// First three characters of its ids, where it has ids of its own.
    pub key_prefix: Option<String>,
    /// The fields that the user may see.
    pub fields: Vec<FieldFacts>,
    /// The objects that refer to it.
    pub children: Vec<ChildFacts>,
    /// The names for `USING SCOPE`; `None` where they are not known.
    pub scopes: Option<Vec<String>>,
    /// How many records it has, soft-deleted ones included; an estimate will do.
    pub rows: Option<u64>,
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldFacts {
    /// API name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Longest text, in characters; 0 for what is no text.
    pub length: u32,
    /// May be null.
    pub nillable: bool,
    /// Can be in WHERE.
    pub filterable: bool,
    /// Can be in ORDER BY.
    pub sortable: bool,
    /// Can be in GROUP BY.
    pub groupable: bool,
    /// Can be aggregated.
    pub aggregatable: bool,
    /// Made by the org rather than by Salesforce.
    pub custom: bool,
    /// A formula or a roll-up.
    pub calculated: bool,
    /// The formula's text.
    pub formula: Option<String>,
    /// Marked as external id.
    pub external_id: bool,
    /// No two records have the same value.
    pub unique: bool,
    /// Comparison minds case.
    pub case_sensitive: bool,
    /// Encrypted by Shield or classic encryption.
    pub encrypted: bool,
    /// The record's name.
    pub name_field: bool,
    /// The objects that a reference may point to.
    pub reference_to: Vec<String>,
    /// The name of the way to the parent, such as `Account`.
    pub relationship_name: Option<String>,
    /// References several kinds of object.
    pub polymorphic: bool,
    /// The compound field that this is a part of.
    pub compound: Option<String>,
    /// Only listed values are accepted.
    pub restricted_picklist: bool,
    /// The API values of a picklist, active or not.
    pub picklist: Vec<String>,
}

/// An object that refers to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildFacts {
    /// The referring object.
    pub object: String,
    /// Its reference field.
    pub field: String,
    /// The name for sub-queries; `None` where it cannot be queried so.
    pub relationship_name: Option<String>,
}

/// The type of a field, as a describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are the API's own")]
pub enum FieldKind {
    Id,
    Reference,
    String,
    TextArea,
    Picklist,
    MultiPicklist,
    Combobox,
    Phone,
    Url,
    Email,
    EncryptedString,
    DataCategoryGroupReference,
    Boolean,
    Int,
    Long,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Base64,
    Address,
    Location,
    AnyType,
    ComplexValue,
    /// A type that this version does not know; nothing is said about it.
    #[default]
    Other,
}

impl FieldKind {
    /// From the `type` of a describe.
    ///
    /// ```
    /// use tidegate_soql::check::FieldKind;
    ///
    /// assert_eq!(FieldKind::named("multipicklist"), FieldKind::MultiPicklist);
    /// assert_eq!(FieldKind::named("hologram"), FieldKind::Other);
    /// ```
    pub fn named(name: &str) -> FieldKind {
        match name.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "reference" => Self::Reference,
            "string" => Self::String,
            "textarea" => Self::TextArea,
            "picklist" => Self::Picklist,
            "multipicklist" => Self::MultiPicklist,
            "combobox" => Self::Combobox,
            "phone" => Self::Phone,
            "url" => Self::Url,
            "email" => Self::Email,
            "encryptedstring" => Self::EncryptedString,
            "datacategorygroupreference" => Self::DataCategoryGroupReference,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "double" => Self::Double,
            "currency" => Self::Currency,
            "percent" => Self::Percent,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "time" => Self::Time,
            "base64" => Self::Base64,
            "address" => Self::Address,
            "location" => Self::Location,
            "anytype" => Self::AnyType,
            "complexvalue" => Self::ComplexValue,
            _ => Self::Other,
        }
    }

    /// The name of a describe, with `dateTime` as messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "reference",
            Self::String => "string",
            Self::TextArea => "textarea",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Combobox => "combobox",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Email => "email",
            Self::EncryptedString => "encryptedstring",
            Self::DataCategoryGroupReference => "dataCategoryGroupReference",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Time => "time",
            Self::Base64 => "base64",
            Self::Address => "address",
            Self::Location => "location",
            Self::AnyType => "anyType",
            Self::ComplexValue => "complexvalue",
            Self::Other => "unknown",
        }
    }

    /// How its values are compared.
    pub(super) fn values(self) -> Values {
        match self {
            Self::String
            | Self::TextArea
            | Self::Picklist
            | Self::Combobox
            | Self::Phone
            | Self::Url
            | Self::Email
            | Self::EncryptedString
            | Self::DataCategoryGroupReference => Values::Text,
            Self::MultiPicklist => Values::Multi,
            Self::Int | Self::Long | Self::Double | Self::Currency | Self::Percent => Values::Number,
            Self::Boolean => Values::Boolean,
            Self::Date => Values::Date,
            Self::DateTime => Values::DateTime,
            Self::Time => Values::Time,
            Self::Id | Self::Reference => Values::Id,
            Self::Base64 | Self::Address | Self::Location | Self::ComplexValue => Values::None,
            Self::AnyType | Self::Other => Values::Unknown,
        }
    }
}

/// Kinds of values, by the literals that they are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    Text,
    Multi,
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
    Id,
    /// Nothing to compare: compounds and binary values.
    None,
    /// Not known: anything may be right.
    Unknown,
}

impl ObjectFacts {
    /// A field by its API name, in any case.
    pub fn field(&self, name: &str) -> Option<&FieldFacts> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The reference field whose way to the parent has this name.
    pub fn relationship(&self, name: &str) -> Option<&FieldFacts> {
        let is = |field: &&FieldFacts| field.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.fields.iter().find(is)
    }

    /// The child relationship of this name.
    pub fn child(&self, name: &str) -> Option<&ChildFacts> {
        let is = |child: &&ChildFacts| child.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
        self.children.iter().find(is)
    }
}

/// A schema that is held in memory: objects as they were fetched, those that are known to be missing, and counts.
#[derive(Debug, Clone, Default)]
pub struct KnownSchema {
    objects: HashMap<String, Option<ObjectFacts>>,
    names: Option<Vec<String>>,
    counts: HashMap<String, u64>,
    is_whole: bool,
}

impl KnownSchema {
    /// Nothing is known yet.
    pub fn new() -> KnownSchema {
        KnownSchema::default()
    }

    /// What is not put in does not exist, rather than being unknown.
    pub fn whole(mut self) -> KnownSchema {
        self.is_whole = true;
        self
    }

    /// Puts an object in.
    pub fn insert(&mut self, facts: ObjectFacts) {
        self.objects.insert(facts.name.to_ascii_lowercase(), Some(facts));
    }

    /// The org does not have an object of this name.
    pub fn insert_missing(&mut self, name: &str) {
        self.objects.insert(name.to_ascii_lowercase(), None);
    }

    /// The names of all objects.
    pub fn set_object_names(&mut self, names: Vec<String>) {
        self.names = Some(names);
    }

    /// How many records an object has. Without effect for an object that is not known.
    pub fn set_rows(&mut self, object: &str, rows: u64) {
        if let Some(Some(facts)) = self.objects.get_mut(&object.to_ascii_lowercase()) {
            facts.rows = Some(rows);
        }
    }

    /// What a `SELECT COUNT()` query answered.
    pub fn set_count(&mut self, soql: impl Into<String>, rows: u64) {
        self.counts.insert(soql.into(), rows);
    }
}

impl Schema for KnownSchema {
    fn object(&self, name: &str) -> Lookup<'_> {
        match self.objects.get(&name.to_ascii_lowercase()) {
            Some(Some(facts)) => Lookup::Known(facts),
            Some(None) => Lookup::Missing,
            None if self.is_whole => Lookup::Missing,
            None => Lookup::NotLoaded,
        }
    }

    fn object_names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    fn count(&self, soql: &str) -> Option<u64> {
        self.counts.get(soql).copied()
    }
}
