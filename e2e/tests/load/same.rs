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

/// Numbers, times and choices: each kind of field, in forms that are put right and in forms that stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_value_arrives_the_same() {
    let (a, b) = (Bench::start().await, Bench::start().await);
    let shipments = "Tracking_Number__c,Status__c,Due__c,Delivered__c,Weight__c,Value__c,Tracking_Page__c,Account__r.Ext_Id__c\n\
        9001,Packed,2026-01-31,2026-01-31T08:15:42.000+0000,1.5,1234567890123456.78,https://example.com/?a=1,\n\
        9002,Lost,#N/A,2026-01-31 08:15:42+02:00,.000001,-0.01,#N/A,\n\
        9003,Delivered,1700-01-01,3999-12-31T23:59:59.999Z,+12,1.2E3,,nobody\n\
        9004,Nonsense,,,,,,\n\
        9005,Packed,,,-5.,00012.50,,\n";
    let notes = "Ext_Id__c,Name,Published__c,Body__c,Reply_To__c,Hotline__c\n\
        V-1,One,YES,\"<b>a</b>\",a@example.com,+1 2\nV-2,Two,0,#N/A,#N/A,\nV-3,Three,,,,\nV-4,Four,true,\"a\r\nb\",,\n";
    let opportunities = "Name,StageName,CloseDate,Amount,Probability,IsPrivate\nO1,Prospecting,2026-01-31,5.005,50,no\nO2,Prospecting,2026-12-31,,,\n";
    for (object, key, csv) in [
        ("Shipment__c", Some("Tracking_Number__c"), shipments),
        ("Shipment__c", Some("Tracking_Number__c"), shipments),
        ("Product_Note__c", Some("Ext_Id__c"), notes),
        ("Product_Note__c", None, "Name,Published__c\nA,y\nB,\n"),
        ("Opportunity", None, opportunities),
    ] {
        let operation = match key {
            Some(key) => LoadOperation::Upsert { external_id: key.into() },
            None => LoadOperation::Insert,
        };
        let mut loaded = vec![];
        for (bench, transport) in [(&a, Transport::Collections), (&b, Transport::Bulk)] {
            let mut options = bench.options(operation.clone(), transport);
            options.object = object.into();
            let done = bench.load(csv, options).await.unwrap_or_else(|e| panic!("{object}: {e:?}"));
            let rows = rows_of(bench, object);
            let words: Vec<_> =
                done.told.values().map(|t| (t.kind, t.words.clone(), rows.get(&t.id).cloned())).collect();
            loaded.push(words);
        }
        assert_eq!(loaded[0], loaded[1], "{object}");
        assert!(loaded[0].iter().filter(|(kind, ..)| *kind == "success").count() >= 2, "{object}: {:?}", loaded[0]);
    }
}

/// Stored rows by id, without what differs from org to org.
fn rows_of(bench: &Bench, object: &str) -> BTreeMap<String, Vec<(String, Option<String>)>> {
    let org = bench.world.emulator.org().read();
    let (_, facts) = org.schema.find(object).unwrap();
    let names: Vec<String> = replica::fields(facts).iter().map(|f| f.name.clone()).collect();
    let stamps = ["Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "Name"];
    replica::org_rows(&org, object)
        .into_iter()
        .map(|(id, row)| {
            let row = names.iter().cloned().zip(row).filter(|(name, _)| !stamps.contains(&name.as_str())).collect();
            (id, row)
        })
        .collect()
}

/// By Id, an upsert makes what has none; an update and a delete do the same to the same records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_mean_the_same() {
    let (a, b) = (Bench::start().await, Bench::start().await);
    let mut all = vec![];
    for (bench, transport) in [(&a, Transport::Collections), (&b, Transport::Bulk)] {
        let known: Vec<String> = bench.stored("Contact", "LastName").into_keys().collect();
        let mut words = vec![];
        let csv = format!("Id,LastName\n{},Changed\n,Made\n{},Again\n", known[0], &known[1][..15]);
        let by_id = LoadOperation::Upsert { external_id: "id".into() };
        for (operation, csv) in [
            (by_id, csv),
            (
                LoadOperation::Update,
                format!("Id,LastName\n{},U\n003TG00000ZZZZZ,V\n{},#N/A\n", known[2], known[3]).replace("#N/A", "W"),
            ),
            (LoadOperation::Delete, format!("Id\n{}\n{}\n003TG00000ZZZZZ\n", known[4], known[5])),
        ] {
            let done = bench.load(&csv, bench.options(operation, transport)).await.unwrap();
            words.extend(done.told.into_values().map(|told| (told.kind, told.words, told.values)));
        }
        let names: Vec<_> = bench.stored("Contact", "LastName").into_iter().collect();
        all.push((words, names));
    }
    assert_eq!(all[0], all[1]);
    let kinds: Vec<_> = all[0].0.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "success").count(), 7, "{:?}", all[0].0);
    // For good.
    let bench = Bench::start().await;
    let id = bench.stored("Contact", "LastName").into_keys().next().unwrap();
    let gone =
        bench.load(format!("Id\n{id}\n"), bench.options(LoadOperation::HardDelete, Transport::Bulk)).await.unwrap();
    assert_eq!(gone.report.tally.succeeded, 1);
    let deleted = bench.world.client.query_all(format!("SELECT Id FROM Contact WHERE Id = '{id}'"));
    assert_eq!(futures::StreamExt::count(deleted).await, 0, "not even in the recycle bin");
}
