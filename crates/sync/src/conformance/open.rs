//! Opening.

use super::sample::{ORG, checkpoint, load, open, row, rows, same, seen, table};
use super::{Factory, Outcome, broken, ensure};
use crate::{Cell, ChangeBatch, Column, ColumnType, DestinationError, TableState};

pub(super) async fn new_is_empty(factory: &dyn Factory, name: &str) -> Outcome {
    let (a, b) = (table(0, "Account"), table(1, "Contact"));
    let (destination, found) = open(factory, name, &[a.clone(), b.clone()]).await?;
    ensure!(found.follow.is_none(), "a new destination has a follow checkpoint");
    ensure!(found.tables.len() == 2, "{} table states for 2 tables", found.tables.len());
    ensure!(found.tables.values().all(|s| *s == TableState::Empty), "states {:?}", found.tables);
    same(&seen(&*destination, &a).await?, &[])
}

pub(super) async fn remembers_its_org(factory: &dyn Factory, name: &str) -> Outcome {
    drop(open(factory, name, &[table(0, "Account")]).await?);
    let (_, found) = open(factory, name, &[table(0, "Account")]).await?;
    ensure!(found.org_id.as_deref() == Some(ORG), "org {:?}", found.org_id);
    Ok(())
}

pub(super) async fn refuses_another_org(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    drop(destination);
    let destination = factory.connect(name).await.map_err(broken("connect"))?;
    match destination.open("00D5e000000OTHEREAG", std::slice::from_ref(&a)).await {
        Err(DestinationError::OtherOrg { expected, found }) => {
            ensure!(expected == "00D5e000000OTHEREAG" && found == ORG, "expected {expected}, found {found}");
        }
        Err(other) => return Err(broken("another org")(other)),
        Ok(_) => return Err("another org was accepted".into()),
    }
    drop(destination);
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    same(&seen(&*destination, &a).await?, &rows(0..3))
}

pub(super) async fn added_column_is_loaded_again(factory: &dyn Factory, name: &str) -> Outcome {
    let (a, b) = (table(0, "Account"), table(1, "Contact"));
    let (destination, _) = open(factory, name, &[a.clone(), b.clone()]).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    load(&*destination, &b, &rows(0..3)).await?;
    drop(destination);
    let mut wider = a.clone();
    wider.columns.insert(2, Column { field: "Added__c".into(), ty: ColumnType::Text { length: 10 } });
    let (destination, found) = open(factory, name, &[wider.clone(), b.clone()]).await?;
    ensure!(found.tables.get(&a.id) == Some(&TableState::Empty), "state {:?}", found.tables.get(&a.id));
    ensure!(found.tables.get(&b.id) == Some(&TableState::Live), "the other table: {:?}", found.tables.get(&b.id));
    let mut new = row(7);
    new.insert(2, Cell::Text("new".into()));
    load(&*destination, &wider, std::slice::from_ref(&new)).await?;
    same(&seen(&*destination, &wider).await?, &[new])
}

pub(super) async fn unlisted_column_is_left_alone(factory: &dyn Factory, name: &str) -> Outcome {
    let a = table(0, "Account");
    let (destination, _) = open(factory, name, std::slice::from_ref(&a)).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    drop(destination);
    let mut narrower = a.clone();
    narrower.columns.remove(1);
    let (destination, found) = open(factory, name, std::slice::from_ref(&narrower)).await?;
    ensure!(found.tables.get(&a.id) == Some(&TableState::Live), "state {:?}", found.tables.get(&a.id));
    let expected: Vec<_> = rows(0..3)
        .into_iter()
        .map(|mut r| {
            r.remove(1);
            r
        })
        .collect();
    same(&seen(&*destination, &narrower).await?, &expected)
}

pub(super) async fn tables_in_another_order(factory: &dyn Factory, name: &str) -> Outcome {
    let (a, b) = (table(0, "Account"), table(1, "Contact"));
    let (destination, _) = open(factory, name, &[a.clone(), b.clone()]).await?;
    load(&*destination, &a, &rows(0..3)).await?;
    destination.apply(&ChangeBatch { changes: vec![], checkpoint: checkpoint(1) }).await.map_err(broken("apply"))?;
    drop(destination);
    let (b, a) = (table(0, "Contact"), table(1, "Account"));
    let (destination, found) = open(factory, name, &[b.clone(), a.clone()]).await?;
    ensure!(found.tables.get(&a.id) == Some(&TableState::Live), "loaded table: {:?}", found.tables.get(&a.id));
    ensure!(found.tables.get(&b.id) == Some(&TableState::Empty), "other table: {:?}", found.tables.get(&b.id));
    same(&seen(&*destination, &a).await?, &rows(0..3))?;
    same(&seen(&*destination, &b).await?, &[])
}
