//! What a caller decides before the first request: which org, how to sign in, how patient to be.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use url::{Host, Url};

use crate::{
    auth::{TokenSource, TokenStore, org_address},
    budget::BudgetSettings,
    error::Error,
    retry::RetryPolicy,
    version::ApiVersion,
};

/// How to prove who we are. Secrets print as `[REDACTED]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// OAuth JWT bearer: an assertion signed with the private key whose certificate the app knows.
    JwtBearer {
        /// The app's consumer key.
        client_id: String,
        /// The Salesforce username to act as.
        username: String,
        /// An RSA key of at least 2,048 bits as PEM: PKCS#8, PKCS#1, or encrypted PKCS#8.
        private_key: SecretString,
        /// The passphrase of an encrypted key.
        passphrase: Option<SecretString>,
        /// The `aud` claim; without it the login URL is used, which is right for My Domain addresses.
        audience: Option<String>,
    },
    /// OAuth client credentials: the app's own run-as user.
    ClientCredentials {
        /// The app's consumer key.
        client_id: String,
        /// The app's consumer secret.
        client_secret: SecretString,
    },
    /// OAuth refresh token, as a person's sign-in by browser or by device gives it ([`crate::WebSignIn`],
    /// [`crate::DeviceSignIn`]).
    RefreshToken {
        /// The consumer key of the app that the token was given to.
        client_id: String,
        /// The app's consumer secret, where the app demands it for refreshing.
        client_secret: Option<SecretString>,
        /// Where the token is kept, and where a rotated one is stored before the new access token is used.
        tokens: Arc<dyn TokenStore>,
    },
    /// OAuth username-password. Salesforce is retiring it: it is off in orgs made since Summer '23, External Client Apps
    /// do not offer it, and it is announced to end for existing connected apps with Winter '27. Each sign-in logs a
    /// warning.
    Password {
        /// The app's consumer key.
        client_id: String,
        /// The app's consumer secret.
        client_secret: Option<SecretString>,
        /// The Salesforce username.
        username: String,
        /// The password with the security token behind it; without one where the org trusts this network.
        password: SecretString,
    },
    /// Access tokens that another program keeps fresh.
    Borrowed {
        /// The program. The login URL says nothing then; each token comes with its own.
        source: Arc<dyn TokenSource>,
    },
    /// A token that somebody else obtained: an OAuth access token, or a session id. It cannot be renewed.
    AccessToken {
        /// The token or session id.
        token: SecretString,
    },
}

/// Where and how to sign in.
#[derive(Clone, Debug)]
pub struct OrgLogin {
    url: Url,
    credentials: Credentials,
}

impl OrgLogin {
    /// `address` is the org's My Domain (`acme`, `acme--uat`), its URL, or `production` or `sandbox` where the flow works
    /// on the shared hosts; with [`Credentials::AccessToken`] it is the instance URL. See [`org_address`].
    ///
    /// # Errors
    /// [`Error::InsecureUrl`] for `http` to anything but this machine, [`Error::Config`] for what is no address.
    pub fn new(address: &str, credentials: Credentials) -> Result<OrgLogin, Error> {
        Ok(OrgLogin { url: org_address(address)?, credentials })
    }

    /// The address, without path.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How to prove who we are.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection to stand, TLS included.
    pub connect: Duration,
    /// For an answer to begin. A query may run 120 s before its first byte.
    pub answer: Duration,
    /// Between two pieces of an answer, or of an upload. A transfer may take hours as long as bytes keep flowing.
    pub idle: Duration,
    /// For anything to come over a subscription. The bus sends a keep-alive within 270 s.
    pub event_silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(20),
            answer: Duration::from_secs(150),
            idle: Duration::from_secs(60),
            event_silence: Duration::from_secs(310),
        }
    }
}

