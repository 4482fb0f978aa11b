//! `tidegate api`: any path of the org with any method; the answer as it comes.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use futures::StreamExt;
use http::Method;
use tidegate_client::rest::{ByteStream, Raw};

use super::writing;
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::say;

/// As much of a refusal as is shown.
const REFUSAL_CHARACTERS_MAX: usize = 4_000;

#[derive(Debug, clap::Args)]
pub(crate) struct ApiArgs {
    /// GET, POST, PATCH, PUT, DELETE, HEAD.
    #[arg(value_name = "METHOD")]
    method: String,
    /// Below the API version (sobjects/Account, limits, "query?q=SELECT Id FROM Account"), or with a slash at its
    /// beginning anywhere in the org (/services/apexrest/…).
    #[arg(value_name = "PATH")]
    path: String,
    #[command(flatten)]
    org: OrgArg,
    /// What is sent, from this file; `-` reads it from standard input. JSON, unless --header says otherwise.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The status and the headers of the answer first.
    #[arg(short, long)]
    include: bool,
    /// Write the answer to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(config: &Config, args: ApiArgs) -> Result<ExitCode, Failure> {
    let raw = request(&args)?;
    let client = config.connect(args.org.org.as_deref()).await?;
    let what = format!("{} {}", args.method.to_ascii_uppercase(), args.path.split('?').next().unwrap_or_default());
    let mut answer = match client.stream(&raw).await {
        Ok(answer) => answer,
        Err(error) => {
            let unknown =
                error.is_outcome_unknown() && !matches!(args.method.to_ascii_uppercase().as_str(), "GET" | "HEAD");
            let failure = Failure::from(error);
            return Err(if unknown {
                failure.hint("whether it was done is unknown, as the answer was lost: look before you try again")
            } else {
                failure
            });
        }
    };
    let status = answer.status();
    if args.include {
        let mut head = format!("HTTP {status}\n");
        for (name, value) in answer.headers() {
            head.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
        crate::output::print(head).map_err(writing)?;
    }
    if !status.is_success() {
        return Err(refused(&what, answer).await);
    }
    match &args.out {
        Some(path) => {
            // Beside the file first: what breaks leaves no half of it.
            let mut beside = path.clone().into_os_string();
            beside.push(".part");
            let written = to_file(&mut answer, beside.as_ref()).await;
            let written = written.and_then(|bytes| std::fs::rename(&beside, path).map(|()| bytes).map_err(writing));
            if written.is_err() {
                let _ = std::fs::remove_file(&beside);
            }
            say(format!("{} bytes", crate::output::grouped(written?)));
        }
        None => {
            let written = to(&mut answer, &mut io::stdout().lock()).await;
            written.map(drop)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: &ApiArgs) -> Result<Raw, Failure> {
    let method = args.method.to_ascii_uppercase();
    let known = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
    if !known.contains(&method.as_str()) {
        return Err(
            Failure::usage(format!("`{}` is no method", args.method)).hint(format!("one of {}", known.join(", ")))
        );
    }
    let method = method.parse::<Method>().map_err(|e| Failure::usage("the method cannot be used").with_cause(&e))?;
    let mut raw = Raw::new(method, args.path.as_str());
    let mut content_type = "application/json; charset=UTF-8".to_owned();
    for header in &args.headers {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Failure::usage(format!("`{header}` is not NAME: VALUE")));
        };
        if name.trim().eq_ignore_ascii_case("content-type") {
            content_type = value.trim().to_owned();
        } else {
            raw = raw.header(name.trim(), value.trim());
        }
    }
    if let Some(path) = &args.body {
        let mut bytes = Vec::new();
        let name = path.display();
        if path.as_os_str() == "-" {
            io::stdin().read_to_end(&mut bytes).map(drop)
        } else {
            std::fs::read(path).map(|read| bytes = read)
        }
        .map_err(|e| Failure::usage(format!("cannot read {name}")).with_cause(&e))?;
        raw = raw.body(bytes, content_type);
    }
    Ok(raw)
}

async fn to_file(answer: &mut ByteStream, path: &std::path::Path) -> Result<u64, Failure> {
    let file = std::fs::File::create(path).map_err(writing)?;
    let mut out = io::BufWriter::new(file);
    let bytes = to(answer, &mut out).await?;
    out.flush().map_err(writing)?;
    Ok(bytes)
}

async fn to(answer: &mut ByteStream, out: &mut impl Write) -> Result<u64, Failure> {
    let mut bytes = 0;
    let mut last = b'\n';
    while let Some(piece) = answer.next().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        last = piece.last().copied().unwrap_or(last);
        match out.write_all(&piece) {
            // `| head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(bytes),
            other => other.map_err(writing)?,
        }
    }
    if last != b'\n' && io::stdout().is_terminal() {
        let _ = out.write_all(b"\n");
    }
    out.flush()
        .or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
        .map_err(writing)?;
    Ok(bytes)
}

/// The org's own words, in whatever form they come.
async fn refused(what: &str, mut answer: ByteStream) -> Failure {
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(Ok(piece)) = answer.next().await {
        body.extend_from_slice(&piece);
    }
    let exit = if matches!(status.as_u16(), 401 | 403 | 429 | 503) { Exit::Environment } else { Exit::Failed };
    let mut failure = Failure::new(exit, format!("{what}: the org answered with {status}"));
    let text = String::from_utf8_lossy(&body);
    match serde_json::from_slice::<Vec<tidegate_client::ApiError>>(&body) {
        Ok(errors) => {
            for error in errors.iter().filter(|error| !(error.code.is_empty() && error.message.is_empty())) {
                failure = failure.cause(format!("{}: {}", error.code, error.message.trim()));
            }
        }
        Err(_) if text.trim().is_empty() => {}
        Err(_) => failure = failure.cause(text.trim().chars().take(REFUSAL_CHARACTERS_MAX).collect::<String>()),
    }
    failure
}
