//! The configuration file, the environment, and which of them wins.
//!
//! Flags over environment over file. Unknown keys are refused with a suggestion. Secrets come from files or the
//! environment, and are held in a type that prints nothing.

pub(crate) mod edit;
mod org;
mod secret;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_client::{Client, ClientConfig, environment as env_vars};

pub(crate) use org::{Flow, Org, Secret as OrgSecret};

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

    /// As [`Config::load`], for a command that writes: a file that does not exist yet is an empty one at the place where
    /// it will be, which is the user's own configuration folder unless another is named.
    pub(crate) fn load_or_new(named: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = named
            && !path.exists()
        {
            return Ok(Self { path: path.to_owned(), ..Self::default() });
        }
        let mut config = Self::load(named)?;
        if config.path.as_os_str().is_empty() {
            config.path = usual_places().pop().unwrap_or_default();
        }
        Ok(config)
    }

    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        Some(self.path.as_path()).filter(|path| !path.as_os_str().is_empty())
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
    pub(crate) fn beside(&self, file: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| file.to_owned(), |folder| folder.join(file))
    }

    /// Signs in to the org of this name, to the default one, or to the one that the environment describes.
    pub(crate) async fn connect(&self, name: Option<&str>) -> Result<Client, Failure> {
        let config = self.client_config(name)?;
        if let Some(warning) = retiring(&config) {
            crate::output::say(format!("warning: {warning}"));
        }
        Ok(Client::connect(config).await?)
    }

    /// The name of the org that is meant: what was typed, the pipeline's, the default, or the only one. `None` where the
    /// environment describes it, or where nothing says which.
    pub(crate) fn meant<'a>(&'a self, name: Option<&'a str>) -> Option<&'a str> {
        let only = || self.orgs.keys().next().filter(|_| self.orgs.len() == 1).map(String::as_str);
        name.or_else(|| {
            if from_environment() {
                return None;
            }
            self.sync.org.as_deref().or(self.default_org.as_deref()).or_else(only)
        })
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
        match self.meant(name) {
            Some(name) => self.org(name)?.client_config(name, self),
            None if from_environment() => Ok(ClientConfig::from_env()?),
            None => match self.orgs.len() {
                0 => Err(Failure::usage("no org is configured").hint(format!(
                    "`tidegate login NAME` sets one up; or set {}, {}, {} and {}; `tidegate demo` needs no org",
                    env_vars::LOGIN_URL,
                    env_vars::CLIENT_ID,
                    env_vars::USERNAME,
                    env_vars::PRIVATE_KEY_FILE
                ))),
                _ => Err(Failure::usage("several orgs are configured, and none is named").hint(format!(
                    "name one with --org, or set default_org; there are {}",
                    self.orgs.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                ))),
            },
        }
    }

    /// The description of an org; an unknown name is refused with the one that was probably meant.
    pub(crate) fn org(&self, name: &str) -> Result<&Org, Failure> {
        let Some(org) = self.orgs.get(name) else {
            let known: Vec<&str> = self.orgs.keys().map(String::as_str).collect();
            let failure = Failure::usage(format!("no org is called `{name}`"));
            return Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None if known.is_empty() => failure.hint(format!("`tidegate login {name}` sets it up")),
                None => failure.hint(format!("there are {}", known.join(", "))),
            });
        };
        Ok(org)
    }
}

/// Whether the environment describes an org.
pub(crate) fn from_environment() -> bool {
    [env_vars::LOGIN_URL, env_vars::INSTANCE_URL, env_vars::SF_ORG].iter().any(|name| env::var_os(name).is_some())
}

/// What is said about a way of signing in that Salesforce is about to switch off.
pub(crate) fn retiring(config: &ClientConfig) -> Option<&'static str> {
    matches!(config.login.credentials(), tidegate_client::Credentials::Password { .. }).then_some(
        "signing in by username and password is being retired: off in orgs made since Summer '23, not offered by External \
         Client Apps, announced to end for existing connected apps with Winter '27; `tidegate login` sets up a JWT instead",
    )
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
