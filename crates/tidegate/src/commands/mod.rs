//! One verb, one file.

mod demo;
mod describe;
mod emulator;
mod limits;
mod lint;
mod query;
mod replica;
mod status;
mod sync;
mod verify;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::args::{Args, Command, EmulatorCommand};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::say;

/// Runs what was typed.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let config = || Config::load(args.config.as_deref());
    match args.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Emulator(EmulatorCommand::Serve(args)) => emulator::serve(args).await,
        Command::Pull(args) => sync::pull(&config()?, args).await,
        Command::Sync(args) => sync::sync(&config()?, args).await,
        Command::Verify(args) => verify::run(&config()?, args).await,
        Command::Status(args) => status::run(&config()?, args).await,
        Command::Query(args) => query::run(&config()?, args).await,
        Command::Describe(args) => describe::run(&config()?, args).await,
        Command::Limits(args) => limits::run(&config()?, args).await,
        Command::Lint(args) => lint::run(args),
    }
}

/// A token that Ctrl-C or SIGTERM cancels. A second Ctrl-C ends the process at once (130).
pub(crate) fn interruption() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        cancelled.cancel();
        say("stopping; once more to stop at once");
        wait_for_signal().await;
        std::process::exit(130);
    });
    token
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    let terminated = async {
        match terminate.as_mut() {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    // Without a handler there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
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
