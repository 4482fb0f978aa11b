//! Records and pages of records, from the form that the query engine gives them.
//!
//! A partner record is `type`, then `Id`, which is there twice when it was asked for and nil when it was not, then the
//! fields in the order of the query. An enterprise record is of its object's own type, with its fields in the order of
//! the WSDL; its `Id` is there once, nil where it was not asked for.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::answer::{any, text};
use super::envelope::Dialect;
use crate::schema::{FieldType, ObjectType, Schema};
use crate::xml::Writer;

/// What it takes to write records.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) dialect: Dialect,
    pub(super) schema: &'a Schema,
    /// Apex types of the columns of a grouped query, by their names.
    pub(super) columns: HashMap<String, String>,
}

/// The type of the rows of a grouped query.
const AGGREGATE: &str = "AggregateResult";

impl Rows<'_> {
    /// `<records>…` of one page: `done`, `queryLocator`, `records`, `size`.
    pub(super) fn page(&self, xml: &mut Writer, name: &str, page: &Map<String, Json>) {
        xml.open_with(name, &[("xsi:type", "QueryResult")]);
        xml.leaf("done", &page.get("done").map_or_else(|| "true".to_owned(), text));
        match page.get("nextRecordsUrl").and_then(Json::as_str).and_then(|url| url.rsplit('/').next()) {
            Some(locator) => xml.leaf("queryLocator", locator),
            None => xml.nil("queryLocator"),
        };
        for record in page.get("records").and_then(Json::as_array).into_iter().flatten() {
            if let Json::Object(record) = record {
                self.record(xml, "records", record);
            }
        }
        xml.leaf("size", &page.get("totalSize").map_or_else(|| "0".to_owned(), text));
        xml.close();
    }

    /// One record as the element `name`.
    pub(super) fn record(&self, xml: &mut Writer, name: &str, record: &Map<String, Json>) {
        let attributes = record.get("attributes");
        let shown = attributes.and_then(|a| a.get("type")).and_then(Json::as_str).unwrap_or("sObject");
        let url = attributes.and_then(|a| a.get("url")).and_then(Json::as_str).unwrap_or_default();
        // A polymorphic parent is shown as a `Name`; its address knows what it is.
        let real = url.rsplit('/').nth(1).filter(|_| shown == "Name").unwrap_or(shown);
        let facts = self.schema.find(real).map(|(_, facts)| facts.as_ref());
        let fields = record.iter().filter(|(field, _)| *field != "attributes");
        if self.dialect == Dialect::Partner {
            xml.open_with(name, &[("xsi:type", "sf:sObject")]).leaf("sf:type", real);
            match record.get("Id") {
                Some(Json::String(id)) => xml.leaf("sf:Id", id),
                _ => xml.nil("sf:Id"),
            };
            for (field, value) in fields {
                self.field(xml, shown, facts, field, value);
            }
        } else {
            xml.open_with(name, &[("xsi:type", &format!("sf:{shown}"))]);
            let mut fields: Vec<_> = fields.collect();
            if !record.contains_key("Id") {
                xml.nil("sf:Id");
            }
            fields.sort_by_key(|(field, _)| (*field != "Id", field.as_str()));
            for (field, value) in fields {
                self.field(xml, shown, facts, field, value);
            }
        }
        xml.close();
    }

    fn field(&self, xml: &mut Writer, shown: &str, facts: Option<&ObjectType>, field: &str, value: &Json) {
        let name = format!("sf:{field}");
        match value {
            Json::Null => {
                xml.nil(&name);
            }
            Json::Object(members) if members.contains_key("records") => self.page(xml, &name, members),
            Json::Object(members) if members.contains_key("attributes") => self.record(xml, &name, members),
            Json::Object(parts) => compound(xml, &name, parts),
            value if shown == AGGREGATE => self.aggregate(xml, &name, field, value),
            value => {
                let ty = facts.and_then(|facts| facts.field(field)).map(|(_, field)| field.ty);
                xml.leaf(&name, &lexical(ty, value));
            }
        }
    }

    /// A column of a grouped query tells its type: no WSDL does.
    fn aggregate(&self, xml: &mut Writer, name: &str, field: &str, value: &Json) {
        let (ty, known) = match self.columns.get(field).map(String::as_str) {
            Some("Datetime") => ("xsd:dateTime", Some(FieldType::Datetime)),
            Some("Date") => ("xsd:date", None),
            Some("Time") => ("xsd:time", None),
            Some("Id") => ("xsd:string", None),
            _ => return any(xml, name, value),
        };
        xml.leaf_with(name, &[("xsi:type", ty)], &lexical(known, value));
    }
}

