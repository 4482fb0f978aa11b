//! What every test here begins with.

use std::path::Path;

use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin};
use tidegate_emulator::server::{Config, Emulator, SeedConfig};

/// An org of its own, and a client that is signed in to it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) org: Client,
    /// What `org` was made from.
    pub(crate) config: ClientConfig,
    _dir: tempfile::TempDir,
}

impl World {
    /// Posts to one of the emulator's controls, such as `faults`.
    pub(crate) async fn control(&self, path: &str, body: serde_json::Value) {
        let url = format!("{}/__emulator/{path}", self.emulator.url());
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answer = http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }
}

/// A seeded org with this many contacts, over TLS with a private certificate.
pub(crate) async fn world(contacts: u64) -> World {
    let seed = Some(SeedConfig { number: 1, contacts });
    world_of(Config { seed, ..Config::default() }, |_| ()).await
}

/// An org by its configuration, and a client whose configuration `change` may touch.
pub(crate) async fn world_of(config: Config, change: impl FnOnce(&mut ClientConfig)) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = Emulator::start(config).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = client_config(&emulator, dir.path());
    change(&mut config);
    let org = Client::connect(config.clone()).await.unwrap();
    World { emulator, org, config, _dir: dir }
}

/// How to sign in to an emulator by JWT bearer. Its certificate is written into `dir`.
pub(crate) fn client_config(emulator: &Emulator, dir: &Path) -> ClientConfig {
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, emulator.ca_pem()).unwrap();
    let credentials = emulator.credentials();
    let login = OrgLogin::new(
        emulator.tls_url(),
        Credentials::JwtBearer {
            client_id: credentials.client_id.clone(),
            username: credentials.username.clone(),
            private_key: credentials.private_key_pem.clone().into(),
            passphrase: None,
            audience: Some("https://login.salesforce.com".into()),
        },
    )
    .unwrap();
    let mut config = ClientConfig::new(login);
    config.ca_file = Some(ca);
    config.pubsub_endpoint = emulator.pubsub().to_owned();
    config
}
