//! Running Apex that is not stored anywhere, and what an editor wants to know.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, decode_json, escape, get},
    error::Error,
    metadata::lenient,
    query::QUERY_URL_BYTES_MAX,
    soap::{self, Endpoint, SoapHeaders, result},
    version::ApiVersion,
};

/// What running Apex came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnonymousResult {
    /// Whether it compiled.
    #[serde(deserialize_with = "lenient")]
    pub compiled: bool,
    /// Whether it ran to its end.
    #[serde(deserialize_with = "lenient")]
    pub success: bool,
    /// The line of the problem; -1 where there is none.
    #[serde(default, deserialize_with = "lenient")]
    pub line: i64,
    /// The column of the problem; -1 where there is none.
    #[serde(default, deserialize_with = "lenient")]
    pub column: i64,
    /// Why it did not compile.
    #[serde(default)]
    pub compile_problem: Option<String>,
    /// The exception that ended it.
    #[serde(default)]
    pub exception_message: Option<String>,
    /// Where it was thrown.
    #[serde(default)]
    pub exception_stack_trace: Option<String>,
}

/// `GET /tooling/executeAnonymous`: runs Apex. Although it is a `GET`, it is not sent again when the answer was lost, as
/// the code may have run.
#[derive(Clone, Debug)]
pub struct ExecuteAnonymous {
    /// The code.
    pub apex: String,
}

impl Call for ExecuteAnonymous {
    type Reply = AnonymousResult;

    fn what(&self) -> String {
        "running Apex".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/tooling/executeAnonymous/?anonymousBody={}", api.base_path(), escape(&self.apex));
        if path.len() > QUERY_URL_BYTES_MAX {
            return Err(Error::Config {
                message: format!(
                    "the code needs a URL of {} bytes, and one may have {QUERY_URL_BYTES_MAX}",
                    path.len()
                ),
                hint: Some("run it by SOAP, which takes more: ExecuteAnonymousLogged".into()),
            });
        }
        get(path)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<AnonymousResult, Error> {
        decode_json(&self.what(), response.body())
    }

    fn is_idempotent(&self, _: &http::Method) -> bool {
        false
    }
}

/// `executeAnonymous` of the Apex SOAP API: runs Apex, of any length, and brings the debug log.
#[derive(Clone, Debug)]
pub struct ExecuteAnonymousLogged {
    /// The code.
    pub apex: String,
    /// Categories and levels of the log, such as `Apex_code` and `Debug`; the org allows 1,000 such calls a day.
    pub categories: Vec<(String, String)>,
}

/// What running Apex came to, with its log.
#[derive(Clone, Debug)]
pub struct LoggedResult {
    /// What it came to.
    pub result: AnonymousResult,
    /// The debug log.
    pub log: String,
}

impl Call for ExecuteAnonymousLogged {
    type Reply = LoggedResult;

    fn what(&self) -> String {
        "running Apex by SOAP".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let headers = SoapHeaders { debugging: self.categories.clone(), ..SoapHeaders::default() };
        soap::request(Endpoint::Apex, api, &headers, "executeAnonymous", |xml| xml.leaf("String", &self.apex))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<LoggedResult, Error> {
        let what = self.what();
        let (answer, headers) = soap::open(&what, response.body())?;
        let log = headers.as_ref().and_then(|headers| headers.child("DebuggingInfo")?.value("debugLog"));
        let log = log.unwrap_or_default().to_owned();
        let result =
            serde_json::from_value(result(&what, answer)?.to_json()).map_err(|source| Error::decode(&what, source))?;
        Ok(LoggedResult { result, log })
    }

    fn is_idempotent(&self, _: &http::Method) -> bool {
        false
    }
}

/// `GET /tooling/completions`: the names that an editor offers, for `apex` or `visualforce`. Large.
#[derive(Clone, Debug)]
pub struct Completions {
    /// `apex` or `visualforce`.
    pub kind: String,
}

impl Call for Completions {
    type Reply = serde_json::Value;

    fn what(&self) -> String {
        format!("reading the completions for {}", self.kind)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(format!("{}/tooling/completions?type={}", api.base_path(), escape(&self.kind)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<serde_json::Value, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_goes_into_the_url_or_the_envelope() {
        let call = ExecuteAnonymous { apex: "System.debug('a & b');".into() };
        let request = call.request(ApiVersion::new(66)).unwrap();
        assert_eq!(
            request.uri(),
            "/services/data/v66.0/tooling/executeAnonymous/?anonymousBody=System.debug%28%27a%20%26%20b%27%29%3B"
        );
        assert!(!call.is_idempotent(request.method()), "it may have run");
        assert!(ExecuteAnonymous { apex: "x".repeat(20_000) }.request(ApiVersion::NEWEST).is_err());
        let soap =
            ExecuteAnonymousLogged { apex: "a < b;".into(), categories: vec![("Apex_code".into(), "Debug".into())] };
        let request = soap.request(ApiVersion::new(66)).unwrap();
        assert_eq!(request.uri(), "/services/Soap/s/66.0");
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(body.contains("<executeAnonymous><String>a &lt; b;</String></executeAnonymous>"), "{body}");
        let answer = "<e:Envelope xmlns:e=\"x\" xmlns:xsi=\"i\"><e:Header><DebuggingInfo><debugLog>66.0 APEX_CODE,DEBUG</debugLog></DebuggingInfo></e:Header><e:Body>\
            <executeAnonymousResponse><result><column>4</column><compileProblem>Unexpected token</compileProblem><compiled>false</compiled>\
            <exceptionMessage xsi:nil=\"true\"/><exceptionStackTrace xsi:nil=\"true\"/><line>1</line><success>false</success></result></executeAnonymousResponse></e:Body></e:Envelope>";
        let reply = soap.reply(http::Response::new(Bytes::from_static(answer.as_bytes()))).unwrap();
        assert_eq!((reply.result.line, reply.result.column, reply.result.compiled), (1, 4, false));
        assert!(reply.log.starts_with("66.0"));
        let json = r#"{"line":-1,"column":-1,"compiled":true,"success":true,"compileProblem":null,"exceptionStackTrace":null,"exceptionMessage":null}"#;
        let reply = call.reply(http::Response::new(Bytes::from_static(json.as_bytes()))).unwrap();
        assert!(reply.success && reply.line == -1);
    }
}
