//! Reading: text to a tree, with bounds.

use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::{Attribute, Element};

/// How deep elements may stand in one another. Envelopes need 8, the deepest metadata about 12.
const DEPTH_MAX: usize = 64;
/// Elements in one document. A request of 50 MB with 200 records has fewer.
const ELEMENTS_MAX: usize = 1_000_000;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 64;

/// Why a document cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct XmlError {
    /// What is wrong.
    pub message: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// Reads a document: UTF-8, with or without a byte-order mark and a declaration.
///
/// # Errors
/// [`XmlError`] for what is not well-formed, has a DTD, an entity that is not one of the five of XML, a prefix that
/// nobody declared or another encoding, or is larger than any document that Salesforce reads.
pub fn parse(document: &[u8]) -> Result<Element, XmlError> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let text = std::str::from_utf8(document).map_err(|e| {
        let before = String::from_utf8_lossy(&document[..e.valid_up_to()]).into_owned();
        error_at(&before, before.len(), "The document is not UTF-8")
    })?;
    let mut reading = Reading { text, at: Lines::default(), namespaces: Vec::new(), count: 0 };
    reading.document()
}

struct Reading<'a> {
    text: &'a str,
    at: Lines,
    /// Every namespace met, so that elements share them.
    namespaces: Vec<Arc<str>>,
    count: usize,
}

/// The place in the text that was counted up to, so that counting goes on from there.
#[derive(Default)]
struct Lines {
    offset: usize,
    line: u32,
    column: u32,
}

impl Lines {
    /// Line and column, from 1, of an offset at or behind the last one asked for.
    fn of(&mut self, text: &str, offset: usize) -> (u32, u32) {
        let passed = text.get(self.offset..offset).unwrap_or_default();
        match passed.rfind('\n') {
            Some(newline) => {
                self.line += passed.bytes().filter(|b| *b == b'\n').count() as u32;
                self.column = passed[newline + 1..].chars().count() as u32;
            }
            None => self.column += passed.chars().count() as u32,
        }
        self.offset = self.offset.max(offset);
        (self.line + 1, self.column + 1)
    }
}

fn error_at(text: &str, offset: usize, message: impl Into<String>) -> XmlError {
    let (line, column) = Lines::default().of(text, offset);
    XmlError { message: message.into(), line, column }
}

