//! The web server and user-agent flows, with a browser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::common::answer;
use crate::support::{Browser, CALLBACK, Shown, T0, TestApp, calls, challenge, error, set, start};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[tokio::test]
async fn a_code_is_exchanged_for_tokens_whose_members_are_right() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let mut browser = Browser::new(&running);
    let s256 = challenge(VERIFIER);
    let more = [
        ("scope", "api refresh_token openid"),
        ("state", "a&b=c/d"),
        ("nonce", "n-1"),
        ("code_challenge", s256.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let back = browser.authorize(&app.id, &more).await;
    assert_eq!(back["state"], "a&b=c/d");
    assert!(back["code"].starts_with("aPrx") && back["code"].ends_with('='), "{}", back["code"]);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &back["code"]),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (status, body) = app.token(&running, &form).await;
    assert_eq!(status, 200, "{body}");
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "access_token",
        "refresh_token",
        "signature",
        "scope",
        "id_token",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    ];
    assert_eq!(names, expected);
    assert_eq!(body["signature"], app.signature(&body));
    assert_eq!(body["scope"], "api refresh_token openid");
    assert_eq!(body["issued_at"], T0.to_string());
    assert_eq!(body["instance_url"], running.emulator.url());
    assert!(body["refresh_token"].as_str().unwrap().starts_with("5Aep861"));
    let access = body["access_token"].as_str().unwrap();
    assert_eq!(calls(&running, access).await, 200);

    let (_, keys) = answer(running.http.get(running.url("/id/keys"))).await;
    let claims = verified(body["id_token"].as_str().unwrap(), &keys);
    assert_eq!((&claims["aud"], &claims["nonce"], &claims["sub"]), (&json!(app.id), &json!("n-1"), &body["id"]));
    assert_eq!((&claims["iss"], &claims["iat"]), (&json!(running.emulator.url()), &json!(T0 / 1000)));
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&Sha256::digest(access)[..16]));

    assert_eq!(app.token(&running, &form).await, error(400, "invalid_grant", "expired authorization code"), "used");
}

/// The claims of an id token, its signature checked against the published keys.
fn verified(token: &str, keys: &Json) -> Json {
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Json = serde_json::from_slice(&decode(parts[0])).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let part = |name: &str| decode(key[name].as_str().unwrap());
    let public = ring::signature::RsaPublicKeyComponents { n: part("n"), e: part("e") };
    let signed = format!("{}.{}", parts[0], parts[1]);
    public.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(parts[2])).unwrap();
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

#[tokio::test]
async fn a_code_is_bound_to_client_callback_verifier_and_time() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let other = TestApp::make(&running, json!({ "name": "Other" })).await;
    let s256 = challenge(VERIFIER);
    let code = app.code(&running, &[("code_challenge", &s256)]).await;
    let form = |code: &str, callback: &str, verifier: &str| {
        [
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", callback.to_owned()),
            ("code_verifier", verifier.to_owned()),
        ]
    };
    let ask = async |app: &TestApp, form: [(&str, String); 4]| {
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        app.token(&running, &form).await
    };
    let grant = |text| error(400, "invalid_grant", text);
    assert_eq!(ask(&other, form(&code, CALLBACK, VERIFIER)).await, grant("invalid authorization code"));
    assert_eq!(ask(&app, form("aPrxnonsense==", CALLBACK, VERIFIER)).await, grant("invalid authorization code"));
    let mismatch = error(400, "redirect_uri_mismatch", "redirect_uri must match configuration");
    assert_eq!(ask(&app, form(&code, "https://app.example/other", VERIFIER)).await, mismatch);
    assert_eq!(ask(&app, form(&code, CALLBACK, "wrong")).await, grant("invalid code verifier"));
    assert_eq!(ask(&app, form(&code, CALLBACK, "")).await, grant("invalid code verifier"));
    running.emulator.clock().advance(15 * 60 * 1000 - 1);
    assert_eq!(ask(&app, form(&code, CALLBACK, VERIFIER)).await.0, 200, "S256 is what a challenge without method is");
    let late = app.code(&running, &[]).await;
    set(&running, json!({ "authorization_code_ms": 120_000 })).await;
    running.emulator.clock().advance(120_000);
    assert_eq!(ask(&app, form(&late, CALLBACK, "")).await, grant("expired authorization code"));
}

#[tokio::test]
async fn public_clients_prove_themselves_with_the_verifier() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "secret_required": false })).await;
    let exchange = async |code: &str, verifier: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &app.id),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        running.token(&form).await
    };
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    let code = app.code(&running, &plain).await;
    assert_eq!(exchange(&code, VERIFIER).await.0, 200);
    let unbound = app.code(&running, &[]).await;
    let refused = error(400, "invalid_grant", "invalid code verifier");
    assert_eq!(exchange(&unbound, VERIFIER).await, refused, "nothing shows whose it is");
    app.change(&running, json!({ "secret_required": true })).await;
    let code = app.code(&running, &plain).await;
    assert_eq!(
        exchange(&code, VERIFIER).await,
        error(400, "invalid_request", "missing required parameter: client_secret")
    );
}

