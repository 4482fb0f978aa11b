//! `package.xml` and `destructiveChanges.xml`: what a package holds.

use super::{NAMESPACE, Node, Problem};
use crate::xml::{self, Element};

/// The components of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMembers {
    /// The type.
    pub name: String,
    /// Full names; `*` for every one.
    pub members: Vec<String>,
    /// Where it stands in its file.
    pub line: u32,
    /// Where it stands in its file.
    pub column: u32,
}

/// A package as its `package.xml` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// What is in it, by type.
    pub types: Vec<TypeMembers>,
    /// API version, such as `66.0`; empty where none is given.
    pub version: String,
}

/// Elements of a `Package` that say nothing to this org.
const IGNORED: &[&str] = &[
    "apiAccessLevel",
    "description",
    "fullName",
    "namespacePrefix",
    "objectPermissions",
    "packageType",
    "postInstallClass",
    "setupWeblink",
    "uninstallClass",
];

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// What is no `Package`, with its place.
    pub fn parse(file: &[u8]) -> Result<Self, Problem> {
        let root = xml::parse(file)?;
        if root.name != "Package" {
            let message = format!("Error parsing file: expected a Package, found {}", root.name);
            return Err(Problem::new("INVALID_FORMAT", message).at(&root));
        }
        Self::from_element(&root)
    }

    /// Reads an element of the type `Package`, such as `unpackaged` of a retrieve request.
    ///
    /// # Errors
    /// An element that a package does not have.
    pub fn from_element(root: &Element) -> Result<Self, Problem> {
        let mut manifest = Self::default();
        for child in &root.children {
            match child.name.as_str() {
                "types" => {
                    let name = child.text_of("name").unwrap_or_default().to_owned();
                    if name.is_empty() {
                        let message = "Error parsing file: types without a name in package.xml";
                        return Err(Problem::new("INVALID_FORMAT", message).at(child));
                    }
                    let members = child.texts_of("members").filter(|m| !m.is_empty()).map(str::to_owned).collect();
                    manifest.types.push(TypeMembers { name, members, line: child.line, column: child.column });
                }
                "version" => child.trimmed().clone_into(&mut manifest.version),
                name if IGNORED.contains(&name) => {}
                name => {
                    let message = format!(
                        "Error parsing file: Element {{{NAMESPACE}}}{name} invalid at this location in type Package"
                    );
                    return Err(Problem::new("INVALID_FORMAT", message).at(child));
                }
            }
        }
        Ok(manifest)
    }

    /// As a file.
    pub fn file(&self) -> String {
        let mut node = Node::default();
        for ty in &self.types {
            let mut types = Node::default();
            for member in &ty.members {
                types.text("members", member);
            }
            types.text("name", &ty.name);
            node.node("types", types);
        }
        node.text("version", &self.version);
        node.file("Package")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_survive_a_round_trip() {
        let file = br#"<Package xmlns="http://soap.sforce.com/2006/04/metadata"><types><members>A__c</members><members>B__c</members>
            <name>CustomObject</name></types><types><name>Layout</name><members>*</members></types><version>66.0</version></Package>"#;
        let read = Manifest::parse(file).unwrap();
        assert_eq!(read.types[0].members, ["A__c", "B__c"]);
        assert_eq!((read.types[1].name.as_str(), read.version.as_str()), ("Layout", "66.0"));
        let again = Manifest::parse(read.file().as_bytes()).unwrap();
        assert_eq!(
            again.types.iter().map(|t| &t.members).collect::<Vec<_>>(),
            read.types.iter().map(|t| &t.members).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_package_is_refused_with_its_place() {
        assert_eq!(Manifest::parse(b"<X/>").unwrap_err().line, 1);
        assert_eq!(Manifest::parse(b"<Package>\n<tipes/></Package>").unwrap_err().line, 2);
        assert_eq!(Manifest::parse(b"<Package>\n<version>1</Package>").unwrap_err().line, 2);
    }
}
