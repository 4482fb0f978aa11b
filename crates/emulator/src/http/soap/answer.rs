//! Answers: JSON by the contract's order into XML, with records in the dialect's own form.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::contract::{Contract, Member, Operation, Shape};
use super::envelope::Dialect;
use super::rows::Rows;
use crate::xml::{SOAP, Writer, XSI};

const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// The member that names the type of a value, where it is another than the contract's.
pub(super) const TYPE: &str = "@type";

/// What was used of the daily allowance and what it is, for `LimitInfoHeader`.
pub(super) type Usage = (u64, u64);

/// The envelope of an answer.
pub(super) fn envelope(
    dialect: Dialect,
    version: u16,
    call: &Operation,
    result: &Json,
    rows: &Rows<'_>,
    usage: Option<Usage>,
) -> String {
    let mut xml = Writer::new();
    let (tns, sf) = (dialect.namespace(), dialect.record_namespace());
    let namespaces =
        [("xmlns:soapenv", SOAP), ("xmlns", &tns), ("xmlns:xsi", XSI), ("xmlns:xsd", XSD), ("xmlns:sf", &sf)];
    xml.open_with("soapenv:Envelope", &namespaces);
    if let Some((used, most)) = usage {
        xml.open("soapenv:Header").open("LimitInfoHeader").open("limitInfo");
        xml.number("current", used).number("limit", most).leaf("type", "API REQUESTS");
        xml.close().close().close();
    }
    xml.open("soapenv:Body").open(&format!("{}Response", call.name));
    let answer = Answer { contract: Contract::get(), version, rows };
    if let Some(output) = &call.output {
        answer.member(&mut xml, output, Some(result));
    }
    xml.finish()
}

struct Answer<'a> {
    contract: &'static Contract,
    version: u16,
    rows: &'a Rows<'a>,
}

impl Answer<'_> {
    fn member(&self, xml: &mut Writer, member: &Member, value: Option<&Json>) {
        if member.many {
            for item in value.and_then(Json::as_array).into_iter().flatten() {
                self.one(xml, member, item);
            }
            return;
        }
        match value {
            Some(value) if !value.is_null() => self.one(xml, member, value),
            _ if member.optional => {}
            _ if member.nillable => {
                xml.nil(member.name);
            }
            // What the contract demands and nobody knows: the value that says least.
            _ if member.ty == "boolean" => {
                xml.boolean(member.name, false);
            }
            _ => {
                xml.leaf(member.name, "");
            }
        }
    }

    fn one(&self, xml: &mut Writer, member: &Member, value: &Json) {
        match (member.ty, value) {
            (_, Json::Null) => {
                xml.nil(member.name);
            }
            ("sObject", Json::Object(record)) => self.rows.record(xml, member.name, record),
            ("QueryResult", Json::Object(page)) => self.rows.page(xml, member.name, page),
            ("anyType", value) => any(xml, member.name, value),
            (ty, value) => match (self.contract.shape(ty), value) {
                (Some(shape), Json::Object(members)) => {
                    // A type that extends the one of the contract is told.
                    let extended = members.get(TYPE).and_then(Json::as_str).and_then(|ty| self.contract.shape(ty));
                    match extended {
                        Some(extended) => xml.open_with(member.name, &[("xsi:type", extended.name)]),
                        None => xml.open(member.name),
                    };
                    self.members(xml, extended.unwrap_or(shape), members);
                    xml.close();
                }
                (_, value) => {
                    xml.leaf(member.name, &text(value));
                }
            },
        }
    }

    fn members(&self, xml: &mut Writer, shape: &Shape, members: &Map<String, Json>) {
        if let Some(base) = shape.base.and_then(|base| self.contract.shape(base)) {
            self.members(xml, base, members);
        }
        for member in shape.members.iter().filter(|member| member.is_in(self.version)) {
            self.member(xml, member, members.get(member.name));
        }
    }
}

/// A value of which only the answer tells the type.
pub(super) fn any(xml: &mut Writer, name: &str, value: &Json) {
    let ty = match value {
        Json::Bool(_) => "xsd:boolean",
        Json::Number(n) if n.is_i64() => "xsd:int",
        Json::Number(_) => "xsd:double",
        _ => "xsd:string",
    };
    xml.leaf_with(name, &[("xsi:type", ty)], &text(value));
}

/// A scalar as text.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => {
            let mut out = String::new();
            // Writing to a string cannot fail.
            let _ = write!(out, "{other}");
            out
        }
    }
}
