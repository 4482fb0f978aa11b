//! The commands of `docs/coming-from.md`, as they stand there. (Its Rust is run by the tests of the whole, the rest by
//! the referees.)

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

#[path = "cli/bench.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod bench;

use bench::Bench;

/// A block of a language of a task of the page.
fn block(task: usize, language: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coming-from.md");
    let page = std::fs::read_to_string(page).unwrap();
    let text = page.split(&format!("\n## {task}. ")).nth(1).unwrap().split("\n## ").next().unwrap();
    text.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// The commands of a task as one script, after `first` and with `more` behind the last.
fn script(task: usize, first: &str, more: &str) -> String {
    let block = block(task, "console");
    let commands: Vec<&str> = block.lines().map(|line| line.strip_prefix("$ ").unwrap()).collect();
    format!("{first}\n{}{more}", commands.join(" && "))
}

fn count(bench: &Bench, what: &str) -> u64 {
    bench.ok(&format!("tidegate query \"SELECT COUNT() FROM {what}\"")).trim().parse().unwrap()
}

/// A rejected row is in the file of failures, with its line.
fn failed(bench: &Bench, task: usize, csv: &str, name: &str) -> String {
    std::fs::write(bench.path(&format!("{name}.csv")), csv).unwrap();
    let output = bench.run(&script(task, "", ""));
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(bench.path(&format!("{name}.failed.csv"))).unwrap()
}

#[test]
fn each_does_what_the_page_says() {
    let bench = Bench::alone();

    let names = "export URL=$TIDEGATE_LOGIN_URL CLIENT_ID=$TIDEGATE_CLIENT_ID USERNAME=$TIDEGATE_USERNAME \
        KEY_FILE=$TIDEGATE_PRIVATE_KEY_FILE";
    let said = bench.run(&script(1, names, " --config acme.toml 2>&1"));
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with(&format!("signed in as {}", bench.org.emulator().credentials().username)), "{said}");

    bench.ok("tidegate create Contact LastName=\"O'Neil \\\\\" Email=neil@acme.example");
    let found = bench.ok(&script(2, "NAME=\"O'Neil \\\\\"", " --format csv"));
    assert!(found.contains("neil@acme.example"), "{found}");

    bench.ok(&script(3, "", ""));
    let rows = std::fs::read_to_string(bench.path("contacts.csv")).unwrap();
    assert!(rows.starts_with("Name,Contacts.LastName,Contacts.Email\n"), "{rows}");

    bench.ok(&script(4, "", ""));
    assert_eq!(count(&bench, "Contact WHERE LastName = 'Ng' AND Phone = '+1 555 0100' AND Email = null"), 1);

    let records: String = (0..1000).map(|n| format!("R-{n},Name,{}\n", if n == 7 { "none" } else { "" })).collect();
    let rows = failed(&bench, 5, &format!("Ext_Id__c,LastName,Email\n{records}"), "records");
    assert!(rows.contains("\n9,,INVALID_EMAIL_ADDRESS:"), "{rows}");
    assert_eq!(count(&bench, "Contact WHERE Ext_Id__c LIKE 'R-%'"), 999);

    std::fs::write(bench.path("body.json"), block(6, "json")).unwrap();
    bench.ok(&script(6, "", ""));
    assert_eq!(count(&bench, "Contact WHERE Account.Name = 'Acme' AND LastName = 'Ng'"), 1);

    bench.ok(&script(7, "", ""));
    let rows = std::fs::read_to_string(bench.path("contacts.csv")).unwrap().lines().count() as u64;
    assert_eq!(rows, 1 + count(&bench, "Contact"));

    let rows = failed(&bench, 8, "LastName,Email\nA,a@acme.example\nB,none\n", "people");
    assert!(rows.contains("\n3,,INVALID_EMAIL_ADDRESS:"), "{rows}");

    let first = bench.ok(&script(9, "", " --from earliest --count 1"));
    let second = bench.ok(&script(9, "", " --count 1"));
    assert!(first.contains("ContactChangeEvent") && second.contains("ContactChangeEvent") && first != second);

    std::fs::write(bench.path("tidegate.toml"), block(10, "toml")).unwrap();
    assert!(bench.ok(&script(10, "", "")).contains("DailyApiRequests"));
}
