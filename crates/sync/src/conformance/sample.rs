//! Tables and rows for the checks.

use futures::StreamExt;
use rust_decimal::Decimal;

use super::broken;
use crate::{
    Cell, Checkpoints, Column, ColumnType, Destination, FollowCheckpoint, IdRange, LoadJob, PageCut, ReplayId, Row,
    RowBatch, SnapshotPage, Table, TableId,
};

/// The org of the checks.
pub(super) const ORG: &str = "00D5e000000HEcoEAG";

/// A table of every type.
pub fn table(id: u16, object: &str) -> Table {
    let column = |field: &str, ty| Column { field: field.into(), ty };
    Table {
        id: TableId(id),
        object: object.into(),
        columns: vec![
            column("Id", ColumnType::Id),
            column("Name", ColumnType::Text { length: 255 }),
            column("SystemModstamp", ColumnType::DateTime),
            column("Active__c", ColumnType::Boolean),
            column("Employees", ColumnType::Integer),
            column("Amount__c", ColumnType::Decimal { precision: 18, scale: 2 }),
            column("Born__c", ColumnType::Date),
            column("Opens__c", ColumnType::Time),
            column("Notes__c", ColumnType::Text { length: 131_072 }),
            column("OwnerId", ColumnType::Id),
        ],
    }
}

/// An id whose order is that of `n`.
pub(super) fn id(n: u32) -> String {
    format!("0015e0{n:09}AAA")
}

/// A row for [`table`], different for each `n`.
pub fn row(n: u32) -> Row {
    vec![
        Cell::Text(id(n)),
        Cell::Text(format!("Name {n}")),
        Cell::DateTime(1_767_225_600_000 + i64::from(n) * 1000),
        Cell::Boolean(n.is_multiple_of(2)),
        Cell::Integer(i64::from(n)),
        Cell::Decimal(Decimal::new(i64::from(n) * 100 + 25, 2)),
        Cell::Date(i32::try_from(n).unwrap_or(0)),
        Cell::Time(3_600_000),
        Cell::Null,
        Cell::Text("0055e000001mKpcAAE".into()),
    ]
}

pub(super) fn rows(numbers: impl IntoIterator<Item = u32>) -> Vec<Row> {
    numbers.into_iter().map(row).collect()
}

pub(super) fn batch(table: &Table, rows: &[Row]) -> RowBatch {
    let mut batch = RowBatch::new(table);
    for row in rows {
        batch.push_row(row);
    }
    batch
}

pub(super) fn job(table: &Table, id: &str) -> LoadJob {
    LoadJob {
        job_id: id.into(),
        api_version: "66.0".into(),
        created: 1_767_225_600_000,
        fields: table.columns.iter().map(|c| c.field.clone()).collect(),
    }
}

pub(super) fn checkpoint(n: u8) -> FollowCheckpoint {
    FollowCheckpoint {
        replay_id: ReplayId(vec![0, 0, 0, 0, 0, 7, n, 0xff, 0, 0]),
        commit_time: 1_767_225_600_000 + i64::from(n),
        seen: vec![u64::MAX, u64::from(n), 1 << 63],
        objects: vec!["Account".into(), "Größe__c".into()],
    }
}

/// A page out of these parts.
pub(super) fn page<'a>(table: &Table, locator: &str, parts: Vec<Result<RowBatch, PageCut>>) -> SnapshotPage<'a> {
    SnapshotPage { table: table.id, locator: locator.into(), parts: futures::stream::iter(parts).boxed() }
}

/// Loads these rows as one page and publishes them.
pub(super) async fn load(destination: &dyn Destination, table: &Table, rows: &[Row]) -> Result<(), String> {
    destination.begin(table.id, &job(table, "7505e00000LOADXAA1")).await.map_err(broken("begin"))?;
    let staged = destination.stage(page(table, "", vec![Ok(batch(table, rows))])).await.map_err(broken("stage"))?;
    if staged != rows.len() as u64 {
        return Err(format!("staged {staged} rows of {}", rows.len()));
    }
    let published = destination.publish(table.id).await.map_err(broken("publish"))?;
    if published != rows.len() as u64 {
        return Err(format!("published {published} rows of {}", rows.len()));
    }
    Ok(())
}

pub(super) async fn open(
    factory: &dyn super::Factory,
    name: &str,
    tables: &[Table],
) -> Result<(Box<dyn Destination>, Checkpoints), String> {
    let destination = factory.connect(name).await.map_err(broken("connect"))?;
    let checkpoints = destination.open(ORG, tables).await.map_err(broken("open"))?;
    Ok((destination, checkpoints))
}

/// Everything that readers see of a table.
pub(super) async fn seen(destination: &dyn Destination, table: &Table) -> Result<Vec<Row>, String> {
    let batch = destination.rows(table.id, &IdRange::default(), usize::MAX >> 1).await.map_err(broken("rows"))?;
    Ok((0..batch.rows).map(|i| batch.row(i)).collect())
}

/// Fails with the first difference. Values are of our own making, so they may be told.
pub(super) fn same(found: &[Row], expected: &[Row]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{} rows, expected {}", found.len(), expected.len()));
    }
    for (f, e) in found.iter().zip(expected) {
        if f.len() != e.len() {
            return Err(format!("{} cells in a row, expected {}", f.len(), e.len()));
        }
        for (i, (f, e)) in f.iter().zip(e).enumerate() {
            if f != e {
                let short = |c: &Cell| format!("{c:?}").chars().take(200).collect::<String>();
                return Err(format!("column {i}: {} but expected {}", short(f), short(e)));
            }
        }
    }
    Ok(())
}
