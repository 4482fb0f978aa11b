//! What has changed and what was deleted in a window of time. Source: REST API Developer Guide, "Get Updated" and "Get
//! Deleted".

use std::collections::HashSet;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::{
    call::{Call, decode_json, escape, get, segment},
    client::Client,
    error::Error,
    version::ApiVersion,
};

/// How far back the org knows changes.
pub const UPDATED_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far back the org knows deletions.
pub const DELETED_BACK: SignedDuration = SignedDuration::from_hours(15 * 24);

/// `GET /sobjects/{object}/updated`: the ids of records made or changed in a window. The org looks at whole minutes of
/// `SystemModstamp`, at most 30 days back. More than 600,000 ids are refused with `EXCEEDED_ID_LIMIT`; [`Client::updated`] halves
/// the window then.
#[derive(Clone, Debug)]
pub struct GetUpdated {
    object: String,
    start: Timestamp,
    end: Timestamp,
}

/// `GET /sobjects/{object}/deleted`: the records deleted in a window, at most 15 days back. Where
/// [`Deleted::earliest_available`] is later than the start, deletions may be missing ([`Deleted::is_complete_from`]).
#[derive(Clone, Debug)]
pub struct GetDeleted {
    object: String,
    start: Timestamp,
    end: Timestamp,
}

impl GetUpdated {
    /// An object and a window of more than a minute. Give [`Updated::latest_covered`] as the next start.
    pub fn new(object: impl Into<String>, start: Timestamp, end: Timestamp) -> GetUpdated {
        GetUpdated { object: object.into(), start, end }
    }
}

impl GetDeleted {
    /// An object and a window of more than a minute. Give [`Deleted::latest_covered`] as the next start.
    pub fn new(object: impl Into<String>, start: Timestamp, end: Timestamp) -> GetDeleted {
        GetDeleted { object: object.into(), start, end }
    }
}

/// The answer of [`GetUpdated`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Updated {
    /// Record ids.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Until when the answer holds: earlier than the end of the window while long transactions run. The next start.
    #[serde(rename = "latestDateCovered", deserialize_with = "moment")]
    pub latest_covered: Timestamp,
}

/// The answer of [`GetDeleted`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// The deleted records.
    #[serde(rename = "deletedRecords", default)]
    pub records: Vec<DeletedRecord>,
    /// The oldest deletion that the org still knows.
    #[serde(rename = "earliestDateAvailable", deserialize_with = "moment")]
    pub earliest_available: Timestamp,
    /// Until when the answer holds. The next start.
    #[serde(rename = "latestDateCovered", deserialize_with = "moment")]
    pub latest_covered: Timestamp,
}

impl Deleted {
    /// Whether the org still knows all deletions since `start`. If not, only a comparison of all ids finds the rest.
    pub fn is_complete_from(&self, start: Timestamp) -> bool {
        self.earliest_available <= start
    }
}

/// One deletion.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedRecord {
    /// Record id.
    pub id: String,
    /// When.
    #[serde(deserialize_with = "moment")]
    pub deleted_date: Timestamp,
}

/// A time of the API, whose offset has no colon.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is no time")))
}

fn window(
    what: &str,
    api: ApiVersion,
    object: &str,
    resource: &str,
    start: Timestamp,
    end: Timestamp,
) -> Result<http::Request<Bytes>, Error> {
    if end.duration_since(start) <= SignedDuration::from_mins(1) {
        return Err(Error::config(format!("{what}: the window must be longer than a minute")));
    }
    let text = |time: Timestamp| escape(&time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string());
    get(format!("{}/sobjects/{}/{resource}?start={}&end={}", api.base_path(), segment(object)?, text(start), text(end)))
}

impl Call for GetUpdated {
    type Reply = Updated;

