//! `/composite`: several requests in one, which refer to each other's answers.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm>

use std::collections::HashSet;

use http::HeaderMap;
use serde_json::{Map, Value as Json, json};

use super::call::{Call, Verb};
use super::hold::Hold;
use super::reference::{self, Answers};
use super::subrequest::{self, Asked, Done, METHODS};
use super::{Answer, batch, collections, graph, not_allowed, not_found, tree};
use crate::ApiError;
use crate::http::{ApiErrors, ApiVersion};

/// Requests in one. Documented.
const PARTS_MAX: usize = 25;
/// Of those: queries and collections. Documented.
const HEAVY_MAX: usize = 5;
/// From this version on a reference id that is none fails the whole request, and a value that is referred to can be
/// null. Documented.
pub(super) const STRICT_SINCE: u16 = 52;

/// One part as it was written, with its references.
pub(super) struct Part {
    pub(super) reference: String,
    method: String,
    url: String,
    headers: HeaderMap,
    body: Option<Json>,
}

/// `/composite` and what is below it.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    match (call.verb, below) {
        (Verb::Get, []) => {
            let base = format!("{}/composite", call.base());
            let names = ["tree", "batch", "sobjects", "graph"];
            let map: Map<String, Json> =
                names.iter().map(|n| ((*n).to_owned(), json!(format!("{base}/{n}")))).collect();
            Ok(call.answer(200, &Json::Object(map)))
        }
        (Verb::Post, []) => composite(call),
        (_, []) => Err(not_allowed(call, "GET,HEAD,POST").into()),
        _ if call.session.version.0 < since(below) => Err(not_found().into()),
        (_, ["sobjects", rest @ ..]) => collections::route(call, rest),
        (Verb::Post, ["batch"]) => batch::batch(call),
        (Verb::Post, ["graph"]) => graph::graph(call),
        (Verb::Post, ["tree", _]) => tree::tree(call, call.path.get(2).map_or("", String::as_str)),
        (_, ["batch" | "graph"] | ["tree", _]) => Err(not_allowed(call, "POST").into()),
        _ => Err(not_found().into()),
    }
}

/// The first version that has a resource. Documented.
fn since(below: &[&str]) -> u16 {
    match below {
        ["sobjects", _, _, ..] => 46,
        ["sobjects", ..] => 42,
        ["batch"] => 34,
        _ => 0,
    }
}

fn composite(call: &Call) -> Answer {
    let body = call.json_object()?;
    let all_or_none = flag(&body, "allOrNone")?.unwrap_or(false);
    // Which parts go together does not change what they do, nor the order in which they are answered.
    flag(&body, "collateSubrequests")?;
    let parts = parts(&body, "compositeRequest", call.session.version)?;
    if parts.len() > PARTS_MAX {
        return Err(too_many(format!("Cannot process more than {PARTS_MAX} subrequests in a composite request")));
    }
    if parts.iter().filter(|part| is_heavy(&part.url)).count() > HEAVY_MAX {
        return Err(too_many(format!(
            "Cannot have more than {HEAVY_MAX} subrequests that are queries or sObject collections"
        )));
    }
    let mut done = if all_or_none {
        let hold = Hold::take(&call.state.org);
        let done = run(call, hold.org(), &parts, true);
        if done.iter().all(Done::worked_whole) {
            hold.commit(&call.write_context(true));
        } else {
            hold.rollback();
        }
        done
    } else {
        run(call, &call.state.org, &parts, false)
    };
    if all_or_none && let Some(at) = done.iter().position(|part| !part.worked_whole()) {
        halt_others(&mut done, at, parts.len());
    }
    let shown = done.into_iter().zip(&parts).map(|(done, part)| done.shown(&part.reference));
    Ok(call.answer(200, &json!({ "compositeResponse": shown.collect::<Vec<_>>() })))
}

/// The one that failed says why; all others say that it was for one of them.
pub(super) fn halt_others(done: &mut Vec<Done>, failed: usize, parts: usize) {
    let halted = || {
        let text = "The transaction was rolled back since another operation in the same transaction failed.";
        Done::refused(ApiError::new("PROCESSING_HALTED", text))
    };
    for (at, part) in done.iter_mut().enumerate() {
        if at != failed {
            *part = halted();
        }
    }
    while done.len() < parts {
        done.push(halted());
    }
}

/// Does the parts one after the other. With `stop` the first failure is the last part that is done.
pub(super) fn run(call: &Call, org: &crate::http::SharedOrg, parts: &[Part], stop: bool) -> Vec<Done> {
    let null_allowed = call.session.version.0 >= STRICT_SINCE;
    let mut answers = Answers::new();
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        let done = match part.ask(&answers, null_allowed, stop) {
            Ok(asked) => subrequest::run(call, org, asked),
            Err(error) => Done::refused(error),
        };
        let failed = stop && !done.worked_whole();
        answers.insert(part.reference.clone(), done.worked().then(|| done.body.clone()));
        all.push(done);
        if failed {
            break;
        }
    }
    all
}

