//! Refresh tokens that are replaced at each renewal: the new one is stored before anything else, whatever happens.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tidegate_client::{Client, Error, TokenFile, TokenStore};

use super::Land;

/// An org where a person has signed in, with an app that rotates from now on.
async fn rotating() -> Land {
    let land = Land::new().await;
    land.person().await;
    land.change_app(json!({"refresh_token_rotation": true})).await;
    land
}

fn stored(land: &Land) -> String {
    land.token_file().load().unwrap().expose_secret().to_owned()
}

async fn works(org: &Client) {
    org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap();
}

/// A disk that can be full.
#[derive(Debug)]
struct FullDisk {
    file: TokenFile,
    full: AtomicBool,
}

impl TokenStore for FullDisk {
    fn load(&self) -> Result<SecretString, Error> {
        self.file.load()
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(io::Error::other("no space left on device")),
            false => self.file.save(token),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_renewal_stores_a_new_token() {
    let land = rotating().await;
    let first = stored(&land);
    let org = Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap();
    let second = stored(&land);
    assert_ne!(first, second);
    land.expire_tokens().await;
    works(&org).await;
    assert_ne!(second, stored(&land));
    // The next process begins with what the last one stored.
    works(&Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_stored_is_kept_and_not_used() {
    let land = rotating().await;
    let disk = Arc::new(FullDisk { file: land.token_file(), full: AtomicBool::new(false) });
    let org = Client::connect(land.config(land.refresh(disk.clone()))).await.unwrap();
    land.expire_tokens().await;
    disk.full.store(true, Ordering::SeqCst);
    let before = (stored(&land), land.sign_ins().await);
    for _ in 0..2 {
        let error = org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap_err();
        assert!(matches!(error, Error::TokenNotSaved { .. }), "{error}");
        assert!(error.hint().unwrap().contains("memory"));
    }
    assert_eq!(land.sign_ins().await, before.1 + 1, "the org is not asked again with a spent token");
    disk.full.store(false, Ordering::SeqCst);
    works(&org).await;
    assert_ne!(stored(&land), before.0);
    land.expire_tokens().await;
    works(&org).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_does_not_lose_the_token() {
    let land = rotating().await;
    let org = Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap();
    land.expire_tokens().await;
    let before = stored(&land);
    // The org has rotated, and its answer is on the way when the caller gives up.
    let slow = json!({"match": {"path": "oauth2/token"}, "action": {"delay_answer_ms": 1500}});
    land.control("POST", "faults", slow).await;
    let query = org.query_page("SELECT Id FROM Account LIMIT 1");
    assert!(tokio::time::timeout(Duration::from_millis(700), query).await.is_err());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while stored(&land) == before {
        assert!(std::time::Instant::now() < deadline, "the new token was lost");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    works(&org).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_programs_share_a_token() {
    let land = rotating().await;
    let mut orgs = Vec::new();
    for _ in 0..3 {
        orgs.push(Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap());
    }
    for _ in 0..5 {
        land.expire_tokens().await;
        let together = orgs.iter().map(|org| {
            let org = org.clone();
            tokio::spawn(async move { works(&org).await })
        });
        for one in together.collect::<Vec<_>>() {
            one.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_spends_the_token_and_is_said() {
    let land = rotating().await;
    let lose = json!({"match": {"path": "oauth2/token"}, "action": {"lose_answer": true}});
    land.control("POST", "faults", lose).await;
    let error = Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap_err();
    assert!(error.to_string().contains("expired access/refresh token"), "{error}");
    assert!(error.hint().unwrap().contains("answer that was lost"), "{error:?}");
    // Without rotation the same loss costs nothing.
    land.change_app(json!({"refresh_token_rotation": false})).await;
    land.person().await;
    let lose = json!({"match": {"path": "oauth2/token"}, "action": {"lose_answer": true}});
    land.control("POST", "faults", lose).await;
    works(&Client::connect(land.config(land.refresh(Arc::new(land.token_file())))).await.unwrap()).await;
}
