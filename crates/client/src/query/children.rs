//! Children of a record: the result of a subquery, all of it.

use std::ops::Deref;

use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{QueryMore, Record};
use crate::{client::Client, error::Error};

/// The children that a subquery found, for types that records are read into. A parent without children has none,
/// which the API writes as `null`.
///
/// ```
/// # use serde::Deserialize;
/// use tidegate_client::Children;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Account { name: String, contacts: Children<Contact> }
/// #[derive(Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Contact { last_name: String }
///
/// let text = r#"{"Name":"Acme","Contacts":{"totalSize":1,"done":true,"records":[{"LastName":"Ng"}]}}"#;
/// let account: Account = serde_json::from_str(text)?;
/// assert_eq!(account.contacts[0].last_name, "Ng");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Children<T>(pub Vec<T>);

impl<T> Default for Children<T> {
    fn default() -> Self {
        Children(Vec::new())
    }
}

impl<T> Deref for Children<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> IntoIterator for Children<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Children<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Set<T> {
            records: Vec<T>,
        }
        Ok(Children(Option::<Set<T>>::deserialize(deserializer)?.map(|set| set.records).unwrap_or_default()))
    }
}

/// Whether a record's text can have children that did not fit into the answer. Text values can hold these words with
/// their quotes escaped only, so nothing is missed; a false alarm costs a second look.
pub(super) fn may_be_cut(text: &[u8]) -> bool {
    const MARK: &[u8] = b"\"nextRecordsUrl\"";
    text.windows(MARK.len()).any(|window| window == MARK)
}

/// Reads the rest of each set of children, at any depth.
pub(super) fn complete<'a>(client: &'a Client, record: &'a mut Record) -> BoxFuture<'a, Result<(), Error>> {
    async move {
        for value in record.values_mut() {
            let Value::Object(nested) = value else { continue };
            if nested.get("records").is_some_and(Value::is_array) {
                complete_set(client, nested).await?;
            } else {
                // A parent record cannot have children of its own in the answer, but costs nothing to look at.
                complete(client, nested).await?;
            }
        }
        Ok(())
    }
    .boxed()
}

async fn complete_set(client: &Client, set: &mut Map<String, Value>) -> Result<(), Error> {
    let what = "reading a record's children";
    let mut next = next_of(what, set)?;
    let Some(Value::Array(records)) = set.get_mut("records") else { return Ok(()) };
    while let Some(url) = next {
        let page = client.send(&QueryMore::new(url.as_str())).await?;
        next = page.next(what)?;
        if next.as_deref() == Some(url.as_str()) {
            return Err(Error::unexpected(what, "the next page of the children is the page itself"));
        }
        records.extend(page.records.into_iter().map(Value::Object));
    }
    for record in records {
        if let Value::Object(record) = record {
            complete(client, record).await?;
        }
    }
    set.insert("done".into(), Value::Bool(true));
    set.shift_remove("nextRecordsUrl");
    Ok(())
}

fn next_of(what: &str, set: &Map<String, Value>) -> Result<Option<String>, Error> {
    let url = set.get("nextRecordsUrl").and_then(Value::as_str);
    match (set.get("done").and_then(Value::as_bool), url) {
        (Some(false), Some(url)) => Ok(Some(url.to_owned())),
        (Some(false), None) => Err(Error::unexpected(what, "the page is not the last and names no next one")),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_children_are_none() {
        for (text, expected) in [("null", 0), (r#"{"totalSize":2,"done":true,"records":[1,2]}"#, 2)] {
            let children: Children<u8> = serde_json::from_str(text).unwrap();
            assert_eq!(children.len(), expected);
        }
        assert!(serde_json::from_str::<Children<u8>>(r#"{"records":["x"]}"#).is_err());
    }

    #[test]
    fn words_in_text_raise_no_alarm() {
        assert!(may_be_cut(br#"{"Cs":{"done":false,"nextRecordsUrl":"/services/data/"}}"#));
        assert!(!may_be_cut(br#"{"Name":"\"nextRecordsUrl\""}"#));
    }
}
