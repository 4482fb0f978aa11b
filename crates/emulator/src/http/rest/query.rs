//! `query`, `queryAll`, `queryMore`.

use super::Answer;
use super::call::Call;
use crate::ApiError;
use crate::query;

/// `GET /query?q=`, `GET /queryAll?q=`; with `columns=true` the columns, with `explain=` the plans.
pub(super) fn query(call: &Call, all: bool) -> Answer {
    let options = call.query_options(all);
    let now = call.state.now();
    let org = call.state.org.read();
    if let Some(text) = call.param("explain") {
        return Ok(call.answer(200, &query::explain(&org, text, &options)?));
    }
    let text = call.param("q").ok_or_else(|| ApiError::new("MALFORMED_QUERY", "SOQL statement cannot be empty."))?;
    if call.param("columns").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Ok(call.answer(200, &query::columns(&org, text, &options)?));
    }
    let page = query::run(&org, text, &options)?;
    if let Some(views) = &page.views {
        drop(org);
        views.note(&mut call.state.org.write(), call.session.user, now);
    }
    Ok(call.answer_text(200, page.json))
}

/// `GET /query/{locator}`. Parameters have no say.
pub(super) fn more(call: &Call, locator: &str) -> Answer {
    let page = query::more(&call.state.org.read(), locator, &call.query_options(false))?;
    Ok(call.answer_text(200, page.json))
}
