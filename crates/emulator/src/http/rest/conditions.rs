//! Conditional requests on records: entity tags (accounts only) and dates of modification.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};

use super::call::{Call, Verb, empty};
use super::describe::{http_date, parse_http_date};
use crate::schema::ObjectId;
use crate::{ApiError, Org, RecordId, Value};

/// What a record's version is known by.
pub(super) struct Version {
    tag: Option<String>,
    /// Seconds since 1970.
    modified: Option<i64>,
}

impl Version {
    /// Of a live record.
    pub(super) fn of(org: &Org, object: ObjectId, id: RecordId) -> Self {
        let facts = org.schema.object(object);
        let Some(row) = org.store.live(object, id) else { return Self { tag: None, modified: None } };
        let modified = facts.field("LastModifiedDate").or_else(|| facts.field("SystemModstamp"));
        let modified = modified.and_then(|(field, _)| match row.get(field) {
            Value::DateTime(ms) => Some(ms.div_euclid(1000)),
            _ => None,
        });
        // Documented: entity tags are for accounts.
        let tag = (facts.name == "Account").then(|| {
            let mut hasher = DefaultHasher::new();
            for (field, value) in row.iter() {
                // A look at a record does not make it another one.
                if !matches!(facts.field_at(field).name.as_str(), "LastViewedDate" | "LastReferencedDate") {
                    (field, format!("{value:?}")).hash(&mut hasher);
                }
            }
            format!("\"{}\"", STANDARD.encode(hasher.finish().to_be_bytes()))
        });
        Self { tag, modified }
    }

    /// The answer where the conditions of the request say so: 304 for a read, 412 for a change.
    pub(super) fn check(&self, call: &Call) -> Result<Option<Response>, ApiError> {
        let reads = call.verb == Verb::Get;
        let date = |name: header::HeaderName| -> Result<Option<i64>, ApiError> {
            let Some(text) = call.header(name.as_str()) else { return Ok(None) };
            match parse_http_date(text) {
                None if !reads => {
                    // Documented is the status; the code is unconfirmed.
                    let message = format!("The {name} header is not a valid date: {text}");
                    Err(ApiError::new("MALFORMED_HEADER", message))
                }
                date => Ok(date),
            }
        };
        let lists = |name: header::HeaderName| {
            let (Some(tags), Some(own)) = (call.header(name.as_str()), self.tag.as_deref()) else { return None };
            Some(tags.split(',').any(|tag| tag.trim() == "*" || plain(tag) == own))
        };
        let since = date(header::IF_MODIFIED_SINCE)?;
        let until = date(header::IF_UNMODIFIED_SINCE)?;
        let failed = || ApiError::new("PRECONDITION_FAILED", "A condition of the request is not met").status(412);
        if lists(header::IF_MATCH) == Some(false) {
            return Err(failed());
        }
        if let (Some(until), Some(modified)) = (until, self.modified)
            && modified > until
        {
            return Err(failed());
        }
        let unchanged = match lists(header::IF_NONE_MATCH) {
            Some(listed) => listed,
            None => since.zip(self.modified).is_some_and(|(since, modified)| modified <= since),
        };
        match (unchanged, reads) {
            (false, _) => Ok(None),
            (true, true) => Ok(Some(self.put_on(empty(304)))),
            (true, false) => Err(failed()),
        }
    }

    /// The same answer, saying which version it shows.
    pub(super) fn put_on(&self, mut response: Response) -> Response {
        if let Some(tag) = self.tag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        if let Some(date) = self.modified.and_then(http_date) {
            response.headers_mut().insert(header::LAST_MODIFIED, date);
        }
        response
    }
}

/// A tag without what compression adds to it: `"abc--gzip"` is `"abc"`.
pub(super) fn plain(tag: &str) -> String {
    let tag = tag.trim().trim_start_matches("W/");
    let inner = tag.trim_matches('"');
    let inner = inner.strip_suffix("--gzip").or_else(|| inner.strip_suffix("-gzip")).unwrap_or(inner);
    format!("\"{inner}\"")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn tags_lose_what_compression_added() {
        for tag in ["\"abc=\"", "\"abc=-gzip\"", "\"abc=--gzip\"", "W/\"abc=\"", " \"abc=\" "] {
            assert_eq!(plain(tag), "\"abc=\"");
        }
    }
}
