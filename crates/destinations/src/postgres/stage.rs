//! Snapshots: pages by binary `COPY` into a table that no reader knows, then all of it at once.

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use tidegate_sync::{DestinationError, RowBatch, SnapshotPage};
use tokio_postgres::CopyInSink;

use super::sql::SqlTable;
use super::{Postgres, copy};
use crate::meta;
use crate::names::quote;

/// Bytes that are handed to the connection at once.
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) async fn begin(destination: &Postgres, table: &SqlTable, job: &str) -> Result<(), DestinationError> {
    let fail = || destination.fail(format!("begin the snapshot of {}", table.name));
    let schema = quote(&destination.schema);
    let mut connection = destination.writer().await?;
    let tx = connection.transaction().await.map_err(fail())?;
    tx.batch_execute(&format!("DROP TABLE IF EXISTS {}; {}", table.stage, table.definition(&table.stage)))
        .await
        .map_err(fail())?;
    tx.execute(&format!("DELETE FROM {schema}._tidegate_pages WHERE object = $1"), &[&table.table.object])
        .await
        .map_err(fail())?;
    tx.execute(
        &format!("UPDATE {schema}._tidegate_tables SET state = $2, job = $3 WHERE object = $1"),
        &[&table.table.object, &meta::LOADING, &job],
    )
    .await
    .map_err(fail())?;
    tx.commit().await.map_err(fail())
}

/// Copies a page in one transaction, on a connection of its own: several pages are copied side by side.
pub(super) async fn page(
    destination: &Postgres,
    table: &SqlTable,
    mut page: SnapshotPage<'_>,
) -> Result<u64, DestinationError> {
    let fail = || destination.fail(format!("stage rows of {}", table.name));
    let schema = quote(&destination.schema);
    let mut connection = destination.writer().await?;
    // Dropped without a commit, it is rolled back.
    let tx = connection.transaction().await.map_err(fail())?;
    // The place is taken first: the same page staged twice at once waits here, and then finds it done.
    let taken = tx
        .execute(
            &format!(
                "INSERT INTO {schema}._tidegate_pages (object, locator, staged) VALUES ($1, $2, 0) \
                 ON CONFLICT DO NOTHING"
            ),
            &[&table.table.object, &page.locator],
        )
        .await
        .map_err(fail())?;
    if taken == 0 {
        return Ok(0);
    }
    let sink: CopyInSink<Bytes> = tx
        .copy_in(&format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.stage, table.list))
        .await
        .map_err(fail())?;
    let mut sink = std::pin::pin!(sink);
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES * 2);
    buffer.extend_from_slice(copy::HEADER);
    let mut rows = 0u64;
    while let Some(part) = page.parts.next().await {
        let part = part.map_err(DestinationError::Page)?;
        copy::write_rows(&part, &mut buffer).map_err(|fault| value_error(table, &part, fault))?;
        rows += part.rows as u64;
        while buffer.len() >= CHUNK_BYTES {
            let chunk = buffer.split_to(CHUNK_BYTES).freeze();
            sink.as_mut().send(chunk).await.map_err(fail())?;
        }
    }
    buffer.extend_from_slice(copy::TRAILER);
    sink.as_mut().send(buffer.freeze()).await.map_err(fail())?;
    sink.as_mut().finish().await.map_err(fail())?;
    tx.execute(
        &format!("UPDATE {schema}._tidegate_pages SET staged = $3 WHERE object = $1 AND locator = $2"),
        &[&table.table.object, &page.locator, &(rows as i64)],
    )
    .await
    .map_err(fail())?;
    tx.commit().await.map_err(fail())?;
    Ok(rows)
}

