//! Answers that are slow, short or wrong on purpose, and well-formed all the same.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderValue, Response, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde_json::Value as Json;

/// Longest body whose counts are changed. A longer one passes as it is: it is streamed, not collected.
const COUNTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Members of JSON answers that count records.
const COUNTS: [&str; 3] = ["totalSize", "numberRecordsProcessed", "numberRecordsFailed"];
/// Between two pieces of a slow body.
const PACE: Duration = Duration::from_millis(50);

/// A body that comes no faster than so many bytes a second.
pub(crate) struct SlowBody {
    inner: Body,
    piece: usize,
    waiting: Bytes,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl SlowBody {
    pub(crate) fn new(inner: Body, bytes_per_second: u64) -> Self {
        let pieces = 1000 / u64::try_from(PACE.as_millis()).unwrap_or(50).max(1);
        let piece = usize::try_from(bytes_per_second / pieces).unwrap_or(usize::MAX).max(1);
        Self { inner, piece, waiting: Bytes::new(), pause: None }
    }
}

impl http_body::Body for SlowBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.pause = None;
        }
        if this.waiting.is_empty() {
            let frame = match http_body::Body::poll_frame(Pin::new(&mut this.inner), cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            match frame.into_data() {
                Ok(data) => this.waiting = data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
        let piece = this.waiting.split_to(this.piece.min(this.waiting.len()));
        this.pause = Some(Box::pin(tokio::time::sleep(PACE)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        let rest = http_body::Body::size_hint(&self.inner);
        let waiting = self.waiting.len() as u64;
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower() + waiting);
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper + waiting);
        }
        whole
    }
}

/// A body that ends early, without a sign of it.
pub(crate) struct ShortBody {
    inner: Body,
    left: u64,
}

impl ShortBody {
    pub(crate) fn new(inner: Body, bytes: u64) -> Self {
        Self { inner, left: bytes }
    }
}

impl http_body::Body for ShortBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let frame = match http_body::Body::poll_frame(Pin::new(&mut this.inner), cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(mut data) => {
                data.truncate(usize::try_from(this.left).unwrap_or(usize::MAX).min(data.len()));
                this.left -= data.len() as u64;
                Frame::data(data)
            }
            Err(frame) => frame,
        })))
    }
}

/// Adds `off` to what the answer says it counts.
pub(crate) async fn miscount(response: Response<Body>, off: i64) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let counted = parts.headers.get("Sforce-NumberOfRecords").and_then(|v| v.to_str().ok()?.parse::<i64>().ok());
    if let Some(value) = counted.and_then(|n| HeaderValue::from_str(&n.saturating_add(off).to_string()).ok()) {
        parts.headers.insert("Sforce-NumberOfRecords", value);
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let packed = parts.headers.contains_key(header::CONTENT_ENCODING);
    let known = http_body::Body::size_hint(&body).upper().is_some_and(|n| n <= COUNTED_BYTES_MAX as u64);
    if !kind.starts_with("application/json") || packed || !known {
        return Response::from_parts(parts, body);
    }
    let bytes = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            return Response::from_parts(parts, Body::new(http_body_util::Full::new(Bytes::from(error.to_string()))));
        }
    };
    let changed = serde_json::from_slice::<Json>(&bytes).ok().map(|mut json| {
        for name in COUNTS {
            if let Some(count) = json.get_mut(name)
                && let Some(n) = count.as_i64()
            {
                *count = Json::from(n.saturating_add(off));
            }
        }
        Bytes::from(json.to_string())
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(changed.unwrap_or(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_short_body_ends_in_order() {
        let body = ShortBody::new(Body::from("hello world"), 5);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    }

    #[tokio::test]
    async fn a_slow_body_takes_its_time_and_loses_nothing() {
        let started = std::time::Instant::now();
        let text = "x".repeat(200);
        let body = SlowBody::new(Body::from(text.clone()), 1_000);
        assert_eq!(body.collect().await.unwrap().to_bytes(), text);
        assert!(started.elapsed() >= PACE * 3, "four pieces with three pauses between them");
    }

    #[tokio::test]
    async fn counts_are_off() {
        let mut response = Response::new(Body::from(r#"{"totalSize":7,"done":true}"#));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert("Sforce-NumberOfRecords", HeaderValue::from_static("10"));
        let response = miscount(response, -2).await;
        assert_eq!(response.headers()["Sforce-NumberOfRecords"], "8");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), r#"{"totalSize":5,"done":true}"#);
    }
}
