//! Refresh tokens: their policies, their rotation, their end.

use serde_json::{Value as Json, json};
use tidegate_emulator::server::{Config, Emulator};

use crate::common::{Running, answer};
use crate::support::{T0, TestApp, calls, error, start};

fn text<'a>(body: &'a Json, name: &str) -> &'a str {
    body[name].as_str().unwrap()
}

async fn revoke(running: &Running, token: &str) -> (u16, Json) {
    answer(running.http.post(running.url("/services/oauth2/revoke")).form(&[("token", token)])).await
}

#[tokio::test]
async fn a_refresh_gives_an_access_token_and_no_refresh_token() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let first = app.sign_in(&running, &[("scope", "api refresh_token openid")]).await;
    running.emulator.clock().advance(1_000);
    let (status, body) = app.refresh(&running, text(&first, "refresh_token")).await;
    assert_eq!(status, 200, "{body}");
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["access_token", "signature", "scope", "id_token", "instance_url", "id", "token_type", "issued_at"];
    assert_eq!(names, expected);
    assert_ne!(body["access_token"], first["access_token"]);
    assert_eq!((&body["issued_at"], &body["scope"]), (&json!((T0 + 1_000).to_string()), &first["scope"]));
    assert_eq!(body["signature"], app.signature(&body));
    assert_eq!(app.refresh(&running, text(&first, "refresh_token")).await.0, 200, "as often as one likes");
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), ("scope", "api")];
    assert_eq!(app.token(&running, &narrow).await.1["scope"], "api");
    let wide = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), ("scope", "web")];
    assert_eq!(app.token(&running, &wide).await.1["error"], "invalid_scope");
    let without = app.sign_in(&running, &[("scope", "api")]).await;
    assert_eq!(without["refresh_token"], Json::Null);
}

#[tokio::test]
async fn the_secret_is_asked_for_where_the_app_says_so_and_checked_where_it_is_given() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let token = text(&app.sign_in(&running, &[]).await, "refresh_token").to_owned();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let bare = [&form[..], &[("client_id", app.id.as_str())]].concat();
    assert_eq!(running.token(&bare).await.0, 200);
    let wrong = [&bare[..], &[("client_secret", "wrong")]].concat();
    assert_eq!(running.token(&wrong).await, error(400, "invalid_client", "invalid client credentials"));
    let url = running.url("/services/oauth2/token");
    let basic = |secret: &str| answer(running.http.post(&url).basic_auth(&app.id, Some(secret)).form(&form));
    assert_eq!(basic(&app.secret).await.0, 200);
    assert_eq!(basic("wrong").await, error(401, "invalid_client", "invalid client credentials"));
    app.change(&running, json!({ "secret_required_for_refresh": true })).await;
    assert_eq!(running.token(&bare).await, error(400, "invalid_request", "missing required parameter: client_secret"));
    let other = TestApp::make(&running, json!({ "name": "Other" })).await;
    assert_eq!(other.refresh(&running, &token).await, error(400, "invalid_grant", "expired access/refresh token"));
    assert_eq!(app.token(&running, &[("grant_type", "refresh_token")]).await.1["error"], "invalid_request");
}

#[tokio::test]
async fn a_rotated_token_that_comes_again_ends_the_whole_family() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "refresh_token_rotation": true })).await;
    let first = app.sign_in(&running, &[]).await;
    let (_, second) = app.refresh(&running, text(&first, "refresh_token")).await;
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (status, third) = app.refresh(&running, text(&second, "refresh_token")).await;
    assert_eq!((status, calls(&running, text(&third, "access_token")).await), (200, 200));
    let dead = error(400, "invalid_grant", "expired access/refresh token");
    assert_eq!(app.refresh(&running, text(&first, "refresh_token")).await, dead);
    assert_eq!(app.refresh(&running, text(&third, "refresh_token")).await, dead, "the newest one too");
    for body in [&first, &second, &third] {
        assert_eq!(calls(&running, text(body, "access_token")).await, 401, "and every access token of it");
    }
}

