//! Where `sf` keeps its key: a file, or the key ring of the operating system, read by the system's own command.

use std::{path::Path, process::Command};

use secrecy::SecretString;
use serde::Deserialize;

use crate::error::Error;

use super::crypto::SfKey;

#[derive(Deserialize)]
struct KeyFile {
    key: String,
}

/// The key, or why it cannot be read.
pub(super) fn read(sfdx: &Path) -> Result<SfKey, Error> {
    let path = sfdx.join("key.json");
    let text: SecretString = match std::fs::read_to_string(&path) {
        Ok(text) => {
            let file: KeyFile = serde_json::from_str(&text)
                .map_err(|_| no_key(&format!("{} is not the key file that sf writes", path.display())))?;
            file.key.into()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => from_key_ring().ok_or_else(|| {
            no_key(&format!(
                "its key is in the key ring of the operating system, which cannot be read from here (and {} does not exist)",
                path.display()
            ))
        })?,
        Err(error) => return Err(no_key(&format!("{} cannot be read: {error}", path.display()))),
    };
    SfKey::new(&text).ok_or_else(|| no_key("its key has a length that is not known"))
}

fn no_key(why: &str) -> Error {
    Error::Config {
        message: format!("sf's sign-ins cannot be decrypted: {why}"),
        hint: Some(
            "unlock the key ring; or sign sf in again with SF_USE_GENERIC_UNIX_KEYCHAIN=true, which keeps its key in \
             ~/.sfdx/key.json; or sign in without sf"
                .into(),
        ),
    }
}

/// Asks the commands that `sf` itself asks. The key comes over a pipe and is in no argument.
fn from_key_ring() -> Option<SecretString> {
    let (program, arguments): (String, &[&str]) = if cfg!(target_os = "macos") {
        ("/usr/bin/security".into(), &["find-generic-password", "-a", "local", "-s", "sfdx", "-w"])
    } else if cfg!(target_os = "linux") {
        let program = std::env::var("SFDX_SECRET_TOOL_PATH").unwrap_or_else(|_| "/usr/bin/secret-tool".into());
        (program, &["lookup", "user", "local", "domain", "sfdx"])
    } else {
        return None;
    };
    let output = Command::new(program).args(arguments).stdin(std::process::Stdio::null()).output().ok()?;
    let key = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !key.trim().is_empty()).then(|| key.trim().to_owned().into())
}
