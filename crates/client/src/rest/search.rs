//! Search: SOSL, and plain words with the objects and fields to look in. Source: REST API Developer Guide, "Search" and
//! "Parameterized Search".

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::{Call, decode_json, escape, get, with_json},
    error::Error,
    query::{QUERY_URL_BYTES_MAX, Record},
    version::ApiVersion,
};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The records, of all objects; `attributes.type` tells which.
    #[serde(default, rename = "searchRecords")]
    pub records: Vec<Record>,
    /// What was asked for besides: labels, spelling, data categories.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `GET /search?q=`: a search in SOSL, such as `FIND {Acme} IN NAME FIELDS RETURNING Account(Id, Name)`.
#[derive(Clone, Debug)]
pub struct Search {
    sosl: String,
}

impl Search {
    /// A search in SOSL. Text from outside must be escaped by [`escaped`] before it goes between the braces.
    pub fn new(sosl: impl Into<String>) -> Search {
        Search { sosl: sosl.into() }
    }
}

/// Text made safe between the braces of `FIND {…}`: every character that SOSL gives a meaning to gets its backslash.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r#"?&|!{}[]()^~*:\"'+-"#.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Call for Search {
    type Reply = Found;

    fn what(&self) -> String {
        "searching".into()
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let path = format!("{}/search?q={}", api.base_path(), escape(&self.sosl));
        if path.len() > QUERY_URL_BYTES_MAX {
            return Err(Error::QueryTooLong { bytes: path.len(), max: QUERY_URL_BYTES_MAX, why: None });
        }
        get(path)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Found, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// Where a [`TextSearch`] looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum In {
    /// All text fields.
    All,
    /// Names.
    Name,
    /// Email addresses.
    Email,
    /// Phone numbers.
    Phone,
    /// The fields of the sidebar search.
    Sidebar,
}

/// `POST /parameterizedSearch`: words as a person types them, without any escaping, and what to look for. Reads only.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextSearch {
    q: String,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    scope: Option<In>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    #[serde(rename = "sobjects", skip_serializing_if = "Vec::is_empty")]
    objects: Vec<SearchObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overall_limit: Option<u16>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize)]
struct SearchObject {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
}

impl TextSearch {
    /// Words to look for.
    pub fn new(words: impl Into<String>) -> TextSearch {
        TextSearch {
            q: words.into(),
            scope: None,
            fields: vec![],
            objects: vec![],
            overall_limit: None,
            more: Map::new(),
        }
    }

    /// Which fields are looked in.
    pub fn within(mut self, scope: In) -> TextSearch {
        self.scope = Some(scope);
        self
    }

    /// The fields to return of every object that names none of its own.
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> TextSearch {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// An object to look for, with the fields to return.
    pub fn object<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        fields: impl IntoIterator<Item = S>,
    ) -> TextSearch {
        let fields = fields.into_iter().map(Into::into).collect();
        self.objects.push(SearchObject { name: name.into(), fields, filter: None, limit: None });
        self
    }

    /// A condition for the last object, as in SOQL's WHERE.
    pub fn filter(mut self, condition: impl Into<String>) -> TextSearch {
        if let Some(object) = self.objects.last_mut() {
            object.filter = Some(condition.into());
        }
        self
    }

    /// The most records: of the last object, or before any object in all, up to 2,000.
    pub fn limit(mut self, records: u16) -> TextSearch {
        match self.objects.last_mut() {
            Some(object) => object.limit = Some(records),
            None => self.overall_limit = Some(records),
        }
        self
    }

    /// Any other parameter, such as `spellCorrection` or `snippet`.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> TextSearch {
        self.more.insert(name.into(), value.into());
        self
    }
}

impl Call for TextSearch {
    type Reply = Found;

    fn what(&self) -> String {
        "searching".into()
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        with_json(Method::POST, format!("{}/parameterizedSearch", api.base_path()), self)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Found, Error> {
        decode_json(&self.what(), response.body())
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn searches_are_written_and_understood() {
        let sosl = format!("FIND {{{}}} RETURNING Account(Id)", escaped("A & B {x}"));
        assert_eq!(
            Search::new(sosl).request(V66).unwrap().uri(),
            "/services/data/v66.0/search?q=FIND%20%7BA%20%5C%26%20B%20%5C%7Bx%5C%7D%7D%20RETURNING%20Account%28Id%29"
        );
        let search = TextSearch::new("Smith & {x}")
            .limit(100)
            .within(In::Name)
            .object("Account", ["Id", "Name"])
            .filter("Industry = 'Banking'")
            .limit(20)
            .parameter("spellCorrection", false);
        assert_eq!(
            std::str::from_utf8(search.request(V66).unwrap().body()).unwrap(),
            r#"{"q":"Smith & {x}","in":"NAME","sobjects":[{"name":"Account","fields":["Id","Name"],"where":"Industry = 'Banking'","limit":20}],"overallLimit":100,"spellCorrection":false}"#
        );
        let body = r#"{"searchRecords":[{"attributes":{"type":"Account"},"Id":"001","N":1.50}],"metadata":{"n":[1]}}"#;
        let found = search.reply(Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!((found.records[0]["Id"].as_str(), found.records[0]["N"].to_string()), (Some("001"), "1.50".into()));
        assert_eq!(found.extra["metadata"]["n"][0], 1);
        assert!(search.is_idempotent(&Method::POST));
    }
}
