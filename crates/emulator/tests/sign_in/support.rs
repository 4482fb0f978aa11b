//! An emulator, an app of one's own, and a browser that keeps its cookies and fills in forms.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use tidegate_emulator::server::Config;

use crate::common::{Running, answer};

pub(crate) const CALLBACK: &str = "https://app.example/callback";
pub(crate) const T0: i64 = 1_796_000_000_000;

/// An emulator whose clock stands still.
pub(crate) async fn start() -> Running {
    Running::start(Config { frozen_at: Some(T0), ..Config::default() }).await
}

/// Changes settings by the control.
pub(crate) async fn set(running: &Running, settings: Json) {
    let (status, body) = answer(running.call(Method::PATCH, "/__emulator/settings").json(&settings)).await;
    assert_eq!(status, 200, "{body}");
}

/// An app made by the control.
pub(crate) struct TestApp {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl TestApp {
    /// An app that users approve for themselves, with these members besides.
    pub(crate) async fn make(running: &Running, members: Json) -> Self {
        let mut all = json!({
            "name": "Web shop",
            "callback_urls": [CALLBACK],
            "scope": "id api refresh_token openid web",
            "permitted_users": { "approved": [] },
        });
        all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let (status, body) = answer(running.call(Method::POST, "/__emulator/apps").json(&all)).await;
        assert_eq!(status, 201, "{body}");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { id: text("client_id"), secret: text("client_secret") }
    }

    pub(crate) async fn change(&self, running: &Running, members: Json) {
        let path = format!("/__emulator/apps/{}", self.id);
        let (status, body) = answer(running.call(Method::PATCH, &path).json(&members)).await;
        assert_eq!(status, 200, "{body}");
    }

    /// A token request of this app, with its secret.
    pub(crate) async fn token(&self, running: &Running, form: &[(&str, &str)]) -> (u16, Json) {
        let mut whole = vec![("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        whole.extend(form);
        running.token(&whole).await
    }

    /// A code, after the administrator signed in and consented.
    pub(crate) async fn code(&self, running: &Running, more: &[(&str, &str)]) -> String {
        let mut browser = Browser::new(running);
        let back = browser.authorize(&self.id, more).await;
        back.get("code").unwrap_or_else(|| panic!("no code: {back:?}")).clone()
    }

    /// The answer to a code that was just given.
    pub(crate) async fn sign_in(&self, running: &Running, more: &[(&str, &str)]) -> Json {
        let code = self.code(running, more).await;
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let (status, body) = self.token(running, &form).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn refresh(&self, running: &Running, token: &str) -> (u16, Json) {
        self.token(running, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// The signature that an answer has to have.
    pub(crate) fn signature(&self, answer: &Json) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).unwrap();
        mac.update(answer["id"].as_str().unwrap().as_bytes());
        mac.update(answer["issued_at"].as_str().unwrap().as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// The S256 challenge of a verifier.
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

pub(crate) fn error(status: u16, error: &str, description: &str) -> (u16, Json) {
    (status, json!({ "error": error, "error_description": description }))
}

/// Status of a call with this token.
pub(crate) async fn calls(running: &Running, token: &str) -> u16 {
    answer(running.http.get(running.url("/services/data/v66.0/limits")).bearer_auth(token)).await.0
}

/// Parameters of the query, or behind `#`.
pub(crate) fn params(url: &str) -> HashMap<String, String> {
    let url = url::Url::parse(url).unwrap();
    let text = url.fragment().or(url.query()).unwrap_or_default();
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// What a browser is shown, or where it is sent.
#[derive(Debug)]
pub(crate) enum Shown {
    Page(u16, String),
    Away(String),
}

pub(crate) struct Browser<'a> {
    running: &'a Running,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(running: &'a Running) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { running, http, cookie: None }
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Shown {
        loop {
            if let Some(cookie) = &self.cookie {
                request = request.header(COOKIE, cookie);
            }
            let response = request.send().await.unwrap();
            if let Some(cookie) = response.headers().get(SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                self.cookie = Some(pair.to_owned());
            }
            let Some(location) = response.headers().get(LOCATION) else {
                return Shown::Page(response.status().as_u16(), response.text().await.unwrap());
            };
            let location = location.to_str().unwrap().to_owned();
            let here = if location.starts_with('/') { self.running.url(&location) } else { location };
            if !here.starts_with(self.running.emulator.url()) {
                return Shown::Away(here);
            }
            request = self.http.get(here);
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Shown {
        self.send(self.http.get(self.running.url(path))).await
    }

    /// Sends the only form of a page with these fields, beside the hidden ones.
    pub(crate) async fn submit(&mut self, page: &str, fields: &[(&str, &str)]) -> Shown {
        let action = between(page, "action=\"", "\"");
        let mut form: Vec<(String, String)> = Vec::new();
        for input in page.split("<input ").skip(1).filter(|i| i.starts_with("type=\"hidden\"")) {
            form.push((between(input, "name=\"", "\"").to_owned(), unescape(between(input, "value=\"", "\""))));
        }
        form.extend(fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        self.send(self.http.post(self.running.url(action)).form(&form)).await
    }

    pub(crate) async fn ask(&mut self, client_id: &str, more: &[(&str, &str)]) -> Shown {
        let mut query: HashMap<&str, &str> =
            HashMap::from([("response_type", "code"), ("client_id", client_id), ("redirect_uri", CALLBACK)]);
        query.extend(more.iter().copied());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("/services/oauth2/authorize?{query}")).await
    }

    pub(crate) async fn sign_in(&mut self, page: &str) -> Shown {
        let c = self.running.emulator.credentials().clone();
        self.submit(page, &[("username", &c.username), ("pw", &c.password)]).await
    }

    /// The whole way: signs in and consents where that is asked for. Gives what the callback is told.
    pub(crate) async fn authorize(&mut self, client_id: &str, more: &[(&str, &str)]) -> HashMap<String, String> {
        let mut shown = self.ask(client_id, more).await;
        for _ in 0..3 {
            shown = match shown {
                Shown::Away(url) => {
                    assert!(url.starts_with(CALLBACK), "{url}");
                    return params(&url);
                }
                Shown::Page(_, page) if page.contains("id=\"login_form\"") => self.sign_in(&page).await,
                Shown::Page(_, page) if page.contains("id=\"oaapprove\"") => {
                    self.submit(&page, &[("save", " Allow ")]).await
                }
                Shown::Page(status, page) => panic!("{status} {page}"),
            };
        }
        panic!("it goes round: {shown:?}");
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("", |(found, _)| found)
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
