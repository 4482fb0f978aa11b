//! One verb, one file.

mod api;
pub(crate) mod check;
pub(crate) mod completions;
mod confirm;
mod demo;
mod describe;
mod emulator;
mod limits;
mod lint;
mod load;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod merge;
mod metadata;
pub(crate) mod orgs;
mod plan;
mod publish;
mod query;
mod record;
mod replica;
mod status;
mod sync;
pub(crate) mod undelete;
mod verify;
mod watch;

pub(crate) use api::ApiArgs;
pub(crate) use describe::DescribeArgs;
pub(crate) use emulator::args as emulator_args;
pub(crate) use limits::LimitsArgs;
pub(crate) use lint::LintArgs;
pub(crate) use load::LoadArgs;
pub(crate) use metadata::args as metadata_args;
pub(crate) use plan::PlanCommand;
pub(crate) use publish::PublishArgs;
pub(crate) use record::{CreateArgs, DeleteArgs, GetArgs, UpdateArgs, UpsertArgs};
pub(crate) use watch::WatchArgs;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::args::{Args, Command};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{is_watched, say};

/// Runs what was typed.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let config = || Config::load(args.config.as_deref());
    match args.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Emulator(command) => emulator::run(command).await,
        Command::Pull(args) => sync::pull(&config()?, args).await,
        Command::Sync(args) => sync::sync(&config()?, args).await,
        Command::Verify(args) => verify::run(&config()?, args).await,
        Command::Status(args) => status::run(&config()?, args).await,
        Command::Query(args) => query::run(&config()?, args).await,
        Command::Get(args) => record::get(&config()?, args).await,
        Command::Create(args) => record::create(&config()?, args).await,
        Command::Update(args) => record::update(&config()?, args).await,
        Command::Upsert(args) => record::upsert(&config()?, args).await,
        Command::Delete(args) => record::delete(&config()?, args).await,
        Command::Api(args) => api::run(&config()?, args).await,
        Command::Describe(args) => describe::run(&config()?, args).await,
        Command::Limits(args) => limits::run(&config()?, args).await,
        Command::Login(login) => login::run(args.config.as_deref(), *login).await,
        Command::Orgs(orgs) => orgs::run(args.config.as_deref(), orgs).await,
        Command::Check(check) => check::run(args.config.as_deref(), check).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Lint(args) => lint::run(config, args).await,
        Command::Metadata(command) => metadata::run(&config()?, command).await,
        Command::Undelete(args) => undelete::run(&config()?, args).await,
        Command::Merge(args) => merge::run(&config()?, args).await,
        Command::Load(args) => load::run(&config()?, *args).await,
        Command::Watch(args) => watch::run(&config()?, *args).await,
        Command::Publish(args) => publish::run(&config()?, args).await,
        Command::Plan(command) => plan::run(&config()?, command).await,
    }
}

/// What the shell shows for a process that Ctrl-C ended, and for one that SIGTERM ended.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// Whether it was SIGTERM that asked us to stop.
static BY_SIGTERM: AtomicBool = AtomicBool::new(false);

/// The exit code of work that was interrupted before its end.
pub(crate) fn interrupted() -> ExitCode {
    ExitCode::from(if BY_SIGTERM.load(Ordering::Relaxed) { TERMINATED } else { INTERRUPTED })
}

/// A token that Ctrl-C or SIGTERM cancels. A second one ends the process at once.
pub(crate) fn interruption() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut signals = Signals::new();
    tokio::spawn(async move {
        let by_sigterm = signals.next().await;
        BY_SIGTERM.store(by_sigterm, Ordering::Relaxed);
        cancelled.cancel();
        // A terminal shows ^C where the cursor is: this goes over it.
        let over = if is_watched() && !by_sigterm { "\r" } else { "" };
        let advice = if by_sigterm { "" } else { "; once more to stop at once" };
        say(format!("{over}stopping{advice}"));
        let by_sigterm = signals.next().await;
        std::process::exit(i32::from(if by_sigterm { TERMINATED } else { INTERRUPTED }));
    });
    token
}

/// Ctrl-C and SIGTERM, listened to from the first moment on: one that comes between two waits is not lost.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    /// Waits for one; true for SIGTERM.
    async fn next(&mut self) -> bool {
        // Without a handler there is nothing to wait for.
        async fn one(signal: Option<&mut tokio::signal::unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if received.is_none() {
                std::future::pending().await
            }
        }
        tokio::select! {
            () = one(self.interrupt.as_mut()) => false,
            () = one(self.terminate.as_mut()) => true,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> bool {
        // Without a handler there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        false
    }
}

/// Turns a failed write to stdout or a file into words.
pub(crate) fn writing(error: std::io::Error) -> Failure {
    Failure::failed("cannot write the output").with_cause(&error)
}

/// Pretty JSON on stdout.
pub(crate) fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| Failure::failed("cannot write the output").with_cause(&e))?;
    crate::output::print(text).map_err(writing)
}
