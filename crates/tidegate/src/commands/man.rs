//! `tidegate man`: a manual page for the program and for every command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{counted, say};

/// `tidegate man --dir DIR`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder for the pages, such as ~/.local/share/man/man1. It is made where it does not exist.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(args: &ManArgs) -> Result<ExitCode, Failure> {
    let write = || -> std::io::Result<u64> {
        std::fs::create_dir_all(&args.dir)?;
        let mut root = Args::command();
        root.build();
        pages(&root, "tidegate", &args.dir)
    };
    let pages = write()
        .map_err(|error| Failure::failed(format!("cannot write into {}", args.dir.display())).with_cause(&error))?;
    say(format!("wrote {} into {}", counted(pages, "page"), args.dir.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command and those of the commands below it.
fn pages(command: &Command, name: &str, dir: &Path) -> std::io::Result<u64> {
    let mut page = Vec::new();
    // Pages are looked up as `man tidegate-query`.
    clap_mangen::Man::new(command.clone().display_name(name.to_owned())).title(name.to_owned()).render(&mut page)?;
    std::fs::write(dir.join(format!("{name}.1")), page)?;
    let mut written = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        written += pages(below, &format!("{name}-{}", below.get_name()), dir)?;
    }
    Ok(written)
}
