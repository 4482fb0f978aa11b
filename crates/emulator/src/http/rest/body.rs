//! Reading a request's body: whole, in one piece of memory, and not more than Salesforce takes.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;

use crate::ApiError;

/// Longest body that is no multipart one. Documented: 50 MB.
const TEXT_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Longest multipart body. Documented: 2 GB for content versions, 500 MB for other files.
const MULTIPART_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;

/// The body's bytes. What is taken out of them later shares them.
pub(super) async fn collect(request: Request<Body>) -> Result<Bytes, ApiError> {
    let (max, announced) = bounds(request.headers());
    if announced > max {
        return Err(too_long(max));
    }
    let mut body = request.into_body();
    // In one piece from the start: growing would hold it twice. Memory that nothing comes to fill is never touched; where
    // there is not so much, growing is tried.
    let mut all = Vec::new();
    let _ = all.try_reserve_exact(announced);
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|e| ApiError::new("POST_BODY_PARSE_ERROR", format!("Failed to buffer the request body: {e}")))?;
        if let Some(data) = frame.data_ref() {
            if all.len() + data.len() > max {
                return Err(too_long(max));
            }
            all.extend_from_slice(data);
        }
    }
    Ok(all.into())
}

/// How long the body may be, and how long its sender says it is.
fn bounds(headers: &HeaderMap) -> (usize, usize) {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let multipart = text(header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("multipart/"));
    let announced = text(header::CONTENT_LENGTH).and_then(|n| n.parse().ok()).unwrap_or(0);
    (if multipart { MULTIPART_BYTES_MAX } else { TEXT_BYTES_MAX }, announced)
}

fn too_long(max: usize) -> ApiError {
    let message = format!("Failed to buffer the request body: length limit exceeded, {max} bytes");
    ApiError::new("REQUEST_ENTITY_TOO_LARGE", message).status(413)
}
