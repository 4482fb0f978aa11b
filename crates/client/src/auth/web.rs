//! The web server flow with PKCE: a browser signs the person in, and comes back to a port of this machine.

use std::{net::Ipv4Addr, net::Ipv6Addr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use url::Url;

use crate::{
    config::ClientConfig,
    error::{AuthError, Error},
};

use super::signed_in::{Asking, SignedIn};

/// The longest request of a browser that is read.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long a browser may take to send its request. Browsers also open connections that they never use.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);

/// What can be chosen about the web flow.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// Scopes, separated by blanks. Without `refresh_token` nothing can be renewed.
    pub scope: String,
    /// Where the browser comes back to: an address of this machine, registered in the app letter for letter. Port 0 takes
    /// a free one, for apps that accept any.
    pub callback: String,
    /// A username to offer on the sign-in page.
    pub login_hint: Option<String>,
    /// `login` asks for the password even where the browser has a session, `consent` for the consent.
    pub prompt: Option<String>,
}

impl Default for WebOptions {
    fn default() -> WebOptions {
        WebOptions {
            scope: "api refresh_token".into(),
            callback: "http://localhost:1717/OauthRedirect".into(),
            login_hint: None,
            prompt: None,
        }
    }
}

/// A sign-in that waits for the browser.
///
/// ```no_run
/// # async fn example() -> Result<(), tidegate_client::Error> {
/// use std::{sync::Arc, time::Duration};
/// use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, TokenFile, WebOptions, WebSignIn};
///
/// let tokens = Arc::new(TokenFile::new("acme.token"));
/// let credentials = Credentials::RefreshToken { client_id: "3MVG9...".into(), client_secret: None, tokens };
/// let config = ClientConfig::new(OrgLogin::new("acme", credentials)?);
/// let browser = WebSignIn::begin(&config, WebOptions::default()).await?;
/// println!("open {}", browser.url());
/// browser.finish(Duration::from_secs(300)).await?;
/// // From now on, and in every later process, the stored token does.
/// let org = Client::connect(config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSignIn {
    asking: Asking,
    url: Url,
    callback: Url,
    /// The callback as it was sent, as Salesforce compares letters.
    redirect_uri: String,
    state: String,
    verifier: SecretString,
    listeners: Vec<TcpListener>,
}

