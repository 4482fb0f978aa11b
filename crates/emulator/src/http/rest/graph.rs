//! `/composite/graph`: graphs of requests, each of them all or none.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_graph.htm>

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::Answer;
use super::call::Call;
use super::composite::{self, Part, halt_others, member, too_many};
use super::hold::Hold;
use super::subrequest::{Done, split_url};
use crate::ApiError;
use crate::http::ApiErrors;

/// Graphs of one request. Documented, as all bounds here.
const GRAPHS_MAX: usize = 75;
/// Requests of all graphs together.
const NODES_MAX: usize = 500;
/// Longest chain of requests that refer to each other.
const DEPTH_MAX: usize = 15;
/// Different kinds of requests: object and method.
const KINDS_MAX: usize = 15;
/// Graphs that may fail before the rest is not tried.
const FAILED_MAX: usize = 14;
/// A graph's id is shorter than this.
const ID_CHARS: usize = 40;
/// The first version of graphs, and of requests in them.
const SINCE: u16 = 50;

/// `POST /composite/graph`.
pub(super) fn graph(call: &Call) -> Answer {
    if call.session.version.0 < SINCE {
        return Err(super::not_found().into());
    }
    let body = call.json_object()?;
    let Some(Json::Array(list)) = member(&body, "graphs") else {
        return Err(malformed("graphs must be a list"));
    };
    if list.len() > GRAPHS_MAX {
        return Err(too_many(format!("Cannot process more than {GRAPHS_MAX} graphs in one request")));
    }
    let mut graphs = Vec::with_capacity(list.len());
    let (mut seen, mut nodes) = (HashSet::new(), 0);
    for graph in list {
        let Json::Object(graph) = graph else { return Err(malformed("each of graphs must be an object")) };
        let id = match member(graph, "graphId") {
            Some(Json::String(id)) => id.clone(),
            _ => return Err(malformed("Missing required field 'graphId' in a graph")),
        };
        if id.chars().count() >= ID_CHARS || !id.starts_with(|c: char| c.is_ascii_alphanumeric()) || id.contains('.') {
            return Err(malformed(&format!(
                "The graphId '{id}' must begin with a letter or a number, be shorter than {ID_CHARS} characters and hold no period"
            )));
        }
        if !seen.insert(id.clone()) {
            return Err(malformed(&format!("Duplicate graphId '{id}'. The graphId must be unique.")));
        }
        let parts = composite::parts(graph, "compositeRequest", call.session.version)?;
        nodes += parts.len();
        check(&parts)?;
        graphs.push((id, parts));
    }
    if nodes > NODES_MAX {
        return Err(too_many(format!("Cannot process more than {NODES_MAX} nodes in one request")));
    }
    let mut shown = Vec::with_capacity(graphs.len());
    let mut failed = 0;
    for (id, parts) in &graphs {
        let (worked, done) = if failed >= FAILED_MAX { (false, untried(parts)) } else { run(call, parts) };
        failed += usize::from(!worked);
        let answers: Vec<Json> = done.into_iter().zip(parts).map(|(d, part)| d.shown(&part.reference)).collect();
        shown.push(json!({
            "graphId": id,
            "graphResponse": { "compositeResponse": answers },
            "isSuccessful": worked,
        }));
    }
    Ok(call.answer(200, &json!({ "graphs": shown })))
}

/// One graph, in a transaction of its own.
fn run(call: &Call, parts: &[Part]) -> (bool, Vec<Done>) {
    let hold = Hold::take(&call.state.org);
    let mut done = composite::run(call, hold.org(), parts, true);
    match done.iter().position(|part| !part.worked()) {
        None => {
            hold.commit(&call.write_context(true));
            (true, done)
        }
        Some(at) => {
            hold.rollback();
            halt_others(&mut done, at, parts.len());
            (false, done)
        }
    }
}

fn untried(parts: &[Part]) -> Vec<Done> {
    let text = format!("The graph was not processed because {FAILED_MAX} graphs of the request have failed");
    parts.iter().map(|_| Done::refused(ApiError::new("PROCESSING_HALTED", text.clone()))).collect()
}

/// The bounds of one graph, and that its requests are such as a graph can have.
fn check(parts: &[Part]) -> Result<(), ApiErrors> {
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let mut kinds = HashSet::new();
    for part in parts {
        let (method, url) = part.target();
        let (version, path) = split_url(url)?;
        let names: Vec<&str> = path.split('?').next().unwrap_or_default().trim_matches('/').split('/').collect();
        let fits = match (names.as_slice(), method) {
            ([first, _], "POST") => first.eq_ignore_ascii_case("sobjects"),
            ([first, _, _], "DELETE" | "GET" | "PATCH") => first.eq_ignore_ascii_case("sobjects"),
            ([first, _, _, _], "DELETE" | "GET" | "PATCH" | "POST") => first.eq_ignore_ascii_case("sobjects"),
            _ => false,
        };
        if !fits || version.0 < SINCE {
            return Err(malformed(&format!("A graph cannot have the request {method} {url}")));
        }
        kinds.insert((names.get(1).map(|n| n.to_ascii_lowercase()), version.0));
        let below = part.refers_to();
        let depth = below.iter().filter_map(|name| depths.get(name.as_str())).max().copied().unwrap_or(0) + 1;
        if depth > DEPTH_MAX {
            return Err(too_many(format!("The depth of a graph cannot be more than {DEPTH_MAX}")));
        }
        depths.insert(&part.reference, depth);
    }
    if kinds.len() > KINDS_MAX {
        return Err(too_many(format!("A graph cannot have more than {KINDS_MAX} kinds of nodes")));
    }
    Ok(())
}

fn malformed(text: &str) -> ApiErrors {
    ApiError::new("JSON_PARSER_ERROR", text).into()
}
