//! Without any failure: every object, every kind of edit.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use tidegate_e2e::{World, WorldOptions};
use tidegate_sync::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_object_arrives_and_follows() {
    let world = World::start(WorldOptions::new(1).contacts(200)).await.unwrap();
    assert_eq!(world.once().await.unwrap(), Outcome::Done);
    world.equal().await.unwrap();
    let mut editor = world.editor(1).await.unwrap();
    editor.sweep(2);
    editor.mass_update();
    assert_eq!(world.once().await.unwrap(), Outcome::Done);
    world.equal().await.unwrap();
    assert!(editor.edits.saved > 300, "{:?}", editor.edits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_through_every_door_are_followed_as_they_come() {
    let world = World::start(WorldOptions::new(2)).await.unwrap();
    let follower = world.follow().await.unwrap();
    let mut editor = world.editor(2).await.unwrap();
    editor.edit_many(150).await;
    world.until_equal().await.unwrap();
    assert_eq!(follower.stop().await.unwrap(), Outcome::Interrupted);
    assert!(editor.edits.saved > 100 && editor.edits.lost == 0, "{:?}", editor.edits);
}