    fn what(&self) -> String {
        format!("reading what has changed of {}", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        window(&self.what(), api, &self.object, "updated", self.start, self.end)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Updated, Error> {
        decode_json(&self.what(), response.body())
    }
}

impl Call for GetDeleted {
    type Reply = Deleted;

    fn what(&self) -> String {
        format!("reading what was deleted of {}", self.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        window(&self.what(), api, &self.object, "deleted", self.start, self.end)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Deleted, Error> {
        decode_json(&self.what(), response.body())
    }
}

impl Client {
    /// The ids of all records of an object that were made or changed in a window, each once, however many they are: a
    /// window with more than 600,000 is halved until its parts are answered. [`Updated::latest_covered`] is where the
    /// next window begins.
    ///
    /// # Errors
    /// As [`Client::send`], and the org's `EXCEEDED_ID_LIMIT` where two minutes hold too many.
    pub async fn updated(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Updated, Error> {
        let mut seen = HashSet::new();
        let mut windows = vec![(start, end)];
        let mut whole = Updated { ids: vec![], latest_covered: start };
        while let Some((start, end)) = windows.pop() {
            match self.send(&GetUpdated::new(object, start, end)).await {
                Ok(part) => {
                    whole.ids.extend(part.ids.into_iter().filter(|id| seen.insert(id.clone())));
                    whole.latest_covered = part.latest_covered;
                    // What comes after an answer that does not reach its end is for the next time.
                    if part.latest_covered < end {
                        break;
                    }
                }
                Err(error) => windows.extend(halves(start, end, error)?),
            }
        }
        Ok(whole)
    }

    /// The deletions of an object in a window, however many they are: as [`Client::updated`].
    ///
    /// # Errors
    /// As [`Client::updated`].
    pub async fn deleted(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Deleted, Error> {
        let mut windows = vec![(start, end)];
        let mut whole: Option<Deleted> = None;
        while let Some((start, end)) = windows.pop() {
            match self.send(&GetDeleted::new(object, start, end)).await {
                Ok(part) => {
                    let covered = part.latest_covered;
                    match &mut whole {
                        Some(whole) => {
                            whole.records.extend(part.records);
                            whole.latest_covered = covered;
                            whole.earliest_available = whole.earliest_available.max(part.earliest_available);
                        }
                        None => whole = Some(part),
                    }
                    if covered < end {
                        break;
                    }
                }
                Err(error) => windows.extend(halves(start, end, error)?),
            }
        }
        whole
            .ok_or_else(|| Error::unexpected(format!("reading what was deleted of {object}"), "no window was answered"))
    }
}

/// The two halves of a window with too many ids, the earlier last, so that it is asked for first.
fn halves(start: Timestamp, end: Timestamp, error: Error) -> Result<[(Timestamp, Timestamp); 2], Error> {
    let length = end.duration_since(start);
    if !error.has_code("EXCEEDED_ID_LIMIT") || length < SignedDuration::from_mins(4) {
        return Err(error);
    }
    // The org looks at whole minutes.
    let minutes = length.as_mins() / 2;
    let middle = start.checked_add(SignedDuration::from_mins(minutes)).map_err(|_| error)?;
    Ok([(middle, end), (start, middle)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_are_written_and_answers_read() {
        let (start, end) = (time("2026-05-06T00:00:00Z"), time("2026-05-08T21:20:00Z"));
        let updated = GetUpdated::new("Merchandise__c", start, end);
        assert_eq!(
            updated.request(ApiVersion::new(66)).unwrap().uri(),
            "/services/data/v66.0/sobjects/Merchandise__c/updated?start=2026-05-06T00%3A00%3A00%2B00%3A00&end=2026-05-08T21%3A20%3A00%2B00%3A00"
        );
        let answer = |text: &'static str| http::Response::new(Bytes::from_static(text.as_bytes()));
        let reply =
            updated.reply(answer(r#"{"ids":["a00x"],"latestDateCovered":"2026-05-08T21:20:00.000+0000"}"#)).unwrap();
        assert_eq!((reply.ids, reply.latest_covered), (vec!["a00x".to_owned()], end));
        let deleted = GetDeleted::new("Merchandise__c", start, end);
        let reply = deleted
            .reply(answer(r#"{"deletedRecords":[{"id":"a00x","deletedDate":"2026-05-07T22:07:19.000+0000"}],"earliestDateAvailable":"2026-05-03T15:57:00.000+0000","latestDateCovered":"2026-05-08T21:20:00.000+0000"}"#))
            .unwrap();
        assert_eq!(reply.records[0].deleted_date, time("2026-05-07T22:07:19Z"));
        assert!(reply.is_complete_from(start) && !reply.is_complete_from(time("2026-05-01T00:00:00Z")));
        assert!(updated.reply(answer(r#"{"latestDateCovered":"soon"}"#)).is_err());
        let short = GetDeleted::new("A", start, time("2026-05-06T00:01:00Z"));
        assert!(short.request(ApiVersion::new(66)).is_err());
    }
}
