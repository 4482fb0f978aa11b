//! Files: read and written as streams, never whole in memory. Source: REST API Developer Guide, "Insert or Update Blob
//! Data" and "sObject Blob Get".

use std::{
    error::Error as StdError,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, header};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::{
    call::{Call, decode_json, get, segment},
    client::Client,
    error::{Cause, Error, Refusal},
    query::Record,
    transport::{Outgoing, UploadFailure},
    version::ApiVersion,
};

use super::{
    ByteStream, Create, Resource, Saved,
    record::{as_record, record_path},
};

/// The most bytes that a ContentVersion takes.
pub const CONTENT_BYTES_MAX: u64 = 2 << 30;
/// The most bytes that other objects take.
pub const OTHER_BYTES_MAX: u64 = 500 << 20;
/// Files up to this size go as base64 in JSON, which can be sent again when the session has ended.
const IN_JSON_BYTES_MAX: u64 = 256 << 10;

/// A field that holds a file: `GET /sobjects/{object}/{id}/{field}` gives its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// API name of the object.
    pub object: String,
    /// Record id.
    pub id: String,
    /// The field: `VersionData`, `Body`, `LogFile`.
    pub field: String,
}

impl Blob {
    /// Any field that holds a file.
    pub fn new(object: impl Into<String>, id: impl Into<String>, field: impl Into<String>) -> Blob {
        Blob { object: object.into(), id: id.into(), field: field.into() }
    }

    /// The data of a ContentVersion.
    pub fn content_version(id: impl Into<String>) -> Blob {
        Blob::new("ContentVersion", id, "VersionData")
    }

    /// The body of an Attachment.
    pub fn attachment(id: impl Into<String>) -> Blob {
        Blob::new("Attachment", id, "Body")
    }

    /// The body of a Document.
    pub fn document(id: impl Into<String>) -> Blob {
        Blob::new("Document", id, "Body")
    }

    /// The rows of an EventLogFile, as CSV.
    pub fn event_log_file(id: impl Into<String>) -> Blob {
        Blob::new("EventLogFile", id, "LogFile")
    }
}

impl Call for Blob {
    type Reply = Bytes;

    fn what(&self) -> String {
        format!("reading {} of {} {}", self.field, self.object, self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/{}", record_path(api, &self.object, &self.id)?, segment(&self.field)?);
        let mut request = get(path)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        Ok(request)
    }

    /// The whole file, for small ones; [`Client::download`] streams it.
    fn reply(&self, response: http::Response<Bytes>) -> Result<Bytes, Error> {
        Ok(response.into_body())
    }
}

/// A record with a file in one of its fields, to be made.
#[derive(Clone, Debug)]
pub struct Upload {
    object: String,
    field: String,
    file_name: String,
    content_type: String,
    fields: Result<Record, Error>,
}

impl Upload {
    /// A record of an object whose `field` gets the file; `fields` are its others.
    pub fn new<T: Serialize>(object: impl Into<String>, field: impl Into<String>, fields: T) -> Upload {
        let object = object.into();
        let fields = as_record(&format!("creating a record of {object}"), &fields);
        Upload {
            object,
            field: field.into(),
            file_name: "file".into(),
            content_type: "application/octet-stream".into(),
            fields,
        }
    }

    /// A ContentVersion: a new file, or with `ContentDocumentId` among the fields a new version of one. `path_on_client`
    /// is its name with extension.
    pub fn content_version<T: Serialize>(path_on_client: impl Into<String>, fields: T) -> Upload {
        let name = path_on_client.into();
        let mut upload = Upload::new("ContentVersion", "VersionData", fields).named(name.clone());
        if let Ok(fields) = &mut upload.fields {
            fields.entry("PathOnClient").or_insert(Value::String(name));
        }
        upload
    }

    /// An Attachment of a record.
    pub fn attachment(parent_id: impl Into<String>, name: impl Into<String>) -> Upload {
        let (parent_id, name) = (parent_id.into(), name.into());
        let fields = serde_json::json!({ "ParentId": parent_id, "Name": name });
        Upload::new("Attachment", "Body", fields).named(name)
    }

