//! Several processes share one budget: real ones, some of them killed in the middle. The org's counter never passes the
//! share, and what the dead had reserved comes back.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use support::{Server, config, json};
use tidegate_client::{Client, Error, Limits, Priority, budget::Kind};

const ALLOWED: u64 = 400;
/// Half of it is ours.
const SHARE: u64 = 200;
const URL: &str = "BUDGET_TEST_URL";
const PLACE: &str = "BUDGET_TEST_PLACE";
const RESERVE: &str = "BUDGET_TEST_RESERVE";

/// An org that counts, and says so on each answer.
async fn org() -> (Server, Arc<AtomicU64>) {
    let counter = Arc::new(AtomicU64::new(0));
    let count = counter.clone();
    let server = Server::new(move |request| {
        if !request.target.starts_with("/services/data/v66.0/limits") {
            return json(404, "[]");
        }
        let used = count.fetch_add(1, Ordering::SeqCst) + 1;
        json(200, "{}").with("sforce-limit-info", &format!("api-usage={used}/{ALLOWED}"))
    })
    .await;
    (server, counter)
}

async fn client(url: &str, place: &Path) -> Client {
    let mut config = config(url);
    config.budget.share = 50.0;
    config.budget.normal_stop = 100.0;
    config.budget.slow_down = 100.0;
    config.budget.place = Some(place.to_owned());
    Client::connect(config).await.unwrap()
}

fn child(url: &str, place: &Path, reserve: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_of_its_own", "--nocapture", "--test-threads=1"])
        .env(URL, url)
        .env(PLACE, place)
        .env(RESERVE, reserve.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the children do: spend until there is no room. Without the variables it is no test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_its_own() {
    let (Ok(url), Ok(place)) = (std::env::var(URL), std::env::var(PLACE)) else { return };
    let org = client(&url, &PathBuf::from(place)).await;
    let reserve: u64 = std::env::var(RESERVE).unwrap().parse().unwrap();
    if reserve > 0 {
        org.send(&Limits).await.unwrap();
        let held = org.budget().reserve(Kind::Requests, reserve, "a job").await.unwrap();
        println!("reserved {}", held.left());
        tokio::time::sleep(Duration::from_secs(60)).await;
        return;
    }
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let org = org.clone();
        calls.spawn(async move {
            loop {
                match org.send(&Limits).await {
                    Ok(_) => {}
                    Err(Error::Budget(_)) => break,
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_one_budget_also_when_some_are_killed() {
    let (server, counter) = org().await;
    let dir = tempfile::tempdir().unwrap();
    // The figures are known before they start.
    let first = client(&server.url, dir.path()).await;
    first.send(&Limits).await.unwrap();
    let mut children: Vec<Child> = (0..4).map(|_| child(&server.url, dir.path(), 0)).collect();
    let since = Instant::now();
    while counter.load(Ordering::SeqCst) < SHARE / 4 && since.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut killed = children.split_off(2);
    for child in &mut killed {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    for child in &mut children {
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
    let used = counter.load(Ordering::SeqCst);
    assert!(used <= SHARE, "{used} of {SHARE}");
    assert!(used >= SHARE - 20, "{used} of {SHARE}: most of it was to be had");
    // And what lies there of the dead is cleared away.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let report = first.budget().report().await.unwrap();
    let requests = report.kind(Kind::Requests).unwrap();
    assert_eq!((report.processes, requests.in_flight, requests.reserved), (1, 0, 0));
    assert!(requests.used >= used, "{} for {used}", requests.used);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_give_their_reservations_back() {
    use std::io::{BufRead, BufReader};
    let (server, _) = org().await;
    let dir = tempfile::tempdir().unwrap();
    let org = client(&server.url, dir.path()).await;
    org.send(&Limits).await.unwrap();
    let mut holder = child(&server.url, dir.path(), 150);
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("reserved 150")));
    let refused = org.budget().reserve(Kind::Requests, 100, "ours").await.unwrap_err();
    assert!(matches!(&refused, Error::Budget(stop) if stop.held == 150), "{refused:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let held = Priority::Interactive.run(org.budget().reserve(Kind::Requests, 100, "ours")).await.unwrap();
    assert_eq!(held.left(), 100);
}

#[tokio::test]
async fn broken_books_start_anew() {
    let (server, _) = org().await;
    let dir = tempfile::tempdir().unwrap();
    let org = client(&server.url, dir.path()).await;
    org.send(&Limits).await.unwrap();
    let held = org.budget().reserve(Kind::Requests, 10, "a job").await.unwrap();
    let books = dir.path().join("00Dxx0000001gPFEAY.json");
    for broken in ["", "{", "null", "[]", r#"{"form":1,"org":"someone else's"}"#, r#"{"form":7}"#] {
        std::fs::write(&books, broken).unwrap();
        org.send(&Limits).await.unwrap();
        let report = org.budget().report().await.unwrap();
        assert_eq!(report.kind(Kind::Requests).unwrap().reserved, 10, "what we hold we still hold: {broken}");
    }
    drop(held);
    assert_eq!(org.budget().report().await.unwrap().kind(Kind::Requests).unwrap().reserved, 0);
    drop(org);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the books and their lock: {left:?}");
}
