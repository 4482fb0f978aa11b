//! XML as SOAP uses it: a small tree of elements read within bounds, and a writer that escapes. Prefixes of names are
//! dropped, as the namespaces of Salesforce's answers never decide anything. A document type is refused, so that
//! no entity can be defined, let alone grow.

use std::borrow::Cow;

use base64::Engine;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value};

use crate::error::{Error, Text};

/// The deepest nesting that is read. Salesforce's deepest answers (layouts, flows) stay below 30.
pub(crate) const DEPTH_MAX: usize = 64;
/// The most elements that one answer may have: 2,000 rows of 1,000 fields, twice.
const ELEMENTS_MAX: usize = 4 << 20;

/// One element of an answer: a name without prefix, and either text or elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The name without its prefix.
    pub name: String,
    /// The text directly inside; empty where there are elements.
    pub text: String,
    /// `xsi:nil="true"`: no value, which is not the same as an empty one.
    pub nil: bool,
    /// `xsi:type` as it was written, such as `sf:sObject` or `xsd:int`.
    pub type_name: Option<String>,
    /// The elements inside, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// An element with text.
    pub fn leaf(name: impl Into<String>, text: impl Into<String>) -> Element {
        Element { name: name.into(), text: text.into(), ..Element::default() }
    }

    /// An element with elements.
    pub fn node(name: impl Into<String>, children: Vec<Element>) -> Element {
        Element { name: name.into(), children, ..Element::default() }
    }

    /// The first element inside with this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All elements inside with this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> + 'a {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first element inside with this name; `None` where it is missing or nil.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.nil).map(|child| child.text.as_str())
    }

    /// The texts of all elements inside with this name that are not nil.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.all(name).filter(|child| !child.nil).map(|child| child.text.clone()).collect()
    }

    /// Whether the first element inside with this name says `true`.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.value(name), Some("true" | "1"))
    }

    /// `xsi:type` without its prefix.
    pub fn type_local(&self) -> Option<&str> {
        self.type_name.as_deref().map(local)
    }

    /// As JSON: text as a string, nil as null, elements as an object, an element that comes several times as an array.
    /// An `xsi:type` is kept as the member `@xsi:type`, beside the text in `#text`. What comes once stays single: only
    /// the caller can know that it could have come twice.
    pub fn to_json(&self) -> Value {
        if self.nil {
            return Value::Null;
        }
        if self.children.is_empty() {
            return match &self.type_name {
                None => Value::String(self.text.clone()),
                Some(kind) => {
                    let mut object = Map::new();
                    object.insert("@xsi:type".into(), Value::String(kind.clone()));
                    object.insert("#text".into(), Value::String(self.text.clone()));
                    Value::Object(object)
                }
            };
        }
        let mut object = self.members();
        if let Some(kind) = &self.type_name {
            object.insert("@xsi:type".into(), Value::String(kind.clone()));
        }
        Value::Object(object)
    }

    /// The elements inside as members of a JSON object.
    pub fn members(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for child in &self.children {
            let value = child.to_json();
            match object.get_mut(&child.name) {
                None => {
                    object.insert(child.name.clone(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        object
    }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads a document.
///
/// # Errors
/// [`Error::Decode`] for anything but one well-formed element within the bounds.
pub(crate) fn read(what: &str, body: &[u8]) -> Result<Element, Error> {
    let text = std::str::from_utf8(body).map_err(|source| Error::decode(what, source))?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let fail = |reader: &Reader<&[u8]>, words: String| {
        Error::decode(what, Text(format!("at byte {}: {words}", reader.buffer_position())))
    };
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0usize;
    let mut root = None;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(fail(&reader, error.to_string())),
        };
        match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= DEPTH_MAX || elements > ELEMENTS_MAX || root.is_some() {
                    return Err(fail(&reader, "more or deeper elements than an answer has".into()));
                }
                open.push(element(&start).map_err(|words| fail(&reader, words))?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > ELEMENTS_MAX || root.is_some() {
                    return Err(fail(&reader, "more elements than an answer has".into()));
                }
                let done = element(&start).map_err(|words| fail(&reader, words))?;
                place(&mut open, &mut root, done);
            }
            Event::End(_) => {
                let Some(mut done) = open.pop() else {
                    return Err(fail(&reader, "an end without a start".into()));
                };
                if !done.children.is_empty() {
                    // Blanks between elements are layout.
                    done.text = String::new();
                }
                place(&mut open, &mut root, done);
            }
            Event::Text(text) => append(&mut open, &text.xml10_content()),
            Event::CData(text) => append(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => match resolve(&reference) {
                Some(found) => append(&mut open, &found),
                None => return Err(fail(&reader, "an entity that XML does not know".into())),
            },
            Event::DocType(_) => return Err(fail(&reader, "a document type, which no answer has".into())),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(fail(&reader, "the document ends before its last element".into())),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = Element { name: local(name_of(start)).to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key;
        let key: &str = key.as_ref();
        let Some((_, key)) = key.split_once(':') else { continue };
        match key {
            "nil" => element.nil = matches!(attribute.value.as_ref(), "true" | "1"),
            "type" => element.type_name = Some(attribute.value.as_ref().to_owned()),
            _ => {}
        }
    }
    Ok(element)
}

fn name_of<'a>(start: &'a BytesStart<'_>) -> &'a str {
    start.name().into_inner()
}

fn place(open: &mut [Element], root: &mut Option<Element>, done: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// What a reference stands for. XML knows five names; everything else would have to be defined by a document type.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<Cow<'static, str>> {
    if let Ok(Some(found)) = reference.resolve_char_ref() {
        return Some(Cow::Owned(found.to_string()));
    }
    quick_xml::escape::resolve_xml_entity(reference).map(Cow::Borrowed)
}

/// Writes elements. The first thing that XML cannot carry is kept, and told when the request is made, so that the writing
/// itself reads as what is written.
#[derive(Debug, Default)]
pub struct Xml {
    out: String,
    problem: Option<String>,
    /// How deep we are, where each element stands on a line of its own.
    depth: Option<usize>,
    /// Whether the element that was written last stands in the one that is open.
    nested: bool,
}

impl Xml {
    /// Each element on a line of its own, four blanks deeper than what holds it, as in the files of packages.
    pub(crate) fn pretty() -> Xml {
        Xml { depth: Some(0), ..Xml::default() }
    }

    /// The root element with its attributes, which are written as they are.
    pub(crate) fn root(&mut self, name: &str, attributes: &str, inside: impl FnOnce(&mut Xml)) {
        self.check_name(name);
        self.out.extend(["<", name, attributes, ">"]);
        self.deeper();
        inside(self);
        self.end(name);
    }

    fn line(&mut self) {
        if let Some(depth) = self.depth {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("    ", depth));
        }
    }

    fn deeper(&mut self) {
        self.depth = self.depth.map(|depth| depth + 1);
        self.nested = false;
    }

    pub(crate) fn raw(&mut self, xml: &str) {
        self.out.push_str(xml);
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Notes what cannot be written.
    pub(crate) fn refuse(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// `<name>text</name>`.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.start(name);
        self.text(name, text);
        self.end(name);
    }

    /// As [`Xml::leaf`], where there is something to write.
    pub fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// `<name>` with bytes as base64, written in place: packages are large.
    pub(crate) fn base64(&mut self, name: &str, bytes: &[u8]) {
        self.start(name);
        // What follows is small.
        self.out.reserve(bytes.len().div_ceil(3) * 4 + 1024);
        base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut self.out);
        self.end(name);
    }

    /// As [`Xml::leaf`], nil where there is nothing: for members that have to be there.
    pub fn nillable(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.leaf(name, text),
            None => self.nil(name),
        }
    }

    /// `<name>true</name>`.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.leaf(name, if flag { "true" } else { "false" });
    }

    /// One element for each text.
    pub fn list<S: AsRef<str>>(&mut self, name: &str, texts: impl IntoIterator<Item = S>) {
        for text in texts {
            self.leaf(name, text.as_ref());
        }
    }

    /// `<name>` with whatever `inside` writes.
    pub fn node(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) {
        self.start(name);
        inside(self);
        self.end(name);
    }

    /// As [`Xml::node`], with an `xsi:type`.
    pub fn typed(&mut self, name: &str, kind: &str, inside: impl FnOnce(&mut Xml)) {
        self.open(name, Some(kind));
        inside(self);
        self.end(name);
    }

    /// `<name xsi:nil="true"/>`.
    pub fn nil(&mut self, name: &str) {
        self.check_name(name);
        self.line();
        self.nested = true;
        self.out.extend(["<", name, " xsi:nil=\"true\"/>"]);
    }

    /// An element and everything in it.
    pub fn element(&mut self, element: &Element) {
        if element.nil {
            return self.nil(&element.name);
        }
        self.open(&element.name, element.type_name.as_deref());
        if element.children.is_empty() {
            self.text(&element.name, &element.text);
        }
        for child in &element.children {
            self.element(child);
        }
        self.end(&element.name);
    }

    /// A JSON value as elements: see [`Element::to_json`] for the form. Numbers and booleans are written as such.
    pub fn json(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => self.nil(name),
            Value::Bool(flag) => self.flag(name, *flag),
            Value::Number(number) => self.leaf(name, &number.to_string()),
            Value::String(text) => self.leaf(name, text),
            Value::Array(list) => {
                for value in list {
                    self.json(name, value);
                }
            }
            Value::Object(object) => {
                let kind = object.get("@xsi:type").and_then(Value::as_str);
                self.open(name, kind);
                self.json_members(name, object);
                self.end(name);
            }
        }
    }

    /// The members of a JSON object, attributes left out.
    pub fn json_members(&mut self, name: &str, object: &Map<String, Value>) {
        for (member, value) in object {
            match member.as_str() {
                "#text" => self.text(name, value.as_str().unwrap_or_default()),
                attribute if attribute.starts_with('@') => {}
                member => self.json(member, value),
            }
        }
    }

    fn start(&mut self, name: &str) {
        self.open(name, None);
    }

    fn open(&mut self, name: &str, kind: Option<&str>) {
        self.check_name(name);
        self.line();
        self.out.extend(["<", name]);
        if let Some(kind) = kind {
            self.check_name(kind);
            self.out.extend([" xsi:type=\"", kind, "\""]);
        }
        self.out.push('>');
        self.deeper();
    }

    fn end(&mut self, name: &str) {
        self.depth = self.depth.map(|depth| depth.saturating_sub(1));
        if self.nested {
            self.line();
        }
        self.nested = true;
        self.out.extend(["</", name, ">"]);
    }

    fn text(&mut self, name: &str, text: &str) {
        if let Some(bad) = text.chars().find(|c| !is_xml(*c)) {
            self.problem.get_or_insert_with(|| {
                format!("{name}: the character U+{:04X} cannot be written in XML, so SOAP cannot carry it", bad as u32)
            });
            return;
        }
        escape_into(&mut self.out, text);
    }

    /// Names come from callers and from files; what is no name would change the meaning of what follows.
    fn check_name(&mut self, name: &str) {
        let mut parts = name.split(':');
        let good = parts.by_ref().take(2).all(|part| {
            let mut chars = part.chars();
            chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && chars.all(|c| c.is_alphanumeric() || "_-.".contains(c))
        }) && parts.next().is_none();
        if !good {
            self.problem.get_or_insert_with(|| format!("`{}` is no name of an element", name.escape_debug()));
        }
    }

    /// The text, or what could not be written.
    pub(crate) fn finish(self) -> Result<String, Error> {
        match self.problem {
            Some(problem) => Err(Error::config(problem)),
            None => Ok(self.out),
        }
    }
}

/// Whether XML 1.0 can carry a character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Escapes text. A carriage return is written as a reference, as a reader would take it for a line end otherwise.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\r']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&apos;",
            _ => "&#xD;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(xml: &str) -> Element {
        read("a test", xml.as_bytes()).unwrap()
    }

    #[test]
    fn reads_nil_types_and_text() {
        let root = parsed(
            "<?xml version=\"1.0\"?><a:r xmlns:a=\"x\" xmlns:xsi=\"i\"><a:n xsi:nil=\"true\"/><b></b><c xsi:type=\"xsd:int\"> 4 </c>\n<d>1&lt;2&#x21;<![CDATA[<&]]></d><d>2</d></a:r>",
        );
        assert_eq!(root.name, "r");
        assert!(root.child("n").unwrap().nil);
        assert_eq!((root.value("n"), root.value("b"), root.value("zz")), (None, Some(""), None));
        assert_eq!(root.child("c").unwrap().type_local(), Some("int"));
        assert_eq!(root.values("d"), ["1<2!<&", "2"]);
        assert_eq!(
            root.to_json(),
            json!({"n": null, "b": "", "c": {"@xsi:type": "xsd:int", "#text": " 4 "}, "d": ["1<2!<&", "2"]})
        );
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
        for bad in
            [laughs, "<a>&b;</a>", "<a>", "<a></b>", "</a>", "", "text", "<a/><b/>", "<a/><b></b>", "<a>&#0;</a>"]
        {
            assert!(matches!(read("x", bad.as_bytes()), Err(Error::Decode { .. })), "{bad}");
        }
        let deep = "<a>".repeat(100_000);
        assert!(read("x", deep.as_bytes()).is_err());
        let fits = format!("{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX));
        assert!(read("x", fits.as_bytes()).is_ok());
    }

    #[test]
    fn what_xml_cannot_carry_is_said() {
        let mut xml = Xml::default();
        xml.leaf("a", "b\u{0}");
        xml.leaf("a b", "x");
        assert!(xml.finish().unwrap_err().to_string().contains("U+0000"));
        for name in ["", "1a", "a b", "a><b", "a:b:c", ":a", "a:", "a&"] {
            let mut xml = Xml::default();
            xml.leaf(name, "x");
            assert!(xml.finish().is_err(), "{name}");
        }
    }

    fn tree() -> impl Strategy<Value = Element> {
        let name = "[A-Za-z_][A-Za-z0-9_.-]{0,8}";
        let text = proptest::string::string_regex("[\t\n\r -~é-￯\u{1f600}]{0,12}").unwrap();
        let leaf = (name, text, any::<bool>()).prop_map(|(name, text, nil)| Element {
            name,
            text: if nil { String::new() } else { text.replace(['\u{fffe}', '\u{ffff}'], "") },
            nil,
            type_name: None,
            children: vec![],
        });
        leaf.prop_recursive(4, 24, 4, move |inner| {
            (name, proptest::collection::vec(inner, 1..4)).prop_map(|(name, children)| Element::node(name, children))
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tree in tree()) {
            let mut xml = Xml::default();
            xml.element(&tree);
            let text = xml.finish().unwrap();
            // The prefix of xsi:nil is not bound here, which the reader does not mind.
            prop_assert_eq!(read("x", text.as_bytes()).unwrap(), tree);
        }

        #[test]
        fn json_comes_back(tree in tree()) {
            let json = tree.to_json();
            let mut xml = Xml::default();
            xml.json("root", &json);
            prop_assert_eq!(read("x", xml.finish().unwrap().as_bytes()).unwrap().to_json(), json);
        }

        #[test]
        fn anything_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("x", &bytes);
        }

        #[test]
        fn anything_like_xml_is_read_or_refused(text in "(<[/!?a:]{0,3}[a-z \"=']{0,6}/?>|&[#a-z0-9]{0,4};?|[a-z]{0,3}|<!\\[CDATA\\[|\\]\\]>){0,24}") {
            let _ = read("x", text.as_bytes());
        }
    }
}
