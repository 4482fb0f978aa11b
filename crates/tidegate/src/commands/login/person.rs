//! `login --flow web` and `--flow device`: a person signs in with a browser, here or elsewhere.

use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tidegate_client::{ClientConfig, Credentials, DeviceSignIn, WebOptions, WebSignIn};

use super::setup::Setup;
use crate::config::OrgSecret;
use crate::failure::Failure;
use crate::output::say;

pub(super) async fn web(mut setup: Setup) -> Result<ExitCode, Failure> {
    let callback = setup.callback();
    let client = prepared(&mut setup, callback.as_deref())?;
    let mut options =
        WebOptions { scope: setup.args.scope.clone(), login_hint: setup.known_username(), ..WebOptions::default() };
    if let Some(callback) = callback {
        options.callback = callback;
    }
    let browser = WebSignIn::begin(&client, options).await?;
    say(format!("waiting for a browser to come back to {}", browser.callback()));
    say(format!("sign in here: {}", browser.url()));
    if !setup.args.no_browser && !open(browser.url().as_str()) {
        say("no browser could be opened; open the address yourself, on this machine");
    }
    browser.finish(Duration::from_secs(setup.args.wait)).await?;
    setup.finish(client).await
}

pub(super) async fn device(mut setup: Setup) -> Result<ExitCode, Failure> {
    let client = prepared(&mut setup, None)?;
    let device = DeviceSignIn::begin(&client, &setup.args.scope).await?;
    say(format!("open {} on any machine and enter the code {}", device.address(), device.user_code()));
    device.finish().await?;
    setup.finish(client).await
}

/// The app, and the place for the refresh token.
fn prepared(setup: &mut Setup, callback: Option<&str>) -> Result<ClientConfig, Failure> {
    let url = setup.url(false)?;
    let client_id = setup.client_id()?;
    let client_secret = setup.maybe_client_secret()?;
    let place = setup.place(OrgSecret::RefreshToken)?;
    setup.put_place(OrgSecret::RefreshToken, &place);
    if let Some(callback) = callback {
        setup.put("callback", callback);
    }
    setup.client(&url, Credentials::RefreshToken { client_id, client_secret, tokens: Arc::new(place) })
}

/// Opens the address: by `$BROWSER` where it is set, else as the desktop does.
fn open(url: &str) -> bool {
    match std::env::var("BROWSER") {
        Ok(browser) if !browser.is_empty() => Command::new(browser)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .is_ok(),
        _ => open::that_detached(url).is_ok(),
    }
}
