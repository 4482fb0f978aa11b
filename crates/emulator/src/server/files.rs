//! Small files, written so that a crash leaves the old or the new one, never half of one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StartError;

/// The file's text; `None` where it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, StartError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StartError::File { path: path.to_owned(), source }),
    }
}

/// Replaces the file in one step. A `secret` one can be read by its owner alone.
pub(super) fn write(path: &Path, content: &[u8], secret: bool) -> Result<(), StartError> {
    replace(path, secret, |file| file.write_all(content))
        .map_err(|source| StartError::File { path: path.to_owned(), source })
}

/// Replaces the file in one step with what `fill` writes.
pub(super) fn replace(path: &Path, secret: bool, fill: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<()> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir)?;
    }
    let mut partial = PathBuf::from(path).into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(&partial)?;
    fill(&mut file)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}
