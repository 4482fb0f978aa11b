//! Loads that are stopped or killed, and what is said afterwards.

use crate::bench::{Bench, signal, wait_until};

fn contacts(bench: &Bench, rows: usize) {
    let csv = (0..rows).fold("LastName\n".to_owned(), |csv, n| csv + &format!("K{n}\n"));
    std::fs::write(bench.path("people.csv"), csv).unwrap();
}

fn in_the_org(bench: &Bench) -> u32 {
    bench.ok("tidegate query \"SELECT COUNT() FROM Contact WHERE LastName LIKE 'K%'\"").trim().parse().unwrap()
}

/// Starts a load and waits until its ledger has this word.
fn started(bench: &Bench, options: &str, word: &str) -> std::process::Child {
    let line = format!("exec tidegate load people.csv --object Contact --insert {options}");
    let child = bench.command(&line).spawn().unwrap();
    let ledger = bench.path("people.load.jsonl");
    wait_until(word, || std::fs::read_to_string(&ledger).is_ok_and(|text| text.contains(word)));
    child
}

#[test]
fn killed_between_upload_and_close() {
    let bench = Bench::alone();
    contacts(&bench, 300);
    let before = in_the_org(&bench);
    bench.ok(r#"tidegate emulator fault --plan '{"match": {"method": "PATCH", "path": "/jobs/ingest"}, "action": {"delay_ms": 60000}}'"#);
    let mut child = started(&bench, "--bulk", "\"closing\"");
    signal(&child, "KILL");
    child.wait().unwrap();
    let output = bench.run("tidegate load people.csv --object Contact --insert --bulk");
    let text = bench.filtered(&String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("lines 2 to 301 (300 rows): job [JOB] was not closed, nothing was written"), "{text}");
    assert!(text.contains("--again loads the whole file"), "{text}");
    assert_eq!(in_the_org(&bench), before);
    bench.ok("tidegate load people.csv --object Contact --insert --bulk --again");
    assert_eq!(in_the_org(&bench), before + 300);
}

#[test]
fn killed_while_the_org_works_and_while_a_call_is_under_way() {
    let bench = Bench::alone();
    contacts(&bench, 300);
    let before = in_the_org(&bench);
    // The answer to the second call is held back; the org has done it.
    bench.ok(r#"tidegate emulator fault --plan '{"match": {"path": "/composite/sobjects", "nth": 2}, "action": {"delay_answer_ms": 60000}}'"#);
    let mut child = started(&bench, "--collections", "\"first_line\":202,\"last_line\":301");
    wait_until("the second call", || in_the_org(&bench) == before + 300);
    signal(&child, "KILL");
    child.wait().unwrap();
    let text = String::from_utf8(bench.run("tidegate load people.csv --object Contact --insert").stderr).unwrap();
    assert!(text.contains("lines 2 to 201 (200 rows): in the result files: 200 succeeded"), "{text}");
    assert!(text.contains("lines 202 to 301 (100 rows): sent, and the answer is not known"), "{text}");
    assert!(text.contains("would make records twice"), "{text}");
    let written = std::fs::read_to_string(bench.path("people.success.csv")).unwrap();
    assert_eq!(written.lines().count(), 201, "what is known is in the result files");
}

#[test]
fn ctrl_c_aborts_what_runs_and_accounts_for_every_row() {
    let bench = Bench::alone();
    contacts(&bench, 300);
    let before = in_the_org(&bench);
    let plan = r#"{"action": {"in_progress_ms": 3600000}}"#;
    let url = "$TIDEGATE_EMULATOR_URL/__emulator/jobs";
    bench.ok(&format!("curl -fsS -X POST -d '{plan}' {url}"));
    let child = started(&bench, "--bulk --json", "\"closed\"");
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["interrupted"], &told["unprocessed"], &told["unknown"]), (&true.into(), &300.into(), &0.into()));
    assert!(text.contains("stopped before the end") && text.contains("people.unprocessed.csv"), "{text}");
    assert_eq!(in_the_org(&bench), before);
    bench.ok("tidegate load people.unprocessed.csv --object Contact --insert --bulk");
    assert_eq!(in_the_org(&bench), before + 300);
}
