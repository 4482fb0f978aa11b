//! Queries: cut where their URL is too long and joined again, children to their end, cursors that are gone.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_client::bulk::{IngestOperation, IngestSpec, Wait};
use tidegate_client::{Children, Client, Error, Flatten, LongQuery, Query, Record, Update, soql};

use crate::support::{World, world};

async fn read(org: &Client, query: impl Into<Query>) -> Vec<Record> {
    let query = query.into();
    let soql = query.soql().to_owned();
    org.query(query).try_collect().await.unwrap_or_else(|error| panic!("{error:?}\n{soql}"))
}

/// Reads as one query, and cut at this many bytes; the second has to take more calls. Gives the first.
async fn same(org: &Client, soql: &str, bytes: usize) -> Vec<Record> {
    let whole = read(org, Query::new(soql).when_long(LongQuery::Refuse)).await;
    let before = org.requests_made();
    let cut = read(org, Query::new(soql).url_bytes_max(bytes).when_long(LongQuery::Split)).await;
    // Enough rows may be there after the first part.
    assert!(org.requests_made() - before > 1 || soql.contains("LIMIT"), "not cut: {soql}");
    let text = |records: &[Record]| records.iter().map(|r| serde_json::to_string(r).unwrap()).collect::<Vec<_>>();
    if soql.contains("ORDER BY") {
        assert_eq!(text(&cut), text(&whole), "cut at {bytes}: {soql}");
    } else {
        let sorted = |records: &[Record]| {
            let mut all = text(records);
            all.sort_unstable();
            all
        };
        if soql.contains("LIMIT") || soql.contains("OFFSET") {
            assert_eq!(cut.len(), whole.len(), "{soql}");
        } else {
            assert_eq!(sorted(&cut), sorted(&whole), "cut at {bytes}: {soql}");
        }
    }
    whole
}

