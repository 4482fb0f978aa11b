//! The SOAP API's contract: which types, headers and calls there are, and in which order their members stand.
//!
//! One text says it for both WSDLs, and for the answers, whose elements strict clients want in the WSDL's order:
//!
//! ```text
//! type QueryResult                 a type; `: base` after the name where it extends another
//!   queryLocator string nil        a member: name, type, and marks
//! enum fieldType string picklist   a text with these values; with any, where none is named
//! header SessionHeader             a header and its members
//! call query | headers | faults    a call; `- …` means that no session is asked for
//!   in queryString string          what it takes
//!   out QueryResult                what its `result` is; none: nothing comes back
//! ```
//! Marks: `nil` may be nil, `?` may be missing, `*` any number, `+` at least one, `@47` since that version, `@..64` up
//! to that version.

use std::collections::HashMap;
use std::sync::OnceLock;

/// One member of a type, or what a call takes or gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: &'static str,
    /// A type of the contract, `sObject`, `ID`, or the name of a type of XML Schema.
    pub(super) ty: &'static str,
    pub(super) nillable: bool,
    pub(super) optional: bool,
    pub(super) many: bool,
    /// The first API version that has it.
    since: u16,
}

impl Member {
    /// Whether this API version has it.
    pub(super) fn is_in(&self, version: u16) -> bool {
        version >= self.since
    }
}

/// A type, or a header.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) base: Option<&'static str>,
    pub(super) members: Vec<Member>,
}

/// A text of which only some values exist.
#[derive(Debug, Clone)]
pub(super) struct Enumeration {
    pub(super) name: &'static str,
    pub(super) values: Vec<&'static str>,
}

/// A call.
#[derive(Debug, Clone, Default)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Headers that it looks at.
    pub(super) headers: Vec<&'static str>,
    pub(super) faults: Vec<&'static str>,
    pub(super) input: Vec<Member>,
    pub(super) output: Option<Member>,
    /// The last API version that has it.
    until: Option<u16>,
}

impl Operation {
    /// Whether this API version has it.
    pub(super) fn is_in(&self, version: u16) -> bool {
        self.until.is_none_or(|until| version <= until)
    }
}

/// The whole contract, in the order of its text.
#[derive(Debug, Clone, Default)]
pub(super) struct Contract {
    pub(super) types: Vec<Shape>,
    pub(super) enumerations: Vec<Enumeration>,
    pub(super) headers: Vec<Shape>,
    pub(super) calls: Vec<Operation>,
    by_name: HashMap<&'static str, usize>,
}

const TEXT: &str = include_str!("../../../data/soap/contract.txt");

impl Contract {
    /// The contract.
    pub(super) fn get() -> &'static Self {
        static READ: OnceLock<Contract> = OnceLock::new();
        READ.get_or_init(|| read(TEXT))
    }

    /// A type by name.
    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.by_name.get(name).and_then(|at| self.types.get(*at))
    }

    /// A call by name.
    pub(super) fn call(&self, name: &str) -> Option<&Operation> {
        self.calls.iter().find(|call| call.name == name)
    }
}

/// Where the members of the following lines go.
enum Open {
    Nothing,
    Type,
    Header,
    Call,
}

fn read(text: &'static str) -> Contract {
    let mut contract = Contract::default();
    let mut open = Open::Nothing;
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        // What stands further in belongs to what was opened, whatever it is called.
        let inside = line.starts_with(' ');
        match words.next() {
            Some("type") if !inside => {
                let name = words.next().unwrap_or_default();
                let base = words.nth(1);
                contract.by_name.insert(name, contract.types.len());
                contract.types.push(Shape { name, base, members: Vec::new() });
                open = Open::Type;
            }
            Some("enum") if !inside => {
                let name = words.next().unwrap_or_default();
                contract.enumerations.push(Enumeration { name, values: words.collect() });
                open = Open::Nothing;
            }
            Some("header") if !inside => {
                contract.headers.push(Shape { name: words.next().unwrap_or_default(), ..Shape::default() });
                open = Open::Header;
            }
            Some("call") if !inside => {
                contract.calls.push(call(line));
                open = Open::Call;
            }
            Some(first) => match open {
                Open::Type => {
                    contract.types.last_mut().into_iter().for_each(|t| t.members.push(member(first, &mut words)))
                }
                Open::Header => {
                    contract.headers.last_mut().into_iter().for_each(|t| t.members.push(member(first, &mut words)));
                }
                Open::Call => {
                    let Some(call) = contract.calls.last_mut() else { continue };
                    if first == "out" {
                        call.output = Some(member("result", &mut words));
                    } else {
                        let name = words.next().unwrap_or_default();
                        call.input.push(member(name, &mut words));
                    }
                }
                Open::Nothing => {}
            },
            None => {}
        }
    }
    contract
}

