//! Values and names.

use rust_decimal::Decimal;

use super::sample::{checkpoint, load, open, row, same, seen, table};
use super::{Factory, Outcome, broken, ensure};
use crate::{
    Cell, Change, ChangeBatch, ChangeKind, Column, ColumnIndex, ColumnType, RecordId, Row, Table, TableId, TableState,
};

/// Rows that hold the values which get lost in transit elsewhere. Their ids are in order.
fn hard_rows() -> Vec<Row> {
    let text = |t: &str| Cell::Text(t.to_owned());
    let decimal = |n: i128, scale: u32| Cell::Decimal(Decimal::from_i128_with_scale(n, scale));
    let long: String = "a\u{1F600}\u{e9}\n".chars().cycle().take(131_072).collect();
    let controls: String = (1u8..32).chain([127]).map(char::from).collect();
    // 1700-01-01 and 4000-12-31, the ends of Salesforce's calendar.
    let (first_day, last_day) = (-98_615, 741_807);
    let day_ms = 86_400_000;
    let cells: Vec<[Cell; 9]> = vec![
        [
            text("O'Brien \"quoted\" \\ back,slash;tab\t\r\nnew line"),
            Cell::DateTime(0),
            Cell::Boolean(true),
            Cell::Integer(0),
            decimal(0, 0),
            Cell::Date(0),
            Cell::Time(0),
            Cell::Null,
            text("0055e000001mKpcAAE"),
        ],
        [
            text("\u{65e5}\u{672c}\u{8a9e} \u{627}\u{644}\u{639} \u{1F469}\u{200d}\u{1F680} e\u{301} \u{feff}\u{2028}"),
            Cell::DateTime(i64::from(first_day) * day_ms),
            Cell::Boolean(false),
            Cell::Integer(-99_999_999),
            decimal(123_456_789_012_345_678, 2),
            Cell::Date(first_day),
            Cell::Time(86_399_999),
            text(&long),
            Cell::Null,
        ],
        [
            text(&controls),
            Cell::DateTime(i64::from(last_day) * day_ms + day_ms - 1),
            Cell::Null,
            Cell::Integer(i64::from(i32::MAX)),
            decimal(-999_999_999_999_999_999, 2),
            Cell::Date(last_day),
            Cell::Time(1),
            text(" leading and trailing "),
            Cell::Null,
        ],
        [
            text("NULL"),
            Cell::DateTime(-1),
            Cell::Null,
            Cell::Integer(9_007_199_254_740_993),
            decimal(1, 2),
            Cell::Date(-1),
            Cell::Null,
            text("\\N"),
            Cell::Null,
        ],
        // Salesforce keeps digits beyond the field's scale when the API writes them; so does the replica.
        [
            text("'); DROP TABLE x; --"),
            Cell::DateTime(951_782_400_123),
            Cell::Null,
            Cell::Null,
            decimal(123_456_789_012_345, 15),
            Cell::Date(11_016),
            Cell::Null,
            text("A;B;C"),
            Cell::Null,
        ],
        [Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
    ];
    let ids = ["AAAA1", "AAAB2", "AAAC3", "AAAD4", "AAAE5", "AAAF6"];
    ids.iter()
        .zip(cells)
        .map(|(id, cells)| std::iter::once(text(&format!("0015e00000000{id}"))).chain(cells).collect())
        .collect()
}

fn record(row: &Row) -> RecordId {
    match row.first() {
        Some(Cell::Text(id)) => RecordId(id.clone()),
        _ => RecordId(String::new()),
    }
}

pub(super) async fn by_load(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &hard_rows()).await?;
    same(&seen(&*destination, &a).await?, &hard_rows())?;
    drop(destination);
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    same(&seen(&*destination, &a).await?, &hard_rows())
}

pub(super) async fn by_change(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &[]).await?;
    let rows = hard_rows();
    let upsert = |r: &Row| Change { table: a.id, record: record(r), at: 0, kind: ChangeKind::Upsert(r.clone()) };
    let batch = ChangeBatch { changes: rows.iter().map(upsert).collect(), checkpoint: checkpoint(1) };
    destination.apply(&batch).await.map_err(broken("apply upserts"))?;
    same(&seen(&*destination, &a).await?, &rows)?;
    // Each row takes all the values of its neighbour, one patch for all columns.
    let mut expected = Vec::new();
    let mut changes = Vec::new();
    for (i, r) in rows.iter().enumerate() {
        let other = &rows[(i + 1) % rows.len()];
        let cells = (1..).map(ColumnIndex).zip(other.iter().skip(1).cloned()).collect();
        changes.push(Change { table: a.id, record: record(r), at: 0, kind: ChangeKind::Patch(cells) });
        expected.push(r.iter().take(1).chain(other.iter().skip(1)).cloned().collect::<Row>());
    }
    let batch = ChangeBatch { changes, checkpoint: checkpoint(2) };
    destination.apply(&batch).await.map_err(broken("apply patches"))?;
    same(&seen(&*destination, &a).await?, &expected)
}

