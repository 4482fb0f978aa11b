//! A record as the partner API carries it: text with its type left to the reader, null told apart from missing.

use serde_json::{Map, Value};

use super::{
    operation::required,
    xml::{Element, Xml},
};
use crate::error::Error;

/// A record of any object, read or to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoapRecord {
    /// The object's API name; `AggregateResult` for rows of a grouped query.
    pub object: String,
    /// The record's id, where it was selected.
    pub id: Option<String>,
    /// The other fields, in the order of the answer.
    pub fields: Vec<(String, SoapValue)>,
}

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoapValue {
    /// `xsi:nil`: the field has no value. Written, it clears the field.
    Null,
    /// A value in the lexical form of XML Schema: `true`, `12.5`, `2026-01-02T03:04:05.000Z`, `2026-01-02`,
    /// `03:04:05.000Z`, base64.
    Text {
        /// The text.
        text: String,
        /// The `xsi:type` without prefix, where the org gives one (for aggregates and some others).
        kind: Option<String>,
    },
    /// A parent record. Written, it names a parent by an external id.
    Record(Box<SoapRecord>),
    /// The records of a subquery.
    Records(SoapPage),
    /// The parts of an address, a location or a name.
    Parts(Vec<(String, SoapValue)>),
}

/// A page of a query's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapPage {
    /// Whether this is the last page.
    pub done: bool,
    /// What [`super::QueryMore`] takes; `None` on the last page.
    pub locator: Option<String>,
    /// The records of this page.
    pub records: Vec<SoapRecord>,
    /// All matching rows.
    pub size: u64,
}

