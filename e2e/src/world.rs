//! An org, a client and a place for the replica.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, RetryPolicy, Timeouts};
use tidegate_destinations::{DestinationUrl, Postgres, Sqlite};
use tidegate_emulator::faults::{Action, Match, Plan};
use tidegate_emulator::http::log::LoggedRequest;
use tidegate_emulator::server::{Config, Emulator, SeedConfig};
use tidegate_emulator::settings::Settings;
use tidegate_sync::{Destination, DestinationError, Mode, Options, Outcome, Pipeline, Progress, SyncError};
use tokio_util::sync::CancellationToken;

use crate::brittle::Brittle;
use crate::edits::Editor;
use crate::replica::{self, Difference, ReadError};

/// What was told, in its order.
pub type Told = Arc<Mutex<Vec<Progress>>>;

/// How a world is made.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The org's seed.
    pub seed: u64,
    /// Contacts; the other objects in proportion.
    pub contacts: u64,
    /// What is replicated and edited.
    pub objects: Vec<String>,
    /// The org's settings.
    pub settings: Settings,
    /// Starts with the emulator's clock standing still here.
    pub frozen_at: Option<i64>,
}

/// Every object of the seeded org that raises change events.
pub const OBJECTS: [&str; 10] = [
    "Account",
    "Contact",
    "Lead",
    "Opportunity",
    "Case",
    "Task",
    "Event",
    "Shipment__c",
    "Shipment_Line__c",
    "Product_Note__c",
];

impl WorldOptions {
    /// A small org whose times are short and whose Bulk results have several pages.
    pub fn new(seed: u64) -> Self {
        let settings = Settings {
            keep_alive_ms: 50,
            bulk_page_rows: 40,
            // What moves without an event is no part of what following promises.
            activities_move_dates: false,
            daily_requests: 10_000_000,
            daily_query_jobs: 10_000_000,
            daily_bulk_batches: 10_000_000,
            daily_delivered_events: u64::MAX / 2,
            hourly_logins: 1_000_000,
            ..Settings::default()
        };
        Self { seed, contacts: 100, objects: OBJECTS.map(str::to_owned).to_vec(), settings, frozen_at: None }
    }

    /// The same, with these objects only.
    #[must_use]
    pub fn objects(mut self, objects: &[&str]) -> Self {
        self.objects = objects.iter().map(|o| (*o).to_owned()).collect();
        self
    }

    /// The same, with so many contacts.
    #[must_use]
    pub fn contacts(mut self, contacts: u64) -> Self {
        self.contacts = contacts;
        self
    }
}

/// Where the replica is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A schema in a Postgres database.
    Postgres {
        /// The server, without the schema.
        url: String,
        /// The schema.
        schema: String,
    },
}

/// An org that runs, and a replica of it.
pub struct World {
    /// The org.
    pub emulator: Emulator,
    /// A client that is signed in.
    pub client: Client,
    /// Where the replica is.
    pub place: Place,
    /// What the pipelines told.
    pub told: Told,
    options: WorldOptions,
    dir: tempfile::TempDir,
}

/// The longest that anything here may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

impl World {
    /// Starts an org and signs in. The replica will be a SQLite file.
    ///
    /// # Errors
    /// The emulator does not start, or does not let us in.
    pub async fn start(options: WorldOptions) -> Result<Self, ReadError> {
        let dir = tempfile::tempdir()?;
        let emulator = Emulator::start(Config {
            seed: Some(SeedConfig { number: options.seed, contacts: options.contacts }),
            settings: options.settings.clone(),
            frozen_at: options.frozen_at,
            ..Config::default()
        })
        .await?;
        std::fs::write(dir.path().join("ca.pem"), emulator.ca_pem())?;
        std::fs::write(dir.path().join("key.pem"), &emulator.credentials().private_key_pem)?;
        let config = config(&emulator, &dir)?;
        let client = Client::connect(config).await?;
        let place = Place::Sqlite(dir.path().join("replica.db"));
        Ok(Self { emulator, client, place, told: Told::default(), options, dir })
    }

    /// The folder of this world: `replica.db`, `ca.pem`, `key.pem`.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// What is replicated.
    pub fn objects(&self) -> &[String] {
        &self.options.objects
    }

    /// How a client reaches this org: by JWT, with little patience.
    ///
    /// # Errors
    /// The addresses cannot be used.
    pub fn client_config(&self) -> Result<ClientConfig, ReadError> {
        config(&self.emulator, &self.dir)
    }

