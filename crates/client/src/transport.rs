//! The only place that speaks HTTP: connections, timeouts, retries, and what every answer tells about limits and time.
//! Knows nothing of what requests mean.

use std::{
    error::Error as StdError,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use parking_lot::RwLock;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    auth::{Session, Sessions},
    budget::Budget,
    call::TokenPlace,
    config::{ClientConfig, Timeouts},
    error::{ApiError, Cause, Error, LostHow, Refusal, Text},
    limits::{self, ApiUsage},
    refusal::read_errors,
    retry::{RetryPolicy, http_date, retry_after},
    tls,
};

/// The largest answer that is held in memory at once. Larger results are streamed.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// As much of a refusal's body as is read.
const REFUSAL_BYTES_MAX: usize = 1 << 20;

/// The slowest upload, in bytes a second, that a large body is given time for besides the time for the answer.
const UPLOAD_PACE: u64 = 64 << 10;

const CALL_OPTIONS: HeaderName = HeaderName::from_static("sforce-call-options");
/// Asking about the org costs a request and is short: it does not wait for a place among the long ones.
const ORG_KIND_COST: &str = "/services/data/v0/limits";
const LIMIT_INFO: &str = "sforce-limit-info";

/// A request that may be sent more than once.
pub(crate) struct Outgoing {
    pub(crate) what: String,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Sent again when the answer was lost.
    pub(crate) idempotent: bool,
    /// Where the token goes; into `Authorization` unless this says something else.
    pub(crate) token: Option<TokenPlace>,
}

/// What one attempt came to.
enum Attempt {
    Answer(reqwest::Response),
    /// With the answer itself, where it came whole.
    Refused {
        error: Error,
        refusal: Refusal,
        answer: Option<http::Response<Bytes>>,
    },
}

/// Why no answer could be opened.
pub(crate) struct OpenFailure {
    pub(crate) error: Error,
    /// The refusal, where it came whole.
    pub(crate) answer: Option<http::Response<Bytes>>,
}

/// What a request came to, and what is known of the attempts before the last.
pub(crate) struct Told {
    pub(crate) outcome: Result<http::Response<Bytes>, Error>,
    /// An earlier attempt may have been carried out: its answer was lost, and the request was sent again.
    pub(crate) repeated: bool,
}

/// Clones share their connections and figures.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    retry: RetryPolicy,
    timeouts: Timeouts,
    call_options: HeaderValue,
    requests: Arc<AtomicU64>,
    usage: Arc<RwLock<Option<ApiUsage>>>,
    budget: Budget,
    clock: Arc<RwLock<Option<Clock>>>,
}

