//! Each refusal of the sign-in says what to change, and where.

use serde_json::{Value, json};
use tidegate_client::{Client, Credentials, Error};

use super::{APP, Land, SECRET};

/// Tries to sign in; gives the OAuth error, its description and the advice.
async fn refused(land: &Land, credentials: Credentials) -> (String, String, String) {
    let before = land.sign_ins().await;
    match Client::connect(land.config(credentials)).await.unwrap_err() {
        Error::Auth(error) => {
            assert_eq!(land.sign_ins().await, before + 1, "{}: permanent refusals are not repeated", error.error);
            (error.error, error.description, error.hint.unwrap_or_default())
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app() {
    let land = Land::new().await;
    let admin = land.given().username.clone();
    let url = format!("{}/__emulator/apps", land.emulator.url());
    let apps: Value = super::http().get(url).send().await.unwrap().json().await.unwrap();
    let apps = apps.as_array().cloned().or_else(|| apps["apps"].as_array().cloned()).unwrap();
    let own = apps.iter().find(|app| app["client_id"] == land.given().client_id).unwrap();
    // The app of these tests gets the certificate of the emulator's own, so that JWT works with it too.
    land.change_app(json!({"certificate": own["certificate"], "jwt_bearer": true})).await;
    let jwt = || match land.jwt() {
        Credentials::JwtBearer { username, private_key, passphrase, audience, .. } => {
            Credentials::JwtBearer { client_id: APP.into(), username, private_key, passphrase, audience }
        }
        other => other,
    };
    let cases: [(Value, Credentials, &str, &str); 12] = [
        (json!({"permitted_users": {"approved": []}}), jwt(), "invalid_grant", "pre-authorized"),
        (json!({"permitted_users": {"admin_approved": []}}), jwt(), "invalid_app_access", "assign the user"),
        (
            json!({"permitted_users": {"admin_approved": [admin]}, "blocked": true}),
            jwt(),
            "OAUTH_APP_BLOCKED",
            "Unblock",
        ),
        (json!({"blocked": false, "jwt_bearer": false}), jwt(), "unauthorized_client", "Flow Enablement"),
        (json!({"jwt_bearer": true, "certificate": null}), jwt(), "invalid_grant", "certificate"),
        (json!({"run_as": null}), land.client_credentials(), "invalid_grant", "Run As"),
        (
            json!({"run_as": admin, "client_credentials": false}),
            land.client_credentials(),
            "unauthorized_client",
            "Flow",
        ),
        (
            json!({"client_credentials": true}),
            Credentials::ClientCredentials { client_id: APP.into(), client_secret: "wrong".into() },
            "invalid_client",
            "consumer secret",
        ),
        (
            json!({}),
            Credentials::ClientCredentials { client_id: "3MVGnobody".into(), client_secret: SECRET.into() },
            "invalid_client_id",
            "consumer key",
        ),
        (json!({"external_client_app": true}), land.password(), "unsupported_grant_type", "External Client Apps"),
        (json!({"installed": false}), land.client_credentials(), "app_not_found", "not installed"),
        (
            json!({"installed": true, "external_client_app": false}),
            Credentials::Password {
                client_id: APP.into(),
                client_secret: Some(SECRET.into()),
                username: land.given().username.clone(),
                password: "wrong".into(),
            },
            "invalid_grant",
            "security token",
        ),
    ];
    for (change, credentials, expected, advice) in cases {
        land.change_app(change.clone()).await;
        let (error, description, hint) = refused(&land, credentials).await;
        assert_eq!(error, expected, "{change} {description}");
        assert!(hint.contains(advice), "{change} {error} {description}: {hint}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_and_the_org() {
    let land = Land::new().await;
    let user = format!("users/{}", land.given().username);
    for (change, undo, expected, advice) in [
        (json!({"login_ip_ranges": ["10.0.0.0/8"]}), json!({"login_ip_ranges": []}), "ip restricted", "IP Relaxation"),
        (json!({"frozen": true}), json!({"frozen": false}), "user is not active", "Setup > Users"),
    ] {
        land.control("PATCH", &user, change).await;
        let (error, description, hint) = refused(&land, land.jwt()).await;
        assert_eq!((error.as_str(), description.as_str()), ("invalid_grant", expected));
        assert!(hint.contains(advice), "{hint}");
        land.control("PATCH", &user, undo).await;
    }
    let settings = [
        // A blocked flow is answered as a wrong password is.
        (json!({"password_grant": false}), land.password(), "invalid_grant", "Allow OAuth Username-Password Flows"),
        (json!({"org_locked": true}), land.jwt(), "inactive_org", "locked"),
        (json!({"org_locked": false, "hourly_logins": 0}), land.jwt(), "rate_limit_exceeded", "wait"),
    ];
    for (change, credentials, expected, advice) in settings {
        land.control("PATCH", "settings", change.clone()).await;
        let (error, _, hint) = refused(&land, credentials).await;
        assert_eq!(error, expected, "{change}");
        assert!(hint.contains(advice), "{change}: {hint}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audience_and_the_clock() {
    let land = Land::new().await;
    let with = |audience: &str| match land.jwt() {
        Credentials::JwtBearer { client_id, username, private_key, passphrase, .. } => {
            Credentials::JwtBearer { client_id, username, private_key, passphrase, audience: Some(audience.into()) }
        }
        other => other,
    };
    let (error, _, hint) = refused(&land, with("https://elsewhere.example")).await;
    assert_eq!(error, "invalid_grant");
    assert!(hint.contains("My Domain"), "{hint}");
    // A machine whose clock is far behind: the first assertion is too old, the second is made by the org's clock.
    land.control("POST", "clock", json!({"advance_ms": 3_600_000})).await;
    let org = Client::connect(land.config(land.jwt())).await.unwrap();
    assert!(org.server_time().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_may_not_use_the_api() {
    let land = Land::new().await;
    let org = Client::connect(land.config(land.jwt())).await.unwrap();
    let before = land.sign_ins().await;
    let cases = [
        (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", "scopes"),
        (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", "API Enabled"),
        (403, "API_CURRENTLY_DISABLED", "API is currently disabled for this user", "API Enabled"),
    ];
    for (status, code, message, advice) in cases {
        let body = json!([{"errorCode": code, "message": message}]).to_string();
        let fault = json!({"match": {"path": "/query"}, "action": {"status": status, "body": body}});
        land.control("POST", "faults", fault).await;
        let error = org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap_err();
        assert!(error.has_code(code), "{error}");
        assert!(error.hint().unwrap().contains(advice), "{:?}", error.hint());
    }
    assert_eq!(land.sign_ins().await, before, "signing in again does not help, so it is not tried");
}
