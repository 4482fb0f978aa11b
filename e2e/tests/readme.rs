//! The README's example of an org inside a test, as it stands there. (Its commands are run by the tests of the command
//! line, and its other example is compiled as a doc test.)

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin};
use tidegate_emulator::server::{Config, Emulator};

#[tokio::test]
async fn an_org_of_its_own() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Config::default()).await?;

    // From here on it is Salesforce, for this client or any other.
    let token = emulator.credentials().access_token.clone().into();
    let login = OrgLogin::new(emulator.url(), Credentials::AccessToken { token })?;
    let org = Client::connect(ClientConfig::new(login)).await?;
    assert_eq!(org.query_page("SELECT Id FROM Contact").await?.total_size, 0);
    Ok(())
}

#[test]
fn this_is_what_the_readme_shows() {
    let own = include_str!("readme.rs");
    let start = own.find("use tidegate_client").unwrap();
    let end = own.find("\n#[test]\n").unwrap();
    assert!(include_str!("../../README.md").contains(&own[start..end]), "the README shows another example");
}
