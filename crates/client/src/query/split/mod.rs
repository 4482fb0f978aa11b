//! A query that is too long for a URL, as several whose results are joined.

pub(super) mod fields;

use tidegate_soql::ast;

use super::{Query, pages::Rows, stream::Total};
use crate::{client::Client, error::Error};

/// The rows of a query that is cut into several; the inner error says why that cannot be done.
pub(super) async fn rows(_: &Client, _: &Query, _: ast::Query, _: &Total) -> Result<Result<Rows, String>, Error> {
    Ok(Err("it is not known how".to_owned()))
}
