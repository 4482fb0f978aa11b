//! What a deployment came to, from REST's JSON and from SOAP's XML alike. XML writes numbers and booleans as text, and a
//! list of one as one, so all of them are read in either form.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::error::Error;

/// How far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployState {
    /// Waits for others.
    Pending,
    /// Runs.
    InProgress,
    /// Its end is being written; it cannot be cancelled any more.
    FinalizingDeploy,
    /// All of it is done.
    Succeeded,
    /// Some of it is done, the rest failed.
    SucceededPartial,
    /// Nothing was changed.
    Failed,
    /// Is being cancelled.
    Canceling,
    /// Was cancelled.
    Canceled,
    /// One that this library does not know. `done` tells whether it ends there.
    Other(String),
}

impl DeployState {
    fn of(text: &str) -> DeployState {
        match text {
            "Pending" => DeployState::Pending,
            "InProgress" => DeployState::InProgress,
            "FinalizingDeploy" => DeployState::FinalizingDeploy,
            "Succeeded" => DeployState::Succeeded,
            "SucceededPartial" => DeployState::SucceededPartial,
            "Failed" => DeployState::Failed,
            "Canceling" => DeployState::Canceling,
            "Canceled" => DeployState::Canceled,
            other => DeployState::Other(other.to_owned()),
        }
    }

    /// As the API spells it.
    pub fn as_str(&self) -> &str {
        match self {
            DeployState::Pending => "Pending",
            DeployState::InProgress => "InProgress",
            DeployState::FinalizingDeploy => "FinalizingDeploy",
            DeployState::Succeeded => "Succeeded",
            DeployState::SucceededPartial => "SucceededPartial",
            DeployState::Failed => "Failed",
            DeployState::Canceling => "Canceling",
            DeployState::Canceled => "Canceled",
            DeployState::Other(other) => other,
        }
    }
}

impl fmt::Display for DeployState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for DeployState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DeployState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DeployState, D::Error> {
        Ok(DeployState::of(&String::deserialize(deserializer)?))
    }
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployResult {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub status: DeployState,
    /// Whether it has ended.
    #[serde(deserialize_with = "lenient")]
    pub done: bool,
    /// Whether all of it was done, or found good.
    #[serde(default, deserialize_with = "lenient")]
    pub success: bool,
    /// Whether it only validates.
    #[serde(default, deserialize_with = "lenient")]
    pub check_only: bool,
    /// Components that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub number_component_errors: u64,
    /// Components done.
    #[serde(default, deserialize_with = "lenient")]
    pub number_components_deployed: u64,
    /// Components in all; 0 before it begins.
    #[serde(default, deserialize_with = "lenient")]
    pub number_components_total: u64,
    /// Tests that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub number_test_errors: u64,
    /// Tests run.
    #[serde(default, deserialize_with = "lenient")]
    pub number_tests_completed: u64,
    /// Tests in all.
    #[serde(default, deserialize_with = "lenient")]
    pub number_tests_total: u64,
    /// Whether tests run at all.
    #[serde(default, deserialize_with = "lenient")]
    pub run_tests_enabled: bool,
    /// What it is busy with.
    #[serde(default)]
    pub state_detail: Option<String>,
    /// Why it failed as a whole.
    #[serde(default)]
    pub error_message: Option<String>,
    /// The code of that.
    #[serde(default)]
    pub error_status_code: Option<String>,
    /// Who started it.
    #[serde(default)]
    pub created_by_name: Option<String>,
    /// When it was asked for.
    #[serde(default, deserialize_with = "moment")]
    pub created_date: Option<Timestamp>,
    /// When it began.
    #[serde(default, deserialize_with = "moment")]
    pub start_date: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "moment")]
    pub completed_date: Option<Timestamp>,
    /// Messages of components and tests, where they were asked for.
    #[serde(default, deserialize_with = "object")]
    pub details: DeployDetails,
}

/// Messages of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeployDetails {
    /// What failed.
    #[serde(deserialize_with = "list")]
    pub component_failures: Vec<DeployMessage>,
    /// What was done; may carry warnings.
    #[serde(deserialize_with = "list")]
    pub component_successes: Vec<DeployMessage>,
    /// What the tests came to.
    #[serde(deserialize_with = "object")]
    pub run_test_result: RunTestResult,
}

