//! Every documented pair of `error` and `error_description` of the token endpoint, and the policies behind them.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::common::{Running, answer};
use crate::support::{Browser, CALLBACK, TestApp, calls, error, set, start};

async fn user(running: &Running, members: Json) {
    let path = format!("/__emulator/users/{}", running.emulator.credentials().username);
    let (status, body) = answer(running.call(Method::PATCH, &path).json(&members)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["password"], Json::Null, "secrets are not shown");
}

/// Changes the app of the credentials.
async fn app(running: &Running, members: Json) {
    let path = format!("/__emulator/apps/{}", running.emulator.credentials().client_id);
    let (status, body) = answer(running.call(Method::PATCH, &path).json(&members)).await;
    assert_eq!(status, 200, "{body}");
}

async fn password(running: &Running, given: &str) -> (u16, Json) {
    let c = running.emulator.credentials();
    let form = [
        ("grant_type", "password"),
        ("client_id", &c.client_id),
        ("client_secret", &c.client_secret),
        ("username", &c.username),
        ("password", given),
    ];
    running.token(&form).await
}

async fn client_credentials(running: &Running) -> (u16, Json) {
    let c = running.emulator.credentials();
    let form = [("grant_type", "client_credentials"), ("client_id", &c.client_id), ("client_secret", &c.client_secret)];
    running.token(&form).await
}

fn for_audience(running: &Running, audience: &str) -> Json {
    let mut claims = running.claims();
    claims["aud"] = json!(audience);
    claims
}

#[tokio::test]
async fn a_password_needs_its_token_outside_trusted_networks() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    let whole = format!("{}{}", c.password, c.security_token);
    let failed = error(400, "invalid_grant", "authentication failure");
    assert_eq!(password(&running, &whole).await, failed, "new orgs block the flow");
    set(&running, json!({ "password_grant": true })).await;
    let (status, body) = password(&running, &whole).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{body}");
    assert_eq!(body["refresh_token"], Json::Null);
    let signed = TestApp { id: c.client_id.clone(), secret: c.client_secret.clone() };
    assert_eq!(body["signature"], signed.signature(&body));
    assert_eq!(password(&running, &c.password).await, failed);
    app(&running, json!({ "ip_rule": "relax" })).await;
    assert_eq!(password(&running, &c.password).await.0, 200, "the app relaxes the rule");
    app(&running, json!({ "ip_rule": "enforce" })).await;
    set(&running, json!({ "trusted_ip_ranges": ["127.0.0.0/8"] })).await;
    assert_eq!(password(&running, &c.password).await.0, 200, "from a trusted network");
    assert_eq!(password(&running, "wrong").await, failed);
    user(&running, json!({ "password": "other", "security_token": "T2" })).await;
    assert_eq!(password(&running, &c.password).await, failed);
    assert_eq!(password(&running, "otherT2").await.0, 200);
    app(&running, json!({ "external_client_app": true })).await;
    assert_eq!(password(&running, "otherT2").await, error(400, "unsupported_grant_type", "grant type not supported"));
}

#[tokio::test]
async fn wrong_passwords_lock_out_until_time_or_an_administrator_unlocks() {
    let running = start().await;
    set(&running, json!({ "password_grant": true, "login_attempts_max": 2 })).await;
    let c = running.emulator.credentials().clone();
    let whole = format!("{}{}", c.password, c.security_token);
    for _ in 0..2 {
        assert_eq!(password(&running, "wrong").await.0, 400);
    }
    assert_eq!(password(&running, &whole).await, error(400, "invalid_grant", "authentication failure"));
    user(&running, json!({ "locked_until": null })).await;
    assert_eq!(password(&running, &whole).await.0, 200);
}

