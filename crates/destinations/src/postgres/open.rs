//! Making the tables, or holding them against what was made.

use std::collections::{BTreeMap, HashMap};

use tidegate_sync::{Checkpoints, DestinationError, TableState};
use tokio_postgres::Transaction;

use super::Postgres;
use super::sql::{SqlTable, catalogue_type, sql_type};
use crate::meta;
use crate::names::quote;

pub(super) async fn open(
    destination: &Postgres,
    org_id: &str,
    tables: &[SqlTable],
) -> Result<Checkpoints, DestinationError> {
    let mut connection = destination.writer().await?;
    let tx = connection.transaction().await.map_err(destination.fail("begin"))?;
    let schema = quote(&destination.schema);
    let exists = tx
        .query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&destination.schema])
        .await
        .map_err(destination.fail("look for the schema"))?;
    if exists.is_none() {
        tx.batch_execute(&format!("CREATE SCHEMA {schema}")).await.map_err(destination.fail("make the schema"))?;
    }
    for statement in meta::create_statements(&format!("{schema}.")) {
        tx.batch_execute(&statement).await.map_err(destination.fail("make the tables of the pipeline"))?;
    }
    let mut checkpoints = identity(destination, &tx, org_id).await?;
    for table in tables {
        let changed = match_table(destination, &tx, table).await?;
        let state = read_state(destination, &tx, table, changed).await?;
        checkpoints.tables.insert(table.table.id, state);
    }
    tx.commit().await.map_err(destination.fail("make the tables"))?;
    Ok(checkpoints)
}

async fn identity(destination: &Postgres, tx: &Transaction<'_>, org_id: &str) -> Result<Checkpoints, DestinationError> {
    let schema = quote(&destination.schema);
    let rows = tx
        .query(&format!("SELECT key, value FROM {schema}._tidegate"), &[])
        .await
        .map_err(destination.fail("read the stored state"))?;
    let stored: HashMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if let Some(format) = stored.get(meta::KEY_FORMAT).filter(|f| *f != meta::FORMAT) {
        return Err(DestinationError::Altered {
            table: "_tidegate".to_owned(),
            what: format!("it was written in layout {format}; this version reads layout {}", meta::FORMAT),
        });
    }
    if let Some(found) = stored.get(meta::KEY_ORG).filter(|found| *found != org_id) {
        return Err(DestinationError::OtherOrg { expected: org_id.to_owned(), found: found.clone() });
    }
    for (key, value) in [(meta::KEY_FORMAT, meta::FORMAT), (meta::KEY_ORG, org_id)] {
        write_key(destination, tx, key, value).await?;
    }
    let follow = stored.get(meta::KEY_FOLLOW).map(|text| meta::follow_from_json(text)).transpose()?;
    Ok(Checkpoints { org_id: Some(org_id.to_owned()), follow, tables: BTreeMap::new() })
}

