//! What a signed-in user finds in the org: version, permissions, limits, and the doors that data goes through.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tidegate_client::{ApiVersion, Call, Client, Error, Limits, Record, UserInfo};

use super::findings::{Findings, State};
use crate::failure::Failure;
use crate::output::{counted, grouped};

/// The newest version that Salesforce has announced to remove (deprecated Summer '27, removed Summer '28).
const RETIRING: u16 = 40;
/// Below this share of a limit left, it is worth a word.
const LOW_PERCENT: i64 = 20;

pub(super) async fn check(client: &Client, findings: &mut Findings) {
    version(client, findings);
    user(client, findings).await;
    permissions(client, findings).await;
    limits(client, findings).await;
    bulk(client, findings).await;
    pubsub(client, findings).await;
    selected(client, findings).await;
}

fn version(client: &Client, findings: &mut Findings) {
    let version = client.api_version();
    let text = format!("version {version} is used; this tidegate knows up to {}", ApiVersion::NEWEST);
    let old = version.to_string().split('.').next().and_then(|major| major.parse::<u16>().ok());
    if old.is_some_and(|major| major <= RETIRING) {
        findings.warn("API", text, "versions 31 to 40 are removed with Summer '28: leave api_version out, or raise it");
    } else {
        findings.ok("API", text);
    }
}

async fn user(client: &Client, findings: &mut Findings) {
    let info = match client.send(&UserInfo).await {
        Ok(info) => info,
        Err(error) => return findings.failure("user", State::Warn, &error.into()),
    };
    let soql = format!("SELECT Name, Username, UserType, Profile.Name FROM User WHERE Id = '{}'", info.user_id);
    match client.query_page(soql).await {
        Ok(page) => {
            let row = page.records.into_iter().next().unwrap_or_default();
            let text = |pointer: &str| pointed(&row, pointer).unwrap_or_default();
            let profile = match text("Profile/Name") {
                profile if profile.is_empty() => String::new(),
                profile => format!(", profile {profile}"),
            };
            let org = info.organization_id;
            findings.ok("user", format!("{} ({}{profile}), org {org}", text("Username"), text("Name")));
        }
        Err(error) => findings.failure("user", State::Fail, &error.into()),
    }
}

fn pointed(row: &Record, path: &str) -> Option<String> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let value = row.get(first)?;
    if rest.is_empty() { value.as_str().map(str::to_owned) } else { value.get(rest)?.as_str().map(str::to_owned) }
}

/// What the permissions are called in Setup, and what is lost without them.
const PERMISSIONS: [(&str, &str, State, &str); 4] = [
    ("PermissionsApiEnabled", "API Enabled", State::Fail, "nothing works without it"),
    ("PermissionsViewSetup", "View Setup and Configuration", State::Warn, "`limits` and metadata need it"),
    (
        "PermissionsViewAllData",
        "View All Data",
        State::Warn,
        "without it a copy holds what is shared with this user, and change events may be withheld",
    ),
    ("PermissionsBulkApiHardDelete", "Bulk API Hard Delete", State::Ok, "only hard deletes need it"),
];

async fn permissions(client: &Client, findings: &mut Findings) {
    let granted = match granted(client).await {
        Ok(granted) => granted,
        Err(error) => {
            let advice = "look at the user's profile and permission sets for API Enabled, View Setup and Configuration, \
                          and View All Data";
            let summary = Failure::from(error).summary();
            return findings.warn("permissions", format!("they cannot be read: {summary}"), advice);
        }
    };
    if granted.is_empty() {
        let advice = "look at the user's profile and permission sets for API Enabled and View All Data";
        return findings.warn("permissions", "the org does not say which this user has", advice);
    }
    for (name, label, state, why) in PERMISSIONS {
        match (granted.get(name), state) {
            (Some(true), _) => findings.ok("permission", label),
            (Some(false), State::Fail) => findings.fail("permission", format!("{label} is off: {why}"), &switch(label)),
            (Some(false), State::Warn) => findings.warn("permission", format!("{label} is off: {why}"), &switch(label)),
            (Some(false), State::Ok) => findings.ok("permission", format!("{label} is off: {why}")),
            (None, _) => {}
        }
    }
}

