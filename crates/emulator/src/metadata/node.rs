//! Metadata between its two spellings: XML elements and JSON objects.

use serde_json::{Map, Value as Json};

use crate::xml::{Element, Writer};

/// A value of metadata: members in their order. What repeats has one entry for each time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// The members.
    pub members: Vec<(String, Member)>,
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Member {
    /// Text, an enumeration's value, a date.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Members of its own.
    Node(Node),
}

/// Members that are lists wherever they stand, so that JSON shows a single one as a list, too.
const LISTS: &[&str] = &[
    "actionOverrides",
    "businessProcesses",
    "compactLayouts",
    "customValue",
    "enrichedFields",
    "fieldSets",
    "fields",
    "indexes",
    "listViews",
    "picklistValues",
    "profileSearchLayouts",
    "recordTypes",
    "sharingReasons",
    "summaryFilterItems",
    "validationRules",
    "value",
    "values",
    "valueSettings",
    "webLinks",
];

impl Node {
    /// From an element's children.
    pub fn from_element(element: &Element) -> Self {
        let member = |child: &Element| {
            let value = if child.children.is_empty() {
                Member::from_text(&child.text)
            } else {
                Member::Node(Self::from_element(child))
            };
            (child.name.clone(), value)
        };
        Self { members: element.children.iter().filter(|c| !c.is_nil()).map(member).collect() }
    }

    /// Adds a member.
    pub fn push(&mut self, name: &str, member: Member) -> &mut Self {
        self.members.push((name.to_owned(), member));
        self
    }

    /// Adds text.
    pub fn text(&mut self, name: &str, text: impl Into<String>) -> &mut Self {
        self.push(name, Member::Text(text.into()))
    }

    /// Adds text, where there is some.
    pub fn optional(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds `true` or `false`.
    pub fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.push(name, Member::Bool(value))
    }

    /// Adds a whole number.
    pub fn int(&mut self, name: &str, value: impl Into<i64>) -> &mut Self {
        self.push(name, Member::Int(value.into()))
    }

    /// Adds members of its own.
    pub fn node(&mut self, name: &str, node: Node) -> &mut Self {
        self.push(name, Member::Node(node))
    }

    /// `fullName` first, then the others by name, those of one name in the order in which they were: the sequence that
    /// the schema of the Metadata API asks for.
    pub fn sorted(mut self) -> Self {
        self.members.sort_by(|(a, _), (b, _)| (a != "fullName", a).cmp(&(b != "fullName", b)));
        self
    }

    /// The first member of this name.
    pub fn get(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|(n, _)| n == name).map(|(_, member)| member)
    }

    /// Takes out every member of this name.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.members.retain(|(n, _)| n != name);
        self
    }

    /// Writes the members as elements.
    pub fn write(&self, xml: &mut Writer) {
        for (name, member) in &self.members {
            match member {
                Member::Text(text) => xml.leaf(name, text),
                Member::Bool(value) => xml.boolean(name, *value),
                Member::Int(value) => xml.number(name, value),
                Member::Node(node) => {
                    xml.open(name);
                    node.write(xml);
                    xml.close()
                }
            };
        }
    }

    /// As a metadata file: an element of this type with the members.
    pub fn file(&self, root: &str) -> String {
        let mut xml = Writer::pretty();
        xml.open_with(root, &[("xmlns", super::NAMESPACE)]);
        self.write(&mut xml);
        xml.finish()
    }

    /// As an element of this name.
    pub fn element(&self, name: &str) -> Element {
        let mut element = Element { name: name.to_owned(), namespace: super::NAMESPACE.into(), ..Element::default() };
        for (name, member) in &self.members {
            element.children.push(match member {
                Member::Node(node) => node.element(name),
                Member::Text(text) => leaf(name, text.clone()),
                Member::Bool(value) => leaf(name, value.to_string()),
                Member::Int(value) => leaf(name, value.to_string()),
            });
        }
        element
    }

    /// As JSON: what repeats becomes a list.
    pub fn json(&self) -> Json {
        let mut map = Map::new();
        for (name, member) in &self.members {
            let value = match member {
                Member::Text(text) => Json::String(text.clone()),
                Member::Bool(value) => Json::Bool(*value),
                Member::Int(value) => Json::from(*value),
                Member::Node(node) => node.json(),
            };
            match map.get_mut(name) {
                Some(Json::Array(list)) => list.push(value),
                Some(one) => *one = Json::Array(vec![one.take(), value]),
                None if LISTS.contains(&name.as_str()) => {
                    map.insert(name.clone(), Json::Array(vec![value]));
                }
                None => {
                    map.insert(name.clone(), value);
                }
            }
        }
        Json::Object(map)
    }

    /// From JSON; lists repeat their member, and null is nothing.
    pub fn from_json(json: &Json) -> Self {
        let mut node = Self::default();
        let Json::Object(map) = json else { return node };
        for (name, value) in map {
            match value {
                Json::Array(list) => list.iter().for_each(|value| node.push_json(name, value)),
                value => node.push_json(name, value),
            }
        }
        node
    }

    fn push_json(&mut self, name: &str, value: &Json) {
        match value {
            Json::Null => {}
            Json::Bool(value) => {
                self.bool(name, *value);
            }
            Json::String(text) => {
                self.text(name, text);
            }
            Json::Number(number) => {
                match number.as_i64() {
                    Some(n) => self.int(name, n),
                    None => self.text(name, number.to_string()),
                };
            }
            Json::Object(_) => {
                self.node(name, Self::from_json(value));
            }
            Json::Array(_) => {}
        }
    }
}

impl Member {
    /// What this text is: a truth value where it is spelt as one, else text. Numbers stay text unless short and plain.
    fn from_text(text: &str) -> Self {
        let trimmed = text.trim();
        match trimmed {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            digits if (1..10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                match digits.parse::<i64>() {
                    // `007` is a text.
                    Ok(n) if n.to_string() == digits => Self::Int(n),
                    _ => Self::Text(text.to_owned()),
                }
            }
            _ => Self::Text(text.to_owned()),
        }
    }
}

fn leaf(name: &str, text: String) -> Element {
    Element { name: name.to_owned(), namespace: super::NAMESPACE.into(), text, ..Element::default() }
}
