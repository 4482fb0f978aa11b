//! The Rust of `docs/coming-from.md`, as it stands there, run against an org; and the page's figures, counted from the
//! page. (Its commands are run by the tests of the command line, its JavaScript, Python and shell by the referees.)

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what is shown prints")]

use std::path::Path;

use serde_json::{Value, json};
use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin};
use tidegate_emulator::server::{Config, Emulator, SeedConfig};

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Task 1.
async fn sign_in(url: &str, client_id: &str, username: &str, key_file: &Path) -> Done<Client> {
    use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, UserInfo};

    let credentials = Credentials::JwtBearer {
        client_id: client_id.into(),
        username: username.into(),
        private_key: std::fs::read_to_string(key_file)?.into(),
        passphrase: None,
        audience: None,
    };
    let org = Client::connect(ClientConfig::new(OrgLogin::new(url, credentials)?)).await?;
    println!("{}", org.send(&UserInfo).await?.preferred_username.unwrap_or_default());
    Ok(org)
}

/// Task 2.
async fn query(org: &Client, name: &str) -> Done {
    use futures::TryStreamExt;
    use tidegate_client::soql;

    let mut contacts = org.query(soql!("SELECT Id, Email FROM Contact WHERE LastName = :name", name)?);
    while let Some(contact) = contacts.try_next().await? {
        println!("{}", contact["Email"]);
    }
    Ok(())
}

/// Task 3.
async fn children(org: &Client, folder: &Path) -> Done {
    use futures::TryStreamExt;
    use tidegate_client::Flatten;

    let columns = ["Name", "Contacts.LastName", "Contacts.Email"];
    let mut out = csv::Writer::from_path(folder.join("contacts.csv"))?;
    out.write_record(columns)?;
    let accounts = org.query("SELECT Name, (SELECT LastName, Email FROM Contacts) FROM Account");
    let mut rows = accounts.flat(Flatten::default());
    while let Some(row) = rows.try_next().await? {
        out.write_record(columns.map(|column| row[column].as_str().unwrap_or_default()))?;
    }
    out.flush()?;
    Ok(())
}

/// Task 4.
async fn one_record(org: &Client) -> Done<String> {
    use serde_json::json;

    let id = org.create("Contact", json!({"LastName": "Ng", "Email": "ng@acme.example"})).await?.id;
    org.update("Contact", &id, json!({"Phone": "+1 555 0100", "Email": null})).await?;
    Ok(id)
}

/// Task 5.
async fn upsert(org: &Client, records: Vec<Value>) -> Done {
    use futures::StreamExt;

    let records = futures::stream::iter(records);
    let mut outcomes = org.collections().upsert("Contact", "Ext_Id__c", records);
    while let Some(outcome) = outcomes.next().await {
        if let Err(error) = outcome.result {
            eprintln!("record {}: {error}", outcome.place);
        }
    }
    Ok(())
}

/// Task 6.
async fn together(org: &Client) -> Done {
    use serde_json::json;
    use tidegate_client::{Create, rest::Composite};

    let mut calls = Composite::new().all_or_none();
    let acme = calls.add("acme", Create::new("Account", json!({"Name": "Acme"})));
    calls.add("ng", Create::new("Contact", json!({"LastName": "Ng", "AccountId": acme.id()})));
    let saved = org.send(&calls).await?.ok()?;
    println!("{}", saved.get(&acme)?.id);
    Ok(())
}

