//! Composite graphs: up to 75 groups of calls, 500 calls in all, each group done whole or not at all; together one API
//! call. For writes of many records that depend on each other.

use std::collections::HashSet;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, with_json},
    error::Error,
    version::ApiVersion,
};

use super::{Handle, SubAnswer, SubCall, SubRequest, WireAnswer, Written, cause, refer, understand};

const GRAPHS_MAX: usize = 75;
const NODES_MAX: usize = 500;
const DEPTH_MAX: usize = 15;
const KINDS_MAX: usize = 15;

/// Calls that are done all or none. They may be creates, reads, updates, upserts and deletes of single records.
#[derive(Debug)]
pub struct Graph {
    id: String,
    calls: Vec<SubCall>,
}

impl Graph {
    /// A graph under an id: fewer than 40 characters, the first a letter or digit, none a dot.
    pub fn new(id: impl Into<String>) -> Graph {
        Graph { id: id.into(), calls: vec![] }
    }

    /// Adds a call under a reference id of letters, digits and `_`, unique in the graph. Calls refer to earlier ones of
    /// the same graph only.
    pub fn add<C>(&mut self, reference: impl Into<String>, call: C) -> Handle<C::Reply>
    where
        C: Call + Send + Sync + 'static,
    {
        let (call, handle) = SubCall::new(&self.id, reference.into(), call);
        self.calls.push(call);
        handle
    }
}

/// `POST /composite/graph`. When 14 graphs have failed, the org halts the rest. Sent again after a lost answer only where
/// each of its calls may be.
#[derive(Debug, Default)]
pub struct Graphs {
    graphs: Vec<Graph>,
}

