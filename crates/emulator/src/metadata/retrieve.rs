//! Retrieval: the files of what was asked for, in a zip file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::archive::FILES_MAX;
use super::list::{file_name, org_born};
use super::{FileProperties, FileSet, Manifest, Problem, TypeMembers, list, pack, render, types};
use crate::{Org, RecordId};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetrieveRequest {
    /// API version, such as `66.0`.
    pub api_version: String,
    /// Whether the files stand at the root of the zip file, and not in a folder `unpackaged`.
    pub single_package: bool,
    /// Packages by name: there are none here.
    pub package_names: Vec<String>,
    /// Only these files.
    pub specific_files: Vec<String>,
    /// The components.
    pub unpackaged: Manifest,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveResult {
    /// The zip file.
    pub zip: Arc<[u8]>,
    /// What is in it.
    pub properties: Vec<FileProperties>,
    /// File and problem: what could not be found.
    pub messages: Vec<(String, String)>,
}

/// Retrieves.
///
/// # Errors
/// A package that is not there; too many files.
pub fn retrieve(org: &Org, request: &RetrieveRequest) -> Result<RetrieveResult, Problem> {
    if let Some(name) = request.package_names.first() {
        let message = format!("No package named '{name}' found");
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    }
    let prefix = if request.single_package { "" } else { "unpackaged/" };
    let manifest_name = format!("{prefix}package.xml");
    let mut messages = Vec::new();
    let mut properties: Vec<FileProperties> = Vec::new();
    let mut files = FileSet::new();
    let mut whole: BTreeSet<String> = BTreeSet::new();
    let mut parts: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for wanted in &request.unpackaged.types {
        let Some(kind) = types::known(&wanted.name) else {
            let message = format!("Entity type: '{}' is unknown", wanted.name);
            messages.push((manifest_name.clone(), message));
            continue;
        };
        let all = list(org, kind, None);
        for found in members(kind, wanted, &all, &manifest_name, &mut messages) {
            match kind {
                "CustomObject" => {
                    whole.insert(found.full_name.clone());
                }
                _ if types::part_element(kind).is_some() => {
                    if let Some((object, part)) = found.full_name.split_once('.') {
                        parts.entry(object.to_owned()).or_default().push((kind.to_owned(), part.to_owned()));
                    }
                }
                _ => files.extend(component_files(org, kind, &found.full_name)),
            }
            properties.push(found);
        }
    }
    for name in &whole {
        if let Some(node) = render::object(org, name, None) {
            files.insert(file_name("CustomObject", name), node.sorted().file("CustomObject").into_bytes().into());
        }
    }
    for (object, only) in parts.iter().filter(|(object, _)| !whole.contains(*object)) {
        if let Some(node) = render::object(org, object, Some(only)) {
            files.insert(file_name("CustomObject", object), node.sorted().file("CustomObject").into_bytes().into());
        }
    }
    if !request.specific_files.is_empty() {
        let wanted = |path: &str| request.specific_files.iter().any(|f| f.trim_start_matches("unpackaged/") == path);
        files.retain(|path, _| wanted(path));
        properties.retain(|p| wanted(&p.file_name));
    }
    if files.len() > FILES_MAX {
        let message = format!("Too many files in retrieve call, limit is: {FILES_MAX}");
        return Err(Problem::new("LIMIT_EXCEEDED", message));
    }
    let manifest = manifest_of(&properties, request);
    files.insert("package.xml".into(), manifest.file().into_bytes().into());
    properties.push(manifest_properties(org));
    for found in &mut properties {
        found.file_name = format!("{prefix}{}", found.file_name);
    }
    let files: FileSet = files.into_iter().map(|(path, bytes)| (format!("{prefix}{path}"), bytes)).collect();
    let zip = pack(&files).map_err(|e| Problem::new("UNKNOWN_EXCEPTION", e.to_string()))?;
    Ok(RetrieveResult { zip: zip.into(), properties, messages })
}

/// The components that the members of a type name.
fn members(
    kind: &str,
    wanted: &TypeMembers,
    all: &[FileProperties],
    manifest_name: &str,
    messages: &mut Vec<(String, String)>,
) -> Vec<FileProperties> {
    let mut found: Vec<FileProperties> = Vec::new();
    for member in &wanted.members {
        if member == "*" {
            // The wildcard leaves out standard objects, which must be named.
            let custom = |p: &&FileProperties| kind != "CustomObject" || p.full_name.contains("__");
            let part = types::part_element(kind).is_some() && kind != "CustomField";
            found.extend(all.iter().filter(custom).filter(|_| !part).cloned());
            continue;
        }
        match all.iter().find(|p| p.full_name == *member) {
            Some(one) => found.push(one.clone()),
            None => {
                let message = format!("Entity of type '{kind}' named '{member}' cannot be found");
                messages.push((manifest_name.to_owned(), message));
            }
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|p| seen.insert(p.full_name.clone()));
    found
}

/// The files of a component that has files of its own.
fn component_files(org: &Org, kind: &str, full_name: &str) -> FileSet {
    let mut files = FileSet::new();
    match org.metadata.get(kind, full_name) {
        Some(saved) if !saved.files.is_empty() => {
            files.extend(saved.files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
        }
        _ => {
            if let Some(mut node) = render::component(org, kind, full_name) {
                node.remove("fullName");
                files.insert(file_name(kind, full_name), node.file(kind).into_bytes().into());
            }
        }
    }
    files
}

fn manifest_of(properties: &[FileProperties], request: &RetrieveRequest) -> Manifest {
    let mut by_type: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for found in properties {
        by_type.entry(found.kind).or_default().push(found.full_name.clone());
    }
    let types = by_type
        .into_iter()
        .map(|(name, mut members)| {
            members.sort_unstable();
            TypeMembers { name: name.to_owned(), members, line: 0, column: 0 }
        })
        .collect();
    let given = [&request.unpackaged.version, &request.api_version];
    let version = given.into_iter().find(|v| !v.is_empty()).cloned().unwrap_or_else(|| "66.0".into());
    let version = if version.contains('.') { version } else { format!("{version}.0") };
    Manifest { types, version }
}

fn manifest_properties(org: &Org) -> FileProperties {
    let (born, admin) = (org_born(org), org.settings.admin_id);
    FileProperties {
        kind: "Package",
        full_name: "unpackaged/package.xml".into(),
        file_name: "package.xml".into(),
        id: RecordId::from_bytes([b'0'; 15]),
        created: born,
        created_by: admin,
        modified: born,
        modified_by: admin,
    }
}
