//! What is in a package: components found in its files, and what its manifest says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::metadata::types::{self, TypeInfo};
use crate::metadata::{FileSet, Manifest, Problem, object};
use crate::xml::{self, Element};

/// A component in the files of a package.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Found {
    pub(super) kind: &'static str,
    pub(super) full_name: String,
    /// The path of its file, from the root of the zip file.
    pub(super) file: String,
    /// What its file says, for a type whose files are read.
    pub(super) element: Option<Arc<Element>>,
    /// Its files below the package, for a type that is kept as it came.
    pub(super) files: Vec<(String, Arc<[u8]>)>,
}

/// The components of a package, and what is wrong with it before any is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub(super) found: Vec<Found>,
    pub(super) problems: Vec<(Found, Problem)>,
}

/// Files of a package that hold no components.
const MANIFESTS: &[&str] =
    &["package.xml", "destructiveChanges.xml", "destructiveChangesPre.xml", "destructiveChangesPost.xml"];

/// Files with their paths, by the full name of the component that they belong to.
type ComponentFiles = BTreeMap<String, Vec<(String, Arc<[u8]>)>>;

/// The files of a type's components, by full name. `files` are those below the package's folder.
pub(in crate::metadata) fn files_of(ty: &TypeInfo, files: &FileSet) -> ComponentFiles {
    let folder = format!("{}/", ty.directory);
    let mut found = ComponentFiles::new();
    for (path, bytes) in files {
        let Some(rest) = path.strip_prefix(&folder) else { continue };
        let Some(name) = component_name(ty, rest) else { continue };
        found.entry(name).or_default().push((path.clone(), bytes.clone()));
    }
    found
}

/// The full name of the component whose file has this path below the type's folder.
fn component_name(ty: &TypeInfo, rest: &str) -> Option<String> {
    if ty.suffix.is_empty() && !ty.in_folder {
        // A bundle: a folder of files.
        return rest.split_once('/').map(|(bundle, _)| bundle.to_owned());
    }
    let path = rest.strip_suffix("-meta.xml").unwrap_or(rest);
    if ty.suffix.is_empty() {
        return Some(path.to_owned());
    }
    let name = path.strip_suffix(ty.suffix).and_then(|name| name.strip_suffix('.'));
    match name {
        Some(name) => Some(name.to_owned()),
        // What tells of a folder itself.
        None if ty.in_folder && rest.ends_with("-meta.xml") => {
            let path = path.split_once('.').map_or(path, |(path, _)| path);
            Some(path.strip_suffix("Folder").unwrap_or(path).to_owned())
        }
        None => None,
    }
}

/// Finds the components of a package. `prefix` is the package's folder in the zip file, with its slash, or empty.
pub(super) fn contents(manifest: &Manifest, files: &FileSet, prefix: &str, allow_missing: bool) -> Contents {
    let mut contents = Contents::default();
    let manifest_file = format!("{prefix}package.xml");
    let package = |problem: Problem| {
        let found = Found { full_name: "package.xml".into(), file: manifest_file.clone(), ..Found::default() };
        (found, problem)
    };
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut objects: BTreeMap<String, Option<Arc<Element>>> = BTreeMap::new();
    // An object's file is named by the object and by each of its parts.
    let mut whole: BTreeSet<String> = BTreeSet::new();
    for wanted in &manifest.types {
        let Some(kind) = types::known(&wanted.name) else {
            let problem =
                Problem::new("INVALID_TYPE", format!("Unknown type name '{}' specified in package.xml", wanted.name));
            let problem = Problem { line: wanted.line, column: wanted.column, ..problem };
            contents.problems.push(package(problem));
            continue;
        };
        if types::part_element(kind).is_some() {
            for member in &wanted.members {
                part(kind, member, files, prefix, &mut objects, &mut used, &mut contents, allow_missing);
            }
            continue;
        }
        let Some(ty) = types::by_name(kind) else { continue };
        let mut there = files_of(ty, files);
        if ty.name == "CustomLabels" || (ty.in_folder && ty.suffix.is_empty()) {
            there.retain(|_, files| !files.is_empty());
        }
        let wildcard = wanted.members.iter().any(|m| m == "*");
        for member in wanted.members.iter().filter(|m| *m != "*") {
            if !there.contains_key(member) && !allow_missing {
                let message = format!(
                    "An object '{member}' of type {kind} was named in package.xml, but was not found in zipped directory"
                );
                let found = Found { kind, full_name: member.clone(), file: manifest_file.clone(), ..Found::default() };
                contents.problems.push((found, Problem::new("INVALID_CROSS_REFERENCE_KEY", message)));
            }
        }
        for (name, of) in there {
            if !wildcard && !wanted.members.contains(&name) {
                continue;
            }
            used.extend(of.iter().map(|(path, _)| path.clone()));
            if kind == "CustomObject" {
                whole.insert(name.clone());
                load_object(&name, files, prefix, &mut objects, &mut contents);
                continue;
            }
            component(kind, ty, name, of, prefix, &mut contents);
        }
    }
    for name in whole {
        let Some(Some(element)) = objects.get(&name) else { continue };
        let file = format!("{prefix}objects/{name}.object");
        contents.found.push(Found {
            kind: "CustomObject",
            full_name: name.clone(),
            file: file.clone(),
            element: Some(Arc::new(without_parts(element))),
            files: Vec::new(),
        });
        match object::parts(&name, element) {
            Ok(parts) => contents.found.extend(parts.into_iter().map(|(kind, full_name, element)| Found {
                kind,
                full_name,
                file: file.clone(),
                element: Some(Arc::new(element.clone())),
                files: Vec::new(),
            })),
            Err(problem) => {
                let found = Found { kind: "CustomObject", full_name: name.clone(), file, ..Found::default() };
                contents.problems.push((found, problem));
            }
        }
    }
    for path in files.keys().filter(|path| !MANIFESTS.contains(&path.as_str()) && !used.contains(*path)) {
        // Unconfirmed: whether a real org calls this an error or only leaves the file aside.
        let found = Found { full_name: path.clone(), file: format!("{prefix}{path}"), ..Found::default() };
        contents.problems.push((found, Problem::new("INVALID_CROSS_REFERENCE_KEY", "Not in package.xml")));
    }
    let mut seen = BTreeSet::new();
    contents.found.retain(|f| seen.insert((f.kind, f.full_name.to_lowercase())));
    contents
}

