//! Signing in, in every way that works and every way that does not.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Running, answer};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value as Json, json};
use tidegate_emulator::RecordId;
use tidegate_emulator::oauth::PermittedUsers;
use tidegate_emulator::server::{Config, SeedConfig};
use tidegate_emulator::settings::Settings;

fn members(json: &Json) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

fn changed(mut claims: Json, member: &str, value: Json) -> Json {
    claims[member] = value;
    claims
}

#[tokio::test]
async fn jwt_bearer_answers_with_exactly_five_members() {
    let running = Running::start(Config::default()).await;
    let (status, body) = running.jwt(&running.claims()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(members(&body), ["access_token", "scope", "instance_url", "id", "token_type"]);
    let credentials = running.emulator.credentials();
    assert_eq!(body["instance_url"], running.emulator.url());
    let id = format!("{}/id/{}/{}", running.emulator.url(), credentials.org_id, credentials.user_id);
    assert_eq!(body["id"], id);
    let token = body["access_token"].as_str().unwrap();
    assert!(token.starts_with(&format!("{}!", &credentials.org_id[..15])));
    let (status, me) = answer(running.http.get(&id).bearer_auth(token)).await;
    assert_eq!((status, &me["username"]), (200, &json!(credentials.username)));
}

#[tokio::test]
async fn every_habit_of_real_jwt_clients_is_borne() {
    let running = Running::start(Config::default()).await;
    let claims = running.claims();
    let now = running.now_s();
    for (member, value) in [
        ("exp", json!((now + 100).to_string())),
        ("exp", json!((now + 300) * 1000)),
        ("exp", json!(now + 1_000_000_000)),
        ("aud", json!("https://login.salesforce.com/")),
        ("aud", json!("login.salesforce.com")),
        ("aud", json!(running.emulator.url())),
        ("aud", json!(format!("{}/", running.emulator.url()))),
        ("prn", json!(running.emulator.credentials().username)),
        ("sub", json!(running.emulator.credentials().username.to_uppercase())),
        ("jti", json!("once")),
        ("iat", json!("whatever")),
    ] {
        let (status, body) = running.jwt(&changed(claims.clone(), member, value.clone())).await;
        assert_eq!(status, 200, "{member} {value}: {body}");
    }
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "x" });
    assert_eq!(running.assertion(&running.sign(&header, &claims)).await.0, 200);
    let tls = format!("{}/services/oauth2/token", running.emulator.tls_url());
    let own = running.sign(&header, &changed(claims, "aud", json!(running.emulator.tls_url())));
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", own.as_str())];
    let (status, body) = answer(running.http.post(tls).form(&form)).await;
    assert_eq!((status, &body["instance_url"]), (200, &json!(running.emulator.tls_url())));
}

#[tokio::test]
async fn every_wrong_claim_has_its_error() {
    let running = Running::start(Config::default()).await;
    let good = running.claims();
    let now = running.now_s();
    let without = |member: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(member);
        claims
    };
    for (claims, error, description) in [
        (changed(good.clone(), "iss", json!("3MVG9nobody")), "invalid_client_id", "client identifier invalid"),
        (without("iss"), "invalid_client_id", "client identifier invalid"),
        (changed(good.clone(), "aud", json!("https://test.salesforce.com")), "invalid_grant", "audience is invalid"),
        (changed(good.clone(), "aud", json!("https://evil.example")), "invalid_grant", "audience is invalid"),
        (without("aud"), "invalid_grant", "Audience validation failed"),
        (changed(good.clone(), "exp", json!(now - 1)), "invalid_grant", "assertion expired"),
        (changed(good.clone(), "exp", json!((now - 1) * 1000)), "invalid_grant", "assertion expired"),
        (changed(good.clone(), "exp", json!((now - 1).to_string())), "invalid_grant", "assertion expired"),
        (changed(good.clone(), "exp", json!("tomorrow")), "invalid_grant", "invalid assertion"),
        (without("exp"), "invalid_grant", "invalid assertion"),
        (changed(good.clone(), "sub", json!("nobody@example.com")), "invalid_grant", "user is not active"),
        (changed(good.clone(), "prn", json!("nobody@example.com")), "invalid_grant", "user is not active"),
        (without("sub"), "invalid_grant", "invalid assertion"),
    ] {
        let (status, body) = running.jwt(&claims).await;
        assert_eq!((status, body), (400, json!({ "error": error, "error_description": description })), "{claims}");
    }
}

