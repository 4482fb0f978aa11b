//! Snapshots: pages into a table that no reader knows, then all of it at once.

use std::sync::Arc;

use futures::StreamExt;
use rusqlite::{Connection, OptionalExtension, params};
use tidegate_sync::{DestinationError, RowBatch, SnapshotPage};

use super::bind::bind;
use super::error::sqlite;
use super::{SqlTable, Sqlite, blocking};
use crate::meta;

pub(super) fn begin(
    connection: &mut Connection,
    label: &str,
    table: &SqlTable,
    job: &str,
) -> Result<(), DestinationError> {
    let work = |connection: &mut Connection| {
        let tx = connection.transaction()?;
        tx.execute_batch(&format!("DROP TABLE IF EXISTS {}", table.stage))?;
        tx.execute_batch(&table.definition(&table.stage))?;
        tx.execute("DELETE FROM _tidegate_pages WHERE object = ?1", [&table.table.object])?;
        tx.execute(
            "UPDATE _tidegate_tables SET state = ?2, job = ?3 WHERE object = ?1",
            params![table.table.object, meta::LOADING, job],
        )?;
        tx.commit()
    };
    work(connection).map_err(|e| sqlite(label, format!("begin the snapshot of {}", table.name), e))
}

/// Writes a page in one transaction while its parts arrive.
pub(super) async fn page(
    destination: &Sqlite,
    tables: Arc<Vec<SqlTable>>,
    at: usize,
    mut page: SnapshotPage<'_>,
) -> Result<u64, DestinationError> {
    let label = destination.label.clone();
    let object = tables[at].table.object.clone();
    // The first part is fetched before the connection is taken: pages wait for the network side by side, and only
    // write one after the other.
    let mut next = page.parts.next().await;
    let mut guard = destination.lend().await?;
    let known = guard
        .prepare_cached("SELECT 1 FROM _tidegate_pages WHERE object = ?1 AND locator = ?2")
        .and_then(|mut s| s.query_row([&object, &page.locator], |_| Ok(())).optional())
        .map_err(|e| sqlite(&label, "look up a page", e))?;
    if known.is_some() {
        return Ok(0);
    }
    guard.execute_batch("BEGIN IMMEDIATE").map_err(|e| sqlite(&label, "begin a page", e))?;
    let mut rows = 0;
    while let Some(part) = next {
        let part = match part {
            Ok(part) => part,
            Err(cut) => {
                guard.execute_batch("ROLLBACK").map_err(|e| sqlite(&label, "drop a page", e))?;
                return Err(DestinationError::Page(cut));
            }
        };
        rows += part.rows as u64;
        let (for_work, for_label) = (tables.clone(), label.clone());
        guard = blocking(move || {
            // A failed statement leaves the transaction open; the next one to be lent the connection drops it.
            insert(&guard, &for_work[at], &part)
                .map_err(|e| sqlite(&for_label, format!("stage rows of {}", for_work[at].name), e))?;
            Ok(guard)
        })
        .await?;
        next = page.parts.next().await;
    }
    let locator = page.locator.clone();
    blocking(move || {
        let finish = || {
            guard.execute(
                "INSERT INTO _tidegate_pages (object, locator, staged) VALUES (?1, ?2, ?3)",
                params![object, locator, rows as i64],
            )?;
            guard.execute_batch("COMMIT")
        };
        finish().map_err(|e| sqlite(&label, "finish a page", e))?;
        Ok(rows)
    })
    .await
}

fn insert(connection: &Connection, table: &SqlTable, part: &RowBatch) -> rusqlite::Result<()> {
    let marks = vec!["?"; table.columns.len()].join(", ");
    // A record may stand on two pages of a job that was retried by the server: the later one wins.
    let sql = format!("INSERT OR REPLACE INTO {} ({}) VALUES ({marks})", table.stage, table.list);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut scratch = String::new();
    for row in 0..part.rows {
        for column in 0..table.columns.len() {
            bind(&mut statement, column + 1, part.cell(row, column), &mut scratch)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

pub(super) fn publish(connection: &mut Connection, label: &str, table: &SqlTable) -> Result<u64, DestinationError> {
    let work = |connection: &mut Connection| {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let staged: Option<i64> = tx
            .query_row(&format!("SELECT COUNT(*) FROM {}", table.stage), [], |row| row.get(0))
            .map(Some)
            .or_else(|e| if is_missing_table(&e) { Ok(None) } else { Err(e) })?;
        let state: String =
            tx.query_row("SELECT state FROM _tidegate_tables WHERE object = ?1", [&table.table.object], |r| r.get(0))?;
        let Some(staged) = staged else {
            // Published before, and the answer was lost.
            let live = tx.query_row(&format!("SELECT COUNT(*) FROM {}", table.live), [], |row| row.get(0))?;
            return if state == meta::LIVE { Ok(live) } else { Err(rusqlite::Error::QueryReturnedNoRows) };
        };
        if can_swap(&tx, table)? {
            tx.execute_batch(&format!(
                "DROP TABLE {live}; ALTER TABLE {stage} RENAME TO {live}",
                live = table.live,
                stage = table.stage
            ))?;
        } else {
            // Columns, indexes and triggers that somebody added stay.
            tx.execute_batch(&format!(
                "DELETE FROM {live}; INSERT INTO {live} ({list}) SELECT {list} FROM {stage}; DROP TABLE {stage}",
                live = table.live,
                stage = table.stage,
                list = table.list
            ))?;
        }
        tx.execute("DELETE FROM _tidegate_pages WHERE object = ?1", [&table.table.object])?;
        tx.execute(
            "UPDATE _tidegate_tables SET state = ?2, job = NULL WHERE object = ?1",
            params![table.table.object, meta::LIVE],
        )?;
        tx.commit()?;
        Ok(staged)
    };
    work(connection).map(i64::unsigned_abs).map_err(|e| sqlite(label, format!("publish {}", table.name), e))
}

/// Whether the live table may be replaced as a whole: nobody has put anything of his own on it.
fn can_swap(connection: &Connection, table: &SqlTable) -> rusqlite::Result<bool> {
    let others: i64 = connection.query_row(
        "SELECT COUNT(*) FROM sqlite_schema WHERE (tbl_name = ?1 AND type IN ('index', 'trigger') AND sql IS NOT NULL) \
         OR type = 'view'",
        [&table.name],
        |row| row.get(0),
    )?;
    let columns: i64 =
        connection.query_row("SELECT COUNT(*) FROM pragma_table_info(?1)", [&table.name], |row| row.get(0))?;
    Ok(others == 0 && columns == table.columns.len() as i64)
}

fn is_missing_table(error: &rusqlite::Error) -> bool {
    error.to_string().contains("no such table")
}
