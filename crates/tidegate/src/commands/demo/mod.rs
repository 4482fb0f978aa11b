//! `tidegate demo`: the whole path on one machine. An org is served, replicated, edited, followed and proved.

mod edits;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin};
use tidegate_destinations::{DestinationUrl, TableProgress, inspect, open};
use tidegate_emulator::server::{Config, Emulator, SeedConfig};
use tidegate_emulator::settings::Settings;
use tidegate_sync::{Mode, Options, Outcome, Pipeline, SyncError, VerifyOptions};
use tokio_util::sync::CancellationToken;

use super::emulator::{absolute, start, start_failure, temporary_folder};
use super::{interrupted, interruption, verify};
use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output::{counted, grouped, program, quoted, say};
use crate::progress::Display;

/// How often the copy is looked at while the snapshot runs.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The standard objects that are replicated; custom ones are found.
const OBJECTS: [&str; 8] = ["User", "Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Event"];

pub(super) async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    let stop = interruption();
    let dir = match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .map_err(|e| Failure::failed(format!("cannot make {}", dir.display())).with_cause(&e))?;
            dir.clone()
        }
        None => temporary_folder("tidegate-demo")?,
    };
    let dir = absolute(&dir);
    let emulator = serve(&args, &dir).await?;
    let ended = work(&args, &dir, &emulator, &stop).await;
    let stopped = emulator.stop().await.map_err(start_failure);
    let code = ended?;
    stopped?;
    Ok(code)
}

async fn serve(args: &DemoArgs, dir: &Path) -> Result<Emulator, Failure> {
    let started = Instant::now();
    let org_dir = dir.join("org");
    say(if org_dir.is_dir() {
        "Starting the Salesforce org that is kept here ..."
    } else {
        "Starting a Salesforce org on this machine, with a key pair made for the occasion ..."
    });
    let emulator = start(Config {
        seed: Some(SeedConfig { number: args.seed, contacts: args.rows }),
        settings: Settings {
            // A real org may be silent for 270 s; nobody wants to wait for that in a demonstration.
            keep_alive_ms: 1_000,
            daily_requests: 5_000_000,
            // The dates of last activities move without an event, so that only `verify --repair` brings them: what is
            // shown here is following alone.
            activities_move_dates: false,
            ..Settings::default()
        },
        dir: Some(org_dir),
        ..Config::default()
    })
    .await?;
    write_config(dir, &emulator)?;
    say(format!(
        "  {} answers at {} ({:.1} s)",
        emulator.credentials().org_id,
        emulator.url(),
        started.elapsed().as_secs_f64()
    ));
    Ok(emulator)
}

/// The configuration with which every other command reaches the org and the copy.
fn write_config(dir: &Path, emulator: &Emulator) -> Result<(), Failure> {
    let credentials = emulator.credentials();
    let objects: Vec<String> = OBJECTS.iter().map(|name| format!("{name:?}")).collect();
    let text = format!(
        "# Written by `tidegate demo`, anew at each start.\n\
         default_org = \"demo\"\n\n\
         [orgs.demo]\n\
         login_url = {:?}\n\
         client_id = {:?}\n\
         username = {:?}\n\
         private_key_file = \"org/jwt.key.pem\"\n\
         ca_file = \"org/ca.pem\"\n\
         pubsub_endpoint = {:?}\n\n\
         [sync]\n\
         org = \"demo\"\n\
         to = {:?}\n\
         objects = [{}]\n",
        emulator.url(),
        credentials.client_id,
        credentials.username,
        emulator.pubsub(),
        format!("sqlite:{}", replica(dir).display()),
        objects.join(", "),
    );
    let path = dir.join("tidegate.toml");
    std::fs::write(&path, text).map_err(|e| Failure::failed(format!("cannot write {}", path.display())).with_cause(&e))
}

fn replica(dir: &Path) -> PathBuf {
    dir.join("replica.db")
}

