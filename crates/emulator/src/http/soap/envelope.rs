//! A request, read: which call, with which headers, in which of the API's two dialects.

use super::fault::Fault;
use crate::http::ApiVersion;
use crate::xml::{self, Element};

/// Longest `login` request. Documented: 10 KB.
const LOGIN_BYTES_MAX: usize = 10 * 1024;

/// The API's two dialects: records by name (partner), and records by the org's own types (enterprise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Partner,
    Enterprise,
}

impl Dialect {
    /// The letter in the path.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Dialect::Partner => "u",
            Dialect::Enterprise => "c",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Dialect::Partner => "partner",
            Dialect::Enterprise => "enterprise",
        }
    }

    /// The namespace of calls.
    pub(super) fn namespace(self) -> String {
        format!("urn:{}.soap.sforce.com", self.name())
    }

    /// The namespace of records.
    pub(super) fn record_namespace(self) -> String {
        format!("urn:sobject.{}.soap.sforce.com", self.name())
    }

    /// The namespace of faults.
    pub(super) fn fault_namespace(self) -> String {
        format!("urn:fault.{}.soap.sforce.com", self.name())
    }
}

/// What the headers say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) session_id: Option<String>,
    /// `CallOptions.client`.
    pub(super) client: Option<String>,
    /// `QueryOptions.batchSize`, as it was written.
    pub(super) batch_size: Option<String>,
    pub(super) all_or_none: bool,
    pub(super) truncate: bool,
    pub(super) assignment_rule_id: Option<String>,
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Headers").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A call, as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) headers: Headers,
    /// The first element of the body.
    pub(super) call: Element,
}

/// The API version of a path's segment: `64.0`, or `64`.
///
/// # Errors
/// A fault for a version that is retired or never was.
pub(super) fn version(segment: &str) -> Result<ApiVersion, Fault> {
    let number = segment.strip_suffix(".0").unwrap_or(segment);
    let known = number.parse().ok().map(ApiVersion).filter(|v| (ApiVersion::OLDEST..=ApiVersion::LATEST).contains(v));
    known.ok_or_else(|| Fault::unexpected("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"))
}

/// Reads an envelope. Prefixes, `SOAPAction` and the namespace of the call have no say: clients vary in all three.
///
/// # Errors
/// A fault of the client: no XML, no envelope, no call, a header that must be understood and is not.
pub(super) fn read(document: &[u8]) -> Result<Request, Fault> {
    let envelope = xml::parse(document).map_err(|e| Fault::client(e.to_string()))?;
    if envelope.name != "Envelope" {
        return Err(Fault::client(format!("{} is not a valid SOAP envelope", envelope.name)));
    }
    if *envelope.namespace != *xml::SOAP {
        return Err(Fault::version_mismatch(&envelope.namespace));
    }
    let headers = envelope.child("Header").map_or_else(|| Ok(Headers::default()), headers)?;
    let body = envelope.child("Body").ok_or_else(|| Fault::client("The envelope has no body"))?;
    let call = body.children.first().ok_or_else(|| Fault::client("The body of the envelope has no call"))?;
    if call.name == "login" && document.len() > LOGIN_BYTES_MAX {
        let message = format!("login requests are limited to {LOGIN_BYTES_MAX} bytes");
        return Err(Fault::unexpected("EXCEEDED_MAX_SIZE_REQUEST", message));
    }
    Ok(Request { headers, call: call.clone() })
}

fn headers(header: &Element) -> Result<Headers, Fault> {
    let mut found = Headers::default();
    let truth = |element: &Element, name: &str| matches!(element.text_of(name), Some("true" | "1"));
    let text = |element: &Element, name: &str| element.text_of(name).filter(|text| !text.is_empty()).map(str::to_owned);
    for element in &header.children {
        match element.name.as_str() {
            "SessionHeader" => found.session_id = text(element, "sessionId"),
            "CallOptions" => found.client = text(element, "client"),
            "QueryOptions" => found.batch_size = text(element, "batchSize"),
            "AllOrNoneHeader" => found.all_or_none = truth(element, "allOrNone"),
            "AllowFieldTruncationHeader" => found.truncate = truth(element, "allowFieldTruncation"),
            "AssignmentRuleHeader" => found.assignment_rule_id = text(element, "assignmentRuleId"),
            name => {
                let must = matches!(element.attribute(xml::SOAP, "mustUnderstand"), Some("1"));
                let known = super::contract::Contract::get().headers.iter().any(|h| h.name == name);
                if must && !known {
                    return Err(Fault::must_understand(name));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &str, body: &str) -> String {
        format!(
            "<e:Envelope xmlns:e=\"{}\" xmlns:p=\"urn:partner.soap.sforce.com\"><e:Header>{header}</e:Header>\
             <e:Body>{body}</e:Body></e:Envelope>",
            xml::SOAP
        )
    }

    #[test]
    fn headers_and_call_are_found_whatever_the_prefixes() {
        let text = envelope(
            "<p:SessionHeader><p:sessionId> 00D!x </p:sessionId></p:SessionHeader><CallOptions><client>c/1</client>\
             </CallOptions><p:AllOrNoneHeader><p:allOrNone>1</p:allOrNone></p:AllOrNoneHeader>\
             <p:QueryOptions><p:batchSize>300</p:batchSize></p:QueryOptions><Other/>",
            "<query xmlns=\"urn:whatever\"><queryString>SELECT</queryString></query>",
        );
        let request = read(text.as_bytes()).unwrap();
        assert_eq!(request.call.name, "query");
        assert_eq!(request.call.text_of("queryString"), Some("SELECT"));
        let headers = request.headers;
        assert_eq!(headers.session_id.as_deref(), Some("00D!x"));
        assert_eq!(headers.client.as_deref(), Some("c/1"));
        assert_eq!(headers.batch_size.as_deref(), Some("300"));
        assert!(headers.all_or_none && !headers.truncate);
        assert!(!format!("{headers:?}").contains("00D!x"));
    }

    #[test]
    fn what_is_no_envelope_is_a_fault_of_the_client() {
        let not_ours = "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><Body/></Envelope>";
        let must = envelope("<x:Tx xmlns:x=\"urn:x\" e:mustUnderstand=\"1\"/>", "<query/>");
        let bodiless = format!("<Envelope xmlns=\"{}\"/>", xml::SOAP);
        for (text, code) in [
            ("", "soapenv:Client"),
            ("{}", "soapenv:Client"),
            ("<Envelope>", "soapenv:Client"),
            ("<x/>", "soapenv:Client"),
            (not_ours, "soapenv:VersionMismatch"),
            (bodiless.as_str(), "soapenv:Client"),
            (envelope("", "").as_str(), "soapenv:Client"),
            (must.as_str(), "soapenv:MustUnderstand"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
        let long = envelope("", &format!("<login><username>{}</username></login>", "x".repeat(LOGIN_BYTES_MAX)));
        assert_eq!(read(long.as_bytes()).unwrap_err().code(), "sf:EXCEEDED_MAX_SIZE_REQUEST");
    }

    #[test]
    fn versions_come_with_and_without_a_fraction() {
        assert_eq!(version("64.0").unwrap(), ApiVersion(64));
        assert_eq!(version("64").unwrap(), ApiVersion(64));
        for unknown in ["", "30.0", "99.0", "x", "-1", "64.1", "99999999999"] {
            assert_eq!(version(unknown).unwrap_err().code(), "sf:UNSUPPORTED_API_VERSION", "{unknown}");
        }
    }
}
