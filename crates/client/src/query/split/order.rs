//! The order in which the org sorts, as far as it is documented, so that sorted parts can be merged.
//!
//! Numbers, dates, booleans and ids have one order. A picklist sorts by the order of its values in the describe. Text
//! sorts by its upper-cased characters in English locales only; other locales have rules of their own.

use std::cmp::Ordering;
use std::str::FromStr;

use bytes::Bytes;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use tidegate_soql::ast::{self, Direction, FieldPath, Nulls, Operand};

use super::fields::describe;
use crate::{
    call::{Call, decode_json, get},
    client::Client,
    error::Error,
    query::{Record, keyset::relative},
    rest::Describe,
    version::ApiVersion,
};

/// How values of a field compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Exact numbers.
    Number,
    /// Written so that the order of characters is the order of values: dates, datetimes, times, ids.
    Written,
    /// Text of an English locale.
    Text,
    /// The values of a picklist, in order.
    Listed(Vec<String>),
    /// False before true.
    Boolean,
}

/// One key of an order.
#[derive(Clone, Debug)]
pub(super) struct SortKey {
    /// Relative to the object.
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

/// What a field is.
pub(super) struct Resolved {
    pub(super) kind: Kind,
    pub(super) is_reference: bool,
    pub(super) case_sensitive: bool,
}

/// Looks fields up, and remembers the describes.
pub(super) struct Resolver<'a> {
    client: &'a Client,
    tooling: bool,
    known: Vec<Describe>,
    locale: Option<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(client: &'a Client, tooling: bool) -> Resolver<'a> {
        Resolver { client, tooling, known: vec![], locale: None }
    }

    async fn object(&mut self, name: &str) -> Result<&Describe, Error> {
        let place = match self.known.iter().position(|known| known.name.eq_ignore_ascii_case(name)) {
            Some(place) => place,
            None => {
                self.known.push(describe(self.client, name, self.tooling).await?);
                self.known.len() - 1
            }
        };
        self.known.get(place).ok_or_else(|| Error::unexpected("describing", "nothing came"))
    }

    /// The type of a field; the inner error says why its order is not known.
    pub(super) async fn field(
        &mut self,
        query: &ast::Query,
        path: &FieldPath,
    ) -> Result<Result<Resolved, String>, Error> {
        let names: Vec<String> = relative(query, path).iter().map(|name| name.text.clone()).collect();
        let shown = names.join(".");
        let Some((leaf, parents)) = names.split_last() else { return Ok(Err("a path is empty".into())) };
        let mut object = query.from.object.dotted();
        for parent in parents {
            let described = self.object(&object).await?;
            let field = described
                .fields
                .iter()
                .find(|field| field.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(parent)));
            object = match field.map(|field| field.reference_to.as_slice()) {
                Some([one]) => one.clone(),
                Some(_) => return Ok(Err(format!("{shown} leads to several kinds of object"))),
                None => return Ok(Err(format!("{object} has no parent {parent}"))),
            };
        }
        let described = self.object(&object).await?;
        let Some(field) = described.field(leaf) else {
            return Ok(Err(format!("{object} has no field {leaf}")));
        };
        let (case_sensitive, is_reference) = (field.case_sensitive, field.kind == "reference");
        let kind = match field.kind.as_str() {
            "int" | "long" | "double" | "currency" | "percent" => Kind::Number,
            "date" | "datetime" | "time" | "id" | "reference" => Kind::Written,
            "boolean" => Kind::Boolean,
            "picklist" => Kind::Listed(field.picklist_values.iter().map(|entry| entry.value.clone()).collect()),
            "string" | "textarea" | "phone" | "url" | "email" | "combobox" | "encryptedstring" => {
                let locale = self.locale().await?;
                if !locale.starts_with("en") {
                    return Ok(Err(format!(
                        "{shown} is text, which sorts by rules of the user's locale ({locale}) that only the org has"
                    )));
                }
                Kind::Text
            }
            other => return Ok(Err(format!("how {shown} sorts, which is {other}, is not known"))),
        };
        Ok(Ok(Resolved { kind, is_reference, case_sensitive }))
    }

    async fn locale(&mut self) -> Result<String, Error> {
        if let Some(locale) = &self.locale {
            return Ok(locale.clone());
        }
        let locale = self.client.send(&UserLocale).await?;
        self.locale = Some(locale.clone());
        Ok(locale)
    }

    /// The keys of an ORDER BY.
    pub(super) async fn order(&mut self, query: &ast::Query) -> Result<Result<Vec<SortKey>, String>, Error> {
        let mut keys = Vec::new();
        for item in &query.order_by {
            let Operand::Field(path) = &item.key else {
                return Ok(Err("it is ordered by a function".into()));
            };
            let resolved = match self.field(query, path).await? {
                Ok(resolved) => resolved,
                Err(why) => return Ok(Err(format!("it is ordered by {}, and {why}", path.dotted()))),
            };
            keys.push(SortKey {
                path: relative(query, path).iter().map(|name| name.text.clone()).collect(),
                kind: resolved.kind,
                descending: item.direction == Some(Direction::Desc),
                // Documented: it has no effect on references and relationships.
                nulls_last: item.nulls == Some(Nulls::Last)
                    && !resolved.is_reference
                    && relative(query, path).len() == 1,
            });
        }
        Ok(Ok(keys))
    }
}

/// `GET /services/oauth2/userinfo`, for the user's locale.
struct UserLocale;

impl Call for UserLocale {
    type Reply = String;

    fn what(&self) -> String {
        "asking for the user's locale".into()
    }

