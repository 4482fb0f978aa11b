//! Queries that other people wrote, with their verdicts.
//!
//! The files stay outside the project (see CONTRIBUTING); `TIDEGATE_CONFORMANCE` names their folder, by default
//! `../shared/conformance` beside the checkout. Where they are missing, the test says so and passes.
//!
//! Every valid query is read, printed, and read again to the same tree; every invalid one is refused. What differs is
//! named below, each with its reason.

#![allow(clippy::print_stderr, reason = "a test that could not run says so")]

use std::fmt::{Debug, Display};
use std::path::PathBuf;

use serde_json::Value;
use tidegate_soql::{ParseError, parse, parse_sosl};

const FILES: &[&str] = &["tree-sitter-soql.json", "go-soql.json", "realworld-dreamhouse.json", "realworld-ebikes.json"];

const SEARCH_FILES: &[&str] = &["tree-sitter-sosl.json"];

/// Why a verdict of a corpus is not ours. Each must be needed.
struct Exception {
    /// What the query holds, or with a `$`, ends with.
    piece: &'static str,
    ours: bool,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "FOR UPDATE, REFERENCE",
        ours: false,
        reason: "the reference has FOR VIEW FOR REFERENCE only; Salesforce's own grammar refuses the comma too",
    },
    Exception {
        piece: "// Hello world",
        ours: false,
        reason: "SOQL has no comments; Salesforce's own grammar refuses it",
    },
    Exception {
        piece: "TYPEOF Owner\n            WHEN User",
        ours: false,
        reason: "TYPEOF is not allowed in a semi-join (reference); Salesforce's own grammar refuses it",
    },
    Exception {
        piece: "= :id$",
        ours: true,
        reason: "bind variables are ours to read; lint_text says that the API refuses them",
    },
    Exception { piece: "IN :idList$", ours: true, reason: "bind variables, as above" },
    Exception { piece: "IN :idList.blarg$", ours: true, reason: "bind variables, as above" },
    Exception {
        piece: "ALL ROWS$",
        ours: true,
        reason: "Apex only; we read it, and lint_text says that the API refuses it",
    },
];

const SEARCH_EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "// header comment test",
        ours: false,
        reason: "SOSL has no comments; Salesforce's own grammar refuses them in SOQL, and the reference knows none here",
    },
    Exception {
        piece: r"'hello\_world'",
        ours: false,
        reason: "\\_ and \\% are escapes after LIKE only (reference); Salesforce's own grammar refuses them after =",
    },
];

fn folder() -> PathBuf {
    match std::env::var_os("TIDEGATE_CONFORMANCE") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
    }
}

impl Exception {
    fn applies(&self, source: &str, expected: bool) -> bool {
        let is_in = match self.piece.strip_suffix('$') {
            Some(end) => source.ends_with(end),
            None => source.contains(self.piece),
        };
        is_in && self.ours != expected
    }
}

/// What the corpus says: whether it is SOQL, by its own word or, failing that, by Salesforce's own grammar.
fn expected(entry: &Value) -> Option<bool> {
    entry["valid"].as_bool().or_else(|| entry["official"]["ok"].as_bool())
}

/// Reads the corpora: how many queries, and that each verdict and each exception is as told.
fn reads<T: Display + PartialEq + Debug>(
    files: &[&str],
    exceptions: &[Exception],
    parse: impl Fn(&str) -> Result<T, ParseError>,
) -> Option<usize> {
    let mut is_used = vec![false; exceptions.len()];
    let mut read = 0;
    for file in files {
        let path = folder().join("soql").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("not run: {} is missing (set TIDEGATE_CONFORMANCE)", path.display());
            return None;
        };
        let corpus: Value = serde_json::from_str(&text).expect("a corpus is JSON");
        for entry in corpus["queries"].as_array().expect("a list of queries") {
            let source = entry["query"].as_str().expect("a text");
            let Some(expected) = expected(entry) else { continue };
            let result = parse(source);
            let exception = exceptions.iter().position(|exception| exception.applies(source, expected));
            let verdict = exception.map_or(expected, |index| exceptions[index].ours);
            if let Some(index) = exception {
                is_used[index] = true;
            }
            match &result {
                Ok(query) => {
                    assert!(verdict, "{file}: accepted, but should not be: {source}");
                    assert_eq!(parse(&query.to_string()).as_ref(), Ok(query), "{source}");
                }
                Err(error) => assert!(!verdict, "{file}: {}", error.render(source)),
            }
            read += 1;
        }
    }
    for (exception, is_used) in exceptions.iter().zip(is_used) {
        assert!(is_used, "no query needs the exception for {}: {}", exception.piece, exception.reason);
    }
    Some(read)
}

#[test]
fn other_peoples_queries_are_read_as_they_say() {
    let Some(read) = reads(FILES, EXCEPTIONS, parse) else { return };
    assert!(read > 200, "only {read} queries were found");
    eprintln!("soql corpora: {read} queries");
}

#[test]
fn other_peoples_searches_are_read_as_they_say() {
    let Some(read) = reads(SEARCH_FILES, SEARCH_EXCEPTIONS, parse_sosl) else { return };
    assert!(read > 80, "only {read} searches were found");
    eprintln!("sosl corpora: {read} searches");
}
