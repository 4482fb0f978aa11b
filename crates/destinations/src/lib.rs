//! Where replicated rows go: SQLite and Postgres.
//!
//! A destination is named by a URL and opened with [`open`]; the contract that it keeps is
//! [`tidegate_sync::Destination`]. What a pipeline remembers of itself lies in tables whose names begin with
//! `_tidegate`, beside the rows; [`inspect`] reads it without becoming the writer.

mod batch;
mod inspect;
mod meta;
mod names;
mod postgres;
mod sqlite;
mod text;
mod url;

use std::sync::Arc;

pub use inspect::{Inspection, TableInspection, TableProgress, inspect};
pub use names::{column_name, table_name};
pub use postgres::Postgres;
pub use sqlite::Sqlite;
pub use url::{DestinationUrl, UrlError};

use tidegate_sync::{Destination, DestinationError};

/// Opens the destination that a URL names, for writing. No table is touched before
/// [`Destination::open`].
///
/// # Errors
/// [`DestinationError::Unreachable`] when the file or server cannot be opened.
pub async fn open(url: &DestinationUrl) -> Result<Arc<dyn Destination>, DestinationError> {
    Ok(match url {
        DestinationUrl::Sqlite(path) => Arc::new(Sqlite::open(path).await?),
        DestinationUrl::Postgres(config) => Arc::new(Postgres::open(config).await?),
    })
}
