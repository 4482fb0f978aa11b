//! `tidegate check`: everything that would keep work with an org from succeeding, in the order in which it would.

mod findings;
mod org;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tidegate_client::{Client, ClientConfig, Error, LostHow, SecretPlace};

use findings::{Findings, State};

use super::login::SECRETS;
use super::{print_json, writing};
use crate::args::OrgArg;
use crate::config::{Config, OrgSecret, retiring};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted};

/// A clock that is further off than this makes assertions look expired.
const SKEW_SECONDS: i64 = 60;

/// `tidegate check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line is ok, warn or fail, with what to do. The exit code is 3 when something fails. It costs \
    about ten API calls and changes nothing."
)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    org: OrgArg,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(named: Option<&Path>, args: CheckArgs) -> Result<ExitCode, Failure> {
    let config = Config::load(named)?;
    let mut findings = Findings::default();
    let name = config.meant(args.org.org.as_deref());
    match (config.file(), name) {
        (Some(file), Some(name)) => findings.ok("configuration", format!("org `{name}` of {}", file.display())),
        (Some(file), None) => {
            findings.ok("configuration", format!("the TIDEGATE_… variables (there is also {})", file.display()));
        }
        (None, _) => findings.ok("configuration", "the TIDEGATE_… variables; there is no file"),
    }
    // A wrong description is a matter of usage, as it is for every other command.
    let client = config.client_config(args.org.org.as_deref())?;
    secrets(&config, name, &client, &mut findings);
    if let Some(name) = name {
        certificate(&config.beside(&Path::new(SECRETS).join(format!("{name}.crt.pem"))), &mut findings);
    }
    network(&mut findings);
    if let Some(client) = sign_in(client, &mut findings).await {
        clock(&client, &mut findings);
        org::check(&client, &mut findings).await;
    }
    if args.json {
        print_json(&json!({ "ok": !findings.failed(), "checks": findings.all() }))?;
    } else {
        output::print(findings.text()).map_err(writing)?;
    }
    Ok(if findings.failed() { ExitCode::from(Exit::Environment as u8) } else { ExitCode::SUCCESS })
}

/// Who else can read the secrets.
fn secrets(config: &Config, name: Option<&str>, client: &ClientConfig, findings: &mut Findings) {
    let org = name.and_then(|name| config.orgs.get(name));
    let flow = org.map_or("described by the environment", |org| org.flow().name());
    match retiring(client) {
        Some(warning) => findings.warn("flow", flow, warning),
        None => findings.ok("flow", format!("{flow}, {}", client.login.url().as_str().trim_end_matches('/'))),
    }
    let places = OrgSecret::ALL.into_iter().filter_map(|secret| org?.place(secret));
    for place in places.map(|place| place.resolved(|file| config.beside(file))) {
        let SecretPlace::File(path) = place else { continue };
        let shown = path.display();
        match readable_by_others(&path) {
            Some(mode) => findings.warn(
                "secret",
                format!("{shown} can be read by others (mode {mode:o})"),
                &format!("chmod 600 {}", output::quoted(&shown.to_string())),
            ),
            None => findings.ok("secret", format!("{shown} is private")),
        }
    }
}

/// How long the certificate that `login` made is good. The org refuses assertions of an expired one.
fn certificate(file: &Path, findings: &mut Findings) {
    let Ok(pem) = std::fs::read(file) else { return };
    let ends = x509_parser::pem::parse_x509_pem(&pem)
        .ok()
        .and_then(|(_, pem)| Some(pem.parse_x509().ok()?.validity().not_after.timestamp()));
    let Some(ends) = ends else {
        return findings.warn(
            "certificate",
            format!("{} is none", file.display()),
            "make a new one with `tidegate login`",
        );
    };
    let days = (ends - jiff::Timestamp::now().as_second()) / 86_400;
    let advice =
        "remove the key and run `tidegate login` again: it makes a new pair, whose certificate goes to the app";
    match days {
        ..0 => findings.fail("certificate", format!("{} has expired", file.display()), advice),
        0..30 => findings.warn(
            "certificate",
            format!("{} ends in {}", file.display(), counted(days.unsigned_abs(), "day")),
            advice,
        ),
        _ => findings.ok("certificate", format!("good for {}", counted(days.unsigned_abs(), "day"))),
    }
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Option<u32> {
    None
}

/// The proxy that is in the way, if any. Its address may hold a password, so only its host is shown.
fn network(findings: &mut Findings) {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let proxy = names.iter().find_map(|name| Some((name, std::env::var(name).ok().filter(|v| !v.is_empty())?)));
    if let Some((name, value)) = proxy {
        let host = url::Url::parse(&value).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_else(|| "an address that is no URL".to_owned());
        findings.ok("proxy", format!("{name} leads HTTP through {host}; the Pub/Sub API goes direct"));
    }
}

async fn sign_in(config: ClientConfig, findings: &mut Findings) -> Option<Client> {
    let host = config.login.url().host_str().unwrap_or_default().to_owned();
    match Client::connect(config).await {
        Ok(client) => {
            findings.ok("network", format!("{host} is reached, and its certificate is trusted"));
            findings.ok("sign-in", "the org gave a session");
            Some(client)
        }
        Err(error) => {
            let what = match &error {
                Error::Transport { how: LostHow::Untrusted | LostHow::Unreachable, .. } => "network",
                Error::Api { .. } => "API",
                _ => "sign-in",
            };
            findings.failure(what, State::Fail, &error.into());
            None
        }
    }
}

fn clock(client: &Client, findings: &mut Findings) {
    let Some(theirs) = client.server_time() else { return };
    let ahead = jiff::Timestamp::now().duration_since(theirs).as_secs();
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    if ahead.abs() > SKEW_SECONDS {
        let detail = format!("this machine's clock is {} s {direction} the org's", ahead.abs());
        findings.warn(
            "clock",
            detail,
            "set the clock (NTP): assertions would look expired, and time filters would miss",
        );
    } else {
        findings.ok("clock", "agrees with the org's");
    }
}
