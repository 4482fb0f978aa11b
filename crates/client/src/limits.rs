//! What the org lets us use: the header on every answer, and the `limits` resource.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    call::{Call, decode_json, get},
    error::Error,
    version::ApiVersion,
};

/// API calls of the last 24 hours, from `Sforce-Limit-Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls made by everybody in the org.
    pub used: u64,
    /// Calls allowed.
    pub allowed: u64,
}

impl ApiUsage {
    /// Used as a share of allowed, in percent.
    pub fn percent(&self) -> f64 {
        if self.allowed == 0 {
            return 0.0;
        }
        self.used as f64 * 100.0 / self.allowed as f64
    }

    /// Understands the header's `api-usage=n/m`, among other items in any order.
    pub(crate) fn parse(header: &str) -> Option<ApiUsage> {
        header
            .split([';', ',', ' ', '\t'])
            .find_map(|item| item.strip_prefix("api-usage="))
            .and_then(|figures| figures.split_once('/'))
            .and_then(|(used, allowed)| Some(ApiUsage { used: used.parse().ok()?, allowed: allowed.parse().ok()? }))
    }
}

/// One limit of the org.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Limit {
    /// The most allowed.
    #[serde(rename = "Max")]
    pub max: i64,
    /// What is left; may be negative, and lags some minutes behind.
    #[serde(rename = "Remaining")]
    pub remaining: i64,
}

/// `GET /limits`: every limit by name. The user needs "View Setup and Configuration".
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits;

impl Call for Limits {
    type Reply = BTreeMap<String, Limit>;

    fn what(&self) -> String {
        "reading the org's limits".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/limits", api.base_path()))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Self::Reply, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_header() {
        let cases = [
            ("api-usage=18/5000", Some((18, 5000))),
            ("api-bursts=1/750;api-usage=10018/100000", Some((10018, 100_000))),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", Some((25, 5000))),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=x/y", None),
            ("", None),
        ];
        for (header, expected) in cases {
            let expected = expected.map(|(used, allowed)| ApiUsage { used, allowed });
            assert_eq!(ApiUsage::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn reads_the_resource_with_nested_limits() {
        let body = r#"{"DailyApiRequests":{"Max":15000,"Remaining":14999},"PermissionSets":{"Max":1500,"Remaining":-1,"CreateCustom":{"Max":1000,"Remaining":997}}}"#;
        let limits = Limits.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!(limits["DailyApiRequests"].remaining, 14999);
        assert_eq!(limits["PermissionSets"].remaining, -1);
    }
}
