//! What every flow of `login` needs: what was given, where secrets go, and the end, which tries the sign-in and writes it
//! down.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::SecretString;
use serde_json::json;
use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, SecretPlace, UserInfo, org_address};

use super::{LoginArgs, ask};
use crate::commands::print_json;
use crate::config::edit::{Editor, Written};
use crate::config::{Config, Flow, Org, OrgSecret, retiring};
use crate::failure::Failure;
use crate::output::say;

/// The folder for secrets, beside the configuration.
pub(crate) const SECRETS: &str = ".tidegate";

/// A login on its way.
pub(super) struct Setup {
    pub(super) args: LoginArgs,
    pub(super) flow: Flow,
    config: Config,
    /// What the file says of an org of this name.
    existing: Option<Org>,
    /// The keys of the description, in the order in which they are written.
    entries: Vec<(String, Written)>,
    /// Secrets that are stored once the sign-in has succeeded.
    to_store: Vec<(SecretPlace, SecretString)>,
}

impl Setup {
    pub(super) fn new(config: Config, args: LoginArgs) -> Result<Self, Failure> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if args.name.is_empty() || args.name.starts_with(['.', '-']) || !args.name.chars().all(good) {
            return Err(Failure::usage(format!("`{}` cannot be the name of an org", args.name))
                .hint("letters, digits, `-`, `_` and `.` make a name"));
        }
        if args.keyring && !SecretPlace::HAS_KEY_RING {
            return Err(Failure::usage("this tidegate was built without the key ring")
                .hint("leave --keyring out, which stores secrets in files; or build with --features keyring"));
        }
        let existing = config.orgs.get(&args.name).cloned();
        let flow = args.flow.or(existing.as_ref().map(Org::flow)).unwrap_or(match () {
            () if args.sf_org.is_some() => Flow::SfCli,
            () if args.access_token_file.is_some() => Flow::Token,
            () if args.refresh_token_file.is_some() => Flow::Refresh,
            () if args.password_file.is_some() => Flow::Password,
            () if args.callback.is_some() => Flow::Web,
            () if args.client_secret_file.is_some() && args.private_key_file.is_none() => Flow::ClientCredentials,
            () => Flow::Jwt,
        });
        Ok(Self { args, flow, config, existing, entries: Vec::new(), to_store: Vec::new() })
    }

    pub(super) fn file(&self) -> &Path {
        self.config.file().unwrap_or(Path::new("tidegate.toml"))
    }

    pub(super) fn put(&mut self, key: &str, value: impl Into<String>) {
        self.entries.push((key.to_owned(), Written::Text(value.into())));
    }

    /// The address, which is written down too. `own`: the shared hosts will not do.
    pub(super) fn url(&mut self, own: bool) -> Result<String, Failure> {
        let given = self.args.url.clone().or_else(|| self.existing.as_ref()?.login_url.clone());
        let url = match given {
            Some(url) => url,
            None => ask::text("Org (production, sandbox, a My Domain such as acme, or a URL)", "--url")?,
        };
        let address = org_address(&url)?;
        let shared = matches!(address.host_str(), Some("login.salesforce.com" | "test.salesforce.com"));
        if own && shared {
            return Err(Failure::usage(format!("{} works on the org's own address only", self.flow.name()))
                .hint("give its My Domain: Setup > My Domain shows it, as in acme.my.salesforce.com"));
        }
        self.put("login_url", url.clone());
        self.put("flow", self.flow.name());
        Ok(url)
    }

    pub(super) fn known_client_id(&self) -> Option<String> {
        self.args.client_id.clone().or_else(|| self.existing.as_ref()?.client_id.clone())
    }

    pub(super) fn known_username(&self) -> Option<String> {
        self.args.username.clone().or_else(|| self.existing.as_ref()?.username.clone())
    }

    pub(super) fn client_id(&mut self) -> Result<String, Failure> {
        let id = self.known_client_id().map_or_else(|| ask::text("Consumer key of the app", "--client-id"), Ok)?;
        self.put("client_id", id.clone());
        Ok(id)
    }

    pub(super) fn username(&mut self) -> Result<String, Failure> {
        let name = self.known_username().map_or_else(|| ask::text("Salesforce username", "--username"), Ok)?;
        self.put("username", name.clone());
        Ok(name)
    }

    pub(super) fn callback(&self) -> Option<String> {
        self.args.callback.clone().or_else(|| self.existing.as_ref()?.callback.clone())
    }

    pub(super) fn sf_org(&self) -> Option<String> {
        self.args.sf_org.clone().or_else(|| self.existing.as_ref()?.sf_org.clone())
    }

    /// The key file that was given, or that the file names.
    pub(super) fn key_file(&self) -> Option<PathBuf> {
        let known = || self.existing.as_ref()?.private_key_file.as_ref().map(|file| self.config.beside(file));
        self.args.private_key_file.clone().or_else(known)
    }

    /// The file that a secret of this org has here.
    pub(super) fn secret_file(&self, extension: &str) -> PathBuf {
        self.config.beside(&Path::new(SECRETS).join(format!("{}.{extension}", self.args.name)))
    }

    /// Where a secret will be stored. Makes the folder.
    pub(super) fn place(&self, which: OrgSecret) -> Result<SecretPlace, Failure> {
        if self.args.keyring {
            return Ok(SecretPlace::KeyRing(format!("{} {}", self.args.name, which.key())));
        }
        self.make_folder()?;
        Ok(SecretPlace::File(self.secret_file(which.key())))
    }

    /// The folder for secrets: of its owner alone, and in no repository.
    pub(super) fn make_folder(&self) -> Result<(), Failure> {
        let folder = self.config.beside(Path::new(SECRETS));
        let make = || -> std::io::Result<()> {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&folder)?;
            let ignore = folder.join(".gitignore");
            if ignore.exists() { Ok(()) } else { std::fs::write(ignore, "*\n") }
        };
        make().map_err(|error| Failure::failed(format!("cannot make {}", folder.display())).with_cause(&error))
    }

    /// Writes down where a secret is.
    pub(super) fn put_place(&mut self, which: OrgSecret, place: &SecretPlace) {
        let (key, value) = match place {
            SecretPlace::File(path) => (format!("{}_file", which.key()), Written::Text(self.written(path))),
            SecretPlace::KeyRing(entry) => (which.key().to_owned(), Written::KeyRing(entry.clone())),
            // A variable is not written: its value is stored instead.
            SecretPlace::Env(_) => return,
        };
        self.entries.push((key, value));
    }

    /// A path as it stands in the configuration: relative to it where it lies beside it.
    fn written(&self, path: &Path) -> String {
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = whole(self.file()).parent().map(Path::to_owned).unwrap_or_default();
        let path = whole(path);
        path.strip_prefix(&folder).unwrap_or(&path).display().to_string()
    }

    /// A secret: of the file given, of standard input, of the environment, of where an earlier login put it, or typed.
    /// Where it has no place of its own yet, it is stored at the end.
    pub(super) fn secret(
        &mut self,
        which: OrgSecret,
        given: Option<PathBuf>,
        variable: &str,
        what: &str,
    ) -> Result<SecretString, Failure> {
        let option = format!("--{}-file FILE (`-` is standard input) or {variable}", which.key().replace('_', "-"));
        let stored = |setup: &Self| {
            setup.existing.as_ref()?.place(which).map(|place| place.resolved(|file| setup.config.beside(file)))
        };
        let secret = match given {
            Some(path) if path == Path::new("-") => standard_input()?,
            Some(path) => {
                let place = SecretPlace::File(path);
                self.put_place(which, &place);
                return Ok(place.read()?);
            }
            None => match (std::env::var(variable), stored(self)) {
                (Ok(value), _) if !value.is_empty() => value.into(),
                (_, Some(place)) if place.read().is_ok() => {
                    self.put_place(which, &place);
                    return Ok(place.read()?);
                }
                _ => ask::secret(what, &option)?,
            },
        };
        let place = self.place(which)?;
        self.put_place(which, &place);
        self.to_store.push((place, secret.clone()));
        Ok(secret)
    }

    /// Whether the last secret asked for still has to be stored; if so, that is left to the caller.
    pub(super) fn take_stored(&mut self) -> bool {
        self.to_store.pop().is_some()
    }

    /// A secret that not every app needs.
    pub(super) fn maybe_client_secret(&mut self) -> Result<Option<SecretString>, Failure> {
        let has = self.args.client_secret_file.is_some()
            || std::env::var_os("TIDEGATE_CLIENT_SECRET").is_some()
            || self.existing.as_ref().is_some_and(|org| org.place(OrgSecret::Consumer).is_some());
        if !has {
            return Ok(None);
        }
        let file = self.args.client_secret_file.clone();
        self.secret(OrgSecret::Consumer, file, "TIDEGATE_CLIENT_SECRET", "Consumer secret").map(Some)
    }

    /// What the client needs to know; what does not depend on the flow is written down.
    pub(super) fn client(&mut self, url: &str, credentials: Credentials) -> Result<ClientConfig, Failure> {
        let login = OrgLogin::new(url, credentials)?;
        self.client_of(login)
    }

    pub(super) fn client_of(&mut self, login: OrgLogin) -> Result<ClientConfig, Failure> {
        let mut client = ClientConfig::new(login);
        let old = self.existing.clone().unwrap_or_default();
        let ca_file = self.args.ca_file.clone().or(old.ca_file.as_ref().map(|file| self.config.beside(file)));
        if let Some(file) = ca_file {
            self.put("ca_file", self.written(&file));
            client.ca_file = Some(file);
        }
        if let Some(version) = self.args.api_version.clone().or(old.api_version) {
            client.api_version = Some(version.parse()?);
            self.put("api_version", version);
        }
        if let Some(endpoint) = self.args.pubsub_endpoint.clone().or(old.pubsub_endpoint) {
            client.pubsub_endpoint.clone_from(&endpoint);
            self.put("pubsub_endpoint", endpoint);
        }
        Ok(client)
    }

    /// Tries the sign-in, stores the secrets, writes the description, and says who is signed in.
    pub(super) async fn finish(self, client: ClientConfig) -> Result<ExitCode, Failure> {
        if let Some(warning) = retiring(&client) {
            say(format!("warning: {warning}"));
        }
        let org = Client::connect(client).await?;
        self.signed_in(&org).await
    }

    /// As [`Setup::finish`], where the sign-in was tried already.
    pub(super) async fn signed_in(mut self, org: &Client) -> Result<ExitCode, Failure> {
        let user = org.send(&UserInfo).await?;
        let username = user.preferred_username.unwrap_or_default();
        // For whoever reads the file, and for the next sign-in of a person.
        if self.flow != Flow::SfCli && !username.is_empty() && !self.entries.iter().any(|(key, _)| key == "username") {
            self.put("username", username.clone());
        }
        let url = org.instance_url().await?;
        for (place, secret) in &self.to_store {
            place.write(secret).map_err(|error| Failure::failed("cannot store the secret").with_cause(&error))?;
        }
        let mut editor = Editor::open(self.file())?;
        editor.set_org(&self.args.name, &self.entries)?;
        if self.args.default {
            editor.set_default(&self.args.name);
        }
        editor.save()?;
        let name = &self.args.name;
        say(format!("signed in as {username} at {url}"));
        say(format!(
            "org {}, API version {}; written to {} as `{name}`",
            user.organization_id,
            org.api_version(),
            self.file().display()
        ));
        let others = self.config.orgs.keys().any(|other| other != name);
        let default = self.args.default || self.config.default_org.as_deref() == Some(name) || !others;
        if !default {
            say(format!("use it with `-o {name}`, or `tidegate orgs default {name}`"));
        }
        if self.args.json {
            print_json(&json!({
                "name": name, "url": url, "username": username, "org_id": user.organization_id, "user_id": user.user_id,
                "flow": self.flow.name(), "api_version": org.api_version().to_string(), "default": default,
                "config": self.file().display().to_string(),
            }))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standard_input() -> Result<SecretString, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(1 << 20)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage("cannot read standard input").with_cause(&error))?;
    match text.trim() {
        "" => Err(Failure::usage("standard input is empty").hint("the secret was expected there")),
        secret => Ok(secret.to_owned().into()),
    }
}
