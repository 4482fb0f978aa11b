//! `login` by what somebody else made: a consumer secret, a password, a token, an org of `sf`.

use std::process::ExitCode;
use std::sync::Arc;

use tidegate_client::{Credentials, SfOrgs};

use super::setup::Setup;
use crate::config::{Flow, OrgSecret};
use crate::failure::Failure;
use crate::output::say;

pub(super) async fn client_credentials(mut setup: Setup) -> Result<ExitCode, Failure> {
    let url = setup.url(true)?;
    let client_id = setup.client_id()?;
    let file = setup.args.client_secret_file.clone();
    let client_secret = setup.secret(OrgSecret::Consumer, file, "TIDEGATE_CLIENT_SECRET", "Consumer secret")?;
    let client = setup.client(&url, Credentials::ClientCredentials { client_id, client_secret })?;
    setup.finish(client).await
}

pub(super) async fn password(mut setup: Setup) -> Result<ExitCode, Failure> {
    let url = setup.url(false)?;
    let client_id = setup.client_id()?;
    let client_secret = setup.maybe_client_secret()?;
    let username = setup.username()?;
    let file = setup.args.password_file.clone();
    let what = "Password, with the security token behind it";
    let password = setup.secret(OrgSecret::Password, file, "TIDEGATE_PASSWORD", what)?;
    let client = setup.client(&url, Credentials::Password { client_id, client_secret, username, password })?;
    setup.finish(client).await
}

pub(super) async fn token(mut setup: Setup) -> Result<ExitCode, Failure> {
    let url = setup.url(true)?;
    let file = setup.args.access_token_file.clone();
    let token = setup.secret(OrgSecret::AccessToken, file, "TIDEGATE_ACCESS_TOKEN", "Access token")?;
    say("note: this token cannot be renewed; it ends with its session, after two hours unless the org says otherwise");
    let client = setup.client(&url, Credentials::AccessToken { token })?;
    setup.finish(client).await
}

pub(super) async fn refresh(mut setup: Setup) -> Result<ExitCode, Failure> {
    let url = setup.url(false)?;
    let client_id = setup.client_id()?;
    let client_secret = setup.maybe_client_secret()?;
    let file = setup.args.refresh_token_file.clone();
    let what = "Refresh token";
    // It may be replaced at the first use, so it must be stored before that.
    let place = match &file {
        Some(path) if path != std::path::Path::new("-") => tidegate_client::SecretPlace::File(path.clone()),
        _ => setup.place(OrgSecret::RefreshToken)?,
    };
    let token = setup.secret(OrgSecret::RefreshToken, file, "TIDEGATE_REFRESH_TOKEN", what)?;
    let kept = setup.take_stored();
    if kept {
        place.write(&token).map_err(|error| Failure::failed("cannot store the refresh token").with_cause(&error))?;
    }
    let client = setup.client(&url, Credentials::RefreshToken { client_id, client_secret, tokens: Arc::new(place) })?;
    setup.finish(client).await
}

pub(super) async fn sf_cli(mut setup: Setup) -> Result<ExitCode, Failure> {
    let name = setup.sf_org();
    let login = SfOrgs::of_user()?.login(name.as_deref())?;
    setup.put("flow", Flow::SfCli.name());
    if let Some(name) = name {
        setup.put("sf_org", name);
    }
    let client = setup.client_of(login)?;
    setup.finish(client).await
}