    /// Another client: it signs in anew.
    ///
    /// # Errors
    /// It is not let in.
    pub async fn new_client(&self) -> Result<Client, ReadError> {
        Ok(Client::connect(self.client_config()?).await?)
    }

    /// Somebody who edits, with a client of their own.
    ///
    /// # Errors
    /// They are not let in.
    pub async fn editor(&self, seed: u64) -> Result<Editor, ReadError> {
        let client = self.new_client().await?;
        Ok(Editor::new(self.emulator.state().clone(), client, self.options.objects.clone(), seed))
    }

    /// Opens the place of the replica. One that was left by a crash a moment ago is waited for.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn destination(&self) -> Result<Arc<dyn Destination>, DestinationError> {
        let since = Instant::now();
        loop {
            let opened: Result<Arc<dyn Destination>, DestinationError> = match &self.place {
                Place::Sqlite(file) => Sqlite::open(file).await.map(|d| Arc::new(d) as Arc<dyn Destination>),
                Place::Postgres { url, schema } => {
                    let separator = if url.contains('?') { '&' } else { '?' };
                    match format!("{url}{separator}schema={schema}").parse() {
                        Ok(DestinationUrl::Postgres(url)) => {
                            Postgres::open(&url).await.map(|d| Arc::new(d) as Arc<dyn Destination>)
                        }
                        other => Err(DestinationError::Unreachable {
                            destination: "postgres".into(),
                            source: format!("{other:?} is no Postgres URL").into(),
                        }),
                    }
                }
            };
            match opened {
                Err(DestinationError::InUse { .. }) if since.elapsed() < DEADLINE => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                opened => return opened,
            }
        }
    }

    /// What the pipelines here are told to do.
    pub fn sync_options(&self) -> Options {
        Options {
            idle: Duration::from_millis(500),
            idle_first: Duration::from_secs(3),
            ..Options::new(self.options.objects.clone())
        }
    }

    /// A pipeline over this destination.
    pub fn pipeline_over(&self, client: Client, destination: Arc<dyn Destination>) -> Pipeline {
        let told = self.told.clone();
        Pipeline::new(client, destination, self.sync_options())
            .on_progress(move |progress| told.lock().unwrap_or_else(PoisonError::into_inner).push(progress))
    }

    /// A pipeline over the replica.
    ///
    /// # Errors
    /// The replica cannot be opened.
    pub async fn pipeline(&self) -> Result<Pipeline, DestinationError> {
        Ok(self.pipeline_over(self.client.clone(), self.destination().await?))
    }

    /// Follows until caught up.
    ///
    /// # Errors
    /// What stopped it.
    pub async fn once(&self) -> Result<Outcome, SyncError> {
        let pipeline = self
            .pipeline()
            .await
            .map_err(|error| SyncError { phase: tidegate_sync::Phase::Open, cause: error.into() })?;
        pipeline.run(Mode::Once, &CancellationToken::new()).await
    }

    /// Starts following in the background.
    ///
    /// # Errors
    /// The replica cannot be opened.
    pub async fn follow(&self) -> Result<Follower, DestinationError> {
        let (pipeline, stop) = (self.pipeline().await?, CancellationToken::new());
        let token = stop.clone();
        let task = tokio::spawn(async move { pipeline.run(Mode::Forever, &token).await });
        Ok(Follower { task, stop })
    }

    /// Starts following in the background, until a crash at call number `calls` of the destination: before the call, or
    /// once it was carried out.
    ///
    /// # Errors
    /// The replica cannot be opened.
    pub async fn follow_until_crash(&self, calls: u64, after: bool) -> Result<Follower, DestinationError> {
        let (stop, crash) = (CancellationToken::new(), CancellationToken::new());
        let destination = Brittle::new(self.destination().await?, calls, after, crash.clone());
        let pipeline = self.pipeline_over(self.client.clone(), Arc::new(destination));
        let token = stop.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = crash.cancelled() => Ok(Outcome::Interrupted),
                outcome = pipeline.run(Mode::Forever, &token) => outcome,
            }
        });
        Ok(Follower { task, stop })
    }

    /// What was told so far.
    pub fn told(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something like this was told.
    pub fn was_told(&self, like: impl Fn(&Progress) -> bool) -> bool {
        self.told().iter().any(like)
    }

    /// Waits until something like this was told.
    ///
    /// # Errors
    /// It was not, in a minute.
    pub async fn until_told(&self, what: &str, like: impl Fn(&Progress) -> bool) -> Result<(), ReadError> {
        self.until(what, || self.was_told(&like)).await
    }

    /// Waits until this is so.
    ///
    /// # Errors
    /// It did not become so in a minute.
    pub async fn until(&self, what: &str, so: impl Fn() -> bool) -> Result<(), ReadError> {
        let since = Instant::now();
        while !so() {
            if since.elapsed() > DEADLINE {
                return Err(format!("waited in vain for: {what}; told: {:#?}", self.told()).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Plans a fault for requests whose path fits.
    pub fn plan(&self, path: &str, after: u64, times: u64, action: Action) -> u64 {
        let matching = Match { path: Some(path.into()), after, times: Some(times), ..Match::default() };
        self.emulator.faults().plan(Plan { matching, action })
    }

    /// How many requests a planned fault has met.
    pub fn served(&self, plan: u64) -> u64 {
        self.emulator.faults().list().iter().find(|p| p.id == plan).map_or(0, |p| p.served)
    }

    /// Requests to paths that contain this.
    pub fn requests(&self, path: &str) -> Vec<LoggedRequest> {
        self.emulator.state().log.filtered(|request| request.path.contains(path))
    }

    /// In what the replica differs from the org: nothing, when all is well.
    ///
    /// # Errors
    /// The replica cannot be read.
    pub async fn differences(&self) -> Result<Vec<Difference>, ReadError> {
        let postgres = match &self.place {
            Place::Postgres { url, .. } => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                Some(client)
            }
            Place::Sqlite(_) => None,
        };
        let mut found = Vec::new();
        for name in &self.options.objects {
            let (facts, org) = {
                let org = self.emulator.org().read();
                let (_, facts) = org.schema.find(name).ok_or_else(|| format!("no object {name}"))?;
                (facts.clone(), replica::org_rows(&org, name))
            };
            let (rows, odd) = match (&self.place, &postgres) {
                (Place::Sqlite(file), _) => replica::sqlite_rows(file, &facts)?,
                (Place::Postgres { schema, .. }, Some(client)) => {
                    replica::postgres_rows(client, schema, &facts).await?
                }
                (Place::Postgres { .. }, None) => return Err("not connected".into()),
            };
            found.extend(replica::compare(&facts, &org, &rows, &odd));
        }
        Ok(found)
    }

    /// # Errors
    /// The two sides differ; the first differences are named.
    pub async fn equal(&self) -> Result<(), ReadError> {
        let found = self.differences().await?;
        if found.is_empty() {
            return Ok(());
        }
        let first: Vec<String> = found.iter().take(10).map(ToString::to_string).collect();
        Err(format!("{} differences between org and replica:\n  {}", found.len(), first.join("\n  ")).into())
    }

    /// Waits until the replica equals the org, while somebody follows.
    ///
    /// # Errors
    /// It did not in a minute.
    pub async fn until_equal(&self) -> Result<(), ReadError> {
        let since = Instant::now();
        loop {
            match self.equal().await {
                Ok(()) => return Ok(()),
                Err(error) if since.elapsed() > DEADLINE => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// A pipeline that follows in the background.
pub struct Follower {
    task: tokio::task::JoinHandle<Result<Outcome, SyncError>>,
    stop: CancellationToken,
}

impl Follower {
    /// Asks it to stop, and says how it ended.
    ///
    /// # Errors
    /// It had failed, or it did not stop in a minute.
    pub async fn stop(self) -> Result<Outcome, ReadError> {
        self.stop.cancel();
        Ok(tokio::time::timeout(DEADLINE, self.task).await???)
    }

    /// Drops it wherever it stands, as a crash would.
    pub async fn crash(self) {
        self.task.abort();
        // It is gone when this is over; that it was cancelled is what was asked for.
        let _ = self.task.await;
    }

    /// Whether it has ended by itself.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

fn config(emulator: &Emulator, dir: &tempfile::TempDir) -> Result<ClientConfig, ReadError> {
    let known = emulator.credentials();
    let credentials = Credentials::JwtBearer {
        client_id: known.client_id.clone(),
        username: known.username.clone(),
        private_key: known.private_key_pem.clone().into(),
        passphrase: None,
        audience: None,
    };
    let mut config = ClientConfig::new(OrgLogin::new(emulator.url(), credentials)?);
    config.ca_file = Some(dir.path().join("ca.pem"));
    config.pubsub_endpoint = format!("https://{}", emulator.pubsub());
    config.retry = RetryPolicy {
        attempts: 5,
        base: Duration::from_millis(5),
        cap: Duration::from_millis(40),
        concurrency_floor: Duration::from_millis(5),
    };
    config.timeouts = Timeouts {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
        idle: Duration::from_secs(5),
        event_silence: Duration::from_secs(2),
    };
    Ok(config)
}