/// A scalar in the form of XML Schema: instants end in `Z`.
pub(super) fn lexical(ty: Option<FieldType>, value: &Json) -> String {
    let text = text(value);
    match (ty, text.strip_suffix("+0000")) {
        (Some(FieldType::Datetime), Some(instant)) => format!("{instant}Z"),
        _ => text,
    }
}

/// An address or a location: the base type's parts first.
fn compound(xml: &mut Writer, name: &str, parts: &Map<String, Json>) {
    const BASE: [&str; 2] = ["latitude", "longitude"];
    let location = parts.keys().all(|part| BASE.contains(&part.as_str()));
    xml.open_with(name, &[("xsi:type", if location { "location" } else { "address" })]);
    let mut parts: Vec<_> = parts.iter().collect();
    parts.sort_by_key(|(part, _)| (!BASE.contains(&part.as_str()), part.as_str()));
    for (part, value) in parts {
        if value.is_null() {
            xml.nil(part);
        } else {
            xml.leaf(part, &text(value));
        }
    }
    xml.close();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(dialect: Dialect, record: &Json) -> String {
        let schema = crate::schema::standard();
        let columns = HashMap::from([("last".to_owned(), "Datetime".to_owned())]);
        let rows = Rows { dialect, schema: &schema, columns };
        let mut xml = Writer::fragment();
        rows.record(&mut xml, "records", record.as_object().unwrap());
        xml.finish()
    }

    fn contact() -> Json {
        json!({
            "attributes": { "type": "Contact", "url": "/services/data/v64.0/sobjects/Contact/003" },
            "LastName": "A & B", "Id": "003TG0000000001AAA", "CreatedDate": "2026-01-02T03:04:05.000+0000",
            "Description": "2026-01-02T03:04:05.000+0000", "Email": null,
            "Owner": { "attributes": { "type": "Name", "url": "/services/data/v64.0/sobjects/User/005" }, "Name": "Ada" },
            "MailingAddress": { "city": "X", "latitude": 1.5, "street": null },
        })
    }

    #[test]
    fn a_partner_record_has_its_type_and_its_id_twice() {
        let text = written(Dialect::Partner, &contact());
        assert_eq!(
            text,
            "<records xsi:type=\"sf:sObject\"><sf:type>Contact</sf:type><sf:Id>003TG0000000001AAA</sf:Id>\
             <sf:LastName>A &amp; B</sf:LastName><sf:Id>003TG0000000001AAA</sf:Id>\
             <sf:CreatedDate>2026-01-02T03:04:05.000Z</sf:CreatedDate>\
             <sf:Description>2026-01-02T03:04:05.000+0000</sf:Description><sf:Email xsi:nil=\"true\"/>\
             <sf:Owner xsi:type=\"sf:sObject\"><sf:type>User</sf:type><sf:Id xsi:nil=\"true\"/><sf:Name>Ada</sf:Name>\
             </sf:Owner><sf:MailingAddress xsi:type=\"address\"><latitude>1.5</latitude><city>X</city>\
             <street xsi:nil=\"true\"/></sf:MailingAddress></records>"
        );
    }

    #[test]
    fn an_enterprise_record_is_of_its_own_type_in_the_order_of_the_wsdl() {
        let text = written(Dialect::Enterprise, &contact());
        assert!(text.starts_with("<records xsi:type=\"sf:Contact\"><sf:Id>003TG0000000001AAA</sf:Id><sf:CreatedDate>"));
        assert!(
            text.contains("<sf:Owner xsi:type=\"sf:Name\"><sf:Id xsi:nil=\"true\"/><sf:Name>Ada</sf:Name></sf:Owner>")
        );
        assert_eq!(text.matches("<sf:Id>").count(), 1);
    }

    #[test]
    fn columns_of_groups_tell_their_types() {
        let record = json!({
            "attributes": { "type": "AggregateResult" }, "expr0": 5, "expr1": 1.5, "Name": "x",
            "last": "2026-01-02T03:04:05.000+0000", "none": null,
        });
        assert_eq!(
            written(Dialect::Partner, &record),
            "<records xsi:type=\"sf:sObject\"><sf:type>AggregateResult</sf:type><sf:Id xsi:nil=\"true\"/>\
             <sf:expr0 xsi:type=\"xsd:int\">5</sf:expr0><sf:expr1 xsi:type=\"xsd:double\">1.5</sf:expr1>\
             <sf:Name xsi:type=\"xsd:string\">x</sf:Name>\
             <sf:last xsi:type=\"xsd:dateTime\">2026-01-02T03:04:05.000Z</sf:last><sf:none xsi:nil=\"true\"/></records>"
        );
    }
}
