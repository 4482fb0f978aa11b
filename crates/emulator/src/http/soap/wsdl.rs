//! The WSDLs: the contract as toolkits read it, and for the enterprise dialect the org's own objects and fields.
//!
//! No session is asked for, so that a toolkit can be pointed at the address. `?version=64.0` names an API version; a
//! real org gives each version's WSDL on the page of that version's release.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use super::contract::{Contract, Member, Operation, Shape, XSD};
use super::envelope::{self, Dialect};
use super::fault::Kind;
use super::xml_answer;
use crate::http::{ApiVersion, AppState, Origin};
use crate::schema::{FieldType, ObjectType, Schema};
use crate::xml::Writer;

const WSDL_NS: &str = "http://schemas.xmlsoap.org/wsdl/";
const WSDL_SOAP_NS: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const XSD_NS: &str = "http://www.w3.org/2001/XMLSchema";

/// What the address of a WSDL says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    version: Option<String>,
    r#type: Option<String>,
}

/// `GET /services/wsdl/partner`.
pub(super) async fn partner(state: State<AppState>, origin: Origin, asked: Query<Asked>) -> Response {
    give(&state, &origin, &asked, Dialect::Partner)
}

/// `GET /services/wsdl/enterprise`.
pub(super) async fn enterprise(state: State<AppState>, origin: Origin, asked: Query<Asked>) -> Response {
    give(&state, &origin, &asked, Dialect::Enterprise)
}

/// `GET /soap/wsdl.jsp`: the enterprise WSDL with `type=*`, else the partner WSDL.
pub(super) async fn by_type(state: State<AppState>, origin: Origin, asked: Query<Asked>) -> Response {
    let dialect = if asked.r#type.as_deref() == Some("*") { Dialect::Enterprise } else { Dialect::Partner };
    give(&state, &origin, &asked, dialect)
}

fn give(state: &AppState, origin: &Origin, asked: &Asked, dialect: Dialect) -> Response {
    let version = match asked.version.as_deref().map(envelope::version) {
        None => ApiVersion::LATEST,
        Some(Ok(version)) => version,
        Some(Err(_)) => {
            let message = "The requested resource does not exist";
            return crate::ApiError::new("NOT_FOUND", message).status(404).into_response();
        }
    };
    let schema = state.org.read().schema.clone();
    xml_answer(StatusCode::OK, write(dialect, version, &schema, &origin.0))
}

/// The WSDL of a dialect at a version, for clients that reach the org at `origin`.
pub(super) fn write(dialect: Dialect, version: ApiVersion, schema: &Schema, origin: &str) -> String {
    let tns = dialect.namespace();
    let (ens, fns) = (dialect.record_namespace(), dialect.fault_namespace());
    let mut xml = Writer::pretty();
    xml.open_with(
        "definitions",
        &[
            ("targetNamespace", tns.as_str()),
            ("xmlns", WSDL_NS),
            ("xmlns:soap", WSDL_SOAP_NS),
            ("xmlns:xsd", XSD_NS),
            ("xmlns:fns", &fns),
            ("xmlns:tns", &tns),
            ("xmlns:ens", &ens),
        ],
    );
    let contract = Contract::get();
    let wsdl = Wsdl { dialect, version: version.0, contract };
    xml.open("types");
    wsdl.records(&mut xml, schema);
    wsdl.messages_schema(&mut xml);
    wsdl.faults_schema(&mut xml);
    xml.close();
    wsdl.messages(&mut xml);
    wsdl.port(&mut xml);
    wsdl.binding(&mut xml);
    let location = format!("{origin}/services/Soap/{}/{version}", dialect.letter());
    xml.open_with("service", &[("name", "SforceService")]);
    xml.leaf("documentation", "Sforce SOAP API");
    xml.open_with("port", &[("binding", "tns:SoapBinding"), ("name", "Soap")]);
    xml.empty_with("soap:address", &[("location", &location)]);
    xml.finish()
}

struct Wsdl {
    dialect: Dialect,
    version: u16,
    contract: &'static Contract,
}

