//! Running a deployment: deletions before, components in the order of what they need, deletions after.

use super::message::DeployMessage;
use super::package::{self, Found};
use super::{DeployOptions, DeployStatus};
use crate::dml::WriteContext;
use crate::metadata::types::Handling;
use crate::metadata::{FileSet, Manifest, Mode, Problem, Severity, Work, apply, object, types, unpack};
use crate::{Millis, Org};

/// What a run comes to.
pub(super) struct Outcome {
    pub(super) status: DeployStatus,
    pub(super) messages: Vec<DeployMessage>,
    pub(super) error: Option<(String, String)>,
}

/// Deploys a zip file to the org; with `check_only` the org stays as it is.
pub(super) fn run(org: &mut Org, zip: &[u8], options: &DeployOptions, context: &WriteContext) -> Outcome {
    let files = match unpack(zip) {
        Ok(files) => files,
        Err(error) => {
            let error = Some(("INVALID_FILE".to_owned(), error.to_string()));
            return Outcome { status: DeployStatus::Failed, messages: Vec::new(), error };
        }
    };
    org.change_metadata(context, |work| {
        let mut running = Running { work, options, now: context.now, messages: Vec::new() };
        for (prefix, files) in packages(&files, options.single_package) {
            running.package(&prefix, &files);
        }
        let failed = running.messages.iter().any(|m| !m.success);
        let saved = running.messages.iter().any(|m| m.success && !m.component_type.is_empty());
        let status = match (failed, options.rollback_on_error || options.check_only) {
            (false, _) => DeployStatus::Succeeded,
            (true, false) if saved => DeployStatus::SucceededPartial,
            (true, _) => DeployStatus::Failed,
        };
        let good = status != DeployStatus::Failed && !options.check_only;
        (good, Outcome { status, messages: running.messages, error: None })
    })
}

/// The packages of a zip file: each with its folder, and its files below it.
fn packages(files: &FileSet, single: bool) -> Vec<(String, FileSet)> {
    if single {
        return vec![(String::new(), files.clone())];
    }
    let mut roots: Vec<String> = files
        .keys()
        .filter_map(|p| p.strip_suffix("package.xml").map(str::to_owned))
        .filter(|r| r.matches('/').count() == 1)
        .collect();
    if roots.is_empty() {
        // A lone folder without package.xml is told about by its missing file.
        roots.push(String::new());
    }
    let below = |root: &str| {
        files.iter().filter_map(|(p, b)| Some((p.strip_prefix(root)?.to_owned(), b.clone()))).collect::<FileSet>()
    };
    roots.iter().map(|root| (root.clone(), below(root))).collect()
}

struct Running<'r, 'o> {
    work: &'r mut Work<'o>,
    options: &'r DeployOptions,
    now: Millis,
    messages: Vec<DeployMessage>,
}

impl Running<'_, '_> {
    fn package(&mut self, prefix: &str, files: &FileSet) {
        let file = |name: &str| Found { full_name: name.into(), file: format!("{prefix}{name}"), ..Found::default() };
        let Some(bytes) = files.get("package.xml") else {
            let problem = Problem::new("INVALID_CROSS_REFERENCE_KEY", "No package.xml found");
            return self.bad(&file("package.xml"), &problem);
        };
        let manifest = match Manifest::parse(bytes) {
            Ok(manifest) => manifest,
            Err(problem) => return self.bad(&file("package.xml"), &problem),
        };
        self.messages.push(DeployMessage::good(&file("package.xml"), self.now));
        self.delete(prefix, files, "destructiveChangesPre.xml");
        self.delete(prefix, files, "destructiveChanges.xml");
        let contents = package::contents(&manifest, files, prefix, self.options.allow_missing_files);
        for (found, problem) in &contents.problems {
            self.bad(found, problem);
        }
        let mut found = contents.found;
        found.sort_by_key(rank);
        self.save_all(found);
        self.delete(prefix, files, "destructiveChangesPost.xml");
    }

    /// Saves the components. One that needs another (a formula over a formula, a lookup to a later object) is tried
    /// again as long as others succeed.
    fn save_all(&mut self, found: Vec<Found>) {
        let mut left = found;
        loop {
            let (mut failed, mut progress) = (Vec::new(), false);
            for found in left {
                match self.save(&found) {
                    Ok(messages) => {
                        progress = true;
                        self.messages.extend(messages);
                    }
                    Err(problem) => failed.push((found, problem)),
                }
            }
            if failed.is_empty() || !progress {
                for (found, problem) in &failed {
                    self.bad(found, problem);
                }
                return;
            }
            left = failed.into_iter().map(|(found, _)| found).collect();
        }
    }

    fn save(&mut self, found: &Found) -> Result<Vec<DeployMessage>, Problem> {
        let savepoint = self.work.savepoint();
        self.work.remarks.clear();
        let result = self.save_component(found);
        let remarks = std::mem::take(&mut self.work.remarks);
        match result {
            Ok(good) => {
                let fatal = remarks.iter().any(|r| r.severity == Severity::Warning) && !self.options.ignore_warnings;
                if fatal {
                    self.work.rollback(savepoint);
                }
                Ok(with_remarks(good, &remarks, fatal))
            }
            Err(problem) => {
                self.work.rollback(savepoint);
                Err(problem)
            }
        }
    }

