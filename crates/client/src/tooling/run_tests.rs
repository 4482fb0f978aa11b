//! Running Apex tests, waiting for them or not.

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::{
    call::{Call, decode_json, with_json},
    error::Error,
    metadata::RunTestResult,
    version::ApiVersion,
};

/// A test class, and which of its methods run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestClass {
    /// The class's name.
    pub class_name: String,
    /// The methods; all without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_methods: Vec<String>,
}

#[derive(Serialize)]
struct Tests<'a> {
    tests: &'a [TestClass],
}

/// `POST /tooling/runTestsSynchronous`: runs the tests of one class and waits for them.
#[derive(Clone, Debug)]
pub struct RunTestsSync {
    /// The class.
    pub class: TestClass,
}

impl Call for RunTestsSync {
    type Reply = RunTestResult;

    fn what(&self) -> String {
        format!("running the tests of {}", self.class.class_name)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/tooling/runTestsSynchronous", api.base_path());
        with_json(Method::POST, path, &Tests { tests: std::slice::from_ref(&self.class) })
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<RunTestResult, Error> {
        decode_json(&self.what(), response.body())
    }

    /// Tests leave nothing behind.
    fn is_idempotent(&self, _: &Method) -> bool {
        true
    }
}

/// `POST /tooling/runTestsAsynchronous`: puts tests into the queue. The answer is the id of the run; the outcomes are rows
/// of `ApexTestResult` with that `AsyncApexJobId`.
#[derive(Clone, Debug)]
pub struct RunTestsAsync {
    /// The classes.
    pub classes: Vec<TestClass>,
}

impl Call for RunTestsAsync {
    type Reply = String;

    fn what(&self) -> String {
        "queueing tests".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/tooling/runTestsAsynchronous", api.base_path());
        with_json(Method::POST, path, &Tests { tests: &self.classes })
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<String, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_documented() {
        let class = TestClass { class_name: "FooTest".into(), test_methods: vec!["works".into()] };
        let request = RunTestsSync { class: class.clone() }.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/data/v66.0/tooling/runTestsSynchronous");
        assert_eq!(request.body().as_ref(), br#"{"tests":[{"className":"FooTest","testMethods":["works"]}]}"#);
        let queue = RunTestsAsync { classes: vec![class] };
        let answer = http::Response::new(Bytes::from_static(b"\"707xx0000000001\""));
        assert_eq!(queue.reply(answer).unwrap(), "707xx0000000001");
    }
}