    fn request(&self, _: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get("/services/oauth2/userinfo".into())
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Reply {
            #[serde(default)]
            locale: Option<String>,
        }
        let reply: Reply = decode_json(&self.what(), response.body())?;
        Ok(reply.locale.unwrap_or_else(|| "unknown".to_owned()))
    }
}

/// The value at a path; `None` where a parent is missing.
pub(super) fn at<'a>(record: &'a Record, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = record
        .get(first)
        .or_else(|| record.iter().find(|(key, _)| key.eq_ignore_ascii_case(first)).map(|(_, value)| value))?;
    if rest.is_empty() { Some(value).filter(|value| !value.is_null()) } else { at(value.as_object()?, rest) }
}

/// Compares two records.
pub(super) fn compare(keys: &[SortKey], a: &Record, b: &Record) -> Result<Ordering, Error> {
    for key in keys {
        match compare_at(key, at(a, &key.path), at(b, &key.path))? {
            Ordering::Equal => {}
            unequal => return Ok(unequal),
        }
    }
    Ok(Ordering::Equal)
}

/// Compares two values in the direction of a key.
pub(super) fn compare_at(key: &SortKey, a: Option<&Value>, b: Option<&Value>) -> Result<Ordering, Error> {
    // Documented: a checkbox of a missing parent is false.
    const FALSE: Value = Value::Bool(false);
    let (a, b) = match key.kind {
        Kind::Boolean => (a.or(Some(&FALSE)), b.or(Some(&FALSE))),
        _ => (a, b),
    };
    let nulls = if key.nulls_last { Ordering::Greater } else { Ordering::Less };
    match (a, b) {
        (None, None) => Ok(Ordering::Equal),
        (None, Some(_)) => Ok(nulls),
        (Some(_), None) => Ok(nulls.reverse()),
        (Some(a), Some(b)) => {
            let order = compare_values(&key.kind, a, b)?;
            Ok(if key.descending { order.reverse() } else { order })
        }
    }
}

/// Compares two values that are not null.
pub(super) fn compare_values(kind: &Kind, a: &Value, b: &Value) -> Result<Ordering, Error> {
    let unlike = || Error::unexpected("joining the parts of a query", "a value is not of its field's type");
    match (kind, a, b) {
        (Kind::Number, Value::Number(a), Value::Number(b)) => match (decimal(a), decimal(b)) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ => Ok(a.as_f64().ok_or_else(unlike)?.total_cmp(&b.as_f64().ok_or_else(unlike)?)),
        },
        (Kind::Written, Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Kind::Text, Value::String(a), Value::String(b)) => Ok(a.chars().map(upper).cmp(b.chars().map(upper))),
        (Kind::Boolean, Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Kind::Listed(values), Value::String(a), Value::String(b)) => {
            let place = |text: &String| {
                values.iter().position(|value| same(value, text)).ok_or_else(|| {
                    Error::unexpected(
                        "joining the parts of a query",
                        format!(
                            "the picklist value {text:?} is not in the describe, so its place in the order is not known"
                        ),
                    )
                })
            };
            if same(a, b) { Ok(Ordering::Equal) } else { Ok(place(a)?.cmp(&place(b)?)) }
        }
        _ => Err(unlike()),
    }
}

/// An exact number, where it is not beyond 28 digits.
pub(super) fn decimal(number: &serde_json::Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// Upper-cased where that is one character: `ß` is not `ss`.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Equal without regard to case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.chars().map(upper).eq(b.chars().map(upper))
}

/// Text as a key that is equal where [`same`] says so.
pub(super) fn folded(text: &str) -> String {
    text.chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kind: Kind, descending: bool, nulls_last: bool) -> SortKey {
        SortKey { path: vec!["A".into()], kind, descending, nulls_last }
    }

    #[test]
    fn values_sort_as_documented() {
        let sorted = |key: &SortKey, values: Value| {
            let mut values: Vec<Value> = values.as_array().unwrap().clone();
            fn some(value: &Value) -> Option<&Value> {
                Some(value).filter(|value| !value.is_null())
            }
            values.sort_by(|a, b| compare_at(key, some(a), some(b)).unwrap());
            Value::Array(values)
        };
        for (key, values, expected) in [
            (key(Kind::Number, false, false), json!([10, null, 9.5, -1]), json!([null, -1, 9.5, 10])),
            (key(Kind::Number, true, false), json!([10, null, 9.5]), json!([null, 10, 9.5])),
            (key(Kind::Number, true, true), json!([null, 9.5, 10]), json!([10, 9.5, null])),
            (key(Kind::Text, false, false), json!(["b", "A", "_", "a_"]), json!(["A", "a_", "b", "_"])),
            (key(Kind::Boolean, false, false), json!([true, false]), json!([false, true])),
            (
                key(Kind::Listed(vec!["New".into(), "Done".into()]), false, false),
                json!(["done", "New"]),
                json!(["New", "done"]),
            ),
        ] {
            assert_eq!(sorted(&key, values), expected, "{key:?}");
        }
        assert_eq!(compare_at(&key(Kind::Boolean, false, false), None, Some(&json!(false))).unwrap(), Ordering::Equal);
        let huge: Value = serde_json::from_str("[123456789012345678901.5, 123456789012345678901.4]").unwrap();
        assert_eq!(compare_values(&Kind::Number, &huge[0], &huge[1]).unwrap(), Ordering::Greater);
        assert!(compare_values(&Kind::Listed(vec![]), &json!("a"), &json!("b")).is_err());
        assert!(compare_values(&Kind::Number, &json!("a"), &json!(1)).is_err());
    }
}
