//! XML as Salesforce's doors speak it: a bounded reader that goes by namespaces and never by prefixes, and a writer.
//!
//! The SOAP envelopes, the metadata files of a deployment and the answers to both are read and written here. A
//! document with a DTD or with entities of its own is refused: nothing that Salesforce reads has one.

mod read;
mod write;

pub use read::{XmlError, parse};
pub use write::{Writer, escape};

/// `http://www.w3.org/2001/XMLSchema-instance`, where `type` and `nil` live.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of SOAP 1.1 envelopes.
pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// One element with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// The name without its prefix.
    pub name: String,
    /// The namespace that the prefix (or the default) stands for; empty for none.
    pub namespace: std::sync::Arc<str>,
    /// Attributes, without the declarations of namespaces.
    pub attributes: Vec<Attribute>,
    /// Elements in it, in their order.
    pub children: Vec<Element>,
    /// Its own text, all of it together, as it was written. In an element with children, whitespace alone is no text.
    pub text: String,
    /// The line on which its tag begins, from 1.
    pub line: u32,
    /// The column in which its tag begins, in characters from 1.
    pub column: u32,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name without its prefix.
    pub name: String,
    /// The namespace that the prefix stands for; empty without a prefix.
    pub namespace: std::sync::Arc<str>,
    /// The value.
    pub value: String,
}

impl Element {
    /// The first child of this name, whatever its namespace.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Every child of this name, in their order.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The text of the first child of this name, without the blanks around it. `None` where it is missing or nil.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|c| !c.is_nil()).map(Element::trimmed)
    }

    /// The texts of every child of this name that is not nil, without the blanks around them.
    pub fn texts_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.children_named(name).filter(|c| !c.is_nil()).map(Element::trimmed)
    }

    /// Its text without the blanks around it.
    pub fn trimmed(&self) -> &str {
        self.text.trim_matches([' ', '\t', '\r', '\n'])
    }

    /// An attribute by name in this namespace (empty for none).
    pub fn attribute(&self, namespace: &str, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.name == name && *a.namespace == *namespace).map(|a| a.value.as_str())
    }

    /// The type that `xsi:type` names, without its prefix: `CustomField` of `m:CustomField`.
    pub fn xsi_type(&self) -> Option<&str> {
        let value = self.attribute(XSI, "type")?.trim();
        Some(value.rsplit_once(':').map_or(value, |(_, name)| name))
    }

    /// Whether `xsi:nil` says that there is nothing.
    pub fn is_nil(&self) -> bool {
        matches!(self.attribute(XSI, "nil"), Some("true" | "1"))
    }

    /// Whether it is this element of this namespace.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && *self.namespace == *namespace
    }
}

#[cfg(test)]
mod tests;
