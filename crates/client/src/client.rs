//! The client: an org, a session and a version, shared by all its clones.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::{
    auth::{Session, Sessions},
    bulk::Bulk,
    call::Call,
    config::{ClientConfig, bare},
    describe::{Describe, DescribeGlobal, DescribeObject, DescribeObjects},
    error::Error,
    events::Events,
    identity::UserInfo,
    limits::ApiUsage,
    query::{Query, QueryPage, RecordStream, TypedStream},
    transport::{Outgoing, Transport},
    version::{ApiVersion, Versions},
};

/// A signed-in connection to one org. Cloning is cheap; all clones share one session, one connection pool and one set
/// of figures.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) transport: Transport,
    pub(crate) sessions: Sessions,
    pub(crate) config: ClientConfig,
    api: ApiVersion,
    identity: OnceCell<(String, String)>,
    pub(crate) events: OnceCell<crate::events::Channel>,
}

impl Client {
    /// Signs in and settles the API version.
    ///
    /// # Errors
    /// [`Error::Auth`] with advice where the org refuses; [`Error::Config`] for a bad key or CA file, or where the org
    /// offers no version that we know; [`Error::Transport`] where it cannot be reached.
    pub async fn connect(config: ClientConfig) -> Result<Client, Error> {
        let transport = Transport::new(&config)?;
        let sessions = Sessions::new(config.login.clone(), config.session_life)?;
        let session = sessions.get(&transport).await?;
        let mut inner = Inner {
            transport,
            sessions,
            api: config.api_version.unwrap_or(ApiVersion::NEWEST),
            config,
            identity: OnceCell::new(),
            events: OnceCell::new(),
        };
        if let Some(identity) = &session.identity {
            inner.identity = OnceCell::new_with(Some((identity.org_id.clone(), identity.user_id.clone())));
        }
        let offered = inner.send(&Versions).await?;
        inner.api = match inner.config.api_version {
            Some(wanted)
                if offered.iter().any(|info| info.version.parse::<ApiVersion>().is_ok_and(|v| v == wanted)) =>
            {
                wanted
            }
            Some(wanted) => {
                return Err(Error::Config {
                    message: format!("the org does not offer API version {wanted}"),
                    hint: Some(format!(
                        "leave the version out, or take one of {}",
                        offered.iter().rev().take(5).map(|info| info.version.as_str()).collect::<Vec<_>>().join(", ")
                    )),
                });
            }
            None => ApiVersion::negotiate(&offered).ok_or_else(|| Error::Config {
                message: format!("the org offers no API version from {} to {}", ApiVersion::OLDEST, ApiVersion::NEWEST),
                hint: None,
            })?,
        };
        Ok(Client { inner: Arc::new(inner) })
    }

    /// The API version in use.
    pub fn api_version(&self) -> ApiVersion {
        self.inner.api
    }

    /// The address that the org told us to use, without trailing slash.
    pub async fn instance_url(&self) -> Result<String, Error> {
        let session = self.inner.session().await?;
        Ok(bare(&session.instance_url).to_owned())
    }

    /// The org's 18-character id.
    pub async fn org_id(&self) -> Result<String, Error> {
        Ok(self.identity().await?.0.clone())
    }

    /// The signed-in user's 18-character id.
    pub async fn user_id(&self) -> Result<String, Error> {
        Ok(self.identity().await?.1.clone())
    }

    async fn identity(&self) -> Result<&(String, String), Error> {
        self.inner
            .identity
            .get_or_try_init(|| async {
                let info = self.send(&UserInfo).await?;
                Ok((info.organization_id, info.user_id))
            })
            .await
    }

    /// Sends a call, with retries and renewal of the session, and understands the answer.
    pub async fn send<C: Call>(&self, call: &C) -> Result<C::Reply, Error> {
        self.inner.send(call).await
    }

