//! Deployments: a zip file of components, saved together or not at all.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_deploy.htm>

mod jobs;
mod message;
mod package;
mod run;

pub use jobs::{DeployJob, Jobs, RetrieveJob};
pub use message::DeployMessage;
use package::Found;
pub(super) use package::files_of;

use serde_json::{Value as Json, json};

use crate::{Millis, RecordId};

/// `DeployOptions`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub struct DeployOptions {
    pub allow_missing_files: bool,
    pub check_only: bool,
    pub ignore_warnings: bool,
    pub purge_on_delete: bool,
    pub rollback_on_error: bool,
    pub single_package: bool,
    pub run_tests: Vec<String>,
    pub test_level: String,
}

impl DeployOptions {
    /// As the REST resource repeats them.
    pub fn json(&self) -> Json {
        json!({
            "allowMissingFiles": self.allow_missing_files,
            "autoUpdatePackage": false,
            "checkOnly": self.check_only,
            "ignoreWarnings": self.ignore_warnings,
            "performRetrieve": false,
            "purgeOnDelete": self.purge_on_delete,
            "rollbackOnError": self.rollback_on_error,
            "runAllTests": self.test_level == "RunAllTestsInOrg",
            "runTests": if self.run_tests.is_empty() { Json::Null } else { json!(self.run_tests) },
            "singlePackage": self.single_package,
            "testLevel": if self.test_level.is_empty() { "NoTestRun" } else { &self.test_level },
        })
    }
}

/// `status` of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub enum DeployStatus {
    Pending,
    InProgress,
    Succeeded,
    SucceededPartial,
    Failed,
    Canceled,
}

impl DeployStatus {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::SucceededPartial => "SucceededPartial",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
        }
    }

    /// Whether nothing comes after it.
    pub fn is_done(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress)
    }
}

/// `DeployResult`: how a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub struct DeployResult {
    pub id: RecordId,
    pub status: DeployStatus,
    pub options: DeployOptions,
    pub created: Millis,
    pub created_by: RecordId,
    pub started: Option<Millis>,
    pub completed: Option<Millis>,
    pub canceled_by: Option<RecordId>,
    pub error: Option<(String, String)>,
    pub messages: Vec<DeployMessage>,
}

impl DeployResult {
    /// As the API shows it. `name_of` gives the name of a user, `time` writes an instant.
    pub fn json(
        &self,
        include_details: bool,
        name_of: impl Fn(RecordId) -> String,
        time: impl Fn(Millis) -> String + Copy,
    ) -> Json {
        // The package file itself is no component.
        let components = || self.messages.iter().filter(|m| !m.component_type.is_empty());
        let errors = self.messages.iter().filter(|m| !m.success).count();
        let deployed = components().filter(|m| m.success).count();
        let mut map = serde_json::Map::new();
        let mut put = |name: &str, value: Json| map.insert(name.to_owned(), value);
        if let Some(by) = self.canceled_by {
            put("canceledBy", by.to_string().into());
            put("canceledByName", name_of(by).into());
        }
        put("checkOnly", self.options.check_only.into());
        if let Some(at) = self.completed {
            put("completedDate", time(at).into());
        }
        put("createdBy", self.created_by.to_string().into());
        put("createdByName", name_of(self.created_by).into());
        put("createdDate", time(self.created).into());
        if include_details {
            put("details", self.details(time));
        }
        put("done", self.status.is_done().into());
        if let Some((code, message)) = &self.error {
            put("errorMessage", message.as_str().into());
            put("errorStatusCode", code.as_str().into());
        }
        put("id", self.id.to_string().into());
        put("ignoreWarnings", self.options.ignore_warnings.into());
        put("lastModifiedDate", time(self.completed.or(self.started).unwrap_or(self.created)).into());
        put("numberComponentErrors", errors.into());
        put("numberComponentsDeployed", deployed.into());
        put(
            "numberComponentsTotal",
            (components().count() + errors - components().filter(|m| !m.success).count()).into(),
        );
        // No Apex is run, so no test is: that is told as it is.
        put("numberTestErrors", 0.into());
        put("numberTestsCompleted", 0.into());
        put("numberTestsTotal", 0.into());
        put("rollbackOnError", self.options.rollback_on_error.into());
        put("runTestsEnabled", false.into());
        if let Some(at) = self.started {
            put("startDate", time(at).into());
        }
        put("status", self.status.name().into());
        let good = matches!(self.status, DeployStatus::Succeeded | DeployStatus::SucceededPartial);
        put("success", good.into());
        Json::Object(map)
    }

    fn details(&self, time: impl Fn(Millis) -> String + Copy) -> Json {
        let shown = |success: bool| -> Vec<Json> {
            self.messages.iter().filter(|m| m.success == success).map(|m| m.json(time)).collect()
        };
        json!({
            "allComponentMessages": [],
            "componentFailures": shown(false),
            "componentSuccesses": shown(true),
            "retrieveResult": null,
            "runTestResult": {
                "apexLogId": null,
                "codeCoverage": [],
                "codeCoverageWarnings": [],
                "failures": [],
                "flowCoverage": [],
                "flowCoverageWarnings": [],
                "numFailures": 0,
                "numTestsRun": 0,
                "successes": [],
                "totalTime": 0.0,
            },
        })
    }
}