#[tokio::test]
async fn what_is_wrong_before_the_callback_is_known_is_shown_in_place() {
    let running = start().await;
    let app = TestApp::make(&running, json!({ "pkce_required": true })).await;
    let mut browser = Browser::new(&running);
    for (more, expected) in [
        (
            vec![("redirect_uri", "https://app.example/callback/")],
            "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration",
        ),
        (vec![("redirect_uri", "")], "error=redirect_uri_missing&error_description=redirect_uri%20not%20provided"),
        (vec![("client_id", "3MVG9nobody")], "error=invalid_client_id&error_description=client%20identifier%20invalid"),
        (vec![], "error=invalid_request&error_description=missing%20required%20code%20challenge"),
        (
            vec![("response_type", "x")],
            "error=unsupported_response_type&error_description=response%20type%20not%20supported",
        ),
        (
            vec![("code_challenge", "x"), ("code_challenge_method", "S512")],
            "error=invalid_request&error_description=invalid%20code%20challenge%20method",
        ),
    ] {
        match browser.ask(&app.id, &more).await {
            Shown::Page(400, text) => assert_eq!(text, expected),
            other => panic!("{more:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_callback_is_told_of_what_the_user_or_a_policy_refused() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let mut browser = Browser::new(&running);
    let told = |shown: Shown| match shown {
        Shown::Away(url) => {
            let mut told = crate::support::params(&url);
            (told.remove("error").unwrap(), told.remove("error_description").unwrap(), told.remove("state"))
        }
        Shown::Page(status, page) => panic!("{status} {page}"),
    };
    let state = Some("s".to_owned());
    let silent = ("immediate_unsuccessful".to_owned(), "Immediate unsuccessful".to_owned(), state.clone());
    for prompt in [("prompt", "none"), ("immediate", "true")] {
        let shown = browser.ask(&app.id, &[("state", "s"), prompt]).await;
        assert_eq!(told(shown), silent, "nobody is signed in");
    }
    let shown = browser.ask(&app.id, &[("state", "s"), ("scope", "api wave_api")]).await;
    let scope = "the requested scope is invalid, unknown, or malformed".to_owned();
    assert_eq!(told(shown), ("invalid_scope".to_owned(), scope, state.clone()));

    let Shown::Page(200, page) = browser.ask(&app.id, &[("state", "s"), ("login_hint", "\"><b>@x")]).await else {
        panic!("no sign-in page")
    };
    assert!(page.contains("value=\"&quot;&gt;&lt;b&gt;@x\""), "{page}");
    let c = running.emulator.credentials().clone();
    let Shown::Page(200, again) = browser.submit(&page, &[("username", &c.username), ("pw", "wrong")]).await else {
        panic!("signed in with a wrong password")
    };
    assert!(again.contains("id=\"error\""), "{again}");
    let Shown::Page(200, consent) = browser.sign_in(&again).await else { panic!("no consent page") };
    assert!(consent.contains("Web shop") && consent.contains(&c.username), "{consent}");
    let shown = browser.ask(&app.id, &[("state", "s"), ("prompt", "none")]).await;
    assert_eq!(told(shown), silent, "signed in, and not approved");
    let shown = browser.submit(&consent, &[("cancel", " Deny ")]).await;
    let denied = ("access_denied".to_owned(), "end-user denied authorization".to_owned(), state.clone());
    assert_eq!(told(shown), denied);
    match browser.submit(&consent, &[("save", " Allow ")]).await {
        Shown::Page(400, text) => assert!(text.starts_with("error=invalid_request"), "{text}"),
        other => panic!("a decision was taken twice: {other:?}"),
    }

    let not_approved = "user is not admin approved to access this app";
    for (members, error, description) in [
        (json!({ "blocked": true }), "OAUTH_APP_BLOCKED", "this app is blocked by admin"),
        (
            json!({ "blocked": false, "permitted_users": { "admin_approved": [] } }),
            "OAUTH_APP_ACCESS_DENIED",
            not_approved,
        ),
        (
            json!({ "permitted_users": { "approved": [] }, "installed": false }),
            "OAUTH_APP_ACCESS_DENIED",
            "this app is not installed in this org",
        ),
    ] {
        app.change(&running, members).await;
        let shown = browser.ask(&app.id, &[("state", "s")]).await;
        assert_eq!(told(shown), (error.to_owned(), description.to_owned(), state.clone()));
    }
    let user = format!("/__emulator/users/{}", c.user_id);
    let allowed = running.call(Method::PATCH, &user).json(&json!({ "approve_uninstalled_apps": true }));
    assert_eq!(answer(allowed).await.0, 200);
    assert!(browser.authorize(&app.id, &[]).await.contains_key("code"), "the permission lets an uninstalled app in");
}

#[tokio::test]
async fn users_are_asked_once_and_again_where_the_client_wants_that() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let mut browser = Browser::new(&running);
    assert!(browser.authorize(&app.id, &[("scope", "api refresh_token")]).await.contains_key("code"));
    let silently = |more: Vec<(&'static str, &'static str)>| [more, vec![("prompt", "none")]].concat();
    let Shown::Away(url) = browser.ask(&app.id, &silently(vec![("scope", "api")])).await else { panic!("asked again") };
    assert!(url.contains("code="), "{url}");
    let Shown::Away(url) = browser.ask(&app.id, &silently(vec![("scope", "web")])).await else { panic!("asked") };
    assert!(url.contains("immediate_unsuccessful"), "another scope was not approved: {url}");
    for (prompt, mark) in [("login", "login_form"), ("consent", "oaapprove"), ("select_account", "oaapprove")] {
        match browser.ask(&app.id, &[("scope", "api"), ("prompt", prompt)]).await {
            Shown::Page(200, page) => assert!(page.contains(mark), "{prompt}: {page}"),
            other => panic!("{prompt}: {other:?}"),
        }
    }
    let back = browser.authorize(&app.id, &[("scope", "api"), ("prompt", "login consent")]).await;
    assert!(back.contains_key("code"), "each is asked once: {back:?}");
    app.change(&running, json!({ "permitted_users": { "admin_approved": ["admin@tidegate.example"] } })).await;
    let Shown::Away(url) = browser.ask(&app.id, &silently(vec![("scope", "web")])).await else { panic!("asked") };
    assert!(url.contains("code="), "who is approved by the administrator is not asked: {url}");
}

#[tokio::test]
async fn the_user_agent_flow_gives_tokens_behind_the_fragment() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let mut browser = Browser::new(&running);
    let more =
        [("response_type", "token id_token"), ("state", "s"), ("nonce", "n"), ("scope", "api openid refresh_token")];
    let told = browser.authorize(&app.id, &more).await;
    assert_eq!(told["state"], "s");
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["signature"], app.signature(&json!({ "id": told["id"], "issued_at": told["issued_at"] })));
    assert_eq!(calls(&running, &told["access_token"]).await, 200);
    let (_, keys) = answer(running.http.get(running.url("/id/keys"))).await;
    assert_eq!(verified(&told["id_token"], &keys)["nonce"], "n");
    assert_eq!(app.refresh(&running, &told["refresh_token"]).await.0, 200);
    let Shown::Away(url) = browser.ask(&app.id, &[("response_type", "token"), ("scope", "api")]).await else {
        panic!("asked")
    };
    assert!(url.starts_with(&format!("{CALLBACK}#")), "{url}");
    app.change(&running, json!({ "user_agent_flow": false })).await;
    let Shown::Page(400, text) = browser.ask(&app.id, &[("response_type", "token")]).await else { panic!("allowed") };
    assert!(text.starts_with("error=unsupported_response_type"));
}