fn value_error(table: &SqlTable, part: &RowBatch, fault: (usize, usize, &'static str)) -> DestinationError {
    let (row, column, what) = fault;
    let record = match part.cell(row, 0) {
        tidegate_sync::CellRef::Text(id) => id.to_owned(),
        _ => String::new(),
    };
    DestinationError::Value {
        table: table.name.clone(),
        column: table.columns.get(column).cloned().unwrap_or_default(),
        record,
        what: what.to_owned(),
    }
}

pub(super) async fn publish(destination: &Postgres, table: &SqlTable) -> Result<u64, DestinationError> {
    let fail = || destination.fail(format!("publish {}", table.name));
    let schema = quote(&destination.schema);
    let id = table.id_column();
    let mut connection = destination.writer().await?;
    let tx = connection.transaction().await.map_err(fail())?;
    let staged = tx
        .query_opt(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2",
            &[&destination.schema, &table.stage_name],
        )
        .await
        .map_err(fail())?;
    if staged.is_none() {
        // Published before, and the answer was lost.
        let state: String = tx
            .query_one(
                &format!("SELECT state FROM {schema}._tidegate_tables WHERE object = $1"),
                &[&table.table.object],
            )
            .await
            .map_err(fail())?
            .get(0);
        if state != meta::LIVE {
            return Err(meta::database(format!("publish {}: nothing was staged", table.name), false, std::fmt::Error));
        }
        let rows: i64 =
            tx.query_one(&format!("SELECT COUNT(*) FROM {}", table.live), &[]).await.map_err(fail())?.get(0);
        return Ok(rows.unsigned_abs());
    }
    let rows: i64 =
        tx.query_one(&format!("SELECT COUNT(DISTINCT {id}) FROM {}", table.stage), &[]).await.map_err(fail())?.get(0);
    if is_untouched(&tx, destination, table).await.map_err(fail())? {
        // A record may stand on two pages of a job that the server retried: one copy of it stays.
        tx.batch_execute(&format!(
            "DELETE FROM {stage} a USING {stage} b WHERE a.{id} = b.{id} AND a.ctid < b.ctid \
               AND (SELECT COUNT(*) FROM {stage}) <> {rows}; \
             DROP TABLE {live}; ALTER TABLE {stage} RENAME TO {name}; ALTER TABLE {live} ADD PRIMARY KEY ({id})",
            stage = table.stage,
            live = table.live,
            name = quote(&table.name),
        ))
        .await
        .map_err(fail())?;
    } else {
        // Columns, indexes, views and rights that somebody put on the table stay.
        tx.batch_execute(&format!(
            "DELETE FROM {live}; INSERT INTO {live} ({list}) SELECT DISTINCT ON ({id}) {list} FROM {stage}; \
             DROP TABLE {stage}",
            stage = table.stage,
            live = table.live,
            list = table.list,
        ))
        .await
        .map_err(fail())?;
    }
    tx.execute(&format!("DELETE FROM {schema}._tidegate_pages WHERE object = $1"), &[&table.table.object])
        .await
        .map_err(fail())?;
    tx.execute(
        &format!("UPDATE {schema}._tidegate_tables SET state = $2, job = NULL WHERE object = $1"),
        &[&table.table.object, &meta::LIVE],
    )
    .await
    .map_err(fail())?;
    tx.commit().await.map_err(fail())?;
    Ok(rows.unsigned_abs())
}

/// Whether the live table is empty and nobody has put anything of his own on it, so that it may be replaced whole.
async fn is_untouched(
    tx: &tokio_postgres::Transaction<'_>,
    destination: &Postgres,
    table: &SqlTable,
) -> Result<bool, tokio_postgres::Error> {
    let rows = tx.query_opt(&format!("SELECT 1 FROM {} LIMIT 1", table.live), &[]).await?;
    if rows.is_some() {
        return Ok(false);
    }
    let row = tx
        .query_one(
            "SELECT (SELECT COUNT(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
                    (SELECT COUNT(*) FROM pg_index i WHERE i.indrelid = c.oid), \
                    (SELECT COUNT(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) \
                  + (SELECT COUNT(*) FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid \
                      WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = c.oid) \
                  + (SELECT COUNT(*) FROM pg_constraint k WHERE k.confrelid = c.oid), \
                    c.relacl IS NULL \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
            &[&destination.schema, &table.name],
        )
        .await?;
    let (columns, indexes, others, plain_rights): (i64, i64, i64, bool) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    Ok(columns == table.columns.len() as i64 && indexes <= 1 && others == 0 && plain_rights)
}