#[tokio::test]
async fn users_and_orgs_that_are_shut_out_are_told_so() {
    let running = start().await;
    let shop = TestApp::make(&running, json!({})).await;
    let kept = shop.sign_in(&running, &[]).await["refresh_token"].as_str().unwrap().to_owned();
    let code = shop.code(&running, &[]).await;
    let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    user(&running, json!({ "frozen": true })).await;
    assert_eq!(running.jwt(&running.claims()).await, error(400, "invalid_grant", "user is not active"));
    assert_eq!(client_credentials(&running).await, error(400, "invalid_grant", "user is not active"));
    assert_eq!(shop.refresh(&running, &kept).await, error(400, "inactive_user", "user is inactive"));
    assert_eq!(shop.token(&running, &exchange).await, error(400, "inactive_user", "user is inactive"));
    user(&running, json!({ "frozen": false, "login_ip_ranges": ["10.0.0.0/8"] })).await;
    let restricted = error(400, "invalid_grant", "ip restricted");
    assert_eq!(running.jwt(&running.claims()).await, restricted);
    assert_eq!(client_credentials(&running).await, restricted);
    app(&running, json!({ "ip_rule": "relax" })).await;
    assert_eq!(running.jwt(&running.claims()).await.0, 200);
    user(&running, json!({ "login_ip_ranges": [], "login_hours": [0, 0] })).await;
    assert_eq!(running.jwt(&running.claims()).await, error(400, "invalid_grant", "invalid login hours"));
    user(&running, json!({ "login_hours": null })).await;
    set(&running, json!({ "org_locked": true, "password_grant": true })).await;
    let locked = error(400, "inactive_org", "organization is locked, closed, or suspended");
    assert_eq!(running.jwt(&running.claims()).await, locked);
    assert_eq!(shop.refresh(&running, &kept).await, locked);
    assert_eq!(password(&running, "x").await, locked);
}

#[tokio::test]
async fn audiences_are_those_of_the_kind_of_org_and_app() {
    let running = start().await;
    let (login, test) = ("https://login.salesforce.com", "https://test.salesforce.com/");
    let own = running.emulator.url().to_owned();
    let wrong = error(400, "invalid_grant", "audience is invalid");
    let missing = error(400, "app_not_found", "External client app is not installed in this org");
    let ask = async |audience: &str| running.jwt(&for_audience(&running, audience)).await;
    assert_eq!((ask(login).await.0, ask(&own).await.0, ask(test).await), (200, 200, wrong.clone()));
    set(&running, json!({ "sandbox": true })).await;
    assert_eq!((ask(login).await, ask(&own).await.0, ask(test).await.0), (wrong, 200, 200));
    let query = "/services/data/v66.0/query?q=SELECT+IsSandbox+FROM+Organization";
    assert_eq!(answer(running.call(Method::GET, query)).await.1["records"][0]["IsSandbox"], json!(true));
    set(&running, json!({ "strict_audience": false })).await;
    assert_eq!((ask(login).await.0, ask(test).await.0), (200, 200));
    app(&running, json!({ "external_client_app": true })).await;
    assert_eq!((ask(login).await, ask(test).await, ask(&own).await.0), (missing.clone(), missing.clone(), 200));
    let (_, body) = client_credentials(&running).await;
    assert_eq!(body["api_instance_url"], "https://api.salesforce.com");
    app(&running, json!({ "installed": false })).await;
    assert_eq!(ask(&own).await, missing);
    assert_eq!(client_credentials(&running).await, missing);
}

#[tokio::test]
async fn apps_that_are_young_blocked_or_answer_as_of_old() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    set(&running, json!({ "app_propagation_ms": 600_000, "legacy_client_errors": true })).await;
    let young = TestApp::make(&running, json!({ "client_credentials": true, "run_as": c.username })).await;
    let form = [("grant_type", "client_credentials")];
    let unknown = error(400, "invalid_client_id", "client identifier invalid");
    assert_eq!(young.token(&running, &form).await, unknown);
    running.emulator.clock().advance(600_000);
    assert_eq!(young.token(&running, &form).await.0, 200, "users are named by name or id");
    let wrong = TestApp { secret: "wrong".into(), ..young };
    assert_eq!(wrong.token(&running, &form).await, error(400, "invalid_client_credentials", "client secret invalid"));
    assert_eq!(client_credentials(&running).await.0, 200);
    app(&running, json!({ "blocked": true })).await;
    running.emulator.clock().advance(600_000);
    assert_eq!(client_credentials(&running).await, error(400, "OAUTH_APP_BLOCKED", "this app is blocked by admin"));
}

#[tokio::test]
async fn jwt_bearer_goes_on_from_an_approval_that_was_to_last() {
    let running = start().await;
    app(&running, json!({ "permitted_users": { "approved": [] }, "callback_urls": [CALLBACK] })).await;
    let c = running.emulator.credentials().clone();
    let refused = error(400, "invalid_grant", "user hasn't approved this consumer");
    assert_eq!(running.jwt(&running.claims()).await, refused);
    let shop = TestApp { id: c.client_id.clone(), secret: c.client_secret.clone() };
    shop.sign_in(&running, &[("scope", "api")]).await;
    assert_eq!(running.jwt(&running.claims()).await, refused, "that was for once");
    let body = shop.sign_in(&running, &[("scope", "api refresh_token")]).await;
    assert_eq!(running.jwt(&running.claims()).await.0, 200);
    let revoke = [("token", body["refresh_token"].as_str().unwrap())];
    assert_eq!(answer(running.http.post(running.url("/services/oauth2/revoke")).form(&revoke)).await.0, 200);
    assert_eq!(running.jwt(&running.claims()).await, refused);
}