fn call(line: &'static str) -> Operation {
    let mut parts = line.split('|').map(str::trim);
    let name = parts.next().unwrap_or_default().trim_start_matches("call").trim();
    let named = parts.next().unwrap_or_default();
    let (session, named) = match named.strip_prefix('-') {
        Some(named) => (false, named),
        None => (true, named),
    };
    let mut headers = if session { vec!["SessionHeader"] } else { Vec::new() };
    headers.push("CallOptions");
    headers.extend(named.split_whitespace());
    let mut faults: Vec<_> = parts.next().unwrap_or_default().split_whitespace().collect();
    faults.push("UnexpectedErrorFault");
    let until = parts.next().and_then(|mark| mark.strip_prefix("@..")?.parse().ok());
    Operation { name, headers, faults, until, ..Operation::default() }
}

fn member(name: &'static str, words: &mut std::str::SplitWhitespace<'static>) -> Member {
    let ty = words.next().unwrap_or("string");
    let mut member = Member { name, ty, nillable: false, optional: false, many: false, since: 0 };
    for mark in words {
        match mark {
            "nil" => member.nillable = true,
            "?" => member.optional = true,
            "*" => (member.many, member.optional) = (true, true),
            "+" => member.many = true,
            _ => member.since = mark.strip_prefix('@').and_then(|v| v.parse().ok()).unwrap_or(0),
        }
    }
    member
}

/// Types that XML Schema has.
pub(super) const XSD: [&str; 8] = ["string", "boolean", "int", "double", "date", "dateTime", "base64Binary", "anyType"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        let contract = Contract::get();
        let known = |ty: &str| {
            XSD.contains(&ty)
                || ["sObject", "ID"].contains(&ty)
                || contract.shape(ty).is_some()
                || contract.enumerations.iter().any(|e| e.name == ty)
        };
        let shapes = contract.types.iter().chain(&contract.headers);
        for (of, member) in shapes.flat_map(|s| s.members.iter().map(move |m| (s.name, m))) {
            assert!(known(member.ty), "{of}.{}: {}", member.name, member.ty);
        }
        for call in &contract.calls {
            for member in call.input.iter().chain(&call.output) {
                assert!(known(member.ty), "{}: {}", call.name, member.ty);
            }
            for header in &call.headers {
                assert!(contract.headers.iter().any(|h| h.name == *header), "{}: {header}", call.name);
            }
        }
        for shape in &contract.types {
            assert!(shape.base.is_none_or(|base| contract.shape(base).is_some()), "{}", shape.name);
        }
    }

    #[test]
    fn lines_are_read_as_they_say() {
        let contract = Contract::get();
        let login = contract.call("login").unwrap();
        assert_eq!(login.headers, ["CallOptions", "LoginScopeHeader"]);
        assert_eq!(login.faults, ["LoginFault", "UnexpectedErrorFault"]);
        assert!(login.is_in(64) && !login.is_in(65));
        let create = contract.call("create").unwrap();
        assert!(create.is_in(68) && create.headers.starts_with(&["SessionHeader", "CallOptions"]));
        let output = create.output.as_ref().unwrap();
        assert_eq!((output.name, output.ty, output.many, output.optional), ("result", "SaveResult", true, true));
        let locator = &contract.shape("QueryResult").unwrap().members[1];
        assert_eq!((locator.name, locator.nillable, locator.optional), ("queryLocator", true, false));
        assert_eq!(contract.shape("address").unwrap().base, Some("location"));
        let field = contract.shape("Field").unwrap();
        assert!(field.members.iter().any(|m| m.name == "type" && m.ty == "fieldType"));
        let since = contract.shape("Field").unwrap().members.iter().find(|m| m.name == "aiPredictionField").unwrap();
        assert!(since.is_in(47) && !since.is_in(46));
    }

    #[test]
    fn members_stand_in_the_order_of_their_names() {
        // Salesforce's own order; where it is another, the text says so by its place.
        let own = ["OwnerChangeOption"];
        for shape in Contract::get().types.iter().filter(|s| !own.contains(&s.name)) {
            let names: Vec<_> = shape.members.iter().map(|m| m.name).collect();
            let mut sorted = names.clone();
            sorted.sort_unstable();
            assert_eq!(names, sorted, "{}", shape.name);
        }
    }
}