#[tokio::test]
async fn the_salesforce_cli_signs_in_with_its_own_app() {
    let running = start().await;
    let mut browser = Browser::new(&running);
    let callback = "http://localhost:1717/OauthRedirect";
    let s256 = challenge(VERIFIER);
    let more = [("redirect_uri", callback), ("code_challenge", s256.as_str())];
    let Shown::Page(200, page) = browser.ask("PlatformCLI", &more).await else { panic!("no sign-in page") };
    let Shown::Away(url) = browser.sign_in(&page).await else { panic!("asked for consent") };
    assert!(url.starts_with(callback), "{url}");
    let code = crate::support::params(&url).remove("code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "PlatformCLI"),
        ("client_secret", ""),
        ("code", &code),
        ("redirect_uri", callback),
        ("code_verifier", VERIFIER),
    ];
    let (status, body) = running.token(&form).await;
    assert_eq!((status, &body["scope"]), (200, &json!("refresh_token api web id")), "{body}");
}

#[tokio::test]
async fn a_front_door_opens_for_tokens_of_the_web_and_leads_nowhere_else() {
    let running = start().await;
    let app = TestApp::make(&running, json!({})).await;
    let api = app.sign_in(&running, &[("scope", "api")]).await["access_token"].as_str().unwrap().to_owned();
    let web = app.sign_in(&running, &[("scope", "web api")]).await["access_token"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&running);
    let door = |sid: &str, to: &str| format!("/secur/frontdoor.jsp?sid={sid}&retURL={to}");
    let Shown::Page(200, page) = browser.get(&door(&api, "/setup/connect")).await else { panic!() };
    assert!(page.contains("login_form"), "the API is not the web");
    let Shown::Page(200, page) = browser.get(&door(&web, "//evil.example/")).await else { panic!("led away") };
    assert!(page.contains("signed in"), "{page}");
    let Shown::Page(200, page) = browser.get("/setup/connect").await else { panic!() };
    assert!(page.contains("user_code"), "{page}");
    browser.get("/secur/logout.jsp").await;
    assert_eq!(calls(&running, &web).await, 401);
}
