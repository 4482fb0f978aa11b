//! Runs every example of the client library, each against an org of its own, and compares what it prints with what its
//! first lines say that it prints.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_emulator::server::{Config, Emulator, SeedConfig};

/// What an example promises: the lines of the `text` block in its head. `...` stands for anything.
fn promised(source: &str) -> Vec<String> {
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = head.skip_while(|line| line.trim() != "```text").skip(1);
    lines.by_ref().take_while(|line| line.trim() != "```").map(|line| line.trim().to_owned()).collect()
}

/// Whether a line is as promised.
fn matches(promise: &str, line: &str) -> bool {
    let mut rest = line;
    let mut parts = promise.split("...");
    match parts.next().and_then(|first| rest.strip_prefix(first)) {
        Some(after) => rest = after,
        None => return false,
    }
    let mut open = false;
    for part in parts {
        open = true;
        match rest.find(part) {
            Some(at) if !part.is_empty() => {
                rest = &rest[at + part.len()..];
                open = false;
            }
            Some(_) => {}
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// Where cargo puts examples. `cargo test --workspace` has built them; a test of this package alone has not.
fn built() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--examples", "--target-dir"])
        .arg(folder.parent().unwrap().parent().unwrap())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .status()
        .unwrap();
    assert!(built.success(), "the examples do not build");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn examples_do_what_they_say() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/client/examples");
    let folder = built();
    let mut ran = 0;
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let promised = promised(&std::fs::read_to_string(&path).unwrap());
        assert!(!promised.is_empty(), "example {name} does not say what it prints");

        let seed = Some(SeedConfig { number: 1, contacts: 60 });
        let emulator = Emulator::start(Config { seed, ..Config::default() }).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let credentials = emulator.credentials();
        std::fs::write(dir.path().join("ca.pem"), emulator.ca_pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), &credentials.private_key_pem).unwrap();
        let run = tokio::process::Command::new(folder.join(&name))
            .current_dir(dir.path())
            .env("TIDEGATE_LOGIN_URL", emulator.tls_url())
            .env("TIDEGATE_CLIENT_ID", &credentials.client_id)
            .env("TIDEGATE_USERNAME", &credentials.username)
            .env("TIDEGATE_PRIVATE_KEY_FILE", dir.path().join("key.pem"))
            .env("TIDEGATE_CA_FILE", dir.path().join("ca.pem"))
            .env("TIDEGATE_PUBSUB_ENDPOINT", emulator.pubsub())
            .kill_on_drop(true)
            .output();
        let run = tokio::time::timeout(std::time::Duration::from_secs(60), run).await;
        let output = run.unwrap_or_else(|_| panic!("example {name} did not end within a minute")).unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "example {name} failed:\n{printed}{complaint}");
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert_eq!(lines.len(), promised.len(), "example {name} printed\n{printed}");
        for (promise, line) in promised.iter().zip(&lines) {
            assert!(matches(promise, line.trim_start()), "example {name} promised\n{promise}\nand printed\n{line}");
        }
        ran += 1;
    }
    assert!(ran > 0);
}
