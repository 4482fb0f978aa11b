//! An emulator that runs: an org, its doors and its clock.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use tidegate_emulator::server::{Config, Emulator};
//! let emulator = Emulator::start(Config::default()).await?;
//! println!("{} {}", emulator.url(), emulator.credentials().username);
//! emulator.stop().await?;
//! # Ok(()) }
//! ```

use std::fs::File;
use std::io::{self, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::http::serve::Door;
use crate::http::{AppState, SharedOrg, router};
use crate::import::{ImportError, ImportOptions, SourceFile, load};
use crate::oauth::{Access, App};
use crate::seed::Seed;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::{ApiError, Org, RecordId, bulk, grpc, schema};

mod administrator;
mod credentials;
mod files;
mod keep;
mod keep_access;
mod keep_settings;
mod keys;
mod listen;
mod rows;

pub(crate) use administrator::{describe_organization, ensure_administrator};
pub use credentials::{Credentials, Identity};
use keys::{JwtKey, TlsKeys};
use listen::Listener;

/// Scopes of the connected app, as token answers list them.
const SCOPE: &str = "id api web refresh_token openid";

/// What to fill a new org with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedConfig {
    /// The same number gives the same org.
    pub number: u64,
    /// How many contacts; the rest is in proportion.
    pub contacts: u64,
}

/// How to start an emulator. The default is an empty org on free loopback ports, kept nowhere.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where plain HTTP is served; port 0 picks a free one. Loopback only: tokens travel in the clear.
    pub listen: SocketAddr,
    /// Where HTTPS is served.
    pub tls_listen: SocketAddr,
    /// Where the Pub/Sub API (gRPC over TLS) is served.
    pub pubsub_listen: SocketAddr,
    /// What the org is filled with; empty without.
    pub seed: Option<SeedConfig>,
    /// A snapshot that a new org is started from, in the place of a seed.
    pub from: Option<PathBuf>,
    /// Files that a new org is filled from: record trees with their plans, CSV files, archives of them.
    pub load: Vec<SourceFile>,
    /// How the org is set up.
    pub settings: Settings,
    /// Names and secrets; random (or those kept in `dir`) without.
    pub identity: Option<Identity>,
    /// The RSA key for JWT bearer, PKCS #8, PEM; made (or the one kept in `dir`) without.
    pub private_key_pem: Option<String>,
    /// Where keys, credentials and the org are kept, so that it can be opened again.
    pub dir: Option<PathBuf>,
    /// Whether the org is kept in `dir` too. Without it only keys and credentials are.
    pub keep_org: bool,
    /// Starts with the clock standing still here (milliseconds since 1970), instead of real time.
    pub frozen_at: Option<crate::Millis>,
}

impl Default for Config {
    fn default() -> Self {
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            listen: free,
            tls_listen: free,
            pubsub_listen: free,
            seed: None,
            from: None,
            load: Vec::new(),
            settings: Settings::default(),
            identity: None,
            private_key_pem: None,
            dir: None,
            keep_org: true,
            frozen_at: None,
        }
    }
}

