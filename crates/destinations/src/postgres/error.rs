//! What Postgres says, in the contract's words.

use tidegate_sync::DestinationError;
use tokio_postgres::error::SqlState;

use crate::meta;

pub(crate) fn postgres(label: &str, context: impl Into<String>, error: tokio_postgres::Error) -> DestinationError {
    let code = error.code();
    if code == Some(&SqlState::DISK_FULL) {
        return DestinationError::Full { destination: label.to_owned(), source: Box::new(error) };
    }
    // A lost connection has no code.
    let transient = match code {
        None => error.is_closed() || is_io(&error),
        Some(code) => [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::CONNECTION_FAILURE,
            SqlState::CONNECTION_EXCEPTION,
            SqlState::CONNECTION_DOES_NOT_EXIST,
        ]
        .contains(code),
    };
    meta::database(context, transient, error)
}

pub(super) fn unreachable(label: &str, error: tokio_postgres::Error) -> DestinationError {
    DestinationError::Unreachable { destination: label.to_owned(), source: Box::new(error) }
}

/// The same about a server that was there before: what passes is tried again instead of ending the work.
pub(super) fn again(label: &str, error: DestinationError) -> DestinationError {
    let DestinationError::Unreachable { destination, source } = error else { return error };
    match source.downcast::<tokio_postgres::Error>() {
        Ok(error) => postgres(label, "connect to the database again", *error),
        Err(source) => DestinationError::Unreachable { destination, source },
    }
}

pub(super) fn pool(label: &str, error: deadpool_postgres::PoolError) -> DestinationError {
    match error {
        deadpool_postgres::PoolError::Backend(error) if error.code().is_some() => {
            postgres(label, "connect to the database", error)
        }
        other => meta::database("connect to the database", true, other),
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    use std::error::Error;
    error.source().is_some_and(|source| source.is::<std::io::Error>())
}
