//! Ending a sign-in from our side: `POST /services/oauth2/revoke`.

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use crate::{
    config::{ClientConfig, Credentials},
    error::Error,
    transport::Transport,
};

use super::{session, store::blocking};

/// Ends the refresh token of an org, and with it the access tokens that it gave. `true` where the org knew the token;
/// `false` where it was dead already, or where this way of signing in has no token of ours to end (a key or a client
/// secret stays valid until the app changes; tokens of other programs are theirs to end).
///
/// # Errors
/// [`Error::Transport`] where the org cannot be reached, [`Error::Config`] where the token cannot be read.
pub async fn revoke(config: &ClientConfig) -> Result<bool, Error> {
    let token: SecretString = match config.login.credentials() {
        Credentials::RefreshToken { tokens, .. } => {
            let tokens = tokens.clone();
            blocking(move || tokens.load()).await?
        }
        _ => return Ok(false),
    };
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token.expose_secret()).finish();
    let transport = Transport::new(config)?;
    let mut url = config.login.url().clone();
    url.set_path("/services/oauth2/revoke");
    let (status, body) = transport.post_form(&url, &form.into()).await?;
    match status {
        200 => Ok(true),
        // Which of two codes it is for a dead token is not documented; both are 400.
        400 => Ok(false),
        status => Err(session::refused(&transport, status, &body)),
    }
}