#[tokio::test]
async fn jwt_bearer_may_give_the_same_session_again() {
    let running = start().await;
    set(&running, json!({ "jwt_reuses_session": true })).await;
    let ask = async || running.jwt(&running.claims()).await.1["access_token"].as_str().unwrap().to_owned();
    let first = ask().await;
    assert_eq!(ask().await, first);
    running.emulator.org().write().access.revoke(&first);
    assert_ne!(ask().await, first);
}

#[tokio::test]
async fn clients_may_sign_who_they_are() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let endpoint = running.url("/services/oauth2/token");
    let good = json!({ "iss": c.client_id, "sub": c.client_id, "aud": endpoint, "exp": running.now_s() + 60 });
    let ask = async |claims: &Json, kind: &str| {
        let signed = running.sign(&json!({ "alg": "RS256" }), claims);
        let form =
            [("grant_type", "client_credentials"), ("client_assertion", &signed), ("client_assertion_type", kind)];
        running.token(&form).await
    };
    assert_eq!(ask(&good, kind).await.0, 200);
    let refused = error(400, "invalid_client", "invalid client credentials");
    assert_eq!(ask(&good, "x").await, refused);
    for (member, value) in [
        ("sub", json!(c.username)),
        ("aud", json!("https://login.salesforce.com")),
        ("exp", json!(running.now_s() - 1)),
    ] {
        let mut claims = good.clone();
        claims[member] = value;
        assert_eq!(ask(&claims, kind).await, refused, "{member}");
    }
}

#[tokio::test]
async fn foreign_tokens_are_exchanged_by_the_apps_handler() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    let shop = TestApp::make(&running, json!({ "permitted_users": "everybody" })).await;
    let ask = async |token: &str, kind: &str, handler: &str| {
        let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let form = [
            ("grant_type", grant),
            ("subject_token", token),
            ("subject_token_type", &kind),
            ("scope", "api refresh_token"),
            ("token_handler", handler),
        ];
        shop.token(&running, &form).await
    };
    assert_eq!(ask("t1", "jwt", "").await.1["error"], "unauthorized_client");
    let subjects = json!({ "t1": c.username, "t2": "nobody@example.com" });
    shop.change(&running, json!({ "token_handlers": [{ "name": "Idp", "subjects": subjects }] })).await;
    let (status, body) = ask("t1", "jwt", "").await;
    assert_eq!((status, &body["scope"]), (200, &json!("api refresh_token")), "{body}");
    assert_eq!(body["signature"], shop.signature(&body));
    assert_eq!(shop.refresh(&running, body["refresh_token"].as_str().unwrap()).await.0, 200);
    assert_eq!(ask("t1", "saml2", "Idp").await.0, 200);
    let failed = error(400, "invalid_grant", "token handler validation failed");
    assert_eq!((ask("x", "jwt", "").await, ask("t1", "jwt", "Other").await), (failed.clone(), failed));
    assert_eq!(ask("t1", "nonsense", "").await.1["error"], "invalid_request");
    assert_eq!(ask("t2", "jwt", "").await, error(400, "invalid_grant", "user is not active"));
    shop.change(&running, json!({ "permitted_users": { "approved": [] } })).await;
    assert_eq!(ask("t1", "jwt", "").await, error(400, "invalid_grant", "user hasn't approved this consumer"));
}

