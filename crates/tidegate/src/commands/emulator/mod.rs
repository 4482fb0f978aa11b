//! `tidegate emulator`: an org on this machine, and the controls of one that runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tidegate_emulator::RecordId;
use tidegate_emulator::server::{Config, Emulator, SeedConfig, StartError};
use tidegate_emulator::settings::Settings;

use super::{interruption, writing};
use crate::failure::{Exit, Failure};
use crate::output::{self, say};
use args::{EmulatorCommand, ServeArgs};

pub(crate) mod args;
mod control;
mod files;

pub(super) async fn run(command: EmulatorCommand) -> Result<ExitCode, Failure> {
    match command {
        EmulatorCommand::Serve(args) => serve(args).await,
        EmulatorCommand::Load(args) => control::load(args).await,
        EmulatorCommand::Snapshot(args) => control::snapshot(args).await,
        EmulatorCommand::Reset(args) => control::reset(args).await,
        EmulatorCommand::Fault(args) => control::fault(args).await,
        EmulatorCommand::Clock(args) => control::clock(args).await,
        EmulatorCommand::Requests(args) => control::requests(args).await,
    }
}

/// Contacts of an org that is made from nothing else.
const ROWS: u64 = 1_000;

async fn serve(args: ServeArgs) -> Result<ExitCode, Failure> {
    let stop = interruption();
    // The key and the CA are told as files, so there has to be a folder even when nothing is kept.
    let (dir, temporary) = match args.dir.clone() {
        Some(dir) => (dir, false),
        None => (temporary_folder("tidegate-emulator")?, true),
    };
    let settings = Settings {
        // Another number makes another org: a replica of the one is not taken for a replica of the other.
        org_id: RecordId::new(*b"00D", *b"TG", args.seed),
        keep_alive_ms: args.keep_alive_ms,
        daily_requests: args.daily_requests,
        ..Settings::default()
    };
    let settings = settings.changed(settings_of(args.set)).map_err(Failure::usage)?;
    let rows = args.rows.unwrap_or(if args.from.is_none() && args.load.is_empty() { ROWS } else { 0 });
    let load = files::read(&args.load)?;
    let config = Config {
        from: args.from,
        load,
        listen: args.listen,
        tls_listen: args.tls_listen,
        pubsub_listen: args.pubsub_listen,
        seed: (rows > 0).then_some(SeedConfig { number: args.seed, contacts: rows }),
        settings,
        dir: Some(dir.clone()),
        keep_org: !temporary,
        ..Config::default()
    };
    let emulator = start(config).await?;
    if args.json {
        output::print(connection(&emulator, &dir).to_string()).map_err(writing)?;
    } else {
        describe(&emulator, &dir);
    }
    stop.cancelled().await;
    emulator.stop().await.map_err(start_failure)?;
    if temporary {
        // It held nothing but the key and a copy of a throw-away org.
        let _ = std::fs::remove_dir_all(&dir);
    }
    Ok(ExitCode::SUCCESS)
}

/// Settings by name, those of a group (`bulk.hard_delete`) within it.
fn settings_of(given: Vec<(String, serde_json::Value)>) -> serde_json::Map<String, serde_json::Value> {
    let mut all = serde_json::Map::new();
    for (name, value) in given {
        match name.split_once('.') {
            None => {
                all.insert(name, value);
            }
            Some((group, inner)) => {
                let group = all.entry(group.to_owned()).or_insert_with(|| json!({}));
                group[inner] = value;
            }
        }
    }
    all
}

pub(crate) async fn start(config: Config) -> Result<Emulator, Failure> {
    Emulator::start(config).await.map_err(start_failure)
}

pub(crate) fn start_failure(error: StartError) -> Failure {
    let failure = match &error {
        StartError::PlainNotLoopback(_) => {
            Failure::usage(error.to_string()).hint("serve other machines by --tls-listen")
        }
        StartError::Load(_) | StartError::SnapshotAndSeed(_) => Failure::usage(error.to_string()),
        StartError::Bind { .. } => Failure::new(Exit::Environment, error.to_string()).hint("port 0 picks a free one"),
        _ => Failure::failed(error.to_string()),
    };
    match std::error::Error::source(&error) {
        Some(source) => failure.with_cause(source),
        None => failure,
    }
}

/// A new folder that only this user can read.
pub(crate) fn temporary_folder(name: &str) -> Result<PathBuf, Failure> {
    let base = std::env::temp_dir();
    for attempt in 0..100 {
        let dir = base.join(format!("{name}-{}-{attempt}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(
                    Failure::new(Exit::Environment, format!("cannot make {}", dir.display())).with_cause(&error)
                );
            }
        }
    }
    Err(Failure::failed(format!("{} is full of folders of ours", base.display())))
}

/// What a program needs to connect.
fn connection(emulator: &Emulator, dir: &Path) -> serde_json::Value {
    let credentials = emulator.credentials();
    json!({
        "url": emulator.url(),
        "tls_url": emulator.tls_url(),
        "ca_file": absolute(&dir.join("ca.pem")),
        "pubsub": emulator.pubsub(),
        "org_id": credentials.org_id,
        "user_id": credentials.user_id,
        "username": credentials.username,
        "password": credentials.password,
        "security_token": credentials.security_token,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "private_key_file": absolute(&dir.join("jwt.key.pem")),
        "access_token": credentials.access_token,
    })
}

/// What a person needs to connect. Secrets stay in the folder.
fn describe(emulator: &Emulator, dir: &Path) {
    let credentials = emulator.credentials();
    say(format!("org {} answers at {} and {}", credentials.org_id, emulator.url(), emulator.tls_url()));
    say(format!("Pub/Sub API at {}; certificate authority {}", emulator.pubsub(), dir.join("ca.pem").display()));
    say("\nTo sign in by JWT bearer from another terminal:");
    say(format!("  export TIDEGATE_LOGIN_URL={}", emulator.url()));
    say(format!("  export TIDEGATE_CLIENT_ID={}", credentials.client_id));
    say(format!("  export TIDEGATE_USERNAME={}", credentials.username));
    say(format!("  export TIDEGATE_PRIVATE_KEY_FILE={}", absolute(&dir.join("jwt.key.pem")).display()));
    say(format!("  export TIDEGATE_CA_FILE={}", absolute(&dir.join("ca.pem")).display()));
    say(format!("  export TIDEGATE_PUBSUB_ENDPOINT={}", emulator.pubsub()));
    say("  tidegate query 'SELECT COUNT() FROM Contact'");
    say(format!(
        "To control it (reset, fault, clock, load, snapshot, requests):\n  export TIDEGATE_EMULATOR_URL={}",
        emulator.url()
    ));
    say(format!("\nThe other secrets are in {}. Ctrl-C ends it.", dir.join("credentials.json").display()));
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
