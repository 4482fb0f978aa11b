//! `DeployMessage`: what became of one component.

use serde_json::{Map, Value as Json};

use super::Found;
use crate::metadata::{Problem, Severity};
use crate::{Millis, RecordId};

/// What became of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub struct DeployMessage {
    pub changed: bool,
    pub component_type: String,
    pub created: bool,
    pub created_date: Millis,
    pub deleted: bool,
    pub file_name: String,
    pub full_name: String,
    pub id: Option<RecordId>,
    pub line: u32,
    pub column: u32,
    pub problem: Option<String>,
    pub severity: Severity,
    pub success: bool,
}

impl DeployMessage {
    /// A component that was saved or deleted.
    pub(super) fn good(found: &Found, now: Millis) -> Self {
        Self {
            changed: true,
            component_type: found.kind.to_owned(),
            created: false,
            created_date: now,
            deleted: false,
            file_name: found.file.clone(),
            full_name: found.full_name.clone(),
            id: None,
            line: 0,
            column: 0,
            problem: None,
            severity: Severity::Info,
            success: true,
        }
    }

    /// A component with a problem.
    pub(super) fn bad(found: &Found, problem: &Problem, now: Millis) -> Self {
        Self {
            changed: false,
            line: problem.line,
            column: problem.column,
            problem: Some(problem.message.clone()),
            severity: problem.severity,
            success: false,
            ..Self::good(found, now)
        }
    }

    /// As the API shows it.
    pub(super) fn json(&self, time: impl Fn(Millis) -> String) -> Json {
        let mut map = Map::new();
        let mut put = |name: &str, value: Json| map.insert(name.to_owned(), value);
        put("changed", self.changed.into());
        if self.column > 0 && self.problem.is_some() {
            put("columnNumber", self.column.into());
        }
        put("componentType", self.component_type.as_str().into());
        put("created", self.created.into());
        put("createdDate", time(self.created_date).into());
        put("deleted", self.deleted.into());
        put("fileName", self.file_name.as_str().into());
        put("fullName", self.full_name.as_str().into());
        if let Some(id) = self.id {
            put("id", id.to_string().into());
        }
        if self.line > 0 && self.problem.is_some() {
            put("lineNumber", self.line.into());
        }
        if let Some(problem) = &self.problem {
            put("problem", problem.as_str().into());
            put("problemType", self.severity.name().into());
        }
        put("success", self.success.into());
        Json::Object(map)
    }
}
