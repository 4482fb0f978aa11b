//! Composite: up to 25 calls in one, in order, each able to refer to the answers of earlier ones; together one API call.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, with_json},
    error::Error,
    version::ApiVersion,
};

use super::{Handle, SubAnswer, SubCall, SubRequest, WireAnswer, Written, cause, refer, understand};

/// The most calls in one composite.
pub(in crate::rest) const CALLS_MAX: usize = 25;
/// The most of them that are queries or collections.
const QUERIES_MAX: usize = 5;

/// `POST /composite`: up to 25 calls in one request, of which 5 may be queries or collections. Sent again after a lost
/// answer only where each of its calls may be.
///
/// ```no_run
/// # use tidegate_client::{Client, Create, Error, rest::Composite};
/// # use serde_json::json;
/// # async fn example(org: Client) -> Result<(), Error> {
/// let mut calls = Composite::new().all_or_none();
/// let account = calls.add("account", Create::new("Account", json!({"Name": "Acme"})));
/// let contact = calls.add("contact", Create::new("Contact", json!({"LastName": "Ng", "AccountId": account.id()})));
/// let replies = org.send(&calls).await?;
/// let (account, contact) = (replies.get(&account)?, replies.get(&contact)?);
/// println!("{} has {}", account.id, contact.id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Composite {
    calls: Vec<SubCall>,
    all_or_none: bool,
    in_order: bool,
}

impl Composite {
    /// No calls yet.
    pub fn new() -> Composite {
        Composite::default()
    }

    /// If one call fails, all are undone.
    pub fn all_or_none(mut self) -> Composite {
        self.all_or_none = true;
        self
    }

    /// Keeps the org from putting calls on one kind of object together: they run strictly in order.
    pub fn in_order(mut self) -> Composite {
        self.in_order = true;
        self
    }

    /// Adds a call under a reference id of letters, digits and `_`. The handle refers to its answer in later calls, and
    /// takes the answer out of the reply.
    pub fn add<C>(&mut self, reference: impl Into<String>, call: C) -> Handle<C::Reply>
    where
        C: Call + Send + Sync + 'static,
    {
        let (call, handle) = SubCall::new("", reference.into(), call);
        self.calls.push(call);
        handle
    }

    /// How many calls it has.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it has no calls yet.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    all_or_none: bool,
    collate_subrequests: bool,
    composite_request: Vec<SubRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    composite_response: Vec<WireAnswer>,
}

impl Call for Composite {
    type Reply = CompositeReply;

    fn what(&self) -> String {
        format!("sending {} calls in one", self.calls.len())
    }

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        if self.calls.is_empty() || self.calls.len() > CALLS_MAX {
            return Err(Error::config(format!(
                "a composite has 1 to {CALLS_MAX} calls, and this one {}",
                self.calls.len()
            )));
        }
        let mut calls: Vec<Written> = self.calls.iter().map(|call| call.written(api)).collect::<Result<_, _>>()?;
        refer::check(&mut calls)?;
        let base = api.base_path();
        let is_query = |call: &&Written| {
            let path = call.url.strip_prefix(&base).unwrap_or_default();
            ["/query", "/queryAll", "/composite/sobjects"].iter().any(|start| path.starts_with(start))
        };
        let queries = calls.iter().filter(is_query).count();
        if queries > QUERIES_MAX {
            return Err(Error::config(format!(
                "a composite has at most {QUERIES_MAX} queries and collections, and this one {queries}"
            )));
        }
        let body = Body {
            all_or_none: self.all_or_none,
            collate_subrequests: !self.in_order,
            composite_request: calls.iter().map(Written::sub_request).collect(),
        };
        with_json(Method::POST, format!("{base}/composite"), &body)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<CompositeReply, Error> {
        let reply: Reply = decode_json(&self.what(), response.body())?;
        let answers: Result<Vec<SubAnswer>, Error> =
            reply.composite_response.into_iter().map(|answer| answer.taken(&self.what())).collect();
        Ok(CompositeReply { answers: answers?, repeated: false })
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        self.calls.iter().all(|call| call.is_idempotent(ApiVersion::NEWEST))
    }

    fn repeated(&self, outcome: Result<CompositeReply, Error>) -> Result<CompositeReply, Error> {
        outcome.map(|reply| CompositeReply { repeated: true, ..reply })
    }
}

/// The answers of a composite.
#[derive(Clone, Debug)]
pub struct CompositeReply {
    answers: Vec<SubAnswer>,
    repeated: bool,
}

impl CompositeReply {
    /// The answer to one call, understood. One that was not done, or undone, because of another gives an error for which
    /// [`Error::is_rolled_back`] holds.
    ///
    /// # Errors
    /// As the call itself would have.
    pub fn get<R>(&self, handle: &Handle<R>) -> Result<R, Error> {
        understand(&self.answers, handle, self.repeated)
    }

    /// The reply, if no call was refused; otherwise the first refusal that is not only the consequence of another.
    ///
    /// # Errors
    /// [`Error::Api`] with that refusal.
    pub fn ok(self) -> Result<CompositeReply, Error> {
        match cause(&self.answers) {
            Some(answer) => Err(answer.refusal()),
            None => Ok(self),
        }
    }

