//! `tidegate completions`: what a shell needs to complete commands and options.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::writing;
use crate::args::Args;
use crate::failure::Failure;

/// `tidegate completions SHELL`.
#[derive(Debug, clap::Args)]
#[command(after_help = "bash: tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate\n\
    zsh:  tidegate completions zsh > a folder of $fpath/_tidegate\n\
    fish: tidegate completions fish > ~/.config/fish/completions/tidegate.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "tidegate", &mut script);
    let script = String::from_utf8_lossy(&script);
    crate::output::print(script.trim_end()).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}