fn quoted(values: &[String]) -> String {
    values
        .iter()
        .map(|value| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Values of a column, each once.
async fn values(org: &Client, object: &str, field: &str) -> Vec<String> {
    let rows = read(org, format!("SELECT {field} FROM {object} WHERE {field} != null")).await;
    let mut all: Vec<String> = rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Text sorts by documented rules in English locales only.
async fn english(org: &Client) {
    let id = org.user_id().await.unwrap();
    let fields = json!({"LocaleSidKey": "en_US"});
    org.send(&Update { object: "User".into(), id, fields }).await.unwrap();
}

struct Lists {
    ids: Vec<String>,
    names: Vec<String>,
    accounts: Vec<String>,
}

impl Lists {
    async fn of(org: &Client) -> Lists {
        Lists {
            ids: values(org, "Contact", "Id").await,
            names: values(org, "Contact", "LastName").await,
            accounts: values(org, "Account", "Id").await,
        }
    }

    fn some(&self, random: &mut StdRng, all: &[String], from: usize) -> String {
        let count = random.random_range(from..all.len().max(from + 1));
        let mut some: Vec<String> = all.choose_multiple(random, count).cloned().collect();
        some.shuffle(random);
        quoted(&some)
    }

    /// A condition with one or two long lists.
    fn condition(&self, random: &mut StdRng) -> String {
        let mut all = vec![match random.random_range(0..4) {
            0 => format!("Id IN ({})", self.some(random, &self.ids, 20)),
            1 => format!("LastName IN ({})", self.some(random, &self.names, 20)),
            2 => format!("AccountId IN ({})", self.some(random, &self.accounts, 20)),
            _ => format!(
                "Id IN ({}) AND LastName IN ({})",
                self.some(random, &self.ids, 60),
                self.some(random, &self.names, 30)
            ),
        }];
        let more = ["Email != null", "(FirstName LIKE 'A%' OR LastName > 'M')", "CreatedDate > 2000-01-01T00:00:00Z"];
        if random.random_bool(0.4) {
            all.push((*more.choose(random).unwrap()).to_owned());
        }
        all.shuffle(random);
        all.join(" AND ")
    }
}

/// An order that decides every tie, of fields of every kind whether selected or not.
fn order(random: &mut StdRng) -> String {
    let mut keys = [
        "LastName",
        "Account.Name",
        "CreatedDate",
        "Birthdate",
        "Account.AnnualRevenue",
        "LeadSource",
        "Account.IsDeleted",
        "AccountId",
        "Account.Industry",
    ];
    keys.shuffle(random);
    let mut all: Vec<String> = keys[..random.random_range(0..3)].iter().map(ToString::to_string).collect();
    all.push("Id".into());
    for key in &mut all {
        key.push_str(["", " ASC", " DESC"].choose(random).unwrap());
        key.push_str(["", "", " NULLS FIRST", " NULLS LAST"].choose(random).unwrap());
    }
    format!(" ORDER BY {}", all.join(", "))
}

fn bounds(random: &mut StdRng) -> String {
    match random.random_range(0..5) {
        0 => format!(" LIMIT {}", random.random_range(0..120)),
        1 => format!(" LIMIT {} OFFSET {}", random.random_range(0..80), random.random_range(0..60)),
        2 => format!(" OFFSET {}", random.random_range(0..60)),
        _ => String::new(),
    }
}

#[allow(clippy::print_stdout, reason = "a failing test shows its seed")]
fn seed() -> u64 {
    let seed = std::env::var("TIDEGATE_SEED").ok().map_or_else(|| rand::rng().random(), |seed| seed.parse().unwrap());
    println!("TIDEGATE_SEED={seed}");
    seed
}

/// The property: whatever is cut, the rows are those of the one query, in its order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_query_gives_what_the_whole_gives() {
    let world = world(200).await;
    let org = &world.org;
    english(org).await;
    let lists = Lists::of(org).await;
    let mut random = StdRng::seed_from_u64(seed());
    let describe = org.describe("Contact").await.unwrap();
    let mut fields: Vec<String> = describe.fields.iter().map(|field| field.name.clone()).collect();
    fields.extend(["Account.Name", "Account.Owner.Name", "Account.Id", "Owner.Email"].map(str::to_owned));
    let mut rows = 0;
    for _ in 0..12 {
        let condition = lists.condition(&mut random);
        let order = if random.random_bool(0.75) { order(&mut random) } else { String::new() };
        let bounds = bounds(&mut random);
        // Lists alone.
        let soql = format!("SELECT Id, LastName, Account.Name FROM Contact c WHERE {condition}{order}{bounds}");
        let bytes = random.random_range(420..520);
        rows += same(org, &soql, bytes).await.len();
        // Fields alone.
        let some: Vec<String> = fields.choose_multiple(&mut random, fields.len() / 2).cloned().collect();
        let few = "LastName > 'C' AND FirstName != 'Nobody'";
        let order_wide = if order.is_empty() { " ORDER BY Id".to_owned() } else { order.clone() };
        rows += same(org, &format!("SELECT {} FROM Contact WHERE {few}{order_wide}{bounds}", some.join(", ")), bytes)
            .await
            .len();
        // Both.
        rows += same(
            org,
            &format!("SELECT {} FROM Contact WHERE {condition}{order_wide}{bounds}", some.join(",")),
            bytes + 300,
        )
        .await
        .len();
    }
    assert!(rows > 100, "{rows}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_groups_of_parts_are_those_of_the_whole() {
    let world = world(200).await;
    let org = &world.org;
    english(org).await;
    let lists = Lists::of(org).await;
    let ids = quoted(&lists.ids);
    for (select, rest) in [
        (
            "COUNT(Id), MIN(CreatedDate), MAX(LastName), MIN(Account.AnnualRevenue), SUM(Account.AnnualRevenue) total",
            "",
        ),
        ("LeadSource, COUNT(Id) n", " GROUP BY LeadSource ORDER BY COUNT(Id) DESC, LeadSource"),
        (
            "Account.Name, IsDeleted, COUNT(Id), MAX(Birthdate)",
            " GROUP BY Account.Name, IsDeleted ORDER BY Account.Name DESC NULLS LAST, IsDeleted LIMIT 20",
        ),
        (
            "CALENDAR_YEAR(Birthdate), COUNT(Birthdate)",
            " GROUP BY CALENDAR_YEAR(Birthdate) ORDER BY CALENDAR_YEAR(Birthdate)",
        ),
    ] {
        assert!(!same(org, &format!("SELECT {select} FROM Contact WHERE Id IN ({ids}){rest}"), 700).await.is_empty());
    }
    let long = format!("FROM Contact WHERE Id IN ({ids}) AND Email != null");
    let cut = |soql: String| Query::new(soql).url_bytes_max(500).when_long(LongQuery::Split);
    let whole = org.count(format!("SELECT COUNT() {long}")).await.unwrap();
    assert_eq!(org.count(cut(format!("SELECT COUNT() {long}"))).await.unwrap(), whole);
    assert_eq!(org.count(cut(format!("SELECT Id, Name {long} ORDER BY Name"))).await.unwrap(), whole);
    assert_eq!(org.count(cut(format!("SELECT COUNT() {long} LIMIT 7"))).await.unwrap(), 7);
    for (soql, words) in [
        (format!("SELECT AVG(Account.AnnualRevenue) {long}"), "average"),
        (format!("SELECT COUNT_DISTINCT(LastName) {long}"), "COUNT_DISTINCT"),
        (format!("SELECT LastName, COUNT(Id) {long} GROUP BY LastName HAVING COUNT(Id) > 1"), "HAVING"),
        (format!("SELECT Id FROM Contact WHERE Id NOT IN ({ids})"), "NOT IN"),
        (format!("SELECT Id FROM Contact WHERE Id IN ({ids}) OR LastName = 'x'"), "OR"),
    ] {
        let query = cut(soql.clone());
        let error = org.query(query.clone()).try_next().await.unwrap_err();
        assert!(matches!(&error, Error::QueryTooLong { why: Some(why), .. } if why.contains(words)), "{error}");
        assert!(error.hint().unwrap().contains("Bulk"));
        // The body of a composite request takes any of them.
        let whole = read(org, soql).await;
        assert_eq!(read(org, query.when_long(LongQuery::Any)).await, whole);
    }
    world.emulator.stop().await.unwrap();
}

/// Thousands of ids, as programs have them: more than a statement may be long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_any_length_can_be_bound() {
    let world = world(6000).await;
    let org = &world.org;
    let ids = values(org, "Contact", "Id").await;
    assert!(ids.len() > 5000);
    let query = soql!("SELECT Id, Name FROM Contact WHERE Id IN :ids ORDER BY LastName, Id", ids = &ids).unwrap();
    assert!(query.to_string().len() > 100_000);
    let refused = org.query(&query).try_next().await.unwrap_err().to_string();
    assert!(refused.contains("the user's locale"), "{refused}");
    english(org).await;
    let mut stream = org.query(&query);
    let first = stream.try_next().await.unwrap().unwrap();
    assert_eq!(stream.total_size(), Some(ids.len() as u64));
    let mut rows = vec![first];
    rows.extend(stream.try_collect::<Vec<_>>().await.unwrap());
    assert_eq!(rows, read(org, "SELECT Id, Name FROM Contact ORDER BY LastName, Id").await);
    let mut stream = org.query(soql!("SELECT Id FROM Contact WHERE Id IN :ids", ids = &ids).unwrap());
    let mut count = 0;
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, stream.total_size()), (ids.len(), Some(ids.len() as u64)));
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_fields_without_their_limit() {
    let world = world(300).await;
    let org = &world.org;
    let refused = org.query("SELECT FIELDS(ALL) FROM Account").try_next().await.unwrap_err();
    assert!(refused.has_code("MALFORMED_QUERY"), "{refused}");
    let soql = "SELECT FIELDS(ALL) FROM Contact ORDER BY Id";
    let all = read(org, Query::new(soql).expand_fields()).await;
    let first = read(org, format!("{soql} LIMIT 200")).await;
    assert!(all.len() > 250);
    let sorted = |record: &Record| record.clone().into_iter().collect::<BTreeMap<String, Value>>();
    for (a, b) in all.iter().zip(&first) {
        assert_eq!(sorted(a), sorted(b));
    }
    let calls = org.requests_made();
    let cut = read(org, Query::new(soql).expand_fields().url_bytes_max(600)).await;
    assert!(org.requests_made() - calls > 4);
    assert_eq!(cut, all);
    world.emulator.stop().await.unwrap();
}

/// A row that changes between two parts is read again, and one that no longer fits does not come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_changes_between_its_parts_is_read_again() {
    let world = world(100).await;
    let org = &world.org;
    let soql = "SELECT Id, FirstName, Email, Phone, MobilePhone, Title, Department, Description, AssistantName, AssistantPhone, HomePhone, OtherPhone, Fax, Salutation, MailingCity, MailingState, MailingCountry, LastName FROM Contact WHERE LastName != 'gone' ORDER BY Id";
    let whole = read(org, soql).await;
    let (changed, gone) = (whole[3]["Id"].as_str().unwrap().to_owned(), whole[5]["Id"].as_str().unwrap().to_owned());
    for by_range in [true, false] {
        let soql = if by_range { soql.to_owned() } else { soql.replace("ORDER BY Id", "ORDER BY CreatedDate, Id") };
        world
            .control(
                "faults",
                json!({"match": {"path": "/services/data/*/query*", "nth": 2}, "action": {"delay_ms": 5000}}),
            )
            .await;
        let before = org.requests_made();
        let reading = tokio::spawn({
            let (org, soql) = (org.clone(), soql.clone());
            async move { read(&org, Query::new(soql).url_bytes_max(185).when_long(LongQuery::Split)).await }
        });
        // The describe, the query that finds the rows, and the one for further fields, which the org lets wait.
        while org.requests_made() - before < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mark = format!("mark {by_range}");
        let update = |id: &str, fields| Update { object: "Contact".into(), id: id.to_owned(), fields };
        org.send(&update(&changed, json!({"FirstName": mark, "LastName": mark, "Title": mark}))).await.unwrap();
        org.send(&update(&gone, json!({"LastName": "gone"}))).await.unwrap();
        let cut = reading.await.unwrap();
        let row = cut.iter().find(|row| row["Id"] == changed.as_str()).unwrap();
        assert_eq!([&row["FirstName"], &row["LastName"], &row["Title"]], [&json!(mark); 3]);
        assert!(cut.iter().all(|row| row["Id"] != gone.as_str()), "it no longer fits");
        assert_eq!(cut, read(org, soql).await);
        org.send(&update(&gone, json!({"LastName": "back"}))).await.unwrap();
    }
    world.emulator.stop().await.unwrap();
}

