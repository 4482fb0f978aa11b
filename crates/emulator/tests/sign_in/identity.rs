//! Who a token says somebody is: introspection, userinfo, the identity URL, discovery.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::common::{Running, answer};
use crate::support::{T0, TestApp, start};

async fn introspect(running: &Running, app: &TestApp, token: &str) -> Json {
    let form = [("token", token), ("client_id", app.id.as_str()), ("client_secret", app.secret.as_str())];
    let (status, body) = answer(running.http.post(running.url("/services/oauth2/introspect")).form(&form)).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn introspection_shows_an_app_its_own_tokens() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let body = app.sign_in(&running, &[("scope", "api refresh_token")]).await;
    let (access, refresh) = (body["access_token"].as_str().unwrap(), body["refresh_token"].as_str().unwrap());
    let iat = T0 / 1000;
    assert_eq!(
        introspect(&running, &app, access).await,
        json!({
            "active": true,
            "scope": "api refresh_token",
            "client_id": app.id,
            "username": running.emulator.credentials().username,
            "sub": body["id"],
            "token_type": "access_token",
            "exp": iat + 7200,
            "iat": iat,
            "nbf": iat,
        })
    );
    let kept = introspect(&running, &app, refresh).await;
    assert_eq!((&kept["token_type"], &kept["exp"]), (&json!("refresh_token"), &Json::Null), "good until revoked");
    app.change(&running, json!({ "refresh_token_policy": { "after_ms": 60_000 } })).await;
    assert_eq!(introspect(&running, &app, refresh).await["exp"], json!(iat + 60));
    running.emulator.clock().advance(60_000);
    assert_eq!(introspect(&running, &app, refresh).await, json!({ "active": false }));
    let other = TestApp::make(&running, json!({ "name": "Other" })).await;
    assert_eq!(introspect(&running, &other, access).await, json!({ "active": false }));
    other.change(&running, json!({ "introspect_all_tokens": true })).await;
    assert_eq!(introspect(&running, &other, access).await["client_id"], json!(app.id));
    assert_eq!(introspect(&running, &app, "nonsense").await, json!({ "active": false }));
}

#[tokio::test]
async fn the_identity_url_speaks_several_formats_and_versions() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    let path = format!("/id/{}/{}", c.org_id, c.user_id);
    let get = |query: &str| running.call(Method::GET, &format!("{path}{query}"));
    let (_, latest) = answer(get("?version=latest")).await;
    assert_eq!(latest["urls"]["rest"], running.url("/services/data/v68.0/"));
    let (_, old) = answer(get("?version=55.0")).await;
    assert_eq!(old["urls"]["partner"], running.url(&format!("/services/Soap/u/55.0/{}", c.org_id)));
    assert_eq!((&old["user_type"], &old["utcOffset"]), (&json!("STANDARD"), &json!(0)));
    let xml = get("?format=xml").send().await.unwrap();
    assert_eq!(xml.headers()["content-type"], "application/xml;charset=UTF-8");
    let xml = xml.text().await.unwrap();
    assert!(xml.contains(&format!("<username>{}</username>", c.username)), "{xml}");
    assert!(xml.contains("<urls><enterprise>") && xml.ends_with("</user>"), "{xml}");
    let accepted = get("").header("accept", "application/xml").send().await.unwrap().text().await.unwrap();
    assert_eq!(accepted, xml);
    let form = get("?format=urlencoded").send().await.unwrap().text().await.unwrap();
    let form: std::collections::HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!((form["username"].as_str(), form["active"].as_str()), (c.username.as_str(), "true"));
    let script = get("?callback=show").send().await.unwrap().text().await.unwrap();
    assert!(script.starts_with("show({") && script.ends_with("});"), "{script}");
}

#[tokio::test]
async fn discovery_names_what_answers() {
    let running = start().await;
    let (_, found) = answer(running.http.get(running.url("/.well-known/openid-configuration"))).await;
    assert_eq!(found["issuer"], running.emulator.url());
    for (name, status) in [
        ("authorization_endpoint", 400),
        ("userinfo_endpoint", 403),
        ("jwks_uri", 200),
        ("revocation_endpoint", 400),
        ("introspection_endpoint", 400),
        ("token_endpoint", 400),
    ] {
        let url = found[name].as_str().unwrap();
        assert_eq!(running.http.get(url).send().await.unwrap().status(), status, "{name}");
    }
    assert!(found["scopes_supported"].as_array().unwrap().contains(&json!("refresh_token")));
    let (_, keys) = answer(running.http.get(found["jwks_uri"].as_str().unwrap())).await;
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"], &key["e"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"), &json!("AQAB"))
    );
}