impl<'a> Reading<'a> {
    fn document(&mut self) -> Result<Element, XmlError> {
        let mut reader = NsReader::from_str(self.text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.check_comments = true;
        config.expand_empty_elements = true;
        let mut open: Vec<Element> = Vec::new();
        let mut root = None;
        loop {
            let offset = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader.read_event().map_err(|e| {
                let place = usize::try_from(reader.error_position()).unwrap_or(offset).min(self.text.len());
                error_at(self.text, place, e.to_string())
            })?;
            let fail = |message: &str| error_at(self.text, offset, message);
            match event {
                Event::Start(start) => {
                    self.count += 1;
                    if open.len() >= DEPTH_MAX {
                        return Err(fail("Elements stand too deep in one another"));
                    }
                    if self.count > ELEMENTS_MAX {
                        return Err(fail("The document has too many elements"));
                    }
                    if root.is_some() {
                        return Err(fail("The document has a second root element"));
                    }
                    let element = self.element(&reader, &start, offset)?;
                    open.push(element);
                }
                Event::End(_) => {
                    let Some(mut done) = open.pop() else { return Err(fail("An end tag without a start")) };
                    if !done.children.is_empty() && done.trimmed().is_empty() {
                        done.text = String::new();
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => root = Some(done),
                    }
                }
                Event::Text(text) => {
                    let text = text.xml10_content();
                    match open.last_mut() {
                        Some(element) => {
                            legal(&text).map_err(fail)?;
                            element.text.push_str(&text);
                        }
                        None if text.trim().is_empty() => {}
                        None => return Err(fail("Content is not allowed outside of the root element")),
                    }
                }
                Event::CData(text) => match open.last_mut() {
                    Some(element) => {
                        let text = text.xml10_content();
                        legal(&text).map_err(fail)?;
                        element.text.push_str(&text);
                    }
                    None => return Err(fail("Content is not allowed outside of the root element")),
                },
                Event::GeneralRef(reference) => {
                    let Some(element) = open.last_mut() else {
                        return Err(fail("Content is not allowed outside of the root element"));
                    };
                    match reference.resolve_char_ref() {
                        Ok(Some(c)) if is_legal(c) => element.text.push(c),
                        Ok(None) => match resolve_predefined_entity(&reference) {
                            Some(text) => element.text.push_str(text),
                            None => return Err(fail("The entity was referenced, but not declared")),
                        },
                        _ => return Err(fail("A character reference to a character that XML does not allow")),
                    }
                }
                Event::Decl(declaration) => {
                    if let Some(encoding) = declaration.encoding() {
                        let encoding = encoding.map_err(|e| fail(&e.to_string()))?;
                        if !["utf-8", "utf8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
                            return Err(fail("The document is not UTF-8"));
                        }
                    }
                }
                Event::DocType(_) => return Err(fail("DOCTYPE is not allowed")),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Empty(_) => return Err(fail("An empty element that was not expanded")),
                Event::Eof => break,
            }
        }
        match (root, open.last()) {
            (Some(root), None) => Ok(root),
            (_, Some(left)) => {
                let message = format!("The element type \"{}\" must be terminated by its end tag", left.name);
                Err(error_at(self.text, self.text.len(), message))
            }
            (None, None) => Err(error_at(self.text, self.text.len(), "Premature end of file")),
        }
    }

    fn element(
        &mut self,
        reader: &NsReader<&[u8]>,
        start: &BytesStart<'_>,
        offset: usize,
    ) -> Result<Element, XmlError> {
        let fail = |message: String| error_at(self.text, offset, message);
        let (line, column) = self.at.of(self.text, offset);
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let namespace = bound(&namespace).map_err(fail)?;
        let name = local.as_ref().to_owned();
        let namespace = shared(&mut self.namespaces, namespace);
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| fail(e.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            if attributes.len() == ATTRIBUTES_MAX {
                return Err(fail("An element has too many attributes".into()));
            }
            let (of, local) = reader.resolver().resolve_attribute(attribute.key);
            let of = bound(&of).map_err(fail)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| fail(e.to_string()))?;
            legal(&value).map_err(|e| fail(e.into()))?;
            attributes.push(Attribute {
                name: local.as_ref().to_owned(),
                namespace: shared(&mut self.namespaces, of),
                value: value.into_owned(),
            });
        }
        Ok(Element { name, namespace, attributes, children: Vec::new(), text: String::new(), line, column })
    }
}

fn bound<'n>(resolved: &ResolveResult<'n>) -> Result<&'n str, String> {
    match resolved {
        ResolveResult::Bound(namespace) => Ok(namespace.0),
        ResolveResult::Unbound => Ok(""),
        ResolveResult::Unknown(prefix) => Err(format!("The prefix \"{prefix}\" is not bound")),
    }
}

fn shared(known: &mut Vec<Arc<str>>, namespace: &str) -> Arc<str> {
    /// Namespaces kept for sharing; a document with more is odd, and each further element gets its own.
    const SHARED_MAX: usize = 32;
    if let Some(found) = known.iter().find(|k| ***k == *namespace) {
        return found.clone();
    }
    let new: Arc<str> = namespace.into();
    if known.len() < SHARED_MAX {
        known.push(new.clone());
    }
    new
}

fn legal(text: &str) -> Result<(), &'static str> {
    if text.chars().all(is_legal) { Ok(()) } else { Err("An invalid XML character was found") }
}

/// Whether XML 1.0 allows this character.
pub(super) fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}
