//! The house rules that a program can check.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use semver::{Version, VersionReq};
use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: Version,
    license: Option<String>,
    license_file: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What is built on this machine: dependencies of other platforms may not be here, and this has to work offline.
fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Files of the project that git knows, or all of them where there is no git.
fn files(extension: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == ".git" {
                // A folder, or a file that points to one.
            } else if path.is_dir() {
                if !["target", "node_modules", ".venv", "__pycache__"].contains(&name.as_str()) {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.retain(|path| extension.is_empty() || path.extension().is_some_and(|e| e == extension));
    found
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("tidegate-soql", &[] as &[&str]),
        ("tidegate-client", &["tidegate-soql"]),
        ("tidegate-emulator", &["tidegate-soql"]),
        ("tidegate-sync", &["tidegate-client", "tidegate-soql"]),
        ("tidegate-destinations", &["tidegate-sync"]),
    ]);
    let all = ["tidegate-soql", "tidegate-client", "tidegate-emulator", "tidegate-sync", "tidegate-destinations"];
    let metadata = metadata();
    let mut seen = 0;
    for package in metadata.packages.iter().filter(|p| metadata.workspace_members.contains(&p.id)) {
        let allowed = allowed.get(package.name.as_str()).copied().unwrap_or(&all);
        seen += 1;
        for dependency in &package.dependencies {
            let ours = dependency.name.starts_with("tidegate") && dependency.name != package.name;
            assert!(
                !ours
                    || dependency.kind.as_deref() == Some("dev") && package.name != "tidegate-emulator"
                    || allowed.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
    assert_eq!(seen, 7);
}

#[test]
fn dependencies_have_licences_we_accept() {
    let accepted: BTreeSet<&str> = [
        "MIT",
        "MIT-0",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-1-Clause",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CDLA-Permissive-2.0",
        "0BSD",
        "ISC",
        "MPL-2.0",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ]
    .into();
    for package in &metadata().packages {
        let Some(text) = &package.license else {
            panic!("{} {} names no licence ({:?})", package.name, package.version, package.license_file);
        };
        // `/` is the old way to write OR.
        let expression =
            spdx::Expression::parse(&text.replace('/', " OR ")).unwrap_or_else(|e| panic!("{}: {e}", package.name));
        assert!(
            expression.evaluate(|requirement| accepted.contains(requirement.to_string().as_str())),
            "{} {} is under {text}",
            package.name,
            package.version
        );
        assert!(
            package.source.as_deref().is_none_or(|source| source.starts_with("registry+")),
            "{} does not come from the registry",
            package.name
        );
    }
}

/// Advisories about crates in our tree that were looked at, and why they do not concern us.
const CONSIDERED: &[(&str, &str)] = &[(
    "RUSTSEC-2023-0071",
    "rsa: timing of private-key operations seen from the network. The client signs its own assertions, at its own \
         pace, with a key that nobody can make it use; the emulator only makes throw-away keys.",
)];

#[test]
fn no_dependency_has_a_known_advisory() {
    let list = std::fs::read_to_string(root().join("e2e/data/advisories.tsv")).unwrap();
    let mut by_crate: BTreeMap<&str, Vec<[&str; 4]>> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, id, kind, patched, unaffected] = fields[..] else { panic!("odd line: {line}") };
        by_crate.entry(name).or_default().push([id, kind, patched, unaffected]);
    }
    assert!(by_crate.len() > 500, "the list is whole");
    let within = |list: &str, version: &Version| {
        list.split(" || ").filter(|r| !r.is_empty()).any(|r| VersionReq::parse(r).unwrap().matches(version))
    };
    let mut found = Vec::new();
    for package in &metadata().packages {
        for [id, kind, patched, unaffected] in by_crate.get(package.name.as_str()).into_iter().flatten() {
            let affected = !within(patched, &package.version) && !within(unaffected, &package.version);
            if affected && !CONSIDERED.iter().any(|(known, _)| known == id) {
                found.push(format!("{} {}: {id} ({kind})", package.name, package.version));
            }
        }
    }
    assert!(found.is_empty(), "known advisories:\n  {}", found.join("\n  "));
}

#[test]
fn source_files_stay_small_and_say_what_they_are_for() {
    let mut seen = 0;
    for path in files("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        let in_tests = path.components().any(|c| c.as_os_str() == "tests");
        assert!(lines <= 800 || in_tests, "{} has {lines} lines", path.display());
        assert!(
            text.starts_with("//!") || path.ends_with("build.rs"),
            "{} does not begin by saying what it is for",
            path.display()
        );
        seen += 1;
    }
    assert!(seen > 50);
}

#[test]
fn nothing_of_the_workplace_is_in_the_project() {
    // Put together here, so that this file does not find itself.
    let words = [["/ro", "ot/"], ["/wo", "rk/"], ["regi", "stry.npmjs"], ["pypi", ".org"], ["DEVEL", "OPERS.md"]];
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for [a, b] in words {
            let word = format!("{a}{b}");
            assert!(!text.contains(&word), "{} holds `{word}`", path.display());
        }
    }
}

#[test]
fn nothing_unfinished_is_left() {
    let words = [["to", "do!("], ["unimple", "mented!("], ["FIX", "ME"], ["#[ig", "nore"]];
    for path in files("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for [a, b] in words {
            let word = format!("{a}{b}");
            assert!(!text.contains(&word), "{} holds `{word}`", path.display());
        }
    }
}