    /// The file's name, as the upload tells it.
    pub fn named(mut self, file_name: impl Into<String>) -> Upload {
        self.file_name = file_name.into();
        self
    }

    /// The file's type, such as `application/pdf`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Upload {
        self.content_type = content_type.into();
        self
    }

    fn what(&self) -> String {
        format!("uploading {} to a record of {}", self.file_name, self.object)
    }

    fn check_size(&self, bytes: u64) -> Result<(), Error> {
        let max = if self.object.eq_ignore_ascii_case("ContentVersion") { CONTENT_BYTES_MAX } else { OTHER_BYTES_MAX };
        if bytes <= max {
            return Ok(());
        }
        Err(Error::config(format!("{}: the file has {bytes} bytes, and the org takes {max}", self.what())))
    }

    /// What goes before the file and after it, with the boundary.
    fn frame(&self) -> Result<(String, Vec<u8>, Vec<u8>), Error> {
        let fields =
            serde_json::to_string(&self.fields.clone()?).map_err(|source| Error::decode(self.what(), source))?;
        let part = match self.object.to_ascii_lowercase().as_str() {
            "contentversion" => "entity_content",
            "document" => "entity_document",
            _ => "entity_data",
        };
        // A quote or a line break would end the header early.
        let quoted = |text: &str| text.replace('"', "%22").replace(['\r', '\n'], " ");
        let boundary = format!("tidegate-{:032x}", rand::random::<u128>());
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{part}\"\r\nContent-Type: application/json\r\n\r\n{fields}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            quoted(&self.field),
            quoted(&self.file_name),
            quoted(&self.content_type)
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Ok((boundary, head.into_bytes(), tail.into_bytes()))
    }
}

/// What is known of an upload while it runs and after it failed.
#[derive(Default)]
struct Watch {
    bytes: AtomicU64,
    failed: Mutex<Option<Cause>>,
}

/// The file between the frame's two halves, counted: more or fewer bytes than said would spoil the request.
struct Framed<S> {
    head: Option<Bytes>,
    file: Option<S>,
    tail: Option<Bytes>,
    length: u64,
    watch: Arc<Watch>,
    progress: Arc<RwLock<Instant>>,
}

type Boxed = Box<dyn StdError + Send + Sync>;

impl<S, E> Stream for Framed<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Boxed>,
{
    type Item = Result<Bytes, Boxed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        *this.progress.write() = Instant::now();
        if let Some(head) = this.head.take() {
            return Poll::Ready(Some(Ok(head)));
        }
        let fail = |watch: &Watch, cause: Cause| {
            *watch.failed.lock() = Some(cause.clone());
            Poll::Ready(Some(Err(cause.to_string().into())))
        };
        if let Some(file) = &mut this.file {
            match std::task::ready!(Pin::new(file).poll_next(cx)) {
                Some(Ok(bytes)) => {
                    let sent = this.watch.bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel) + bytes.len() as u64;
                    if sent > this.length {
                        let words = format!("the file has more than the {} bytes that were said", this.length);
                        return fail(&this.watch, Arc::from(Boxed::from(words)));
                    }
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Err(error)) => return fail(&this.watch, Arc::from(error.into())),
                None => this.file = None,
            }
            let sent = this.watch.bytes.load(Ordering::Acquire);
            if sent < this.length {
                let words = format!("the file ended after {sent} of {} bytes", this.length);
                return fail(&this.watch, Arc::from(Boxed::from(words)));
            }
        }
        Poll::Ready(this.tail.take().map(Ok))
    }
}

impl Client {
    /// A file's bytes as they come. A session that has ended is renewed before the first byte; a transfer that breaks in
    /// the middle ends with an error, as Salesforce cannot go on from there ([`Client::save`] starts over by itself).
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn download(&self, blob: &Blob) -> Result<ByteStream, Error> {
        self.stream(blob).await
    }

