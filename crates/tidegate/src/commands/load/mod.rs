//! `tidegate load`: a CSV file into the org, checked before the first write and accounted for after the last.

mod args;
mod earlier;
mod progress;
mod words;

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use tidegate_client::Client;
use tidegate_client::bulk::ColumnDelimiter;
use tidegate_sync::load::{
    LoadError, LoadOperation, LoadOptions, Names, Prepared, Source, Transport, encoding_named, prepare,
};

use super::{interrupted, interruption, print_json};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::{counted, is_watched, say};

use args::Delimiter;
pub(crate) use args::LoadArgs;
use progress::Display;

pub(super) async fn run(config: &Config, args: LoadArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let options = options(&args)?;
    let from_stdin = args.file.as_os_str() == "-";
    let deletes = options.operation.is_delete();
    if deletes && !args.yes && !args.dry_run && is_watched() && !std::io::stdin().is_terminal() {
        return Err(
            Failure::usage("nobody can be asked whether to delete: standard input is no terminal").hint("add --yes")
        );
    }
    let source = if from_stdin { Source::Stdin { keep: options.copy() } } else { Source::File(args.file.clone()) };
    if args.again && !args.dry_run {
        earlier::move_aside(&options.names)?;
    }
    std::fs::create_dir_all(&args.results)
        .map_err(|e| Failure::failed(format!("cannot make the folder {}", args.results.display())).with_cause(&e))?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let before = client.requests_made();
    let display = Display::new();
    let stop = interruption();
    let prepared = tokio::select! {
        () = stop.cancelled() => {
            display.finish();
            // Of an input that was still being read nobody needs the half that was.
            if from_stdin {
                let _ = std::fs::remove_file(options.copy());
            }
            say("stopped; nothing was written");
            return Ok(interrupted());
        }
        prepared = prepare(client.clone(), source, options.clone(), display.told()) => prepared,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            display.finish();
            return refused(&client, &args, error).await;
        }
    };
    display.finish();
    for word in words::warnings(&prepared) {
        say(word);
    }
    if args.dry_run {
        return dry_run(prepared, &args);
    }
    if !args.json || is_watched() {
        say(words::plan(&prepared));
    }
    if deletes && !args.yes && is_watched() && !confirmed(&prepared)? {
        prepared.forget();
        say("nothing was deleted");
        return Ok(ExitCode::from(Exit::Failed as u8));
    }
    display.begin(prepared.plan().rows);
    let (plan, object) = (prepared.plan(), prepared.object().to_owned());
    let report = prepared.run(stop).await;
    display.finish();
    let report = match report {
        Ok(report) => report,
        Err(error) => return Err(words::failure(error)),
    };
    let done = words::Done {
        seconds: started.elapsed().as_secs_f64(),
        calls: client.requests_made() - before,
        object: &object,
        operation: &options.operation,
        plan,
        report: &report,
    };
    if args.json {
        print_json(&done.json())?;
    }
    say(done.text());
    Ok(done.exit())
}

fn options(args: &LoadArgs) -> Result<LoadOptions, Failure> {
    let operation = match () {
        () if args.insert => LoadOperation::Insert,
        () if args.update => LoadOperation::Update,
        () if args.hard => LoadOperation::HardDelete,
        () if args.delete => LoadOperation::Delete,
        () => LoadOperation::Upsert { external_id: args.upsert.clone().unwrap_or_default() },
    };
    let name = if args.file.as_os_str() == "-" {
        "stdin".to_owned()
    } else {
        args.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut options = LoadOptions::new(args.object.clone(), operation, Names::new(args.results.clone(), &name));
    for map in &args.map {
        match map.split_once('=') {
            Some((from, to)) => options.renamed.push((from.trim().to_owned(), to.trim().to_owned())),
            None => options.renamed.extend(read_map(Path::new(map))?),
        }
    }
    options.ignored.clone_from(&args.ignore_column);
    options.empty_as_null = args.empty_as_null;
    options.delimiter = args.delimiter.map(|delimiter| match delimiter {
        Delimiter::Comma => ColumnDelimiter::Comma,
        Delimiter::Semicolon => ColumnDelimiter::Semicolon,
        Delimiter::Tab => ColumnDelimiter::Tab,
        Delimiter::Pipe => ColumnDelimiter::Pipe,
        Delimiter::Caret => ColumnDelimiter::Caret,
        Delimiter::Backquote => ColumnDelimiter::Backquote,
    });
    if let Some(name) = &args.encoding {
        let unknown = || {
            Failure::usage(format!("no encoding is called `{name}`"))
                .hint("usual ones are utf-8, windows-1252, latin1, utf-16le, utf-16be, iso-8859-15, shift_jis, gb18030")
        };
        options.encoding = Some(encoding_named(name).ok_or_else(unknown)?);
    }
    options.transport = match () {
        () if args.bulk => Some(Transport::Bulk),
        () if args.collections => Some(Transport::Collections),
        () => None,
    };
    options.part_bytes = args.part_mb * 1_000_000;
    options.part_rows = args.part_rows;
    options.parallel_jobs = usize::from(args.jobs);
    options.plan_only = args.dry_run;
    Ok(options)
}

/// Lines of `COLUMN=FIELD`, as Data Loader keeps them; `#` begins a comment unless a number follows.
fn read_map(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::usage(format!("cannot read {}", path.display()))
            .with_cause(&e)
            .hint("--map takes COLUMN=FIELD, or a file with such lines")
    })?;
    let mut pairs = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        let comment = line.strip_prefix('#').is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        if line.is_empty() || comment {
            continue;
        }
        match line.split_once('=') {
            // Data Loader writes columns that go nowhere with nothing behind the sign.
            Some((_, to)) if to.trim().is_empty() => {}
            Some((from, to)) => pairs.push((from.trim().replace("\\ ", " "), to.trim().replace("\\:", ":"))),
            None => {
                return Err(Failure::usage(format!("{}, line {}: no COLUMN=FIELD", path.display(), n + 1)));
            }
        }
    }
    Ok(pairs)
}

/// A load that did not begin.
async fn refused(client: &Client, args: &LoadArgs, error: LoadError) -> Result<ExitCode, Failure> {
    if args.json
        && let Some(json) = words::problems_json(&error)
    {
        print_json(&json)?;
    }
    match error {
        LoadError::Org(error) if error.status() == Some(404) => {
            // The one that says which object was probably meant.
            super::describe::describe(client, &args.object).await?;
            Err(Failure::from(*error))
        }
        LoadError::Earlier(found) => Err(earlier::failure(&found, client).await),
        error => Err(words::failure(error)),
    }
}

fn dry_run(prepared: Prepared, args: &LoadArgs) -> Result<ExitCode, Failure> {
    if args.json {
        print_json(&words::plan_json(&prepared))?;
    } else {
        crate::output::print(words::plan(&prepared)).map_err(super::writing)?;
        for line in words::columns(&prepared) {
            crate::output::print(line).map_err(super::writing)?;
        }
    }
    prepared.forget();
    say("nothing was written: this was a dry run");
    Ok(ExitCode::SUCCESS)
}

/// Asks before records are deleted.
fn confirmed(prepared: &Prepared) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr().lock();
    let asked = write!(stderr, "delete {} of {}? [y/N] ", counted(prepared.plan().rows, "record"), prepared.object());
    asked.and_then(|()| stderr.flush()).map_err(super::writing)?;
    drop(stderr);
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Failure::usage("cannot read the answer").with_cause(&e))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
