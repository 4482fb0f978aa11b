//! An emulator starts, answers on all its doors and stops.
#![allow(clippy::unwrap_used)]

mod common;

use common::client;
use tidegate_emulator::server::{Config, Emulator, StartError};

#[tokio::test]
async fn answers_in_the_clear_and_over_tls() {
    let emulator = Emulator::start(Config::default()).await.unwrap();
    let client = client(&emulator);
    for base in [emulator.url(), emulator.tls_url(), &emulator.tls_url().replace("127.0.0.1", "localhost")] {
        let answer = client.get(format!("{base}/nothing/")).send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
        let body = r#"[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]"#;
        assert_eq!(answer.text().await.unwrap(), body);
    }
    emulator.stop().await.unwrap();
}

#[tokio::test]
async fn plain_http_stays_on_loopback() {
    let config = Config { listen: "0.0.0.0:0".parse().unwrap(), ..Config::default() };
    assert!(matches!(Emulator::start(config).await, Err(StartError::PlainNotLoopback(_))));
}

#[tokio::test]
async fn a_directory_keeps_keys_and_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config { dir: Some(dir.path().to_owned()), ..Config::default() };
    let first = Emulator::start(config()).await.unwrap();
    let (ca, before) = (first.ca_pem().to_owned(), first.credentials().clone());
    first.stop().await.unwrap();
    let second = Emulator::start(config()).await.unwrap();
    let after = second.credentials().clone();
    assert_eq!(second.ca_pem(), ca);
    assert_eq!(after.private_key_pem, before.private_key_pem);
    assert_eq!((after.client_id, after.client_secret), (before.client_id, before.client_secret));
    assert_ne!(after.access_token, before.access_token, "tokens end with the process");
    second.stop().await.unwrap();
}