/// What the user may do: from `UserPermissionAccess`, which is about whoever asks; where the org does not have it, from the
/// permission sets of the user, among which is the one of the profile.
async fn granted(client: &Client) -> Result<BTreeMap<&'static str, bool>, Error> {
    let names = PERMISSIONS.map(|(name, ..)| name);
    let fields = names.join(", ");
    let rows = match client.query_page(format!("SELECT {fields} FROM UserPermissionAccess")).await {
        Ok(page) => page.records,
        Err(error) if error.has_code("INVALID_TYPE") => {
            let user = client.user_id().await?;
            let soql = format!(
                "SELECT {fields} FROM PermissionSet WHERE Id IN (SELECT PermissionSetId FROM PermissionSetAssignment \
                 WHERE AssigneeId = '{user}')"
            );
            client.query_page(soql).await?.records
        }
        Err(error) => return Err(error),
    };
    let mut granted = BTreeMap::new();
    for (row, name) in rows.iter().flat_map(|row| names.map(|name| (row, name))) {
        if let Some(has) = row.get(name).and_then(Value::as_bool) {
            *granted.entry(name).or_insert(false) |= has;
        }
    }
    Ok(granted)
}

fn switch(label: &str) -> String {
    format!("Setup > Permission Sets > one of the user's > System Permissions > {label}")
}

async fn limits(client: &Client, findings: &mut Findings) {
    let limits = match client.send(&Limits).await {
        Ok(limits) => limits,
        Err(error) => return findings.failure("limits", State::Warn, &error.into()),
    };
    let wanted = [
        ("DailyApiRequests", "API calls"),
        ("DailyBulkV2QueryJobs", "Bulk query jobs"),
        ("DailyBulkApiBatches", "Bulk ingest batches"),
        ("DailyDeliveredPlatformEvents", "delivered events"),
        ("DataStorageMB", "MB of data storage"),
    ];
    for (name, what) in wanted {
        let Some(limit) = limits.get(name).filter(|limit| limit.max > 0) else { continue };
        let shown = |n: i64| grouped(n.max(0).unsigned_abs());
        let text = format!("{} of {} {what} are left", shown(limit.remaining), shown(limit.max));
        if limit.remaining <= 0 {
            findings.fail("limit", text, "wait until it frees up hour by hour, or buy more");
        } else if limit.remaining * 100 < limit.max * LOW_PERCENT {
            findings.warn("limit", text, "large work may not fit into what is left");
        } else {
            findings.ok("limit", text);
        }
    }
}

/// A GET whose answer is JSON.
struct Look {
    what: &'static str,
    /// Behind `/services/data/vX`.
    path: &'static str,
}

impl Call for Look {
    type Reply = Value;

    fn what(&self) -> String {
        self.what.to_owned()
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let target = format!("/services/data/v{api}{}", self.path);
        Request::get(target)
            .body(Bytes::new())
            .map_err(|error| Error::Config { message: error.to_string(), hint: None })
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Value, Error> {
        serde_json::from_slice(response.body())
            .map_err(|source| Error::Decode { what: self.what(), source: std::sync::Arc::new(source) })
    }
}

async fn bulk(client: &Client, findings: &mut Findings) {
    match client.send(&Look { what: "listing Bulk query jobs", path: "/jobs/query" }).await {
        Ok(_) => findings.ok("Bulk API 2.0", "this user may run jobs"),
        Err(error) => findings.failure("Bulk API 2.0", State::Fail, &error.into()),
    }
}

async fn pubsub(client: &Client, findings: &mut Findings) {
    match client.events().topic("/data/ChangeEvents").await {
        Ok(topic) if topic.can_subscribe => findings.ok("Pub/Sub API", "reached; this user may follow all changes"),
        Ok(_) => findings.warn(
            "Pub/Sub API",
            "reached; this user may not follow /data/ChangeEvents",
            "give the user View All Data, or follow the channels of single objects",
        ),
        Err(error) => {
            let failure = Failure::from(error);
            findings.failure("Pub/Sub API", State::Warn, &failure);
        }
    }
}

/// Which objects raise change events, where this user may see that.
async fn selected(client: &Client, findings: &mut Findings) {
    let path = "/tooling/query?q=SELECT+SelectedEntity+FROM+PlatformEventChannelMember";
    let answer = client.send(&Look { what: "reading the entities that raise change events", path }).await;
    match answer {
        Ok(answer) => {
            let rows = answer.get("records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut names: Vec<&str> = rows.iter().filter_map(|row| row.get("SelectedEntity")?.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            if names.is_empty() {
                let advice = "Setup > Change Data Capture: select the objects to follow; others can only be copied";
                return findings.warn("change events", "no object is selected", advice);
            }
            let count = counted(names.len() as u64, "object");
            let shown: Vec<String> =
                names.iter().take(8).map(|name| name.trim_end_matches("ChangeEvent").to_owned()).collect();
            let more = if names.len() > 8 { ", …" } else { "" };
            findings.ok("change events", format!("{count} selected: {}{more}", shown.join(", ")));
        }
        Err(error) => {
            let failure = Failure::from(error);
            let advice = "look at Setup > Change Data Capture";
            findings.warn("change events", format!("the selection cannot be read: {}", failure.summary()), advice);
        }
    }
}
