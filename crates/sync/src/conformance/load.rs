//! Snapshots.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::sample::{batch, job, load, open, page, row, rows, same, seen, table};
use super::{Factory, Outcome, broken, ensure};
use crate::{DestinationError, PageCut, RowBatch, SnapshotPage, TableState};

pub(super) async fn whole_page(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..10)).await?;
    same(&seen(&*destination, &a).await?, &rows(0..10))?;
    drop(destination);
    let (destination, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    ensure!(found.tables.get(&a.id) == Some(&TableState::Live), "state {:?}", found.tables.get(&a.id));
    same(&seen(&*destination, &a).await?, &rows(0..10))
}

pub(super) async fn cut_page_leaves_nothing(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "job")).await.map_err(broken("begin"))?;
    let parts: Vec<Result<RowBatch, PageCut>> =
        vec![Ok(batch(&a, &rows(0..5))), Ok(batch(&a, &rows(5..7))), Err(PageCut("the connection was closed".into()))];
    match destination.stage(page(&a, "MTA", parts)).await {
        Err(DestinationError::Page(_)) => {}
        Err(other) => return Err(broken("a cut page")(other)),
        Ok(n) => return Err(format!("a cut page was staged: {n} rows")),
    }
    // The same page again, whole; it must not stumble over what the cut one left.
    let parts = vec![Ok(batch(&a, &rows(0..5))), Ok(batch(&a, &rows(5..9)))];
    let n = destination.stage(page(&a, "MTA", parts)).await.map_err(broken("stage"))?;
    ensure!(n == 9, "staged {n} rows of 9");
    destination.publish(a.id).await.map_err(broken("publish"))?;
    same(&seen(&*destination, &a).await?, &rows(0..9))
}

pub(super) async fn page_staged_twice(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "job")).await.map_err(broken("begin"))?;
    let first = destination.stage(page(&a, "x", vec![Ok(batch(&a, &rows(0..4)))])).await.map_err(broken("stage"))?;
    let again = destination.stage(page(&a, "x", vec![Ok(batch(&a, &rows(0..4)))])).await.map_err(broken("again"))?;
    ensure!((first, again) == (4, 0), "{first} rows at first, {again} again");
    let n = destination.publish(a.id).await.map_err(broken("publish"))?;
    ensure!(n == 4, "published {n} rows of 4");
    let n = destination.publish(a.id).await.map_err(broken("publish again, as after a lost answer"))?;
    ensure!(n == 4, "published again: {n} rows of 4");
    same(&seen(&*destination, &a).await?, &rows(0..4))
}

pub(super) async fn pages_at_the_same_time(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "job")).await.map_err(broken("begin"))?;
    let destination = &*destination;
    let stage = |n: u32| {
        // Two parts with a pause between them, so that the pages interleave.
        let parts = futures::stream::iter([
            Ok(batch(&a, &rows(n * 100..n * 100 + 50))),
            Ok(batch(&a, &rows(n * 100 + 50..n * 100 + 100))),
        ])
        .then(|part| async {
            tokio::task::yield_now().await;
            part
        });
        destination.stage(SnapshotPage { table: a.id, locator: format!("p{n}"), parts: parts.boxed() })
    };
    let done = futures::future::join_all((0..5).map(stage)).await;
    for n in done {
        let n = n.map_err(broken("stage"))?;
        ensure!(n == 100, "staged {n} rows of 100");
    }
    destination.publish(a.id).await.map_err(broken("publish"))?;
    same(&seen(destination, &a).await?, &rows(0..500))
}

pub(super) async fn resumes_after_reopening(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "job")).await.map_err(broken("begin"))?;
    for (locator, range) in [("", 0..3), ("MTA", 3..5)] {
        let parts = vec![Ok(batch(&a, &rows(range)))];
        destination.stage(page(&a, locator, parts)).await.map_err(broken("stage"))?;
    }
    drop(destination);
    let (destination, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    let expected =
        TableState::Loading { job: job(&a, "job"), pages: BTreeMap::from([(String::new(), 3), ("MTA".to_owned(), 2)]) };
    ensure!(found.tables.get(&a.id) == Some(&expected), "state {:?}", found.tables.get(&a.id));
    let n = destination.stage(page(&a, "MTA", vec![Ok(batch(&a, &rows(3..5)))])).await.map_err(broken("again"))?;
    ensure!(n == 0, "a page staged before the restart was staged again");
    destination.stage(page(&a, "MjA", vec![Ok(batch(&a, &rows(5..8)))])).await.map_err(broken("stage"))?;
    destination.publish(a.id).await.map_err(broken("publish"))?;
    same(&seen(&*destination, &a).await?, &rows(0..8))
}

pub(super) async fn publish_replaces(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..10)).await?;
    load(&*destination, &a, &rows(8..12)).await?;
    same(&seen(&*destination, &a).await?, &rows(8..12))
}

pub(super) async fn begin_forgets_staged_rows(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "one")).await.map_err(broken("begin"))?;
    destination.stage(page(&a, "", vec![Ok(batch(&a, &rows(0..5)))])).await.map_err(broken("stage"))?;
    drop(destination);
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "two")).await.map_err(broken("begin again"))?;
    let n = destination.stage(page(&a, "", vec![Ok(batch(&a, &rows(5..7)))])).await.map_err(broken("stage"))?;
    ensure!(n == 2, "the earlier job's page was remembered");
    destination.publish(a.id).await.map_err(broken("publish"))?;
    same(&seen(&*destination, &a).await?, &rows(5..7))
}

pub(super) async fn readers_see_the_old_rows_meanwhile(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    destination.begin(a.id, &job(&a, "two")).await.map_err(broken("begin"))?;
    same(&seen(&*destination, &a).await?, &rows(0..3))?;
    destination.stage(page(&a, "", vec![Ok(batch(&a, &[row(9)]))])).await.map_err(broken("stage"))?;
    same(&seen(&*destination, &a).await?, &rows(0..3))?;
    destination.publish(a.id).await.map_err(broken("publish"))?;
    same(&seen(&*destination, &a).await?, &[row(9)])
}

pub(super) async fn empty_table(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &[]).await?;
    same(&seen(&*destination, &a).await?, &[])?;
    destination.begin(a.id, &job(&a, "no page at all")).await.map_err(broken("begin"))?;
    let n = destination.stage(page(&a, "", vec![])).await.map_err(broken("stage no parts"))?;
    ensure!(n == 0, "{n} rows of no parts");
    destination.publish(a.id).await.map_err(broken("publish"))?;
    drop(destination);
    let (_, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    ensure!(found.tables.get(&a.id) == Some(&TableState::Live), "state {:?}", found.tables.get(&a.id));
    Ok(())
}

pub(super) async fn many_parts(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    destination.begin(a.id, &job(&a, "job")).await.map_err(broken("begin"))?;
    let parts = (0..40).map(|n| Ok(batch(&a, &rows(n * 50..n * 50 + 50)))).collect();
    let n = destination.stage(page(&a, "", parts)).await.map_err(broken("stage"))?;
    ensure!(n == 2000, "staged {n} rows of 2000");
    let n = destination.publish(a.id).await.map_err(broken("publish"))?;
    ensure!(n == 2000, "published {n} rows of 2000");
    same(&seen(&*destination, &a).await?, &rows(0..2000))
}
