//! `/composite/batch`: requests that have nothing to do with each other, one after the other.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_batch.htm>

use http::HeaderMap;
use serde_json::{Value as Json, json};

use super::Answer;
use super::call::Call;
use super::composite::{flag, member, too_many};
use super::subrequest::{self, Asked, Done, METHODS};
use crate::ApiError;
use crate::http::ApiErrors;

/// Requests of one batch. Documented.
const PARTS_MAX: usize = 25;
/// The first version of batches, and of requests in them. Documented.
const SINCE: u16 = 34;

/// `POST /composite/batch`. Each of its requests counts as a call.
pub(super) fn batch(call: &Call) -> Answer {
    let body = call.json_object()?;
    let halt = flag(&body, "haltOnError")?.unwrap_or(false);
    let Some(Json::Array(requests)) = member(&body, "batchRequests") else {
        return Err(malformed("batchRequests must be a list".to_owned()));
    };
    if requests.len() > PARTS_MAX {
        return Err(too_many(format!("Cannot process more than {PARTS_MAX} subrequests in a batch request")));
    }
    let asked: Vec<Result<Asked, ApiError>> = requests.iter().map(|r| part(call, r)).collect::<Result<_, _>>()?;
    // The batch itself was counted as one when it came.
    let more = asked.len().saturating_sub(1) as u64;
    let now = call.state.now();
    {
        let org = call.state.org.read();
        org.usage.add_requests(now, more);
        if org.access.app(&call.session.app).is_some_and(|app| app.daily_requests.is_some()) {
            org.usage.add_app_requests(&call.session.app, now, more);
        }
    }
    let (mut results, mut failed) = (Vec::with_capacity(asked.len()), false);
    for asked in asked {
        if failed && halt {
            let error = ApiError::new("BATCH_PROCESSING_HALTED", "Batch processing halted per request").status(412);
            results.push(shown(Done::refused(error)));
            continue;
        }
        let done = match asked {
            Ok(asked) => subrequest::run(call, &call.state.org, asked),
            Err(error) => Done::refused(error),
        };
        failed |= !done.worked();
        results.push(shown(done));
    }
    Ok(call.answer(200, &json!({ "hasErrors": failed, "results": results })))
}

fn shown(done: Done) -> Json {
    json!({ "statusCode": done.status, "result": done.body })
}

/// One request of a batch. The outer error is one of the whole batch.
fn part(call: &Call, request: &Json) -> Result<Result<Asked, ApiError>, ApiErrors> {
    let Json::Object(request) = request else {
        return Err(malformed("each of batchRequests must be an object".to_owned()));
    };
    let text = |name: &str| match member(request, name) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text.as_str()),
        _ => Err(malformed(format!("Missing required field '{name}' in a batch request"))),
    };
    let (method, url) = (text("method")?, text("url")?);
    if !METHODS.contains(&method) {
        return Err(malformed(format!("The method '{method}' of a batch request is none; methods are in upper case")));
    }
    if member(request, "binaryPartName").is_some_and(|name| !name.is_null()) {
        return Err(super::not_built("files in batch requests").into());
    }
    let body = member(request, "richInput").filter(|body| !body.is_null()).cloned();
    // `v66.0/sobjects/…`, below `/services/data/`; the whole path is taken as well.
    let url = url.strip_prefix("/services/data").unwrap_or(url).trim_start_matches('/');
    let asked = subrequest::split_url(&format!("/services/data/{url}")).and_then(|(version, path)| {
        if version.0 < SINCE || version > call.session.version {
            let text = format!("A request of a batch must be of a version from {SINCE}.0 to that of the batch");
            return Err(ApiError::new("UNSUPPORTED_API_VERSION", text));
        }
        let first = path.split(['/', '?']).next().unwrap_or_default().to_ascii_lowercase();
        let second = path.split(['/', '?']).nth(1).unwrap_or_default().to_ascii_lowercase();
        if first == "jobs" || (first == "composite" && second != "sobjects") {
            return Err(super::not_found());
        }
        Ok(Asked { method: method.to_owned(), version, path: path.to_owned(), headers: HeaderMap::new(), body })
    });
    Ok(asked)
}

fn malformed(text: String) -> ApiErrors {
    ApiError::new("JSON_PARSER_ERROR", text).into()
}