    /// What the org says about an sObject: fields, keys, what the user may do.
    pub async fn describe(&self, object: &str) -> Result<Describe, Error> {
        match self.send(&DescribeObject::new(object)).await? {
            Some(describe) => Ok(describe),
            None => Err(Error::unexpected(
                format!("describing {object}"),
                "not modified, although nothing was said to be known",
            )),
        }
    }

    /// As [`Client::describe`], or `None` when nothing has changed since `since` (see [`Describe::last_modified`]).
    pub async fn describe_since(&self, object: &str, since: Timestamp) -> Result<Option<Describe>, Error> {
        self.send(&DescribeObject::new(object).modified_since(since)).await
    }

    /// The org's sObjects.
    pub async fn describe_global(&self) -> Result<DescribeGlobal, Error> {
        self.send(&DescribeObjects).await
    }

    /// The records of a query, page after page as they are read.
    pub fn query(&self, soql: impl Into<String>) -> RecordStream {
        RecordStream::new(self.clone(), Query::new(soql))
    }

    /// As [`Client::query`], with records in the recycle bin and archived activities.
    pub fn query_all(&self, soql: impl Into<String>) -> RecordStream {
        RecordStream::new(self.clone(), Query::new(soql).with_deleted())
    }

    /// As [`Client::query`], with each record as a value of a type.
    pub fn query_as<T: serde::de::DeserializeOwned>(&self, soql: impl Into<String>) -> TypedStream<T> {
        self.query(soql).typed()
    }

    /// The first page of a query.
    pub async fn query_page(&self, soql: impl Into<String>) -> Result<QueryPage, Error> {
        self.send(&Query::new(soql)).await
    }

    /// Bulk API 2.0.
    pub fn bulk(&self) -> Bulk {
        Bulk::new(self.clone())
    }

    /// Events: subscriptions by CometD and Pub/Sub, publishing, PushTopics.
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// The org's API usage as of the last answer.
    pub fn api_usage(&self) -> Option<ApiUsage> {
        self.inner.transport.usage()
    }

    /// The org's time now, from the last answer's `Date` header (whole seconds) and the time since.
    pub fn server_time(&self) -> Option<Timestamp> {
        self.inner.transport.server_time()
    }

    /// HTTP requests sent so far, repeated ones and sign-ins included.
    pub fn requests_made(&self) -> u64 {
        self.inner.transport.requests()
    }
}

impl Inner {
    pub(crate) async fn session(&self) -> Result<Arc<Session>, Error> {
        self.sessions.get(&self.transport).await
    }

    pub(crate) async fn send<C: Call>(&self, call: &C) -> Result<C::Reply, Error> {
        let request = call.request(self.api)?;
        let signed = call.needs_sign_in();
        let outgoing = outgoing(call, request);
        let response = if signed {
            self.transport.call(&outgoing, self.config.login.url(), Some(&self.sessions)).await?
        } else {
            // The list of versions is asked of the instance too: the login host may be a shared one.
            let session = self.session().await?;
            self.transport.call(&outgoing, &session.instance_url, None).await?
        };
        call.reply(response)
    }

    /// Opens a streamed answer.
    pub(crate) async fn open(
        &self,
        what: String,
        target: String,
        headers: HeaderMap,
    ) -> Result<reqwest::Response, Error> {
        let outgoing =
            Outgoing { what, method: http::Method::GET, target, headers, body: Bytes::new(), idempotent: true };
        self.transport.open(&outgoing, self.config.login.url(), Some(&self.sessions)).await
    }
}

fn outgoing<C: Call>(call: &C, request: http::Request<Bytes>) -> Outgoing {
    let (head, body) = request.into_parts();
    Outgoing {
        what: call.what(),
        idempotent: call.is_idempotent(&head.method),
        method: head.method,
        target: head.uri.path_and_query().map(|target| target.to_string()).unwrap_or_default(),
        headers: head.headers,
        body,
    }
}