#[tokio::test]
async fn sessions_that_may_not_use_the_api_are_told_apart_from_expired_ones() {
    let running = start().await;
    let shop = TestApp::make(&running, json!({})).await;
    let token = |body: Json| body["access_token"].as_str().unwrap().to_owned();
    let web = token(shop.sign_in(&running, &[("scope", "web")]).await);
    let api = token(shop.sign_in(&running, &[("scope", "api")]).await);
    let ask = async |token: &str| {
        let (status, body) =
            answer(running.http.get(running.url("/services/data/v66.0/limits")).bearer_auth(token)).await;
        (status, body[0]["errorCode"].as_str().unwrap_or_default().to_owned(), body[0]["message"].clone())
    };
    let not_valid = "This session is not valid for use with the REST API";
    assert_eq!(ask(&web).await, (401, "INVALID_SESSION_ID".into(), json!(not_valid)));
    assert_eq!(ask(&api).await.0, 200);
    assert_eq!(ask("nonsense").await.2, "Session expired or invalid");
    user(&running, json!({ "login_ip_ranges": ["10.0.0.0/8"] })).await;
    assert_eq!(ask(&api).await, (401, "INVALID_SESSION_ID".into(), json!(not_valid)));
    shop.change(&running, json!({ "ip_rule": "relax" })).await;
    assert_eq!(ask(&api).await.0, 200);
    user(&running, json!({ "login_ip_ranges": [], "api_enabled": false })).await;
    assert_eq!(ask(&api).await.1, "FORBIDDEN");
    user(&running, json!({ "api_enabled": true })).await;
    set(&running, json!({ "api_enabled": false })).await;
    let disabled = "The REST API is not enabled for this Organization.";
    assert_eq!(ask(&api).await, (403, "API_DISABLED_FOR_ORG".into(), json!(disabled)));
}

#[tokio::test]
async fn session_length_is_the_apps_and_jwt_tokens_end_when_they_say() {
    let running = start().await;
    let shop = TestApp::make(&running, json!({ "session_ms": 60_000 })).await;
    let token = |body: &Json| body["access_token"].as_str().unwrap().to_owned();
    let short = token(&shop.sign_in(&running, &[]).await);
    shop.change(&running, json!({ "jwt_access_token_ms": 100_000 })).await;
    let body = shop.sign_in(&running, &[]).await;
    let jwt = token(&body);
    assert_eq!((jwt.split('.').count(), &body["token_format"]), (3, &json!("jwt")));
    running.emulator.clock().advance(59_999);
    assert_eq!((calls(&running, &short).await, calls(&running, &jwt).await), (200, 200));
    running.emulator.clock().advance(40_000);
    assert_eq!((calls(&running, &short).await, calls(&running, &jwt).await), (200, 200), "one was used, one is young");
    running.emulator.clock().advance(1);
    assert_eq!((calls(&running, &short).await, calls(&running, &jwt).await), (200, 401), "use extends no JWT");
    running.emulator.clock().advance(60_000);
    assert_eq!(calls(&running, &short).await, 401);
}

#[tokio::test]
async fn too_many_sign_ins_are_refused_for_an_hour() {
    let running = start().await;
    set(&running, json!({ "hourly_logins": 2, "password_grant": true })).await;
    let c = running.emulator.credentials().clone();
    let exceeded = error(400, "rate_limit_exceeded", "login rate exceeded");
    assert_eq!((client_credentials(&running).await.0, running.jwt(&running.claims()).await.0), (200, 200));
    assert_eq!(client_credentials(&running).await, exceeded);
    assert_eq!(password(&running, &format!("{}{}", c.password, c.security_token)).await, exceeded);
    let mut browser = Browser::new(&running);
    let crate::support::Shown::Page(200, page) = browser.get("/login").await else { panic!("no page") };
    let crate::support::Shown::Page(200, page) = browser.sign_in(&page).await else { panic!("no page") };
    assert!(page.contains("too often"), "{page}");
    running.emulator.clock().advance(3_600_000);
    assert_eq!(client_credentials(&running).await.0, 200);
}

#[tokio::test]
async fn apps_are_listed_made_changed_and_deleted() {
    let running = start().await;
    let shop = TestApp::make(&running, json!({})).await;
    let token = shop.sign_in(&running, &[]).await["access_token"].as_str().unwrap().to_owned();
    let (_, all) = answer(running.call(Method::GET, "/__emulator/apps")).await;
    let names: Vec<_> = all["apps"].as_array().unwrap().iter().map(|app| app["name"].clone()).collect();
    assert_eq!(names, ["Tidegate", "Salesforce CLI", "Web shop"]);
    let path = format!("/__emulator/apps/{}", shop.id);
    let change = |members: Json| answer(running.call(Method::PATCH, &path).json(&members));
    for wrong in [
        json!({ "calback_urls": [] }),
        json!({ "client_id": "other" }),
        json!({ "run_as": "nobody@example.com" }),
        json!({ "certificate": "nonsense" }),
    ] {
        assert_eq!(change(wrong.clone()).await.0, 400, "{wrong}");
    }
    let same = json!({ "client_id": shop.id });
    assert_eq!(answer(running.call(Method::POST, "/__emulator/apps").json(&same)).await.0, 409);
    assert_eq!(answer(running.call(Method::GET, &path)).await.1["callback_urls"], json!([CALLBACK]));
    assert_eq!(answer(running.call(Method::DELETE, &path)).await.0, 204);
    assert_eq!(calls(&running, &token).await, 401, "its tokens go with it");
    assert_eq!(answer(running.call(Method::DELETE, &path)).await.0, 404);
    assert_eq!(answer(running.call(Method::GET, "/__emulator/users/nobody")).await.0, 404);
    let (_, users) = answer(running.call(Method::GET, "/__emulator/users")).await;
    assert_eq!(users["users"][0]["has_password"], json!(true));
}

