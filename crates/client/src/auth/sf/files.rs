//! The files of `sf`: one per org, aliases, and which org is meant without a name.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    auth::{TokenStore, store::write_secret},
    config::{Credentials, OrgLogin},
    error::Error,
};

use super::{
    borrow::{FromCommand, FromFile},
    key,
};

/// After this long without a sign of life `sf` takes a lock from whoever held it.
const LOCK_STALE: Duration = Duration::from_secs(10);
/// How long we wait for a lock of `sf`.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// The orgs that Salesforce's command line is signed in to, read from its own files.
#[derive(Clone, Debug)]
pub struct SfOrgs {
    home: PathBuf,
}

/// One of them, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SfOrg {
    /// The username, which is the org's name in `sf`.
    pub username: String,
    /// Shorter names.
    pub aliases: Vec<String>,
    /// The org's address.
    pub instance_url: String,
    /// The org's id.
    pub org_id: Option<String>,
    /// Whether it is the one that `sf` takes without a name.
    pub is_default: bool,
}

impl SfOrgs {
    /// Those of the user who runs this program.
    ///
    /// # Errors
    /// [`Error::Config`] where no home folder is known.
    pub fn of_user() -> Result<SfOrgs, Error> {
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        home.map(SfOrgs::in_home).ok_or_else(|| Error::config("there is no home folder to look for sf's files in"))
    }

    /// Those in another home folder.
    pub fn in_home(home: impl Into<PathBuf>) -> SfOrgs {
        SfOrgs { home: home.into() }
    }

    fn sfdx(&self) -> PathBuf {
        self.home.join(".sfdx")
    }

    /// All of them, by username. Files that are not readable as such are left out.
    ///
    /// # Errors
    /// [`Error::Config`] where `sf` has no files here.
    pub fn list(&self) -> Result<Vec<SfOrg>, Error> {
        let entries = fs::read_dir(self.sfdx()).map_err(|error| Error::Config {
            message: format!("sf has no sign-ins here: {}: {error}", self.sfdx().display()),
            hint: Some("sign in with sf first (sf org login web), or sign in without it".into()),
        })?;
        let aliases = self.aliases();
        let default = self.default_org().map(|name| aliases.get(&name).cloned().unwrap_or(name));
        let mut orgs = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(username) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            // Other files of the folder (alias.json, key.json, sfdx-config.json) are named after no user.
            let Some(file) = username.contains('@').then(|| AuthFile::read(&self.sfdx(), username).ok()).flatten()
            else {
                continue;
            };
            let Ok(instance_url) = file.need("instanceUrl") else { continue };
            orgs.push(SfOrg {
                aliases: aliases.iter().filter(|(_, of)| *of == username).map(|(alias, _)| alias.clone()).collect(),
                instance_url,
                org_id: file.text("orgId"),
                is_default: default.as_deref() == Some(username),
                username: username.to_owned(),
            });
        }
        orgs.sort_by(|a, b| a.username.cmp(&b.username));
        Ok(orgs)
    }

    /// How to sign in to an org by its username or alias; without a name to the default one.
    ///
    /// A JWT sign-in of `sf` is done again with the same key. A refresh token is used with the app that it was given to,
    /// and a rotated one is written back, encrypted as `sf` does it, so that both go on working. An access token alone is
    /// borrowed, and read again when the org refuses it. Where `sf`'s key is in a key ring that cannot be read, the `sf`
    /// command is asked for access tokens.
    ///
    /// # Errors
    /// [`Error::Config`] that says what is missing: the org, the key, a file.
    pub fn login(&self, name: Option<&str>) -> Result<OrgLogin, Error> {
        let username = self.username(name)?;
        let sfdx = self.sfdx();
        let file = AuthFile::read(&sfdx, &username)?;
        let instance_url = file.need("instanceUrl")?;
        if let (Some(key_file), Some(client_id)) = (file.text("privateKey"), file.text("clientId")) {
            let private_key = fs::read_to_string(&key_file).map_err(|error| Error::Config {
                message: format!(
                    "the private key {key_file} that sf signed {username} in with cannot be read: {error}"
                ),
                hint: Some("put it back, or sign in again: sf org login jwt".into()),
            })?;
            let credentials = Credentials::JwtBearer {
                client_id,
                username,
                private_key: private_key.into(),
                passphrase: None,
                audience: env::var("SF_AUDIENCE_URL").ok(),
            };
            return OrgLogin::new(&instance_url, credentials);
        }
        let secret = |name: &str| file.secret(&sfdx, name);
        let found = match secret("refreshToken") {
            Ok(found) => found,
            // The key cannot be read: the command can, where there is one.
            Err(error) => {
                let source = FromCommand { username, home: self.home.clone(), instance_url: instance_url.clone() };
                return match on_path("sf") {
                    true => OrgLogin::new(&instance_url, Credentials::Borrowed { source: Arc::new(source) }),
                    false => Err(error),
                };
            }
        };
        let credentials = match (found, file.text("clientId")) {
            (Some(_), Some(client_id)) => Credentials::RefreshToken {
                client_id,
                client_secret: secret("clientSecret")?.filter(|s| !is_empty(s)),
                tokens: Arc::new(SfTokens { sfdx, username }),
            },
            _ => Credentials::Borrowed { source: Arc::new(FromFile { sfdx, username }) },
        };
        // Refreshing works at the org's own address, which is also the one to call.
        OrgLogin::new(&instance_url, credentials)
    }

    fn username(&self, name: Option<&str>) -> Result<String, Error> {
        let aliases = self.aliases();
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.default_org().ok_or_else(|| Error::Config {
                message: "sf has no default org".into(),
                hint: Some("name one by username or alias; `sf org list` shows them".into()),
            })?,
        };
        let username = aliases.get(&name).cloned().unwrap_or(name);
        // A name with a path in it would lead to another file.
        if username.contains(['/', '\\']) || !self.sfdx().join(format!("{username}.json")).is_file() {
            let mut known: Vec<String> = aliases.into_keys().collect();
            known.extend(self.list()?.into_iter().map(|org| org.username));
            return Err(Error::Config {
                message: format!("sf knows no org `{username}`"),
                hint: Some(match known.as_slice() {
                    [] => "sign in with sf first: sf org login web".into(),
                    known => format!("it knows {}", known.join(", ")),
                }),
            });
        }
        Ok(username)
    }

    fn aliases(&self) -> BTreeMap<String, String> {
        let read = || -> Option<BTreeMap<String, String>> {
            let file = json(&self.sfdx().join("alias.json"))?;
            let orgs = file.get("orgs")?.as_object()?;
            Some(orgs.iter().filter_map(|(alias, name)| Some((alias.clone(), name.as_str()?.to_owned()))).collect())
        };
        read().unwrap_or_default()
    }

    fn default_org(&self) -> Option<String> {
        let text = |path: PathBuf, key: &str| json(&path)?.get(key)?.as_str().map(str::to_owned);
        // Newer ones write the first, older ones the second.
        text(self.home.join(".sf/config.json"), "target-org")
            .or_else(|| text(self.sfdx().join("sfdx-config.json"), "defaultusername"))
    }
}