impl Wsdl {
    fn calls(&self) -> impl Iterator<Item = &'static Operation> {
        let version = self.version;
        self.contract.calls.iter().filter(move |call| call.is_in(version))
    }

    fn schema(&self, xml: &mut Writer, namespace: &str, imports: &[&str]) {
        let attributes = [("elementFormDefault", "qualified"), ("xmlns", XSD_NS), ("targetNamespace", namespace)];
        xml.open_with("schema", &attributes);
        for import in imports {
            xml.empty_with("import", &[("namespace", import)]);
        }
    }

    /// The type of all records, and in the enterprise dialect the types of the org's objects.
    fn records(&self, xml: &mut Writer, schema: &Schema) {
        self.schema(xml, &self.dialect.record_namespace(), &[&self.dialect.namespace()]);
        let any = |xml: &mut Writer| {
            let attributes = [
                ("namespace", "##targetNamespace"),
                ("minOccurs", "0"),
                ("maxOccurs", "unbounded"),
                ("processContents", "lax"),
            ];
            xml.empty_with("any", &attributes);
        };
        xml.open_with("complexType", &[("name", "sObject")]).open("sequence");
        if self.dialect == Dialect::Partner {
            element(xml, "type", "xsd:string", &[]);
        }
        element(xml, "fieldsToNull", "xsd:string", &["nil", "*"]);
        element(xml, "Id", "tns:ID", &["nil"]);
        if self.dialect == Dialect::Partner {
            any(xml);
        }
        xml.close().close();
        if self.dialect == Dialect::Enterprise {
            extension(xml, "AggregateResult", "ens:sObject", any);
            for object in schema.objects().iter().filter(|object| !object.is_removed()) {
                let members = object_members(schema, object);
                extension(xml, &object.name, "ens:sObject", |xml| {
                    for (name, ty) in &members {
                        element(xml, name, ty, &["nil", "?"]);
                    }
                });
            }
        }
        xml.close();
    }

    /// Types, headers, and an element for what each call takes and gives.
    fn messages_schema(&self, xml: &mut Writer) {
        self.schema(xml, &self.dialect.namespace(), &[&self.dialect.record_namespace()]);
        xml.open_with("simpleType", &[("name", "ID")]).open_with("restriction", &[("base", "xsd:string")]);
        xml.empty_with("length", &[("value", "18")]).empty_with("pattern", &[("value", "[a-zA-Z0-9]{18}")]);
        xml.close().close();
        for enumeration in &self.contract.enumerations {
            xml.open_with("simpleType", &[("name", enumeration.name)]);
            xml.open_with("restriction", &[("base", "xsd:string")]);
            for value in &enumeration.values {
                xml.empty_with("enumeration", &[("value", value)]);
            }
            xml.close().close();
        }
        for shape in &self.contract.types {
            match shape.base {
                Some(base) => {
                    extension(xml, shape.name, &format!("tns:{base}"), |xml| self.members(xml, &shape.members));
                }
                None => {
                    xml.open_with("complexType", &[("name", shape.name)]);
                    self.sequence(xml, &shape.members);
                    xml.close();
                }
            }
        }
        for header in &self.contract.headers {
            self.element_of(xml, header.name, &header.members);
        }
        for call in self.calls() {
            self.element_of(xml, call.name, &call.input);
            self.element_of(xml, &format!("{}Response", call.name), call.output.as_slice());
        }
        xml.close();
    }

    fn element_of(&self, xml: &mut Writer, name: &str, members: &[Member]) {
        xml.open_with("element", &[("name", name)]).open("complexType");
        self.sequence(xml, members);
        xml.close().close();
    }

    fn sequence(&self, xml: &mut Writer, members: &[Member]) {
        xml.open("sequence");
        self.members(xml, members);
        xml.close();
    }

    fn members(&self, xml: &mut Writer, members: &[Member]) {
        for member in members.iter().filter(|member| member.is_in(self.version)) {
            let mut marks = Vec::new();
            if member.nillable {
                marks.push("nil");
            }
            match (member.many, member.optional) {
                (true, true) => marks.push("*"),
                (true, false) => marks.push("+"),
                (false, true) => marks.push("?"),
                (false, false) => {}
            }
            let prefix = match member.ty {
                "sObject" => "ens",
                ty if XSD.contains(&ty) => "xsd",
                _ => "tns",
            };
            element(xml, member.name, &format!("{prefix}:{}", member.ty), &marks);
        }
    }

    fn faults_schema(&self, xml: &mut Writer) {
        self.schema(xml, &self.dialect.fault_namespace(), &[&self.dialect.namespace()]);
        xml.open_with("simpleType", &[("name", "ExceptionCode")]);
        xml.empty_with("restriction", &[("base", "xsd:string")]).close();
        xml.open_with("complexType", &[("name", "ApiFault")]).open("sequence");
        element(xml, "exceptionCode", "fns:ExceptionCode", &[]);
        element(xml, "exceptionMessage", "xsd:string", &[]);
        element(xml, "extendedErrorDetails", "tns:ExtendedErrorDetails", &["nil", "*"]);
        xml.close().close();
        xml.empty_with("element", &[("name", "fault"), ("type", "fns:ApiFault")]);
        extension(xml, "ApiQueryFault", "fns:ApiFault", |xml| {
            element(xml, "row", "xsd:int", &[]);
            element(xml, "column", "xsd:int", &[]);
        });
        for (kinds, base) in [(&Kind::OF_QUERIES[..], "fns:ApiQueryFault"), (&Kind::OTHERS[..], "fns:ApiFault")] {
            for kind in kinds {
                extension(xml, kind.name(), base, |_| {});
                xml.empty_with("element", &[("name", kind.name()), ("type", &format!("fns:{}", kind.name()))]);
            }
        }
        xml.close();
    }

    fn messages(&self, xml: &mut Writer) {
        let part = |xml: &mut Writer, element: &str, name: &str| {
            xml.empty_with("part", &[("element", element), ("name", name)]);
        };
        xml.open_with("message", &[("name", "Header")]);
        for Shape { name, .. } in &self.contract.headers {
            part(xml, &format!("tns:{name}"), name);
        }
        xml.close();
        for call in self.calls() {
            for (suffix, of) in [("Request", ""), ("Response", "Response")] {
                xml.open_with("message", &[("name", &format!("{}{suffix}", call.name))]);
                part(xml, &format!("tns:{}{of}", call.name), "parameters");
                xml.close();
            }
        }
        for kind in Kind::OF_QUERIES.iter().chain(&Kind::OTHERS) {
            xml.open_with("message", &[("name", kind.name())]);
            part(xml, &format!("fns:{}", kind.name()), "fault");
            xml.close();
        }
    }

    fn port(&self, xml: &mut Writer) {
        xml.open_with("portType", &[("name", "Soap")]);
        for call in self.calls() {
            xml.open_with("operation", &[("name", call.name)]);
            xml.empty_with("input", &[("message", &format!("tns:{}Request", call.name))]);
            xml.empty_with("output", &[("message", &format!("tns:{}Response", call.name))]);
            for fault in &call.faults {
                xml.empty_with("fault", &[("message", &format!("tns:{fault}")), ("name", fault)]);
            }
            xml.close();
        }
        xml.close();
    }

    fn binding(&self, xml: &mut Writer) {
        let header = |xml: &mut Writer, name: &str| {
            xml.empty_with("soap:header", &[("use", "literal"), ("message", "tns:Header"), ("part", name)]);
        };
        xml.open_with("binding", &[("name", "SoapBinding"), ("type", "tns:Soap")]);
        let transport = "http://schemas.xmlsoap.org/soap/http";
        xml.empty_with("soap:binding", &[("style", "document"), ("transport", transport)]);
        for call in self.calls() {
            xml.open_with("operation", &[("name", call.name)]);
            xml.empty_with("soap:operation", &[("soapAction", "")]);
            xml.open("input");
            for name in &call.headers {
                header(xml, name);
            }
            xml.empty_with("soap:body", &[("parts", "parameters"), ("use", "literal")]).close();
            xml.open("output");
            if call.name != "login" {
                header(xml, "LimitInfoHeader");
            }
            xml.empty_with("soap:body", &[("use", "literal")]).close();
            for fault in &call.faults {
                xml.open_with("fault", &[("name", fault)]);
                xml.empty_with("soap:fault", &[("name", fault), ("use", "literal")]).close();
            }
            xml.close();
        }
        xml.close();
    }
}

