//! SQLite keeps the contract of a destination, and says clearly what it cannot do.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::path::PathBuf;

use async_trait::async_trait;
use tidegate_destinations::{DestinationUrl, Sqlite, TableProgress, inspect};
use tidegate_sync::conformance::{self, Factory};
use tidegate_sync::{
    Change, ChangeBatch, ChangeKind, Destination, DestinationError, FollowCheckpoint, ReplayId, TableId,
};

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.db"))
    }
}

#[async_trait]
impl Factory for Files {
    async fn connect(&self, name: &str) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(Box::new(Sqlite::open(&self.path(name)).await?))
    }
}

const ORG: &str = "00D000000000001EAA";

fn batch(rows: std::ops::Range<u32>) -> ChangeBatch {
    let changes = rows
        .map(|n| {
            let row = conformance::row(n);
            let tidegate_sync::Cell::Text(id) = row[0].clone() else { panic!("the first cell is the id") };
            Change { table: TableId(0), record: tidegate_sync::RecordId(id), at: 0, kind: ChangeKind::Upsert(row) }
        })
        .collect();
    let checkpoint =
        FollowCheckpoint { replay_id: ReplayId(vec![1]), commit_time: 0, seen: Vec::new(), objects: Vec::new() };
    ChangeBatch { changes, checkpoint }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance() {
    conformance::run(&Files::new()).await.assert();
}

#[tokio::test]
async fn a_second_writer_is_told() {
    let files = Files::new();
    let first = Sqlite::open(&files.path("a")).await.unwrap();
    let second = Sqlite::open(&files.path("a")).await;
    assert!(matches!(second, Err(DestinationError::InUse { .. })));
    drop(first);
    Sqlite::open(&files.path("a")).await.unwrap();
}

#[tokio::test]
async fn whoever_comes_after_an_abandoned_write_waits_for_its_end() {
    let files = Files::new();
    let tables = [conformance::table(0, "Widget__c")];
    let first = Sqlite::open(&files.path("left")).await.unwrap();
    first.open(ORG, &tables).await.unwrap();
    // Begun and dropped, with the destination itself: the work goes on in its thread.
    let batch = batch(0..20_000);
    assert!(futures::FutureExt::now_or_never(first.apply(&batch)).is_none());
    drop(first);
    assert!(matches!(Sqlite::open(&files.path("left")).await, Err(DestinationError::InUse { .. })));
    let second = loop {
        match Sqlite::open(&files.path("left")).await {
            Err(DestinationError::InUse { .. }) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    // Nothing moves under it any more: rows and position are both there.
    let found = second.open(ORG, &tables).await.unwrap();
    assert_eq!(found.follow, Some(batch.checkpoint));
    assert!(second.apply(&self::batch(0..1)).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let files = Files::new();
    std::fs::write(files.path("a"), "a shopping list, by no means a database, and long enough to be read as one")
        .unwrap();
    let Err(error) = Sqlite::open(&files.path("a")).await else { panic!("it was opened") };
    assert!(matches!(error, DestinationError::Unreachable { .. }), "{error:?}");
    assert!(std::fs::read_to_string(files.path("a")).unwrap().starts_with("a shopping list"));
}

#[tokio::test]
async fn altered_tables_are_refused_with_the_difference() {
    for (sql, expected) in [
        ("ALTER TABLE Widget__c DROP COLUMN \"{column}\"", "is gone"),
        (
            "ALTER TABLE Widget__c DROP COLUMN \"{column}\"; ALTER TABLE Widget__c ADD COLUMN \"{column}\" BLOB",
            "has type BLOB, expected TEXT",
        ),
    ] {
        let files = Files::new();
        let table = conformance::table(0, "Widget__c");
        let destination = Sqlite::open(&files.path("a")).await.unwrap();
        destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
        drop(destination);
        let column = table.columns.iter().find(|c| c.field == "Name").map_or(&table.columns[1], |c| c).field.clone();
        rusqlite::Connection::open(files.path("a")).unwrap().execute_batch(&sql.replace("{column}", &column)).unwrap();
        let destination = Sqlite::open(&files.path("a")).await.unwrap();
        let error = destination.open(ORG, &[table]).await.unwrap_err();
        assert!(matches!(&error, DestinationError::Altered { what, .. } if what.contains(expected)), "{error:?}");
    }
}

#[tokio::test]
async fn a_dropped_table_is_asked_for_anew() {
    let files = Files::new();
    let table = conformance::table(0, "Widget__c");
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
    let job = tidegate_sync::LoadJob {
        job_id: "750".to_owned(),
        api_version: "66.0".to_owned(),
        created: 0,
        fields: Vec::new(),
    };
    destination.begin(TableId(0), &job).await.unwrap();
    destination.publish(TableId(0)).await.unwrap();
    drop(destination);
    rusqlite::Connection::open(files.path("a")).unwrap().execute_batch("DROP TABLE Widget__c").unwrap();
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    let checkpoints = destination.open(ORG, &[table]).await.unwrap();
    assert_eq!(checkpoints.tables[&TableId(0)], tidegate_sync::TableState::Empty);
}

#[tokio::test]
async fn what_a_user_put_on_the_table_stays() {
    let files = Files::new();
    let table = conformance::table(0, "Widget__c");
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
    drop(destination);
    rusqlite::Connection::open(files.path("a"))
        .unwrap()
        .execute_batch("ALTER TABLE Widget__c ADD COLUMN mine TEXT; CREATE INDEX mine_index ON Widget__c (mine);")
        .unwrap();
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    destination.open(ORG, &[table]).await.unwrap();
    let job = tidegate_sync::LoadJob {
        job_id: "750".to_owned(),
        api_version: "66.0".to_owned(),
        created: 0,
        fields: Vec::new(),
    };
    destination.begin(TableId(0), &job).await.unwrap();
    destination.publish(TableId(0)).await.unwrap();
    destination.apply(&batch(0..3)).await.unwrap();
    drop(destination);
    let connection = rusqlite::Connection::open(files.path("a")).unwrap();
    let rows: i64 =
        connection.query_row("SELECT COUNT(*) FROM Widget__c WHERE mine IS NULL", [], |r| r.get(0)).unwrap();
    let indexes: i64 =
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'mine_index'", [], |r| r.get(0)).unwrap();
    assert_eq!((rows, indexes), (3, 1));
}

#[tokio::test]
async fn a_full_disk_is_one_clear_error_and_loses_nothing() {
    let files = Files::new();
    let table = conformance::table(0, "Widget__c");
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
    destination.apply(&batch(0..10)).await.unwrap();
    drop(destination);
    // SQLite's own bound stands in for the disk's: it ends in the same error from the same place.
    let destination = Sqlite::open_with_pages_max(&files.path("a"), 60).await.unwrap();
    destination.open(ORG, std::slice::from_ref(&table)).await.unwrap();
    let error = destination.apply(&batch(10..5000)).await.unwrap_err();
    assert!(matches!(error, DestinationError::Full { .. }), "{error:?}");
    drop(destination);
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    let checkpoints = destination.open(ORG, &[table]).await.unwrap();
    assert!(checkpoints.follow.is_some());
    assert_eq!(destination.digest(TableId(0), &tidegate_sync::IdRange::default()).await.unwrap().count, 10);
}

#[tokio::test]
async fn inspection_tells_without_locking() {
    let files = Files::new();
    let url: DestinationUrl = format!("sqlite:{}", files.path("a").display()).parse().unwrap();
    assert_eq!(inspect(&url).await.unwrap(), None);
    let destination = Sqlite::open(&files.path("a")).await.unwrap();
    destination.open(ORG, &[conformance::table(0, "Widget__c")]).await.unwrap();
    destination.apply(&batch(0..4)).await.unwrap();
    let found = inspect(&url).await.unwrap().unwrap();
    assert_eq!(found.org_id, ORG);
    assert!(found.follow.is_some());
    assert_eq!(
        (found.tables[0].object.as_str(), found.tables[0].progress, found.tables[0].rows),
        ("Widget__c", TableProgress::Empty, 4)
    );
}