#[tokio::test]
async fn forged_and_malformed_assertions_are_invalid() {
    let running = Running::start(Config::default()).await;
    let good = running.sign(&json!({ "alg": "RS256" }), &running.claims());
    let mut other_claims = running.claims();
    other_claims["sub"] = json!("someone@else.example");
    let other = running.sign(&json!({ "alg": "RS256" }), &other_claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    for assertion in [
        format!("{signed}.{foreign}"),
        format!("{signed}."),
        signed.to_owned(),
        "nonsense".to_owned(),
        running.sign(&json!({ "alg": "none" }), &running.claims()),
        running.sign(&json!({ "alg": "HS256" }), &running.claims()),
    ] {
        let (status, body) = running.assertion(&assertion).await;
        assert_eq!(
            (status, &body["error"], &body["error_description"]),
            (400, &json!("invalid_grant"), &json!("invalid assertion"))
        );
    }
}

#[tokio::test]
async fn an_assertion_with_an_id_is_used_once() {
    let running = Running::start(Config::default()).await;
    let named = |jti: &str| changed(running.claims(), "jti", json!(jti));
    assert_eq!(running.jwt(&changed(named("one"), "sub", json!("nobody@example.com"))).await.0, 400, "not used up");
    assert_eq!(running.jwt(&named("one")).await.0, 200);
    let (status, body) = running.jwt(&named("one")).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("invalid assertion")));
    assert_eq!(running.jwt(&named("two")).await.0, 200);
    let without = running.sign(&json!({ "alg": "RS256" }), &running.claims());
    for _ in 0..2 {
        assert_eq!(running.assertion(&without).await.0, 200, "without an id it may come again");
    }
}

#[tokio::test]
async fn answers_come_as_xml_where_that_is_asked_for() {
    let running = Running::start(Config::default()).await;
    let url = running.url("/services/oauth2/token");
    for request in [
        running.http.post(&url).form(&[("format", "xml")]),
        running.http.post(&url).header("accept", "application/xml").form(&[("x", "")]),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (400, &"application/xml".parse().unwrap())
        );
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAuth><error>invalid_request</error>\
                    <error_description>missing required parameter: grant_type</error_description></OAuth>";
        assert_eq!(answer.text().await.unwrap(), body);
    }
}

#[tokio::test]
async fn policies_of_the_app_are_kept() {
    let running = Running::start(Config::default()).await;
    let admin = running.emulator.org().read().settings.admin_id;
    let someone = RecordId::new(*b"005", *b"TG", 999);
    let set = |change: &dyn Fn(&mut tidegate_emulator::oauth::App)| {
        change(&mut running.emulator.org().write().access.apps[0])
    };
    for (change, expected) in [
        (
            &|a: &mut tidegate_emulator::oauth::App| {
                a.permitted_users = PermittedUsers::AdminApproved(vec![someone]) as _
            },
            Some(("invalid_app_access", "user is not admin approved to access this app")),
        ),
        (
            &|a: &mut tidegate_emulator::oauth::App| a.permitted_users = PermittedUsers::Approved(vec![someone]),
            Some(("invalid_grant", "user hasn't approved this consumer")),
        ),
        (&|a: &mut tidegate_emulator::oauth::App| a.permitted_users = PermittedUsers::AdminApproved(vec![admin]), None),
        (
            &|a: &mut tidegate_emulator::oauth::App| a.jwt_bearer = false,
            Some(("unauthorized_client", "grant type not enabled for this app")),
        ),
        (
            &|a: &mut tidegate_emulator::oauth::App| a.blocked = true,
            Some(("OAUTH_APP_BLOCKED", "this app is blocked by admin")),
        ),
        (
            &|a: &mut tidegate_emulator::oauth::App| (a.certificate, a.blocked) = (None, false),
            Some(("invalid_grant", "invalid assertion")),
        ),
    ] as [(&dyn Fn(&mut tidegate_emulator::oauth::App), Option<(&str, &str)>); 6]
    {
        set(change);
        let (status, body) = running.jwt(&running.claims()).await;
        match expected {
            None => assert_eq!(status, 200, "{body}"),
            Some((error, text)) => {
                assert_eq!((status, body), (400, json!({ "error": error, "error_description": text })));
            }
        }
    }
}

#[tokio::test]
async fn inactive_users_and_too_many_sign_ins_are_refused() {
    let settings = Settings { hourly_logins: 2, ..Settings::default() };
    let running = Running::start(Config { settings, frozen_at: Some(1_796_000_000_000), ..Config::default() }).await;
    for expected in [200, 200, 400] {
        let (status, body) = running.jwt(&running.claims()).await;
        assert_eq!(status, expected, "{body}");
        if status == 400 {
            assert_eq!(body["error"], "rate_limit_exceeded");
        }
    }
    running.emulator.clock().advance(3_600_000);
    assert_eq!(running.jwt(&running.claims()).await.0, 200);
    {
        let mut org = running.emulator.org().write();
        let schema = org.schema.clone();
        let (object, facts) = schema.find("User").unwrap();
        let (active, _) = facts.field("IsActive").unwrap();
        let admin = org.settings.admin_id;
        let mut values = org.store.get(object, admin).unwrap().to_values();
        values.insert(active, tidegate_emulator::Value::Bool(false));
        org.store.table_mut(object).put(admin, tidegate_emulator::store::Row::new(&values));
    }
    running.emulator.clock().advance(3_600_000);
    let (status, body) = running.jwt(&running.claims()).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("user is not active")));
}

