//! `package.xml` and `destructiveChanges.xml`: which components of which types.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::Error,
    soap::{Xml, read_xml},
    version::ApiVersion,
};

/// A list of components by type. `*` stands for all of a type, where the type allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    types: BTreeMap<String, BTreeSet<String>>,
    version: Option<String>,
}

impl Manifest {
    /// An empty one.
    pub fn new(api: ApiVersion) -> Manifest {
        Manifest { types: BTreeMap::new(), version: Some(api.to_string()) }
    }

    /// With a component.
    pub fn with(mut self, kind: impl Into<String>, member: impl Into<String>) -> Manifest {
        self.add(kind, member);
        self
    }

    /// Adds a component.
    pub fn add(&mut self, kind: impl Into<String>, member: impl Into<String>) {
        self.types.entry(kind.into()).or_default().insert(member.into());
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.types.values().all(BTreeSet::is_empty)
    }

    /// How many components are listed, `*` counted as one.
    pub fn len(&self) -> usize {
        self.types.values().map(BTreeSet::len).sum()
    }

    /// Types and their members, in order.
    pub fn types(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.types.iter().map(|(kind, members)| (kind.as_str(), members.iter().map(String::as_str)))
    }

    /// The version that the components are written for.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::Config`] for names that XML cannot carry.
    pub fn to_xml(&self) -> Result<String, Error> {
        let mut xml = Xml::pretty();
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.root("Package", " xmlns=\"http://soap.sforce.com/2006/04/metadata\"", |xml| {
            for (kind, members) in &self.types {
                xml.node("types", |xml| {
                    xml.list("members", members);
                    xml.leaf("name", kind);
                });
            }
            xml.optional("version", self.version.as_deref());
        });
        xml.raw("\n");
        xml.finish()
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// [`Error::Config`] for what is none.
    pub fn parse(text: &str) -> Result<Manifest, Error> {
        let bad = |why: String| Error::Config {
            message: format!("the manifest cannot be read: {why}"),
            hint: Some("it has to be a package.xml: <Package> with <types> of <members> and a <name>".into()),
        };
        let root = read_xml("reading a manifest", text.as_bytes()).map_err(|error| match &error {
            Error::Decode { source, .. } => bad(source.to_string()),
            other => bad(other.to_string()),
        })?;
        if root.name != "Package" {
            return Err(bad(format!("it begins with <{}>", root.name)));
        }
        let version = root.value("version").map(|version| version.trim().to_owned());
        let mut manifest = Manifest { types: BTreeMap::new(), version };
        for types in root.all("types") {
            let kind = types.value("name").map(str::trim).filter(|name| !name.is_empty());
            let Some(kind) = kind else { return Err(bad("a <types> has no <name>".into())) };
            for member in types.all("members") {
                manifest.add(kind, member.text.trim());
            }
        }
        Ok(manifest)
    }

    /// Writes the types as a retrieve request has them.
    pub(super) fn write(&self, api: ApiVersion, xml: &mut Xml) {
        for (kind, members) in &self.types {
            xml.node("types", |xml| {
                xml.list("members", members);
                xml.leaf("name", kind);
            });
        }
        xml.leaf("version", self.version.as_deref().unwrap_or(&api.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_as_documented() {
        let manifest = Manifest::new(ApiVersion::new(66)).with("CustomObject", "B__c").with("CustomObject", "A & B");
        assert_eq!(
            manifest.to_xml().unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Package xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n    <types>\n        \
             <members>A &amp; B</members>\n        <members>B__c</members>\n        <name>CustomObject</name>\n    </types>\n    <version>66.0</version>\n</Package>\n"
        );
        assert_eq!(Manifest::parse(&manifest.to_xml().unwrap()).unwrap(), manifest);
        for bad in ["", "<Package", "<package/>", "<Package><types><members>x</members></types></Package>", "no"] {
            assert!(matches!(Manifest::parse(bad), Err(Error::Config { .. })), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn manifests_come_back(types in proptest::collection::vec(("[A-Za-z]{1,8}", "[ -~ä]{1,12}"), 0..8)) {
            let mut manifest = Manifest::new(ApiVersion::NEWEST);
            for (kind, member) in types {
                manifest.add(kind, member.trim());
            }
            prop_assert_eq!(Manifest::parse(&manifest.to_xml().unwrap()).unwrap(), manifest);
        }

        #[test]
        fn no_file_panics(text in "\\PC{0,200}") {
            let _ = Manifest::parse(&text);
        }
    }
}
