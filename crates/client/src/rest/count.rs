//! How many records objects have, by the org's own estimate. Source: REST API Developer Guide, "Record Count".

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    call::{Call, decode_json, escape, get},
    error::Error,
    version::ApiVersion,
};

/// `GET /limits/recordCount`: cached estimates, for one call however many objects are asked for. Objects that the org
/// does not know, or has not counted yet, are missing in the answer.
#[derive(Clone, Debug, Default)]
pub struct RecordCounts {
    objects: Vec<String>,
}

impl RecordCounts {
    /// Of these objects; of all, when none is named.
    pub fn new<S: Into<String>>(objects: impl IntoIterator<Item = S>) -> RecordCounts {
        RecordCounts { objects: objects.into_iter().map(Into::into).collect() }
    }
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "sObjects", default)]
    objects: Vec<Count>,
}

#[derive(Deserialize)]
struct Count {
    name: String,
    count: u64,
}

impl Call for RecordCounts {
    type Reply = BTreeMap<String, u64>;

    fn what(&self) -> String {
        "reading record counts".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let mut path = format!("{}/limits/recordCount", api.base_path());
        if !self.objects.is_empty() {
            path.push_str("?sObjects=");
            path.push_str(&escape(&self.objects.join(",")));
        }
        get(path)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<BTreeMap<String, u64>, Error> {
        let reply: Reply = decode_json(&self.what(), response.body())?;
        Ok(reply.objects.into_iter().map(|count| (count.name, count.count)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_asked_and_read() {
        let call = RecordCounts::new(["Account", "Contact"]);
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/limits/recordCount?sObjects=Account%2CContact");
        let body = Bytes::from_static(br#"{"sObjects":[{"count":12,"name":"Account"}]}"#);
        assert_eq!(call.reply(http::Response::new(body)).unwrap()["Account"], 12);
    }
}
