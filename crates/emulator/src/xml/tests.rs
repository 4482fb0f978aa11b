//! What the reader takes and refuses, and that what the writer writes is read again.

use super::*;

#[test]
fn elements_go_by_namespace_whatever_the_prefix() {
    for text in [
        r#"<a xmlns="urn:x"><b xmlns="urn:y">1</b></a>"#,
        r#"<p:a xmlns:p="urn:x" xmlns:q="urn:y"><q:b>1</q:b></p:a>"#,
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- c -->\n<a xmlns='urn:x'>\n <?p i?><b xmlns='urn:y'>1</b>\n</a>\n",
    ] {
        let root = parse(text.as_bytes()).unwrap();
        assert!(root.is("urn:x", "a"), "{text}");
        assert_eq!(root.children.len(), 1, "{text}");
        assert!(root.children[0].is("urn:y", "b"), "{text}");
        assert_eq!(root.text_of("b"), Some("1"), "{text}");
        assert_eq!(root.text, "", "{text}");
    }
}

#[test]
fn text_is_put_together_and_resolved() {
    let root = parse(b"<a>x &lt;&#233;&#x41; <![CDATA[<&>]]>\r\n\ty</a>").unwrap();
    assert_eq!(root.text, "x <éA <&>\n\ty");
    assert_eq!(root.trimmed(), "x <éA <&>\n\ty");
    assert_eq!(parse(b"<a>a&#xD;b</a>").unwrap().text, "a\rb");
}

#[test]
fn types_and_nils_are_found() {
    let root = parse(
        br#"<e xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:m="urn:m"><c i:type="m:CustomField" x="a&amp;b"/><n i:nil="true"/><z/></e>"#,
    )
    .unwrap();
    assert_eq!(root.child("c").unwrap().xsi_type(), Some("CustomField"));
    assert_eq!(root.child("c").unwrap().attribute("", "x"), Some("a&b"));
    assert!(root.child("n").unwrap().is_nil());
    assert_eq!(root.text_of("n"), None);
    assert_eq!(root.text_of("z"), Some(""));
    assert_eq!(root.attributes, []);
}

#[test]
fn elements_know_where_they_stand() {
    let root = parse("<a>\n  <b/>é<c/>\n\n<d/></a>".as_bytes()).unwrap();
    let places: Vec<_> = root.children.iter().map(|c| (c.line, c.column)).collect();
    assert_eq!(places, [(2, 3), (2, 8), (4, 1)]);
    assert_eq!((root.line, root.column), (1, 1));
}

#[test]
fn what_is_not_xml_is_refused_with_its_place() {
    for (text, part, line) in [
        ("", "Premature end of file", 1),
        ("<a>\n<b></a>", "", 2),
        ("<a>", "must be terminated", 1),
        ("<a/><b/>", "second root", 1),
        ("<a/>x", "outside of the root", 1),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "DOCTYPE", 1),
        ("<a>\n&nbsp;</a>", "not declared", 2),
        ("<a>&#1;</a>", "does not allow", 1),
        ("<a>&#xFFFF;</a>", "does not allow", 1),
        ("<a>\u{1}</a>", "invalid XML character", 1),
        ("<p:a/>", "not bound", 1),
        ("<a p:x='1'/>", "not bound", 1),
        ("<a x='1' x='2'/>", "", 1),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "not UTF-8", 1),
    ] {
        let error = parse(text.as_bytes()).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error}");
        assert_eq!(error.line, line, "{text}: {error}");
    }
    assert_eq!(parse(b"<a>\n\xff</a>").unwrap_err().line, 2);
}

#[test]
fn bounds_hold() {
    let deep = "<a>".repeat(100) + &"</a>".repeat(100);
    assert!(parse(deep.as_bytes()).unwrap_err().message.contains("deep"));
    let wide = format!("<a>{}</a>", "<b/>".repeat(1_000_001));
    assert!(parse(wide.as_bytes()).unwrap_err().message.contains("many elements"));
}

#[test]
fn what_is_written_is_read_again() {
    for mut xml in [Writer::new(), Writer::pretty(), Writer::fragment()] {
        xml.open_with("r", &[("xmlns:xsi", XSI), ("q", "\"<'&>")]);
        xml.leaf("t", "a\r\nb <&>\"'\u{1}\u{fffe}é").nil("n").empty("e").open("o").boolean("b", true).number("i", 12);
        xml.close().optional("no", None).optional("yes", Some("1"));
        let text = xml.finish();
        let root = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(root.attribute("", "q"), Some("\"<'&>"));
        assert_eq!(root.child("t").unwrap().text, "a\r\nb <&>\"'é");
        assert!(root.child("n").unwrap().is_nil());
        assert_eq!(root.child("o").unwrap().text_of("i"), Some("12"));
        assert_eq!(root.child("no"), None);
        assert_eq!(root.text_of("yes"), Some("1"));
    }
}

#[test]
fn pretty_files_look_like_retrieved_ones() {
    let mut xml = Writer::pretty();
    xml.open_with("Package", &[("xmlns", "urn:m")]).open("types").leaf("name", "X").close().leaf("version", "66.0");
    xml.open("empty").close();
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Package xmlns=\"urn:m\">\n    <types>\n        \
                <name>X</name>\n    </types>\n    <version>66.0</version>\n    <empty></empty>\n</Package>\n";
    assert_eq!(xml.finish(), text);
}
