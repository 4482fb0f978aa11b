//! Signing in: every flow, its renewal, and its refusals.

mod flows;
mod refusals;
mod renewal;
mod rotation;
mod sf;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_client::{ClientConfig, Credentials, OrgLogin, TokenFile, TokenStore, WebOptions, WebSignIn};
use tidegate_emulator::server::{Config, Credentials as Given, Emulator, SeedConfig};

/// The app that these tests make.
const APP: &str = "3MVGtests";
const SECRET: &str = "app-secret";

/// An org over plain HTTP on this machine, with an app that offers every flow.
struct Land {
    emulator: Emulator,
    dir: TempDir,
}

impl Land {
    async fn new() -> Land {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seed = Some(SeedConfig { number: 1, contacts: 300 });
        let emulator = Emulator::start(Config { seed, ..Config::default() }).await.unwrap();
        let land = Land { emulator, dir: tempfile::tempdir().unwrap() };
        land.control("PATCH", "settings", json!({"password_grant": true})).await;
        let app = json!({
            "name": "Tests", "client_id": APP, "client_secret": SECRET, "scope": "api refresh_token",
            "device_flow": true, "secret_required": false, "client_credentials": true, "run_as": land.given().username,
            "loopback_callbacks": true,
        });
        land.control("POST", "apps", app).await;
        land
    }

    fn given(&self) -> &Given {
        self.emulator.credentials()
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/__emulator/{path}", self.emulator.url());
        let method = method.parse().unwrap();
        let answer = http().request(method, &url).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn change_app(&self, members: Value) {
        self.control("PATCH", &format!("apps/{APP}"), members).await;
    }

    async fn expire_tokens(&self) {
        self.control("POST", "tokens/expire", json!({})).await;
    }

    /// How often the token endpoint was asked.
    async fn sign_ins(&self) -> usize {
        let url = format!("{}/__emulator/requests?path=/services/oauth2/token", self.emulator.url());
        let asked: Vec<Value> = http().get(url).send().await.unwrap().json().await.unwrap();
        asked.len()
    }

    fn config(&self, credentials: Credentials) -> ClientConfig {
        let mut config = ClientConfig::new(OrgLogin::new(self.emulator.url(), credentials).unwrap());
        // The Pub/Sub API speaks TLS only.
        let ca = self.dir.path().join("ca.pem");
        std::fs::write(&ca, self.emulator.ca_pem()).unwrap();
        config.ca_file = Some(ca);
        config.pubsub_endpoint = self.emulator.pubsub().to_owned();
        config
    }

    fn jwt(&self) -> Credentials {
        Credentials::JwtBearer {
            client_id: self.given().client_id.clone(),
            username: self.given().username.clone(),
            private_key: self.given().private_key_pem.clone().into(),
            passphrase: None,
            audience: None,
        }
    }

    fn client_credentials(&self) -> Credentials {
        Credentials::ClientCredentials { client_id: APP.into(), client_secret: SECRET.into() }
    }

    fn password(&self) -> Credentials {
        Credentials::Password {
            client_id: APP.into(),
            client_secret: Some(SECRET.into()),
            username: self.given().username.clone(),
            password: format!("{}{}", self.given().password, self.given().security_token).into(),
        }
    }

    fn refresh(&self, tokens: Arc<dyn TokenStore>) -> Credentials {
        Credentials::RefreshToken { client_id: APP.into(), client_secret: None, tokens }
    }

    fn token_file(&self) -> TokenFile {
        TokenFile::new(self.dir.path().join("person.token"))
    }

    /// Signs a person in by browser; the refresh token lies in [`Land::token_file`] then.
    async fn person(&self) -> Credentials {
        let credentials = self.refresh(Arc::new(self.token_file()));
        let options = WebOptions { callback: "http://localhost:0/OauthRedirect".into(), ..WebOptions::default() };
        let waiting = WebSignIn::begin(&self.config(credentials.clone()), options).await.unwrap();
        let (url, username, password) =
            (waiting.url().to_string(), self.given().username.clone(), self.given().password.clone());
        let browser = tokio::spawn(async move { Browser::default().sign_in(&url, &username, &password, true).await });
        waiting.finish(std::time::Duration::from_secs(30)).await.unwrap();
        let page = browser.await.unwrap();
        assert!(page.contains("You are signed in"), "{page}");
        credentials
    }
}

fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// As much of a browser as signing in needs: cookies, redirects, and the forms of the sign-in and the consent page.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn go(&mut self, url: &str, form: Option<&[(&str, &str)]>) -> String {
        let (mut url, mut form) = (reqwest::Url::parse(url).unwrap(), form.map(<[_]>::to_vec));
        for _ in 0..20 {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = match form.take() {
                Some(form) => http().post(url.clone()).form(&form),
                None => http().get(url.clone()),
            };
            let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
                let value = rest.split(';').next().unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            match answer.headers().get("location") {
                Some(next) => url = url.join(next.to_str().unwrap()).unwrap(),
                None => return answer.text().await.unwrap(),
            }
        }
        panic!("redirected too often: {url}");
    }

    /// Goes to an address, signs in and answers the question for consent. Gives the last page.
    async fn sign_in(&mut self, url: &str, username: &str, password: &str, allow: bool) -> String {
        let origin = reqwest::Url::parse(url).unwrap().origin().ascii_serialization();
        let mut page = self.go(url, None).await;
        if page.contains("login_form") {
            let start = value_of(&page, "startURL");
            let form = [("username", username), ("pw", password), ("startURL", start.as_str())];
            page = self.go(&format!("{origin}/login"), Some(&form)).await;
        }
        if page.contains("oaapprove") {
            let key = value_of(&page, "key");
            let button = if allow { "save" } else { "cancel" };
            let path = "/setup/secur/RemoteAccessAuthorizationPage.apexp";
            page = self.go(&format!("{origin}{path}"), Some(&[("key", key.as_str()), (button, "x")])).await;
        }
        page
    }
}

/// The value of a hidden field of a page.
fn value_of(page: &str, name: &str) -> String {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap().replace("&amp;", "&")
}