/// Task 7.
async fn export(org: &Client, folder: &Path) -> Done {
    let mut contacts = org.bulk().query("SELECT Id, LastName, Email FROM Contact").start().await?;
    let mut out = csv::Writer::from_path(folder.join("contacts.csv"))?;
    out.write_record(contacts.columns())?;
    while let Some(rows) = contacts.next_rows().await? {
        for row in rows.iter() {
            out.write_record(row.iter())?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Task 8.
async fn load(org: &Client, folder: &Path) -> Done {
    use std::sync::Arc;
    use tidegate_sync::load::{LoadOperation, LoadOptions, Names, Source, prepare};
    use tokio_util::sync::CancellationToken;

    let options = LoadOptions::new("Contact", LoadOperation::Insert, Names::new(folder, "people.csv"));
    let file = Source::File(folder.join("people.csv"));
    let load = prepare(org.clone(), file, options, Arc::new(|_| {})).await?;
    let report = load.run(CancellationToken::new()).await?;
    println!("{} rows failed, see people.failed.csv", report.tally.failed);
    Ok(())
}

/// Task 9. Follows for ever.
async fn follow(org: &Client, place: &Path) -> Done {
    use tidegate_client::events::{Position, Replay};

    let stored = std::fs::read_to_string(place).ok().and_then(|text| text.parse::<Position>().ok());
    let from = stored.map_or(Replay::Latest, Replay::After);
    let mut changes = org.events().listen("/data/ContactChangeEvent").from(from).open().await?;
    while let Some(event) = changes.next().await? {
        println!("{:?}: {}", event.kind, event.payload);
        if let Some(position) = changes.position(&event.channel) {
            std::fs::write(place, position.to_string())?;
        }
    }
    Ok(())
}

/// Task 10.
async fn limits(mut config: ClientConfig, share: f64) -> Done<Client> {
    use tidegate_client::{Client, Error};

    config.budget.share = share;
    let org = Client::connect(config).await?;
    match org.query_page("SELECT COUNT() FROM Account").await {
        Err(Error::Budget(stop)) => println!("{stop}"),
        page => println!("{} accounts, {:?}", page?.total_size, org.api_usage()),
    }
    Ok(org)
}

struct World {
    emulator: Emulator,
    org: Client,
    config: ClientConfig,
    folder: tempfile::TempDir,
}

async fn world() -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = Some(SeedConfig { number: 1, contacts: 60 });
    let emulator = Emulator::start(Config { seed, ..Config::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), emulator.ca_pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), &emulator.credentials().private_key_pem).unwrap();
    let token = emulator.credentials().access_token.clone().into();
    let mut config = ClientConfig::new(OrgLogin::new(emulator.url(), Credentials::AccessToken { token }).unwrap());
    config.ca_file = Some(folder.path().join("ca.pem"));
    config.pubsub_endpoint = emulator.pubsub().to_owned();
    let org = Client::connect(config.clone()).await.unwrap();
    World { emulator, org, config, folder }
}

async fn count(org: &Client, soql: &str) -> u64 {
    org.count(soql).await.unwrap()
}

/// The lines of a CSV file in the folder.
fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let mut file = csv::ReaderBuilder::new().has_headers(false).from_path(folder.join(name)).unwrap();
    file.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn one_to_four() {
    let World { emulator, org, folder, .. } = &world().await;
    let folder = folder.path();
    let credentials = emulator.credentials();
    let key = folder.join("key.pem");
    let signed_in = sign_in(emulator.url(), &credentials.client_id, &credentials.username, &key).await.unwrap();
    assert_eq!(signed_in.org_id().await.unwrap(), credentials.org_id);

    query(org, r"O'Neil \' OR Name LIKE '%").await.unwrap();

    children(org, folder).await.unwrap();
    let table = rows(folder, "contacts.csv");
    let with_account = count(org, "SELECT Id FROM Contact WHERE AccountId != null").await;
    let childless =
        count(org, "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE AccountId != null)")
            .await;
    assert_eq!(table.len() as u64, 1 + with_account + childless);

    let id = one_record(org).await.unwrap();
    let saved = org.get("Contact", &id).await.unwrap();
    assert_eq!((&saved["Phone"], &saved["Email"]), (&json!("+1 555 0100"), &Value::Null));
}

#[tokio::test]
async fn five_to_eight() {
    let World { org, folder, .. } = &world().await;
    let folder = folder.path();
    let records = (0..1000).map(|n| match n {
        7 => json!({"Ext_Id__c": "R-7", "LastName": null}),
        n => json!({"Ext_Id__c": format!("R-{n}"), "LastName": format!("Name {n}")}),
    });
    upsert(org, records.collect()).await.unwrap();
    assert_eq!(count(org, "SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'R-%'").await, 999);

    together(org).await.unwrap();
    assert_eq!(count(org, "SELECT Id FROM Contact WHERE Account.Name = 'Acme' AND LastName = 'Ng'").await, 1);

    export(org, folder).await.unwrap();
    let all = count(org, "SELECT Id FROM Contact").await;
    assert_eq!(rows(folder, "contacts.csv").len() as u64, 1 + all);

    std::fs::write(folder.join("people.csv"), "LastName,Email\nA,a@acme.example\nB,none\n").unwrap();
    load(org, folder).await.unwrap();
    let failed = rows(folder, "people.failed.csv");
    assert_eq!((failed.len(), failed[1][0].as_str()), (2, "3"), "{failed:?}");
}

#[tokio::test]
async fn nine() {
    let World { org, folder, .. } = &world().await;
    let place = folder.path().join("place");
    let position = || std::fs::read_to_string(&place).unwrap_or_default();
    let mut last = String::new();
    for name in ["One", "Two"] {
        // The first run begins with what comes now, so that the record has to be made once it listens.
        let changes = async {
            while position() == last {
                if last.is_empty() || count(org, "SELECT Id FROM Contact WHERE LastName = 'Two'").await == 0 {
                    org.create("Contact", json!({ "LastName": name })).await.unwrap();
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            ended = follow(org, &place) => panic!("it ended: {ended:?}"),
            ended = tokio::time::timeout(std::time::Duration::from_secs(30), changes) => ended.unwrap(),
        }
        last = position();
        last.parse::<tidegate_client::events::Position>().unwrap();
    }
}

#[tokio::test]
async fn ten() {
    let World { config, .. } = &world().await;
    let org = limits(config.clone(), 80.0).await.unwrap();
    assert!(org.query_page("SELECT COUNT() FROM Account").await.is_ok());
    // So small a share is used up by the first calls.
    let org = limits(config.clone(), 0.000_001).await.unwrap();
    let stopped = org.query_page("SELECT COUNT() FROM Account").await.unwrap_err();
    assert!(matches!(stopped, tidegate_client::Error::Budget(_)), "{stopped}");
}

// ---- the page

const PAGE: &str = include_str!("../../docs/coming-from.md");
const TASKS: usize = 10;

/// The fenced blocks of a part of the page: language and lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line.strip_prefix("```")) {
            (false, Some(language)) => {
                blocks.push((language, vec![]));
                inside = true;
            }
            (true, Some(_)) => inside = false,
            (true, None) => blocks.last_mut().unwrap().1.push(line),
            (false, None) => {}
        }
    }
    blocks
}

