//! Records as a client sends them: from elements to fields.

use std::sync::Arc;

use super::envelope::Dialect;
use super::fault::{Fault, Kind};
use crate::dml::Input;
use crate::schema::{Field, FieldType, ObjectId, ObjectType};
use crate::xml::Element;
use crate::{ApiError, Org, RecordId};

/// A record, read.
pub(super) struct Given {
    pub(super) object: ObjectId,
    pub(super) facts: Arc<ObjectType>,
    /// `Id`, as it was written.
    pub(super) id: Option<String>,
    /// Fields to set and, from `fieldsToNull`, to clear.
    pub(super) fields: Vec<(String, Input)>,
}

/// How records are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading(pub(super) Dialect);

impl Reading {
    /// Reads a record. Its fields may come in any order.
    ///
    /// # Errors
    /// A fault, as a real org answers it for the whole call: no object, an object or field that is not there.
    pub(super) fn record(self, org: &Org, element: &Element) -> Result<Given, Fault> {
        let name = self.object_name(element).unwrap_or_default();
        if name.is_empty() {
            return Err(Fault::new(Kind::InvalidSObject, "INVALID_TYPE", "Must send a concrete entity type."));
        }
        let Some((object, facts)) = org.schema.find(name) else { return Err(Fault::no_such_object(name)) };
        let mut given = Given { object, facts: Arc::clone(facts), id: None, fields: Vec::new() };
        let mut typed = false;
        for child in &element.children {
            match child.name.as_str() {
                // An object can have a field of this name, too: the first one is the object's.
                "type" if self.0 == Dialect::Partner && !typed => typed = true,
                "fieldsToNull" => {
                    let name = child.trimmed();
                    if !name.is_empty() {
                        known(facts, name)?;
                        given.fields.push((name.to_owned(), Input::Null));
                    }
                }
                "Id" => {
                    if !child.is_nil() && !child.trimmed().is_empty() {
                        given.id = Some(child.trimmed().to_owned());
                    }
                }
                name => {
                    known(facts, name)?;
                    if let Some(input) = self.value(facts, child) {
                        given.fields.push((name.to_owned(), input));
                    }
                }
            }
        }
        Ok(given)
    }

    fn object_name(self, element: &Element) -> Option<&str> {
        match self.0 {
            Dialect::Partner => element.text_of("type"),
            Dialect::Enterprise => element.xsi_type().filter(|name| *name != "sObject"),
        }
    }

    /// The value of a field; `None` for one that says nothing. An empty element and a nil one leave the field as it
    /// is (unconfirmed for nil): `fieldsToNull` clears.
    fn value(self, facts: &ObjectType, element: &Element) -> Option<Input> {
        if element.is_nil() {
            return None;
        }
        if !element.children.is_empty() {
            return Some(self.reference(element));
        }
        let text = element.text.as_str();
        if element.trimmed().is_empty() {
            return None;
        }
        let field = facts.field(&element.name).map(|(_, field)| field);
        Some(Input::Text(field.map_or_else(|| text.to_owned(), |field| lexical(field, text))))
    }

    /// A parent as a record with one of its external ids.
    fn reference(self, element: &Element) -> Input {
        let object = self.object_name(element).map(str::to_owned);
        let mut keys = element.children.iter().filter(|child| {
            let is_type = self.0 == Dialect::Partner && child.name == "type";
            !is_type && child.name != "fieldsToNull" && !child.is_nil() && !child.trimmed().is_empty()
        });
        match (keys.next(), keys.next()) {
            (Some(key), None) => Input::Reference { object, key: key.name.clone(), value: key.trimmed().to_owned() },
            // Not one key: let the rules of references say so.
            (first, _) => {
                let members = first.map(|first| (first.name.clone(), first.trimmed().into()));
                let mut members: serde_json::Map<_, _> = members.into_iter().collect();
                members.extend(keys.map(|key| (key.name.clone(), key.trimmed().into())));
                if members.len() == 1 {
                    members.clear();
                }
                Input::Json(serde_json::Value::Object(members))
            }
        }
    }
}

/// A value from its form in XML Schema into the one that writes take.
fn lexical(field: &Field, text: &str) -> String {
    let trimmed = text.trim();
    match field.ty {
        FieldType::Boolean if trimmed == "1" => "true".to_owned(),
        FieldType::Boolean if trimmed == "0" => "false".to_owned(),
        FieldType::Date => trimmed.get(..10).filter(|_| is_zone(trimmed.get(10..))).unwrap_or(trimmed).to_owned(),
        FieldType::Datetime => match trimmed.split_once('T') {
            Some((_, time)) if !time.contains(['Z', '+', '-']) => format!("{trimmed}Z"),
            _ => trimmed.to_owned(),
        },
        FieldType::Time => {
            let end = trimmed.find(['Z', '+', '-']).unwrap_or(trimmed.len());
            trimmed.get(..end).unwrap_or(trimmed).to_owned()
        }
        _ => text.to_owned(),
    }
}