    /// The reference id of the first call that was refused by itself.
    pub fn cause(&self) -> Option<&str> {
        cause(&self.answers).map(|answer| answer.reference.as_str())
    }

    /// The answers as they came, in the org's order.
    pub fn answers(&self) -> &[SubAnswer] {
        &self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::{AutoAssign, GetMany, Raw};
    use crate::{Create, Get, Headers, Query, Update};
    use serde_json::{Value, json};

    const V66: ApiVersion = ApiVersion::new(66);

    fn answer(body: Value) -> Response<Bytes> {
        Response::new(Bytes::from(body.to_string()))
    }

    #[test]
    fn calls_refer_to_earlier_answers() {
        let mut calls = Composite::new().all_or_none().in_order();
        let account = calls
            .add("acc", Create::new("Account", json!({"Name": "A"})).with(Headers::new().auto_assign(AutoAssign::Off)));
        calls.add("read", Get::new("Account", account.id()).fields(["Name"]));
        calls.add("con", Create::new("Contact", json!({"LastName": "B", "AccountId": account.id()})));
        calls.add("q", Query::new(format!("SELECT Id FROM Contact WHERE AccountId = '{}'", account.field("id"))));
        let request = calls.request(V66).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/composite");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({"allOrNone": true, "collateSubrequests": false, "compositeRequest": [
                {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "acc",
                 "body": {"Name": "A"}, "httpHeaders": {"sforce-auto-assign": "FALSE"}},
                {"method": "GET", "url": "/services/data/v66.0/sobjects/Account/@{acc.id}?fields=Name", "referenceId": "read"},
                {"method": "POST", "url": "/services/data/v66.0/sobjects/Contact", "referenceId": "con",
                 "body": {"LastName": "B", "AccountId": "@{acc.id}"}},
                {"method": "GET", "url": "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Contact%20WHERE%20AccountId%20%3D%20%27@{acc.id}%27", "referenceId": "q"}]})
        );
        assert!(!calls.is_idempotent(&Method::POST));
        let mut reads = Composite::new();
        reads.add("a", Get::new("Account", "001"));
        reads.add("b", Update::new("Account", "001", json!({})));
        assert!(reads.is_idempotent(&Method::POST));
    }

    #[test]
    fn what_the_org_would_refuse_is_refused_before() {
        let composite = |references: &[&str]| {
            let mut calls = Composite::new();
            for reference in references {
                calls.add(*reference, Get::new("Account", "001"));
            }
            calls.request(V66).map_err(|error| error.to_string())
        };
        assert!(composite(&[]).is_err());
        assert!(composite(&["a"; 2]).unwrap_err().contains("two calls"));
        assert!(composite(&["a-b"]).is_err() && composite(&["_a"]).is_err() && composite(&["Ä"]).is_err());
        let names: Vec<String> = (0..26).map(|n| format!("r{n}")).collect();
        assert!(composite(&names.iter().map(String::as_str).collect::<Vec<_>>()).is_err());

        let mut forward = Composite::new();
        forward.add("a", Create::new("Contact", json!({"AccountId": "@{b.id}"})));
        forward.add("b", Create::new("Account", json!({})));
        assert!(forward.request(V66).unwrap_err().to_string().contains("comes after"));
        let mut nowhere = Composite::new();
        nowhere.add("a", Get::new("Account", "@{x.id}"));
        assert!(nowhere.request(V66).unwrap_err().to_string().contains("no call"));
        let mut queries = Composite::new();
        for n in 0..6 {
            queries.add(format!("q{n}"), GetMany::new("Account", ["001"], ["Id"]));
        }
        assert!(queries.request(V66).unwrap_err().to_string().contains("at most 5"));
        let mut elsewhere = Composite::new();
        elsewhere.add("a", Raw::new(Method::GET, "/services/apexrest/x"));
        assert!(elsewhere.request(V66).is_err());
    }

    #[test]
    fn answers_are_understood_by_their_calls() {
        let mut calls = Composite::new();
        let account = calls.add("acc", Create::new("Account", json!({})));
        let contact = calls.add("con", Create::new("Contact", json!({})));
        let missing = calls.add("none", Get::new("Account", "001"));
        let update = calls.add("up", Update::new("Account", "001", json!({})));
        let reply = answer(json!({"compositeResponse": [
            {"body": [{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation in the same transaction failed."}],
             "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "acc"},
            {"body": [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "m", "fields": ["LastName"]}],
             "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "con"},
            {"body": null, "httpHeaders": {"X": "1"}, "httpStatusCode": 204, "referenceId": "up"}]}));
        let reply = calls.reply(reply).unwrap();
        assert!(reply.get(&account).unwrap_err().is_rolled_back());
        let error = reply.get(&contact).unwrap_err();
        assert!(!error.is_rolled_back() && error.has_code("REQUIRED_FIELD_MISSING"));
        assert!(reply.get(&missing).is_err());
        reply.get(&update).unwrap();
        assert_eq!(reply.cause(), Some("con"));
        assert_eq!(reply.answers()[2].headers["x"], "1");
        assert!(reply.ok().unwrap_err().has_code("REQUIRED_FIELD_MISSING"));
    }
}
