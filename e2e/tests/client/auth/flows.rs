//! Every flow leads to a session.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tidegate_client::{
    BorrowedToken, Client, Credentials, DeviceSignIn, Error, TokenSource, TokenStore, WebOptions, WebSignIn, revoke,
};

use super::{APP, Browser, Land, SECRET, http};

async fn works(land: &Land, credentials: Credentials) -> Client {
    let org = Client::connect(land.config(credentials)).await.unwrap();
    assert_eq!(org.org_id().await.unwrap(), land.given().org_id);
    assert!(org.query_page("SELECT COUNT() FROM Contact").await.unwrap().total_size > 0);
    org
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_person() {
    let land = Land::new().await;
    works(&land, land.jwt()).await;
    works(&land, land.client_credentials()).await;
    works(&land, land.password()).await;
    works(&land, Credentials::AccessToken { token: land.given().access_token.clone().into() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_browser_and_revoked() {
    let land = Land::new().await;
    land.change_app(json!({"pkce_required": true})).await;
    let credentials = land.person().await;
    let kept = land.token_file().load().unwrap();
    works(&land, credentials.clone()).await;
    // Without rotation the same token goes on.
    assert_eq!(land.token_file().load().unwrap().expose_secret(), kept.expose_secret());
    assert!(revoke(&land.config(credentials.clone())).await.unwrap());
    assert!(!revoke(&land.config(credentials.clone())).await.unwrap(), "it is dead already");
    let error = Client::connect(land.config(credentials)).await.unwrap_err();
    assert!(error.to_string().contains("expired access/refresh token"), "{error}");
    assert!(error.hint().unwrap().contains("sign in again"));
    assert!(!revoke(&land.config(land.jwt())).await.unwrap(), "a key is not ours to end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_denies_is_understood() {
    let land = Land::new().await;
    let options = WebOptions {
        callback: "http://127.0.0.1:0/back".into(),
        prompt: Some("consent".into()),
        ..WebOptions::default()
    };
    let config = land.config(land.refresh(Arc::new(land.token_file())));
    let waiting = WebSignIn::begin(&config, options).await.unwrap();
    let callback = waiting.callback().to_owned();
    let (url, user, password) =
        (waiting.url().to_string(), land.given().username.clone(), land.given().password.clone());
    let browser = tokio::spawn(async move {
        // Somebody else's answer, and an idle connection, must not end the wait.
        let _idle =
            tokio::net::TcpStream::connect(callback.trim_start_matches("http://").trim_end_matches("/back")).await;
        let page = Browser::default().go(&format!("{callback}?code=stolen&state=guessed"), None).await;
        assert!(page.contains("not the sign-in that was started"), "{page}");
        Browser::default().sign_in(&url, &user, &password, false).await
    });
    let error = waiting.finish(Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(&error, Error::Auth(error) if error.error == "access_denied"), "{error}");
    assert!(browser.await.unwrap().contains("The sign-in failed"));
    assert!(land.token_file().load().is_err(), "nothing is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_device() {
    let land = Land::new().await;
    let credentials = land.refresh(Arc::new(land.token_file()));
    let device = DeviceSignIn::begin(&land.config(credentials.clone()), "api refresh_token").await.unwrap();
    let (address, code) = (device.address().to_string(), device.user_code().to_owned());
    let (user, password) = (land.given().username.clone(), land.given().password.clone());
    let entered = tokio::spawn(async move {
        let mut browser = Browser::default();
        browser.sign_in(&format!("{address}?user_code={code}"), &user, &password, true).await;
        let page = browser.go(&address, Some(&[("user_code", &code), ("save", "x")])).await;
        let key = super::value_of(&page, "key");
        let consent = reqwest::Url::parse(&address).unwrap();
        let consent = consent.join("/setup/secur/RemoteAccessAuthorizationPage.apexp").unwrap();
        browser.go(consent.as_str(), Some(&[("key", &key), ("save", "x")])).await
    });
    let signed_in = device.finish().await.unwrap();
    entered.await.unwrap();
    assert_eq!(signed_in.org_id.as_deref(), Some(land.given().org_id.as_str()));
    works(&land, credentials).await;
    land.change_app(json!({"device_flow": false})).await;
    let config = land.config(land.refresh(Arc::new(land.token_file())));
    let error = DeviceSignIn::begin(&config, "api").await.unwrap_err();
    assert!(matches!(&error, Error::Auth(error) if error.error == "unauthorized_client"), "{error}");
}

/// A vault, as far as a client can see.
#[derive(Debug, Default)]
struct Vault(Mutex<Vec<BorrowedToken>>);

impl TokenSource for Vault {
    fn token(&self, _: Option<&SecretString>) -> Result<BorrowedToken, Error> {
        let token = self.0.lock().unwrap().pop();
        token.ok_or_else(|| Error::Config { message: "the vault is empty".into(), hint: None })
    }
}

impl Vault {
    /// Puts a token there, as another program obtains it.
    async fn fill(&self, land: &Land) {
        let form = [("grant_type", "client_credentials"), ("client_id", APP), ("client_secret", SECRET)];
        let url = format!("{}/services/oauth2/token", land.emulator.url());
        let answer: serde_json::Value = http().post(url).form(&form).send().await.unwrap().json().await.unwrap();
        let access_token = answer["access_token"].as_str().unwrap().to_owned().into();
        let token = BorrowedToken { access_token, instance_url: land.emulator.url().to_owned() };
        self.0.lock().unwrap().push(token);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_another_program() {
    let land = Land::new().await;
    let vault = Arc::new(Vault::default());
    vault.fill(&land).await;
    let org = works(&land, Credentials::Borrowed { source: vault.clone() }).await;
    land.expire_tokens().await;
    vault.fill(&land).await;
    org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap();
    land.expire_tokens().await;
    let error = org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap_err();
    assert_eq!(error.to_string(), "the vault is empty");
}
