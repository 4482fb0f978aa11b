//! One operation of a SOAP API as a value, and the call that an operation with its headers makes.

use bytes::Bytes;
use http::Method;

use super::{
    envelope::{self, Endpoint},
    headers::SoapHeaders,
    xml::{Element, Xml},
};
use crate::{call::Call, error::Error, version::ApiVersion};

/// An operation of one of the SOAP APIs.
pub trait Operation {
    /// What the answer means to the caller.
    type Reply;

    /// What is being done, for error messages.
    fn what(&self) -> String;

    /// The operation's element, such as `merge`.
    fn name(&self) -> &str;

    /// Which API it belongs to.
    fn endpoint(&self) -> Endpoint {
        Endpoint::Partner
    }

    /// Writes what stands inside the operation's element.
    fn write(&self, api: ApiVersion, xml: &mut Xml);

    /// Understands the answer's element, such as `mergeResponse`.
    fn read(&self, answer: Element) -> Result<Self::Reply, Error>;

    /// Refuses what can be known to be refused, before it is sent.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Whether sending it twice has the effect of sending it once.
    fn is_idempotent(&self) -> bool;
}

/// An operation with its headers: what [`crate::Client::send`] sends.
#[derive(Clone, Debug)]
pub struct SoapCall<O> {
    /// The operation.
    pub operation: O,
    /// Its headers.
    pub headers: SoapHeaders,
}

impl<O: Operation> Call for SoapCall<O> {
    type Reply = O::Reply;

    fn what(&self) -> String {
        self.operation.what()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        self.operation.check()?;
        envelope::request(self.operation.endpoint(), api, &self.headers, self.operation.name(), |xml| {
            self.operation.write(api, xml);
        })
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<O::Reply, Error> {
        let (answer, _) = envelope::open(&self.what(), response.body())?;
        self.operation.read(answer)
    }

    fn is_idempotent(&self, _: &Method) -> bool {
        self.operation.is_idempotent()
    }
}

/// Any operation by its name, with elements in and elements out: for the calls that have no type of their own here.
/// Never sent again when its answer was lost, unless it is said to be a [`RawOperation::reading`].
#[derive(Clone, Debug)]
pub struct RawOperation {
    name: String,
    endpoint: Endpoint,
    inside: Vec<Element>,
    reading: bool,
}

impl RawOperation {
    /// The operation of this name with these elements inside. Members of a partner sObject go by the prefix `s:`.
    pub fn new(endpoint: Endpoint, name: impl Into<String>, inside: Vec<Element>) -> RawOperation {
        RawOperation { name: name.into(), endpoint, inside, reading: false }
    }

    /// Changes nothing in the org, so that it may be sent again.
    pub fn reading(mut self) -> RawOperation {
        self.reading = true;
        self
    }
}

impl Operation for RawOperation {
    /// The `result` elements.
    type Reply = Vec<Element>;

    fn what(&self) -> String {
        format!("the SOAP call {}", self.name)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for element in &self.inside {
            xml.element(element);
        }
    }

    fn read(&self, answer: Element) -> Result<Vec<Element>, Error> {
        Ok(answer.children.into_iter().filter(|child| child.name == "result").collect())
    }

    fn is_idempotent(&self) -> bool {
        self.reading
    }
}

/// The only `result` of an answer.
pub(crate) fn result(what: &str, answer: Element) -> Result<Element, Error> {
    answer
        .children
        .into_iter()
        .find(|child| child.name == "result")
        .ok_or_else(|| Error::unexpected(what, format!("`{}` has no result", answer.name)))
}

/// A member that has to be there.
pub(crate) fn required(what: &str, element: &Element, name: &str) -> Result<String, Error> {
    element
        .value(name)
        .map(str::to_owned)
        .ok_or_else(|| Error::unexpected(what, format!("`{}` has no {name}", element.name)))
}

/// A time, which XML writes as RFC 3339.
pub(crate) fn time(what: &str, element: &Element, name: &str) -> Result<jiff::Timestamp, Error> {
    required(what, element, name)?.parse().map_err(|source: jiff::Error| Error::decode(what, source))
}
