//! Connections: a pool, TLS where the server has it, and the lock of the only writer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use sha2::{Digest, Sha256};
use tidegate_sync::DestinationError;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use crate::url::PostgresUrl;

/// Enough for several snapshot pages at once, the follower and a reader.
const CONNECTIONS_MAX: usize = 8;

/// A server that has vanished without a word is noticed by then, where the system can tell; Linux alone would wait for
/// a quarter of an hour with words on their way, and two hours without.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long the lock of a writer that has just died may outlive it at the server.
const LOCK_WAIT: Duration = Duration::from_secs(10);

pub(super) fn pool(url: &PostgresUrl, label: &str) -> Result<Pool, DestinationError> {
    let config = with_defaults(url);
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match tls(&config, label)? {
        Some(tls) => Manager::from_config(config, tls, manager_config),
        None => Manager::from_config(config, NoTls, manager_config),
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .build()
        .map_err(|e| DestinationError::Unreachable { destination: label.to_owned(), source: Box::new(e) })
}

/// A single connection.
pub(crate) async fn once(url: &PostgresUrl) -> Result<Client, DestinationError> {
    let label = url.to_string();
    let config = with_defaults(url);
    let unreachable = |e| error::unreachable(&label, e);
    Ok(match tls(&config, &label)? {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        }
    })
}

/// Takes the advisory lock on a connection of its own.
pub(super) async fn lock(url: &PostgresUrl, label: &str) -> Result<Client, DestinationError> {
    let client = once(url).await?;
    // The lock is per database; the schema's name makes the key.
    let hash = Sha256::digest(format!("tidegate/{}", url.schema));
    let key = i64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]);
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        let row = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&key])
            .await
            .map_err(|e| error::unreachable(label, e))?;
        if row.get(0) {
            return Ok(client);
        }
        if Instant::now() >= deadline {
            return Err(DestinationError::InUse { destination: label.to_owned() });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn with_defaults(url: &PostgresUrl) -> Config {
    let mut config = url.config.clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(15));
    }
    if config.get_application_name().is_none() {
        config.application_name("tidegate");
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_MAX);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(SILENCE_MAX).keepalives_interval(SILENCE_MAX / 4);
    }
    config
}

/// TLS, checked against the system's roots, unless the URL says `sslmode=disable`.
fn tls(config: &Config, label: &str) -> Result<Option<MakeRustlsConnect>, DestinationError> {
    if config.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A root that cannot be read is one root less, not a reason to stop.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| DestinationError::Unreachable { destination: label.to_owned(), source: Box::new(e) })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}
