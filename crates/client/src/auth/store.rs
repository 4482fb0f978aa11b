//! Where refresh tokens are kept, and where access tokens of others come from.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

/// Keeps a refresh token where it survives this process.
///
/// With refresh token rotation (an option of the app) each renewal gives a new refresh token and ends the old one. The
/// client calls [`TokenStore::lock`], [`TokenStore::load`], asks the org, calls [`TokenStore::save`], and only then uses
/// the new access token. So whenever a new access token was used, the refresh token that belongs to it is stored.
///
/// One gap cannot be closed from this side: if the process dies, or the answer is lost, after the org has rotated and
/// before the new token came here, the stored token is spent. The org answers `expired access/refresh token`, and a person
/// has to sign in again. A failed `save` is not such a gap: the client keeps the token in memory, reports
/// [`Error::TokenNotSaved`], and tries to save it again at the next call.
///
/// The methods are called where blocking is allowed, by one caller at a time within a client.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// The token as it is stored now. Another process may have replaced it since the last call.
    ///
    /// # Errors
    /// [`Error::Config`] that says where the token should be.
    fn load(&self) -> Result<SecretString, Error>;

    /// Stores a token durably: after `Ok`, a crash of this machine does not lose it.
    ///
    /// # Errors
    /// Why it could not be stored.
    fn save(&self, token: &SecretString) -> io::Result<()>;

    /// Keeps other processes from renewing with the same token until the returned value is dropped.
    ///
    /// # Errors
    /// Why it could not be locked.
    fn lock(&self) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}

/// A refresh token in a file of its own, readable by its owner only. A new token is written beside it and renamed over it.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// A file that exists, or will when a token is first saved.
    pub fn new(path: impl Into<PathBuf>) -> TokenFile {
        TokenFile { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl TokenStore for TokenFile {
    fn load(&self) -> Result<SecretString, Error> {
        let text = fs::read_to_string(&self.path).map_err(|source| Error::Config {
            message: format!("the refresh token cannot be read from {}: {source}", self.path.display()),
            hint: Some("sign in again: it stores a new one".into()),
        })?;
        match text.trim() {
            "" => Err(Error::Config {
                message: format!("{} holds no refresh token", self.path.display()),
                hint: Some("sign in again: it stores a new one".into()),
            }),
            token => Ok(token.to_owned().into()),
        }
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        write_secret(&self.path, token.expose_secret().as_bytes())
    }

    fn lock(&self) -> io::Result<Box<dyn Send>> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        // The token's own file is replaced at each save, so the lock is on one that stays.
        let file = owner_only().read(true).append(true).create(true).open(self.path.with_file_name(name))?;
        file.lock()?;
        Ok(Box::new(file))
    }
}

/// A refresh token that lives as long as the process, for tests and for programs that keep it elsewhere.
#[derive(Debug)]
pub struct TokenInMemory(parking_lot::Mutex<SecretString>);

impl TokenInMemory {
    /// Starts with this token.
    pub fn new(token: impl Into<SecretString>) -> TokenInMemory {
        TokenInMemory(parking_lot::Mutex::new(token.into()))
    }
}

impl TokenStore for TokenInMemory {
    fn load(&self) -> Result<SecretString, Error> {
        Ok(self.0.lock().clone())
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        *self.0.lock() = token.clone();
        Ok(())
    }
}

/// Replaces a file by one that only its owner can read, durably: the old content or the new one, never a part.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(name);
    let written = (|| {
        // A leftover of a process that died may have other rights.
        let _ = fs::remove_file(&beside);
        let mut file = owner_only().write(true).create_new(true).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn owner_only() -> fs::OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// An access token that another program keeps fresh, such as a vault or Salesforce's own command line.
#[derive(Clone, Debug)]
pub struct BorrowedToken {
    /// The token.
    pub access_token: SecretString,
    /// The org that it is for.
    pub instance_url: String,
}

/// Gives access tokens that another program obtains. Asked at the start, ahead of the assumed end, and when the org has
/// refused the last one.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// The newest token. `refused` is the one that the org no longer accepts, if any: giving it again ends in an error.
    /// Called where blocking is allowed.
    ///
    /// # Errors
    /// Why there is none, with advice.
    fn token(&self, refused: Option<&SecretString>) -> Result<BorrowedToken, Error>;
}

/// Runs something that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::config("reading a token ended in a panic")))
}

/// A token that was not saved.
pub(crate) fn not_saved(source: io::Error) -> Error {
    Error::TokenNotSaved { source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_is_replaced_whole_and_private() {
        let dir = std::env::temp_dir().join(format!("tidegate-token-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let store = TokenFile::new(dir.join("acme.token"));
        assert!(store.load().unwrap_err().to_string().contains("cannot be read"));
        store.save(&"one".into()).unwrap();
        store.save(&"two".into()).unwrap();
        assert_eq!(store.load().unwrap().expose_secret(), "two");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let held = store.lock().unwrap();
        let other = store.clone();
        let (said, hears) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            let _lock = other.lock().unwrap();
            said.send(()).unwrap();
        });
        assert!(hears.recv_timeout(std::time::Duration::from_millis(100)).is_err(), "the lock keeps others out");
        drop(held);
        hears.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        waiter.join().unwrap();
        let left: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the token and its lock, nothing else: {left:?}");
        fs::write(store.path(), " \n").unwrap();
        assert!(store.load().unwrap_err().to_string().contains("holds no refresh token"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