impl Part {
    fn ask(&self, answers: &Answers, null_allowed: bool, all_or_none: bool) -> Result<Asked, ApiError> {
        let url = reference::fill(&self.url, answers, null_allowed)?;
        let (version, path) = subrequest::split_url(&url)?;
        let mut body = self.body.as_ref().map(|body| reference::fill_json(body, answers, null_allowed)).transpose()?;
        let mut path = path.to_owned();
        if !is_allowed(&path) {
            return Err(not_found());
        }
        // All or none outside is so inside, too; otherwise the inner flag decides. Documented.
        if all_or_none && is_collection(&path) {
            match body.as_mut().and_then(Json::as_object_mut) {
                Some(members) => {
                    members.insert("allOrNone".to_owned(), Json::Bool(true));
                }
                None => path = with_all_or_none(&path),
            }
        }
        Ok(Asked { method: self.method.clone(), version, path, headers: self.headers.clone(), body })
    }

    /// The names of the parts that it refers to.
    pub(super) fn refers_to(&self) -> Vec<String> {
        let mut found = Vec::new();
        reference::names_in(&self.url, &mut found);
        if let Some(body) = &self.body {
            reference::names(body, &mut found);
        }
        found
    }

    /// The method and the URL as written.
    pub(super) fn target(&self) -> (&str, &str) {
        (&self.method, &self.url)
    }
}

fn with_all_or_none(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept = query.split('&').filter(|p| !p.is_empty() && !p.to_ascii_lowercase().starts_with("allornone="));
    let mut query: Vec<&str> = kept.collect();
    query.push("allOrNone=true");
    format!("{path}?{}", query.join("&"))
}

/// The names of a path.
fn names(path: &str) -> Vec<String> {
    path.split('?').next().unwrap_or_default().trim_matches('/').split('/').map(str::to_ascii_lowercase).collect()
}

fn is_collection(path: &str) -> bool {
    matches!(names(path).as_slice(), [a, b, ..] if a == "composite" && b == "sobjects")
}

/// What can be part of a composite request: records (not their files), queries and collections.
fn is_allowed(path: &str) -> bool {
    let names = names(path);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["sobjects", ..] => !matches!(names.last(), Some(&"versiondata" | &"body")),
        ["query" | "queryall" | "limits" | "actions" | "parameterizedsearch" | "search", ..] => true,
        ["composite", "sobjects", ..] => true,
        _ => false,
    }
}

fn is_heavy(url: &str) -> bool {
    let Some(path) = url.strip_prefix("/services/data/").and_then(|rest| rest.split_once('/')).map(|(_, path)| path)
    else {
        return false;
    };
    is_collection(path) || matches!(names(path).first().map(String::as_str), Some("query" | "queryall"))
}

/// Reads the parts of a composite request or of a graph.
pub(super) fn parts(body: &Map<String, Json>, list: &str, version: ApiVersion) -> Result<Vec<Part>, ApiErrors> {
    let malformed = |text: String| ApiErrors::from(ApiError::new("JSON_PARSER_ERROR", text));
    let Some(Json::Array(requests)) = member(body, list) else {
        return Err(malformed(format!("{list} must be a list of subrequests")));
    };
    let mut seen = HashSet::new();
    let mut parts = Vec::with_capacity(requests.len());
    for request in requests {
        let Json::Object(request) = request else {
            return Err(malformed(format!("each of {list} must be an object")));
        };
        let text = |name: &str| match member(request, name) {
            Some(Json::String(text)) if !text.is_empty() => Ok(text.clone()),
            _ => Err(malformed(format!("Missing required field '{name}' in a subrequest"))),
        };
        let (method, url, reference) = (text("method")?, text("url")?, text("referenceId")?);
        if !METHODS.contains(&method.as_str()) {
            return Err(malformed(format!("The method '{method}' of a subrequest is none; methods are in upper case")));
        }
        if version.0 >= STRICT_SINCE && !reference::is_id(&reference) {
            return Err(malformed(reference::not_an_id(&reference)));
        }
        if !seen.insert(reference.clone()) {
            return Err(malformed(format!("Duplicate referenceId '{reference}'. The referenceId must be unique.")));
        }
        let headers = subrequest::headers(member(request, "httpHeaders"))?;
        let body = member(request, "body").filter(|body| !body.is_null()).cloned();
        parts.push(Part { reference, method, url, headers, body });
    }
    Ok(parts)
}

/// A member whatever its case.
pub(super) fn member<'a>(of: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    of.get(name).or_else(|| of.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A yes or no; null is as if it were not there.
pub(super) fn flag(of: &Map<String, Json>, name: &str) -> Result<Option<bool>, ApiError> {
    match member(of, name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Bool(flag)) => Ok(Some(*flag)),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(other) => {
            let text = format!("Cannot deserialize instance of boolean from {other} for {name}");
            Err(ApiError::new("JSON_PARSER_ERROR", text))
        }
    }
}

/// Too many of something. The code is unconfirmed.
pub(super) fn too_many(text: String) -> ApiErrors {
    ApiError::new("LIMIT_EXCEEDED", text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_a_part() {
        for (path, allowed, heavy) in [
            ("sobjects/Account", true, false),
            ("query/?q=SELECT+Id", true, true),
            ("queryAll?q=x", true, true),
            ("composite/sobjects?ids=a", true, true),
            ("composite/batch", false, false),
            ("sobjects/Attachment/00P/Body", false, false),
            ("tooling/query", false, false),
        ] {
            assert_eq!(is_allowed(path), allowed, "{path}");
            assert_eq!(is_heavy(&format!("/services/data/v60.0/{path}")), heavy, "{path}");
        }
        assert_eq!(
            with_all_or_none("composite/sobjects?ids=a&allOrNone=false"),
            "composite/sobjects?ids=a&allOrNone=true"
        );
    }
}
