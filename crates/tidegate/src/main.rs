//! `tidegate`: Salesforce data, in and out, from the command line.
//!
//! Wiring and words only: what a command does lives in the libraries. Data goes to stdout, words and progress to
//! stderr.

mod args;
mod commands;
mod config;
mod failure;
mod meter;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap prints its own errors and ends with 2, which is also our code for usage.
    let args = Args::parse();
    init_logging(&args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::Failure::failed("cannot start").with_cause(&error).report(),
    };
    let code = match runtime.block_on(commands::run(args)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    };
    // A blocking read that nobody waits for must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

/// Logs of the libraries go to stderr: warnings unless `RUST_LOG` or `-v` says otherwise.
fn init_logging(args: &Args) {
    use tracing_subscriber::EnvFilter;
    let level = match args.verbose {
        0 => "error",
        1 => "tidegate=info,tidegate_client=info,tidegate_sync=info,tidegate_destinations=info,tidegate_emulator=info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| output::Log).init();
}
