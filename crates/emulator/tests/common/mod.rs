//! What the integration tests share.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses its part")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use tidegate_emulator::server::{Config, Emulator};

/// An emulator with a client that trusts it.
pub struct Running {
    pub emulator: Emulator,
    pub http: reqwest::Client,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let emulator = Emulator::start(config).await.unwrap();
        let http = client(&emulator);
        Self { emulator, http }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.url())
    }

    pub fn now_s(&self) -> i64 {
        self.emulator.clock().now() / 1000
    }

    /// Claims that are in order.
    pub fn claims(&self) -> Json {
        let credentials = self.emulator.credentials();
        json!({
            "iss": credentials.client_id,
            "sub": credentials.username,
            "aud": "https://login.salesforce.com",
            "exp": self.now_s() + 180,
        })
    }

    pub fn sign(&self, header: &Json, claims: &Json) -> String {
        sign(&self.emulator.credentials().private_key_pem, header, claims)
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> (u16, Json) {
        answer(self.http.post(self.url("/services/oauth2/token")).form(form)).await
    }

    pub async fn jwt(&self, claims: &Json) -> (u16, Json) {
        self.assertion(&self.sign(&json!({ "alg": "RS256" }), claims)).await
    }

    pub async fn assertion(&self, assertion: &str) -> (u16, Json) {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.token(&[("grant_type", grant), ("assertion", assertion)]).await
    }

    /// A request with the token that is good from the start.
    pub fn call(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(&self.emulator.credentials().access_token)
    }
}

/// Status and JSON body; null for a body that is none.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Json) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Json::Null))
}

pub fn client(emulator: &Emulator) -> reqwest::Client {
    // Ignoring the result: another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap()
}

pub fn sign(key_pem: &str, header: &Json, claims: &Json) -> String {
    use rustls::pki_types::pem::PemObject;
    let der = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let key = ring::rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