impl Graphs {
    /// These graphs.
    pub fn new(graphs: impl IntoIterator<Item = Graph>) -> Graphs {
        Graphs { graphs: graphs.into_iter().collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    graphs: Vec<BodyGraph<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyGraph<'a> {
    graph_id: &'a str,
    composite_request: Vec<SubRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    graphs: Vec<ReplyGraph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyGraph {
    graph_id: String,
    graph_response: ReplyCalls,
    is_successful: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyCalls {
    composite_response: Vec<WireAnswer>,
}

impl Graph {
    fn written(&self, api: ApiVersion) -> Result<Vec<Written>, Error> {
        let well =
            self.id.len() < 40 && self.id.starts_with(|c: char| c.is_ascii_alphanumeric()) && !self.id.contains('.');
        if !well {
            return Err(Error::Config {
                message: format!("`{}` cannot be a graph's id", self.id),
                hint: Some("it has fewer than 40 characters, begins with a letter or digit, and has no dot".into()),
            });
        }
        if self.calls.is_empty() {
            return Err(Error::config(format!("graph `{}` has no calls", self.id)));
        }
        let mut calls: Vec<Written> = self.calls.iter().map(|call| call.written(api)).collect::<Result<_, _>>()?;
        let depth = refer::check(&mut calls)?;
        if depth > DEPTH_MAX {
            return Err(Error::config(format!(
                "graph `{}` has a chain of {depth} calls, and {DEPTH_MAX} may refer to each other",
                self.id
            )));
        }
        let start = format!("{}/sobjects/", api.base_path());
        let mut kinds = HashSet::new();
        for call in &calls {
            let path = call.url.strip_prefix(&start).map(|rest| rest.split('?').next().unwrap_or_default());
            let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
            let fits =
                matches!((call.method.as_str(), parts.len()), ("POST", 1 | 3) | ("GET" | "PATCH" | "DELETE", 2 | 3));
            if path.is_none() || !fits {
                return Err(Error::config(format!("{}: a graph takes calls on single records only", call.what)));
            }
            kinds.insert(parts[0].to_ascii_lowercase());
        }
        if kinds.len() > KINDS_MAX {
            return Err(Error::config(format!(
                "graph `{}` has records of {} objects, and one may have {KINDS_MAX}",
                self.id,
                kinds.len()
            )));
        }
        Ok(calls)
    }
}

impl Call for Graphs {
    type Reply = GraphsReply;

    fn what(&self) -> String {
        format!("sending {} graphs of calls", self.graphs.len())
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let nodes: usize = self.graphs.iter().map(|graph| graph.calls.len()).sum();
        if self.graphs.is_empty() || self.graphs.len() > GRAPHS_MAX || nodes > NODES_MAX {
            return Err(Error::config(format!(
                "one request has 1 to {GRAPHS_MAX} graphs with {NODES_MAX} calls in all, and this one {} with {nodes}",
                self.graphs.len()
            )));
        }
        let mut ids = HashSet::new();
        let mut written = Vec::new();
        for graph in &self.graphs {
            if !ids.insert(&graph.id) {
                return Err(Error::config(format!("two graphs have the id `{}`", graph.id)));
            }
            written.push((graph.id.as_str(), graph.written(api)?));
        }
        let graphs = written
            .iter()
            .map(|(id, calls)| BodyGraph {
                graph_id: id,
                composite_request: calls.iter().map(Written::sub_request).collect(),
            })
            .collect();
        with_json(Method::POST, format!("{}/composite/graph", api.base_path()), &Body { graphs })
    }

    fn reply(&self, response: Response<Bytes>) -> Result<GraphsReply, Error> {
        let what = self.what();
        let reply: Reply = decode_json(&what, response.body())?;
        let mut graphs = Vec::new();
        for graph in reply.graphs {
            let answers: Result<Vec<SubAnswer>, Error> =
                graph.graph_response.composite_response.into_iter().map(|answer| answer.taken(&what)).collect();
            graphs.push(GraphAnswer { id: graph.graph_id, success: graph.is_successful, answers: answers? });
        }
        Ok(GraphsReply { graphs, repeated: false })
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        self.graphs.iter().flat_map(|graph| &graph.calls).all(|call| call.is_idempotent(ApiVersion::NEWEST))
    }

    fn repeated(&self, outcome: Result<GraphsReply, Error>) -> Result<GraphsReply, Error> {
        outcome.map(|reply| GraphsReply { repeated: true, ..reply })
    }
}

/// What became of one graph.
#[derive(Clone, Debug)]
pub struct GraphAnswer {
    /// The graph's id.
    pub id: String,
    /// Whether all of it was done; otherwise none was.
    pub success: bool,
    /// The answers as they came.
    pub answers: Vec<SubAnswer>,
}

impl GraphAnswer {
    /// The reference id of the first call that was refused by itself.
    pub fn cause(&self) -> Option<&str> {
        cause(&self.answers).map(|answer| answer.reference.as_str())
    }

    /// Nothing where all of it was done; otherwise the first refusal that is not only the consequence of another.
    ///
    /// # Errors
    /// [`Error::Api`] with that refusal.
    pub fn ok(&self) -> Result<(), Error> {
        match cause(&self.answers) {
            Some(answer) => Err(answer.refusal()),
            None if self.success => Ok(()),
            None => Err(Error::unexpected(format!("graph {}", self.id), "the graph failed, and no call says why")),
        }
    }
}

/// The answers to graphs.
#[derive(Clone, Debug)]
pub struct GraphsReply {
    graphs: Vec<GraphAnswer>,
    repeated: bool,
}

impl GraphsReply {
    /// The answer to one call, understood. Of a graph that failed, every other call gives an error for which
    /// [`Error::is_rolled_back`] holds.
    ///
    /// # Errors
    /// As the call itself would have.
    pub fn get<R>(&self, handle: &Handle<R>) -> Result<R, Error> {
        match self.graphs.iter().find(|graph| graph.id == handle.scope) {
            Some(graph) => understand(&graph.answers, handle, self.repeated),
            None => Err(Error::unexpected(&handle.what, format!("no answer for graph `{}`", handle.scope))),
        }
    }

    /// The graphs, in the org's order.
    pub fn graphs(&self) -> &[GraphAnswer] {
        &self.graphs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Query};
    use serde_json::{Value, json};

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn graphs_are_written_and_understood() {
        let mut one = Graph::new("one");
        let account = one.add("acc", Create::new("Account", json!({"Name": "A"})));
        let contact = one.add("con", Create::new("Contact", json!({"AccountId": account.id()})));
        let mut two = Graph::new("two");
        let other = two.add("acc", Create::new("Account", json!({})));
        let graphs = Graphs::new([one, two]);
        let request = graphs.request(V66).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/composite/graph");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["graphs"][0]["graphId"], "one");
        assert_eq!(body["graphs"][0]["compositeRequest"][1]["body"]["AccountId"], "@{acc.id}");
        let reply = json!({"graphs": [
            {"graphId": "one", "isSuccessful": true, "graphResponse": {"compositeResponse": [
                {"body": {"id": "001a", "success": true, "errors": []}, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "acc"},
                {"body": {"id": "003a", "success": true, "errors": []}, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "con"}]}},
            {"graphId": "two", "isSuccessful": false, "graphResponse": {"compositeResponse": [
                {"body": [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "m", "fields": ["Name"]}], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "acc"}]}}]});
        let reply = graphs.reply(Response::new(Bytes::from(reply.to_string()))).unwrap();
        assert_eq!(reply.get(&account).unwrap().id, "001a");
        assert_eq!(reply.get(&contact).unwrap().id, "003a");
        assert!(reply.get(&other).unwrap_err().has_code("REQUIRED_FIELD_MISSING"));
        assert!(reply.graphs()[0].ok().is_ok());
        assert_eq!(reply.graphs()[1].cause(), Some("acc"));
        assert!(reply.graphs()[1].ok().is_err());
    }

    #[test]
    fn limits_hold_before_sending() {
        let graph = |id: &str, calls: usize| {
            let mut graph = Graph::new(id);
            for n in 0..calls {
                graph.add(format!("r{n}"), Create::new("Account", json!({})));
            }
            graph
        };
        let fails = |graphs: Vec<Graph>| Graphs::new(graphs).request(V66).is_err();
        assert!(!fails(vec![graph("a", 250), graph("b", 250)]));
        assert!(fails(vec![graph("a", 250), graph("b", 251)]));
        assert!(fails(vec![graph("a", 1), graph("a", 1)]));
        assert!(fails((0..76).map(|n| graph(&format!("g{n}"), 1)).collect()));
        assert!(fails(vec![]) && fails(vec![graph("a", 0)]));
        assert!(fails(vec![graph("a.b", 1)]) && fails(vec![graph("", 1)]) && fails(vec![graph(&"a".repeat(40), 1)]));
        let chain = |length: usize| {
            let mut graph = Graph::new("a");
            let mut last = graph.add("r0", Create::new("Account", json!({})));
            for n in 1..length {
                last = graph.add(format!("r{n}"), Create::new("Account", json!({"ParentId": last.id()})));
            }
            vec![graph]
        };
        assert!(!fails(chain(15)) && fails(chain(16)));
        let mut query = Graph::new("a");
        query.add("q", Query::new("SELECT Id FROM Account"));
        assert!(fails(vec![query]));
        let mut kinds = Graph::new("a");
        for n in 0..16 {
            kinds.add(format!("r{n}"), Create::new(format!("O{n}__c"), json!({})));
        }
        assert!(fails(vec![kinds]));
    }
}
