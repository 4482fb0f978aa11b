//! What a request costs, told from the request itself, so that no call can say anything else than what is sent
//! (SOAP API Developer Guide, "API Request Limits and Allocations"; Bulk API Developer Guide).

use http::Method;
use serde::Deserialize;

/// What a request takes from the org's allowances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// API requests.
    pub requests: u64,
    /// Bulk 2.0 query jobs.
    pub query_jobs: u64,
    /// Bulk 1.0 batches. Those of 2.0 are made by the org, one for each 10,000 rows.
    pub ingest_batches: u64,
    /// Whether it may last 20 seconds or more, and so needs one of the places for long requests.
    pub may_be_long: bool,
}

impl Cost {
    /// What a request costs. `target` is path and query.
    pub fn of(method: &Method, target: &str, body: &[u8]) -> Cost {
        let path = target.split('?').next().unwrap_or(target);
        if let Some(rest) = path.strip_prefix("/services/data/") {
            // The list of versions is free; anything below a version is not.
            return match rest.split_once('/') {
                Some((_, resource)) if !resource.is_empty() => of_data(method, resource, body),
                _ => Cost::default(),
            };
        }
        let one = Cost { requests: 1, ..Cost::default() };
        if path.starts_with("/services/async/") {
            let batch = *method == Method::POST && path.trim_end_matches('/').ends_with("/batch");
            return Cost { ingest_batches: u64::from(batch), ..one };
        }
        if path.starts_with("/services/Soap/") || path.starts_with("/services/apexrest") {
            return Cost { may_be_long: true, ..one };
        }
        // Signing in, who is signed in, and streaming are no API requests.
        Cost::default()
    }

    /// The name under which requests like this one are remembered, for how long they last.
    pub(crate) fn class(method: &Method, target: &str) -> String {
        let path = target.split('?').next().unwrap_or(target);
        let words = path.split('/').filter(|word| !word.is_empty()).map(|word| {
            // Ids and numbers tell requests apart that are alike.
            let is_id = matches!(word.len(), 15 | 18) && word.bytes().any(|b| b.is_ascii_digit());
            if is_id || word.bytes().all(|b| b.is_ascii_digit()) { "*" } else { word }
        });
        let path: Vec<&str> = words.take(8).collect();
        format!("{method} {}", path.join("/"))
    }
}

fn of_data(method: &Method, resource: &str, body: &[u8]) -> Cost {
    let one = Cost { requests: 1, ..Cost::default() };
    let resource = resource.trim_end_matches('/');
    let mut words = resource.split('/');
    let first = words.next().unwrap_or_default();
    let second = words.next();
    match (first, second) {
        // The first page runs the query; the next ones only fetch.
        ("query" | "queryAll" | "search" | "parameterizedSearch", None) => Cost { may_be_long: true, ..one },
        ("tooling", Some("query")) => Cost { may_be_long: true, ..one },
        ("composite", Some("batch")) => Cost { requests: batch_size(body), may_be_long: true, ..one },
        ("composite", _) if *method != Method::GET => Cost { may_be_long: true, ..one },
        ("sobjects", Some(_)) if *method != Method::GET => one,
        ("analytics", _) => Cost { may_be_long: true, ..one },
        ("jobs", Some("query")) if *method == Method::POST => Cost { query_jobs: 1, ..one },
        _ => one,
    }
}

/// Sub-requests of a batch, each of which counts. A body that cannot be read costs the most that it could.
fn batch_size(body: &[u8]) -> u64 {
    const SUBREQUESTS_MAX: u64 = 25;
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Batch {
        batch_requests: Vec<serde::de::IgnoredAny>,
    }
    match serde_json::from_slice::<Batch>(body) {
        Ok(batch) => (batch.batch_requests.len() as u64).max(1),
        Err(_) => SUBREQUESTS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_costs() {
        let batch = r#"{"batchRequests":[{"method":"GET","url":"v66.0/limits"},{"method":"GET","url":"x"},{}]}"#;
        let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
        let cases = [
            (&get, "/services/data", "", 0, 0, 0),
            (&get, "/services/data/", "", 0, 0, 0),
            (&get, "/services/data/v66.0/limits", "", 1, 0, 0),
            (&get, "/services/data/v66.0/query?q=SELECT+Id", "", 1, 0, 0),
            (&get, "/services/data/v66.0/query/01gxx-2000", "", 1, 0, 0),
            (&post, "/services/data/v66.0/composite", "{}", 1, 0, 0),
            (&post, "/services/data/v66.0/composite/graph", "{}", 1, 0, 0),
            (&post, "/services/data/v66.0/composite/sobjects", "{}", 1, 0, 0),
            (&post, "/services/data/v66.0/composite/batch", batch, 3, 0, 0),
            (&post, "/services/data/v66.0/composite/batch", "no json", 25, 0, 0),
            (&post, "/services/data/v66.0/jobs/query", "{}", 1, 1, 0),
            (&get, "/services/data/v66.0/jobs/query/750/results?locator=x", "", 1, 0, 0),
            (&put, "/services/data/v66.0/jobs/ingest/750/batches", "", 1, 0, 0),
            (&post, "/services/async/66.0/job", "", 1, 0, 0),
            (&post, "/services/async/66.0/job/750/batch", "", 1, 0, 1),
            (&get, "/services/async/66.0/job/750/batch", "", 1, 0, 0),
            (&post, "/services/Soap/u/66.0", "", 1, 0, 0),
            (&post, "/services/apexrest/Mine", "", 1, 0, 0),
            (&post, "/services/oauth2/token", "", 0, 0, 0),
            (&get, "/services/oauth2/userinfo", "", 0, 0, 0),
            (&post, "/cometd/66.0/connect", "", 0, 0, 0),
        ];
        for (method, target, body, requests, query_jobs, ingest_batches) in cases {
            let cost = Cost::of(method, target, body.as_bytes());
            assert_eq!(
                (cost.requests, cost.query_jobs, cost.ingest_batches),
                (requests, query_jobs, ingest_batches),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn queries_may_be_long_and_describes_may_not() {
        let long = |method: &Method, target: &str| Cost::of(method, target, b"").may_be_long;
        for target in ["query?q=x", "queryAll?q=x", "search?q=x", "tooling/query?q=x"] {
            assert!(long(&Method::GET, &format!("/services/data/v66.0/{target}")), "{target}");
        }
        for target in ["sobjects/Account/describe", "query/01g-2000", "limits", "sobjects/Account/001xx0000000001AAA"] {
            assert!(!long(&Method::GET, &format!("/services/data/v66.0/{target}")), "{target}");
        }
        assert!(long(&Method::POST, "/services/data/v66.0/composite/sobjects"));
    }

    #[test]
    fn requests_that_are_alike_have_one_name() {
        let class = |target: &str| Cost::class(&Method::GET, target);
        assert_eq!(
            class("/services/data/v66.0/sobjects/Account/001xx0000000001AAA?fields=Id"),
            class("/services/data/v66.0/sobjects/Account/001xx0000000002AAA")
        );
        assert_ne!(class("/services/data/v66.0/limits"), class("/services/data/v66.0/query"));
    }
}