impl SoapValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> SoapValue {
        SoapValue::Text { text: text.into(), kind: None }
    }

    /// The text of a plain value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            SoapValue::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// As JSON: text stays text, as only describe knows the types.
    pub fn to_json(&self) -> Value {
        match self {
            SoapValue::Null => Value::Null,
            SoapValue::Text { text, .. } => Value::String(text.clone()),
            SoapValue::Record(record) => record.to_json(),
            SoapValue::Records(page) => Value::Array(page.records.iter().map(SoapRecord::to_json).collect()),
            SoapValue::Parts(parts) => {
                Value::Object(parts.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
        }
    }

    fn read(what: &str, element: Element) -> Result<SoapValue, Error> {
        if element.nil {
            return Ok(SoapValue::Null);
        }
        let kind = element.type_local().map(str::to_owned);
        match kind.as_deref() {
            Some("sObject") => return Ok(SoapValue::Record(Box::new(SoapRecord::read(what, element)?))),
            Some("QueryResult") => return Ok(SoapValue::Records(SoapPage::read(what, element)?)),
            _ => {}
        }
        if element.children.is_empty() {
            return Ok(SoapValue::Text { text: element.text, kind });
        }
        let parts = element.children.into_iter().map(|child| {
            let name = child.name.clone();
            Ok((name, SoapValue::read(what, child)?))
        });
        Ok(SoapValue::Parts(parts.collect::<Result<_, Error>>()?))
    }
}

impl From<&str> for SoapValue {
    fn from(text: &str) -> SoapValue {
        SoapValue::text(text)
    }
}

impl From<String> for SoapValue {
    fn from(text: String) -> SoapValue {
        SoapValue::text(text)
    }
}

impl SoapRecord {
    /// A record to be written.
    pub fn new(object: impl Into<String>) -> SoapRecord {
        SoapRecord { object: object.into(), ..SoapRecord::default() }
    }

    /// With its id, for an update.
    pub fn id(mut self, id: impl Into<String>) -> SoapRecord {
        self.id = Some(id.into());
        self
    }

    /// With a field. [`SoapValue::Null`] clears it; text is written as XML Schema has it.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<SoapValue>) -> SoapRecord {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// A field by its name, or by a path such as `Owner.Name`. `None` where it was not selected; [`SoapValue::Null`]
    /// where it, or a parent on the way, has no value.
    pub fn get(&self, path: &str) -> Option<&SoapValue> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let (_, value) = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        match (rest, value) {
            (None, value) | (Some(_), value @ SoapValue::Null) => Some(value),
            (Some(rest), SoapValue::Record(parent)) if rest.eq_ignore_ascii_case("Id") && parent.id.is_none() => None,
            (Some(rest), SoapValue::Record(parent)) => parent.get(rest),
            (Some(rest), SoapValue::Parts(parts)) => {
                parts.iter().find(|(part, _)| part.eq_ignore_ascii_case(rest)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// A plain value's text by name or path, the id included; `None` for null, missing, and what is no text.
    pub fn text(&self, path: &str) -> Option<&str> {
        let (record, name) = match path.rsplit_once('.') {
            None => (self, path),
            Some((parent, name)) if name.eq_ignore_ascii_case("Id") => match self.get(parent)? {
                SoapValue::Record(parent) => (&**parent, name),
                _ => return None,
            },
            Some(_) => return self.get(path)?.as_text(),
        };
        if name.eq_ignore_ascii_case("Id") { record.id.as_deref() } else { record.get(name)?.as_text() }
    }

    /// As JSON, with `attributes.type` as REST has it.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("attributes".into(), serde_json::json!({ "type": self.object }));
        if let Some(id) = &self.id {
            object.insert("Id".into(), Value::String(id.clone()));
        }
        for (name, value) in &self.fields {
            object.insert(name.clone(), value.to_json());
        }
        Value::Object(object)
    }

    /// Understands a record. It begins with `type` and `Id`; where the id was selected it comes twice, otherwise the
    /// one that comes is nil. Aliases and fields may not be called so, so both are taken out.
    pub(crate) fn read(what: &str, element: Element) -> Result<SoapRecord, Error> {
        let mut record = SoapRecord::default();
        for child in element.children {
            match child.name.as_str() {
                "type" if record.object.is_empty() => record.object = child.text,
                "Id" => {
                    if record.id.is_none() && !child.nil && !child.text.is_empty() {
                        record.id = Some(child.text);
                    }
                }
                _ => {
                    let name = child.name.clone();
                    record.fields.push((name, SoapValue::read(what, child)?));
                }
            }
        }
        Ok(record)
    }

    /// Writes a record: type, then the fields to clear, then the id, then the rest, as the schema orders them. An empty
    /// element would not clear a field; `fieldsToNull` does.
    pub(crate) fn write(&self, xml: &mut Xml, name: &str) {
        xml.node(name, |xml| {
            xml.leaf("s:type", &self.object);
            let cleared = self.fields.iter().filter(|(_, value)| *value == SoapValue::Null);
            xml.list("s:fieldsToNull", cleared.map(|(name, _)| name));
            xml.optional("s:Id", self.id.as_deref());
            for (name, value) in &self.fields {
                value.write(xml, &format!("s:{name}"));
            }
        });
    }
}

impl SoapValue {
    fn write(&self, xml: &mut Xml, name: &str) {
        match self {
            // Said by fieldsToNull.
            SoapValue::Null => {}
            SoapValue::Text { text, .. } => xml.leaf(name, text),
            SoapValue::Record(parent) => parent.write(xml, name),
            SoapValue::Parts(parts) => xml.node(name, |xml| {
                for (part, value) in parts {
                    value.write(xml, &format!("s:{part}"));
                }
            }),
            SoapValue::Records(_) => xml.refuse(format!("{name}: records of a subquery cannot be written")),
        }
    }
}

impl SoapPage {
    pub(crate) fn read(what: &str, element: Element) -> Result<SoapPage, Error> {
        let done = element.is("done");
        let size = required(what, &element, "size")?.parse().map_err(|source| Error::decode(what, source))?;
        let locator = element.value("queryLocator").filter(|locator| !locator.is_empty()).map(str::to_owned);
        if !done && locator.is_none() {
            // Taking this for the end would lose rows in silence.
            return Err(Error::unexpected(what, "the page is not the last and names no next one"));
        }
        let records = element.children.into_iter().filter(|child| child.name == "records");
        let records = records.map(|record| SoapRecord::read(what, record)).collect::<Result<_, _>>()?;
        Ok(SoapPage { done, locator: locator.filter(|_| !done), records, size })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::xml::read, *};

    const PAGE: &str = r#"<result xmlns:xsi="i" xmlns:sf="s" xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/>
      <records xsi:type="sf:sObject"><sf:type>Account</sf:type><sf:Id>001xx000003DGb2AAG</sf:Id><sf:Id>001xx000003DGb2AAG</sf:Id><sf:Name>Blue &amp; Kettle</sf:Name><sf:Phone xsi:nil="true"/><sf:Site></sf:Site>
        <sf:Owner xsi:type="sf:sObject"><sf:type>User</sf:type><sf:Id xsi:nil="true"/><sf:Name>Ada Quill</sf:Name></sf:Owner><sf:Parent xsi:nil="true"/>
        <sf:BillingAddress xsi:type="sf:address"><sf:city>Ulm</sf:city><sf:state xsi:nil="true"/></sf:BillingAddress>
        <sf:Contacts xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/><records xsi:type="sf:sObject"><sf:type>Contact</sf:type><sf:Id xsi:nil="true"/><sf:LastName>Ng</sf:LastName></records><size>1</size></sf:Contacts></records>
      <records xsi:type="sf:sObject"><sf:type>AggregateResult</sf:type><sf:Id xsi:nil="true"/><sf:expr0 xsi:type="xsd:int">7</sf:expr0></records><size>2</size></result>"#;

    #[test]
    fn null_empty_and_missing_are_three_things() {
        let page = SoapPage::read("x", read("x", PAGE.as_bytes()).unwrap()).unwrap();
        assert_eq!((page.done, page.size, page.records.len(), page.locator), (true, 2, 2, None));
        let account = &page.records[0];
        assert_eq!((account.object.as_str(), account.id.as_deref()), ("Account", Some("001xx000003DGb2AAG")));
        assert_eq!(account.text("Name"), Some("Blue & Kettle"));
        assert_eq!(account.get("Phone"), Some(&SoapValue::Null));
        assert_eq!(account.text("Site"), Some(""));
        assert_eq!(account.get("Fax"), None);
        assert_eq!(account.text("Owner.Name"), Some("Ada Quill"));
        assert_eq!(account.get("Parent.Owner.Name"), Some(&SoapValue::Null));
        assert_eq!(account.text("BillingAddress.city"), Some("Ulm"));
        let Some(SoapValue::Records(contacts)) = account.get("Contacts") else { panic!("{account:?}") };
        assert_eq!(contacts.records[0].text("LastName"), Some("Ng"));
        let count = page.records[1].get("expr0");
        assert_eq!(count, Some(&SoapValue::Text { text: "7".into(), kind: Some("int".into()) }));
        assert_eq!(page.records[1].id, None);
        assert_eq!(account.to_json()["Contacts"][0]["LastName"], "Ng");
    }

    #[test]
    fn a_page_that_leads_nowhere_is_refused() {
        let cut = "<result><done>false</done><queryLocator/><size>9</size></result>";
        assert!(SoapPage::read("x", read("x", cut.as_bytes()).unwrap()).is_err());
    }

    #[test]
    fn clearing_is_written_before_the_id() {
        let parent = SoapRecord::new("Account").field("Ext_Id__c", "A-17");
        let contact = SoapRecord::new("Contact")
            .id("003x")
            .field("LastName", "Fern")
            .field("Phone", SoapValue::Null)
            .field("Account", SoapValue::Record(Box::new(parent)));
        let mut xml = Xml::default();
        contact.write(&mut xml, "sObjects");
        assert_eq!(
            xml.finish().unwrap(),
            "<sObjects><s:type>Contact</s:type><s:fieldsToNull>Phone</s:fieldsToNull><s:Id>003x</s:Id><s:LastName>Fern</s:LastName>\
             <s:Account><s:type>Account</s:type><s:Ext_Id__c>A-17</s:Ext_Id__c></s:Account></sObjects>"
        );
    }
}