    /// Saves a file, and gives its length. What breaks is begun anew, as often as the retry policy says; the file at
    /// `path` is there whole or not at all.
    ///
    /// # Errors
    /// As [`Client::send`], and [`Error::Config`] where the file cannot be written.
    pub async fn save(&self, blob: &Blob, path: impl AsRef<Path>) -> Result<u64, Error> {
        let path = path.as_ref();
        let beside = beside(path);
        let mut failures = 0;
        let outcome = loop {
            match self.save_once(blob, &beside).await {
                Err(error @ Error::Transport { .. }) => {
                    failures += 1;
                    let retry = self.inner.transport.retry();
                    if failures >= retry.attempts || !error.is_retryable() {
                        break Err(error);
                    }
                    tracing::warn!(%error, failures, "a download broke; beginning anew");
                    tokio::time::sleep(retry.wait(failures, None)).await;
                }
                other => break other,
            }
        };
        let outcome = match outcome {
            Ok(bytes) => tokio::fs::rename(&beside, path).await.map(|()| bytes).map_err(|e| unwritable(path, &e)),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            let _ = tokio::fs::remove_file(&beside).await;
        }
        outcome
    }

    async fn save_once(&self, blob: &Blob, path: &Path) -> Result<u64, Error> {
        let mut pieces = self.download(blob).await?;
        let mut file = tokio::fs::File::create(path).await.map_err(|e| unwritable(path, &e))?;
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            bytes += piece.len() as u64;
            file.write_all(&piece).await.map_err(|e| unwritable(path, &e))?;
        }
        file.flush().await.map_err(|e| unwritable(path, &e))?;
        Ok(bytes)
    }

    /// Makes a record with a file, from a stream of known length. The session is tried first, as a stream cannot be sent
    /// twice. Sent once and only once: after a lost answer ([`Error::is_outcome_unknown`]) the record may be there.
    ///
    /// # Errors
    /// [`Error::Config`] where the file is larger than the org takes or has another length than was said; otherwise as
    /// [`Client::send`].
    pub async fn upload<S, E>(&self, upload: &Upload, file: S, length: u64) -> Result<Saved, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Sync + Unpin + 'static,
        E: Into<Boxed> + 'static,
    {
        upload.check_size(length)?;
        self.send(&Resource::new("")).await?;
        self.upload_once(upload, file, length).await
    }

    /// Makes a record with a file of this machine. A small one goes in one piece. For a large one the session is tried
    /// first, then it is streamed, and begun anew where the org says that the session has ended; after a lost answer nothing is sent again.
    ///
    /// # Errors
    /// As [`Client::upload`], and [`Error::Config`] where the file cannot be read.
    pub async fn upload_file(&self, upload: &Upload, path: impl AsRef<Path>) -> Result<Saved, Error> {
        let path = path.as_ref();
        let unreadable = |error: std::io::Error| Error::config(format!("cannot read {}: {error}", path.display()));
        let length = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
        upload.check_size(length)?;
        if length <= IN_JSON_BYTES_MAX {
            let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
            return self.upload_bytes(upload, &bytes).await;
        }
        // A server that refuses while the file is still on its way may hang up before its answer is read: a session that
        // has ended is to be found out before.
        self.send(&Resource::new("")).await?;
        let mut renewed = false;
        loop {
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            match self.upload_once(upload, pieces_of(file), length).await {
                Err(Error::Api { status, errors, .. })
                    if !renewed && Refusal::of(status, &errors) == Refusal::Session =>
                {
                    renewed = true;
                    // The next call renews the session.
                    self.send(&Resource::new("")).await?;
                }
                other => return other,
            }
        }
    }

    /// Makes a record with a file that is in memory, as base64 in JSON: up to 37.5 MB.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn upload_bytes(&self, upload: &Upload, bytes: &[u8]) -> Result<Saved, Error> {
        let mut fields = upload.fields.clone()?;
        fields.insert(upload.field.clone(), Value::String(STANDARD.encode(bytes)));
        self.send(&Create::new(&upload.object, fields)).await
    }

    async fn upload_once<S, E>(&self, upload: &Upload, file: S, length: u64) -> Result<Saved, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Sync + Unpin + 'static,
        E: Into<Boxed> + 'static,
    {
        let what = upload.what();
        let (boundary, head, tail) = upload.frame()?;
        let whole = head.len() as u64 + length + tail.len() as u64;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary=\"{boundary}\""))
            .map_err(|_| Error::config("the boundary cannot be written into a header"))?;
        headers.insert(header::CONTENT_TYPE, kind);
        let outgoing = Outgoing {
            what: what.clone(),
            method: Method::POST,
            target: format!("{}/sobjects/{}", self.api_version().base_path(), segment(&upload.object)?),
            headers,
            body: Bytes::new(),
            idempotent: false,
            token: None,
        };
        let watch = Arc::new(Watch::default());
        let progress = Arc::new(RwLock::new(Instant::now()));
        let framed = Framed {
            head: Some(head.into()),
            file: Some(file),
            tail: Some(tail.into()),
            length,
            watch: watch.clone(),
            progress: progress.clone(),
        };
        let inner = &self.inner;
        let session = inner.session().await?;
        let body = reqwest::Body::wrap_stream(framed);
        let sent = inner
            .transport
            .send_stream(&outgoing, inner.config.login.url(), &session, body, Some(whole), progress)
            .await;
        let answer = match sent {
            Ok(response) => inner.transport.read_uploaded(&what, response).await,
            Err(failure) => Err(failure),
        };
        // What we broke off ourselves was not whole, so the org cannot have taken it.
        if let Some(source) = watch.failed.lock().take() {
            return Err(Error::Decode { what: format!("{what}: the file could not be read"), source });
        }
        match answer {
            Ok(answer) => decode_json(&what, answer.body()),
            Err(UploadFailure::Refused(error) | UploadFailure::Unknown(error)) => Err(error),
        }
    }
}