async fn work(args: &DemoArgs, dir: &Path, emulator: &Emulator, stop: &CancellationToken) -> Result<ExitCode, Failure> {
    let client = sign_in(dir, emulator).await?;
    let url: DestinationUrl = format!("sqlite:{}", replica(dir).display()).parse()?;
    let destination = open(&url).await?;
    let objects = objects(&client).await?;
    let display = Display::new();
    let pipeline = |display: &Arc<Display>| {
        let told = display.callback();
        Pipeline::new(client.clone(), destination.clone(), Options::new(objects.clone()))
            .on_progress(move |progress| told(progress))
    };

    say(format!(
        "\nReplicating {} into {url}: a snapshot by Bulk API 2.0, then every change ...",
        counted(objects.len() as u64, "object")
    ));
    let resumed = live_tables(&url).await >= objects.len();
    let started = Instant::now();
    let (follow_stop, follower) = follow(pipeline(&display), stop);
    let edited = match until_live(&url, objects.len(), &follower, stop).await {
        Ready::Live => {
            display.line(if resumed {
                "  the snapshot is there from an earlier run".to_owned()
            } else {
                format!("  snapshot complete after {:.1} s", started.elapsed().as_secs_f64())
            });
            display.line("\nEditing the org while the copy follows ...");
            Some(edits::make(&client, emulator, args.seed, stop).await)
        }
        Ready::Stopped | Ready::Ended => None,
    };
    // The follower is stopped between two batches, and a second run takes it to the very end of the stream.
    follow_stop.cancel();
    let ended = follower.await.map_err(|e| Failure::failed("the follower ended early").with_cause(&e))?;
    let outcome = ended.inspect_err(|_| display.finish())?;
    if stop.is_cancelled() || (outcome == Outcome::Interrupted && edited.is_none()) {
        display.finish();
        stopped(dir);
        return Ok(interrupted());
    }
    if let Some(edited) = edited {
        display.line(format!("  {}", edited.inspect_err(|_| display.finish())?));
    }
    if pipeline(&display).run(Mode::Once, stop).await.inspect_err(|_| display.finish())? == Outcome::Interrupted {
        display.finish();
        stopped(dir);
        return Ok(interrupted());
    }

    display.line("\nProving that the copy equals the org ...");
    let options = VerifyOptions { repair: false, fields: true };
    let report = match pipeline(&display).verify(options, stop).await {
        Err(error) if error.is_interrupted() => {
            display.finish();
            stopped(dir);
            return Ok(interrupted());
        }
        other => other.inspect_err(|_| display.finish())?,
    };
    display.finish();
    say(verify::table(&report));
    if !report.is_equal() {
        return Err(Failure::failed("the copy does not equal the org")
            .hint("this is a bug in Tidegate; please report it with the table above"));
    }
    say(format!("\n{}", verify::summary(&report, true)));
    say(format!("the copy is {}, made with {} API calls", replica(dir).display(), grouped(client.requests_made())));
    next_steps(dir, args.once);
    if args.once {
        return Ok(ExitCode::SUCCESS);
    }
    let (_, follower) = follow(pipeline(&display), stop);
    let ended = follower.await.map_err(|e| Failure::failed("the follower ended early").with_cause(&e))?;
    display.finish();
    ended?;
    // After the proof, Ctrl-C is how the demo is meant to end.
    stopped(dir);
    Ok(ExitCode::SUCCESS)
}

async fn sign_in(dir: &Path, emulator: &Emulator) -> Result<Client, Failure> {
    let credentials = emulator.credentials();
    let login = OrgLogin::new(
        emulator.url(),
        Credentials::JwtBearer {
            client_id: credentials.client_id.clone(),
            username: credentials.username.clone(),
            private_key: credentials.private_key_pem.clone().into(),
            passphrase: None,
            audience: None,
        },
    )?;
    let mut config = ClientConfig::new(login);
    config.ca_file = Some(dir.join("org").join("ca.pem"));
    config.pubsub_endpoint = emulator.pubsub().to_owned();
    let client = Client::connect(config).await?;
    say(format!("  signed in as {} by JWT bearer, API version {}", credentials.username, client.api_version()));
    Ok(client)
}

/// The usual objects, and every custom one that can be followed.
async fn objects(client: &Client) -> Result<Vec<String>, Failure> {
    let global = client.describe_global().await?;
    let mut names: Vec<String> = OBJECTS.iter().map(|name| (*name).to_owned()).collect();
    names.extend(global.sobjects.iter().filter(|o| o.name.ends_with("__c") && o.queryable).map(|o| o.name.clone()));
    Ok(names)
}

type Follower = tokio::task::JoinHandle<Result<Outcome, SyncError>>;

/// Starts a run that goes on until its own token, or the user's, is cancelled.
fn follow(pipeline: Pipeline, stop: &CancellationToken) -> (CancellationToken, Follower) {
    let token = stop.child_token();
    let for_run = token.clone();
    (token, tokio::spawn(async move { pipeline.run(Mode::Forever, &for_run).await }))
}

enum Ready {
    Live,
    Stopped,
    /// The follower ended by itself: its error says why.
    Ended,
}

/// Waits until every table can be read.
async fn until_live(url: &DestinationUrl, tables: usize, follower: &Follower, stop: &CancellationToken) -> Ready {
    loop {
        if stop.is_cancelled() {
            return Ready::Stopped;
        }
        if follower.is_finished() {
            return Ready::Ended;
        }
        if live_tables(url).await >= tables {
            return Ready::Live;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many tables can be read. A file that cannot be looked at now is looked at again soon.
async fn live_tables(url: &DestinationUrl) -> usize {
    match inspect(url).await {
        Ok(Some(found)) => found.tables.iter().filter(|t| t.progress == TableProgress::Live).count(),
        _ => 0,
    }
}

fn next_steps(dir: &Path, ended: bool) {
    let program = program();
    let config = quoted(&dir.join("tidegate.toml").display().to_string());
    say("\nTo try next:");
    say(format!("  sqlite3 {} 'SELECT Name, Email FROM Contact LIMIT 5'", quoted(&replica(dir).display().to_string())));
    say(format!("  {program} --config {config} status"));
    if ended {
        say(format!("  {}      goes on from here, and waits for you", again(dir)));
    } else {
        say(format!("  {program} --config {config} query 'SELECT Id, Name FROM Account LIMIT 5'"));
        say(format!("  {program} --config {config} verify --fields"));
        say("\nThe org stays up and the copy follows it until Ctrl-C.");
    }
}

/// The command that goes on in this folder.
fn again(dir: &Path) -> String {
    format!("{} demo --dir {}", program(), quoted(&dir.display().to_string()))
}

fn stopped(dir: &Path) {
    say(format!("stopped; `{}` goes on from here", again(dir)));
}
