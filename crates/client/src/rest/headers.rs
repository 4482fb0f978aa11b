//! The headers that change what a call does: duplicate rules, assignment, recently used, conditions, namespaces.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;

use crate::{call::http_date, error::Error};

/// Headers for [`crate::Call::with`]. Source: REST API Developer Guide, "Headers".
#[derive(Clone, Debug, Default)]
pub struct Headers {
    list: Vec<(String, String)>,
    client: Option<String>,
    namespace: Option<String>,
}

/// What duplicate rules may do to a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateRule {
    /// Save although a rule that only alerts finds duplicates. Without it they are refused with `DUPLICATES_DETECTED`.
    pub allow_save: bool,
    /// Give the fields of the duplicates, not only their ids.
    pub include_record_details: bool,
    /// Look with the sharing rules of the signed-in user.
    pub run_as_current_user: bool,
}

/// Which assignment rule runs on a new or changed Account, Case or Lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutoAssign {
    /// The active one, as when nothing is said.
    Active,
    /// None.
    Off,
    /// The one with this id.
    Rule(String),
}

impl Headers {
    /// No headers yet.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Any header. Of one name, the last counts.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Headers {
        self.list.push((name.into(), value.into()));
        self
    }

    /// `Sforce-Duplicate-Rule-Header`, for creates, updates and upserts.
    pub fn duplicate_rule(self, rule: DuplicateRule) -> Headers {
        let value = format!(
            "allowSave={}; includeRecordDetails={}; runAsCurrentUser={}",
            rule.allow_save, rule.include_record_details, rule.run_as_current_user
        );
        self.header("sforce-duplicate-rule-header", value)
    }

    /// `Sforce-Auto-Assign`, for creates and updates of Account, Case and Lead.
    pub fn auto_assign(self, assign: AutoAssign) -> Headers {
        let value = match assign {
            AutoAssign::Active => "TRUE".to_owned(),
            AutoAssign::Off => "FALSE".to_owned(),
            AutoAssign::Rule(id) => id,
        };
        self.header("sforce-auto-assign", value)
    }

    /// `Sforce-Mru`: whether the record counts as recently used by the signed-in user. Programs say `false`.
    pub fn recently_used(self, counts: bool) -> Headers {
        self.header("sforce-mru", format!("updateMru={counts}"))
    }

    /// `Sforce-Call-Options: client=`: another name for this program than the client's own.
    pub fn client_name(mut self, name: impl Into<String>) -> Headers {
        self.client = Some(name.into());
        self
    }

    /// `Sforce-Call-Options: defaultNamespace=`: names without a prefix are those of this package.
    pub fn default_namespace(mut self, namespace: impl Into<String>) -> Headers {
        self.namespace = Some(namespace.into());
        self
    }

    /// `Sforce-Query-Options: batchSize=`: a hint for the rows of a page, 200 to 2,000.
    pub fn page_rows(self, rows: u16) -> Headers {
        self.header("sforce-query-options", format!("batchSize={}", rows.clamp(200, 2000)))
    }

    /// `x-sfdc-packageversion-NAMESPACE`: the version of a package, such as `1.0`, that the call was written for.
    pub fn package_version(self, namespace: &str, version: &str) -> Headers {
        self.header(format!("x-sfdc-packageversion-{}", namespace.to_ascii_lowercase()), version)
    }

    /// `If-Match`: only while the record has this ETag. Salesforce knows ETags of Account records only. Otherwise the
    /// call is refused with status 412.
    pub fn if_match(self, etag: impl Into<String>) -> Headers {
        self.header("if-match", etag)
    }

    /// `If-Unmodified-Since`: only while the record has not changed since, in whole seconds. Otherwise the call is
    /// refused with status 412. A `DELETE` ignores it.
    pub fn if_unmodified_since(self, time: Timestamp) -> Headers {
        self.header("if-unmodified-since", http_date(time))
    }

    pub(crate) fn add_to(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        let mut add = |name: &str, value: &str| {
            let bad = || Error::config(format!("the header `{name}` cannot be written"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            if name == header::AUTHORIZATION {
                return Err(Error::config("the client itself adds the token; Authorization cannot be set"));
            }
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
            Ok(())
        };
        for (name, value) in &self.list {
            add(name, value)?;
        }
        let options = [("client", &self.client), ("defaultNamespace", &self.namespace)];
        let options: Vec<String> =
            options.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect();
        if !options.is_empty() {
            add("sforce-call-options", &options.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiVersion, Call, Create};

    #[test]
    fn headers_are_written_as_documented() {
        let headers = Headers::new()
            .duplicate_rule(DuplicateRule { allow_save: true, ..DuplicateRule::default() })
            .auto_assign(AutoAssign::Off)
            .recently_used(false)
            .default_namespace("battle")
            .client_name("App")
            .package_version("Acme", "1.0")
            .if_match("\"x\"")
            .if_unmodified_since("2026-11-23T15:04:05Z".parse().unwrap());
        let request = Create::new("Lead", serde_json::json!({})).with(headers).request(ApiVersion::new(66)).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(
            header("sforce-duplicate-rule-header"),
            "allowSave=true; includeRecordDetails=false; runAsCurrentUser=false"
        );
        assert_eq!(header("sforce-auto-assign"), "FALSE");
        assert_eq!(header("sforce-mru"), "updateMru=false");
        assert_eq!(header("sforce-call-options"), "client=App, defaultNamespace=battle");
        assert_eq!(header("x-sfdc-packageversion-acme"), "1.0");
        assert_eq!(header("if-match"), "\"x\"");
        assert_eq!(header("if-unmodified-since"), "Mon, 23 Nov 2026 15:04:05 GMT");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_an_error() {
        for (name, value) in [("x y", "1"), ("x", "a\nb"), ("Authorization", "Bearer x")] {
            let call = Create::new("Lead", serde_json::json!({})).with(Headers::new().header(name, value));
            assert!(call.request(ApiVersion::new(66)).is_err(), "{name}");
        }
    }
}