/// Everything a [`crate::Client`] needs to know. Start from [`ClientConfig::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where and how to sign in.
    pub login: OrgLogin,
    /// A version to insist on. Without one, the newest that both sides know.
    pub api_version: Option<ApiVersion>,
    /// A PEM file of certificates trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `host:port` of the Pub/Sub endpoint, or a URL. Plain `http` is accepted for this machine only.
    pub pubsub_endpoint: String,
    /// How often and how fast to try again.
    pub retry: RetryPolicy,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How long a session is taken to live where its token does not say, as opaque ones do not. The token is renewed when
    /// nine tenths have passed, and in any case when the org no longer accepts it. An org's own setting is between 15
    /// minutes and 24 hours, and 2 hours unless changed; the profile and the app may say less. So an hour is assumed: it
    /// is early for most orgs, which costs a sign-in, and late for few, which costs a refused request. Tokens in JWT form
    /// say their end, and that counts instead.
    pub session_life: Duration,
    /// Names this program in `User-Agent` and `Sforce-Call-Options`, so that admins find it in their logs, and change
    /// events in their `changeOrigin`.
    pub application: String,
    /// How much of the org's limits may be used, for what, and where processes share it.
    pub budget: BudgetSettings,
}

impl ClientConfig {
    /// The defaults for an org.
    pub fn new(login: OrgLogin) -> ClientConfig {
        ClientConfig {
            login,
            api_version: None,
            ca_file: None,
            pubsub_endpoint: DEFAULT_PUBSUB_ENDPOINT.to_owned(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
            session_life: Duration::from_secs(3600),
            application: concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned(),
            budget: BudgetSettings::default(),
        }
    }
}

/// Salesforce's global Pub/Sub endpoint.
pub const DEFAULT_PUBSUB_ENDPOINT: &str = "api.pubsub.salesforce.com:7443";

/// A base URL that a token may be sent to: https, or http to this machine; path, query and user info removed.
pub(crate) fn checked_url(text: &str) -> Result<Url, Error> {
    let bad = |why: &str| Error::Config {
        message: format!("the address cannot be used: {why}"),
        hint: Some("write it like https://acme.my.salesforce.com".into()),
    };
    let mut url = Url::parse(text.trim()).map_err(|source| bad(&source.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it contains a user name or password"));
    }
    let Some(host) = url.host() else {
        return Err(bad("it names no host"));
    };
    let loopback = match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(Error::InsecureUrl { url: url.to_string() }),
        other => Err(bad(&format!("`{other}` is neither https nor http"))),
    }
}

/// The address without its trailing slash, as Salesforce writes it.
pub(crate) fn bare(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_only_to_this_machine() {
        for good in [
            "https://acme.my.salesforce.com",
            "https://acme.my.salesforce.com/some/path?x=1",
            "http://127.0.0.1:8080",
            "http://localhost:8080/",
            "http://[::1]:1",
        ] {
            assert!(checked_url(good).is_ok(), "{good}");
        }
        for insecure in
            ["http://acme.my.salesforce.com", "http://10.0.0.1", "http://localhost.example.com", "http://0.0.0.0"]
        {
            assert!(matches!(checked_url(insecure), Err(Error::InsecureUrl { .. })), "{insecure}");
        }
        for bad in ["", "acme", "ftp://x", "https://", "https://user:pw@acme.example"] {
            assert!(matches!(checked_url(bad), Err(Error::Config { .. })), "{bad}");
        }
        let url = checked_url("https://acme.my.salesforce.com/x?y#z").unwrap();
        assert_eq!(bare(&url), "https://acme.my.salesforce.com");
    }

    #[test]
    fn secrets_do_not_print() {
        let credentials = [
            Credentials::AccessToken { token: "hush-hush".into() },
            Credentials::ClientCredentials { client_id: "app".into(), client_secret: "hush-hush".into() },
            Credentials::JwtBearer {
                client_id: "app".into(),
                username: "u@example.com".into(),
                private_key: "hush-hush".into(),
                passphrase: Some("hush-hush".into()),
                audience: None,
            },
        ];
        for credentials in credentials {
            let config = ClientConfig::new(OrgLogin::new("https://a.example", credentials).unwrap());
            let printed = format!("{config:?} {config:#?}");
            assert!(!printed.contains("hush"), "{printed}");
        }
        let error = checked_url("https://user:hush-hush@acme.example").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}