    fn save_component(&mut self, found: &Found) -> Result<DeployMessage, Problem> {
        let mut good = DeployMessage::good(found, self.now);
        let handling = types::by_name(found.kind).map(|ty| ty.handling);
        if let (Some(element), Some(Handling::Acts) | None) = (&found.element, handling) {
            // An object's parts are components of their own here.
            let saved = match found.kind {
                "CustomObject" => object::save(self.work, &found.full_name, element, Mode::Upsert)?,
                kind => apply::save(self.work, kind, &found.full_name, element, Mode::Upsert)?,
            };
            (good.id, good.created) = (Some(saved.id), saved.created);
            return Ok(good);
        }
        if handling == Some(Handling::NotRun) {
            let message = format!(
                "{} {} is kept as it came; this emulator does not run it. Deploy with ignoreWarnings to keep it",
                found.kind, found.full_name
            );
            self.work.remarks.push(Problem::warning(message));
        }
        let before = self.work.catalog.get(found.kind, &found.full_name);
        good.created = before.is_none();
        good.changed = before.is_none_or(|before| before.files != found.files);
        let node = found.element.as_deref().map(crate::metadata::Node::from_element).unwrap_or_default();
        good.id = Some(self.work.keep(found.kind, &found.full_name, None, node, found.files.clone()));
        Ok(good)
    }

    fn delete(&mut self, prefix: &str, files: &FileSet, name: &str) {
        let Some(bytes) = files.get(name) else { return };
        let file = Found { full_name: name.into(), file: format!("{prefix}{name}"), ..Found::default() };
        let manifest = match Manifest::parse(bytes) {
            Ok(manifest) => manifest,
            Err(problem) => return self.bad(&file, &problem),
        };
        self.messages.push(DeployMessage::good(&file, self.now));
        let mut doomed: Vec<(&'static str, String)> = Vec::new();
        for wanted in &manifest.types {
            let Some(kind) = types::known(&wanted.name) else {
                let problem =
                    Problem::new("INVALID_TYPE", format!("Unknown type name '{}' specified in {name}", wanted.name));
                self.bad(&file, &Problem { line: wanted.line, column: wanted.column, ..problem });
                continue;
            };
            if wanted.members.iter().any(|m| m == "*") {
                let problem = Problem::new("INVALID_FORMAT", format!("A wildcard is not allowed in {name}"));
                self.bad(&file, &Problem { line: wanted.line, column: wanted.column, ..problem });
                continue;
            }
            doomed.extend(wanted.members.iter().map(|member| (kind, member.clone())));
        }
        // What is made of others goes first: members before channels, fields before objects.
        doomed.sort_by_key(|(kind, _)| match *kind {
            "PlatformEventChannelMember" => 0,
            kind if types::part_element(kind).is_some() => 1,
            "CustomMetadata" => 1,
            "CustomObject" => 3,
            _ => 2,
        });
        let mut left = doomed;
        loop {
            let (mut failed, mut progress) = (Vec::new(), false);
            for (kind, full_name) in left {
                let found = Found { kind, full_name, file: file.file.clone(), ..Found::default() };
                match self.delete_one(&found) {
                    Ok(message) => {
                        progress = true;
                        self.messages.push(message);
                    }
                    Err(problem) => failed.push((found, problem)),
                }
            }
            if failed.is_empty() || !progress {
                for (found, problem) in &failed {
                    self.bad(found, problem);
                }
                return;
            }
            left = failed.into_iter().map(|(found, _)| (found.kind, found.full_name)).collect();
        }
    }

    fn delete_one(&mut self, found: &Found) -> Result<DeployMessage, Problem> {
        let savepoint = self.work.savepoint();
        let mut good = DeployMessage::good(found, self.now);
        match apply::delete(self.work, found.kind, &found.full_name) {
            Ok(id) => {
                (good.id, good.deleted) = (Some(id), true);
                Ok(good)
            }
            Err(problem) if problem.code == "INVALID_CROSS_REFERENCE_KEY" => {
                // Deleting what is not there is a warning, and a real org does not let it fail the deployment.
                self.work.rollback(savepoint);
                let message = format!("No {} named: {} found", found.kind, found.full_name);
                (good.changed, good.problem, good.severity) = (false, Some(message), Severity::Warning);
                Ok(good)
            }
            Err(problem) => {
                self.work.rollback(savepoint);
                Err(problem)
            }
        }
    }

    fn bad(&mut self, found: &Found, problem: &Problem) {
        self.messages.push(DeployMessage::bad(found, problem, self.now));
    }
}

/// A saved component with what is to be said of it: the first remark in its own message, every other in one more.
fn with_remarks(good: DeployMessage, remarks: &[Problem], fatal: bool) -> Vec<DeployMessage> {
    let remark = |problem: &Problem| DeployMessage {
        problem: Some(problem.message.clone()),
        severity: problem.severity,
        line: problem.line,
        column: problem.column,
        success: !(fatal && problem.severity == Severity::Warning),
        changed: good.changed && !fatal,
        ..good.clone()
    };
    if remarks.is_empty() { vec![good] } else { remarks.iter().map(remark).collect() }
}

/// What comes first: value sets, objects, fields by what they need, then the rest.
fn rank(found: &Found) -> u8 {
    let element = found.element.as_deref();
    match found.kind {
        "GlobalValueSet" => 0,
        "CustomObject" => 1,
        "CustomField" if element.is_some_and(|e| e.child("formula").is_some()) => 4,
        "CustomField" if element.is_some_and(|e| e.text_of("type") == Some("Summary")) => 5,
        "CustomField" if element.is_some_and(|e| matches!(e.text_of("type"), Some("Lookup" | "MasterDetail"))) => 3,
        "CustomField" => 2,
        "RecordType" => 6,
        "CustomMetadata" => 8,
        "PlatformEventChannel" => 7,
        "PlatformEventChannelMember" => 9,
        _ => 8,
    }
}
