//! What programs read: `--json` everywhere, and its shape.

use serde_json::{Value, json};

use crate::bench::Bench;

#[test]
fn pull_sync_status_and_verify() {
    let bench = Bench::new();
    let pulled = bench.json("tidegate pull Account Contact --to sqlite:crm.db --json");
    assert_eq!(pulled["destination"], "sqlite:crm.db");
    assert_eq!(pulled["interrupted"], false);
    let tables = pulled["tables"].as_array().unwrap();
    assert_eq!(tables.iter().map(|t| &t["object"]).collect::<Vec<_>>(), ["Account", "Contact"]);
    assert_eq!(pulled["rows"].as_u64(), Some(tables.iter().map(|t| t["rows"].as_u64().unwrap()).sum()));
    assert!(pulled["api_calls"].as_u64() > Some(0) && pulled["seconds"].is_number());

    let status = bench.json("tidegate status --to sqlite:crm.db --json");
    assert_eq!(status["newest_change"], Value::Null);
    let synced = bench.json("tidegate sync Account --to sqlite:crm.db --once --json");
    assert_eq!(synced["tables"].as_array().map(Vec::len), Some(1), "only what this run was about: {synced}");
    let status = bench.json("tidegate status --to sqlite:crm.db --json");
    assert_eq!(status["org_id"], bench.org.emulator().credentials().org_id);
    assert!(status["newest_change"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(status["tables"][0]["state"], "live");
    assert_eq!(status["tables"][0]["rows"], synced["rows"]);

    let verified = bench.json("tidegate verify Account --to sqlite:crm.db --fields --json");
    assert_eq!(verified["equal"], true);
    let none = json!({ "missing": 0, "extra": 0, "stale": 0, "different": 0 });
    assert_eq!((&verified["tables"][0]["found"], &verified["tables"][0]["left"]), (&none, &none));
    rusqlite::Connection::open(bench.path("crm.db")).unwrap().execute("DELETE FROM Account", []).unwrap();
    let output = bench.run("tidegate verify Account --to sqlite:crm.db --json");
    assert_eq!(output.status.code(), Some(1));
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verified["equal"], false);
    assert_eq!(verified["tables"][0]["left"]["missing"], synced["rows"]);
}

#[test]
fn queries_describes_and_limits() {
    let bench = Bench::new();
    let contacts = bench.json("tidegate query 'SELECT Id, Account.Name FROM Contact' --json");
    let bulk = bench.ok("tidegate query 'SELECT Id, Account.Name FROM Contact' --bulk");
    assert_eq!(contacts.as_array().unwrap().len() + 1, bulk.lines().count(), "{bulk}");
    assert!(contacts[0].get("attributes").is_none());
    assert_eq!(bench.json("tidegate query 'SELECT Id FROM Contact LIMIT 0' --json"), json!([]));

    let describe = bench.json("tidegate describe contact --json");
    assert_eq!(describe["name"], "Contact");
    let fields = describe["fields"].as_array().unwrap();
    assert!(fields.iter().any(|field| field["name"] == "LastName" && field["length"] == 80));
    let objects = bench.json("tidegate describe --json");
    assert!(objects.as_array().unwrap().iter().any(|object| object["name"] == "Account"));
    let limits = bench.json("tidegate limits --json");
    let daily = &limits["limits"]["DailyApiRequests"];
    assert!(daily["remaining"].as_i64().unwrap() <= daily["max"].as_i64().unwrap(), "{limits}");
    assert!(bench.ok("tidegate limits").contains("DailyApiRequests"));
}

#[test]
fn lint() {
    let bench = Bench::new();
    let clean = bench.json("tidegate lint \"SELECT Id FROM Account WHERE Name = 'x'\" --json");
    assert_eq!((&clean[0]["number"], &clean[0]["findings"]), (&json!(1), &json!([])));
    let output = bench.run("echo 'SELECT FROM Account' | tidegate lint - --json");
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &findings[0]["findings"][0];
    assert_eq!((&finding["severity"], &finding["row"]), (&json!("error"), &json!(1)), "{findings}");
}

#[test]
fn help_of_every_command() {
    let bench = Bench::new();
    let help = bench.ok("tidegate --help");
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 10, "{help}");
    for command in commands {
        let help = bench.ok(&format!("tidegate {command} --help"));
        assert!(help.contains("Usage: tidegate"), "{help}");
        assert!(!help.contains("00D"), "help shows no values of the environment: {help}");
    }
    assert!(bench.ok("tidegate --version").starts_with("tidegate "));
}
