//! Where a key, password or token is kept: a file, a variable, or the key ring of the operating system.

use std::{env, io, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

use super::{TokenFile, TokenStore};

/// The service under which entries stand in the key ring.
#[cfg(feature = "keyring")]
const SERVICE: &str = "tidegate";

/// A place for a secret. The place is no secret itself, and may stand in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file that holds nothing else; blanks and line ends around it do not count.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// An entry of the operating system's key ring, under the service `tidegate`. Needs the feature `keyring`.
    KeyRing(String),
}

impl SecretPlace {
    /// Whether this build can use the key ring.
    pub const HAS_KEY_RING: bool = cfg!(feature = "keyring");

    /// The secret that is there now.
    ///
    /// # Errors
    /// [`Error::Config`] that names the place, and never what is in it.
    pub fn read(&self) -> Result<SecretString, Error> {
        let (found, what) = match self {
            SecretPlace::File(path) => {
                let what = path.display().to_string();
                (std::fs::read_to_string(path).map_err(|error| error.to_string()), what)
            }
            SecretPlace::Env(name) => {
                let found = env::var(name).map_err(|error| match error {
                    env::VarError::NotPresent => "it is not set".to_owned(),
                    // Its own words would quote the value.
                    env::VarError::NotUnicode(_) => "it is no text".to_owned(),
                });
                (found, format!("the variable {name}"))
            }
            SecretPlace::KeyRing(entry) => (key_ring::read(entry), format!("the key ring's entry `{entry}`")),
        };
        match found {
            Ok(text) if text.trim().is_empty() => Err(Error::config(format!("{what} is empty"))),
            Ok(text) => Ok(text.trim().to_owned().into()),
            Err(why) => Err(Error::Config { message: format!("cannot read {what}: {why}"), hint: self.advice() }),
        }
    }

    /// Puts a secret there, durably: a file is replaced whole, and only its owner can read it.
    ///
    /// # Errors
    /// Why it could not be written. A variable cannot be.
    pub fn write(&self, secret: &SecretString) -> io::Result<()> {
        match self {
            SecretPlace::File(path) => TokenFile::new(path).save(secret),
            SecretPlace::Env(name) => {
                Err(io::Error::other(format!("{name} is of the environment and cannot be stored")))
            }
            SecretPlace::KeyRing(entry) => key_ring::write(entry, secret.expose_secret()).map_err(io::Error::other),
        }
    }

    /// Removes the secret; one that is not there is no error.
    ///
    /// # Errors
    /// Why it could not be removed. A variable cannot be.
    pub fn remove(&self) -> io::Result<()> {
        match self {
            SecretPlace::File(path) => match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            SecretPlace::Env(name) => Err(io::Error::other(format!("{name} is of the environment"))),
            SecretPlace::KeyRing(entry) => key_ring::remove(entry).map_err(io::Error::other),
        }
    }

    fn advice(&self) -> Option<String> {
        match self {
            SecretPlace::KeyRing(_) if !SecretPlace::HAS_KEY_RING => {
                Some("build with `--features keyring`, or keep the secret in a file".into())
            }
            SecretPlace::KeyRing(_) => Some("unlock the key ring, or sign in again to store it".into()),
            _ => None,
        }
    }
}

/// A refresh token in a variable cannot be replaced: an app that rotates ends it at the first renewal.
impl TokenStore for SecretPlace {
    fn load(&self) -> Result<SecretString, Error> {
        match self {
            SecretPlace::File(path) => TokenFile::new(path).load(),
            place => place.read(),
        }
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        self.write(token)
    }

    fn lock(&self) -> io::Result<Box<dyn Send>> {
        match self {
            SecretPlace::File(path) => TokenFile::new(path).lock(),
            SecretPlace::KeyRing(entry) => {
                // A key ring has no lock of its own. The name may hold anything, a file's may not.
                let name: String = entry.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                TokenFile::new(env::temp_dir().join(format!("tidegate-{name}"))).lock()
            }
            SecretPlace::Env(_) => Ok(Box::new(())),
        }
    }
}

#[cfg(feature = "keyring")]
mod key_ring {
    use keyring::v1::{Entry, Error};

    use super::SERVICE;

    fn words(error: &Error) -> String {
        match error {
            Error::NoEntry => "there is no such entry".into(),
            Error::NoDefaultStore => {
                "no key ring can be reached (on Linux: no Secret Service on the session bus)".into()
            }
            // Some of its kinds carry the secret's bytes; their words do not.
            error => error.to_string(),
        }
    }

    pub(super) fn read(entry: &str) -> Result<String, String> {
        Entry::new(SERVICE, entry).and_then(|entry| entry.get_password()).map_err(|error| words(&error))
    }

    pub(super) fn write(entry: &str, secret: &str) -> Result<(), String> {
        Entry::new(SERVICE, entry).and_then(|entry| entry.set_password(secret)).map_err(|error| words(&error))
    }

    pub(super) fn remove(entry: &str) -> Result<(), String> {
        match Entry::new(SERVICE, entry).and_then(|entry| entry.delete_credential()) {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(words(&error)),
        }
    }
}

#[cfg(not(feature = "keyring"))]
mod key_ring {
    const NOT_BUILT: &str = "this program was built without the key ring";

    pub(super) fn read(_: &str) -> Result<String, String> {
        Err(NOT_BUILT.into())
    }

    pub(super) fn write(_: &str, _: &str) -> Result<(), String> {
        Err(NOT_BUILT.into())
    }

    pub(super) fn remove(_: &str) -> Result<(), String> {
        Err(NOT_BUILT.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_read_and_removed() {
        let place = SecretPlace::File(env::temp_dir().join(format!("tidegate-secret-{}", std::process::id())));
        place.write(&"hush \n".into()).unwrap();
        assert_eq!(place.read().unwrap().expose_secret(), "hush");
        place.remove().unwrap();
        place.remove().unwrap();
        assert!(place.read().unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn a_variable_is_read_only() {
        let place = SecretPlace::Env("TIDEGATE_TEST_NOT_SET".into());
        assert_eq!(
            place.read().unwrap_err().to_string(),
            "cannot read the variable TIDEGATE_TEST_NOT_SET: it is not set"
        );
        assert!(place.write(&"x".into()).is_err() && place.remove().is_err());
    }

    #[cfg(not(feature = "keyring"))]
    #[test]
    fn says_that_there_is_no_key_ring() {
        let error = SecretPlace::KeyRing("acme".into()).read().unwrap_err();
        assert!(error.to_string().contains("built without the key ring"), "{error}");
        assert!(error.hint().unwrap().contains("--features keyring"));
    }
}
