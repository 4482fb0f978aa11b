//! Keeps a refresh token in a place of your own, which gets each rotated token before the new session is used.
//!
//! The token in this safe opens nothing, so that the last lines show how a refusal looks.
//!
//! ```text
//! the safe is opened
//! the org did not sign us in: invalid_grant: expired access/refresh token
//! what to do: the refresh token was revoked, expired or replaced: sign in again...
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tidegate_client::{Client, ClientConfig, Credentials, Error, OrgLogin, TokenStore, environment};

/// Yours may be a row of a database, locked while the token is renewed.
#[derive(Debug)]
struct Safe(Mutex<SecretString>);

impl TokenStore for Safe {
    fn load(&self) -> Result<SecretString, Error> {
        println!("the safe is opened");
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, token: &SecretString) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credentials = Credentials::RefreshToken {
        client_id: "PlatformCLI".into(),
        client_secret: None,
        tokens: Arc::new(Safe(Mutex::new("5Aep861...".into()))),
    };
    let address = std::env::var(environment::LOGIN_URL)?;
    let mut config = ClientConfig::new(OrgLogin::new(&address, credentials)?);
    config.ca_file = std::env::var_os(environment::CA_FILE).map(Into::into);

    match Client::connect(config).await {
        Ok(org) => println!("signed in to {}", org.instance_url().await?),
        Err(error) => {
            println!("{error}");
            println!("what to do: {}", error.hint().unwrap_or_default());
        }
    }
    Ok(())
}
