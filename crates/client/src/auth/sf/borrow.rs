//! Access tokens that `sf` obtained: out of its files, or from its command where its key cannot be read.

use std::{path::PathBuf, process::Command};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    auth::{BorrowedToken, TokenSource},
    error::{AuthError, Error},
};

use super::files::AuthFile;

/// Reads the access token in an auth file again and again: `sf` may have put a newer one there.
#[derive(Debug)]
pub(super) struct FromFile {
    pub(super) sfdx: PathBuf,
    pub(super) username: String,
}

impl TokenSource for FromFile {
    fn token(&self, refused: Option<&SecretString>) -> Result<BorrowedToken, Error> {
        let file = AuthFile::read(&self.sfdx, &self.username)?;
        let access_token = file.secret(&self.sfdx, "accessToken")?.ok_or_else(|| file.lacks("an access token"))?;
        if refused.is_some_and(|refused| refused.expose_secret() == access_token.expose_secret()) {
            return Err(ended(&self.username));
        }
        Ok(BorrowedToken { access_token, instance_url: file.need("instanceUrl")? })
    }
}

fn ended(username: &str) -> Error {
    AuthError {
        error: "invalid_token".into(),
        description: format!("the access token that sf holds for {username} is expired or revoked"),
        hint: Some(format!("sign sf in again: sf org login web, or sf org login access-token, for {username}")),
    }
    .into()
}

/// Asks `sf org auth show-access-token`, which renews a stale token first.
#[derive(Debug)]
pub(super) struct FromCommand {
    pub(super) username: String,
    pub(super) home: PathBuf,
    pub(super) instance_url: String,
}

impl TokenSource for FromCommand {
    fn token(&self, refused: Option<&SecretString>) -> Result<BorrowedToken, Error> {
        let asked = ["org", "auth", "show-access-token", "--json", "--target-org", &self.username];
        let shown = ["org", "display", "--json", "--target-org", &self.username];
        // Older ones do not know the first command.
        let found = self.ask(&asked)?.or(self.ask(&shown)?);
        let access_token = found.ok_or_else(|| Error::Config {
            message: format!("sf gave no access token for {}", self.username),
            hint: Some(format!("see what `sf org display --target-org {}` says, and sign sf in again", self.username)),
        })?;
        if refused.is_some_and(|refused| refused.expose_secret() == access_token.expose_secret()) {
            return Err(ended(&self.username));
        }
        Ok(BorrowedToken { access_token, instance_url: self.instance_url.clone() })
    }
}

impl FromCommand {
    fn ask(&self, arguments: &[&str]) -> Result<Option<SecretString>, Error> {
        let output = Command::new("sf")
            .args(arguments)
            .env("HOME", &self.home)
            .env("SF_SKIP_NEW_VERSION_CHECK", "true")
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|error| Error::config(format!("sf cannot be run: {error}")))?;
        Ok(access_token(&output.stdout))
    }
}

/// The token in the command's answer. Newer ones write `[REDACTED] …` where older ones wrote it.
fn access_token(answer: &[u8]) -> Option<SecretString> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let token = answer.pointer("/result/accessToken")?.as_str()?;
    (!token.starts_with("[REDACTED]") && !token.is_empty()).then(|| token.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_token_is_none() {
        let token = |text: &str| access_token(text.as_bytes()).map(|t| t.expose_secret().to_owned());
        assert_eq!(token(r#"{"status":0,"result":{"accessToken":"00D!x"}}"#).as_deref(), Some("00D!x"));
        assert_eq!(token(r#"{"result":{"accessToken":"[REDACTED] Use 'sf org auth'"}}"#), None);
        assert_eq!(token("Warning: not JSON"), None);
    }
}
