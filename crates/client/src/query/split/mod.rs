//! A query that is too long for a URL, as several whose results are joined: by parts of its lists, by parts of its
//! fields, or both. What comes out is what the one query would give, in its order; where that cannot be had, the
//! reason.

pub(super) mod fields;
mod grouped;
mod join;
mod lists;
mod order;
mod wide;

use tidegate_soql::ast::{self, SelectItem};

use super::{Query, keyset, pages::Rows, stream::Total};
use crate::{client::Client, error::Error};

/// What is cut, and what a piece may be.
pub(super) struct Cut<'a> {
    pub(super) client: &'a Client,
    /// The options of the query. Its pieces have them too, with their own text.
    pub(super) query: &'a Query,
    pub(super) max: usize,
}

impl Cut<'_> {
    /// The bytes of a piece's URL.
    fn bytes(&self, piece: &ast::Query) -> usize {
        self.piece(piece).url_bytes(self.client.api_version())
    }

    fn piece(&self, piece: &ast::Query) -> Query {
        self.query.with_soql(piece.to_string())
    }

    fn by_lists(&self, query: &ast::Query) -> Result<Vec<ast::Query>, String> {
        lists::cut(query, &|piece| self.bytes(piece), self.max)
    }
}

/// The rows of a query that is cut into several; the inner error says why that cannot be done.
pub(super) async fn rows(
    client: &Client,
    query: &Query,
    parsed: ast::Query,
    total: &Total,
) -> Result<Result<Rows, String>, Error> {
    let cut = Cut { client, query, max: query.bytes_max() };
    if matches!(parsed.select.as_slice(), [SelectItem::Count(_)]) {
        return Ok(cut.by_lists(&parsed).map(|parts| join::count(&cut, &parsed, parts, total)));
    }
    if !keyset::is_plain(&parsed) {
        return match cut.by_lists(&parsed) {
            Ok(_) => grouped::rows(&cut, &parsed, total).await,
            Err(why) => Ok(Err(why)),
        };
    }
    let mut fields_only = parsed.clone();
    fields_only.condition = None;
    let is_wide = cut.bytes(&fields_only) > cut.max / 2;
    if is_wide {
        return wide::rows(&cut, &parsed, total).await;
    }
    join::rows(&cut, &parsed, total).await
}
