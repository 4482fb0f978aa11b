//! Uploading a stream to an ingest job: once, bounded, and honest about a lost answer.

use std::{
    error::Error as StdError,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue, Method, header};
use parking_lot::{Mutex, RwLock};

use crate::{
    error::{Cause, Error, Text},
    transport::{Outgoing, UploadFailure},
};

use super::{
    Bulk, IngestJob, JobState,
    job::{Family, job_path},
};

/// What an ingest job may hold, as Salesforce stores it: in base64.
pub const UPLOAD_ENCODED_BYTES_MAX: u64 = 150_000_000;
/// The most bytes of CSV whose base64 form fits.
pub const UPLOAD_BYTES_MAX: u64 = UPLOAD_ENCODED_BYTES_MAX / 4 * 3;

/// What is known of an upload while it runs and after it failed.
#[derive(Default)]
struct Watch {
    bytes: AtomicU64,
    too_large: AtomicBool,
    source_failed: Mutex<Option<Cause>>,
}

/// The caller's stream, counted and watched.
struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    progress: Arc<RwLock<Instant>>,
}

impl<S, E> Stream for Watched<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Item = Result<Bytes, Box<dyn StdError + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(Pin::new(&mut self.stream).poll_next(cx));
        *self.progress.write() = Instant::now();
        Poll::Ready(match next {
            None => None,
            Some(Ok(bytes)) => {
                let sent = self.watch.bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel) + bytes.len() as u64;
                if sent > UPLOAD_BYTES_MAX {
                    self.watch.too_large.store(true, Ordering::Release);
                    Some(Err("the upload is too large".into()))
                } else {
                    Some(Ok(bytes))
                }
            }
            Some(Err(error)) => {
                let cause: Cause = Arc::from(error.into());
                *self.watch.source_failed.lock() = Some(cause.clone());
                Some(Err(cause.to_string().into()))
            }
        })
    }
}

impl Bulk {
    /// Uploads the CSV of an ingest job. `length` is given when it is known; without it the data is sent in chunks.
    /// The job is read first, which renews the session if need be, as a stream cannot be sent twice.
    ///
    /// # Errors
    /// [`Error::UploadTooLarge`] before or while sending; nothing was taken then, and the job can be aborted.
    /// [`Error::UploadUnknown`] when the answer was lost: abort the job and start a new one, never upload to it again.
    /// [`Error::Api`] where the org refused.
    pub async fn upload<S, E>(&self, job: &IngestJob, csv: S, length: Option<u64>) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Sync + Unpin + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        let what = format!("uploading to job {}", job.id);
        if let Some(bytes) = length.filter(|bytes| *bytes > UPLOAD_BYTES_MAX) {
            return Err(Error::UploadTooLarge { bytes, max: UPLOAD_BYTES_MAX });
        }
        let now = self.ingest_job(&job.id).await?;
        if now.state != JobState::Open {
            return Err(Error::Job {
                id: now.id,
                state: now.state.to_string(),
                message: Some("only an open job takes an upload".into()),
            });
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=UTF-8"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let outgoing = Outgoing {
            what: what.clone(),
            method: Method::PUT,
            target: format!("{}/batches", job_path(job.api_version, Family::Ingest, &job.id)),
            headers,
            body: Bytes::new(),
            idempotent: false,
            token: None,
        };
        let watch = Arc::new(Watch::default());
        let progress = Arc::new(RwLock::new(Instant::now()));
        let body =
            reqwest::Body::wrap_stream(Watched { stream: csv, watch: watch.clone(), progress: progress.clone() });
        let inner = &self.client.inner;
        let session = inner.session().await?;
        let outcome =
            inner.transport.upload(&outgoing, inner.config.login.url(), &session, body, length, progress).await;
        // An upload that we broke off ourselves was not complete, so the org cannot have taken it.
        if watch.too_large.load(Ordering::Acquire) {
            return Err(Error::UploadTooLarge { bytes: watch.bytes.load(Ordering::Acquire), max: UPLOAD_BYTES_MAX });
        }
        if let Some(source) = watch.source_failed.lock().take() {
            return Err(Error::Decode { what: format!("{what}: the data could not be read"), source });
        }
        match outcome {
            Ok(_) => Ok(()),
            Err(UploadFailure::Refused(error)) => Err(error),
            Err(UploadFailure::Unknown(error)) => {
                let source: Cause = match error {
                    Error::Transport { source, .. } => source,
                    other => Arc::new(Text(other.to_string())),
                };
                Err(Error::UploadUnknown { job: job.id.clone(), source })
            }
        }
    }
}