/// A component of a type whose files are its own.
fn component(
    kind: &'static str,
    ty: &TypeInfo,
    name: String,
    files: Vec<(String, Arc<[u8]>)>,
    prefix: &str,
    contents: &mut Contents,
) {
    let first = files.iter().find(|(path, _)| !path.ends_with("-meta.xml")).or(files.first());
    let path = first.map(|(path, _)| path.clone()).unwrap_or_default();
    let file = format!("{prefix}{path}");
    let mut found = Found { kind, full_name: name, file, element: None, files };
    if ty.meta_file {
        let meta = format!("{path}-meta.xml");
        match found.files.iter().find(|(p, _)| *p == meta).cloned() {
            None => {
                let message = format!("No {meta} found: the file {path} needs it");
                contents.problems.push((found, Problem::new("INVALID_CROSS_REFERENCE_KEY", message)));
                return;
            }
            Some((_, bytes)) => {
                if let Err(error) = xml::parse(&bytes) {
                    found.file = format!("{prefix}{meta}");
                    contents.problems.push((found, error.into()));
                    return;
                }
            }
        }
    } else if !(ty.suffix.is_empty() || ty.in_folder && found.file.ends_with("-meta.xml")) {
        let Some((_, bytes)) = found.files.first() else { return };
        match xml::parse(bytes) {
            Ok(element) if element.name != kind => {
                let message = format!("Error parsing file: the root element must be {kind}, found {}", element.name);
                contents.problems.push((found, Problem::new("INVALID_FORMAT", message).at(&element)));
                return;
            }
            Ok(element) => found.element = Some(Arc::new(element)),
            Err(error) => {
                contents.problems.push((found, error.into()));
                return;
            }
        }
    }
    contents.found.push(found);
}

/// Reads an object's file once.
fn load_object(
    name: &str,
    files: &FileSet,
    prefix: &str,
    objects: &mut BTreeMap<String, Option<Arc<Element>>>,
    contents: &mut Contents,
) {
    if objects.contains_key(name) {
        return;
    }
    let path = format!("objects/{name}.object");
    let parsed = match files.get(&path) {
        None => None,
        Some(bytes) => match xml::parse(bytes) {
            Ok(element) => Some(Arc::new(element)),
            Err(error) => {
                let file = format!("{prefix}{path}");
                let found = Found { kind: "CustomObject", full_name: name.to_owned(), file, ..Found::default() };
                contents.problems.push((found, error.into()));
                None
            }
        },
    };
    objects.insert(name.to_owned(), parsed);
}

/// A part of an object that the manifest names by itself.
#[allow(
    clippy::too_many_arguments,
    reason = "what the manifest is read with, taken apart so that parts can be borrowed"
)]
fn part(
    kind: &'static str,
    member: &str,
    files: &FileSet,
    prefix: &str,
    objects: &mut BTreeMap<String, Option<Arc<Element>>>,
    used: &mut BTreeSet<String>,
    contents: &mut Contents,
    allow_missing: bool,
) {
    if member == "*" {
        return;
    }
    let object = member.split_once('.').map_or(member, |(object, _)| object);
    load_object(object, files, prefix, objects, contents);
    let file = format!("objects/{object}.object");
    if files.contains_key(&file) {
        used.insert(file.clone());
    }
    let mut found = Found { kind, full_name: member.to_owned(), file: format!("{prefix}{file}"), ..Found::default() };
    let part = objects.get(object).and_then(Option::as_ref).and_then(|element| {
        let parts = object::parts(object, element).ok()?;
        parts.into_iter().find(|(k, name, _)| *k == kind && name == member).map(|(_, _, element)| element.clone())
    });
    match part {
        Some(element) => {
            found.element = Some(Arc::new(element));
            contents.found.push(found);
        }
        None if allow_missing => {}
        None => {
            found.file = format!("{prefix}package.xml");
            let message = format!(
                "An object '{member}' of type {kind} was named in package.xml, but was not found in zipped directory"
            );
            contents.problems.push((found, Problem::new("INVALID_CROSS_REFERENCE_KEY", message)));
        }
    }
}

/// What an object's file says of the object itself. Of its fields their types are left, as the sharing model goes by them.
fn without_parts(element: &Element) -> Element {
    let mut own = Element { children: Vec::new(), ..element.clone() };
    for child in &element.children {
        if types::part_type(&child.name).is_none() {
            own.children.push(child.clone());
        } else if child.name == "fields" {
            let mut field = child.clone();
            field.children.retain(|c| matches!(c.name.as_str(), "type" | "fullName"));
            own.children.push(field);
        }
    }
    own
}
