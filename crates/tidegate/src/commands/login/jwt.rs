//! `login --flow jwt`: a key pair, what to click, and the first sign-in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidegate_client::{Client, Credentials, Error, SecretPlace, org_address};

use super::ask;
use super::key_pair;
use super::setup::Setup;
use crate::config::OrgSecret;
use crate::failure::Failure;
use crate::output::{program, quoted, say};

pub(super) async fn run(mut setup: Setup) -> Result<ExitCode, Failure> {
    let url = setup.url(false)?;
    let (key_file, certificate, own) = match setup.key_file() {
        Some(file) => (file, setup.secret_file("crt.pem"), false),
        None => (setup.secret_file("key.pem"), setup.secret_file("crt.pem"), true),
    };
    if own && !key_file.exists() {
        setup.make_folder()?;
        key_pair::make(&setup.args.name, &key_file, &certificate).await?;
        say(format!("made a key pair: {} (keep it secret) and {}", key_file.display(), certificate.display()));
    }
    let certificate = Some(certificate).filter(|file| file.exists());
    if setup.known_client_id().is_none() || setup.known_username().is_none() {
        say(steps(&url, certificate.as_deref())?);
        if !ask::is_possible() {
            return Err(next(&setup, &url));
        }
    }
    let client_id = setup.client_id()?;
    let username = setup.username()?;
    let key = SecretPlace::File(key_file);
    setup.put_place(OrgSecret::PrivateKey, &key);
    let private_key = key.read()?;
    let passphrase = passphrase(&mut setup, &private_key)?;
    let audience = setup.args.audience.clone();
    if let Some(audience) = &audience {
        setup.put("audience", audience.clone());
    }
    let credentials = Credentials::JwtBearer { client_id, username, private_key, passphrase, audience };
    let client = setup.client(&url, credentials)?;
    loop {
        match Client::connect(client.clone()).await {
            Ok(org) => return setup.signed_in(&org).await,
            // What is wrong is in Setup, and can be mended while we wait.
            Err(error @ Error::Auth(_)) if ask::is_possible() => {
                Failure::from(error).report();
                if !ask::enter("\nPress Enter to try again (changes in Setup take up to ten minutes), Ctrl-C to stop.")
                {
                    return Err(Failure::usage("no answer"));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The passphrase of an encrypted key.
fn passphrase(setup: &mut Setup, key: &secrecy::SecretString) -> Result<Option<secrecy::SecretString>, Failure> {
    use secrecy::ExposeSecret;
    if !key.expose_secret().contains("BEGIN ENCRYPTED") {
        return Ok(None);
    }
    let file: Option<PathBuf> = setup.args.passphrase_file.clone();
    let variable = "TIDEGATE_PRIVATE_KEY_PASSPHRASE";
    setup.secret(OrgSecret::Passphrase, file, variable, "Passphrase of the private key").map(Some)
}

/// What is missing, and the command that goes on.
fn next(setup: &Setup, url: &str) -> Failure {
    let mut command = format!("{} login {} --url {}", program(), setup.args.name, quoted(url));
    let client_id = setup.known_client_id();
    let username = setup.known_username();
    for (option, value, place) in [("--client-id", &client_id, "CONSUMER_KEY"), ("--username", &username, "USERNAME")] {
        command += &format!(" {option} {}", value.as_deref().map_or_else(|| place.to_owned(), quoted));
    }
    let missing = match (client_id.is_some(), username.is_some()) {
        (false, false) => "--client-id and --username are missing",
        (false, true) => "--client-id is missing",
        _ => "--username is missing",
    };
    Failure::usage(missing).hint(format!("when the app is there: {command}"))
}

/// What to click in Setup.
fn steps(url: &str, certificate: Option<&Path>) -> Result<String, Failure> {
    let address = org_address(url)?;
    let address = address.as_str().trim_end_matches('/');
    let certificate = certificate.map_or_else(|| "the certificate of your key".to_owned(), |f| f.display().to_string());
    Ok(format!(
        "
In the org ({address}), as an administrator, once:

 1. Setup > External Client App Manager > New External Client App.
    Name it, for example tidegate, and give a contact e-mail. Distribution State: Local.
 2. API (Enable OAuth Settings): check Enable OAuth.
    Callback URL: http://localhost:1717/OauthRedirect (this flow does not use it, but the page asks for one)
    OAuth Scopes: \"Manage user data via APIs (api)\" and
                  \"Perform requests at any time (refresh_token, offline_access)\".
 3. Flow Enablement: check Enable JWT Bearer Flow, and upload this certificate:
    {certificate}
 4. Create. Then Policies > Edit > OAuth Policies > Permitted Users:
    \"Admin approved users are pre-authorized\"; and App Policies: select a profile or permission set that your user has.
 5. Settings > OAuth Settings > Consumer Key and Secret: copy the consumer key.

An org that still has a connected app can use that one: Setup > App Manager > the app > Edit > Use digital signatures
(the same certificate, the same scopes); then Manage > Edit Policies > Permitted Users as in step 4, and Manage Profiles
or Manage Permission Sets. New connected apps cannot be made since Spring '26.

Changes take up to ten minutes to work.
"
    ))
}
