//! The same file means the same by both ways into the org.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_e2e::replica;
use tidegate_sync::load::{LoadOperation, Transport};

use crate::bench::Bench;

/// A cell for a column: values, nothing, null, and values in forms that are put right.
fn cell(random: &mut StdRng, column: &str, n: usize, accounts: &[String]) -> String {
    let pick = |random: &mut StdRng, of: &[&str]| of[random.random_range(0..of.len())].to_owned();
    match column {
        "LastName" => format!("L{n}"),
        "Ext_Id__c" => format!("S-{n}"),
        "FirstName" => pick(random, &["", "Ada", " spaced ", "\"Q\"\"q\"", "ünï😀", "#N/A"]),
        "Description" => pick(random, &["", "\"a,b\r\nc\"", "\"x\ny\"", "#N/A", "null", "plain"]),
        "Birthdate" => pick(random, &["", "2001-02-03", "#N/A", " 1999-12-31 "]),
        "Email" => pick(random, &["", "a@example.com", "not an email", "#N/A"]),
        "AccountId" => match random.random_range(0..4) {
            0 => String::new(),
            1 => "#N/A".into(),
            2 => accounts[random.random_range(0..accounts.len())].clone(),
            // Well formed, and of no account.
            _ => "001TG00000ZZZZZ".into(),
        },
        _ => unreachable!(),
    }
}

/// The stored values of the loaded contacts, by their key.
fn state(bench: &Bench) -> BTreeMap<String, Vec<Option<String>>> {
    let org = bench.world.emulator.org().read();
    let (_, facts) = org.schema.find("Contact").unwrap();
    let fields = replica::fields(facts);
    let place = |name: &str| fields.iter().position(|f| f.name == name).unwrap();
    let wanted = ["LastName", "FirstName", "Description", "Birthdate", "Email", "AccountId"].map(place);
    let key = place("Ext_Id__c");
    replica::org_rows(&org, "Contact")
        .into_values()
        .filter_map(|row| {
            let key = row[key].clone().filter(|key| key.starts_with("S-"))?;
            Some((key, wanted.iter().map(|at| row[*at].clone()).collect()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_leave_the_same_org_and_the_same_words() {
    let (a, b) = (Bench::start().await, Bench::start().await);
    let accounts: Vec<String> = a.stored("Account", "Name").into_keys().collect();
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..12 {
        let mut columns = ["LastName", "Ext_Id__c", "FirstName", "Description", "Birthdate", "Email", "AccountId"];
        let order = random.random_range(0..columns.len());
        columns.rotate_left(order);
        let mut csv = columns.join(",") + "\r\n";
        for n in 0..60 {
            let key = random.random_range(0..90 + n);
            let row: Vec<String> = columns.iter().map(|c| cell(&mut random, c, key, &accounts)).collect();
            csv += &(row.join(",") + if n % 2 == 0 { "\r\n" } else { "\n" });
        }
        let operation = LoadOperation::Upsert { external_id: "Ext_Id__c".into() };
        let (mut one, mut two) =
            (a.options(operation.clone(), Transport::Collections), b.options(operation, Transport::Bulk));
        (one.empty_as_null, two.empty_as_null) = (round % 2 == 1, round % 2 == 1);
        let (one, two) = (a.load(&csv, one).await.unwrap(), b.load(&csv, two).await.unwrap());
        assert_eq!(state(&a), state(&b), "round {round}\n{csv}");
        for ((line, one), (_, two)) in one.told.iter().zip(&two.told) {
            assert_eq!((one.kind, &one.words, &one.values), (two.kind, &two.words, &two.values), "line {line}\n{csv}");
        }
        assert!(one.report.tally.failed > 0 && one.report.tally.succeeded > 0, "{:?}", one.report.tally);
    }
}
