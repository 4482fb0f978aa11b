//! How Bayeux requests leave: with an org's session, or bare to a server on this machine.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    auth::Session,
    budget::Kind,
    client::Client,
    config::{Timeouts, checked_url},
    error::Error,
    retry::{RetryPolicy, retry_after},
    transport::{Outgoing, whole},
};

/// The longest answer taken. Events are a megabyte at most, and servers send few at a time.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// An answer of whatever status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) cookies: Vec<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Where requests go.
#[derive(Clone)]
pub(in crate::events) enum Door {
    /// An org's Streaming API.
    Org(Client),
    /// A Bayeux server of somebody else, on this machine.
    Foreign(Arc<Foreign>),
}

pub(in crate::events) struct Foreign {
    http: reqwest::Client,
    url: url::Url,
    retry: RetryPolicy,
    timeouts: Timeouts,
}

/// The token of a Bayeux session; none at a foreign door.
pub(super) type Signed = Option<Arc<Session>>;

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Door::Org(_) => "Org",
            Door::Foreign(_) => "Foreign",
        })
    }
}

impl Door {
    pub(in crate::events) fn foreign(url: &str, retry: RetryPolicy, timeouts: Timeouts) -> Result<Door, Error> {
        let root = checked_url(url)?;
        let mut target = url::Url::parse(url.trim()).map_err(|_| Error::config("the address cannot be used"))?;
        if root.scheme() != "http" {
            return Err(Error::config("a foreign Bayeux server is one of this machine, by plain http"));
        }
        target.set_fragment(None);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::config(None)?)
            .no_proxy()
            .connect_timeout(timeouts.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|source| Error::config(format!("HTTP cannot be set up: {source}")))?;
        Ok(Door::Foreign(Arc::new(Foreign { http, url: target, retry, timeouts })))
    }

    pub(super) fn retry(&self) -> &RetryPolicy {
        match self {
            Door::Org(client) => client.inner.transport.retry(),
            Door::Foreign(foreign) => &foreign.retry,
        }
    }

    /// Counts an event against the org's allowance of deliveries.
    pub(super) fn note_delivery(&self) {
        if let Door::Org(client) = self {
            client.budget().note(Kind::EventDeliveries, 1);
        }
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        match self {
            Door::Org(client) => client.inner.transport.timeouts(),
            Door::Foreign(foreign) => &foreign.timeouts,
        }
    }

    /// Whether the server knows the replay extension.
    pub(super) fn has_replay(&self) -> bool {
        matches!(self, Door::Org(_))
    }

    /// The session that a new Bayeux session is begun with, and keeps: its token lives as long as it is connected.
    pub(super) fn sign_in(&self) -> BoxFuture<'static, Result<Signed, Error>> {
        match self.clone() {
            Door::Org(client) => Box::pin(async move { client.inner.session().await.map(Some) }),
            Door::Foreign(_) => Box::pin(async { Ok(None) }),
        }
    }

    /// Another token than the one that was refused.
    pub(super) fn renew(&self, refused: Signed) -> BoxFuture<'static, Result<Signed, Error>> {
        match (self.clone(), refused) {
            (Door::Org(client), Some(refused)) => Box::pin(async move {
                let inner = &client.inner;
                inner.sessions.renew(&inner.transport, refused.generation).await.map(Some)
            }),
            (door, _) => door.sign_in(),
        }
    }

    /// Posts a list of messages.
    pub(super) fn post(
        &self,
        what: &'static str,
        signed: Signed,
        cookies: Option<String>,
        body: Vec<u8>,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Answer, Error>> {
        let door = self.clone();
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Some(cookies) = cookies {
                let mut cookies = HeaderValue::from_str(&cookies)
                    .map_err(|_| Error::unexpected(what, "cookies that no header can carry"))?;
                cookies.set_sensitive(true);
                headers.insert(header::COOKIE, cookies);
            }
            let response = match (&door, signed) {
                (Door::Org(client), Some(session)) => {
                    let outgoing = Outgoing {
                        what: what.to_owned(),
                        method: Method::POST,
                        target: format!("/cometd/{}", client.api_version()),
                        headers,
                        body: body.into(),
                        idempotent: false,
                        token: None,
                    };
                    client.inner.transport.exchange(&outgoing, &session, deadline, ANSWER_BYTES_MAX).await?
                }
                (Door::Foreign(foreign), _) => {
                    let request = foreign.http.post(foreign.url.clone()).headers(headers).body(body);
                    tokio::time::timeout(deadline, whole(what, request, ANSWER_BYTES_MAX)).await.map_err(|_| {
                        Error::Transport {
                            what: what.to_owned(),
                            how: crate::error::LostHow::Timeout,
                            source: Arc::new(crate::error::Text("the time allowed is over".into())),
                        }
                    })??
                }
                (Door::Org(_), None) => return Err(Error::unexpected(what, "no session to send it with")),
            };
            let cookies = response.headers().get_all(header::SET_COOKIE).iter();
            Ok(Answer {
                status: response.status().as_u16(),
                cookies: cookies.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect(),
                retry_after: response
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| retry_after(value, None)),
                body: response.into_body(),
            })
        })
    }
}
