//! Destination URLs: `sqlite:crm.db`, `postgres://user@host/db?schema=crm`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A destination, as the user named it. Its `Display` shows no password.
#[derive(Clone)]
pub enum DestinationUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Postgres database.
    Postgres(Box<PostgresUrl>),
}

/// A Postgres database and the schema (namespace) in it that holds the replica.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) schema: String,
}

/// Why a destination URL was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No scheme that is known here.
    #[error("`{0}` names no destination that is known here; use `sqlite:FILE` or `postgres://USER@HOST/DATABASE`")]
    UnknownScheme(String),
    /// `sqlite:` without a path.
    #[error("`sqlite:` needs a file name, as in `sqlite:crm.db`")]
    NoPath,
    /// A Postgres URL that its driver does not understand. The URL is not repeated: it may hold a password.
    #[error("the Postgres URL cannot be read: {0}")]
    Postgres(String),
}

impl FromStr for DestinationUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path.is_empty() { Err(UrlError::NoPath) } else { Ok(Self::Sqlite(PathBuf::from(path))) };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresUrl::parse(text).map(|url| Self::Postgres(Box::new(url)));
        }
        // Only the scheme is shown: what follows may hold a password.
        let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
        Err(UrlError::UnknownScheme(scheme.to_owned()))
    }
}

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, UrlError> {
        // `schema` is ours; the driver refuses parameters that it does not know.
        let mut url = ::url::Url::parse(text).map_err(|e| UrlError::Postgres(e.to_string()))?;
        let mut schema = "public".to_owned();
        let rest: Vec<(String, String)> = url
            .query_pairs()
            .filter_map(|(key, value)| {
                if key == "schema" {
                    schema = value.into_owned();
                    None
                } else {
                    Some((key.into_owned(), value.into_owned()))
                }
            })
            .collect();
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        if schema.is_empty() || schema.len() > 63 {
            return Err(UrlError::Postgres("`schema` must have 1 to 63 bytes".to_owned()));
        }
        let config = url.as_str().parse::<tokio_postgres::Config>().map_err(|e| {
            use std::error::Error;
            UrlError::Postgres(e.source().map_or_else(|| e.to_string(), ToString::to_string))
        })?;
        Ok(Self { config, schema })
    }
}

impl fmt::Display for DestinationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(postgres) => postgres.fmt(f),
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use tokio_postgres::config::Host;
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => f.write_str(host)?,
            #[cfg(unix)]
            Some(Host::Unix(path)) => write!(f, "{}", path.display())?,
            _ => f.write_str("localhost")?,
        }
        if let Some(port) = self.config.get_ports().first().filter(|port| **port != 5432) {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())?;
        if self.schema != "public" {
            write!(f, "?schema={}", self.schema)?;
        }
        Ok(())
    }
}

impl fmt::Debug for DestinationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<DestinationUrl>() {
            Ok(url) => url.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn reads_what_users_type() {
        assert_eq!(shown("sqlite:crm.db"), "sqlite:crm.db");
        assert_eq!(shown("sqlite:///var/crm.db"), "sqlite:/var/crm.db");
        assert_eq!(shown("postgres://me:secret@db.local:5433/crm"), "postgres://me@db.local:5433/crm");
        assert_eq!(
            shown("postgresql://me:secret@db.local/crm?schema=sales&connect_timeout=5"),
            "postgres://me@db.local/crm?schema=sales"
        );
    }

    #[test]
    fn refuses_without_showing_passwords() {
        assert!(shown("sqlite:").starts_with("error: `sqlite:` needs a file name"));
        assert!(shown("mysql://me:secret@host/db").starts_with("error: `mysql` names no destination"));
        let error = shown("postgres://me:secret@host:notaport/db");
        assert!(error.starts_with("error: the Postgres URL cannot be read") && !error.contains("secret"), "{error}");
    }
}
