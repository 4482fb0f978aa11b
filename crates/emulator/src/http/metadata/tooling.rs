//! x
use crate::http::{ Session, not_found};
use crate::ApiError;
pub(super) async fn answer(_session: Session) -> ApiError { not_found() }
