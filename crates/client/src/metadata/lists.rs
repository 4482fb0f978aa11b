//! What types of metadata an org has, and which components of each.

use jiff::Timestamp;

use crate::{
    error::Error,
    soap::{Element, Endpoint, Operation, Xml, required, result},
    version::ApiVersion,
};

/// The most queries in one `listMetadata`.
pub const QUERIES_PER_LIST: usize = 3;

/// Refuses nothing, and more than one call takes.
pub(super) fn at_most(what: &str, given: usize, max: usize) -> Result<(), Error> {
    if given == 0 {
        return Err(Error::config(format!("{what}: nothing was given")));
    }
    if given > max {
        return Err(Error::Config {
            message: format!("{what}: {given} were given, and one call takes {max}"),
            hint: Some("split them over several calls, as the methods of the client do".into()),
        });
    }
    Ok(())
}

/// Which components to list: those of a type, and for reports, dashboards, documents and mail templates of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The type, such as `CustomObject`.
    pub kind: String,
    /// The folder.
    pub folder: Option<String>,
}

impl From<&str> for ListQuery {
    fn from(kind: &str) -> ListQuery {
        ListQuery { kind: kind.to_owned(), folder: None }
    }
}

/// One component of the org and where its file would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileProperties {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name.
    pub full_name: String,
    /// The file in a package.
    pub file_name: String,
    /// The id, where the component has one.
    pub id: Option<String>,
    /// The package's namespace.
    pub namespace_prefix: Option<String>,
    /// `unmanaged`, `installed`, …
    pub manageable_state: Option<String>,
    /// Who made it.
    pub created_by_name: String,
    /// When it was made.
    pub created_date: Option<Timestamp>,
    /// Who changed it last.
    pub last_modified_by_name: String,
    /// When it was changed last; the beginning of 1970 where the org does not know.
    pub last_modified_date: Option<Timestamp>,
}

impl FileProperties {
    pub(super) fn read(element: &Element) -> FileProperties {
        let text = |name: &str| element.value(name).unwrap_or_default().to_owned();
        let some = |name: &str| element.value(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let date = |name: &str| element.value(name).and_then(|text| text.parse().ok());
        FileProperties {
            kind: text("type"),
            full_name: text("fullName"),
            file_name: text("fileName"),
            id: some("id"),
            namespace_prefix: some("namespacePrefix"),
            manageable_state: some("manageableState"),
            created_by_name: text("createdByName"),
            created_date: date("createdDate"),
            last_modified_by_name: text("lastModifiedByName"),
            last_modified_date: date("lastModifiedDate"),
        }
    }
}

/// `listMetadata`: up to three queries.
#[derive(Clone, Debug)]
pub struct ListMetadata {
    /// Which components.
    pub queries: Vec<ListQuery>,
}

impl Operation for ListMetadata {
    type Reply = Vec<FileProperties>;

    fn what(&self) -> String {
        match self.queries.as_slice() {
            [one] => format!("listing metadata of type {}", one.kind),
            _ => "listing metadata".into(),
        }
    }

    fn name(&self) -> &str {
        "listMetadata"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.queries.len(), QUERIES_PER_LIST)
    }

    fn write(&self, api: ApiVersion, xml: &mut Xml) {
        for query in &self.queries {
            xml.node("queries", |xml| {
                xml.optional("folder", query.folder.as_deref());
                xml.leaf("type", &query.kind);
            });
        }
        xml.leaf("asOfVersion", &api.to_string());
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        Ok(answer.all("result").filter(|result| !result.nil).map(FileProperties::read).collect())
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// One type of metadata.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataType {
    /// The type's name, such as `CustomObject`.
    pub xml_name: String,
    /// The folder in a package.
    pub directory_name: String,
    /// The ending of its files, without dot.
    pub suffix: Option<String>,
    /// Whether its components are in folders.
    pub in_folder: bool,
    /// Whether each file has another with its description (`-meta.xml`).
    pub meta_file: bool,
    /// Types of its parts, such as `CustomField`.
    pub child_xml_names: Vec<String>,
}

/// The org's types of metadata.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataDescription {
    /// The types.
    pub metadata_objects: Vec<MetadataType>,
    /// The org's own namespace.
    pub organization_namespace: Option<String>,
    /// Whether a deployment may succeed in part; not in production.
    pub partial_save_allowed: bool,
    /// Whether a deployment has to run tests.
    pub test_required: bool,
}

/// `describeMetadata`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeMetadata;

impl Operation for DescribeMetadata {
    type Reply = MetadataDescription;

    fn what(&self) -> String {
        "describing the org's metadata".into()
    }

    fn name(&self) -> &str {
        "describeMetadata"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, api: ApiVersion, xml: &mut Xml) {
        xml.leaf("asOfVersion", &api.to_string());
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        let what = self.what();
        let result = result(&what, answer)?;
        let kind = |object: &Element| {
            Ok(MetadataType {
                xml_name: required(&what, object, "xmlName")?,
                directory_name: object.value("directoryName").unwrap_or_default().to_owned(),
                suffix: object.value("suffix").filter(|text| !text.is_empty()).map(str::to_owned),
                in_folder: object.is("inFolder"),
                meta_file: object.is("metaFile"),
                child_xml_names: object.values("childXmlNames"),
            })
        };
        Ok(MetadataDescription {
            metadata_objects: result.all("metadataObjects").map(kind).collect::<Result<_, Error>>()?,
            organization_namespace: result
                .value("organizationNamespace")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            partial_save_allowed: result.is("partialSaveAllowed"),
            test_required: result.is("testRequired"),
        })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `describeValueType`: the members of a type, as elements (`valueTypeFields`, each with `name`, `soapType`,
/// `minOccurs`, `picklistValues`, and `fields` of its own).
#[derive(Clone, Debug)]
pub struct DescribeValueType {
    /// The type, without namespace.
    pub kind: String,
}

impl Operation for DescribeValueType {
    type Reply = Element;

    fn what(&self) -> String {
        format!("describing the metadata type {}", self.kind)
    }

    fn name(&self) -> &str {
        "describeValueType"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("type", &format!("{{http://soap.sforce.com/2006/04/metadata}}{}", self.kind));
    }

    fn read(&self, answer: Element) -> Result<Element, Error> {
        result(&self.what(), answer)
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}
