//! What the org lets us use: the header on every answer, the `limits` resource, and counts of records.

mod known;
mod usage;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{
    call::{Call, decode_json, get},
    error::Error,
    version::ApiVersion,
};

pub use known::{LimitGroup, about};
pub use usage::ApiUsage;

/// One limit of the org.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// The most allowed.
    pub max: i64,
    /// What is left; may be negative, and lags some minutes behind.
    pub remaining: i64,
    /// Parts of it by name, where the org tells them: those of an app, or of a way to use it.
    pub parts: BTreeMap<String, Limit>,
}

impl Limit {
    /// What is used; more than [`Limit::max`] where the org let that happen.
    pub fn used(&self) -> i64 {
        self.max.saturating_sub(self.remaining)
    }

    /// Used as a share of the most allowed, in percent; `None` where nothing is allowed.
    pub fn percent(&self) -> Option<f64> {
        (self.max > 0).then(|| self.used() as f64 * 100.0 / self.max as f64)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        /// `Max` and `Remaining` among parts by name, and whatever else comes one day.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Item {
            Number(i64),
            Part(Limit),
            Other(IgnoredAny),
        }
        let items = BTreeMap::<String, Item>::deserialize(deserializer)?;
        let mut limit = Limit::default();
        for (name, item) in items {
            match (name.as_str(), item) {
                ("Max", Item::Number(n)) => limit.max = n,
                ("Remaining", Item::Number(n)) => limit.remaining = n,
                (_, Item::Part(part)) => {
                    limit.parts.insert(name, part);
                }
                (_, Item::Number(_) | Item::Other(_)) => {}
            }
        }
        Ok(limit)
    }
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

/// From the record of the organization: how many long requests it takes at once (SOAP API Developer Guide,
/// "Implementation Considerations"): 25 in production orgs and sandboxes, 5 in Developer Edition and trial orgs.
pub(crate) fn long_requests_of(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Page {
        records: Vec<Organization>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Organization {
        organization_type: Option<String>,
        #[serde(default)]
        is_sandbox: Option<bool>,
        #[serde(default)]
        trial_expiration_date: Option<String>,
    }
    let org = serde_json::from_slice::<Page>(body).ok()?.records.into_iter().next()?;
    let sandbox = org.is_sandbox.unwrap_or(false);
    let small = org.organization_type? == "Developer Edition" || org.trial_expiration_date.is_some();
    Some(if small && !sandbox { 5 } else { 25 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> http::Response<Bytes> {
        http::Response::new(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn reads_the_resource_with_nested_limits() {
        let body = r#"{"DailyApiRequests":{"Max":15000,"Remaining":14999,"My App":{"Max":0,"Remaining":0}},"PermissionSets":{"Max":1500,"Remaining":-1,"CreateCustom":{"Max":1000,"Remaining":997}},"New":{"Max":5,"Remaining":5,"Note":"x","Since":2026}}"#;
        let limits = Limits.reply(answer(body)).unwrap();
        assert_eq!(limits["DailyApiRequests"].remaining, 14999);
        assert_eq!((limits["DailyApiRequests"].used(), limits["DailyApiRequests"].parts.len()), (1, 1));
        assert_eq!(limits["PermissionSets"].remaining, -1);
        assert_eq!(limits["PermissionSets"].used(), 1501);
        assert_eq!(limits["PermissionSets"].parts["CreateCustom"].remaining, 997);
        assert_eq!(limits["New"].percent(), Some(0.0));
        assert_eq!(limits["DailyApiRequests"].parts["My App"].percent(), None);
        assert!(Limits.reply(answer("[1]")).is_err());
    }

    #[test]
    fn places_for_long_requests() {
        let of = |kind: &str, sandbox: bool, trial: &str| {
            let body = format!(
                r#"{{"records":[{{"OrganizationType":"{kind}","IsSandbox":{sandbox},"TrialExpirationDate":{trial}}}]}}"#
            );
            long_requests_of(body.as_bytes())
        };
        assert_eq!(of("Enterprise Edition", false, "null"), Some(25));
        assert_eq!(of("Enterprise Edition", true, "null"), Some(25));
        assert_eq!(of("Developer Edition", false, "null"), Some(5));
        assert_eq!(of("Enterprise Edition", false, "\"2026-12-01T00:00:00.000+0000\""), Some(5));
        assert_eq!(long_requests_of(b"{}"), None);
    }
}
