//! The parsers on damaged corpora and on bytes: they come to an end, in time, without harm.
//!
//! The corpora are those of `corpora.rs` where they are there; a few queries of this file's own stand in for them
//! otherwise, so that the test always runs.

#![allow(clippy::print_stderr, reason = "a test that ran on less says so")]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tidegate_soql::{lint_text, parse, parse_sosl};

/// Far above what the longest text takes in an unoptimised build: a parser that goes back and forth passes it quickly.
const TIME_MAX: Duration = Duration::from_secs(5);

const OWN: &[&str] = &[
    "SELECT Id, toLabel(a), (SELECT b FROM Cs WHERE d LIKE 'e%' LIMIT 5) FROM F f, f.g h USING SCOPE mine \
     WHERE NOT (i = 1 OR j IN ('k', 'l')) AND m NOT IN (SELECT n FROM O) ORDER BY p DESC NULLS LAST LIMIT 1 OFFSET 2",
    "SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Event WHERE q = LAST_N_DAYS:7 FOR VIEW",
    "SELECT a, COUNT(b) c FROM D WITH DATA CATEGORY e AT (f, g) GROUP BY ROLLUP(a) HAVING COUNT(b) > 1 UPDATE TRACKING",
    "SELECT DISTANCE(a, GEOLOCATION(1.5, -2), 'km') FROM B WHERE c INCLUDES ('d;e') AND f = 2026-01-02T03:04:05.678+01:00",
    "FIND {a* AND (\"b c\" OR d?) AND NOT e\\-f} IN NAME FIELDS RETURNING G(h, FORMAT(i) WHERE j > USD5 ORDER BY k LIMIT 2), L \
     WITH DIVISION = 'm' WITH SNIPPET (target_length = 120) WITH METADATA = 'LABELS' LIMIT 20 UPDATE VIEWSTAT",
];

static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = match std::env::var_os("TIDEGATE_CONFORMANCE") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
    };
    let mut queries: Vec<String> = OWN.iter().map(|query| (*query).to_owned()).collect();
    for file in ["tree-sitter-soql", "tree-sitter-sosl", "go-soql", "realworld-dreamhouse", "realworld-ebikes"] {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("soql/{file}.json"))) else {
            eprintln!("fuzz: {file}.json is missing (set TIDEGATE_CONFORMANCE); the queries of this file alone");
            continue;
        };
        let corpus: serde_json::Value = serde_json::from_str(&text).expect("a corpus is JSON");
        queries.extend(
            corpus["queries"].as_array().into_iter().flatten().filter_map(|q| Some(q["query"].as_str()?.to_owned())),
        );
    }
    queries
});

/// A change to a text, by its characters: cruder than the generator's, which knows words.
#[derive(Debug, Clone)]
enum Damage {
    Delete(Index, usize),
    Insert(Index, String),
    Double(Index, usize, usize),
    /// A piece of another query.
    Graft(Index, Index, Index, usize),
    Flip(Index, char),
}

fn damage() -> impl Strategy<Value = Damage> {
    let sign = proptest::sample::select(
        &[
            "(", ")", "{", "}", "'", "\"", "\\", "\\u12", ",", ".", ":", "-", "%", "*", "?", "\0", "\u{feff}", "\n",
            "é", "😀", "0", "NOT ",
        ][..],
    );
    prop_oneof![
        (any::<Index>(), 1usize..12).prop_map(|(at, n)| Damage::Delete(at, n)),
        (any::<Index>(), sign.prop_map(str::to_owned)).prop_map(|(at, text)| Damage::Insert(at, text)),
        (any::<Index>(), 1usize..8, 2usize..200).prop_map(|(at, n, times)| Damage::Double(at, n, times)),
        (any::<Index>(), any::<Index>(), any::<Index>(), 1usize..60)
            .prop_map(|(at, other, from, n)| Damage::Graft(at, other, from, n)),
        (any::<Index>(), any::<char>()).prop_map(|(at, c)| Damage::Flip(at, c)),
    ]
}