/// What is said of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeployMessage {
    /// The type; `None` for package.xml.
    pub component_type: Option<String>,
    /// The component.
    pub full_name: String,
    /// Its file in the package.
    pub file_name: String,
    /// The line of the problem.
    #[serde(deserialize_with = "number")]
    pub line_number: Option<u64>,
    /// The column of the problem.
    #[serde(deserialize_with = "number")]
    pub column_number: Option<u64>,
    /// The problem.
    pub problem: Option<String>,
    /// `Error`, `Warning` or `Info`.
    pub problem_type: Option<String>,
    /// Whether it was done.
    #[serde(deserialize_with = "lenient")]
    pub success: bool,
    /// Whether it differs from before.
    #[serde(deserialize_with = "lenient")]
    pub changed: bool,
    /// Whether it is new.
    #[serde(deserialize_with = "lenient")]
    pub created: bool,
    /// Whether it was removed.
    #[serde(deserialize_with = "lenient")]
    pub deleted: bool,
}

impl DeployMessage {
    /// `file:line:column: problem`, as compilers say it.
    pub fn line(&self) -> String {
        let mut text = if self.file_name.is_empty() { self.full_name.clone() } else { self.file_name.clone() };
        if let Some(line) = self.line_number {
            text.push_str(&format!(":{line}"));
            if let Some(column) = self.column_number {
                text.push_str(&format!(":{column}"));
            }
        }
        format!("{text}: {}", self.problem.as_deref().unwrap_or("no reason was given"))
    }
}

/// What Apex tests came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunTestResult {
    /// Methods run.
    #[serde(deserialize_with = "lenient")]
    pub num_tests_run: u64,
    /// Methods failed.
    #[serde(deserialize_with = "lenient")]
    pub num_failures: u64,
    /// Milliseconds.
    #[serde(deserialize_with = "lenient")]
    pub total_time: f64,
    /// Those that failed.
    #[serde(deserialize_with = "list")]
    pub failures: Vec<TestOutcome>,
    /// Those that passed.
    #[serde(deserialize_with = "list")]
    pub successes: Vec<TestOutcome>,
    /// Lines that tests run through, by class or trigger.
    #[serde(deserialize_with = "list")]
    pub code_coverage: Vec<CodeCoverage>,
    /// What is said about too little coverage.
    #[serde(deserialize_with = "list")]
    pub code_coverage_warnings: Vec<CoverageWarning>,
}

/// One test method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TestOutcome {
    /// The class.
    pub name: String,
    /// The method.
    pub method_name: Option<String>,
    /// The package's namespace.
    pub namespace: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// Where it failed.
    pub stack_trace: Option<String>,
    /// Milliseconds.
    #[serde(deserialize_with = "lenient")]
    pub time: f64,
}

/// How much of a class or trigger tests run through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodeCoverage {
    /// The class or trigger.
    pub name: String,
    /// The package's namespace.
    pub namespace: Option<String>,
    /// Lines that count.
    #[serde(deserialize_with = "lenient")]
    pub num_locations: u64,
    /// Those that no test reached.
    #[serde(deserialize_with = "lenient")]
    pub num_locations_not_covered: u64,
}

impl CodeCoverage {
    /// The share of lines reached, in percent; 100 where there is none.
    pub fn percent(&self) -> f64 {
        if self.num_locations == 0 {
            return 100.0;
        }
        let reached = self.num_locations.saturating_sub(self.num_locations_not_covered);
        reached as f64 * 100.0 / self.num_locations as f64
    }
}

/// What is said about too little coverage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CoverageWarning {
    /// The class or trigger; `None` for the org as a whole.
    pub name: Option<String>,
    /// What is said.
    pub message: String,
}

impl DeployResult {
    pub(crate) fn read(what: &str, value: Value) -> Result<DeployResult, Error> {
        serde_json::from_value(value).map_err(|source| Error::decode(what, source))
    }
}

/// A number or boolean, also as text; the default for null.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(T::default()),
        Value::String(text) if text.is_empty() => Ok(T::default()),
        Value::String(text) => serde_json::from_str(&text).map_err(serde::de::Error::custom),
        value => serde_json::from_value(value).map_err(serde::de::Error::custom),
    }
}

/// As [`lenient`], with nothing for null and what is no place in a file.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
    .filter(|place| *place > 0))
}