/// Why an emulator did not start, or could not keep its org.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum StartError {
    #[error("plain HTTP is served on loopback addresses only, and {0} is none: tokens would travel in the clear")]
    PlainNotLoopback(SocketAddr),
    #[error("listening on {address}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("reading or writing {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("making a certificate (a given private key must be RSA, PKCS #8, PEM)")]
    Certificate(#[source] rcgen::Error),
    #[error("reading a certificate or key")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("setting up TLS")]
    Tls(#[source] rustls::Error),
    #[error("making an RSA key")]
    Rsa(#[source] rsa::Error),
    #[error("writing an RSA key")]
    RsaPem(#[source] rsa::pkcs8::Error),
    #[error("reading credentials.json")]
    Credentials(#[source] serde_json::Error),
    #[error("reading or writing access.json")]
    Access(#[source] serde_json::Error),
    #[error("filling the org")]
    Seed(#[source] ApiError),
    #[error("starting from a snapshot: {0} cannot be used together with a seed")]
    SnapshotAndSeed(PathBuf),
    #[error("loading {0}")]
    Load(ImportError),
    #[error("a background task ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// A running emulator. Dropping it stops it without ceremony; [`Emulator::stop`] does it in order.
#[derive(Debug)]
pub struct Emulator {
    state: AppState,
    credentials: Credentials,
    ca_pem: String,
    url: String,
    tls_url: String,
    pubsub: String,
    dir: Option<PathBuf>,
    stop: CancellationToken,
    /// Cancelled once no request and no job can change the org any more.
    quiet: CancellationToken,
    tasks: TaskTracker,
    keeper: Option<JoinHandle<Result<(), StartError>>>,
}

impl Emulator {
    /// Starts one. It answers when this returns.
    ///
    /// # Errors
    /// [`StartError`], for an address that is taken or not allowed, or a directory that cannot be used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if !config.listen.ip().is_loopback() {
            return Err(StartError::PlainNotLoopback(config.listen));
        }
        let (plain, tls, pubsub) = (
            Listener::bind(config.listen).await?,
            Listener::bind(config.tls_listen).await?,
            Listener::bind(config.pubsub_listen).await?,
        );
        let clock = config.frozen_at.map_or_else(Clock::new, Clock::frozen);
        let (dir, keep_org, given) = (config.dir.clone(), config.keep_org, config.settings.clone());
        let (given_key, key_dir) = (config.private_key_pem.clone(), dir.clone());
        let jwt_key =
            tokio::task::spawn_blocking(move || JwtKey::load_or_make(key_dir.as_deref(), given_key.as_deref()));
        let prepared = tokio::task::spawn_blocking(move || prepare(&config, &clock).map(|prepared| (prepared, clock)));
        let ((org, keys, mut credentials), clock) = prepared.await??;

        let state = AppState::new(org, clock);
        let (stop, quiet, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let (url, tls_url) = (format!("http://{}", plain.address), format!("https://{}", tls.address));
        let pubsub_address = pubsub.address.to_string();
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let door = |scheme| Door { state: state.clone(), router: router(state.clone()), scheme, peer: nowhere };
        plain.spawn(door("http"), None, &tasks, &stop);
        tls.spawn(door("https"), Some(keys.tls(&["h2", "http/1.1"])?), &tasks, &stop);
        let grpc = Door { router: grpc::routes(state.clone()), ..door("https") };
        pubsub.spawn(grpc, Some(keys.tls(&["h2"])?), &tasks, &stop);
        if let Some(dir) = dir.clone().filter(|_| keep_org) {
            tasks.spawn(keep_settings::keep(dir.clone(), given, state.clone(), stop.clone()));
            tasks.spawn(keep_access::keep(dir, state.clone(), stop.clone()));
        }
        let keeper = dir.clone().filter(|_| keep_org).map(|dir| {
            let keep = keep::keep(dir, state.clone(), quiet.clone());
            tokio::spawn(keep)
        });
        tasks.spawn(work_off_jobs(state.clone(), stop.clone()));
        tasks.spawn(rows::tend(state.clone(), stop.clone()));
        // The key for JWT bearer takes longest, and nobody has it before this function returns: everything else
        // answers meanwhile.
        let jwt_key = match jwt_key.await.map_err(StartError::from).flatten() {
            Ok(key) => key,
            Err(error) => {
                stop.cancel();
                return Err(error);
            }
        };
        if let Some(app) = state.org.write().access.apps.iter_mut().find(|app| app.client_id == credentials.client_id) {
            app.certificate = jwt_key.certificate();
        }
        credentials.private_key_pem = jwt_key.key_pem;
        Ok(Self {
            state,
            credentials,
            ca_pem: keys.ca_pem,
            url,
            tls_url,
            pubsub: pubsub_address,
            dir,
            stop,
            quiet,
            tasks,
            keeper,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `https://127.0.0.1:PORT`; trust [`Emulator::ca_pem`] to reach it.
    pub fn tls_url(&self) -> &str {
        &self.tls_url
    }

    /// `127.0.0.1:PORT` of the Pub/Sub API (gRPC over TLS, same certificate authority).
    pub fn pubsub(&self) -> &str {
        &self.pubsub
    }

    /// The certificate authority, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Where keys, credentials and the org are kept, if anywhere. `ca.pem` and `jwt.key.pem` are in it.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Everything needed to sign in.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The org itself.
    pub fn org(&self) -> &SharedOrg {
        &self.state.org
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }

    /// Planned faults.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// What the handlers share.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Ends it: open requests get a moment to finish.
    ///
    /// # Errors
    /// [`StartError::File`] when the org could not be kept.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.quiet.cancel();
        match self.keeper.take() {
            Some(keeper) => keeper.await?,
            None => Ok(()),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

/// How often a job that waits in the queue is looked at: the clock may be moved without telling.
const QUEUE_LOOK: Duration = Duration::from_millis(20);

/// Works off Bulk jobs until `stop` is cancelled.
async fn work_off_jobs(state: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let (worker, stopped) = (state.clone(), stop.clone());
        let idle = tokio::task::spawn_blocking(move || {
            loop {
                match bulk::step(&worker.org, worker.now()) {
                    bulk::Step::Worked if !stopped.is_cancelled() => {}
                    bulk::Step::Worked => return None,
                    bulk::Step::Idle(waiting) => return waiting,
                }
            }
        });
        let waiting = match idle.await {
            Ok(waiting) => waiting.is_some(),
            Err(error) => {
                tracing::error!(%error, "working off Bulk jobs failed");
                return;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = state.bulk_wake.notified() => {}
            () = tokio::time::sleep(QUEUE_LOOK), if waiting => {}
        }
    }
}

fn new_org(config: &Config, clock: &Clock) -> Result<Org, StartError> {
    let now = clock.now();
    if let Some(path) = &config.from {
        if config.seed.is_some() {
            return Err(StartError::SnapshotAndSeed(path.clone()));
        }
        let unreadable = |source| StartError::File { path: path.clone(), source };
        let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(unreadable)?);
        let restored = Snapshot::read(&mut file, &config.settings).map_err(unreadable)?;
        // Time never runs backwards in an org.
        if restored.now > now {
            clock.set(restored.now);
        }
        return Ok(restored.org);
    }
    let schema = Arc::new(schema::standard());
    let mut org = Org { settings: config.settings.clone(), schema, ..Org::default() };
    if let Some(SeedConfig { number, contacts }) = config.seed {
        Seed { number, contacts }.fill(&mut org, now).map_err(StartError::Seed)?;
    }
    if let Err(reason) =
        config.settings.currencies.first().map_or(Ok(()), |_| org.enable_currencies(&config.settings.currencies, now))
    {
        tracing::warn!(%reason, "the org has one currency");
    }
    Ok(org)
}

/// The connected app of the credentials, first in the list, and the one of the Salesforce CLI. An app that was kept
/// keeps its settings.
fn ensure_app(access: &mut Access, identity: &Identity, admin: RecordId) -> App {
    let kept = access.apps.iter().position(|app| app.client_id == identity.client_id);
    let mut app = match kept {
        Some(at) => access.apps.remove(at),
        None => App {
            name: "Tidegate".into(),
            client_id: identity.client_id.clone(),
            scope: SCOPE.into(),
            loopback_callbacks: true,
            jwt_bearer: true,
            client_credentials: true,
            device_flow: true,
            run_as: Some(admin),
            ..App::default()
        },
    };
    app.client_secret = identity.client_secret.clone();
    // Registered when the key is there.
    app.certificate = None;
    access.apps.insert(0, app.clone());
    let cli = App::salesforce_cli();
    if access.app(&cli.client_id).is_none() {
        access.apps.push(cli);
    }
    app
}

/// The blocking part of a start but for the key for JWT bearer: TLS, files, seed.
fn prepare(config: &Config, clock: &Clock) -> Result<(Org, TlsKeys, Credentials), StartError> {
    let dir = config.dir.as_deref();
    let keys = TlsKeys::load_or_make(dir)?;
    let identity = Identity::load_or_make(dir, config.identity.clone())?;
    let keeping = dir.filter(|_| config.keep_org);
    let kept = match keeping {
        Some(dir) => keep::load(dir, &keep_settings::load(dir, &config.settings)?)?,
        None => None,
    };
    let mut org = match kept {
        Some(mut kept) => {
            // Time never runs backwards in an org, not even one whose clock was moved before it was kept.
            if kept.now > clock.now() {
                clock.set(kept.now);
            }
            kept.org.access = keeping.map(keep_access::load).transpose()?.unwrap_or_default();
            kept.org
        }
        None => {
            let mut org = new_org(config, clock)?;
            // Whoever makes the records has to be there first.
            ensure_administrator(&mut org, &identity.username, clock.now());
            if !config.load.is_empty() {
                let options = ImportOptions::default();
                load(&mut org, clock.now(), config.load.clone(), &options).map_err(StartError::Load)?;
            }
            org
        }
    };
    let now = clock.now();
    ensure_administrator(&mut org, &identity.username, now);
    let admin = org.settings.admin_id;
    let app = ensure_app(&mut org.access, &identity, admin);
    let (org_id, session_ms) = (org.settings.org_id, org.settings.session_ms);
    let access_token = org.access.issue(org_id, admin, &app, now, session_ms);
    let access = org.access.users.entry(admin).or_default();
    access.password = Some(identity.password.clone());
    access.security_token = Some(identity.security_token.clone());
    let credentials = Credentials {
        org_id: org_id.to_string(),
        user_id: admin.to_string(),
        username: identity.username,
        password: identity.password,
        security_token: identity.security_token,
        client_id: identity.client_id,
        client_secret: identity.client_secret,
        private_key_pem: String::new(),
        access_token,
    };
    Ok((org, keys, credentials))
}
