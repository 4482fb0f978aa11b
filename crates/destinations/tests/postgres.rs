//! Postgres keeps the contract of a destination.
//!
//! Needs a server: `TIDEGATE_TEST_POSTGRES` names one where databases may be made. The project's test command starts
//! one; without it these tests say that they did not run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends there")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate_destinations::{DestinationUrl, Postgres, inspect};
use tidegate_sync::conformance::{self, Factory};
use tidegate_sync::{ChangeBatch, Destination, DestinationError, FollowCheckpoint, ReplayId};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const ORG: &str = "00D000000000001EAA";

/// One schema per check; dropped at the end.
struct Schemas {
    url: String,
    mark: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Schemas {
    fn new() -> Option<Self> {
        let Ok(url) = std::env::var("TIDEGATE_TEST_POSTGRES") else {
            eprintln!("not run: TIDEGATE_TEST_POSTGRES names no server");
            return None;
        };
        let mark = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Some(Self { url, mark })
    }

    fn url(&self, name: &str) -> DestinationUrl {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}schema={}_{name}", self.url, self.mark).parse().unwrap()
    }

    async fn open(&self, name: &str) -> Result<Postgres, DestinationError> {
        match self.url(name) {
            DestinationUrl::Postgres(url) => Postgres::open(&url).await,
            DestinationUrl::Sqlite(_) => panic!("TIDEGATE_TEST_POSTGRES is no Postgres URL"),
        }
    }

    async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    async fn drop_all(&self) {
        self.execute(&format!(
            "DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE '{}\\_%' \
             LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$",
            self.mark
        ))
        .await;
    }
}

#[async_trait]
impl Factory for Schemas {
    async fn connect(&self, name: &str) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(Box::new(self.open(name).await?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance() {
    let Some(schemas) = Schemas::new() else { return };
    let report = conformance::run(&schemas).await;
    schemas.drop_all().await;
    report.assert();
}

#[tokio::test]
async fn altered_tables_are_refused_with_the_difference() {
    let Some(schemas) = Schemas::new() else { return };
    let table = conformance::table(0, "Widget__c");
    let column = table.columns[1].field.to_lowercase();
    for (n, (sql, expected)) in [
        ("ALTER TABLE {t} DROP COLUMN \"{column}\"", "is gone"),
        ("ALTER TABLE {t} ALTER COLUMN \"{column}\" TYPE varchar(5) USING NULL", "has type character varying(5)"),
        ("ALTER TABLE {t} DROP CONSTRAINT widget__c_pkey", "its primary key"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("altered{n}");
        let destination = schemas.open(&name).await.unwrap();
        destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
        drop(destination);
        let live = format!("\"{}_{name}\".widget__c", schemas.mark);
        schemas.execute(&sql.replace("{t}", &live).replace("{column}", &column)).await;
        let destination = schemas.open(&name).await.unwrap();
        let error = destination.open(ORG, std::slice::from_ref(&table)).await.unwrap_err();
        assert!(matches!(&error, DestinationError::Altered { what, .. } if what.contains(expected)), "{error:?}");
    }
    schemas.drop_all().await;
}

#[tokio::test]
async fn a_table_that_others_refer_to_is_filled_in_place() {
    let Some(schemas) = Schemas::new() else { return };
    let table = conformance::table(0, "Widget__c");
    let destination = schemas.open("referred").await.unwrap();
    destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
    let schema = format!("{}_referred", schemas.mark);
    schemas
        .execute(&format!(
            "CREATE TABLE \"{schema}\".mine (widget text COLLATE \"C\" REFERENCES \"{schema}\".widget__c); \
             CREATE VIEW \"{schema}\".seen AS SELECT * FROM \"{schema}\".widget__c"
        ))
        .await;
    let job = tidegate_sync::LoadJob {
        job_id: "750".to_owned(),
        api_version: "66.0".to_owned(),
        created: 0,
        fields: Vec::new(),
    };
    destination.begin(tidegate_sync::TableId(0), &job).await.unwrap();
    let published = destination.publish(tidegate_sync::TableId(0)).await;
    schemas.execute(&format!("SELECT * FROM \"{schema}\".seen, \"{schema}\".mine")).await;
    schemas.drop_all().await;
    assert_eq!(published.unwrap(), 0);
}

#[tokio::test]
async fn inspection_and_the_second_writer() {
    let Some(schemas) = Schemas::new() else { return };
    assert_eq!(inspect(&schemas.url("a")).await.unwrap(), None);
    let destination = schemas.open("a").await.unwrap();
    destination.open(ORG, &[conformance::table(0, "Widget__c")]).await.unwrap();
    let found = inspect(&schemas.url("a")).await.unwrap().unwrap();
    assert_eq!((found.org_id.as_str(), found.tables[0].table.as_str()), (ORG, "widget__c"));
    let second = schemas.open("a").await;
    assert!(matches!(second, Err(DestinationError::InUse { .. })));
    drop(destination);
    schemas.drop_all().await;
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let url: DestinationUrl = "postgres://me:secret@127.0.0.1:1/crm".parse().unwrap();
    let DestinationUrl::Postgres(url) = url else { panic!("it is a Postgres URL") };
    let Err(error) = Postgres::open(&url).await else { panic!("nothing listens there") };
    let text = format!("{error} {error:?}");
    assert!(matches!(error, DestinationError::Unreachable { .. }) && !text.contains("secret"), "{text}");
}

/// Forwards connections; when it is aborted, they are cut.
async fn forward(listener: TcpListener, to: String) {
    let mut ways = JoinSet::new();
    loop {
        let (mut here, _) = listener.accept().await.unwrap();
        let to = to.clone();
        ways.spawn(async move {
            let mut there = TcpStream::connect(to).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        });
    }
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    let Some(schemas) = Schemas::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let mut url = url::Url::parse(&schemas.url).unwrap();
    let there = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(here.port())).unwrap();
    let through = Schemas { url: url.into(), mark: schemas.mark.clone() };

    let way = tokio::spawn(forward(listener, there.clone()));
    let destination = through.open("restart").await.unwrap();
    destination.open(ORG, &[conformance::table(0, "Widget__c")]).await.unwrap();
    let checkpoint =
        |n| FollowCheckpoint { replay_id: ReplayId(vec![n]), commit_time: 0, seen: vec![], objects: vec![] };
    let batch = |n| ChangeBatch { changes: vec![], checkpoint: checkpoint(n) };
    destination.apply(&batch(1)).await.unwrap();

    way.abort();
    let _ = way.await;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let error = destination.apply(&batch(2)).await.unwrap_err();
        let DestinationError::Database { context, transient: true, .. } = &error else {
            panic!("this would end the work: {error:?}");
        };
        if context.contains("again") {
            break;
        }
        assert!(Instant::now() < deadline, "{error:?}");
    }

    let way = tokio::spawn(forward(TcpListener::bind(here).await.unwrap(), there));
    while let Err(error) = destination.apply(&batch(3)).await {
        assert!(Instant::now() < deadline, "{error:?}");
    }
    let found = destination.open(ORG, &[conformance::table(0, "Widget__c")]).await.unwrap();
    assert_eq!(found.follow, Some(checkpoint(3)));
    drop(destination);
    way.abort();
    schemas.drop_all().await;
}
