//! x
use crate::ApiError;
use crate::http::{Session, not_found};
pub(super) async fn answer(_session: Session) -> ApiError {
    not_found()
}