/// Makes the table, or holds it against what this crate made. True when columns were added.
async fn match_table(destination: &Postgres, tx: &Transaction<'_>, table: &SqlTable) -> Result<bool, DestinationError> {
    let look = || destination.fail(format!("look at table {}", table.name));
    let altered = |what: String| DestinationError::Altered { table: table.name.clone(), what };
    let schema = quote(&destination.schema);
    let made: HashMap<String, String> = tx
        .query(&format!("SELECT field, type FROM {schema}._tidegate_columns WHERE object = $1"), &[&table.table.object])
        .await
        .map_err(look())?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let found: HashMap<String, String> = tx
        .query(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a \
             JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
            &[&destination.schema, &table.name],
        )
        .await
        .map_err(look())?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    if found.is_empty() {
        let id = table.id_column();
        tx.batch_execute(&format!(
            "{}; ALTER TABLE {} ADD PRIMARY KEY ({id})",
            table.definition(&table.live),
            table.live
        ))
        .await
        .map_err(destination.fail(format!("make table {}", table.name)))?;
        for column in &table.table.columns {
            record(destination, tx, table, &column.field, catalogue_type(column.ty)).await?;
        }
        // Somebody dropped it: that is how a table is asked for anew.
        return Ok(!made.is_empty());
    }
    if made.is_empty() {
        return Err(altered("a table of this name exists that was not made by this pipeline".to_owned()));
    }
    let mut changed = false;
    for (column, name) in table.table.columns.iter().zip(&table.columns) {
        let wanted = catalogue_type(column.ty);
        match (made.get(&column.field), found.get(name)) {
            (Some(made), Some(found)) if made != found => {
                return Err(altered(format!("column {name} has type {found}, expected {made}")));
            }
            (Some(_), None) => return Err(altered(format!("column {name} is gone"))),
            (None, Some(_)) => {
                return Err(altered(format!("column {name} exists, but was not made by this pipeline")));
            }
            (Some(made), Some(_)) if made == wanted => {}
            (made, _) => {
                let drop = if made.is_some() { format!("DROP COLUMN {}, ", quote(name)) } else { String::new() };
                tx.batch_execute(&format!(
                    "ALTER TABLE {} {drop}ADD COLUMN {} {}",
                    table.live,
                    quote(name),
                    sql_type(column.ty)
                ))
                .await
                .map_err(destination.fail(format!("add column {name} to {}", table.name)))?;
                record(destination, tx, table, &column.field, wanted).await?;
                changed = true;
            }
        }
    }
    // Without its key, changes would be doubled instead of applied. The catalogue is read as it stands: functions such as
    // pg_get_indexdef may be called for indexes of other schemas first, and fail on one that is dropped just then.
    let key = tx
        .query_opt(
            "SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] \
             WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 \
             AND i.indpred IS NULL AND a.attname = $3",
            &[&destination.schema, &table.name, &table.columns[0]],
        )
        .await
        .map_err(look())?;
    if key.is_none() {
        return Err(altered(format!("its primary key on {} is gone", table.columns[0])));
    }
    Ok(changed)
}

async fn record(
    destination: &Postgres,
    tx: &Transaction<'_>,
    table: &SqlTable,
    field: &str,
    ty: &str,
) -> Result<(), DestinationError> {
    tx.execute(
        &format!(
            "INSERT INTO {}._tidegate_columns (object, field, type) VALUES ($1, $2, $3) \
             ON CONFLICT (object, field) DO UPDATE SET type = excluded.type",
            quote(&destination.schema)
        ),
        &[&table.table.object, &field, &ty],
    )
    .await
    .map_err(destination.fail("remember the columns"))?;
    Ok(())
}

async fn read_state(
    destination: &Postgres,
    tx: &Transaction<'_>,
    table: &SqlTable,
    changed: bool,
) -> Result<TableState, DestinationError> {
    let fail = || destination.fail("read the stored state");
    let schema = quote(&destination.schema);
    let object = &table.table.object;
    if changed {
        tx.execute(
            &format!("UPDATE {schema}._tidegate_tables SET state = $2, job = NULL WHERE object = $1"),
            &[object, &meta::EMPTY],
        )
        .await
        .map_err(fail())?;
        tx.execute(&format!("DELETE FROM {schema}._tidegate_pages WHERE object = $1"), &[object])
            .await
            .map_err(fail())?;
    }
    tx.execute(
        &format!("INSERT INTO {schema}._tidegate_tables (object, state) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
        &[object, &meta::EMPTY],
    )
    .await
    .map_err(fail())?;
    let row = tx
        .query_one(&format!("SELECT state, job FROM {schema}._tidegate_tables WHERE object = $1"), &[object])
        .await
        .map_err(fail())?;
    let pages: BTreeMap<String, u64> = tx
        .query(&format!("SELECT locator, staged FROM {schema}._tidegate_pages WHERE object = $1"), &[object])
        .await
        .map_err(fail())?
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs()))
        .collect();
    Ok(meta::table_state(row.get(0), row.get::<_, Option<&str>>(1), pages))
}

pub(super) async fn write_key(
    destination: &Postgres,
    tx: &Transaction<'_>,
    key: &str,
    value: &str,
) -> Result<(), DestinationError> {
    let sql = format!(
        "INSERT INTO {}._tidegate (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        quote(&destination.schema)
    );
    tx.execute(&sql, &[&key, &value]).await.map_err(destination.fail("store the checkpoint"))?;
    Ok(())
}
