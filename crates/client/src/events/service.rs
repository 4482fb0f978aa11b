//! The connection to the event bus, and its two questions: what is this channel, what is this schema.

use std::{collections::HashMap, sync::Arc};

use http::Uri;
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use tonic::{
    Request, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::{ClientTlsConfig, Endpoint},
};

use crate::{
    auth::Session,
    client::Client,
    config::{ClientConfig, bare, checked_url},
    error::Error,
    tls,
};

use super::{
    Listen, RawSubscription, Replay, SubscriptionError, SubscriptionErrorKind,
    avro::{DecodeError, EventSchema},
    proto::{SchemaRequest, TopicRequest, pub_sub_client::PubSubClient},
};

/// The largest message taken. The service's own bound is 4 MB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Schemas kept. They are few, and never change under an id.
const SCHEMAS_MAX: usize = 4096;

/// The shared connection and what was learned over it.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    transport: tonic::transport::Channel,
    schemas: Arc<Mutex<HashMap<String, Arc<str>>>>,
    parsed: Arc<Mutex<HashMap<String, Arc<EventSchema>>>>,
}

impl Channel {
    fn new(config: &ClientConfig) -> Result<Channel, Error> {
        let given = config.pubsub_endpoint.trim();
        let text = if given.contains("://") { given.to_owned() } else { format!("https://{given}") };
        let url = checked_url(&text)?;
        let uri: Uri = bare(&url).parse().map_err(|_| Error::config("the Pub/Sub endpoint is no address"))?;
        let mut endpoint = Endpoint::from(uri)
            .connect_timeout(config.timeouts.connect)
            .http2_keep_alive_interval(std::time::Duration::from_secs(60))
            .keep_alive_timeout(std::time::Duration::from_secs(20))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .user_agent(config.application.as_str())
            .map_err(|_| Error::config("the application's name has characters that a header cannot carry"))?;
        if url.scheme() == "https" {
            // The same certificates as for HTTP, instead of a second search for the system's.
            let roots = tls::roots(config.ca_file.as_deref())?;
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().trust_anchors(roots.roots))
                .map_err(|source| Error::config(format!("TLS to the Pub/Sub endpoint cannot be set up: {source}")))?;
        }
        Ok(Channel { transport: endpoint.connect_lazy(), schemas: Arc::default(), parsed: Arc::default() })
    }

    pub(super) fn client(&self) -> PubSubClient<tonic::transport::Channel> {
        PubSubClient::new(self.transport.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

/// What the bus says about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The channel, such as `/data/ChangeEvents`.
    pub channel: String,
    /// Whether this user may subscribe.
    pub can_subscribe: bool,
    /// Whether this user may publish to it.
    pub can_publish: bool,
    /// The newest schema; `None` for channels that carry several kinds of event. Events name their own.
    pub schema_id: Option<String>,
}

/// The event bus as seen by one client.
#[derive(Clone, Debug)]
pub struct Events {
    pub(super) client: Client,
}

impl Events {
    pub(crate) fn new(client: Client) -> Events {
        Events { client }
    }

    /// Begins to say what to listen to: one channel, or several by [`Listen::and`], over either transport.
    pub fn listen(&self, channel: impl Into<String>) -> Listen {
        Listen::new(self.clone(), channel.into())
    }

    /// Subscribes to a channel by Pub/Sub, for bytes. `credit` is how many events may be under way at once, 1 to 100. A
    /// refusal that comes within some seconds is told here, a later one by [`RawSubscription::next`]; see there for
    /// what happens later.
    ///
    /// # Errors
    /// [`Error::Subscription`] with a kind that says what to do.
    pub async fn subscribe(&self, channel: &str, replay: Replay, credit: u32) -> Result<RawSubscription, Error> {
        RawSubscription::open(self.clone(), channel, replay, credit).await
    }

    /// Asks about a channel.
    pub async fn topic(&self, channel: &str) -> Result<Topic, Error> {
        let what = format!("asking about channel {channel}");
        let request = TopicRequest { topic_name: channel.to_owned() };
        let info = self
            .unary(&what, |mut client, metadata| {
                let request = with_metadata(request.clone(), metadata);
                async move { client.get_topic(request).await }
            })
            .await?;
        Ok(Topic {
            channel: info.topic_name,
            can_subscribe: info.can_subscribe,
            can_publish: info.can_publish,
            schema_id: (!info.schema_id.is_empty()).then_some(info.schema_id),
        })
    }

    /// The Avro schema of an id, as JSON. Asked for once and then remembered.
    pub async fn schema(&self, id: &str) -> Result<Arc<str>, Error> {
        let schemas = self.channel().await?.schemas.clone();
        if let Some(schema) = schemas.lock().get(id) {
            return Ok(schema.clone());
        }
        let what = format!("reading event schema {id}");
        let request = SchemaRequest { schema_id: id.to_owned() };
        let info = self
            .unary(&what, |mut client, metadata| {
                let request = with_metadata(request.clone(), metadata);
                async move { client.get_schema(request).await }
            })
            .await?;
        let schema: Arc<str> = info.schema_json.into();
        let mut schemas = schemas.lock();
        if schemas.len() >= SCHEMAS_MAX {
            schemas.clear();
        }
        schemas.insert(id.to_owned(), schema.clone());
        Ok(schema)
    }

    /// As [`Events::schema`], parsed.
    ///
    /// # Errors
    /// The inner error says that the org's schema cannot be understood, which no later attempt changes.
    pub(super) async fn parsed_schema(&self, id: &str) -> Result<Result<Arc<EventSchema>, DecodeError>, Error> {
        let known = self.channel().await?.parsed.clone();
        if let Some(schema) = known.lock().get(id) {
            return Ok(Ok(schema.clone()));
        }
        let json = self.schema(id).await?;
        Ok(EventSchema::parse(&json).map(|schema| {
            let schema = Arc::new(schema);
            let mut known = known.lock();
            if known.len() >= SCHEMAS_MAX {
                known.clear();
            }
            known.insert(id.to_owned(), schema.clone());
            schema
        }))
    }

    pub(super) async fn channel(&self) -> Result<&Channel, Error> {
        let inner = &self.client.inner;
        inner.events.get_or_try_init(|| async { Channel::new(&inner.config) }).await
    }

    /// The three keys that every call carries.
    pub(super) async fn metadata(&self, session: &Session) -> Result<MetadataMap, Error> {
        let ascii = |text: &str| {
            AsciiMetadataValue::try_from(text)
                .map_err(|_| Error::config("the token or instance URL has characters that a header cannot carry"))
        };
        let mut token = ascii(session.token.expose_secret())?;
        token.set_sensitive(true);
        let mut metadata = MetadataMap::new();
        metadata.insert("accesstoken", token);
        metadata.insert("instanceurl", ascii(bare(&session.instance_url))?);
        metadata.insert("tenantid", ascii(&self.client.org_id().await?)?);
        Ok(metadata)
    }

    /// A call with one answer: renewed once, repeated on passing trouble.
    async fn unary<T, F, A>(&self, what: &str, call: F) -> Result<T, Error>
    where
        F: Fn(PubSubClient<tonic::transport::Channel>, MetadataMap) -> A,
        A: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let inner = &self.client.inner;
        let channel = self.channel().await?;
        let mut failures = 0;
        let mut renewed = false;
        loop {
            let session = inner.session().await?;
            let metadata = self.metadata(&session).await?;
            let answer =
                tokio::time::timeout(inner.transport.timeouts().answer, call(channel.client(), metadata)).await;
            let error = match answer {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => SubscriptionError::from_status(what, &status),
                Err(_) => SubscriptionError::unavailable(what, "no answer came in time"),
            };
            if error.kind == SubscriptionErrorKind::Unauthenticated && !renewed {
                renewed = true;
                inner.sessions.renew(&inner.transport, session.generation).await?;
                continue;
            }
            failures += 1;
            let retry = inner.transport.retry();
            if !error.kind.is_transient() || failures >= retry.attempts {
                return Err(error.into());
            }
            tracing::warn!(%error, failures, "trying again");
            tokio::time::sleep(retry.wait(failures, None)).await;
        }
    }
}

pub(super) fn with_metadata<T>(message: T, metadata: MetadataMap) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = metadata;
    request
}