/// A list; one alone counts as a list, null as an empty one.
fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let values = match Value::deserialize(deserializer)? {
        Value::Null => vec![],
        Value::Array(values) => values,
        // An empty element.
        Value::String(text) if text.is_empty() => vec![],
        one => vec![one],
    };
    values.into_iter().map(|value| serde_json::from_value(value).map_err(serde::de::Error::custom)).collect()
}

/// An object; the default for null and for an empty element.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    match Value::deserialize(deserializer)? {
        value @ Value::Object(_) => serde_json::from_value(value).map_err(serde::de::Error::custom),
        _ => Ok(T::default()),
    }
}

/// A time in either spelling of UTC; nothing for what is none, as no decision hangs on it.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Value::String(text) = Value::deserialize(deserializer)? else { return Ok(None) };
    let text = text.strip_suffix("+0000").map_or(text.clone(), |time| format!("{time}Z"));
    Ok(text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::read_xml;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn json_and_xml_say_the_same() {
        let xml = "<result xmlns:xsi=\"i\"><checkOnly>false</checkOnly><completedDate>2026-01-02T03:04:05.000Z</completedDate><details>\
            <componentFailures><changed>false</changed><columnNumber>7</columnNumber><componentType>CustomField</componentType><created>false</created><deleted>false</deleted><fileName>objects/A.object</fileName><fullName>A.B__c</fullName><lineNumber>3</lineNumber><problem>bad</problem><problemType>Error</problemType><success>false</success></componentFailures>\
            <runTestResult><codeCoverage><name>C</name><numLocations>8</numLocations><numLocationsNotCovered>2</numLocationsNotCovered></codeCoverage><failures><message>m</message><methodName>t</methodName><name>C</name><stackTrace>s</stackTrace><time>5.5</time></failures><numFailures>1</numFailures><numTestsRun>2</numTestsRun><totalTime>12.0</totalTime></runTestResult></details>\
            <done>true</done><errorMessage xsi:nil=\"true\"/><id>0Afxx</id><numberComponentErrors>1</numberComponentErrors><numberComponentsTotal>4</numberComponentsTotal><status>Failed</status><success>false</success></result>";
        let from_xml = DeployResult::read("x", read_xml("x", xml.as_bytes()).unwrap().to_json()).unwrap();
        let from_json = DeployResult::read(
            "x",
            json!({"checkOnly": false, "completedDate": "2026-01-02T03:04:05.000+0000", "details": {
                "allComponentMessages": [], "componentSuccesses": [], "retrieveResult": null,
                "componentFailures": [{"changed": false, "columnNumber": 7, "componentType": "CustomField", "created": false, "deleted": false,
                    "fileName": "objects/A.object", "fullName": "A.B__c", "lineNumber": 3, "problem": "bad", "problemType": "Error", "success": false}],
                "runTestResult": {"codeCoverage": [{"name": "C", "numLocations": 8, "numLocationsNotCovered": 2}], "failures": [
                    {"message": "m", "methodName": "t", "name": "C", "stackTrace": "s", "time": 5.5}], "successes": [], "numFailures": 1, "numTestsRun": 2, "totalTime": 12.0}},
                "done": true, "errorMessage": null, "id": "0Afxx", "numberComponentErrors": 1, "numberComponentsTotal": 4, "status": "Failed", "success": false}),
        )
        .unwrap();
        assert_eq!(from_xml, from_json);
        assert_eq!(from_xml.details.component_failures[0].line(), "objects/A.object:3:7: bad");
        assert_eq!(from_xml.details.run_test_result.code_coverage[0].percent(), 75.0);
    }

    #[test]
    fn an_unknown_state_is_kept() {
        let result = DeployResult::read("x", json!({"id": "1", "status": "Resting", "done": false})).unwrap();
        assert_eq!(result.status.to_string(), "Resting");
        assert!(
            DeployResult::read("x", json!({"id": "1", "status": "Failed"})).is_err(),
            "nothing tells whether it ended"
        );
    }

    proptest! {
        #[test]
        fn no_status_panics(text in "(<(result|details|componentFailures|lineNumber|runTestResult|failures|done|id|status|totalTime)/?>|</[a-zA-Z]{1,8}>|true|-?[0-9]{1,30}|e){0,16}") {
            if let Ok(tree) = read_xml("x", format!("<r>{text}</r>").as_bytes()) {
                let _ = DeployResult::read("x", tree.to_json());
            }
        }
    }
}
