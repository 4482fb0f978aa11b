//! What is found out before the first write.

use tidegate_sync::load::{LoadError, LoadOperation, LoadOptions, Transport};

use crate::bench::Bench;

/// The problems with a file, in words, and the proof that nothing was sent.
async fn problems(
    bench: &Bench,
    csv: &str,
    operation: LoadOperation,
    change: impl FnOnce(&mut LoadOptions),
) -> Vec<String> {
    let mut options = bench.options(operation, Transport::Bulk);
    change(&mut options);
    let before = bench.world.requests("/jobs/ingest").len() + bench.world.requests("/composite").len();
    let words = match bench.load(csv, options.clone()).await {
        Err(LoadError::Header { faults, .. }) => faults.iter().map(ToString::to_string).collect(),
        Err(LoadError::Rows { problems, .. }) => problems
            .first
            .iter()
            .map(|p| format!("{} {}: {}", p.line, p.column.as_deref().unwrap_or("-"), p.fault))
            .collect(),
        Err(error) => vec![error.to_string()],
        Ok(_) => vec![],
    };
    let after = bench.world.requests("/jobs/ingest").len() + bench.world.requests("/composite").len();
    assert_eq!(before, after, "{csv}: nothing is sent");
    assert!(options.names.existing().is_empty(), "nothing is left behind");
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_wrong_with_a_header_is_told_at_once() {
    let bench = Bench::start().await;
    let insert = || LoadOperation::Insert;
    let upsert = |key: &str| LoadOperation::Upsert { external_id: key.into() };
    let found = problems(
        &bench,
        "Id,Frist,Name,MailingAddress,CreatedDate,Account,Account.Nope,Account.Owner.Name,Email,email,\n1,2,3,4,5,6,7,8,9,10,11\n",
        insert(),
        |_| (),
    )
    .await;
    for part in [
        "an `Id` column",
        "no field `Frist`",
        "Name cannot be written: it is made of other fields",
        "MailingAddress cannot be written: it is made of other fields",
        "CreatedDate cannot be written: it is read-only",
        "`Account` names a relationship",
        "Account has no field `Nope`",
        "only the parent itself",
        "Email is written by two columns: 9 (`Email`) and 10 (`email`)",
        "column 11 has no name",
        "required field has no column: LastName",
    ] {
        assert!(found.iter().any(|words| words.contains(part)), "{part}: {found:#?}");
    }
    assert_eq!(found.len(), 11, "{found:#?}");
    for (csv, operation, part) in [
        ("LastName\nA\n", LoadOperation::Update, "no `Id` column"),
        ("Id\n003TG0000000001YAA\n", LoadOperation::Update, "no column to write"),
        ("Name\nA\n", LoadOperation::Delete, "no `Id` column"),
        ("LastName\nA\n", upsert("Ext_Id__c"), "no `Ext_Id__c` column"),
        ("LastName,FirstName\nA,B\n", upsert("FirstName"), "FirstName is no key"),
        ("LastName,Nope\nA,B\n", upsert("Nope"), "Contact has no field `Nope`"),
        ("LastName,User:Account.Ext_Id__c\nA,b\n", insert(), "has one kind of object"),
        ("LastName,AccountId.Ext_Id__c\nA,b\n", insert(), "not of the relationship"),
    ] {
        let found = problems(&bench, csv, operation, |_| ()).await;
        assert!(found.len() == 1 && found[0].contains(part), "{csv}: {found:?}");
    }
    let task = |options: &mut LoadOptions| options.object = "Task".into();
    for (column, part) in [
        ("Who.Email", "Who can be of several objects"),
        ("Account:Who.Email", "the relationship cannot be to Account"),
        ("Who:Contact.Email", "the object stands before the relationship"),
        ("Contact:Who.LastName", "Contact.LastName is no key"),
    ] {
        let found = problems(&bench, &format!("Subject,{column}\nA,b\n"), insert(), task).await;
        assert!(found.len() == 1 && found[0].contains(part), "{column}: {found:?}");
    }
    let found = problems(&bench, "LastName\nA\n", insert(), |o| o.ignored.push("Lastname2".into())).await;
    assert!(found[0].contains("no column `Lastname2`"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_wrong_with_rows_is_told_with_their_lines() {
    let bench = Bench::start().await;
    let csv = "LastName;Birthdate;AccountId;Email\r\n\
               ;2026-01-01;;\r\n\
               \"two\nlines\";31.01.2026;003TG0000000001YAA;\r\n\
               ok;;;\r\n\
               short;;\r\n\
               \"x\"y;;;\r\n\
               #N/A;;#N/A;\r\n";
    let found = problems(&bench, csv, LoadOperation::Insert, |_| ()).await;
    assert_eq!(
        found,
        [
            "2 LastName: is empty",
            "3 Birthdate: is not a date",
            "3 AccountId: is the id of another object (Contact)",
            "6 -: the row has 3 values, and the header has 4",
            "7 -: text stands behind the closing quote of value 1",
            "8 LastName: says null",
        ]
    );
    let long = format!("LastName\n{}\n", "x".repeat(81));
    let found = problems(&bench, &long, LoadOperation::Insert, |_| ()).await;
    assert_eq!(found, ["2 LastName: has 81 characters"]);
    for csv in ["", "\n\n", "\u{feff}"] {
        let found = problems(&bench, csv, LoadOperation::Insert, |_| ()).await;
        assert!(found[0].ends_with("is empty"), "{csv:?}: {found:?}");
    }
    assert_eq!(problems(&bench, "LastName\n", LoadOperation::Insert, |_| ()).await, ["the file has no rows"]);
}

/// A parent by a key of its own, where the field takes several kinds of parent, by both ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parents_are_found_by_their_keys() {
    let bench = Bench::start().await;
    let contacts =
        bench.load("LastName,Ext_Id__c\nA,P-1\nB,P-2\n", bench.options(LoadOperation::Insert, Transport::Bulk));
    let contacts = contacts.await.unwrap();
    for (n, transport) in [Transport::Bulk, Transport::Collections].into_iter().enumerate() {
        let mut options = bench.options(LoadOperation::Insert, transport);
        options.object = "Task".into();
        let csv = format!("Subject,contact:who.ext_id__c\nT{n}1,P-1\nT{n}2,P-2\nT{n}3,\nT{n}4,nobody\n");
        let tasks = bench.load(csv, options).await.unwrap();
        let kinds: Vec<_> = tasks.told.values().map(|told| told.kind).collect();
        assert_eq!(kinds, ["success", "success", "success", "failed"]);
        let who = bench.stored("Task", "WhoId");
        let of = |line: u64| who[&tasks.told[&line].id].clone();
        assert_eq!(of(2).as_deref(), Some(contacts.told[&2].id.as_str()));
        assert_eq!(of(3).as_deref(), Some(contacts.told[&3].id.as_str()));
        assert_eq!(of(4), None);
    }
}
