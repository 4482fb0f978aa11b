//! XML as Bulk API 1.0 has it: a tree of elements with text, names without their prefixes.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// The namespace of everything that Bulk API 1.0 sends.
pub(crate) const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";
/// Deepest nesting that is read. A batch needs four levels.
const DEPTH_MAX: usize = 16;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// `xsi:nil="true"`.
    pub(crate) nil: bool,
    /// Its own text.
    pub(crate) text: String,
    /// The elements in it.
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// Reads a document and gives its root. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
        // The path from a root of roots to the element that is open.
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().map_err(|e| e.to_string())? {
                Event::Start(start) => {
                    if open.len() > DEPTH_MAX {
                        return Err(format!("elements are nested deeper than {DEPTH_MAX}"));
                    }
                    open.push(Node::of(&start)?);
                }
                Event::Empty(start) => {
                    let node = Node::of(&start)?;
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(node);
                    }
                }
                Event::End(_) => {
                    let Some(mut node) = open.pop() else { return Err("an element ends that did not begin".into()) };
                    if !node.children.is_empty() {
                        node.text.clear();
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Err("an element ends that did not begin".into()),
                    }
                }
                Event::Text(text) => put(&mut open, &text),
                Event::CData(text) => put(&mut open, &text),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(|e| e.to_string())? {
                    Some(c) => put(&mut open, c.encode_utf8(&mut [0; 4])),
                    None => {
                        let known = resolve_predefined_entity(&entity);
                        put(&mut open, known.ok_or("an entity is not known")?);
                    }
                },
                // What a document type could define is refused unread.
                Event::DocType(_) => return Err("a document type is not allowed".into()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        match open.as_mut_slice() {
            [top] if top.children.len() == 1 => Ok(top.children.remove(0)),
            [_] => Err("a document has one root".into()),
            _ => Err("an element does not end".into()),
        }
    }

    fn of(start: &BytesStart<'_>) -> Result<Self, String> {
        let name = start.local_name().as_ref().to_owned();
        let mut nil = false;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            if attribute.key.local_name().as_ref() == "nil" {
                nil = matches!(attribute.value.as_ref(), "true" | "1");
            }
        }
        Ok(Node { name, nil, ..Node::default() })
    }
}

fn put(open: &mut [Node], text: &str) {
    // Outside the root there is nothing but blanks.
    if open.len() > 1
        && let Some(node) = open.last_mut()
    {
        node.text.push_str(text);
    }
}

/// Writes text between tags. What XML cannot carry, not even escaped, is left out.
pub(crate) fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(c),
            c if u32::from(c) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}

/// Writes `<name>text</name>`.
pub(crate) fn push_element(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    push_text(out, text);
    let _ = write!(out, "</{name}>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_prefixes_and_text_its_escapes() {
        let text = "\n<?xml version=\"1.0\"?>\n<a:jobInfo xmlns:a=\"x\"><a:operation>insert</a:operation> <b xsi:nil=\"true\"/>\
                    <c>1 &lt; 2 &amp;&#x41; <![CDATA[<raw>]]></c></a:jobInfo>";
        let root = Node::parse(text).unwrap();
        assert_eq!((root.name.as_str(), root.text.as_str()), ("jobInfo", ""));
        let children: Vec<_> = root.children.iter().map(|c| (c.name.as_str(), c.text.as_str(), c.nil)).collect();
        assert_eq!(children, [("operation", "insert", false), ("b", "", true), ("c", "1 < 2 &A <raw>", false)]);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = "<a>".repeat(100);
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
            "<a>&x;</a>",
            &deep,
        ] {
            assert!(Node::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived_and_written_text_comes_back(text in "[ -~\u{e9}\n<>&\"'/]{0,60}") {
            let _ = Node::parse(&text);
            let mut out = String::from("<a>");
            push_element(&mut out, "b", &text);
            out.push_str("</a>");
            let root = Node::parse(&out).unwrap();
            proptest::prop_assert_eq!(&root.children[0].text, &text);
        }
    }
}
