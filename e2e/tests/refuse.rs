//! What cannot be gone through: each obstacle is one clear error with a hint, nothing is lost by it, and once it is out
//! of the way the replica becomes equal.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::sync::Arc;

use tidegate_client::{Client, ClientConfig, Credentials, Error, OrgLogin};
use tidegate_destinations::Sqlite;
use tidegate_e2e::{Place, World, WorldOptions};
use tidegate_sync::{Cause, DestinationError, Mode, Outcome, SyncError};
use tokio_util::sync::CancellationToken;

fn options(seed: u64) -> WorldOptions {
    WorldOptions::new(seed).objects(&["Account", "Contact"])
}

async fn synced(seed: u64) -> World {
    let world = World::start(options(seed)).await.unwrap();
    assert_eq!(world.once().await.unwrap(), Outcome::Done);
    world.equal().await.unwrap();
    world
}

fn file(world: &World) -> std::path::PathBuf {
    match &world.place {
        Place::Sqlite(file) => file.clone(),
        Place::Postgres { .. } => panic!("the replica is a file"),
    }
}

fn destination_error(error: &SyncError) -> &DestinationError {
    match &error.cause {
        Cause::Destination(error) => error,
        other => panic!("{other:?}"),
    }
}

/// It says what was being done and why it failed, advises, and shows no secret.
fn assert_clear(world: &World, error: &Error) {
    let hint = error.hint().unwrap_or_else(|| panic!("no hint: {error}"));
    let shown = format!("{error} {hint} {error:?}");
    assert!(hint.len() > 10 && !error.to_string().is_empty(), "{shown}");
    let secret = world.emulator.credentials().private_key_pem.lines().nth(3).unwrap();
    assert!(!shown.contains(secret), "{shown}");
}

/// Signs in as the world does, with something changed.
async fn sign_in(world: &World, change: impl FnOnce(&mut String, &mut String, &mut String)) -> Result<Client, Error> {
    let known = world.emulator.credentials();
    let (mut url, mut username, mut key) =
        (world.emulator.url().to_owned(), known.username.clone(), known.private_key_pem.clone());
    change(&mut url, &mut username, &mut key);
    let credentials = Credentials::JwtBearer {
        client_id: known.client_id.clone(),
        username,
        private_key: key.into(),
        passphrase: None,
        audience: Some(world.emulator.url().to_owned()),
    };
    let usual = world.client_config().unwrap();
    let config = ClientConfig { login: OrgLogin::new(&url, credentials)?, ..usual };
    Client::connect(config).await
}