pub(super) async fn patched_to_null(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &[row(1), row(2)]).await?;
    let nulls = (1..10).map(|i| (ColumnIndex(i), Cell::Null)).collect();
    let change = Change { table: a.id, record: record(&row(1)), at: 0, kind: ChangeKind::Patch(nulls) };
    let batch = ChangeBatch { changes: vec![change], checkpoint: checkpoint(1) };
    destination.apply(&batch).await.map_err(broken("apply"))?;
    let cleared: Row = row(1).into_iter().take(1).chain((1..10).map(|_| Cell::Null)).collect();
    same(&seen(&*destination, &a).await?, &[cleared, row(2)])
}

pub(super) async fn reserved_and_long_names(factory: &dyn Factory, name: &str) -> Outcome {
    let text = ColumnType::Text { length: 10 };
    // An API name has at most 40 characters, a namespace of 15 and the endings; 63 bytes is Postgres' limit.
    let long = format!("{}__c", "x".repeat(60));
    let similar = format!("{}y__c", "x".repeat(59));
    let fields =
        ["Id", "Order", "Group", "select", "Table", "User", "From__c", "rowid", "ctid", "xmin", &long, &similar];
    let make = |id: u16, object: &str| Table {
        id: TableId(id),
        object: object.into(),
        columns: fields
            .iter()
            .enumerate()
            .map(|(i, f)| Column { field: (*f).to_owned(), ty: if i == 0 { ColumnType::Id } else { text } })
            .collect(),
    };
    let tables: Vec<Table> = ["Order", "Group", "User", "Case", "Select", &long, &similar]
        .iter()
        .enumerate()
        .map(|(i, object)| make(i as u16, object))
        .collect();
    let (destination, _) = open(factory, name, &tables).await?;
    for table in &tables {
        let row: Row = (0..fields.len())
            .map(|i| Cell::Text(if i == 0 { "8015e000000AAAAAA1".into() } else { format!("{} {i}", table.id.0) }))
            .collect();
        load(&*destination, table, std::slice::from_ref(&row)).await?;
        let kind = ChangeKind::Patch(vec![(ColumnIndex(1), Cell::Text("patched".into()))]);
        let change = Change { table: table.id, record: record(&row), at: 0, kind };
        let batch = ChangeBatch { changes: vec![change], checkpoint: checkpoint(1) };
        destination.apply(&batch).await.map_err(broken(&table.object))?;
    }
    drop(destination);
    let (destination, found) = open(factory, name, &tables).await?;
    for table in &tables {
        ensure!(found.tables.get(&table.id) == Some(&TableState::Live), "{} is not live", table.object);
        let expected: Row = (0..fields.len())
            .map(|i| {
                Cell::Text(match i {
                    0 => "8015e000000AAAAAA1".into(),
                    1 => "patched".into(),
                    _ => format!("{} {i}", table.id.0),
                })
            })
            .collect();
        same(&seen(&*destination, table).await?, &[expected])?;
    }
    Ok(())
}

pub(super) async fn wide_table(factory: &dyn Factory, name: &str) -> Outcome {
    // An object can have 800 custom fields beside its standard ones.
    let mut a = table(0, "Account");
    for n in 0..800 {
        a.columns.push(Column { field: format!("Field_{n}__c"), ty: ColumnType::Text { length: 255 } });
    }
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    let widen = |n: u32| row(n).into_iter().chain((0..800).map(|i| Cell::Text(format!("{n} {i}")))).collect::<Row>();
    load(&*destination, &a, &[widen(1), widen(2)]).await?;
    let upsert = |n| Change { table: a.id, record: record(&row(n)), at: 0, kind: ChangeKind::Upsert(widen(n)) };
    let batch = ChangeBatch { changes: (2..60).map(upsert).collect(), checkpoint: checkpoint(1) };
    destination.apply(&batch).await.map_err(broken("apply"))?;
    same(&seen(&*destination, &a).await?, &(1..60).map(widen).collect::<Vec<_>>())
}