impl WebSignIn {
    /// Listens on the callback's port and makes the address for the browser. The login of `config` is
    /// [`crate::Credentials::RefreshToken`]; its store gets the token.
    ///
    /// # Errors
    /// [`Error::Config`] where the port is taken or the callback is not of this machine.
    pub async fn begin(config: &ClientConfig, options: WebOptions) -> Result<WebSignIn, Error> {
        let asking = Asking::new(config)?;
        let bad = |why: &str| Error::Config {
            message: format!("the callback {} cannot be used: {why}", options.callback),
            hint: Some("write it like http://localhost:1717/OauthRedirect, as it is registered in the app".into()),
        };
        let mut callback = Url::parse(&options.callback).map_err(|error| bad(&error.to_string()))?;
        let local = matches!(callback.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if callback.scheme() != "http" || !local || callback.query().is_some() || callback.fragment().is_some() {
            return Err(bad("it is not a plain http address of this machine"));
        }
        let mut redirect_uri = options.callback.clone();
        let port = callback.port().unwrap_or(80);
        let listeners = listen(port).await.map_err(|error| Error::Config {
            message: format!("port {port} cannot be listened on: {error}"),
            hint: Some("another sign-in may be waiting; or register another callback in the app and name it".into()),
        })?;
        if port == 0 {
            let port = listeners.first().and_then(|l| l.local_addr().ok()).map_or(0, |address| address.port());
            callback.set_port(Some(port)).map_err(|()| bad("it cannot have a port"))?;
            redirect_uri = redirect_uri.replacen(":0", &format!(":{port}"), 1);
        }
        let (state, verifier) = (random()?, random()?);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut url = asking.login.clone();
        url.set_path("/services/oauth2/authorize");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &asking.client_id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", &options.scope)
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(options.login_hint.map(|hint| ("login_hint", hint)))
            .extend_pairs(options.prompt.map(|prompt| ("prompt", prompt)));
        Ok(WebSignIn { asking, url, callback, redirect_uri, state, verifier: verifier.into(), listeners })
    }

    /// Where the browser has to go. It holds no secret: the code that comes of it is of no use without this value.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where the browser comes back to.
    pub fn callback(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the browser. The refresh token is stored when this returns. Requests that do not carry the state of this
    /// sign-in are turned away and do not end it.
    ///
    /// # Errors
    /// [`Error::Auth`] with what the person or the org refused, or `expired_token` after `patience`.
    pub async fn finish(self, patience: Duration) -> Result<SignedIn, Error> {
        let (mut stream, answer) = tokio::time::timeout(patience, self.browser()).await.map_err(|_| {
            AuthError::new("expired_token", &format!("no browser came back within {} s", patience.as_secs()), None)
        })?;
        let outcome = match answer {
            Ok(code) => self.exchange(&code).await,
            Err(error) => Err(error.into()),
        };
        let page = match &outcome {
            Ok(_) => page("You are signed in", "You can close this window and go back to the program."),
            Err(error) => page("The sign-in failed", &error.to_string()),
        };
        // That the browser has gone away is no reason to fail.
        let _ = respond(&mut stream, "200 OK", &page).await;
        outcome
    }

    async fn exchange(&self, code: &SecretString) -> Result<SignedIn, Error> {
        let members = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", self.verifier.expose_secret()),
        ];
        let (status, body) = self.asking.post(&members).await?;
        self.asking.keep(status, &body).await
    }

    /// Answers browsers until one comes back from the sign-in: its connection, and the code or the refusal.
    async fn browser(&self) -> (TcpStream, Result<SecretString, AuthError>) {
        let (heads, mut coming) = mpsc::channel::<(String, TcpStream)>(16);
        loop {
            let (target, mut stream) = tokio::select! {
                Some(head) = coming.recv() => head,
                stream = accept(&self.listeners) => {
                    let heads = heads.clone();
                    tokio::spawn(async move {
                        let read = tokio::time::timeout(HEAD_PATIENCE, read_target(stream)).await;
                        if let Ok(Some(head)) = read {
                            let _ = heads.send(head).await;
                        }
                    });
                    continue;
                }
            };
            match self.understand(&target) {
                Came::Back(answer) => return (stream, answer),
                Came::Elsewhere(status, words) => {
                    let page = page(words, "This address only waits for a sign-in.");
                    tokio::spawn(async move { respond(&mut stream, status, &page).await });
                }
            }
        }
    }

    fn understand(&self, target: &str) -> Came {
        let url = self.callback.join(target).ok().filter(|url| url.path() == self.callback.path());
        let Some(url) = url.filter(|_| target.starts_with('/')) else {
            return Came::Elsewhere("404 Not Found", "Nothing is here");
        };
        let (mut state, mut code, mut error, mut description) = (None, None, None, None);
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "state" => state = Some(value.into_owned()),
                "code" => code = Some(value.into_owned()),
                "error" => error = Some(value.into_owned()),
                "error_description" => description = Some(value.into_owned()),
                _ => {}
            }
        }
        if state.as_deref() != Some(self.state.as_str()) {
            tracing::warn!("a request to the callback did not carry the state of this sign-in; it is ignored");
            return Came::Elsewhere("400 Bad Request", "This is not the sign-in that was started");
        }
        match (code, error) {
            (_, Some(error)) => {
                Came::Back(Err(AuthError::new(&error, description.as_deref().unwrap_or_default(), None)))
            }
            (Some(code), None) if !code.is_empty() => Came::Back(Ok(code.into())),
            _ => Came::Elsewhere("400 Bad Request", "Neither a code nor an error came"),
        }
    }
}

/// Where a request leads.
enum Came {
    Back(Result<SecretString, AuthError>),
    Elsewhere(&'static str, &'static str),
}

/// Listens on this machine's own addresses only; `localhost` is either of the two in different browsers.
async fn listen(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = four.local_addr()?.port();
    let mut listeners = vec![four];
    // Some machines have no IPv6.
    if let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        listeners.push(six);
    }
    Ok(listeners)
}

async fn accept(listeners: &[TcpListener]) -> TcpStream {
    loop {
        let accepted = match listeners {
            [four, six] => tokio::select! { a = four.accept() => a, b = six.accept() => b },
            [one] => one.accept().await,
            _ => std::future::pending().await,
        };
        match accepted {
            Ok((stream, _)) => return stream,
            // Out of descriptors, perhaps: not at full speed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The target of a GET request, and the connection to answer on.
async fn read_target(mut stream: TcpStream) -> Option<(String, TcpStream)> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut piece).await.ok()?;
        if n == 0 || head.len() + n > HEAD_BYTES_MAX {
            return None;
        }
        head.extend_from_slice(&piece[..n]);
    }
    Some((request_target(&head)?, stream))
}

