//! Records by id, as the record resources show them.

use std::fmt::Write as _;

use super::QueryOptions;
use super::error::from_parser;
use super::expr::Record;
use super::json::Writer;
use super::plan::{Shape, plan};
use super::run::{PAGE_MAX, calendar, env};
use crate::schema::ObjectId;
use crate::{ApiError, Org, RecordId};

pub(super) fn retrieve(
    org: &Org,
    object: ObjectId,
    ids: &[RecordId],
    fields: Option<&[String]>,
    options: &QueryOptions,
) -> Result<Vec<Option<String>>, ApiError> {
    let facts = org.schema.object(object);
    let mut names: Vec<&str> = Vec::new();
    match fields {
        None => names.extend(facts.enumerate().map(|(_, f)| f.name.as_str())),
        Some(asked) => {
            for name in asked.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
                if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
                    return Err(ApiError::new(
                        "INVALID_FIELD",
                        format!("No such column '{name}' on sobject of type {}", facts.name),
                    ));
                }
                if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                    names.push(name);
                }
            }
            // The id is always shown.
            if !names.iter().any(|n| n.eq_ignore_ascii_case("Id")) {
                names.push("Id");
            }
        }
    }
    let mut text = String::from("SELECT ");
    for (n, name) in names.iter().enumerate() {
        let _ = write!(text, "{}{name}", if n == 0 { "" } else { "," });
    }
    let _ = write!(text, " FROM {}", facts.name);
    let query = tidegate_soql::parse(&text).map_err(|e| from_parser(&text, &e))?;
    let calendar = calendar(&org.schema, &org.store, options);
    let env = env(org, &calendar, options, options.all);
    let plan = plan(&env, &text, &query)?;
    let Shape::Rows(members) = &plan.shape else {
        return Err(ApiError::new("INVALID_FIELD", "fields must be plain fields"));
    };
    let writer = Writer { env: &env, cursors: &org.cursors, now: options.now, page: PAGE_MAX };
    let show = |id: &RecordId| {
        let row = org.store.live(object, *id)?;
        let mut out = String::new();
        writer.record(&mut out, &plan, members, Record { object, id: *id, row });
        Some(out)
    };
    Ok(ids.iter().map(show).collect())
}
