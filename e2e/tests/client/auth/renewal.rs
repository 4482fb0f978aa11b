//! One token per org: renewed by one of those who need it, ahead of its end or when the org says so, in the middle of
//! anything.

use std::time::Duration;

use serde_json::json;
use tidegate_client::bulk::{Locator, QueryOperation, Wait};
use tidegate_client::events::Replay;
use tidegate_client::{Client, Create, Credentials, Error};

use super::Land;

async fn query(org: &Client) -> Result<u64, Error> {
    Ok(org.query_page("SELECT COUNT() FROM Contact").await?.total_size)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_who_find_it_dead_sign_in_once() {
    let land = Land::new().await;
    let rotating = land.person().await;
    let flows = [
        ("jwt", land.jwt()),
        ("client credentials", land.client_credentials()),
        ("password", land.password()),
        ("refresh", rotating),
    ];
    for (flow, credentials) in flows {
        if flow == "refresh" {
            land.change_app(json!({"refresh_token_rotation": true})).await;
        }
        let org = Client::connect(land.config(credentials)).await.unwrap();
        query(&org).await.unwrap();
        let before = land.sign_ins().await;
        for round in 1..=2 {
            land.expire_tokens().await;
            let together = (0..20).map(|_| {
                let org = org.clone();
                tokio::spawn(async move { query(&org).await })
            });
            for one in together.collect::<Vec<_>>() {
                assert!(one.await.unwrap().unwrap() > 0);
            }
            assert_eq!(land.sign_ins().await, before + round, "{flow}");
        }
    }
    // A token that was given cannot be renewed, and says so.
    let token = Credentials::AccessToken { token: land.given().access_token.clone().into() };
    let org = Client::connect(land.config(token)).await.unwrap();
    let error = query(&org).await.unwrap_err();
    assert!(error.hint().unwrap().contains("get a new token"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ahead_of_its_end_no_request_is_refused() {
    let land = Land::new().await;
    let person = land.person().await;
    land.change_app(json!({"refresh_token_rotation": true})).await;
    for credentials in [land.jwt(), land.client_credentials(), land.password(), person] {
        let mut config = land.config(credentials);
        config.session_life = Duration::from_millis(500);
        let org = Client::connect(config).await.unwrap();
        let before = land.sign_ins().await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        query(&org).await.unwrap();
        assert_eq!(land.sign_ins().await, before + 1);
    }
    let url = format!("{}/__emulator/requests?status=401", land.emulator.url());
    let refused: Vec<serde_json::Value> = super::http().get(url).send().await.unwrap().json().await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_in_jwt_form_are_renewed_by_their_own_end() {
    let land = Land::new().await;
    land.change_app(json!({"jwt_access_token_ms": 1_800_000})).await;
    let org = Client::connect(land.config(land.client_credentials())).await.unwrap();
    query(&org).await.unwrap();
    // The assumption of an hour would let it die; the token says half of that. Only the org's clock moves here, so the
    // refusal tells that time has passed, and one renewal follows.
    land.control("POST", "clock", json!({"advance_ms": 1_900_000})).await;
    let before = land.sign_ins().await;
    query(&org).await.unwrap();
    assert_eq!(land.sign_ins().await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_renewal_is_shared_and_not_repeated_by_each() {
    let land = Land::new().await;
    let org = Client::connect(land.config(land.client_credentials())).await.unwrap();
    land.change_app(json!({"client_credentials": false})).await;
    land.expire_tokens().await;
    let before = land.sign_ins().await;
    let together = (0..10).map(|_| {
        let org = org.clone();
        tokio::spawn(async move { query(&org).await })
    });
    for one in together.collect::<Vec<_>>() {
        let error = one.await.unwrap().unwrap_err();
        assert!(matches!(&error, Error::Auth(error) if error.error == "unauthorized_client"), "{error}");
    }
    let asked = land.sign_ins().await - before;
    // Requests that come after a failure has been told may ask once more.
    assert!(asked <= 5, "{asked} sign-ins for ten requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_long_download() {
    let land = Land::new().await;
    let person = land.person().await;
    land.change_app(json!({"refresh_token_rotation": true})).await;
    let org = Client::connect(land.config(person)).await.unwrap();
    let bulk = org.bulk();
    let job = bulk.create_query_job("SELECT Id, Name FROM Contact", QueryOperation::Query).await.unwrap();
    let job = bulk.wait(&job.id, Wait::default()).await.unwrap();
    let total = job.number_records_processed.unwrap();
    let (mut rows, mut locator) = (0, Some(Locator::first()));
    while let Some(place) = locator {
        // Before each page, and while one is read.
        land.expire_tokens().await;
        let mut page = bulk.download(&job, &place, Some(50)).await.unwrap();
        land.expire_tokens().await;
        while let Some(part) = page.next_rows().await.unwrap() {
            rows += part.len() as u64;
        }
        locator = page.next_page().cloned();
    }
    assert_eq!(rows, total);
    // An upload's stream cannot be sent twice, so its session is made sure of before.
    land.expire_tokens().await;
    let csv = futures::stream::iter([Ok::<_, std::io::Error>("LastName\nA\n".into())]);
    let spec = tidegate_client::bulk::IngestSpec::new("Contact", tidegate_client::bulk::IngestOperation::Insert);
    assert_eq!(bulk.ingest(spec, csv, None, Wait::default()).await.unwrap().successful, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_subscription() {
    let land = Land::new().await;
    let person = land.person().await;
    land.change_app(json!({"refresh_token_rotation": true})).await;
    let org = Client::connect(land.config(person)).await.unwrap();
    let mut subscription = org.events().subscribe("/data/AccountChangeEvent", Replay::Latest, 10).await.unwrap();
    for name in ["One", "Two", "Three"] {
        let create = Create { object: "Account".into(), fields: json!({"Name": name}) };
        let saved = org.send(&create).await.unwrap();
        let found = async {
            loop {
                let fetched = subscription.next().await.unwrap().unwrap();
                if fetched.events.iter().any(|event| event.payload.windows(18).any(|w| w == saved.id.as_bytes())) {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), found).await.unwrap();
        // The next round begins with a dead token on both sides.
        land.expire_tokens().await;
    }
}
