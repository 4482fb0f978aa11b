//! The configuration file, the environment, and which of them wins.
//!
//! Flags over environment over file. Unknown keys are refused with a suggestion. Secrets come from files or the
//! environment, and are held in a type that prints nothing.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, environment as env_vars};

use crate::failure::Failure;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The org that is meant when none is named.
    pub(crate) default_org: Option<String>,
    /// Orgs by name.
    pub(crate) orgs: BTreeMap<String, Org>,
    /// What `pull`, `sync`, `verify` and `status` work on when nothing is given.
    pub(crate) sync: Sync,
    /// How much of an org's limits may be used.
    limits: Limits,
    /// The file itself: paths in it are relative to its folder.
    #[serde(skip)]
    path: PathBuf,
}

/// How to sign in to an org.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Org {
    /// My Domain URL.
    login_url: String,
    flow: Option<Flow>,
    client_id: Option<String>,
    username: Option<String>,
    /// PEM, PKCS #8 or PKCS #1.
    private_key_file: Option<PathBuf>,
    /// For an encrypted key.
    passphrase_file: Option<PathBuf>,
    client_secret_file: Option<PathBuf>,
    access_token_file: Option<PathBuf>,
    /// Audience of the JWT, where it is not the login URL.
    audience: Option<String>,
    /// PEM file of a private certificate authority.
    ca_file: Option<PathBuf>,
    /// Such as `66.0`.
    api_version: Option<String>,
    /// `host:port` of the Pub/Sub API.
    pubsub_endpoint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Flow {
    Jwt,
    ClientCredentials,
    Token,
}

/// A pipeline.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sync {
    /// Name of the org.
    pub(crate) org: Option<String>,
    /// Destination URL.
    pub(crate) to: Option<String>,
    /// Objects by API name.
    pub(crate) objects: Vec<String>,
}

/// How much of an org's limits may be used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    /// Percent of what the org allows that its use may come to.
    share: Option<f64>,
    /// Directory in which processes share one budget.
    place: Option<PathBuf>,
    /// `interactive`, `normal` or `background`.
    priority: Option<String>,
}

impl Config {
    /// Reads the named file, or the first one that exists of the usual places. No file is an empty configuration.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => match usual_places().into_iter().find(|path| path.is_file()) {
                Some(path) => path,
                None => return Ok(Self::default()),
            },
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|e| Failure::usage(format!("cannot read {}", path.display())).with_cause(&e))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            // TOML's own rendering shows the line, which may hold a secret that somebody put there.
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let failure = Failure::usage(format!("{} is not right", path.display()))
                .with_cause(&ConfigError { line, message: error.message().to_owned() });
            match suggestion(error.message()) {
                Some(name) => failure.hint(format!("did you mean `{name}`?")),
                None => failure,
            }
        })?;
        config.path = path.to_owned();
        Ok(config)
    }

    /// A path of the file, seen from here.
    fn beside(&self, file: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| file.to_owned(), |folder| folder.join(file))
    }

    /// Signs in to the org of this name, to the default one, or to the one that the environment describes.
    pub(crate) async fn connect(&self, name: Option<&str>) -> Result<Client, Failure> {
        Ok(Client::connect(self.client_config(name)?).await?)
    }

    pub(crate) fn client_config(&self, name: Option<&str>) -> Result<ClientConfig, Failure> {
        let mut config = self.org_of(name)?;
        if let Some(share) = self.limits.share {
            config.budget.share = share;
        }
        if let Some(place) = &self.limits.place {
            config.budget.place = Some(self.beside(place));
        }
        if let Some(priority) = &self.limits.priority {
            config.budget.priority = priority.parse()?;
        }
        config.budget.check()?;
        Ok(config)
    }

    fn org_of(&self, name: Option<&str>) -> Result<ClientConfig, Failure> {
        let from_environment =
            env::var_os(env_vars::LOGIN_URL).is_some() || env::var_os(env_vars::INSTANCE_URL).is_some();
        match name.or(self.sync.org.as_deref().filter(|_| !from_environment)) {
            Some(name) => self.named(name),
            None if from_environment => Ok(ClientConfig::from_env()?),
            None => match (&self.default_org, self.orgs.len()) {
                (Some(name), _) => self.named(name),
                (None, 1) => self.named(self.orgs.keys().next().map_or("", String::as_str)),
                (None, 0) => Err(Failure::usage("no org is configured").hint(format!(
                    "describe one in tidegate.toml under [orgs.NAME], or set {}, {}, {} and {}; \
                     `tidegate demo` needs no org",
                    env_vars::LOGIN_URL,
                    env_vars::CLIENT_ID,
                    env_vars::USERNAME,
                    env_vars::PRIVATE_KEY_FILE
                ))),
                (None, _) => Err(Failure::usage("several orgs are configured, and none is named").hint(format!(
                    "name one with --org, or set default_org; there are {}",
                    self.orgs.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                ))),
            },
        }
    }

    fn named(&self, name: &str) -> Result<ClientConfig, Failure> {
        let Some(org) = self.orgs.get(name) else {
            let known: Vec<&str> = self.orgs.keys().map(String::as_str).collect();
            let failure = Failure::usage(format!("no org is called `{name}`"));
            return Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None if known.is_empty() => failure.hint("describe it in tidegate.toml under [orgs.NAME]"),
                None => failure.hint(format!("there are {}", known.join(", "))),
            });
        };
        self.org_config(name, org)
    }

    fn org_config(&self, name: &str, org: &Org) -> Result<ClientConfig, Failure> {
        let lacks = |key: &str| {
            Failure::usage(format!("org `{name}` needs `{key}`"))
                .hint(format!("add it under [orgs.{name}] in {}", self.path.display()))
        };
        let need = |value: &Option<String>, key: &str| value.clone().ok_or_else(|| lacks(key));
        let secret = |file: &Option<PathBuf>, key: &str, variable: &str| -> Result<SecretString, Failure> {
            match (file, env::var(variable)) {
                (_, Ok(value)) => Ok(value.into()),
                (Some(file), _) => read_secret(&self.beside(file), key),
                (None, _) => Err(lacks(key).hint(format!("add it under [orgs.{name}], or set {variable}"))),
            }
        };
        let flow = org.flow.unwrap_or(match () {
            () if org.access_token_file.is_some() => Flow::Token,
            () if org.client_secret_file.is_some() => Flow::ClientCredentials,
            () => Flow::Jwt,
        });
        let credentials = match flow {
            Flow::Jwt => Credentials::JwtBearer {
                client_id: need(&org.client_id, "client_id")?,
                username: need(&org.username, "username")?,
                private_key: match &org.private_key_file {
                    Some(file) => read_secret(&self.beside(file), "private_key_file")?,
                    None => return Err(lacks("private_key_file")),
                },
                passphrase: match (env::var(env_vars::PRIVATE_KEY_PASSPHRASE), &org.passphrase_file) {
                    (Ok(passphrase), _) => Some(passphrase.into()),
                    (_, Some(file)) => Some(read_secret(&self.beside(file), "passphrase_file")?),
                    _ => None,
                },
                audience: org.audience.clone(),
            },
            Flow::ClientCredentials => Credentials::ClientCredentials {
                client_id: need(&org.client_id, "client_id")?,
                client_secret: secret(&org.client_secret_file, "client_secret_file", env_vars::CLIENT_SECRET)?,
            },
            Flow::Token => Credentials::AccessToken {
                token: secret(&org.access_token_file, "access_token_file", env_vars::ACCESS_TOKEN)?,
            },
        };
        let mut config = ClientConfig::new(OrgLogin::new(&org.login_url, credentials)?);
        config.ca_file = org.ca_file.as_ref().map(|file| self.beside(file));
        if let Some(version) = &org.api_version {
            config.api_version = Some(version.parse()?);
        }
        if let Some(endpoint) = &org.pubsub_endpoint {
            config.pubsub_endpoint.clone_from(endpoint);
        }
        Ok(config)
    }
}