fn is_zone(rest: Option<&str>) -> bool {
    matches!(rest, Some("Z")) || rest.is_some_and(|rest| rest.len() == 6 && rest.starts_with(['+', '-']))
}

fn known(facts: &ObjectType, name: &str) -> Result<(), Fault> {
    if facts.field(name).is_some() || facts.relationship(name).is_some() {
        return Ok(());
    }
    Err(Fault::no_such_field(&facts.name, name))
}

/// A record's id.
///
/// # Errors
/// `MALFORMED_ID`.
pub(super) fn id(text: &str) -> Result<RecordId, ApiError> {
    RecordId::parse(text.trim()).ok_or_else(|| ApiError::new("MALFORMED_ID", format!("bad id {text}")))
}

/// A record's id and its object.
///
/// # Errors
/// `MALFORMED_ID`, and `INVALID_CROSS_REFERENCE_KEY` for an id of no object of the org.
pub(super) fn id_and_object(org: &Org, text: &str) -> Result<(ObjectId, RecordId), ApiError> {
    let id = id(text)?;
    let object = org.schema.by_prefix(id.prefix());
    object.map(|object| (object, id)).ok_or_else(invalid_reference)
}

/// The error for an id that leads nowhere.
pub(super) fn invalid_reference() -> ApiError {
    ApiError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn read(dialect: Dialect, text: &str) -> Result<Given, Fault> {
        let org = Org { schema: Arc::new(crate::schema::standard()), ..Org::default() };
        let text = format!("<r xmlns:xsi=\"{}\"{text}</r>", crate::xml::XSI);
        Reading(dialect).record(&org, &parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn forms_of_xml_schema_become_those_of_writes() {
        let given = read(
            Dialect::Partner,
            "><type>Lead</type><fieldsToNull>Phone</fieldsToNull><Id xsi:nil=\"true\"/><LastName> a </LastName>\
             <IsConverted>1</IsConverted><EmailBouncedDate>2026-01-02T03:04:05</EmailBouncedDate>\
             <ConvertedDate>2026-01-02+01:00</ConvertedDate><Company/><Fax xsi:nil=\"1\"/><Owner><type>User</type>\
             <Username>a@b.c</Username></Owner>",
        );
        let Ok(given) = given else { panic!("not read") };
        let text = |text: &str| Input::Text(text.into());
        assert_eq!((given.facts.name.as_str(), given.id), ("Lead", None));
        assert_eq!(
            given.fields,
            [
                ("Phone".to_owned(), Input::Null),
                ("LastName".to_owned(), text(" a ")),
                ("IsConverted".to_owned(), text("true")),
                ("EmailBouncedDate".to_owned(), text("2026-01-02T03:04:05Z")),
                ("ConvertedDate".to_owned(), text("2026-01-02")),
                (
                    "Owner".to_owned(),
                    Input::Reference { object: Some("User".into()), key: "Username".into(), value: "a@b.c".into() }
                ),
            ]
        );
    }

    #[test]
    fn an_enterprise_record_is_named_by_its_type() {
        let given = read(Dialect::Enterprise, " xsi:type=\"ens:Contact\"><Id>003</Id><LastName>é</LastName>");
        let Ok(given) = given else { panic!("not read") };
        assert_eq!(given.id.as_deref(), Some("003"));
        assert_eq!(given.fields, [("LastName".to_owned(), Input::Text("é".into()))]);
    }

    #[test]
    fn what_the_org_does_not_have_is_a_fault() {
        for (dialect, text, code) in [
            (Dialect::Partner, ">", "sf:INVALID_TYPE"),
            (Dialect::Partner, "><type>Nothing__c</type>", "sf:INVALID_TYPE"),
            (Dialect::Partner, "><type>Lead</type><Nmae>x</Nmae>", "sf:INVALID_FIELD"),
            (Dialect::Partner, "><type>Lead</type><fieldsToNull>Nmae</fieldsToNull>", "sf:INVALID_FIELD"),
            (Dialect::Enterprise, "><type>Lead</type>", "sf:INVALID_TYPE"),
        ] {
            assert_eq!(read(dialect, text).err().unwrap().code(), code, "{text}");
        }
    }
}
