//! The device flow, with a device and a browser.

use serde_json::{Value as Json, json};

use crate::common::Running;
use crate::support::{Browser, Shown, TestApp, calls, error, start};

async fn begin(running: &Running, app: &TestApp) -> Json {
    let form = [("response_type", "device_code"), ("client_id", app.id.as_str()), ("scope", "api refresh_token")];
    let (status, body) = running.token(&form).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn poll(running: &Running, app: &TestApp, codes: &Json) -> (u16, Json) {
    let code = codes["device_code"].as_str().unwrap();
    running.token(&[("grant_type", "device"), ("client_id", &app.id), ("code", code)]).await
}

/// Enters the code in a browser and decides.
async fn decide(running: &Running, codes: &Json, button: &str) -> String {
    let mut browser = Browser::new(running);
    let uri = codes["verification_uri"].as_str().unwrap().strip_prefix(running.emulator.url()).unwrap();
    let Shown::Page(200, page) = browser.get(uri).await else { panic!("no page") };
    let Shown::Page(200, page) = browser.sign_in(&page).await else { panic!("no page for the code") };
    let Shown::Page(200, wrong) = browser.submit(&page, &[("user_code", "WRONG234")]).await else { panic!() };
    assert!(wrong.contains("id=\"error\""), "{wrong}");
    let code = codes["user_code"].as_str().unwrap().to_lowercase();
    let Shown::Page(200, consent) = browser.submit(&wrong, &[("user_code", &code)]).await else { panic!() };
    assert!(consent.contains("Web shop"), "{consent}");
    let Shown::Page(200, done) = browser.submit(&consent, &[(button, "x")]).await else { panic!() };
    done
}

#[tokio::test]
async fn a_device_gets_its_tokens_once_its_user_allowed_it() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "device_flow": true })).await;
    let codes = begin(&running, &app).await;
    assert_eq!(codes["interval"], json!(5), "a number");
    assert_eq!(codes["user_code"].as_str().unwrap().len(), 8);
    assert_eq!(codes["verification_uri"], running.url("/setup/connect"));
    assert_eq!(poll(&running, &app, &codes).await.1["error"], "authorization_pending");
    running.emulator.clock().advance(4_999);
    let (status, body) = poll(&running, &app, &codes).await;
    assert_eq!((status, &body["error"]), (400, &json!("slow_down")));
    running.emulator.clock().advance(5_000);
    assert_eq!(poll(&running, &app, &codes).await.1["error"], "authorization_pending");
    assert!(decide(&running, &codes, "save").await.contains("is connected"));
    let (status, body) = poll(&running, &app, &codes).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["scope"], &body["signature"]), (&json!("api refresh_token"), &json!(app.signature(&body))));
    assert_eq!(calls(&running, body["access_token"].as_str().unwrap()).await, 200);
    assert_eq!(app.refresh(&running, body["refresh_token"].as_str().unwrap()).await.0, 200);
    assert_eq!(poll(&running, &app, &codes).await, error(400, "invalid_grant", "expired authorization code"));
}

#[tokio::test]
async fn a_device_is_told_why_it_gets_none() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "device_flow": true })).await;
    let codes = begin(&running, &app).await;
    assert!(decide(&running, &codes, "cancel").await.contains("denied"));
    assert_eq!(poll(&running, &app, &codes).await, error(400, "access_denied", "end-user denied authorization"));
    let late = begin(&running, &app).await;
    running.emulator.clock().advance(10 * 60 * 1000);
    assert_eq!(poll(&running, &app, &late).await, error(400, "invalid_grant", "expired authorization code"));
    let unknown = json!({ "device_code": "x" });
    assert_eq!(poll(&running, &app, &unknown).await, error(400, "invalid_grant", "invalid authorization code"));
    app.change(&running, json!({ "device_flow": false })).await;
    let form = [("response_type", "device_code"), ("client_id", app.id.as_str())];
    assert_eq!(running.token(&form).await.1["error"], "unauthorized_client");
}
