//! Changes.

use super::sample::{checkpoint, id, load, open, row, rows, same, seen, table};
use super::{Factory, Outcome, broken, ensure};
use crate::{
    Cell, Change, ChangeBatch, ChangeKind, ColumnIndex, Destination, DestinationError, FollowCheckpoint, RecordId, Row,
    Table,
};

fn change(table: &Table, n: u32, kind: ChangeKind) -> Change {
    Change { table: table.id, record: RecordId(id(n)), at: 1_767_225_600_000, kind }
}

fn upsert(table: &Table, n: u32) -> Change {
    change(table, n, ChangeKind::Upsert(row(n)))
}

fn rename(table: &Table, n: u32, name: &str) -> Change {
    change(table, n, ChangeKind::Patch(vec![(ColumnIndex(1), Cell::Text(name.into()))]))
}

fn delete(table: &Table, n: u32) -> Change {
    change(table, n, ChangeKind::Delete)
}

fn named(n: u32, name: &str) -> Row {
    let mut row = row(n);
    if let Some(place) = row.get_mut(1) {
        *place = Cell::Text(name.into());
    }
    row
}

async fn apply(destination: &dyn Destination, changes: Vec<Change>, at: FollowCheckpoint) -> Outcome {
    destination.apply(&ChangeBatch { changes, checkpoint: at }).await.map_err(broken("apply"))
}

pub(super) async fn upsert_patch_delete(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..4)).await?;
    let changes = vec![
        upsert(&a, 9),
        change(&a, 3, ChangeKind::Upsert(named(3, "replaced"))),
        rename(&a, 1, "patched"),
        delete(&a, 2),
        delete(&a, 77),
        change(&a, 0, ChangeKind::Patch(vec![])),
    ];
    apply(&*destination, changes, checkpoint(1)).await?;
    let expected = [row(0), named(1, "patched"), named(3, "replaced"), row(9)];
    same(&seen(&*destination, &a).await?, &expected)
}

pub(super) async fn order_counts(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..2)).await?;
    let changes = vec![
        rename(&a, 0, "first"),
        rename(&a, 0, "second"),
        delete(&a, 1),
        upsert(&a, 1),
        rename(&a, 1, "after coming back"),
        upsert(&a, 5),
        rename(&a, 5, "made and changed"),
        upsert(&a, 6),
        delete(&a, 6),
    ];
    apply(&*destination, changes, checkpoint(1)).await?;
    let expected = [named(0, "second"), named(1, "after coming back"), named(5, "made and changed")];
    same(&seen(&*destination, &a).await?, &expected)
}

pub(super) async fn missing_rows_leave_nothing(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    apply(&*destination, vec![], checkpoint(1)).await?;
    let changes = vec![
        upsert(&a, 8),
        rename(&a, 0, "lost"),
        delete(&a, 1),
        rename(&a, 1, "deleted just before"),
        rename(&a, 40, "never there"),
        rename(&a, 2, "lost"),
    ];
    match destination.apply(&ChangeBatch { changes, checkpoint: checkpoint(2) }).await {
        Err(DestinationError::RowsMissing(mut missing)) => {
            missing.sort();
            missing.dedup();
            let expected = vec![(a.id, RecordId(id(1))), (a.id, RecordId(id(40)))];
            ensure!(missing == expected, "missing {missing:?}");
        }
        Err(other) => return Err(broken("patching missing rows")(other)),
        Ok(()) => return Err("patches of missing rows were accepted".into()),
    }
    same(&seen(&*destination, &a).await?, &rows(0..3))?;
    drop(destination);
    let (destination, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    ensure!(found.follow == Some(checkpoint(1)), "checkpoint {:?}", found.follow);
    apply(&*destination, vec![upsert(&a, 40), rename(&a, 40, "there")], checkpoint(3)).await?;
    let mut expected = rows(0..3);
    expected.push(named(40, "there"));
    same(&seen(&*destination, &a).await?, &expected)
}

pub(super) async fn checkpoint_survives(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..1)).await?;
    apply(&*destination, vec![upsert(&a, 1)], checkpoint(1)).await?;
    apply(&*destination, vec![rename(&a, 1, "later")], checkpoint(2)).await?;
    drop(destination);
    let (destination, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    ensure!(found.follow == Some(checkpoint(2)), "checkpoint {:?}", found.follow);
    same(&seen(&*destination, &a).await?, &[row(0), named(1, "later")])
}

pub(super) async fn empty_batch_moves_the_position(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    let bare = FollowCheckpoint { seen: vec![], objects: vec![], ..checkpoint(9) };
    apply(&*destination, vec![], bare.clone()).await?;
    drop(destination);
    let (_, found) = open(factory, name, std::slice::from_ref(&a)).await?;
    ensure!(found.follow == Some(bare), "checkpoint {:?}", found.follow);
    Ok(())
}

pub(super) async fn several_tables_at_once(factory: &dyn Factory, name: &str) -> Outcome {
    let (a, b) = (table(0, "Account"), table(1, "Contact"));
    let (destination, _) = open(factory, name, &[a.clone(), b.clone()]).await?;
    load(&*destination, &a, &rows(0..2)).await?;
    load(&*destination, &b, &rows(0..2)).await?;
    // One of them fails: neither moves.
    let changes = vec![rename(&a, 0, "lost"), rename(&b, 99, "never there")];
    let failed = destination.apply(&ChangeBatch { changes, checkpoint: checkpoint(1) }).await;
    ensure!(matches!(failed, Err(DestinationError::RowsMissing(_))), "patching a missing row: {failed:?}");
    same(&seen(&*destination, &a).await?, &rows(0..2))?;
    let changes = vec![rename(&a, 0, "a"), rename(&b, 0, "b"), delete(&a, 1), rename(&b, 1, "b1")];
    apply(&*destination, changes, checkpoint(1)).await?;
    same(&seen(&*destination, &a).await?, &[named(0, "a")])?;
    same(&seen(&*destination, &b).await?, &[named(0, "b"), named(1, "b1")])
}

pub(super) async fn same_batch_again(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..2)).await?;
    let changes = vec![upsert(&a, 5), rename(&a, 0, "x"), delete(&a, 1)];
    apply(&*destination, changes.clone(), checkpoint(1)).await?;
    apply(&*destination, changes, checkpoint(1)).await?;
    same(&seen(&*destination, &a).await?, &[named(0, "x"), row(5)])
}

pub(super) async fn large_batch(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &[]).await?;
    apply(&*destination, (0..3000).map(|n| upsert(&a, n)).collect(), checkpoint(1)).await?;
    same(&seen(&*destination, &a).await?, &rows(0..3000))?;
    let changes = (0..3000).map(|n| if n % 3 == 0 { delete(&a, n) } else { rename(&a, n, "n") }).collect();
    apply(&*destination, changes, checkpoint(2)).await?;
    let expected: Vec<Row> = (0..3000).filter(|n| n % 3 != 0).map(|n| named(n, "n")).collect();
    same(&seen(&*destination, &a).await?, &expected)
}
