//! API versions: one number in every path, and the call that lists what an org offers.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    call::{Call, decode_json, get},
    error::Error,
};

/// A version of the platform's API, such as 66.0. Salesforce counts in whole numbers, three a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The newest version this library was written and tested against. A newer one is never chosen by itself, because
    /// preview orgs offer versions whose behaviour may still change.
    pub const NEWEST: ApiVersion = ApiVersion(66);

    /// The oldest version this library works with: the list of a query job's result pages came with 58.0.
    pub const OLDEST: ApiVersion = ApiVersion(58);

    /// Version `major`.0.
    pub const fn new(major: u16) -> ApiVersion {
        ApiVersion(major)
    }

    /// The number before the dot.
    pub const fn major(self) -> u16 {
        self.0
    }

    /// The root of this version's resources: `/services/data/v66.0`.
    pub fn base_path(self) -> String {
        format!("/services/data/v{self}")
    }

    /// The newest version that both sides know, `None` where there is none.
    pub fn negotiate(offered: &[VersionInfo]) -> Option<ApiVersion> {
        offered
            .iter()
            .filter_map(|info| info.version.parse::<ApiVersion>().ok())
            .filter(|version| (Self::OLDEST..=Self::NEWEST).contains(version))
            .max()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    /// Accepts `66.0`, `66` and `v66.0`.
    fn from_str(text: &str) -> Result<ApiVersion, Error> {
        let digits = text.trim().trim_start_matches(['v', 'V']);
        let digits = digits.strip_suffix(".0").unwrap_or(digits);
        digits.parse().map(ApiVersion).map_err(|_| Error::Config {
            message: format!("`{text}` is no API version"),
            hint: Some("write it like 66.0".into()),
        })
    }
}

/// One entry of the list of versions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct VersionInfo {
    /// The release's name, such as `Spring '26`.
    #[serde(default)]
    pub label: String,
    /// The version's root path.
    #[serde(default)]
    pub url: String,
    /// The number as text, such as `66.0`.
    pub version: String,
}

/// `GET /services/data/`: the versions that an org offers, oldest first. Needs no sign-in and costs no API call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Versions;

impl Call for Versions {
    type Reply = Vec<VersionInfo>;

    fn what(&self) -> String {
        "listing the API versions".into()
    }

    fn request(&self, _: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get("/services/data/".into())
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Self::Reply, Error> {
        decode_json(&self.what(), response.body())
    }

    fn needs_sign_in(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["66.0", "66", "v66.0"] {
            assert_eq!(text.parse::<ApiVersion>().unwrap(), ApiVersion::new(66));
        }
        for text in ["", "x", "66.5", "-1", "99999999"] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
        assert_eq!(ApiVersion::new(66).base_path(), "/services/data/v66.0");
    }

    #[test]
    fn takes_the_newest_version_both_know() {
        let list = |numbers: &[u16]| -> Vec<VersionInfo> {
            numbers
                .iter()
                .map(|n| VersionInfo { label: String::new(), url: String::new(), version: format!("{n}.0") })
                .collect()
        };
        let cases = [
            (vec![31, 64, 66, 67, 68], Some(66)),
            (vec![60, 61, 62], Some(62)),
            (vec![67, 68], None),
            (vec![40, 57], None),
            (vec![], None),
        ];
        for (offered, expected) in cases {
            assert_eq!(ApiVersion::negotiate(&list(&offered)), expected.map(ApiVersion::new), "{offered:?}");
        }
    }

    #[test]
    fn understands_the_list() {
        let body = r#"[{"label":"Summer '14","url":"/services/data/v31.0","version":"31.0"},{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}]"#;
        let reply = Versions.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!(reply.len(), 2);
        let request = Versions.request(ApiVersion::NEWEST).unwrap();
        assert_eq!(request.uri(), "/services/data/");
    }
}
