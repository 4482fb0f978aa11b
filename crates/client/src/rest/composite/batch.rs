//! Batch: up to 25 independent calls in one request, without references and without undoing. Each counts as an API call.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    call::{Call, decode_json, with_json},
    error::Error,
    version::ApiVersion,
};

use super::{Handle, SubAnswer, SubCall, Written, cause, status, understand};

const CALLS_MAX: usize = 25;

/// `POST /composite/batch`. Sent again after a lost answer only where each of its calls may be. [`super::Composite`]
/// does the same for one API call in all, with fewer resources.
#[derive(Debug, Default)]
pub struct Batch {
    calls: Vec<SubCall>,
    halt_on_error: bool,
}

impl Batch {
    /// No calls yet.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Calls after one that fails are not done.
    pub fn halt_on_error(mut self) -> Batch {
        self.halt_on_error = true;
        self
    }

    /// Adds a call; the handle takes its answer out of the reply.
    pub fn add<C>(&mut self, call: C) -> Handle<C::Reply>
    where
        C: Call + Send + Sync + 'static,
    {
        let (call, handle) = SubCall::new("", self.calls.len().to_string(), call);
        self.calls.push(call);
        handle
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    halt_on_error: bool,
    batch_requests: Vec<BatchRequest<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchRequest<'a> {
    method: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rich_input: &'a Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    results: Vec<BatchResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchResult {
    status_code: u16,
    #[serde(default)]
    result: Option<Box<RawValue>>,
}

impl Call for Batch {
    type Reply = BatchReply;

    fn what(&self) -> String {
        format!("sending a batch of {} calls", self.calls.len())
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        if self.calls.is_empty() || self.calls.len() > CALLS_MAX {
            return Err(Error::config(format!(
                "a batch has 1 to {CALLS_MAX} calls, and this one {}",
                self.calls.len()
            )));
        }
        let calls: Vec<Written> = self.calls.iter().map(|call| call.written(api)).collect::<Result<_, _>>()?;
        if let Some(call) = calls.iter().find(|call| !call.headers.is_empty()) {
            return Err(Error::Config {
                message: format!("{}: a call in a batch cannot have headers of its own", call.what),
                hint: Some("give the headers to the batch, or use a composite".into()),
            });
        }
        let batch_requests = calls
            .iter()
            .map(|call| BatchRequest {
                method: call.method.as_str(),
                url: call.url.trim_start_matches("/services/data/"),
                rich_input: &call.body,
            })
            .collect();
        let body = Body { halt_on_error: self.halt_on_error, batch_requests };
        with_json(Method::POST, format!("{}/composite/batch", api.base_path()), &body)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<BatchReply, Error> {
        let what = self.what();
        let reply: Reply = decode_json(&what, response.body())?;
        let mut answers = Vec::new();
        for (place, result) in reply.results.into_iter().enumerate() {
            answers.push(SubAnswer {
                reference: place.to_string(),
                status: status(&what, result.status_code)?,
                headers: http::HeaderMap::new(),
                body: result.result.map(|body| Bytes::from(body.get().to_owned())).unwrap_or_default(),
            });
        }
        Ok(BatchReply { answers, repeated: false })
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        self.calls.iter().all(|call| call.is_idempotent(ApiVersion::NEWEST))
    }

    fn repeated(&self, outcome: Result<BatchReply, Error>) -> Result<BatchReply, Error> {
        outcome.map(|reply| BatchReply { repeated: true, ..reply })
    }
}

/// The answers of a batch.
#[derive(Clone, Debug)]
pub struct BatchReply {
    answers: Vec<SubAnswer>,
    repeated: bool,
}

impl BatchReply {
    /// The answer to one call, understood. One that was not done because an earlier one failed gives an error for which
    /// [`Error::is_rolled_back`] holds.
    ///
    /// # Errors
    /// As the call itself would have.
    pub fn get<R>(&self, handle: &Handle<R>) -> Result<R, Error> {
        understand(&self.answers, handle, self.repeated)
    }

    /// The reply, if no call was refused; otherwise the first refusal.
    ///
    /// # Errors
    /// [`Error::Api`] with that refusal.
    pub fn ok(self) -> Result<BatchReply, Error> {
        match cause(&self.answers) {
            Some(answer) => Err(answer.refusal()),
            None => Ok(self),
        }
    }

    /// The answers as they came, in the order of the calls.
    pub fn answers(&self) -> &[SubAnswer] {
        &self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Get, Headers, Update};
    use serde_json::{Value, json};

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn a_batch_is_written_and_understood() {
        let mut batch = Batch::new().halt_on_error();
        let update = batch.add(Update::new("Account", "001", json!({"Name": "x"})));
        let read = batch.add(Get::new("Account", "001").fields(["Name"]));
        let missing = batch.add(Get::new("Account", "002"));
        let halted = batch.add(Get::new("Account", "003"));
        let body: Value = serde_json::from_slice(batch.request(V66).unwrap().body()).unwrap();
        assert_eq!(
            body,
            json!({"haltOnError": true, "batchRequests": [
                {"method": "PATCH", "url": "v66.0/sobjects/Account/001", "richInput": {"Name": "x"}},
                {"method": "GET", "url": "v66.0/sobjects/Account/001?fields=Name"},
                {"method": "GET", "url": "v66.0/sobjects/Account/002"},
                {"method": "GET", "url": "v66.0/sobjects/Account/003"}]})
        );
        assert!(batch.is_idempotent(&Method::POST));
        let reply = json!({"hasErrors": true, "results": [
            {"statusCode": 204, "result": null},
            {"statusCode": 200, "result": {"Name": "x"}},
            {"statusCode": 404, "result": [{"errorCode": "NOT_FOUND", "message": "m"}]},
            {"statusCode": 412, "result": [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "m"}]}]});
        let reply = batch.reply(Response::new(Bytes::from(reply.to_string()))).unwrap();
        reply.get(&update).unwrap();
        assert_eq!(reply.get(&read).unwrap()["Name"], "x");
        assert!(reply.get(&missing).unwrap_err().has_code("NOT_FOUND"));
        assert!(reply.get(&halted).unwrap_err().is_rolled_back());
        assert!(reply.ok().unwrap_err().has_code("NOT_FOUND"));
    }

    #[test]
    fn what_a_batch_cannot_do_is_refused() {
        let mut batch = Batch::new();
        batch.add(Create::new("Account", json!({})).with(Headers::new().recently_used(false)));
        assert!(batch.request(V66).is_err());
        assert!(!batch.is_idempotent(&Method::POST));
        assert!(Batch::new().request(V66).is_err());
    }
}