/// Another RSA key, good in itself.
const OTHER_KEY: &str = include_str!("../../crates/client/tests/keys/pkcs8.pem");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_sign_in_is_told_why() {
    let world = synced(1).await;
    let before = world.requests("/services/data").len();

    let error = sign_in(&world, |_, _, key| *key = OTHER_KEY.to_owned()).await.unwrap_err();
    assert!(matches!(&error, Error::Auth(e) if e.error == "invalid_grant"), "{error:?}");
    assert!(error.hint().unwrap().contains("certificate"), "{:?}", error.hint());
    assert_clear(&world, &error);

    let error = sign_in(&world, |_, _, key| *key = "-----BEGIN PRIVATE KEY-----\nAAAA".to_owned()).await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert_clear(&world, &error);

    let error = sign_in(&world, |_, username, _| *username = "nobody@nowhere.example".to_owned()).await.unwrap_err();
    assert!(matches!(error, Error::Auth(_)), "{error:?}");
    assert_clear(&world, &error);

    // Nobody listens there: the port was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = sign_in(&world, |url, _, _| *url = format!("http://{free}")).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert_clear(&world, &error);
    let error = sign_in(&world, |url, _, _| *url = "https://no-such-host.invalid".to_owned()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert_clear(&world, &error);

    assert_eq!(world.requests("/services/data").len(), before, "nothing was asked for without a session");
    world.editor(1).await.unwrap().edit_many(5).await;
    world.once().await.unwrap();
    world.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_switched_off_while_it_follows() {
    let mut world = synced(2).await;
    let mut editor = world.editor(2).await.unwrap();
    let follower = world.follow().await.unwrap();
    editor.edit_many(3).await;
    world.until_equal().await.unwrap();
    {
        let mut org = world.emulator.org().write();
        for app in &mut org.access.apps {
            app.blocked = true;
        }
        org.access.revoke_all();
        org.events.wake();
    }
    editor.transaction();
    world.until("it ended", || follower.is_finished()).await.unwrap();
    let error = follower.stop().await.unwrap_err();
    let error = error.downcast::<SyncError>().unwrap();
    assert!(matches!(&error.cause, Cause::Org(e) if matches!(**e, Error::Auth(_))), "{error:?}");
    assert!(error.hint().is_some(), "{error:?}");
    for app in &mut world.emulator.org().write().access.apps {
        app.blocked = false;
    }
    world.client = world.new_client().await.unwrap();
    world.once().await.unwrap();
    world.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_while_loading_and_while_following() {
    let world = World::start(options(3).contacts(200)).await.unwrap();
    let run = async |pages: u32| {
        // What a run that ended had begun may still be on its way out.
        let destination = loop {
            match Sqlite::open_with_pages_max(&file(&world), pages).await {
                Err(DestinationError::InUse { .. }) => tokio::task::yield_now().await,
                opened => break opened.unwrap(),
            }
        };
        let pipeline = world.pipeline_over(world.client.clone(), Arc::new(destination));
        pipeline.run(Mode::Once, &CancellationToken::new()).await
    };
    // Too small for the snapshot.
    let error = run(40).await.unwrap_err();
    assert!(matches!(destination_error(&error), DestinationError::Full { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("make room"), "{error:?}");
    // Room again: it goes on with the pages that it has.
    run(100_000).await.unwrap();
    world.equal().await.unwrap();
    // Full again while changes come: what was there stays, the position too.
    let connection = rusqlite::Connection::open(file(&world)).unwrap();
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut editor = world.editor(3).await.unwrap();
    for _ in 0..20 {
        editor.sweep(3);
        editor.edit_many(10).await;
    }
    let error = run(pages).await.unwrap_err();
    assert!(matches!(destination_error(&error), DestinationError::Full { .. }), "{error:?}");
    run(100_000).await.unwrap();
    world.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_somebody_altered() {
    let world = synced(4).await;
    let mut editor = world.editor(4).await.unwrap();
    let sql = |text: &str| rusqlite::Connection::open(file(&world)).unwrap().execute_batch(text).unwrap();
    for (damage, repair, says) in [
        ("ALTER TABLE Contact RENAME COLUMN Email TO Mail", "ALTER TABLE Contact RENAME COLUMN Mail TO Email", "Email"),
        (
            "ALTER TABLE Contact DROP COLUMN Title",
            // A column put back is empty: dropping the table is how it is loaded anew.
            "DROP TABLE Contact",
            "Title",
        ),
    ] {
        editor.edit_many(3).await;
        let rows = world_rows(&world);
        sql(damage);
        let error = world.once().await.unwrap_err();
        assert!(
            matches!(destination_error(&error), DestinationError::Altered { table, what } if table == "Contact" && what.contains(says)),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("drop it"), "{error:?}");
        assert_eq!(world_rows(&world), rows, "refused, and left as it was");
        sql(repair);
        world.once().await.unwrap();
        world.equal().await.unwrap();
    }
}

fn world_rows(world: &World) -> i64 {
    let connection = rusqlite::Connection::open(file(world)).unwrap();
    connection.query_row("SELECT count(*) FROM Contact", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replica_of_another_org() {
    let world = synced(5).await;
    let mut options = options(6);
    options.settings.org_id = tidegate_emulator::RecordId::new(*b"00D", *b"TG", 2);
    let mut other = World::start(options).await.unwrap();
    let own = other.place.clone();
    other.place = world.place.clone();
    let error = other.once().await.unwrap_err();
    let DestinationError::OtherOrg { expected, found } = destination_error(&error) else { panic!("{error:?}") };
    assert_eq!(
        (expected.as_str(), found.as_str()),
        (other.emulator.credentials().org_id.as_str(), world.emulator.credentials().org_id.as_str())
    );
    assert!(error.hint().is_some());
    world.equal().await.unwrap();
    other.place = own;
    other.once().await.unwrap();
    other.equal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer() {
    let world = synced(7).await;
    let mut editor = world.editor(7).await.unwrap();
    let follower = world.follow().await.unwrap();
    let error = Sqlite::open(&file(&world)).await.err().unwrap();
    assert!(matches!(error, DestinationError::InUse { .. }), "{error:?}");
    let error = SyncError { phase: tidegate_sync::Phase::Open, cause: error.into() };
    assert!(error.hint().unwrap().contains("other process"));
    // The first does not notice.
    editor.edit_many(5).await;
    world.until_equal().await.unwrap();
    assert_eq!(follower.stop().await.unwrap(), Outcome::Interrupted);
    world.once().await.unwrap();
    world.equal().await.unwrap();
}
