//! The real program, killed again and again at random moments while edits go on; started once more it catches up.
//!
//! `TIDEGATE_BIN` names the program; otherwise the one beside this test is taken, built first when it is missing.
//! `TIDEGATE_KILLS=N` kills it so often (50 unless said otherwise).

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_e2e::world::DEADLINE;
use tidegate_e2e::{World, WorldOptions};
use tokio::process::Child;

fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("TIDEGATE_BIN") {
        return path.into();
    }
    // target/<profile>/deps/kill-…
    let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let program = profile.join(format!("tidegate{}", std::env::consts::EXE_SUFFIX));
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "tidegate", "--bin", "tidegate"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.file_name().is_some_and(|name| name == "release") {
        build.arg("--release");
    }
    build.env("CARGO_TARGET_DIR", profile.parent().unwrap());
    // Built anew when its sources have changed; where that is not possible, a program that is there has to do.
    let built = build.status().is_ok_and(|status| status.success());
    assert!(built || program.exists(), "there is no {}", program.display());
    program
}

fn sync(program: &Path, world: &World, more: &[&str]) -> tokio::process::Command {
    let (dir, known) = (world.dir(), world.emulator.credentials());
    let mut command = tokio::process::Command::new(program);
    command
        .arg("sync")
        .args(world.objects())
        .arg("--to")
        .arg(format!("sqlite:{}", dir.join("replica.db").display()))
        .args(more)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("TIDEGATE_")))
        .env("TIDEGATE_LOGIN_URL", world.emulator.url())
        .env("TIDEGATE_CLIENT_ID", &known.client_id)
        .env("TIDEGATE_USERNAME", &known.username)
        .env("TIDEGATE_PRIVATE_KEY_FILE", dir.join("key.pem"))
        .env("TIDEGATE_CA_FILE", dir.join("ca.pem"))
        .env("TIDEGATE_PUBSUB_ENDPOINT", world.emulator.pubsub())
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("stderr")).unwrap())
        .kill_on_drop(true);
    command
}

fn said(world: &World) -> String {
    std::fs::read_to_string(world.dir().join("stderr")).unwrap_or_default()
}

/// Kills it where it stands. False when it had ended by itself.
async fn kill(mut child: Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    child.kill().await.unwrap();
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_it_ends_equal() {
    let kills: u32 = std::env::var("TIDEGATE_KILLS").map_or(50, |text| text.parse().unwrap());
    let seed: u64 = std::env::var("TIDEGATE_KILL_SEED").map_or(1, |text| text.parse().unwrap());
    let program = program();
    let since = Instant::now();
    let mut rng = StdRng::seed_from_u64(seed);
    let options = WorldOptions::new(seed).objects(&["Account", "Contact", "Case", "Shipment__c"]).contacts(2_000);
    let world = World::start(options).await.unwrap();
    let mut editor = world.editor(seed).await.unwrap();
    let (mut while_loading, mut while_following) = (0, 0);
    for n in 0..kills {
        // A replica that is thrown away now and then gives snapshots to be killed in: after some page or other.
        let pages = (n % 3 == 0).then(|| rng.random_range(0..50));
        if pages.is_some() && n % 6 == 0 {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(world.dir().join(format!("replica.db{end}")));
            }
        }
        let child = sync(&program, &world, &[]).spawn().unwrap();
        let moment = Instant::now() + Duration::from_millis(rng.random_range(50..1400));
        while pages.is_some_and(|pages| staged_pages(&world) <= pages) || pages.is_none() && Instant::now() < moment {
            assert!(moment.elapsed() < DEADLINE, "it gets nowhere: {}", said(&world));
            editor.edit().await;
            let pause = if pages.is_some() { 2 } else { 30 };
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..pause))).await;
            if live_tables(&world) == world.objects().len() && Instant::now() >= moment {
                break;
            }
        }
        let live = live_tables(&world) == world.objects().len();
        assert!(kill(child).await, "it ended by itself before kill {n}: {}", said(&world));
        *(if live { &mut while_following } else { &mut while_loading }) += 1;
    }
    let status = sync(&program, &world, &["--once"]).status().await.unwrap();
    assert!(status.success(), "{status}: {}", said(&world));
    world.equal().await.unwrap();
    assert!(while_loading >= kills / 10 && while_following >= kills / 10, "{while_loading} and {while_following}");
    println!(
        "killed {kills} times ({while_loading} while loading, {while_following} while following), {} edits, equal, \
         {:.0?}",
        editor.edits.saved,
        since.elapsed()
    );
}

/// Tables that hold rows. They do from the moment on in which they are published.
fn live_tables(world: &World) -> usize {
    world.objects().iter().filter(|object| count(world, object) > 0).count()
}

/// Pages of snapshots that are in the replica, published or not.
fn staged_pages(world: &World) -> i64 {
    count(world, "_tidegate_pages")
}

fn count(world: &World, table: &str) -> i64 {
    let path = world.dir().join("replica.db");
    let Ok(connection) = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
    else {
        return 0;
    };
    connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap_or(0)
}