async fn with_children(world: &World, count: usize) -> String {
    let org = &world.org;
    let account = read(org, "SELECT Id FROM Account ORDER BY Id LIMIT 1").await[0]["Id"].as_str().unwrap().to_owned();
    let mut csv = String::from("LastName,AccountId\n");
    for n in 0..count {
        csv.push_str(&format!("Child {n:05},{account}\n"));
    }
    let bulk = org.bulk();
    let csv = futures::stream::iter([Ok::<_, std::io::Error>(csv.into())]);
    let spec = IngestSpec::new("Contact", IngestOperation::Insert);
    let job = bulk.ingest(spec, csv, None, Wait::default()).await.unwrap();
    assert_eq!((job.successful, job.failed), (count as u64, 0));
    account
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    id: String,
    contacts: Children<Contact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contact {
    last_name: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_are_read_to_their_end() {
    let world = world(60).await;
    let org = &world.org;
    let account = with_children(&world, 950).await;
    let soql = "SELECT Id, Name, (SELECT LastName, Owner.Name FROM Contacts ORDER BY LastName), (SELECT Name FROM Opportunities) FROM Account ORDER BY Id";
    let contacts = org.count("SELECT Id FROM Contact WHERE AccountId != null").await.unwrap();
    // The answer's pages end in the middle of the children, the session with it, and one answer is lost.
    world
        .control(
            "faults",
            json!({"match": {"path": "/services/data/*/query/*", "nth": 2}, "action": {"expire_token": true}}),
        )
        .await;
    world
        .control(
            "faults",
            json!({"match": {"path": "/services/data/*/query/*", "nth": 3}, "action": {"lose_answer": true}}),
        )
        .await;
    let records: Vec<Record> = org.query(soql).page_rows(200).try_collect().await.unwrap();
    let big = records.iter().find(|record| record["Id"] == account.as_str()).unwrap();
    assert!(big["Contacts"]["records"].as_array().unwrap().len() >= 950);
    assert_eq!(big["Contacts"]["done"], true);
    assert!(big["Contacts"].get("nextRecordsUrl").is_none());
    let accounts: Vec<Account> = org.query(soql).page_rows(200).typed().try_collect().await.unwrap();
    assert_eq!(accounts.iter().map(|a| a.contacts.len() as u64).sum::<u64>(), contacts);
    let names: Vec<&str> =
        accounts.iter().find(|a| a.id == account).unwrap().contacts.iter().map(|c| c.last_name.as_str()).collect();
    for n in 0..950 {
        assert_eq!(names.iter().filter(|name| **name == format!("Child {n:05}")).count(), 1);
    }
    // One row for each child, parents without any with a row of their own.
    let rows: Vec<Record> = org.query(soql).page_rows(200).flat(Flatten::default()).try_collect().await.unwrap();
    let children = rows.iter().filter(|row| !row["Contacts.LastName"].is_null()).count() as u64;
    assert_eq!(children, contacts);
    assert!(rows.iter().all(|row| row.len() == 5 && row["Name"].is_string()), "{:?}", rows[0]);
    let ids: std::collections::BTreeSet<&str> = rows.iter().map(|row| row["Id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), records.len());
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_goes_on_without_its_cursor() {
    let world = world(2500).await;
    let org = &world.org;
    let plain = read(org, "SELECT Id, Name FROM Contact ORDER BY Id").await;
    world.control("faults", json!({"match": {"path": "/services/data/*/query/*", "nth": 3, "times": 1}, "action": {"refuse": "invalid_query_locator"}})).await;
    let rows: Vec<Record> =
        org.query("SELECT Id, Name FROM Contact ORDER BY Id").page_rows(200).try_collect().await.unwrap();
    assert_eq!(rows, plain);
    world
        .control(
            "faults",
            json!({"match": {"path": "/services/data/*/query/*"}, "action": {"refuse": "invalid_query_locator"}}),
        )
        .await;
    let lost = org.query("SELECT Id, Name FROM Contact ORDER BY Name").page_rows(200).try_collect::<Vec<_>>().await;
    assert!(lost.unwrap_err().has_code("INVALID_QUERY_LOCATOR"), "no id to go on from");

    let before = org.requests_made();
    assert_eq!(read(org, Query::new("SELECT Id, Name FROM Contact").by_id()).await, plain);
    let names: Vec<Value> = plain.iter().map(|row| row["Name"].clone()).collect();
    let by_id = read(org, Query::new("SELECT Name FROM Contact LIMIT 2200").by_id()).await;
    assert_eq!(by_id.iter().map(|row| row["Name"].clone()).collect::<Vec<_>>(), names[..2200]);
    assert!(by_id.iter().all(|row| !row.contains_key("Id")));
    assert_eq!(org.requests_made() - before, 4, "two queries each");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_tooling_and_binds() {
    let world = world(60).await;
    let org = &world.org;
    let plans = org.explain("SELECT Id FROM Contact WHERE Id = '003TG0000000001YAA'").await.unwrap();
    assert_eq!(plans.plans[0].sobject_type, "Contact");
    assert!(plans.is_selective(), "{plans:?}");
    assert!(org.explain("SELECT Id FROMM Contact").await.unwrap_err().has_code("MALFORMED_QUERY"));
    let entities: Vec<Record> = org
        .query(Query::new("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'").tooling())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(entities[0]["QualifiedApiName"], "Account");
    let name = "x') OR (Id != '";
    assert_eq!(org.count(soql!("SELECT COUNT() FROM Contact WHERE LastName = :name", name).unwrap()).await.unwrap(), 0);
    let refused: Result<(), Error> = soql!("SELECT Id FROM Contact LIMIT :n", n = "x").map(drop).map_err(Error::from);
    assert!(refused.unwrap_err().to_string().contains('^'));
    world.emulator.stop().await.unwrap();
}