/// The part of the page about a task.
fn task(number: usize) -> &'static str {
    let head = format!("\n## {number}. ");
    let start = PAGE.find(&head).unwrap_or_else(|| panic!("no task {number}"));
    let rest = &PAGE[start + head.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn the_page_shows_this() {
    let own = include_str!("coming_from.rs");
    for number in 1..=TASKS {
        let rust: Vec<_> =
            blocks(task(number)).into_iter().filter(|(language, _)| language.starts_with("rust")).collect();
        let [(_, lines)] = rust.as_slice() else { panic!("task {number} has {} pieces of Rust", rust.len()) };
        let indented: Vec<_> =
            lines.iter().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") }).collect();
        assert!(own.contains(&indented.join("\n")), "task {number} of the page is not what is run here");
    }
}

/// Lines that are neither empty nor comments. Of a console only the commands count.
fn lines_of_code(language: &str, lines: &[&str]) -> usize {
    let comment = if matches!(language, "js" | "rust,ignore") { "//" } else { "#" };
    let counts = |line: &&&str| match language {
        "console" => line.starts_with("$ "),
        _ => !line.trim().is_empty() && !line.trim_start().starts_with(comment),
    };
    lines.iter().filter(counts).count()
}

#[test]
fn its_figures_are_counted() {
    let columns: [&[&str]; 5] = [&["js"], &["python"], &["sh", "json"], &["rust,ignore"], &["console", "toml", "json"]];
    for number in 1..=TASKS {
        let blocks = blocks(task(number));
        let title = task(number).lines().next().unwrap();
        let mut row = format!("| {number}. {title} |");
        for languages in columns {
            let own: Vec<_> = blocks.iter().filter(|(language, _)| languages.contains(language)).collect();
            let sum: usize = own.iter().map(|(language, lines)| lines_of_code(language, lines)).sum();
            let is_done = own.iter().any(|(language, _)| *language == languages[0]);
            row += &if is_done { format!(" {sum} |") } else { " – |".to_owned() };
        }
        assert!(PAGE.contains(&format!("\n{row}\n")), "the table should say\n{row}");
    }
}
