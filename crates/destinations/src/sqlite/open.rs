//! Opening the file, and making or checking its tables.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tidegate_sync::{Checkpoints, DestinationError};

use super::error::sqlite;
use super::{SqlTable, sql_type};
use crate::meta;
use crate::names::quote;

pub(super) fn connect(path: &Path, label: &str, pages_max: u32) -> Result<(Connection, File), DestinationError> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| DestinationError::Unreachable {
        destination: label.to_owned(),
        source,
    };
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|e| unreachable(Box::new(e)))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DestinationError::InUse { destination: label.to_owned() }),
        Err(TryLockError::Error(e)) => return Err(unreachable(Box::new(e))),
    }
    let connection = Connection::open(path).map_err(|e| sqlite(label, "open the file", e))?;
    configure(&connection, pages_max).map_err(|e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => sqlite(label, "open the file", e),
        _ => unreachable(Box::new(e)),
    })?;
    Ok((connection, lock))
}

fn configure(connection: &Connection, pages_max: u32) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(30))?;
    // FULL: a commit that was answered survives a power cut, and with it the position that it moved.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; \
         PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;",
    )?;
    connection.pragma_update(None, "max_page_count", pages_max)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

pub(super) fn open(
    connection: &mut Connection,
    label: &str,
    org_id: &str,
    tables: &[SqlTable],
) -> Result<Checkpoints, DestinationError> {
    let tx = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(|e| sqlite(label, "begin", e))?;
    for statement in meta::create_statements("") {
        tx.execute_batch(&statement).map_err(|e| sqlite(label, "make the tables of the pipeline", e))?;
    }
    let mut checkpoints = identity(&tx, label, org_id)?;
    for table in tables {
        let changed = match_table(&tx, label, table)?;
        let state = read_state(&tx, table, changed).map_err(|e| sqlite(label, "read the stored state", e))?;
        checkpoints.tables.insert(table.table.id, state);
    }
    tx.commit().map_err(|e| sqlite(label, "make the tables", e))?;
    Ok(checkpoints)
}

/// Checks org and layout, stores them at first, and reads the follower's position.
fn identity(tx: &Transaction<'_>, label: &str, org_id: &str) -> Result<Checkpoints, DestinationError> {
    let fail = |e| sqlite(label, "read the stored state", e);
    let format = read_key(tx, meta::KEY_FORMAT).map_err(fail)?;
    if let Some(format) = format.filter(|f| f != meta::FORMAT) {
        return Err(DestinationError::Altered {
            table: "_tidegate".to_owned(),
            what: format!("it was written in layout {format}; this version reads layout {}", meta::FORMAT),
        });
    }
    let found = read_key(tx, meta::KEY_ORG).map_err(fail)?;
    if let Some(found) = found.filter(|found| found != org_id) {
        return Err(DestinationError::OtherOrg { expected: org_id.to_owned(), found });
    }
    write_key(tx, meta::KEY_FORMAT, meta::FORMAT).map_err(fail)?;
    write_key(tx, meta::KEY_ORG, org_id).map_err(fail)?;
    let follow = read_key(tx, meta::KEY_FOLLOW).map_err(fail)?;
    let follow = follow.as_deref().map(meta::follow_from_json).transpose()?;
    Ok(Checkpoints { org_id: Some(org_id.to_owned()), follow, tables: BTreeMap::new() })
}

/// Makes the table, or holds it against what this crate made. True when columns were added.
fn match_table(tx: &Transaction<'_>, label: &str, table: &SqlTable) -> Result<bool, DestinationError> {
    let fail = |e| sqlite(label, format!("look at table {}", table.name), e);
    let altered = |what: String| DestinationError::Altered { table: table.name.clone(), what };
    let made = columns_made(tx, &table.table.object).map_err(fail)?;
    let found = columns_found(tx, &table.live).map_err(fail)?;
    let record = |field: &str, ty: &str| {
        tx.execute(
            "INSERT INTO _tidegate_columns (object, field, type) VALUES (?1, ?2, ?3) \
             ON CONFLICT (object, field) DO UPDATE SET type = excluded.type",
            params![table.table.object, field, ty],
        )
        .map_err(fail)
    };
    if found.is_empty() {
        tx.execute_batch(&table.definition(&table.live)).map_err(fail)?;
        for column in &table.table.columns {
            record(&column.field, sql_type(column.ty))?;
        }
        // Somebody dropped it: that is how a table is asked for anew.
        return Ok(!made.is_empty());
    }
    if made.is_empty() {
        return Err(altered("a table of this name exists that was not made by this pipeline".to_owned()));
    }
    let mut changed = false;
    for (column, name) in table.table.columns.iter().zip(&table.columns) {
        let wanted = sql_type(column.ty);
        match (made.get(&column.field), found.get(&name.to_ascii_lowercase())) {
            (Some(made), Some(found)) if made != found => {
                return Err(altered(format!("column {name} has type {found}, expected {made}")));
            }
            (Some(_), None) => return Err(altered(format!("column {name} is gone"))),
            (None, Some(_)) => {
                return Err(altered(format!("column {name} exists, but was not made by this pipeline")));
            }
            (Some(made), Some(_)) if made == wanted => {}
            (made, _) => {
                if made.is_some() {
                    tx.execute_batch(&format!("ALTER TABLE {} DROP COLUMN {}", table.live, quote(name)))
                        .map_err(fail)?;
                }
                tx.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {} {wanted}", table.live, quote(name)))
                    .map_err(fail)?;
                record(&column.field, wanted)?;
                changed = true;
            }
        }
    }
    Ok(changed)
}

fn columns_made(tx: &Transaction<'_>, object: &str) -> rusqlite::Result<HashMap<String, String>> {
    tx.prepare_cached("SELECT field, type FROM _tidegate_columns WHERE object = ?1")?
        .query_map([object], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Lower-case name → type, of the table that is there.
fn columns_found(tx: &Transaction<'_>, live: &str) -> rusqlite::Result<HashMap<String, String>> {
    tx.prepare(&format!("PRAGMA table_info({live})"))?
        .query_map([], |row| Ok((row.get::<_, String>(1)?.to_ascii_lowercase(), row.get(2)?)))?
        .collect()
}

fn read_state(tx: &Transaction<'_>, table: &SqlTable, changed: bool) -> rusqlite::Result<tidegate_sync::TableState> {
    let object = &table.table.object;
    if changed {
        tx.execute(
            "UPDATE _tidegate_tables SET state = ?2, job = NULL WHERE object = ?1",
            params![object, meta::EMPTY],
        )?;
        tx.execute("DELETE FROM _tidegate_pages WHERE object = ?1", [object])?;
    }
    tx.execute("INSERT OR IGNORE INTO _tidegate_tables (object, state) VALUES (?1, ?2)", params![object, meta::EMPTY])?;
    let (state, job): (String, Option<String>) =
        tx.query_row("SELECT state, job FROM _tidegate_tables WHERE object = ?1", [object], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let pages: BTreeMap<String, u64> = tx
        .prepare_cached("SELECT locator, staged FROM _tidegate_pages WHERE object = ?1")?
        .query_map([object], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(meta::table_state(&state, job.as_deref(), pages))
}

pub(super) fn read_key(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM _tidegate WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn write_key(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO _tidegate (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([key, value])?;
    Ok(())
}
