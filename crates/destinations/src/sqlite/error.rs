//! What SQLite says, in the contract's words.

use rusqlite::ErrorCode;
use tidegate_sync::DestinationError;

use crate::meta;

pub(crate) fn sqlite(label: &str, context: impl Into<String>, error: rusqlite::Error) -> DestinationError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => DestinationError::Full { destination: label.to_owned(), source: Box::new(error) },
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            DestinationError::Unreachable { destination: label.to_owned(), source: Box::new(error) }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => meta::database(context, true, error),
        _ => meta::database(context, false, error),
    }
}
