//! Looking at a table from afar.

use super::sample::{id, load, open, row, rows, same, table};
use super::{Factory, Outcome, broken, ensure};
use crate::{Cell, IdRange, RangeDigest, RecordId};

fn range(from: Option<u32>, to: Option<u32>) -> IdRange {
    IdRange { from: from.map(|n| RecordId(id(n))), to: to.map(|n| RecordId(id(n))) }
}

pub(super) async fn digest(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..10)).await?;
    let stamp = |n: i64| Some(1_767_225_600_000 + n * 1000);
    for (asked, count, newest) in [
        (range(None, None), 10, stamp(9)),
        (range(Some(3), Some(6)), 3, stamp(5)),
        (range(Some(8), None), 2, stamp(9)),
        (range(None, Some(1)), 1, stamp(0)),
        (range(Some(20), None), 0, None),
    ] {
        let found = destination.digest(a.id, &asked).await.map_err(broken("digest"))?;
        ensure!(found == RangeDigest { count, newest }, "{asked:?}: {found:?}");
    }
    Ok(())
}

pub(super) async fn boundaries(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..1000)).await?;
    for (asked, rows, parts) in [(range(None, None), 1000u64, 10usize), (range(Some(100), Some(300)), 200, 4)] {
        let cuts = destination.boundaries(a.id, &asked, parts).await.map_err(broken("boundaries"))?;
        ensure!(cuts.is_sorted() && !cuts.is_empty(), "{cuts:?}");
        ensure!(cuts.len() < 2 * parts, "{} cuts for {parts} parts", cuts.len());
        let mut from = asked.from.clone();
        let mut total = 0;
        for to in cuts.into_iter().map(Some).chain([asked.to.clone()]) {
            let part = IdRange { from, to: to.clone() };
            let count = destination.digest(a.id, &part).await.map_err(broken("digest"))?.count;
            ensure!(count > 0 && count <= 3 * rows / parts as u64, "{part:?} holds {count} of {rows} rows");
            total += count;
            from = to;
        }
        ensure!(total == rows, "the parts hold {total} of {rows} rows");
    }
    for asked in [range(Some(2000), None), range(Some(5), Some(6))] {
        let cuts = destination.boundaries(a.id, &asked, 4).await.map_err(broken("boundaries"))?;
        ensure!(cuts.is_empty(), "{asked:?} was cut at {cuts:?}");
    }
    Ok(())
}

pub(super) async fn rows_in_id_order(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    // Upper before lower case: the order of bytes, not of a language. Loaded in another order.
    let ids = ["0015e00000AAAAAAA1", "0015e00000Zzzzzzz2", "0015e00000aAAAAAA3", "0015e00000zAAAAAA4"];
    let expected: Vec<_> = ids
        .iter()
        .map(|id| {
            let mut row = row(1);
            if let Some(place) = row.get_mut(0) {
                *place = Cell::Text((*id).to_owned());
            }
            row
        })
        .collect();
    let mut shuffled = expected.clone();
    shuffled.reverse();
    load(&*destination, &a, &shuffled).await?;
    let all = destination.rows(a.id, &IdRange::default(), 10).await.map_err(broken("rows"))?;
    same(&(0..all.rows).map(|i| all.row(i)).collect::<Vec<_>>(), &expected)?;
    let middle = IdRange { from: Some(RecordId(ids[1].into())), to: Some(RecordId(ids[3].into())) };
    let some = destination.rows(a.id, &middle, 10).await.map_err(broken("rows"))?;
    same(&(0..some.rows).map(|i| some.row(i)).collect::<Vec<_>>(), &expected[1..3])?;
    let first = destination.rows(a.id, &middle, 1).await.map_err(broken("rows"))?;
    same(&(0..first.rows).map(|i| first.row(i)).collect::<Vec<_>>(), &expected[1..2])?;
    let count = destination.digest(a.id, &middle).await.map_err(broken("digest"))?.count;
    ensure!(count == 2, "{count} rows between the second and the fourth id");
    Ok(())
}
