//! `tidegate orgs`: the orgs of the configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_client::{Client, SecretPlace, SfOrgs, UserInfo, org_address, revoke};

use super::login::SECRETS;
use super::{print_json, writing};
use crate::config::edit::Editor;
use crate::config::{self, Config, Flow, Org, OrgSecret};
use crate::failure::Failure;
use crate::output::{self, say};

/// `tidegate orgs [COMMAND]`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct OrgsArgs {
    #[command(subcommand)]
    command: Option<OrgsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum OrgsCommand {
    /// List them. The same as `tidegate orgs`.
    List(ListArgs),
    /// Sign in to one and say who, where and what is left.
    Show(ShowArgs),
    /// Make one the org that is meant when none is named.
    Default(NameArgs),
    /// Remove one from the configuration, with the secrets that `login` stored, and end its refresh token.
    Forget(NameArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Instead, the orgs that Salesforce's own command line is signed in to.
    #[arg(long)]
    sf: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The org; without it the default one.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct NameArgs {
    /// The org.
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn run(named: Option<&Path>, args: OrgsArgs) -> Result<ExitCode, Failure> {
    let config = Config::load(named)?;
    match args.command {
        None => list(&config, &args.list)?,
        Some(OrgsCommand::List(args)) => list(&config, &args)?,
        Some(OrgsCommand::Show(args)) => show(&config, &args).await?,
        Some(OrgsCommand::Default(args)) => default(&config, &args.name)?,
        Some(OrgsCommand::Forget(args)) => forget(&config, &args.name).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Config, args: &ListArgs) -> Result<(), Failure> {
    if args.sf {
        return list_sf(args.json);
    }
    let default = config.meant(None);
    if args.json {
        let orgs: Vec<Value> = config.orgs.iter().map(|(name, org)| described(name, org, default)).collect();
        return print_json(&orgs);
    }
    if config.orgs.is_empty() {
        say("no org is set up; `tidegate login NAME` sets one up");
        return Ok(());
    }
    let mut table = output::table(["NAME", "URL", "USERNAME", "FLOW", "DEFAULT"]);
    for (name, org) in &config.orgs {
        let flow = org.flow().name();
        let user = org.username.as_deref().or(org.sf_org.as_deref()).unwrap_or_default();
        let is_default = if default == Some(name.as_str()) { "yes" } else { "" };
        table.add_row([name.as_str(), &address(org), user, flow, is_default]);
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    if config::from_environment() {
        say("note: TIDEGATE_… variables describe the org that is meant when none is named");
    }
    Ok(())
}

/// The address as it will be used; what cannot be used is shown as it stands.
fn address(org: &Org) -> String {
    let text = org.login_url.as_deref().unwrap_or_default();
    org_address(text).map_or_else(|_| text.to_owned(), |url| url.as_str().trim_end_matches('/').to_owned())
}

fn described(name: &str, org: &Org, default: Option<&str>) -> Value {
    json!({
        "name": name,
        "url": Some(address(org)).filter(|url| !url.is_empty()),
        "username": org.username,
        "flow": org.flow().name(),
        "sf_org": org.sf_org,
        "default": default == Some(name),
    })
}

fn list_sf(as_json: bool) -> Result<(), Failure> {
    let orgs = SfOrgs::of_user()?.list()?;
    if as_json {
        let orgs: Vec<Value> = orgs
            .iter()
            .map(|org| {
                json!({
                    "username": org.username, "aliases": org.aliases, "url": org.instance_url, "org_id": org.org_id,
                    "default": org.is_default,
                })
            })
            .collect();
        return print_json(&orgs);
    }
    let mut table = output::table(["USERNAME", "ALIASES", "URL", "DEFAULT"]);
    for org in &orgs {
        let is_default = if org.is_default { "yes" } else { "" };
        table.add_row([org.username.as_str(), &org.aliases.join(", "), &org.instance_url, is_default]);
    }
    output::print(output::table_text(&table)).map_err(writing)
}

async fn show(config: &Config, args: &ShowArgs) -> Result<(), Failure> {
    let name = config.meant(args.name.as_deref());
    let client = config.connect(args.name.as_deref()).await?;
    let user = client.send(&UserInfo).await?;
    let organization = organization(&client).await;
    let text = |field: &str| organization.as_ref().and_then(|row| row.get(field)?.as_str()).map(str::to_owned);
    let usage = client.api_usage();
    let flow = name.and_then(|name| config.orgs.get(name)).map(|org| org.flow().name());
    let sandbox = organization.as_ref().and_then(|row| row.get("IsSandbox")?.as_bool());
    if args.json {
        return print_json(&json!({
            "name": name, "url": client.instance_url().await?, "flow": flow, "username": user.preferred_username,
            "user_id": user.user_id, "org_id": user.organization_id, "org_name": text("Name"),
            "edition": text("OrganizationType"), "sandbox": sandbox, "instance": text("InstanceName"),
            "trial_ends": text("TrialExpirationDate"), "api_version": client.api_version().to_string(),
            "api_calls_used": usage.map(|usage| usage.used), "api_calls_allowed": usage.map(|usage| usage.allowed),
        }));
    }
    let kind = sandbox.map(|sandbox| if sandbox { "sandbox" } else { "production" });
    let edition = [text("OrganizationType"), kind.map(str::to_owned), text("InstanceName")];
    let calls = usage
        .map(|usage| format!("{} of {} used in 24 hours", output::grouped(usage.used), output::grouped(usage.allowed)));
    let lines = [
        ("name", name.map(str::to_owned)),
        ("url", Some(client.instance_url().await?)),
        ("flow", flow.map(str::to_owned)),
        ("username", user.preferred_username),
        ("user id", Some(user.user_id)),
        ("org", text("Name")),
        ("org id", Some(user.organization_id)),
        ("edition", Some(edition.into_iter().flatten().collect::<Vec<_>>().join(", "))),
        ("trial ends", text("TrialExpirationDate")),
        ("API version", Some(client.api_version().to_string())),
        ("API calls", calls),
    ];
    let mut table = output::plain_table();
    for (what, value) in lines {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            table.add_row([what.to_owned(), value]);
        }
    }
    output::print(output::table_text(&table)).map_err(writing)
}

/// The org's own row, where this user may see it.
async fn organization(client: &Client) -> Option<tidegate_client::Record> {
    let soql = "SELECT Name, OrganizationType, IsSandbox, InstanceName, TrialExpirationDate FROM Organization";
    client.query_page(soql).await.ok()?.records.into_iter().next()
}

fn default(config: &Config, name: &str) -> Result<(), Failure> {
    config.org(name)?;
    let file = config.file().unwrap_or(Path::new("tidegate.toml"));
    let mut editor = Editor::open(file)?;
    editor.set_default(name);
    editor.save()?;
    say(format!("`{name}` is the org that is meant when none is named"));
    Ok(())
}

async fn forget(config: &Config, name: &str) -> Result<(), Failure> {
    let org = config.org(name)?;
    // Only a sign-in of ours is ours to end.
    if matches!(org.flow(), Flow::Web | Flow::Device) {
        let outcome = match config.client_config(Some(name)) {
            Ok(client) => revoke(&client).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(true) => say("its refresh token is revoked"),
            Ok(false) => say("its refresh token was dead already"),
            Err(failure) => say(format!(
                "warning: its refresh token could not be revoked ({}); an administrator can: Setup > Connected Apps OAuth \
                 Usage, or the user: Settings > OAuth Connected Apps",
                failure.summary()
            )),
        }
    }
    let (ours, theirs) = secrets(config, name, org);
    let file = config.file().unwrap_or(Path::new("tidegate.toml"));
    // First the description: a secret that stays behind is a smaller harm than one that is missing.
    let mut editor = Editor::open(file)?;
    editor.remove_org(name);
    editor.save()?;
    for place in &ours {
        place.remove().map_err(|error| Failure::failed("cannot remove a secret").with_cause(&error))?;
    }
    say(format!("`{name}` is forgotten"));
    for path in theirs {
        say(format!("left where it is: {}", path.display()));
    }
    if org.flow() == Flow::Jwt {
        say("the app in the org still knows the certificate of its key: remove the app there if nothing else uses it");
    }
    Ok(())
}

/// The secrets that `login` stored for an org, and files that are somebody else's.
fn secrets(config: &Config, name: &str, org: &Org) -> (Vec<SecretPlace>, Vec<PathBuf>) {
    let places = |org: &Org| -> Vec<SecretPlace> {
        let all = OrgSecret::ALL.into_iter().filter_map(|secret| org.place(secret));
        all.map(|place| place.resolved(|file| config.beside(file))).collect()
    };
    let used: Vec<SecretPlace> =
        config.orgs.iter().filter(|(other, _)| *other != name).flat_map(|(_, org)| places(org)).collect();
    let folder = config.beside(Path::new(SECRETS));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for place in places(org) {
        match &place {
            SecretPlace::File(path) if path.parent() != Some(&folder) => theirs.push(path.clone()),
            _ if used.contains(&place) => {}
            SecretPlace::Env(_) => {}
            // Entries of the key ring that we make begin with the org's name.
            SecretPlace::KeyRing(entry) if !entry.starts_with(&format!("{name} ")) => {}
            _ => ours.push(place),
        }
    }
    for beside in ["crt.pem", "refresh_token.lock"] {
        ours.push(SecretPlace::File(folder.join(format!("{name}.{beside}"))));
    }
    (ours, theirs)
}
