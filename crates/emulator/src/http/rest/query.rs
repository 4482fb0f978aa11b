//! `query`, `queryAll`, `queryMore`.

use parking_lot::RwLockWriteGuard;

use super::call::{Call, Verb};
use super::{Answer, listviews, not_allowed, not_found};
use crate::query;
use crate::{ApiError, RecordId};

/// `/query` and `/queryAll`.
pub(super) fn route(call: &Call, below: &[&str], all: bool) -> Answer {
    match (call.verb, below) {
        (Verb::Get, []) => query(call, all),
        (Verb::Get, [_]) => more(call, call.path.get(1).map_or("", String::as_str)),
        (_, [] | [_]) => Err(not_allowed(call, "GET,HEAD").into()),
        _ => Err(not_found().into()),
    }
}

/// `GET /query?q=`, `GET /queryAll?q=`; with `columns=true` the columns, with `explain=` the plans.
fn query(call: &Call, all: bool) -> Answer {
    let options = call.query_options(all);
    let org = call.state.org.read();
    if let Some(text) = call.param("explain") {
        // A list view can be explained by its id.
        let view = RecordId::parse(text).and_then(|id| listviews::query_of(&org, id));
        let text = view.as_deref().unwrap_or(text);
        return Ok(call.answer(200, &query::explain(&org, text, &options)?));
    }
    let text = call.param("q").ok_or_else(|| ApiError::new("MALFORMED_QUERY", "SOQL statement cannot be empty."))?;
    if call.param("columns").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Ok(call.answer(200, &query::columns(&org, text, &options)?));
    }
    // What was looked at lately is a view of each user's own: it is filled in before it is read.
    if text.to_ascii_lowercase().contains("recentlyviewed") {
        drop(org);
        let mut org = call.state.org.write();
        org.show_recently_viewed(call.session.user);
        let org = RwLockWriteGuard::downgrade(org);
        let page = query::run(&org, text, &options)?;
        return Ok(call.answer_text(200, page.json));
    }
    let page = query::run(&org, text, &options)?;
    drop(org);
    if let Some(views) = &page.views {
        views.note(&mut call.state.org.write(), call.session.user, options.now);
    }
    Ok(call.answer_text(200, page.json))
}

/// `GET /query/{locator}`. Parameters have no say.
fn more(call: &Call, locator: &str) -> Answer {
    let page = query::more(&call.state.org.read(), locator, &call.query_options(false))?;
    Ok(call.answer_text(200, page.json))
}
