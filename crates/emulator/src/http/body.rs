//! Answer bodies that break off on purpose.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

/// When a body breaks off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CutAfter {
    /// After so many bytes.
    Bytes(u64),
    /// After so many gRPC messages.
    Messages(u64),
}

/// A body that breaks off, which makes the server drop the connection (or reset the stream).
pub(crate) struct CutBody {
    inner: Body,
    left: CutAfter,
    grpc: GrpcCounter,
    done: bool,
    linger: Option<Pin<Box<tokio::time::Sleep>>>,
}

/// How long what was sent has to leave: a reset or a dropped connection throws away what still waits to be written.
const LINGER: Duration = Duration::from_millis(20);

impl CutBody {
    pub(crate) fn new(inner: Body, after: CutAfter) -> Self {
        Self { inner, left: after, grpc: GrpcCounter::default(), done: false, linger: None }
    }
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error("cut by a planned fault")]
pub(crate) struct Cut;

impl http_body::Body for CutBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let spent = matches!(this.left, CutAfter::Bytes(0) | CutAfter::Messages(0));
        if this.done || spent {
            let linger = this.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
            if !this.done && linger.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.done = true;
            return Poll::Ready(Some(Err(axum::Error::new(Cut))));
        }
        let frame = match http_body::Body::poll_frame(Pin::new(&mut this.inner), cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        match &mut this.left {
            CutAfter::Bytes(left) => {
                let keep = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                data.truncate(keep);
                *left -= keep as u64;
            }
            CutAfter::Messages(left) => {
                let keep = this.grpc.take(&data, left);
                data.truncate(keep);
            }
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        // The length that was announced stays, so that the reader can notice.
        http_body::Body::size_hint(&self.inner)
    }
}

/// Counts length-prefixed gRPC messages in a stream of pieces.
#[derive(Debug, Default)]
struct GrpcCounter {
    /// Bytes of a message's five-byte prefix that were read.
    prefix: Vec<u8>,
    /// Bytes of the current message that are still to come.
    rest: u64,
}

impl GrpcCounter {
    /// Reads a piece; takes one off `left` per message ended. Gives how many bytes belong to allowed messages.
    fn take(&mut self, data: &[u8], left: &mut u64) -> usize {
        let mut at = 0;
        while at < data.len() && *left > 0 {
            if self.rest == 0 {
                self.prefix.push(data[at]);
                at += 1;
                if let [_, a, b, c, d] = self.prefix[..] {
                    self.rest = u64::from(u32::from_be_bytes([a, b, c, d]));
                    self.prefix.clear();
                    if self.rest == 0 {
                        *left -= 1;
                    }
                }
            } else {
                let step = usize::try_from(self.rest).unwrap_or(usize::MAX).min(data.len() - at);
                at += step;
                self.rest -= step as u64;
                if self.rest == 0 {
                    *left -= 1;
                }
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn breaks_off_after_bytes() {
        let mut body = CutBody::new(Body::from("hello world"), CutAfter::Bytes(5));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
        assert!(body.frame().await.unwrap().is_err());
    }

    #[test]
    fn counts_messages_across_pieces() {
        let stream = [&[0, 0, 0, 0, 2, 1, 2][..], &[0, 0, 0, 0, 0], &[0, 0, 0, 0, 1, 9]].concat();
        for size in 1..=stream.len() {
            let (mut counter, mut left, mut taken) = (GrpcCounter::default(), 2, 0);
            for piece in stream.chunks(size) {
                taken += counter.take(piece, &mut left);
            }
            assert_eq!((left, taken), (0, 12), "pieces of {size}");
        }
    }
}