#[tokio::test]
async fn client_credentials_by_body_and_by_basic() {
    let running = Running::start(Config::default()).await;
    let c = running.emulator.credentials().clone();
    let grant = ("grant_type", "client_credentials");
    let (status, body) =
        running.token(&[grant, ("client_id", &c.client_id), ("client_secret", &c.client_secret)]).await;
    assert_eq!(status, 200, "{body}");
    let expected =
        ["access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at", "api_instance_url"];
    assert_eq!(members(&body), expected);
    let (id, issued_at) = (body["id"].as_str().unwrap(), body["issued_at"].as_str().unwrap());
    assert_eq!(issued_at.len(), 13, "milliseconds, as text");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(c.client_secret.as_bytes()).unwrap();
    mac.update(format!("{id}{issued_at}").as_bytes());
    assert_eq!(body["signature"], STANDARD.encode(mac.finalize().into_bytes()));

    let basic = |id: &str, secret: &str| {
        let request = running.http.post(running.url("/services/oauth2/token")).form(&[grant]);
        answer(request.basic_auth(id, Some(secret)))
    };
    assert_eq!(basic(&c.client_id, &c.client_secret).await.0, 200);
    let (status, body) = basic(&c.client_id, "wrong").await;
    assert_eq!(
        (status, body),
        (401, json!({ "error": "invalid_client", "error_description": "invalid client credentials" }))
    );
    let wrong = [grant, ("client_id", &c.client_id), ("client_secret", "wrong")];
    assert_eq!(running.token(&wrong).await.0, 400);
    let unknown = [grant, ("client_id", "nobody"), ("client_secret", "wrong")];
    assert_eq!(running.token(&unknown).await.1["error"], "invalid_client_id");
    assert_eq!(running.token(&[grant]).await.1["error"], "invalid_request");

    let ask =
        || async { running.token(&[grant, ("client_id", &c.client_id), ("client_secret", &c.client_secret)]).await };
    running.emulator.org().write().access.apps[0].run_as = None;
    let refused = json!({ "error": "invalid_grant", "error_description": "no client credentials user enabled" });
    assert_eq!(ask().await, (400, refused));
    running.emulator.org().write().access.apps[0].client_credentials = false;
    assert_eq!(ask().await.1["error"], "unauthorized_client");
}

#[tokio::test]
async fn login_hosts_refuse_client_credentials() {
    let running = Running::start(Config::default()).await;
    let c = running.emulator.credentials();
    let form = [("grant_type", "client_credentials"), ("client_id", &c.client_id), ("client_secret", &c.client_secret)];
    let request = running.http.post(running.url("/services/oauth2/token")).form(&form);
    let (status, body) = answer(request.header("host", "login.salesforce.com")).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("request not supported on this domain")));
}

#[tokio::test]
async fn the_password_grant_is_off_unless_switched_on() {
    let refused = (400, json!({ "error": "invalid_grant", "error_description": "authentication failure" }));
    for on in [false, true] {
        let settings = Settings { password_grant: on, ..Settings::default() };
        let running = Running::start(Config { settings, ..Config::default() }).await;
        let c = running.emulator.credentials();
        let ask = async |password: &str| {
            let form = [
                ("grant_type", "password"),
                ("client_id", &c.client_id),
                ("client_secret", &c.client_secret),
                ("username", &c.username),
                ("password", password),
            ];
            running.token(&form).await
        };
        let given = ask(&format!("{}{}", c.password, c.security_token)).await;
        if on {
            assert_eq!(given.0, 200, "{}", given.1);
            assert!(given.1["signature"].is_string());
        } else {
            assert_eq!(given, refused);
        }
        assert_eq!(ask(&c.password).await, refused, "the security token is missing");
    }
}

#[tokio::test]
async fn other_grants_and_methods_are_refused() {
    let running = Running::start(Config::default()).await;
    for grant in ["hybrid_token", "urn:ietf:params:oauth:grant-type:saml2-bearer", "x"] {
        let (status, body) = running.token(&[("grant_type", grant)]).await;
        let expected = json!({ "error": "unsupported_grant_type", "error_description": "grant type not supported" });
        assert_eq!((status, body), (400, expected), "{grant}");
    }
    assert_eq!(running.token(&[]).await.1["error"], "invalid_request");
    let (status, body) = answer(running.http.get(running.url("/services/oauth2/token"))).await;
    assert_eq!((status, body), (400, json!({ "error": "invalid_request", "error_description": "must use HTTP POST" })));
    let text = running.http.post(running.url("/services/oauth2/token")).form(&[("format", "urlencoded")]);
    let text = text.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "error=invalid_request&error_description=missing+required+parameter%3A+grant_type");
}

