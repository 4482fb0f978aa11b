//! A component of any type, as a tree of JSON values, and the calls that read and change components at once (CRUD).

use serde_json::{Map, Value};

use super::lists::at_most;
use crate::{
    error::{ApiError, Error},
    soap::{Element, Endpoint, Operation, Xml, errors, required, result, results},
    version::ApiVersion,
};

/// The most components that one call takes; [`of_type`] knows the exceptions.
pub const COMPONENTS_PER_CALL: usize = 10;

/// The most components of this type that one call takes.
pub fn of_type(kind: &str) -> usize {
    match kind {
        "CustomMetadata" | "CustomApplication" => 200,
        _ => COMPONENTS_PER_CALL,
    }
}

/// A component of any type: `CustomField` `Account.Legacy_Id__c` with its members.
///
/// `body` holds the members by their names in the Metadata API: text as strings, members that come several times as
/// arrays, nested types as objects. Read components hold texts only; written ones may hold numbers and booleans.
/// Where a member carries an `xsi:type` (values of custom metadata), it is in `@xsi:type`, and the text in `#text`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataComponent {
    /// The type, such as `CustomObject`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name within the org.
    pub full_name: String,
    /// The other members.
    pub body: Map<String, Value>,
}

impl MetadataComponent {
    /// A component to be written.
    ///
    /// # Errors
    /// [`Error::Config`] where `body` is no JSON object.
    pub fn new(kind: impl Into<String>, full_name: impl Into<String>, body: Value) -> Result<MetadataComponent, Error> {
        let Value::Object(mut body) = body else {
            return Err(Error::config("the members of a metadata component have to be a JSON object"));
        };
        body.shift_remove("fullName");
        Ok(MetadataComponent { kind: kind.into(), full_name: full_name.into(), body })
    }

    /// The component as the file of a package has it. `CustomField` and other parts of an object have no file of their
    /// own in the metadata format, but are understood in this form, too.
    ///
    /// # Errors
    /// [`Error::Config`] for names that XML does not have.
    pub fn to_xml(&self) -> Result<String, Error> {
        let mut xml = Xml::pretty();
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.root(
            &self.kind,
            " xmlns=\"http://soap.sforce.com/2006/04/metadata\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"",
            |xml| xml.json_members(&self.kind, &self.body),
        );
        xml.raw("\n");
        xml.finish()
    }

    /// `None` for the empty record that stands for an unknown name.
    pub(crate) fn read(kind: &str, record: &Element) -> Option<MetadataComponent> {
        let full_name = record.value("fullName").filter(|name| !record.nil && !name.is_empty())?.to_owned();
        let mut body = record.members();
        body.shift_remove("fullName");
        let kind = record.type_local().unwrap_or(kind).to_owned();
        Some(MetadataComponent { kind, full_name, body })
    }

    /// The full name stands first; members of a supertype would have to, too, but there is none that has others.
    fn write(&self, xml: &mut Xml) {
        xml.typed("metadata", &self.kind, |xml| {
            xml.leaf("fullName", &self.full_name);
            xml.json_members("metadata", &self.body);
        });
    }
}

/// What a write of one component came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentResult {
    /// The component.
    pub full_name: String,
    /// Whether it was done.
    pub success: bool,
    /// Whether an upsert made it; `None` for other writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
    /// Why it was not done.
    #[serde(serialize_with = "crate::soap::errors_as_json")]
    pub errors: Vec<ApiError>,
}

impl ComponentResult {
    fn read(what: &str, result: &Element) -> Result<ComponentResult, Error> {
        Ok(ComponentResult {
            full_name: result.value("fullName").unwrap_or_default().to_owned(),
            success: required(what, result, "success")? == "true",
            created: result.value("created").map(|created| created == "true"),
            errors: errors(result),
        })
    }
}

/// `readMetadata`: up to ten components of a type; `None` for a name that the org does not have.
#[derive(Clone, Debug)]
pub struct ReadMetadata {
    /// The type.
    pub kind: String,
    /// The names.
    pub full_names: Vec<String>,
}

impl Operation for ReadMetadata {
    type Reply = Vec<Option<MetadataComponent>>;