/// The org's time when we last heard it.
#[derive(Clone, Copy, Debug)]
struct Clock {
    theirs: Timestamp,
    ours: Timestamp,
    heard: Instant,
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Result<Transport, Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(config.ca_file.as_deref())?)
            .user_agent(config.application.as_str())
            .connect_timeout(config.timeouts.connect)
            // A redirect would carry the token to an address that nobody chose.
            .redirect(reqwest::redirect::Policy::none())
            // Retries are decided here alone.
            .retry(reqwest::retry::never())
            .pool_idle_timeout(Duration::from_secs(50))
            .tcp_keepalive(Duration::from_secs(30))
            .build()
            .map_err(|source| Error::config(format!("HTTP cannot be set up: {source}")))?;
        let call_options = HeaderValue::from_str(&format!("client={}", config.application))
            .map_err(|_| Error::config("the application's name has characters that a header cannot carry"))?;
        Ok(Transport {
            http,
            retry: config.retry,
            timeouts: config.timeouts,
            call_options,
            requests: Arc::default(),
            usage: Arc::default(),
            budget: Budget::new(config.budget.clone())?,
            clock: Arc::default(),
        })
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Notes what an answer's body tells of the API usage.
    pub(crate) fn note_usage(&self, usage: ApiUsage) {
        *self.usage.write() = Some(usage);
        self.budget.hear(usage);
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn usage(&self) -> Option<ApiUsage> {
        *self.usage.read()
    }

    /// The org's time now, from the last answer's `Date` and the time since.
    pub(crate) fn server_time(&self) -> Option<Timestamp> {
        let clock = (*self.clock.read())?;
        clock.theirs.checked_add(clock.heard.elapsed()).ok()
    }

    /// How far our clock was ahead (`true`) or behind when we last heard the org's.
    pub(crate) fn clock_skew(&self) -> Option<(bool, Duration)> {
        let clock = (*self.clock.read())?;
        let ahead = clock.ours.duration_since(clock.theirs);
        Some((ahead.is_positive(), ahead.unsigned_abs()))
    }

    /// Sends until there is an answer below 400, with sign-in where `sessions` is given. The body is not read yet.
    pub(crate) async fn open(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        sessions: Option<&Sessions>,
    ) -> Result<reqwest::Response, Error> {
        self.open_any(outgoing, base, sessions).await.map_err(|failed| failed.error)
    }

    /// As [`Transport::open`]; what the org refused for good comes with the error.
    pub(crate) async fn open_any(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        sessions: Option<&Sessions>,
    ) -> Result<reqwest::Response, OpenFailure> {
        let mut turn = Turn::default();
        loop {
            match self.attempt(outgoing, base, sessions, &mut turn).await {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(error) => {
                    let answer = turn.answer.take();
                    if let Err(error) = self.pause(&mut turn, error, outgoing).await {
                        return Err(OpenFailure { error, answer });
                    }
                }
            }
        }
    }

    /// As [`Transport::open`], and reads the whole body. A body that is cut counts as a lost answer.
    pub(crate) async fn call(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        sessions: Option<&Sessions>,
    ) -> Result<http::Response<Bytes>, Error> {
        self.tell(outgoing, base, sessions, false).await.outcome
    }

    /// As [`Transport::call`], and tells whether an earlier attempt may have been carried out. With `refusals`, what
    /// the org refuses for good is an answer.
    pub(crate) async fn tell(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        sessions: Option<&Sessions>,
        refusals: bool,
    ) -> Told {
        let mut turn = Turn::default();
        let outcome = loop {
            let error = match self.attempt(outgoing, base, sessions, &mut turn).await {
                Ok(Some(response)) => match self.read(&outgoing.what, response, ANSWER_BYTES_MAX).await {
                    Ok(answer) => break Ok(answer),
                    Err(error) => error,
                },
                Ok(None) => continue,
                Err(error) => error,
            };
            let answer = turn.answer.take().filter(|_| refusals);
            if let Err(error) = self.pause(&mut turn, error, outgoing).await {
                break answer.ok_or(error);
            }
        };
        Told { outcome, repeated: turn.maybe_done }
    }

    /// Posts a form to the token endpoint: status and body of the first answer that is not passing trouble.
    pub(crate) async fn post_form(&self, url: &Url, form: &SecretString) -> Result<(u16, Bytes), Error> {
        const WHAT: &str = "signing in";
        let mut failures = 0;
        loop {
            let request = self
                .http
                .post(url.clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ACCEPT, "application/json")
                .body(form.expose_secret().to_owned());
            let outcome = match self.send(WHAT, request, self.timeouts.answer).await {
                Ok(response) => self.read(WHAT, response, REFUSAL_BYTES_MAX).await,
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(answer) if matches!(answer.status().as_u16(), 408 | 420 | 429 | 500 | 502..=504) => Error::Api {
                    what: WHAT.into(),
                    status: answer.status().as_u16(),
                    errors: vec![],
                    retry_after: self.asked_to_wait(answer.headers()),
                },
                Ok(answer) => return Ok((answer.status().as_u16(), answer.into_body())),
                Err(error) => error,
            };
            failures += 1;
            if failures >= self.retry.attempts || !error.is_retryable() {
                return Err(error);
            }
            let wait = self.retry.wait(failures, error.retry_after());
            tracing::warn!(%error, failures, wait_ms = wait.as_millis() as u64, "sign-in failed; trying again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends once and gives back whatever comes, refusals too: for a protocol with errors and retries of its own. The
    /// deadline is for the whole answer, which may be held for long before its first byte.
    pub(crate) async fn exchange(
        &self,
        outgoing: &Outgoing,
        session: &Session,
        deadline: Duration,
        bytes_max: usize,
    ) -> Result<http::Response<Bytes>, Error> {
        let request = self.request(outgoing, &session.instance_url, Some(session))?.body(outgoing.body.clone());
        self.requests.fetch_add(1, Ordering::Relaxed);
        let whole = whole(&outgoing.what, request, bytes_max);
        let answer =
            tokio::time::timeout(deadline, whole).await.map_err(|_| timeout(&outgoing.what, LostHow::Timeout))??;
        self.listen(answer.headers());
        Ok(answer)
    }

    /// As [`Transport::send_stream`], for answers whose status says all.
    pub(crate) async fn upload(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        session: &Session,
        body: reqwest::Body,
        length: Option<u64>,
        progress: Arc<RwLock<Instant>>,
    ) -> Result<StatusCode, UploadFailure> {
        let response = self.send_stream(outgoing, base, session, body, length, progress).await?;
        Ok(response.status())
    }

    /// Reads the answer to an upload. One that does not come whole is lost.
    pub(crate) async fn read_uploaded(
        &self,
        what: &str,
        response: reqwest::Response,
    ) -> Result<http::Response<Bytes>, UploadFailure> {
        self.read(what, response, ANSWER_BYTES_MAX).await.map_err(UploadFailure::Unknown)
    }

    /// Sends a body of a stream once, and only once, and tells refusals from lost answers.
    pub(crate) async fn send_stream(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        session: &Session,
        body: reqwest::Body,
        length: Option<u64>,
        progress: Arc<RwLock<Instant>>,
    ) -> Result<reqwest::Response, UploadFailure> {
        let mut request = self.request(outgoing, base, Some(session)).map_err(UploadFailure::Refused)?.body(body);
        if let Some(length) = length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        let pass = self
            .budget
            .admit(&outgoing.method, &outgoing.target, &outgoing.body, &outgoing.what)
            .await
            .map_err(UploadFailure::Refused)?;
        *progress.write() = Instant::now();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sending = request.send();
        tokio::pin!(sending);
        // The answer comes after the last byte went, so the clock starts again with every piece that goes.
        let response = loop {
            let deadline = *progress.read() + self.timeouts.answer.max(self.timeouts.idle);
            tokio::select! {
                outcome = &mut sending => break outcome,
                () = tokio::time::sleep_until(deadline.into()) => {
                    if progress.read().elapsed() >= self.timeouts.answer.max(self.timeouts.idle) {
                        return Err(UploadFailure::Unknown(timeout(&outgoing.what, LostHow::Stalled)));
                    }
                }
            }
        };
        let response = response.map_err(|source| {
            let error = lost(&outgoing.what, source);
            match &error {
                Error::Transport { how: LostHow::Unreachable | LostHow::Untrusted, .. } => {
                    UploadFailure::Refused(error)
                }
                _ => UploadFailure::Unknown(error),
            }
        })?;
        self.listen(response.headers());
        pass.answered(response.headers());
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let error = match self.refused(&outgoing.what, response).await {
            Attempt::Refused { error, .. } => error,
            Attempt::Answer(_) => Error::config("an upload was answered with a redirect"),
        };
        Err(if matches!(status.as_u16(), 500 | 502 | 504 | 408) {
            UploadFailure::Unknown(error)
        } else {
            UploadFailure::Refused(error)
        })
    }

    /// The next piece of an answer; `None` at its end. Fails when no byte comes for the idle time.
    pub(crate) async fn chunk(&self, what: &str, response: &mut reqwest::Response) -> Result<Option<Bytes>, Error> {
        match tokio::time::timeout(self.timeouts.idle, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(source)) => Err(lost(what, source)),
            Err(_) => Err(timeout(what, LostHow::Stalled)),
        }
    }

    /// One attempt: `Ok(None)` means that the session was renewed and the request is to be sent again at once.
    async fn attempt(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        sessions: Option<&Sessions>,
        turn: &mut Turn,
    ) -> Result<Option<reqwest::Response>, Error> {
        let session = match sessions {
            Some(sessions) => Some(sessions.get(self).await.inspect_err(|_| turn.give_up = true)?),
            None => None,
        };
        let request = self.request(outgoing, base, session.as_deref())?;
        let request = match (&outgoing.token, &session) {
            (Some(TokenPlace::Body(gap)), Some(session)) => with_session(request, &outgoing.body, *gap, session)?,
            _ => request.body(outgoing.body.clone()),
        };
        if let Some(session) = &session
            && self.budget.should_ask_kind(&outgoing.method, &outgoing.target)
        {
            self.ask_kind(&outgoing.target, base, session).await;
        }
        let pass = self
            .budget
            .admit(&outgoing.method, &outgoing.target, &outgoing.body, &outgoing.what)
            .await
            .inspect_err(|_| turn.give_up = true)?;
        let uploading = Duration::from_secs(outgoing.body.len() as u64 / UPLOAD_PACE);
        let response = match self.send(&outgoing.what, request, self.timeouts.answer + uploading).await {
            Ok(response) => response,
            Err(error) => {
                pass.unanswered(!never_sent(&error));
                return Err(error);
            }
        };
        pass.answered(response.headers());
        match self.refused(&outgoing.what, response).await {
            Attempt::Answer(response) => Ok(Some(response)),
            Attempt::Refused { error, refusal, answer } => {
                turn.refusal = Some(refusal);
                turn.answer = answer;
                match (refusal, sessions, &session) {
                    (Refusal::Session, Some(sessions), Some(session)) if !turn.renewed => {
                        turn.renewed = true;
                        sessions.renew(self, session.generation).await.inspect_err(|_| turn.give_up = true)?;
                        Ok(None)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Asks what kind of org this is, which decides how many long requests it takes at once. Without an answer the
    /// fewest are assumed.
    async fn ask_kind(&self, target: &str, base: &Url, session: &Session) {
        const SOQL: &str = "SELECT%20OrganizationType%2CIsSandbox%2CTrialExpirationDate%20FROM%20Organization";
        // The version is that of the request that made us ask; those of other doors are the same but for `v`.
        let Some(version) = target.split('/').find(|word| word.ends_with(".0")) else { return };
        let asking = Outgoing {
            what: "asking what kind of org this is".into(),
            method: Method::GET,
            target: format!("/services/data/v{}/query?q={SOQL}", version.trim_start_matches('v')),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            idempotent: true,
            token: None,
        };
        let reading = async {
            let request = self.request(&asking, base, Some(session))?;
            let pass = self.budget.admit(&Method::GET, ORG_KIND_COST, b"", &asking.what).await?;
            let response = self.send(&asking.what, request, self.timeouts.answer).await?;
            pass.answered(response.headers());
            match self.refused(&asking.what, response).await {
                Attempt::Answer(response) => self.read(&asking.what, response, REFUSAL_BYTES_MAX).await,
                Attempt::Refused { error, .. } => Err(error),
            }
        };
        match reading.await {
            Ok(answer) => match limits::long_requests_of(answer.body()) {
                Some(places) => self.budget.learn_long_requests(places),
                None => tracing::debug!("the org does not say of what kind it is"),
            },
            Err(error) => tracing::debug!(%error, "the org was not asked of what kind it is"),
        }
    }

    /// Waits before the next attempt, or gives the error back when there is none.
    async fn pause(&self, turn: &mut Turn, error: Error, outgoing: &Outgoing) -> Result<(), Error> {
        turn.failures += 1;
        let refusal = turn.refusal.take();
        if turn.give_up
            || turn.failures >= self.retry.attempts
            || !error.is_retryable()
            || !(outgoing.idempotent || surely_not_done(&error, refusal))
        {
            return Err(error);
        }
        turn.maybe_done |= !surely_not_done(&error, refusal);
        let mut wait = self.retry.wait(turn.failures, error.retry_after());
        if refusal == Some(Refusal::Concurrency) {
            wait = wait.max(self.retry.concurrency_floor);
        }
        tracing::warn!(%error, failures = turn.failures, wait_ms = wait.as_millis() as u64, "trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn request(
        &self,
        outgoing: &Outgoing,
        base: &Url,
        session: Option<&Session>,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let base = session.map_or(base, |session| &session.instance_url);
        let url = base
            .join(&outgoing.target)
            .ok()
            // A path such as `//host/…` would lead elsewhere, with our token.
            .filter(|url| url.origin() == base.origin())
            .ok_or_else(|| Error::config(format!("{}: the path is not one of the org", outgoing.what)))?;
        let mut request =
            self.http.request(outgoing.method.clone(), url).headers(self.with_our_name(&outgoing.headers));
        if let Some(session) = session
            && !matches!(outgoing.token, Some(TokenPlace::Body(_)))
        {
            let token = session.token.expose_secret();
            let (name, value) = match &outgoing.token {
                Some(TokenPlace::Header(name)) => (name.clone(), HeaderValue::from_str(token)),
                _ => (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))),
            };
            let mut value =
                value.map_err(|_| Error::config("the access token has characters that a header cannot carry"))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        Ok(request)
    }

    /// Adds our name to the call options, where the call has not set another.
    fn with_our_name(&self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        let options = match headers.get(&CALL_OPTIONS).and_then(|options| options.to_str().ok()) {
            None => self.call_options.clone(),
            Some(options) if options.contains("client=") => return headers,
            Some(options) => {
                let ours = self.call_options.to_str().unwrap_or_default();
                HeaderValue::from_str(&format!("{ours}, {options}")).unwrap_or_else(|_| self.call_options.clone())
            }
        };
        headers.insert(CALL_OPTIONS, options);
        headers
    }

    /// Sends once and waits for the answer's head.
    async fn send(
        &self,
        what: &str,
        request: reqwest::RequestBuilder,
        patience: Duration,
    ) -> Result<reqwest::Response, Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = tokio::time::timeout(patience, request.send())
            .await
            .map_err(|_| timeout(what, LostHow::Timeout))?
            .map_err(|source| lost(what, source))?;
        self.listen(response.headers());
        Ok(response)
    }

    /// Tells a refusal from an answer.
    async fn refused(&self, what: &str, response: reqwest::Response) -> Attempt {
        let status = response.status();
        if let 301 | 302 | 303 | 307 | 308 = status.as_u16() {
            let to = response
                .headers()
                .get(header::LOCATION)
                .and_then(|to| to.to_str().ok())
                .and_then(|to| Url::parse(to).ok())
                .and_then(|to| to.host_str().map(str::to_owned))
                .unwrap_or_else(|| "another address".into());
            let error = Error::Api {
                what: what.to_owned(),
                status: status.as_u16(),
                errors: vec![ApiError {
                    code: "REDIRECTED".into(),
                    message: format!("this host sends us on to {to}: use the org's own address"),
                    fields: vec![],
                }],
                retry_after: None,
            };
            return Attempt::Refused { error, refusal: Refusal::Final, answer: None };
        }
        if status.as_u16() < 400 {
            return Attempt::Answer(response);
        }
        let retry_after = self.asked_to_wait(response.headers());
        // A body that does not come is no reason to lose the status.
        let answer = self.read(what, response, REFUSAL_BYTES_MAX).await.ok();
        let errors = answer.as_ref().map(|answer| read_errors(answer.body())).unwrap_or_default();
        let refusal = Refusal::of(status.as_u16(), &errors);
        if matches!(refusal, Refusal::DailyLimit | Refusal::Concurrency) {
            self.budget.refused(&errors, refusal == Refusal::Concurrency);
        }
        Attempt::Refused {
            error: Error::Api { what: what.to_owned(), status: status.as_u16(), errors, retry_after },
            refusal,
            answer,
        }
    }

    /// Reads a whole body, bounded, with the idle time between pieces.
    async fn read(
        &self,
        what: &str,
        mut response: reqwest::Response,
        bytes_max: usize,
    ) -> Result<http::Response<Bytes>, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(what, &mut response).await? {
            if body.len() + chunk.len() > bytes_max {
                return Err(Error::unexpected(what, format!("the answer is larger than {bytes_max} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    fn asked_to_wait(&self, headers: &HeaderMap) -> Option<Duration> {
        let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        retry_after(value, self.server_time())
    }

    /// Notes what every answer tells besides its content.
    fn listen(&self, headers: &HeaderMap) {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        if let Some(theirs) = headers.get(header::DATE).and_then(text).as_deref().and_then(http_date) {
            *self.clock.write() = Some(Clock { theirs, ours: Timestamp::now(), heard: Instant::now() });
            self.budget.hear_clock(theirs);
        }
        if let Some(usage) = headers.get(LIMIT_INFO).and_then(text).as_deref().and_then(ApiUsage::parse) {
            *self.usage.write() = Some(usage);
        }
        if let Some(warning) = headers.get(header::WARNING).and_then(text) {
            tracing::debug!(warning, "the org warns");
        }
    }
}

/// The request with its body, and the session's id in the gap that the body has for it. Nothing of a large body is
/// copied: the parts go one after the other.
fn with_session(
    request: reqwest::RequestBuilder,
    body: &Bytes,
    gap: usize,
    session: &Session,
) -> Result<reqwest::RequestBuilder, Error> {
    let token = session.token.expose_secret();
    // Three parts between dots are a JWT, which SOAP takes for an unknown session.
    if token.starts_with("eyJ") && token.matches('.').count() == 2 {
        return Err(Error::Config {
            message: "SOAP calls and metadata need an opaque access token, and this app issues JWT-based ones".into(),
            hint: Some(
                "in Setup, open the app's OAuth settings and switch off \"Issue JSON Web Token (JWT)-based access tokens for named users\""
                    .into(),
            ),
        });
    }
    if gap > body.len() || token.contains(['<', '&', '>']) || token.chars().any(char::is_control) {
        return Err(Error::config("the access token has characters that a SOAP header does not carry as they are"));
    }
    let parts = [body.slice(..gap), Bytes::copy_from_slice(token.as_bytes()), body.slice(gap..)];
    let length: usize = parts.iter().map(Bytes::len).sum();
    let parts = futures::stream::iter(parts.map(Ok::<Bytes, std::convert::Infallible>));
    Ok(request.header(header::CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(parts)))
}

/// What is remembered between the attempts of one request.
#[derive(Default)]
struct Turn {
    failures: u32,
    renewed: bool,
    /// Signing in failed, and has its own retries behind it.
    give_up: bool,
    refusal: Option<Refusal>,
    /// What the last attempt was refused with.
    answer: Option<http::Response<Bytes>>,
    /// The answer to an attempt that may have been carried out was lost.
    maybe_done: bool,
}

/// How an upload failed.
pub(crate) enum UploadFailure {
    /// The org has not taken it.
    Refused(Error),
    /// The org may have taken it.
    Unknown(Error),
}

/// Sends, and reads the whole answer.
pub(crate) async fn whole(
    what: &str,
    request: reqwest::RequestBuilder,
    bytes_max: usize,
) -> Result<http::Response<Bytes>, Error> {
    let mut response = request.send().await.map_err(|source| lost(what, source))?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| lost(what, source))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Error::unexpected(what, format!("the answer is larger than {bytes_max} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = http::Response::new(body.freeze());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

/// Whether an error came before the org could see the request.
fn never_sent(error: &Error) -> bool {
    matches!(error, Error::Transport { how: LostHow::Unreachable | LostHow::Untrusted, .. })
}

/// Whether the org told us, or we know, that a request had no effect, so that even a create may be sent again.
fn surely_not_done(error: &Error, refusal: Option<Refusal>) -> bool {
    match error {
        Error::Transport { how, .. } => *how == LostHow::Unreachable,
        Error::Api { status, .. } => {
            matches!(refusal, Some(Refusal::Concurrency | Refusal::Maintenance)) || matches!(status, 420 | 429 | 503)
        }
        _ => false,
    }
}

fn timeout(what: &str, how: LostHow) -> Error {
    Error::Transport { what: what.to_owned(), how, source: Arc::new(Text("the time allowed is over".into())) }
}

fn lost(what: &str, source: reqwest::Error) -> Error {
    let host = source.url().and_then(|url| {
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    });
    let source = source.without_url();
    let how = if is_certificate(&source) {
        LostHow::Untrusted
    } else if source.is_connect() {
        LostHow::Unreachable
    } else if source.is_timeout() {
        LostHow::Timeout
    } else {
        LostHow::Broken
    };
    // Where nothing was reached, the first question is what was tried.
    let what = match host {
        Some(host) if matches!(how, LostHow::Unreachable | LostHow::Untrusted) => format!("{what} at {host}"),
        _ => what.to_owned(),
    };
    Error::Transport { what, how, source: Arc::new(source) as Cause }
}

fn is_certificate(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    // Causes are few; the bound only guards against a loop.
    for _ in 0..16 {
        let Some(error) = cause else { return false };
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref::<rustls::Error>() {
            return true;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
            && matches!(inner.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
        {
            return true;
        }
        cause = error.source();
    }
    false
}
