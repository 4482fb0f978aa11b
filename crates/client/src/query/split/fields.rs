//! `FIELDS()` written out, so that its limit of 200 rows does not apply.

use tidegate_soql::ast::{self, FieldSet, SelectItem};

use super::super::keyset::{own, path};
use crate::{
    call::{Call, decode_json, escape, get},
    client::Client,
    error::Error,
    rest::Describe,
    version::ApiVersion,
};
use bytes::Bytes;

/// Describes an object of the Tooling API.
struct DescribeTooling(String);

impl Call for DescribeTooling {
    type Reply = Describe;

    fn what(&self) -> String {
        format!("describing {}", self.0)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/tooling/sobjects/{}/describe", api.base_path(), escape(&self.0)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Describe, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// The describe of a query's object.
pub(in crate::query) async fn describe(client: &Client, object: &str, tooling: bool) -> Result<Describe, Error> {
    if tooling { client.send(&DescribeTooling(object.to_owned())).await } else { client.describe(object).await }
}

/// Writes each `FIELDS()` of the SELECT list out; tells whether there was one. A field that is also named by itself is
/// selected once.
pub(in crate::query) async fn expand(client: &Client, query: &mut ast::Query, tooling: bool) -> Result<bool, Error> {
    let in_subquery = |item: &SelectItem| match item {
        SelectItem::Subquery(inner) => inner.select.iter().any(|item| matches!(item, SelectItem::Fields(..))),
        _ => false,
    };
    if query.select.iter().any(in_subquery) {
        return Err(Error::config("FIELDS() within a subquery is not written out; name the children's fields"));
    }
    if !query.select.iter().any(|item| matches!(item, SelectItem::Fields(..))) {
        return Ok(false);
    }
    let described = describe(client, &query.from.object.dotted(), tooling).await?;
    let select = std::mem::take(&mut query.select);
    let mut named: Vec<String> = select
        .iter()
        .filter_map(|item| match item {
            SelectItem::Field(path, _) => own(query, path).map(str::to_ascii_lowercase),
            _ => None,
        })
        .collect();
    for item in select {
        let SelectItem::Fields(set, _) = item else {
            query.select.push(item);
            continue;
        };
        for field in &described.fields {
            let wanted = match set {
                FieldSet::All => true,
                FieldSet::Custom => field.custom,
                FieldSet::Standard => !field.custom,
            };
            let name = field.name.to_ascii_lowercase();
            if wanted && !named.contains(&name) {
                named.push(name);
                query.select.push(SelectItem::Field(path(&[&field.name]), None));
            }
        }
    }
    if query.select.is_empty() {
        return Err(Error::config(format!("{} has no fields that this FIELDS() names", described.name)));
    }
    Ok(true)
}