#[tokio::test]
async fn tokens_are_revoked_introspected_and_expire() {
    let settings = Settings { session_ms: 10_000, ..Settings::default() };
    let running = Running::start(Config { settings, frozen_at: Some(1_796_000_000_000), ..Config::default() }).await;
    let c = running.emulator.credentials().clone();
    let mut token = running.jwt(&running.claims()).await.1["access_token"].as_str().unwrap().to_owned();
    let introspect = |token: String| {
        let form = [("token", token), ("client_id", c.client_id.clone()), ("client_secret", c.client_secret.clone())];
        answer(running.http.post(running.url("/services/oauth2/introspect")).form(&form))
    };
    let userinfo = |token: String| running.http.get(running.url("/services/oauth2/userinfo")).bearer_auth(token).send();
    let (status, body) = introspect(token.clone()).await;
    assert_eq!(status, 200);
    assert_eq!((&body["active"], &body["username"]), (&json!(true), &json!(c.username)));
    assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 10);

    let revoke =
        |token: String| answer(running.http.post(running.url("/services/oauth2/revoke")).form(&[("token", token)]));
    assert_eq!(revoke(token.clone()).await.0, 200);
    let (status, body) = revoke(token.clone()).await;
    assert_eq!((status, &body["error"]), (400, &json!("unsupported_token_type")));
    assert_eq!(introspect(token.clone()).await.1, json!({ "active": false }));
    let answer = userinfo(token).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (403, "Bad_OAuth_Token"));

    token = running.jwt(&running.claims()).await.1["access_token"].as_str().unwrap().to_owned();
    for (advance, status) in [(6_000, 200), (9_000, 200), (10_000, 403)] {
        running.emulator.clock().advance(advance);
        assert_eq!(userinfo(token.clone()).await.unwrap().status(), status, "after {advance} more");
    }
    let missing = running.http.get(running.url("/services/oauth2/userinfo")).send().await.unwrap();
    assert_eq!(missing.text().await.unwrap(), "Missing_OAuth_Token");
    let get = running.url(&format!("/services/oauth2/revoke?token={}", c.access_token));
    assert_eq!(running.http.get(get).send().await.unwrap().status(), 400, "it had expired");
}

#[tokio::test]
async fn who_is_deactivated_is_out_at_once() {
    let config = Config { seed: Some(SeedConfig { number: 1, contacts: 10 }), ..Config::default() };
    let running = Running::start(config).await;
    let query = "/services/data/v66.0/query?q=SELECT+Id,Username+FROM+User+WHERE+IsActive=true+AND+Username!='admin@tidegate.example'";
    let (_, found) = answer(running.call(Method::GET, query)).await;
    let user = &found["records"][0];
    let mut claims = running.claims();
    claims["sub"] = user["Username"].clone();
    let token = running.jwt(&claims).await.1["access_token"].as_str().unwrap().to_owned();
    let limits = || answer(running.http.get(running.url("/services/data/v66.0/limits")).bearer_auth(&token));
    assert_eq!(limits().await.0, 200);
    let path = format!("/services/data/v66.0/sobjects/User/{}", user["Id"].as_str().unwrap());
    let set = |active: bool| answer(running.call(Method::PATCH, &path).json(&json!({ "IsActive": active })));
    assert_eq!(set(false).await.0, 204);
    let (status, body) = limits().await;
    assert_eq!((status, &body[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    assert_eq!(running.jwt(&claims).await.0, 400);
}

#[tokio::test]
async fn identity_urls_are_guarded() {
    let running = Running::start(Config::default()).await;
    let c = running.emulator.credentials();
    for (path, status, text) in [
        (format!("/id/00D000000000001EAA/{}", c.user_id), 403, "Wrong_Org"),
        (format!("/id/{}/005000000000001AAA", c.org_id), 403, "Bad_Id"),
    ] {
        let answer = running.call(Method::GET, &path).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, text));
    }
    let by_query = running.url(&format!("/id/{}/{}?oauth_token={}", c.org_id, c.user_id, c.access_token));
    let (status, me) = answer(running.http.get(by_query)).await;
    assert_eq!(status, 200);
    assert_eq!(me["urls"]["rest"], format!("{}/services/data/v{{version}}/", running.emulator.url()));
    let (_, discovery) = answer(running.http.get(running.url("/.well-known/openid-configuration"))).await;
    assert_eq!(discovery["token_endpoint"], running.url("/services/oauth2/token"));
}