    fn what(&self) -> String {
        format!("reading metadata of type {}", self.kind)
    }

    fn name(&self) -> &str {
        "readMetadata"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.full_names.len(), of_type(&self.kind))
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("type", &self.kind);
        xml.list("fullNames", &self.full_names);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        let what = self.what();
        let result = result(&what, answer)?;
        let found: Vec<_> =
            result.all("records").filter_map(|record| MetadataComponent::read(&self.kind, record)).collect();
        // Told apart by name, not by place: orgs answer unknown names with an empty record, or with none. Where the org
        // writes a name otherwise than it was asked for, the place decides.
        let records: Vec<_> = result.all("records").collect();
        let by_place = records.len() == self.full_names.len();
        let component = |(at, name): (usize, &String)| {
            found.iter().find(|component| component.full_name == *name).cloned().or_else(|| {
                let record = records.get(at).filter(|_| by_place)?;
                MetadataComponent::read(&self.kind, record)
            })
        };
        Ok(self.full_names.iter().enumerate().map(component).collect())
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// What is done with components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentWrite {
    /// `createMetadata`.
    Create,
    /// `updateMetadata`: members that are left out are reset for most types.
    Update,
    /// `upsertMetadata`.
    Upsert,
}

/// `createMetadata`, `updateMetadata` or `upsertMetadata`: up to ten components of one type. Each is done for itself unless
/// the headers say all or none.
#[derive(Clone, Debug)]
pub struct WriteMetadata {
    /// What is done.
    pub write: ComponentWrite,
    /// The components.
    pub components: Vec<MetadataComponent>,
}

impl Operation for WriteMetadata {
    type Reply = Vec<ComponentResult>;

    fn what(&self) -> String {
        let verb = match self.write {
            ComponentWrite::Create => "creating",
            ComponentWrite::Update => "updating",
            ComponentWrite::Upsert => "upserting",
        };
        match self.components.as_slice() {
            [one] => format!("{verb} the {} {}", one.kind, one.full_name),
            _ => format!("{verb} metadata"),
        }
    }

    fn name(&self) -> &str {
        match self.write {
            ComponentWrite::Create => "createMetadata",
            ComponentWrite::Update => "updateMetadata",
            ComponentWrite::Upsert => "upsertMetadata",
        }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn check(&self) -> Result<(), Error> {
        let kind = self.components.first().map(|first| first.kind.as_str()).unwrap_or_default();
        if let Some(other) = self.components.iter().find(|other| other.kind != kind) {
            return Err(Error::config(format!(
                "{}: one call takes components of one type, and these are {kind} and {}",
                self.what(),
                other.kind
            )));
        }
        at_most(&self.what(), self.components.len(), of_type(kind))
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for component in &self.components {
            component.write(xml);
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.components.len(), ComponentResult::read)
    }

    fn is_idempotent(&self) -> bool {
        self.write != ComponentWrite::Create
    }
}

/// `deleteMetadata`: up to ten components of a type.
#[derive(Clone, Debug)]
pub struct DeleteMetadata {
    /// The type.
    pub kind: String,
    /// The names.
    pub full_names: Vec<String>,
}

impl Operation for DeleteMetadata {
    type Reply = Vec<ComponentResult>;

    fn what(&self) -> String {
        format!("deleting metadata of type {}", self.kind)
    }

    fn name(&self) -> &str {
        "deleteMetadata"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.full_names.len(), of_type(&self.kind))
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("type", &self.kind);
        xml.list("fullNames", &self.full_names);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.full_names.len(), ComponentResult::read)
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `renameMetadata`: one component.
#[derive(Clone, Debug)]
pub struct RenameMetadata {
    /// The type.
    pub kind: String,
    /// The name until now.
    pub old: String,
    /// The new one.
    pub new: String,
}

impl Operation for RenameMetadata {
    type Reply = ComponentResult;

    fn what(&self) -> String {
        format!("renaming the {} {}", self.kind, self.old)
    }

    fn name(&self) -> &str {
        "renameMetadata"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("type", &self.kind);
        xml.leaf("oldFullName", &self.old);
        xml.leaf("newFullName", &self.new);
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        let what = self.what();
        ComponentResult::read(&what, &result(&what, answer)?)
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}
