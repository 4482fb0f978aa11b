//! Transcripts: files of commands with all that they print.
//!
//! ```text
//! # what this shows
//! $ tidegate query 'SELECT COUNT() FROM Contact'
//! | 60                    standard output
//! ! error: ...            standard error
//! ? 1                     the exit code, where it is not 0
//! % crm.db DROP TABLE A   SQL that somebody else runs in a SQLite file
//! ```
//!
//! Commands run in order in one folder. With `TIDEGATE_BLESS=1` the file is written anew, to be read before it is
//! committed.

use std::fmt::Write;
use std::path::Path;

use crate::bench::Bench;

pub(crate) fn check(name: &str) {
    check_with(&Bench::new(), name);
}

/// As [`check`], with an org that the commands may change.
pub(crate) fn check_alone(name: &str) {
    check_with(&Bench::alone(), name);
}

fn check_with(bench: &Bench, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli").join(name);
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    let mut commands = 0;
    for line in expected.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                commands += 1;
                writeln!(actual, "{line}").unwrap();
                actual.push_str(&entry(bench, command));
            }
            None if line.starts_with("% ") => {
                let (file, sql) = line[2..].split_once(' ').unwrap();
                rusqlite::Connection::open(bench.path(file)).unwrap().execute_batch(sql).unwrap();
                writeln!(actual, "{line}").unwrap();
            }
            None if line.starts_with(['|', '!', '?']) => {}
            None => writeln!(actual, "{line}").unwrap(),
        }
    }
    assert!(commands > 0, "{name} has no commands");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    for (number, (was, is)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(was, is, "{name}:{}\n\nthe whole transcript now is\n{actual}", number + 1);
    }
    assert_eq!(expected.lines().count(), actual.lines().count(), "{name}\n{actual}");
}

fn entry(bench: &Bench, command: &str) -> String {
    let output = bench.run(command);
    let mut text = String::new();
    for (mark, stream) in [('|', &output.stdout), ('!', &output.stderr)] {
        let stream = String::from_utf8(stream.clone()).unwrap();
        for secret in bench.org.secrets() {
            assert!(!stream.contains(&secret), "`{command}` printed a secret:\n{stream}");
        }
        for line in bench.filtered(&stream).lines() {
            writeln!(text, "{}", format!("{mark} {line}").trim_end()).unwrap();
        }
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "? {code}").unwrap(),
        None => writeln!(text, "? killed").unwrap(),
    }
    text
}
