//! Results of batches: of rows in the order of the request, of queries as records.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::StreamExt;
use http::{HeaderValue, header};
use serde_json::{Value as Json, json};

use super::form::opening;
use crate::bulk::one::{ContentType, Outcome, RowError, RowResult};
use crate::bulk::xml::push_element;
use crate::query::BulkSelection;
use crate::{ApiError, RecordId};

/// Rows of a query's result that are rendered at a time.
const PIECE_ROWS: usize = 500;
/// The CSV of a query that found nothing, as Salesforce words it.
const NOTHING_FOUND: &str = "Records not found for this query";

/// An answer of this type.
pub(super) fn with_type(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// What became of a batch's rows, or the list of a query's results.
pub(super) fn of_batch(content: ContentType, outcome: &Outcome) -> Response {
    let body = match (outcome, content) {
        (Outcome::Rows(results), ContentType::Csv) => as_csv(results),
        (Outcome::Rows(results), ContentType::Xml) => as_xml(results),
        (Outcome::Rows(results), ContentType::Json) => Json::Array(results.iter().map(as_json).collect()).to_string(),
        (Outcome::Selected(id, _), ContentType::Json) => json!([id.to_string()]).to_string(),
        (Outcome::Selected(id, _), ContentType::Csv | ContentType::Xml) => {
            let mut out = opening("result-list");
            push_element(&mut out, "result", &id.to_string());
            out.push_str("</result-list>");
            return with_type("application/xml", Body::from(out));
        }
    };
    with_type(content.media_type(), Body::from(body))
}

/// `CODE:message:fields --`, errors after one another.
fn in_words(errors: &[RowError]) -> String {
    let one = |e: &RowError| format!("{}:{}:{} --", e.code, e.message, e.fields.join(","));
    errors.iter().map(one).collect::<Vec<_>>().join(";")
}

/// What a row that worked says besides: of a platform event, that it is enqueued.
fn notes(id: RecordId) -> Option<RowError> {
    crate::events::enqueued(id).as_ref().map(RowError::from)
}

fn push_errors(out: &mut String, errors: &[RowError]) {
    for error in errors {
        out.push_str("<errors>");
        error.fields.iter().for_each(|field| push_element(out, "fields", field));
        push_element(out, "message", &error.message);
        push_element(out, "statusCode", &error.code);
        out.push_str("</errors>");
    }
}

fn error_json(error: &RowError) -> Json {
    json!({
        "message": error.message, "fields": error.fields, "statusCode": error.code, "extendedErrorDetails": null
    })
}

fn as_csv(results: &[RowResult]) -> String {
    let mut out = String::from("\"Id\",\"Success\",\"Created\",\"Error\"\n");
    for result in results {
        let (id, success, created, error) = match result {
            Ok(saved) => (saved.id.to_string(), true, saved.created, in_words(notes(saved.id).as_slice())),
            Err(errors) => (String::new(), false, false, in_words(errors).replace('"', "\"\"")),
        };
        out.push_str(&format!("\"{id}\",\"{success}\",\"{created}\",\"{error}\"\n"));
    }
    out
}

fn as_xml(results: &[RowResult]) -> String {
    let mut out = opening("results");
    for result in results {
        out.push_str("<result>");
        match result {
            Ok(saved) => {
                push_errors(&mut out, notes(saved.id).as_slice());
                push_element(&mut out, "id", &saved.id.to_string());
            }
            Err(errors) => push_errors(&mut out, errors),
        }
        push_element(&mut out, "success", if result.is_ok() { "true" } else { "false" });
        push_element(&mut out, "created", if matches!(result, Ok(saved) if saved.created) { "true" } else { "false" });
        out.push_str("</result>");
    }
    out.push_str("</results>");
    out
}

fn as_json(result: &RowResult) -> Json {
    match result {
        Ok(saved) => json!({
            "success": true, "created": saved.created, "id": saved.id.to_string(),
            "errors": notes(saved.id).iter().map(error_json).collect::<Vec<_>>(),
        }),
        Err(errors) => {
            let errors: Vec<Json> = errors.iter().map(error_json).collect();
            json!({ "success": false, "created": false, "id": null, "errors": errors })
        }
    }
}

/// The records that a query found, piece by piece.
pub(super) fn of_query(
    content: ContentType,
    version: u16,
    outcome: Outcome,
    wanted: &str,
) -> Result<Response, ApiError> {
    let missing = || ApiError::new("InvalidBatch", format!("Unable to find result with id: {wanted}"));
    let Outcome::Selected(id, selection) = outcome else { return Err(missing()) };
    if RecordId::parse(wanted) != Some(id) {
        return Err(missing());
    }
    if selection.is_empty() && content == ContentType::Csv {
        return Ok(with_type(content.media_type(), Body::from(NOTHING_FOUND)));
    }
    let starts = (0..selection.len()).step_by(PIECE_ROWS);
    let rows = Arc::clone(&selection);
    let pieces = starts.map(move |from| piece(content, version, &rows, from));
    let (before, after) = match content {
        ContentType::Csv => {
            let mut header = Vec::new();
            selection.write_header(b',', "\n", &mut header);
            (header, "")
        }
        ContentType::Json => (b"[".to_vec(), "]"),
        ContentType::Xml => {
            let opening = opening("queryResult")
                .replace(" xmlns=", " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=");
            (opening.into_bytes(), "</queryResult>")
        }
    };
    let all = std::iter::once(Bytes::from(before)).chain(pieces).chain([Bytes::from_static(after.as_bytes())]);
    let body = Body::from_stream(futures::stream::iter(all.map(Ok::<_, Infallible>)).fuse());
    Ok(with_type(content.media_type(), body))
}

fn piece(content: ContentType, version: u16, selection: &BulkSelection, from: usize) -> Bytes {
    let range = from..(from + PIECE_ROWS).min(selection.len());
    let mut out = Vec::new();
    match content {
        ContentType::Csv => selection.write_rows(range, b',', "\n", &mut out),
        ContentType::Json => selection.write_json(range, version, &mut out),
        ContentType::Xml => selection.write_xml(range, &mut out),
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dml::Saved;

    #[test]
    fn a_platform_event_is_enqueued_in_every_form_and_a_record_is_just_saved() {
        let event = RecordId::new(*b"e00", *b"TG", 1);
        let record = RecordId::new(*b"001", *b"TG", 1);
        let uuid = crate::events::event_uuid(event);
        let results = [event, record].map(|id| Ok(Saved { id, created: true }));
        let csv = as_csv(&results);
        assert!(csv.contains(&format!("\"{event}\",\"true\",\"true\",\"OPERATION_ENQUEUED:{uuid}: --\"\n")), "{csv}");
        assert!(csv.contains(&format!("\"{record}\",\"true\",\"true\",\"\"\n")), "{csv}");
        let xml = as_xml(&results);
        assert_eq!(xml.matches("<statusCode>OPERATION_ENQUEUED</statusCode>").count(), 1);
        assert_eq!(xml.matches("<success>true</success>").count(), 2);
        assert_eq!(as_json(&results[0])["errors"][0]["message"], uuid.as_str());
        assert_eq!(as_json(&results[1])["errors"], json!([]));
    }
}
