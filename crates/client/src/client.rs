//! The client: an org, a session and a version, shared by all its clones.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::{
    auth::{Session, Sessions},
    budget::Budget,
    bulk::Bulk,
    bulk1::Bulk1,
    call::{Call, TokenPlace},
    config::{ClientConfig, bare},
    error::Error,
    events::Events,
    identity::UserInfo,
    limits::{ApiUsage, Limit, Limits},
    metadata::Metadata,
    query::{Explain, Explanation, Query, QueryPage, RecordStream, TypedStream},
    rest::DescribeCache,
    soap::{self, Soap},
    transport::{OpenFailure, Outgoing, Told, Transport},
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
    pub(crate) describes: DescribeCache,
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
        let budget = transport.budget().clone();
        let mut inner = Inner {
            transport,
            sessions,
            api: config.api_version.unwrap_or(ApiVersion::NEWEST),
            config,
            identity: OnceCell::new(),
            events: OnceCell::new(),
            describes: DescribeCache::default(),
        };
        if let Some(identity) = &session.identity {
            inner.identity = OnceCell::new_with(Some((identity.org_id.clone(), identity.user_id.clone())));
        }
        if budget.is_shared() {
            let org = match inner.identity.get() {
                Some((org, _)) => org.clone(),
                None => inner.send(&UserInfo).await?.organization_id,
            };
            budget.share(&org)?;
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

    /// The records of a query, page after page as they are read, with their children complete.
    pub fn query(&self, query: impl Into<Query>) -> RecordStream {
        RecordStream::new(self.clone(), query.into())
    }

    /// As [`Client::query`], with records in the recycle bin and archived activities.
    pub fn query_all(&self, query: impl Into<Query>) -> RecordStream {
        RecordStream::new(self.clone(), query.into().with_deleted())
    }

    /// As [`Client::query`], with each record as a value of a type.
    pub fn query_as<T: serde::de::DeserializeOwned>(&self, query: impl Into<Query>) -> TypedStream<T> {
        self.query(query).typed()
    }

    /// The first page of a query, as the org gives it.
    pub async fn query_page(&self, query: impl Into<Query>) -> Result<QueryPage, Error> {
        self.send(&query.into()).await
    }

    /// How many rows a query finds. Any plain query will do: it is sent as `SELECT COUNT()`.
    ///
    /// # Errors
    /// As for the query; and [`Error::Config`] for one that groups or aggregates, whose rows are not records.
    pub async fn count(&self, query: impl Into<Query>) -> Result<u64, Error> {
        crate::query::count(self, query.into()).await
    }

    /// A query with its `FIELDS(ALL)`, `FIELDS(CUSTOM)` and `FIELDS(STANDARD)` written out as the fields of the
    /// describe, as [`Query::expand_fields`] has it done; for those who need to know the columns before the rows.
    ///
    /// # Errors
    /// [`Error::Config`] where the text is not understood, or `FIELDS()` stands within a subquery.
    pub async fn expand_fields(&self, query: impl Into<Query>) -> Result<Query, Error> {
        crate::query::expand_fields(self, query.into()).await
    }

    /// How the org would run a query: its plans, the best first. The query is not run.
    pub async fn explain(&self, query: impl Into<Query>) -> Result<Explanation, Error> {
        self.send(&Explain::new(query)).await
    }

    /// Bulk API 2.0.
    pub fn bulk(&self) -> Bulk {
        Bulk::new(self.clone())
    }

    /// Bulk API 1.0, for what 2.0 cannot.
    pub fn bulk1(&self) -> Bulk1 {
        Bulk1::new(self.clone())
    }

    /// Events: subscriptions by CometD and Pub/Sub, publishing, PushTopics.
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// SOAP: for what only SOAP has, such as merge, lead conversion and undelete.
    pub fn soap(&self) -> Soap {
        Soap::new(self.clone())
    }

    /// The Metadata API: what the org is made of, read, changed, deployed and retrieved.
    pub fn metadata(&self) -> Metadata {
        Metadata::new(self.clone())
    }

    /// The org's API usage as of the last answer.
    pub fn api_usage(&self) -> Option<ApiUsage> {
        self.inner.transport.usage()
    }

    /// The org's budget: what may be used, what is, and what is set aside.
    pub fn budget(&self) -> Budget {
        self.inner.transport.budget().clone()
    }

    /// Reads the org's limits, and tells the budget.
    pub async fn refresh_budget(&self) -> Result<BTreeMap<String, Limit>, Error> {
        let limits = self.send(&Limits).await?;
        self.budget().learn(&limits);
        Ok(limits)
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
        let refusals = call.takes_refusals();
        let told = if signed {
            self.transport.tell(&outgoing, self.config.login.url(), Some(&self.sessions), refusals).await
        } else {
            // The list of versions is asked of the instance too: the login host may be a shared one.
            let session = self.session().await?;
            Told { outcome: self.transport.call(&outgoing, &session.instance_url, None).await, repeated: false }
        };
        if matches!(outgoing.token, Some(TokenPlace::Body(_)))
            && let Ok(response) = &told.outcome
            && let Some(usage) = soap::usage(response.body())
        {
            self.transport.note_usage(usage);
        }
        let outcome = told.outcome.and_then(|response| call.reply(response));
        if told.repeated { call.repeated(outcome) } else { outcome }
    }

    /// Opens the answer to any call as a stream; a refusal comes with the error.
    pub(crate) async fn open_call<C: Call>(&self, call: &C) -> Result<reqwest::Response, OpenFailure> {
        let request = call.request(self.api).map_err(|error| OpenFailure { error, answer: None })?;
        let outgoing = outgoing(call, request);
        self.transport.open_any(&outgoing, self.config.login.url(), Some(&self.sessions)).await
    }

    /// Opens a streamed answer.
    pub(crate) async fn open(
        &self,
        what: String,
        target: String,
        headers: HeaderMap,
    ) -> Result<reqwest::Response, Error> {
        self.open_with(what, target, headers, None).await
    }

    /// As [`Inner::open`], with the token in a place of its own.
    pub(crate) async fn open_with(
        &self,
        what: String,
        target: String,
        headers: HeaderMap,
        token: Option<TokenPlace>,
    ) -> Result<reqwest::Response, Error> {
        let outgoing =
            Outgoing { what, method: http::Method::GET, target, headers, body: Bytes::new(), idempotent: true, token };
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
        token: head.extensions.get().cloned(),
    }
}
