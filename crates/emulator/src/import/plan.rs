//! Plans of `sf data import tree`: which trees, in which order.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{ImportError, SourceFile};

/// One step of a plan. `saveRefs` and `resolveRefs` need no obeying: every reference is known to all files.
#[derive(Debug, Deserialize)]
struct Step {
    #[allow(dead_code, reason = "a plan without it is no plan")]
    sobject: String,
    files: Vec<PlannedFile>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PlannedFile {
    Name(String),
    Detailed { file: String },
}

/// The trees among the files, as plans order them; those that no plan names come after, by name.
pub(super) fn order(files: &[SourceFile]) -> Result<Vec<&SourceFile>, ImportError> {
    let json: Vec<&SourceFile> = files.iter().filter(|file| file.ends_with(".json")).collect();
    let (plans, mut trees): (Vec<_>, Vec<_>) = json.into_iter().partition(|file| is_plan(file));
    trees.sort_by(|a, b| a.name.cmp(&b.name));
    let mut ordered = Vec::with_capacity(trees.len());
    for plan in plans {
        let steps: Vec<Step> = serde_json::from_slice(without_mark(&plan.bytes))
            .map_err(|e| ImportError::new(plan, "", format_args!("no plan: {e}")))?;
        let folder = plan.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for name in steps.into_iter().flat_map(|step| step.files) {
            let (PlannedFile::Name(name) | PlannedFile::Detailed { file: name }) = name;
            let whole = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let found = trees.iter().position(|tree| tree.name == whole);
            // Files given one by one come without their folders.
            let found =
                found.or_else(|| trees.iter().position(|tree| tree.base() == name.rsplit('/').next().unwrap_or("")));
            match found {
                Some(at) => ordered.push(trees.remove(at)),
                None => {
                    return Err(ImportError::new(plan, "", format_args!("the file {name} is not among those given")));
                }
            }
        }
    }
    ordered.extend(trees);
    Ok(ordered)
}

/// A plan is an array of steps; a tree is an object.
fn is_plan(file: &SourceFile) -> bool {
    without_mark(&file.bytes).iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
        && matches!(serde_json::from_slice::<Json>(without_mark(&file.bytes)), Ok(Json::Array(steps))
            if steps.iter().all(|step| step.get("sobject").is_some()))
}

/// The text behind a byte-order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
