//! Ctrl-C, SIGTERM, and going on afterwards.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use crate::bench::{Bench, signal};

/// Reads the child's standard error until a line has these words.
fn read_until(child: &mut Child, words: &str) -> (String, BufReader<std::process::ChildStderr>) {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    loop {
        let start = seen.len();
        assert!(reader.read_line(&mut seen).unwrap() > 0, "ended before `{words}`:\n{seen}");
        if seen.get(start..).is_some_and(|line| line.contains(words)) {
            return (seen, reader);
        }
    }
}

fn ended(mut child: Child, mut rest: BufReader<std::process::ChildStderr>) -> (Option<i32>, String) {
    let mut text = String::new();
    rest.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

#[test]
fn a_sync_for_ever_ends_well() {
    let bench = Bench::new();
    for name in ["INT", "TERM"] {
        let mut child = bench.command("exec tidegate sync Account --to sqlite:crm.db").spawn().unwrap();
        let (_, rest) = read_until(&mut child, "following changes");
        // The file has one writer.
        let other = bench.run("tidegate sync Account --to sqlite:crm.db --once");
        assert_eq!(other.status.code(), Some(3));
        let text = bench.filtered(&String::from_utf8(other.stderr).unwrap());
        assert!(text.contains("another process") && text.contains("\nhint: stop the other process"), "{text}");
        signal(&child, name);
        let (code, text) = ended(child, rest);
        assert_eq!(code, Some(0), "{text}");
        let advice = if name == "INT" { "; once more to stop at once" } else { "" };
        assert_eq!(text, format!("stopping{advice}\nstopped; started again, it goes on from here\n"));
    }
    bench.ok("tidegate verify Account --to sqlite:crm.db --fields");
}

#[test]
fn a_watch_ends_well() {
    let bench = Bench::new();
    // Without a count, Ctrl-C is how it ends; with one, it ended too early.
    for (count, expected) in [("", 0), (" --count 3", 130)] {
        for transport in ["cometd", "pubsub"] {
            let line = format!("exec tidegate watch Account --transport {transport} --position-file place{count}");
            let mut child = bench.command(&line).spawn().unwrap();
            let (_, rest) = read_until(&mut child, "listening to /data/AccountChangeEvent");
            signal(&child, "INT");
            let (code, text) = ended(child, rest);
            assert_eq!((code, text.as_str()), (Some(expected), "stopping; once more to stop at once\n"), "{line}");
            std::fs::remove_file(bench.path("place")).unwrap();
        }
    }
}

#[test]
fn a_pull_that_is_interrupted_says_so_and_goes_on() {
    let bench = Bench::new();
    // The org takes its time over this job, so that the signal comes in the middle.
    let mut child = bench.command("exec tidegate demo --rows 3000 --dir here --once").spawn().unwrap();
    let (_, rest) = read_until(&mut child, "Account: Bulk query job");
    signal(&child, "INT");
    let (code, text) = ended(child, rest);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("demo --dir"), "{text}");
    let again = bench.run("tidegate demo --once --dir here");
    let text = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(0), "{text}");
    assert!(text.contains("\nequal: "), "{text}");
    let third = bench.run("tidegate demo --once --dir here");
    let text = String::from_utf8(third.stderr).unwrap();
    assert_eq!(third.status.code(), Some(0), "{text}");
    assert!(text.contains("the snapshot is there from an earlier run"), "{text}");
}

#[test]
fn the_emulator_prints_one_line_and_ends_on_sigterm() {
    let bench = Bench::new();
    let mut child = bench.command("exec tidegate emulator serve --json --rows 5 --seed 2").spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    for key in [
        "url",
        "tls_url",
        "ca_file",
        "pubsub",
        "org_id",
        "user_id",
        "username",
        "password",
        "security_token",
        "client_id",
        "client_secret",
        "private_key_file",
        "access_token",
    ] {
        assert!(told[key].as_str().is_some_and(|value| !value.is_empty()), "{key}: {told}");
    }
    assert_ne!(told["org_id"], bench.org.emulator().credentials().org_id, "another number, another org");
    let text = |key: &str| told[key].as_str().unwrap().to_owned();
    let count = bench.ok(&format!(
        "TIDEGATE_LOGIN_URL={} TIDEGATE_CLIENT_ID={} TIDEGATE_PRIVATE_KEY_FILE={} TIDEGATE_CA_FILE={} \
         tidegate query 'SELECT COUNT() FROM Contact'",
        text("tls_url"),
        text("client_id"),
        text("private_key_file"),
        text("ca_file")
    ));
    assert!(count.trim().parse::<u32>().is_ok(), "{count}");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing else is printed on stdout");
    assert!(!std::path::Path::new(&text("private_key_file")).exists(), "a throw-away org leaves nothing behind");
}