fn is_empty(secret: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(secret).is_empty()
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn json(path: &Path) -> Option<Map<String, Value>> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// One auth file. Only values whose names speak of tokens, passwords or secrets are encrypted.
pub(super) struct AuthFile {
    path: PathBuf,
    members: Map<String, Value>,
}

impl AuthFile {
    pub(super) fn read(sfdx: &Path, username: &str) -> Result<AuthFile, Error> {
        let path = sfdx.join(format!("{username}.json"));
        let unreadable = |why: String| Error::Config {
            message: format!("sf's file {} cannot be read: {why}", path.display()),
            hint: Some(format!("sign sf in again for {username}")),
        };
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        // The position alone: the text around it is none to print.
        let members = serde_json::from_slice(&bytes)
            .map_err(|error| unreadable(format!("line {}, column {}", error.line(), error.column())))?;
        Ok(AuthFile { path, members })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.members.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(super) fn need(&self, name: &str) -> Result<String, Error> {
        self.text(name).ok_or_else(|| self.lacks(&format!("`{name}`")))
    }

    pub(super) fn lacks(&self, what: &str) -> Error {
        Error::Config {
            message: format!("sf's file {} has no {}", self.path.display(), what.trim_start_matches("an ")),
            hint: Some("sign sf in again".into()),
        }
    }

    /// A value that is encrypted in the file.
    pub(super) fn secret(&self, sfdx: &Path, name: &str) -> Result<Option<SecretString>, Error> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let plain = key::read(sfdx)?.decrypt(&value).ok_or_else(|| Error::Config {
            message: format!("sf's file {} was encrypted with another key", self.path.display()),
            hint: Some("sign sf in again".into()),
        })?;
        Ok(Some(plain))
    }
}

/// The refresh token in an auth file of `sf`.
#[derive(Debug)]
struct SfTokens {
    sfdx: PathBuf,
    username: String,
}

impl TokenStore for SfTokens {
    fn load(&self) -> Result<SecretString, Error> {
        let file = AuthFile::read(&self.sfdx, &self.username)?;
        file.secret(&self.sfdx, "refreshToken")?.ok_or_else(|| file.lacks("a refresh token"))
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        let other = |error: Error| io::Error::other(error.to_string());
        let mut file = AuthFile::read(&self.sfdx, &self.username).map_err(other)?;
        let value = key::read(&self.sfdx).map_err(other)?.encrypt(token);
        let value = value.ok_or_else(|| io::Error::other("the token could not be encrypted"))?;
        file.members.insert("refreshToken".into(), value.into());
        write_secret(&file.path, serde_json::to_string_pretty(&file.members)?.as_bytes())
    }

    /// The lock that `sf` itself takes: a folder beside the file.
    fn lock(&self) -> io::Result<Box<dyn Send>> {
        let path = self.sfdx.join(format!("{}.json.lock", self.username));
        let since = SystemTime::now();
        loop {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Box::new(FolderLock(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let age = fs::metadata(&path).and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
                    if age.is_some_and(|age| age > LOCK_STALE) {
                        let _ = fs::remove_dir(&path);
                    } else if since.elapsed().is_ok_and(|waited| waited > LOCK_PATIENCE) {
                        return Err(io::Error::other(format!("{} is held by sf", path.display())));
                    } else {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Gives the lock back.
struct FolderLock(PathBuf);

impl Drop for FolderLock {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