/// A file in pieces.
fn pieces_of(
    file: tokio::fs::File,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + Unpin + 'static {
    tokio_util::io::ReaderStream::with_capacity(file, 64 << 10)
}

/// Bytes in memory as a stream, for [`Client::upload`].
pub fn bytes_stream(
    bytes: impl Into<Bytes>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + Unpin + 'static {
    stream::iter([Ok(bytes.into())])
}

/// Anything that can be read, as a stream, for [`Client::upload`].
pub fn reader_stream<R>(reader: R) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + Unpin + 'static
where
    R: tokio::io::AsyncRead + Send + Sync + Unpin + 'static,
{
    tokio_util::io::ReaderStream::with_capacity(reader, 64 << 10)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::config(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_frame_is_as_documented() {
        let upload = Upload::content_version("a \"b\".pdf", json!({"Title": "a"}));
        let (boundary, head, tail) = upload.frame().unwrap();
        let head = String::from_utf8(head).unwrap().replace(&boundary, "x");
        assert_eq!(
            head,
            "--x\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n\
             {\"Title\":\"a\",\"PathOnClient\":\"a \\\"b\\\".pdf\"}\r\n--x\r\n\
             Content-Disposition: form-data; name=\"VersionData\"; filename=\"a %22b%22.pdf\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        assert_eq!(String::from_utf8(tail).unwrap().replace(&boundary, "x"), "\r\n--x--\r\n");
        assert!(upload.check_size(CONTENT_BYTES_MAX).is_ok() && upload.check_size(CONTENT_BYTES_MAX + 1).is_err());
        assert!(Upload::attachment("001", "a").check_size(OTHER_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn a_file_of_another_length_is_an_error() {
        for (bytes, ok) in [("abc", true), ("ab", false), ("abcd", false)] {
            let watch = Arc::new(Watch::default());
            let framed = Framed {
                head: Some("<".into()),
                file: Some(bytes_stream(bytes)),
                tail: Some(">".into()),
                length: 3,
                watch: watch.clone(),
                progress: Arc::new(RwLock::new(Instant::now())),
            };
            let sent: Vec<Result<Bytes, Boxed>> = futures::executor::block_on(framed.take(5).collect());
            assert_eq!(sent.iter().all(Result::is_ok), ok, "{bytes}");
            assert_eq!(watch.failed.lock().is_some(), !ok, "{bytes}");
        }
    }
}
