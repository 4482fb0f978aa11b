//! The words of `tidegate emulator`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum EmulatorCommand {
    /// Serve an org until interrupted.
    Serve(ServeArgs),
    /// Load describes, packages, record trees and CSV files into a running emulator: all of them, or nothing.
    Load(LoadArgs),
    /// Write the whole org of a running emulator to a file, or hold it under a name for `reset`.
    Snapshot(SnapshotArgs),
    /// Forget faults, requests, usage and the clock's offset; put the org back where it was.
    Reset(ResetArgs),
    /// Plan a failure of coming requests, show what is planned, or drop it.
    Fault(FaultArgs),
    /// Show, move, stop or start the org's clock.
    Clock(ClockArgs),
    /// Show the last requests that came in.
    Requests(RequestsArgs),
}

/// Which emulator.
#[derive(Debug, clap::Args)]
pub(crate) struct EmulatorUrl {
    /// The emulator's plain HTTP address, as `emulator serve` tells it.
    #[arg(long, env = "TIDEGATE_EMULATOR_URL", value_name = "URL")]
    pub(crate) url: url::Url,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where plain HTTP is served; port 0 picks a free port. Loopback only.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where HTTPS is served.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) tls_listen: SocketAddr,
    /// Where the Pub/Sub API (gRPC over TLS) is served.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) pubsub_listen: SocketAddr,
    /// Keep keys, credentials and the org here, and open them again next time. Without it nothing is kept, but
    /// for the key file, which goes to a temporary folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The org is made from this number.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Contacts in the org; the other objects are in proportion. 0 makes an org without records. 1,000 unless the
    /// org comes from elsewhere.
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub(crate) rows: Option<u64>,
    /// Start from a snapshot that `emulator snapshot` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Fill the org from files: describe results, packages and projects for its objects; record trees with their plans
    /// and CSV files for its records; archives or folders of them. May be given several times; without --rows there
    /// is nothing else in the org then.
    #[arg(long, value_name = "PATH")]
    pub(crate) load: Vec<PathBuf>,
    /// A setting of the org, such as edition=enterprise, password_grant=true or hourly_logins=5. May be given several
    /// times; GET /__emulator/settings shows them all.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, serde_json::Value)>,
    /// Longest silence on a subscription before an empty answer, in milliseconds (Salesforce: up to 270,000).
    #[arg(long, default_value_t = 5_000, value_name = "MS")]
    pub(crate) keep_alive_ms: u64,
    /// Daily API requests the org allows.
    #[arg(long, default_value_t = 5_000_000, value_name = "N")]
    pub(crate) daily_requests: u64,
    /// Print one line of JSON on stdout once it answers, and nothing else there.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// Files, or folders of them. A CSV file is named after its object.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The object of CSV files, whatever their names.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// Upsert CSV rows by this external id instead of inserting them.
    #[arg(long, value_name = "FIELD")]
    pub(crate) external_id: Option<String>,
    /// Print what was done as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// The file to write; `emulator serve --from FILE` starts from it.
    #[arg(value_name = "FILE", required_unless_present = "hold", conflicts_with = "hold")]
    pub(crate) file: Option<PathBuf>,
    /// Hold it in the emulator's memory under this name: `emulator reset --to NAME` goes back to it.
    #[arg(long, value_name = "NAME")]
    pub(crate) hold: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// Back to a snapshot: a name that was held, or a file.
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "rows")]
    pub(crate) to: Option<String>,
    /// Fill the org anew with so many contacts and the rest in proportion.
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<u64>,
    /// The number that the new records are made from.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "rows")]
    pub(crate) seed: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FaultArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// Part of the path of the requests, or the whole of it with `*` for any text.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) path: Option<String>,
    /// Only requests by this HTTP method.
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// So many fitting requests pass unharmed first.
    #[arg(long, value_name = "N")]
    pub(crate) after: Option<u64>,
    /// How many requests are harmed (1); 0 for no end.
    #[arg(long, value_name = "N")]
    pub(crate) times: Option<u64>,
    /// A storm: so long after the first request that was harmed (`5s`, `2m`).
    #[arg(long = "for", value_name = "DURATION", value_parser = milliseconds)]
    pub(crate) storm: Option<i64>,
    /// Harm only so many of a hundred fitting requests.
    #[arg(long, value_name = "N")]
    pub(crate) percent: Option<u8>,
    /// Refuse as Salesforce does: server_unavailable, concurrent_limit, daily_limit, row_lock, query_timeout, ...
    #[arg(long, value_name = "REFUSAL")]
    pub(crate) refuse: Option<String>,
    /// Answer with this status; nothing is done.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<u16>,
    /// Wait before anything else.
    #[arg(long, value_name = "DURATION", value_parser = milliseconds)]
    pub(crate) delay: Option<i64>,
    /// Do the work and drop the connection.
    #[arg(long)]
    pub(crate) lose_answer: bool,
    /// End the request's token before it is handled.
    #[arg(long)]
    pub(crate) expire_token: bool,
    /// Send so many bytes of the body, then drop the connection.
    #[arg(long, value_name = "BYTES")]
    pub(crate) cut_after_bytes: Option<u64>,
    /// A whole plan as JSON, for what has no flag (openapi.json describes it).
    #[arg(long, value_name = "JSON", conflicts_with_all = ["path", "refuse", "status", "delay", "lose_answer"])]
    pub(crate) plan: Option<String>,
    /// Show what is planned, and how often each was served.
    #[arg(long)]
    pub(crate) list: bool,
    /// Drop all plans.
    #[arg(long, conflicts_with = "list")]
    pub(crate) clear: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClockArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// Move it forward (`90s`, `2h`, `3d`), or back (`-1h`).
    #[arg(long, value_name = "DURATION", value_parser = milliseconds, allow_hyphen_values = true)]
    pub(crate) advance: Option<i64>,
    /// Set it to an instant (`2026-11-25T12:00:00Z`).
    #[arg(long, value_name = "INSTANT")]
    pub(crate) set: Option<jiff::Timestamp>,
    /// Stop it.
    #[arg(long)]
    pub(crate) freeze: bool,
    /// Let it run again.
    #[arg(long, conflicts_with = "freeze")]
    pub(crate) run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RequestsArgs {
    #[command(flatten)]
    pub(crate) emulator: EmulatorUrl,
    /// Part of the path, or the whole of it with `*` for any text.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) path: Option<String>,
    /// `404`, `5xx`, or `none` where the answer was thrown away.
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only those that a fault was served to.
    #[arg(long)]
    pub(crate) faulty: bool,
    /// The newest so many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) last: usize,
    /// Print them as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A setting's name (with dots for one within a group) and its value: JSON, or text where it is none.
fn setting(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.trim().to_owned(), value))
}

/// A duration in words, in milliseconds. A day has 24 hours.
fn milliseconds(text: &str) -> Result<i64, String> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let span: jiff::Span = text.parse().map_err(|e| format!("{e}; write 90s, 2h or 3d"))?;
    let total = span.total((jiff::Unit::Millisecond, jiff::SpanRelativeTo::days_are_24_hours()));
    Ok(sign * total.map_err(|e| e.to_string())? as i64)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations() {
        for (text, ms) in
            [("90s", 90_000), ("2h", 7_200_000), ("3d", 259_200_000), ("-1h", -3_600_000), ("1d 2h", 93_600_000)]
        {
            assert_eq!(milliseconds(text), Ok(ms), "{text}");
        }
        assert!(milliseconds("soon").unwrap_err().contains("write 90s"));
    }
}
