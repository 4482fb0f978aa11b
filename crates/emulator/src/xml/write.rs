//! Writing: tags that are always closed, text that is always escaped.

use std::borrow::Cow;

use super::read::is_legal;

/// Builds a document. Names are written as they are given, prefix and all; the caller declares the namespaces on the
/// element that it opens first.
///
/// ```
/// use tidegate_emulator::xml::Writer;
/// let mut xml = Writer::new();
/// xml.open_with("result", &[("xmlns", "urn:x")]).leaf("name", "A & B").nil("id").close();
/// assert_eq!(xml.finish(), r#"<?xml version="1.0" encoding="UTF-8"?><result xmlns="urn:x"><name>A &amp; B</name><id xsi:nil="true"/></result>"#);
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    out: String,
    /// Names of the open elements, and whether anything stands in them yet.
    open: Vec<(String, bool)>,
    pretty: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A document with its declaration, on one line.
    pub fn new() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".into(), open: Vec::new(), pretty: false }
    }

    /// A document with its declaration, one element a line, four blanks deeper for each level: as Salesforce writes
    /// metadata files.
    pub fn pretty() -> Self {
        Self { pretty: true, ..Self::new() }
    }

    /// A piece of a document, without a declaration.
    pub fn fragment() -> Self {
        Self { out: String::new(), open: Vec::new(), pretty: false }
    }

    /// `<name>`.
    pub fn open(&mut self, name: &str) -> &mut Self {
        self.open_with(name, &[])
    }

    /// `<name attribute="value">`.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        self.open.push((name.to_owned(), false));
        self
    }

    /// `</name>` of what was opened last. Nothing, where nothing is open.
    pub fn close(&mut self) -> &mut Self {
        let Some((name, filled)) = self.open.pop() else { return self };
        if self.pretty && filled {
            self.line();
        }
        self.out.push_str("</");
        self.out.push_str(&name);
        self.out.push('>');
        self
    }

    /// `<name>text</name>`.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.leaf_with(name, &[], text)
    }

    /// `<name attribute="value">text</name>`.
    pub fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        self.out.push_str(&escape(text));
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self
    }

    /// `<name>text</name>`, or nothing for `None`.
    pub fn optional(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.leaf(name, text);
        }
        self
    }

    /// `<name>true</name>`.
    pub fn boolean(&mut self, name: &str, value: bool) -> &mut Self {
        self.leaf(name, if value { "true" } else { "false" })
    }

    /// `<name>12</name>`.
    pub fn number(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.leaf(name, &value.to_string())
    }

    /// `<name/>`.
    pub fn empty(&mut self, name: &str) -> &mut Self {
        self.empty_with(name, &[])
    }

    /// `<name attribute="value"/>`.
    pub fn empty_with(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes);
        self.out.push_str("/>");
        self
    }

    /// `<name xsi:nil="true"/>`: the prefix `xsi` must be declared.
    pub fn nil(&mut self, name: &str) -> &mut Self {
        self.empty_with(name, &[("xsi:nil", "true")])
    }

    /// Text in the element that is open.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(&escape(text));
        self
    }

    /// XML that is already written.
    pub fn raw(&mut self, xml: &str) -> &mut Self {
        if let Some((_, filled)) = self.open.last_mut() {
            *filled = true;
        }
        self.out.push_str(xml);
        self
    }

    /// The document. What is still open is closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        if self.pretty {
            self.out.push('\n');
        }
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        if let Some((_, filled)) = self.open.last_mut() {
            *filled = true;
        }
        if self.pretty {
            self.line();
        }
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            self.out.push_str(&escape(value));
            self.out.push('"');
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.open.len() {
            self.out.push_str("    ");
        }
    }
}

/// Text that can stand in an element or in an attribute. Characters that XML forbids are left out, as Salesforce
/// leaves them out; a carriage return is written so that it survives reading.
pub fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '\r') || !is_legal(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#xD;"),
            c if is_legal(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}