/// `<element>` with the contract's marks.
fn element(xml: &mut Writer, name: &str, ty: &str, marks: &[&str]) {
    let mut attributes = vec![("name", name), ("type", ty)];
    for mark in marks {
        match *mark {
            "nil" => attributes.push(("nillable", "true")),
            "?" => attributes.push(("minOccurs", "0")),
            "*" => attributes.extend([("minOccurs", "0"), ("maxOccurs", "unbounded")]),
            _ => attributes.push(("maxOccurs", "unbounded")),
        }
    }
    xml.empty_with("element", &attributes);
}

fn extension(xml: &mut Writer, name: &str, base: &str, members: impl FnOnce(&mut Writer)) {
    xml.open_with("complexType", &[("name", name)]).open("complexContent");
    xml.open_with("extension", &[("base", base)]).open("sequence");
    members(xml);
    xml.close().close().close().close();
}

/// The members of an object's type by name: fields, parents and children.
fn object_members(schema: &Schema, object: &ObjectType) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    for child in &object.children {
        if let Some(name) = &child.relationship_name {
            members.insert(name.clone(), "tns:QueryResult".to_owned());
        }
    }
    for (_, field) in object.enumerate() {
        if let Some(name) = &field.relationship_name {
            let parent = match field.reference_to.as_slice() {
                [only] => only.as_str(),
                _ => "Name",
            };
            let known = schema.find(parent).map_or("sObject", |(_, facts)| facts.name.as_str());
            members.insert(name.clone(), format!("ens:{known}"));
        }
    }
    for (_, field) in object.enumerate().filter(|(_, field)| field.ty != FieldType::Id) {
        let ty = match field.ty {
            FieldType::Id | FieldType::Reference => "tns:ID",
            FieldType::Boolean => "xsd:boolean",
            FieldType::Int => "xsd:int",
            FieldType::Long => "xsd:long",
            FieldType::Double | FieldType::Currency | FieldType::Percent => "xsd:double",
            FieldType::Date => "xsd:date",
            FieldType::Datetime => "xsd:dateTime",
            FieldType::Time => "xsd:time",
            FieldType::Base64 => "xsd:base64Binary",
            FieldType::Address => "tns:address",
            FieldType::Location => "tns:location",
            FieldType::AnyType => "xsd:anyType",
            _ => "xsd:string",
        };
        members.insert(field.name.clone(), ty.to_owned());
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Element, parse};

    fn wsdl(dialect: Dialect, version: u16) -> Element {
        let text = write(dialect, ApiVersion(version), &crate::schema::standard(), "http://x");
        parse(text.as_bytes()).unwrap()
    }

    fn all<'a>(element: &'a Element, name: &str, found: &mut Vec<&'a Element>) {
        for child in &element.children {
            if child.name == name {
                found.push(child);
            }
            all(child, name, found);
        }
    }

    #[test]
    fn what_was_deleted_is_not_told_of() {
        let mut schema = crate::schema::standard();
        let kind = crate::schema::NameField::Text;
        schema.put(ObjectType::custom("Gone__c", "Gone", "Gone", *b"a00", kind));
        schema.remove("Gone__c");
        let mut account = (**schema.find("Account").unwrap().1).clone();
        let (site, _) = account.field("Site").unwrap();
        account.fields[usize::from(site.0)] = crate::schema::Field::removed();
        schema.replace(account);
        let root = parse(write(Dialect::Enterprise, ApiVersion(64), &schema, "http://x").as_bytes()).unwrap();
        for kind in ["complexType", "element"] {
            let mut defined = Vec::new();
            all(&root, kind, &mut defined);
            assert!(!defined.is_empty());
            assert!(defined.iter().all(|e| e.attribute("", "name") != Some("")), "a {kind} without a name");
        }
    }

    #[test]
    fn every_type_and_message_that_is_named_is_defined() {
        for (dialect, version) in [(Dialect::Partner, 31), (Dialect::Partner, 68), (Dialect::Enterprise, 64)] {
            let root = wsdl(dialect, version);
            let mut defined = Vec::new();
            for name in ["complexType", "simpleType"] {
                all(&root, name, &mut defined);
            }
            let types: Vec<_> = defined.iter().filter_map(|e| e.attribute("", "name")).collect();
            let mut used = Vec::new();
            all(&root, "element", &mut used);
            for ty in used.iter().filter_map(|e| e.attribute("", "type")).filter(|ty| !ty.starts_with("xsd:")) {
                let (_, name) = ty.split_once(':').unwrap();
                assert!(types.contains(&name), "{dialect:?} {version}: {ty}");
            }
            let elements: Vec<_> = used.iter().filter_map(|e| e.attribute("", "name")).collect();
            let mut parts = Vec::new();
            all(&root, "part", &mut parts);
            for element in parts.iter().filter_map(|e| e.attribute("", "element")) {
                assert!(elements.contains(&element.split_once(':').unwrap().1), "{element}");
            }
        }
    }

    #[test]
    fn login_is_gone_from_the_versions_that_have_none() {
        let has_login = |version: u16| {
            let root = wsdl(Dialect::Partner, version);
            let port = root.child("portType").unwrap();
            port.children.iter().any(|o| o.attribute("", "name") == Some("login"))
        };
        assert!(has_login(64) && !has_login(65));
    }

    #[test]
    fn the_enterprise_wsdl_has_the_orgs_objects() {
        let root = wsdl(Dialect::Enterprise, 64);
        let mut types = Vec::new();
        all(&root, "complexType", &mut types);
        let contact = types.iter().find(|e| e.attribute("", "name") == Some("Contact")).unwrap();
        let mut fields = Vec::new();
        all(contact, "element", &mut fields);
        let ty = |name: &str| {
            fields.iter().find(|f| f.attribute("", "name") == Some(name)).and_then(|f| f.attribute("", "type"))
        };
        assert_eq!(ty("Account"), Some("ens:Account"));
        assert_eq!(ty("AccountId"), Some("tns:ID"));
        assert_eq!(ty("Cases"), Some("tns:QueryResult"));
        assert_eq!(ty("MailingAddress"), Some("tns:address"));
        assert_eq!(ty("Birthdate"), Some("xsd:date"));
        assert_eq!(ty("Id"), None);
        let port = root.child("service").unwrap().child("port").unwrap();
        let location = port.child("address").unwrap().attribute("", "location");
        assert_eq!(location, Some("http://x/services/Soap/c/64.0"));
    }
}