/// Reads a file that the key or variable of this name points to.
fn read_secret(path: &Path, named_by: &str) -> Result<SecretString, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned().into()),
        Err(error) => Err(Failure::usage(format!("cannot read {}", path.display()))
            .with_cause(&error)
            .hint(format!("the path comes from {named_by}"))),
    }
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("tidegate.toml")];
    let base = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    places.extend(base.map(|base| base.join("tidegate").join("config.toml")));
    places
}

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {message}")]
struct ConfigError {
    line: usize,
    message: String,
}

/// From "unknown field `x`, expected one of `a`, `b`" the name that was probably meant.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let typed = quoted.next().filter(|_| message.starts_with("unknown"))?;
    let known: Vec<&str> = quoted.collect();
    closest(typed, &known).map(str::to_owned)
}

/// The name that differs least, if it differs little. Swapped neighbours count as one difference.
pub(crate) fn closest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_with_a_suggestion() {
        let text = "[orgs.prod]\nlogin_url = \"https://acme.my.salesforce.com\"\nclient_idd = \"x\"\n";
        let failure = Config::parse(text, Path::new("tidegate.toml")).unwrap_err();
        let text = format!("{failure:?}");
        assert!(text.contains("did you mean `client_id`?"), "{text}");
    }

    #[test]
    fn an_org_says_what_it_lacks() {
        let config = Config::parse("[orgs.a]\nlogin_url = \"https://a.my.salesforce.com\"\n", Path::new("t")).unwrap();
        let text = format!("{:?}", config.client_config(Some("a")).unwrap_err());
        assert!(text.contains("needs `client_id`"), "{text}");
        let text = format!("{:?}", config.client_config(Some("aa")).unwrap_err());
        assert!(text.contains("did you mean `a`?") || text.contains("there are a"), "{text}");
    }

    #[test]
    fn closest_names() {
        assert_eq!(closest("Nmae", &["Id", "Name", "Email"]), Some("Name"));
        assert_eq!(closest("clint_id", &["client_id", "username"]), Some("client_id"));
        assert_eq!(closest("zzz", &["client_id", "username"]), None);
    }
}