#[tokio::test]
async fn refresh_tokens_end_by_policy() {
    let running = start().await;
    let dead = error(400, "invalid_grant", "expired access/refresh token");
    let app = TestApp::make(&running, json!({ "refresh_token_policy": "immediately_expire" })).await;
    let body = app.sign_in(&running, &[]).await;
    assert_eq!(app.refresh(&running, text(&body, "refresh_token")).await, dead);

    let unused = TestApp::make(&running, json!({ "refresh_token_policy": { "unused_for_ms": 1_000 } })).await;
    let after = TestApp::make(&running, json!({ "refresh_token_policy": { "after_ms": 1_000 } })).await;
    let (a, b) = (unused.sign_in(&running, &[]).await, after.sign_in(&running, &[]).await);
    for (unused_status, after_status) in [(200, 200), (200, 400)] {
        running.emulator.clock().advance(600);
        assert_eq!(unused.refresh(&running, text(&a, "refresh_token")).await.0, unused_status);
        assert_eq!(after.refresh(&running, text(&b, "refresh_token")).await.0, after_status);
    }
    running.emulator.clock().advance(1_000);
    assert_eq!(unused.refresh(&running, text(&a, "refresh_token")).await, dead);
}

#[tokio::test]
async fn the_sixth_approval_ends_the_first() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let mut all = Vec::new();
    for _ in 0..6 {
        running.emulator.clock().advance(1);
        all.push(app.sign_in(&running, &[]).await);
    }
    let statuses = async |name: &str| {
        let mut found = Vec::new();
        for body in &all {
            found.push(match name {
                "access_token" => calls(&running, text(body, name)).await,
                _ => app.refresh(&running, text(body, name)).await.0,
            });
        }
        found
    };
    assert_eq!(statuses("access_token").await, [401, 200, 200, 200, 200, 200]);
    assert_eq!(statuses("refresh_token").await, [400, 200, 200, 200, 200, 200]);
}

#[tokio::test]
async fn revoking_a_refresh_token_takes_its_access_tokens_along_and_not_the_other_way() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let body = app.sign_in(&running, &[]).await;
    let (_, second) = app.refresh(&running, text(&body, "refresh_token")).await;
    assert_eq!(revoke(&running, text(&body, "access_token")).await.0, 200);
    assert_eq!(calls(&running, text(&body, "access_token")).await, 401);
    assert_eq!(app.refresh(&running, text(&body, "refresh_token")).await.0, 200);
    assert_eq!(calls(&running, text(&second, "access_token")).await, 200);
    assert_eq!(revoke(&running, text(&body, "refresh_token")).await.0, 200);
    assert_eq!(calls(&running, text(&second, "access_token")).await, 401);
    let dead = error(400, "invalid_grant", "expired access/refresh token");
    assert_eq!(app.refresh(&running, text(&body, "refresh_token")).await, dead);
    assert_eq!(revoke(&running, text(&body, "refresh_token")).await.1["error"], "unsupported_token_type");
    let third = app.sign_in(&running, &[]).await;
    let path = |name: &str| {
        running.url(&format!("/services/oauth2/revoke?token={}&callback={name}", text(&third, "refresh_token")))
    };
    let jsonp = running.http.get(path("done.now")).send().await.unwrap().text().await.unwrap();
    assert_eq!(jsonp, "done.now();");
    let jsonp = running.http.get(path("done")).send().await.unwrap().text().await.unwrap();
    assert!(jsonp.starts_with("done({\"error\":\"unsupported_token_type\""), "{jsonp}");
    let unnamed = running.http.get(path("alert(1)")).send().await.unwrap();
    assert_eq!(unnamed.status(), 400, "JSONP takes a name and no code");
}

#[tokio::test]
async fn apps_and_tokens_outlive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = || Config { dir: Some(dir.path().to_owned()), frozen_at: Some(T0), ..Config::default() };
    let first = Running::start(config()).await;
    let app = TestApp::make(&first, json!({ "refresh_token_rotation": true })).await;
    let body = app.sign_in(&first, &[]).await;
    let (_, rotated) = app.refresh(&first, text(&body, "refresh_token")).await;
    first.emulator.stop().await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir.path().join("access.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "its owner's alone");
    }
    let emulator = Emulator::start(config()).await.unwrap();
    let http = crate::common::client(&emulator);
    let second = Running { emulator, http };
    assert_eq!(calls(&second, text(&rotated, "access_token")).await, 200);
    let (status, again) = app.refresh(&second, text(&rotated, "refresh_token")).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(app.refresh(&second, text(&body, "refresh_token")).await.0, 400, "it remembers what was rotated away");
    assert_eq!(app.refresh(&second, text(&again, "refresh_token")).await.0, 400);
}
