//! `tidegate login`: leads through the set-up of an org, tries it, and writes it into the configuration.

mod ask;
mod jwt;
mod key_pair;
mod person;
mod setup;
mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::{Config, Flow};
use crate::failure::Failure;

pub(crate) use setup::SECRETS;
use setup::Setup;

/// `tidegate login NAME`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Secrets are never arguments: they come from a file (or `-` for standard input), from a TIDEGATE_… \
    variable, or are asked for on a terminal. What is stored lies beside the configuration in .tidegate/, readable by you \
    only.\n\nExamples:\n  tidegate login acme --url acme--uat        makes a key pair, says what to click, and tries it\n  \
    tidegate login acme --flow web --url sandbox --client-id KEY\n  tidegate login acme --flow sf-cli --sf-org my-alias"
)]
pub(crate) struct LoginArgs {
    /// What the org will be called here.
    #[arg(value_name = "NAME")]
    name: String,
    /// How to sign in; without it the flow that the other options speak of, else jwt.
    #[arg(long, value_enum)]
    flow: Option<Flow>,
    /// The org: production, sandbox, a My Domain (acme, acme--uat), or a URL.
    #[arg(long, value_name = "ADDRESS", env = "TIDEGATE_LOGIN_URL")]
    url: Option<String>,
    /// The app's consumer key. For web, `PlatformCLI` is the app of Salesforce's own command line, which most orgs have.
    #[arg(long, value_name = "KEY", env = "TIDEGATE_CLIENT_ID")]
    client_id: Option<String>,
    /// The Salesforce username.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_USERNAME")]
    username: Option<String>,
    /// jwt: a key that you have (PEM), instead of a new one.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_PRIVATE_KEY_FILE")]
    private_key_file: Option<PathBuf>,
    /// jwt: the passphrase of that key, where it has one.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// jwt: the audience, where it is not the address.
    #[arg(long, value_name = "URL")]
    audience: Option<String>,
    /// The app's consumer secret, where the flow needs one.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// password: the password with the security token behind it.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// token: the access token or session id; --url is then the instance URL.
    #[arg(long, value_name = "FILE")]
    access_token_file: Option<PathBuf>,
    /// refresh: a refresh token that you have.
    #[arg(long, value_name = "FILE")]
    refresh_token_file: Option<PathBuf>,
    /// sf-cli: the username or alias there; without it the default org there.
    #[arg(long, value_name = "NAME")]
    sf_org: Option<String>,
    /// web: where the browser comes back to, as registered in the app. Port 0 takes a free one.
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// web, device: what to ask for.
    #[arg(long, value_name = "SCOPES", default_value = "api refresh_token")]
    scope: String,
    /// web: only print the address.
    #[arg(long)]
    no_browser: bool,
    /// web: how long to wait for the browser.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    wait: u64,
    /// Store secrets in the operating system's key ring instead of files.
    #[arg(long)]
    keyring: bool,
    /// Make it the org that is meant when none is named.
    #[arg(long)]
    default: bool,
    /// PEM file of a private certificate authority.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// API version to insist on, such as 66.0.
    #[arg(long, value_name = "VERSION", env = "TIDEGATE_API_VERSION")]
    api_version: Option<String>,
    /// host:port of the Pub/Sub API, where it is not Salesforce's own.
    #[arg(long, value_name = "ADDRESS", env = "TIDEGATE_PUBSUB_ENDPOINT")]
    pubsub_endpoint: Option<String>,
    /// Print who is signed in as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(named: Option<&Path>, args: LoginArgs) -> Result<ExitCode, Failure> {
    let setup = Setup::new(Config::load_or_new(named)?, args)?;
    match setup.flow {
        Flow::Jwt => jwt::run(setup).await,
        Flow::Web => person::web(setup).await,
        Flow::Device => person::device(setup).await,
        Flow::ClientCredentials => shared::client_credentials(setup).await,
        Flow::Password => shared::password(setup).await,
        Flow::Token => shared::token(setup).await,
        Flow::Refresh => shared::refresh(setup).await,
        Flow::SfCli => shared::sf_cli(setup).await,
    }
}