fn request_target(head: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let mut words = line.split(' ');
    (words.next() == Some("GET")).then(|| words.next()).flatten().map(str::to_owned)
}

async fn respond(stream: &mut TcpStream, status: &str, page: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

/// A page without anything secret. Its script takes the code out of the address bar and the history.
fn page(title: &str, text: &str) -> String {
    let escaped =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <script>history.replaceState(null,\"\",\"/\")</script>\
         <body style=\"font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32rem;padding:0 1rem\">\
         <h1>{title}</h1><p>{text}</p></body></html>\n",
        title = escaped(title),
        text = escaped(text),
    )
}

/// 32 random bytes as text.
fn random() -> Result<String, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::config("the system gives no random numbers"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{Credentials, OrgLogin, TokenInMemory};

    fn config() -> ClientConfig {
        let tokens = Arc::new(TokenInMemory::new(""));
        let credentials = Credentials::RefreshToken { client_id: "app".into(), client_secret: None, tokens };
        ClientConfig::new(OrgLogin::new("acme", credentials).unwrap())
    }

    fn free() -> WebOptions {
        WebOptions { callback: "http://localhost:0/OauthRedirect".into(), ..WebOptions::default() }
    }

    #[tokio::test]
    async fn the_address_has_what_pkce_needs() {
        let waiting = WebSignIn::begin(&config(), free()).await.unwrap();
        let url = waiting.url();
        assert!(
            url.as_str().starts_with("https://acme.my.salesforce.com/services/oauth2/authorize?response_type=code&")
        );
        let pairs: std::collections::HashMap<_, _> = url.query_pairs().collect();
        assert_eq!(pairs["code_challenge_method"], "S256");
        assert_eq!(pairs["redirect_uri"], waiting.callback());
        assert_eq!(pairs["code_challenge"].len(), 43);
        assert!(!url.as_str().contains(waiting.verifier.expose_secret()));
        assert!(!format!("{waiting:?}").contains(waiting.verifier.expose_secret()));
    }

    #[tokio::test]
    async fn only_its_own_state_counts() {
        let waiting = WebSignIn::begin(&config(), free()).await.unwrap();
        let state = waiting.state.clone();
        let back = |target: &str| matches!(waiting.understand(target), Came::Back(_));
        assert!(back(&format!("/OauthRedirect?code=aPrx%3D%3D&state={state}")));
        assert!(back(&format!("/OauthRedirect?error=access_denied&state={state}")));
        for target in [
            "/OauthRedirect?code=x",
            "/OauthRedirect?code=x&state=other",
            &format!("/other?code=x&state={state}"),
            &format!("/OauthRedirect?state={state}"),
            &format!("//evil.example/OauthRedirect?error=x&code=&state={state}x"),
            "favicon.ico",
        ] {
            assert!(!back(target), "{target}");
        }
        let Came::Back(Ok(code)) = waiting.understand(&format!("/OauthRedirect?code=a%3D%3D&state={state}")) else {
            panic!("a code")
        };
        assert_eq!(code.expose_secret(), "a==", "decoded exactly once");
    }

    #[tokio::test]
    async fn callbacks_of_other_machines_are_refused() {
        for callback in ["http://example.com/x", "https://localhost/x", "http://localhost:1/x?y", "nonsense"] {
            let options = WebOptions { callback: callback.into(), ..WebOptions::default() };
            let error = WebSignIn::begin(&config(), options).await.unwrap_err();
            assert!(matches!(error, Error::Config { .. }), "{callback}");
        }
    }

    #[tokio::test]
    async fn nobody_comes() {
        let waiting = WebSignIn::begin(&config(), free()).await.unwrap();
        let error = waiting.finish(Duration::from_millis(50)).await.unwrap_err();
        assert!(error.to_string().contains("no browser came back"), "{error}");
    }

    #[test]
    fn a_page_shows_words_only() {
        let page = page("a", "<script>alert(1)</script>");
        assert!(page.contains("&lt;script&gt;alert"), "{page}");
    }

    proptest! {
        #[test]
        fn any_request_is_read(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = request_target(&head);
        }
    }
}