fn damaged(query: &str, damages: &[Damage]) -> String {
    let mut text: Vec<char> = query.chars().collect();
    for damage in damages {
        if text.is_empty() {
            break;
        }
        match damage {
            Damage::Delete(at, n) => {
                let at = at.index(text.len());
                text.drain(at..(at + n).min(text.len()));
            }
            Damage::Insert(at, piece) => {
                let at = at.index(text.len() + 1);
                text.splice(at..at, piece.chars());
            }
            Damage::Double(at, n, times) => {
                let at = at.index(text.len());
                let piece: Vec<char> = text[at..(at + n).min(text.len())].to_vec();
                text.splice(at..at, piece.repeat(*times));
            }
            Damage::Graft(at, other, from, n) => {
                let at = at.index(text.len());
                let other: Vec<char> = CORPUS[other.index(CORPUS.len())].chars().collect();
                let from = from.index(other.len());
                text.splice(at..at, other[from..(from + n).min(other.len())].iter().copied());
            }
            Damage::Flip(at, c) => {
                let at = at.index(text.len());
                text[at] = *c;
            }
        }
    }
    text.into_iter().collect()
}

/// A printed text has its operators spelled out, and may pass the bound that its source kept.
fn is_too_long(text: &str) -> bool {
    text.chars().count() > tidegate_soql::MAX_LENGTH
}

fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}

/// What parses prints to something that parses to the same; what does not has its error within the text.
fn does_no_harm(source: &str) -> Result<(), TestCaseError> {
    let began = Instant::now();
    let _ = lint_text(source);
    match parse(source) {
        Ok(query) => {
            let again = parse(&query.to_string());
            let is_same = is_too_long(&query.to_string()) || again.as_ref() == Ok(&query);
            prop_assert!(is_same, "{}", shortened(source));
        }
        Err(error) => prop_assert!(source.get(error.span.start..error.span.end).is_some(), "{error:?}"),
    }
    match parse_sosl(source) {
        Ok(search) => {
            let again = parse_sosl(&search.to_string());
            let is_same = is_too_long(&search.to_string()) || again.as_ref() == Ok(&search);
            prop_assert!(is_same, "{}", shortened(source));
        }
        Err(error) => {
            prop_assert!(source.get(error.span.start..error.span.end).is_some(), "{error:?}");
            prop_assert!(error.render(source).contains('^'));
        }
    }
    prop_assert!(began.elapsed() < TIME_MAX, "{:?} for {}", began.elapsed(), shortened(source));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_queries_do_no_harm(which in any::<Index>(), damages in vec(damage(), 1..5)) {
        does_no_harm(&damaged(&CORPUS[which.index(CORPUS.len())], &damages))?;
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        does_no_harm(&text)?;
        does_no_harm(&format!("SELECT Id FROM A WHERE {text}"))?;
        does_no_harm(&format!("FIND {{{text}}} RETURNING A"))?;
        does_no_harm(&format!("FIND {{a}} {text}"))?;
    }
}

#[test]
fn texts_that_repeat_one_thing_are_read_in_time() {
    let pieces = [
        "(",
        ")",
        "{",
        "NOT ",
        "(NOT ",
        "a AND ",
        "\"",
        "\\",
        "'",
        "(SELECT ",
        "f(",
        "a.",
        "a,",
        "TYPEOF a WHEN b THEN ",
        "IN (",
        "a OR b AND ",
        "- ",
    ];
    for piece in pieces {
        let many = piece.repeat(90_000 / piece.len());
        for frame in [
            many.clone(),
            format!("SELECT {many}"),
            format!("SELECT a FROM b WHERE {many}"),
            format!("FIND {{{many}}}"),
            format!("FIND {{a}} RETURNING A({many})"),
        ] {
            does_no_harm(&frame).unwrap_or_else(|error| panic!("{piece:?}: {error}"));
        }
    }
}