/// Text of the answer to a SOAP call of this version.
async fn soap(running: &Running, version: u32, header: &str, body: &str) -> (u16, String) {
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"urn:partner.soap.sforce.com\">\
         <e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    );
    let request = running.http.post(running.url(&format!("/services/Soap/u/{version}.0"))).body(envelope);
    let answer = request.header("content-type", "text/xml").header("soapaction", "\"\"").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn soap_login_has_each_of_its_faults() {
    let running = start().await;
    let c = running.emulator.credentials().clone();
    let login = async |version: u32, password: &str| {
        let body =
            format!("<u:login><u:username>{}</u:username><u:password>{password}</u:password></u:login>", c.username);
        let (status, text) = soap(&running, version, "", &body).await;
        let code = crate::support::between(&text, "exceptionCode>", "<").to_owned();
        if status == 200 {
            ("", crate::support::between(&text, "<sessionId>", "<").to_owned())
        } else {
            ("fault", code)
        }
    };
    let whole = format!("{}{}", c.password, c.security_token);
    let (_, session) = login(64, &whole).await;
    assert_eq!(calls(&running, &session).await, 200, "the session is good for REST, too");
    let fault = |code: &str| ("fault", code.to_owned());
    assert_eq!(login(64, "wrong").await, fault("INVALID_LOGIN"));
    assert_eq!(login(64, &c.password).await, fault("LOGIN_MUST_USE_SECURITY_TOKEN"));
    assert_eq!(login(65, &whole).await, fault("UNSUPPORTED_API_VERSION"));
    set(&running, json!({ "soap_login": false })).await;
    assert_eq!(login(64, &whole).await, fault("INVALID_OPERATION"));
    set(&running, json!({ "soap_login": true, "org_locked": true })).await;
    assert_eq!(login(64, &whole).await, fault("ORG_LOCKED"));
    set(&running, json!({ "org_locked": false, "api_enabled": false })).await;
    assert_eq!(login(64, &whole).await, fault("API_CURRENTLY_DISABLED"));
    set(&running, json!({ "api_enabled": true, "trial_expires_at": 0 })).await;
    assert_eq!(login(64, &whole).await, fault("TRIAL_EXPIRED"));
    set(&running, json!({ "trial_expires_at": null })).await;
    user(&running, json!({ "login_ip_ranges": ["10.0.0.0/8"] })).await;
    assert_eq!(login(64, &whole).await, fault("LOGIN_DURING_RESTRICTED_DOMAIN"));
    user(&running, json!({ "login_ip_ranges": [], "login_hours": [0, 0] })).await;
    assert_eq!(login(64, &whole).await, fault("LOGIN_DURING_RESTRICTED_TIME"));
    user(&running, json!({ "login_hours": null })).await;
    set(&running, json!({ "lockout_ms": null, "login_attempts_max": 1 })).await;
    assert_eq!(login(64, "wrong").await, fault("INVALID_LOGIN"));
    assert_eq!(login(64, &whole).await, fault("PASSWORD_LOCKOUT"));
}

#[tokio::test]
async fn soap_takes_no_access_token_in_jwt_form() {
    let running = start().await;
    let shop = TestApp::make(&running, json!({})).await;
    let ask = async || {
        let token = shop.sign_in(&running, &[("scope", "api")]).await["access_token"].as_str().unwrap().to_owned();
        let header = format!("<u:SessionHeader><u:sessionId>{token}</u:sessionId></u:SessionHeader>");
        let (status, text) = soap(&running, 62, &header, "<u:getServerTimestamp/>").await;
        (status, text.contains("INVALID_SESSION_ID"), calls(&running, &token).await)
    };
    assert_eq!(ask().await, (200, false, 200));
    shop.change(&running, json!({ "jwt_access_token_ms": 1_800_000 })).await;
    assert_eq!(ask().await, (500, true, 200), "REST does");
}
