//! The envelope around every SOAP call: written with a gap where the session goes, opened into the answer's element,
//! and faults told as the refusals that they are.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use quick_xml::{Reader, events::Event};

use super::{
    headers::SoapHeaders,
    xml::{Element, Xml, read},
};
use crate::{
    call::TokenPlace,
    error::{ApiError, Error},
    limits::ApiUsage,
    version::ApiVersion,
};

/// The most bytes that an envelope may have: 50 MB (SOAP API Developer Guide).
pub const SOAP_BYTES_MAX: usize = 52_428_800;

/// Which of the SOAP APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Records of any object.
    Partner,
    /// Descriptions of the org itself.
    Metadata,
    /// Compiling and running Apex.
    Apex,
}

impl Endpoint {
    fn path(self, api: ApiVersion) -> String {
        let letter = match self {
            Endpoint::Partner => 'u',
            Endpoint::Metadata => 'm',
            Endpoint::Apex => 's',
        };
        format!("/services/Soap/{letter}/{api}")
    }

    fn namespace(self) -> &'static str {
        match self {
            Endpoint::Partner => "urn:partner.soap.sforce.com",
            Endpoint::Metadata => "http://soap.sforce.com/2006/04/metadata",
            Endpoint::Apex => "http://soap.sforce.com/2006/08/apex",
        }
    }
}

/// The request of one operation. `inside` writes what stands in the operation's element.
pub(crate) fn request(
    endpoint: Endpoint,
    api: ApiVersion,
    headers: &SoapHeaders,
    operation: &str,
    inside: impl FnOnce(&mut Xml),
) -> Result<Request<Bytes>, Error> {
    let mut xml = Xml::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    xml.raw("<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"");
    xml.raw(" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
    if endpoint == Endpoint::Partner {
        xml.raw(" xmlns:s=\"urn:sobject.partner.soap.sforce.com\"");
    }
    xml.raw(" xmlns=\"");
    xml.raw(endpoint.namespace());
    xml.raw("\"><soapenv:Header><SessionHeader><sessionId>");
    let gap = TokenPlace::Body(xml.len());
    xml.raw("</sessionId></SessionHeader>");
    headers.write(&mut xml);
    xml.raw("</soapenv:Header><soapenv:Body>");
    xml.node(operation, inside);
    xml.raw("</soapenv:Body></soapenv:Envelope>");
    let body = xml.finish()?;
    if body.len() > SOAP_BYTES_MAX {
        return Err(Error::Config {
            message: format!("a SOAP message of {} bytes is more than one may have ({SOAP_BYTES_MAX})", body.len()),
            hint: Some("send fewer records, or less in each, at a time".into()),
        });
    }
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.path(api))
        .header(header::CONTENT_TYPE, "text/xml; charset=UTF-8")
        .header(header::ACCEPT, "text/xml")
        .body(Bytes::from(body))
        .map_err(|source| Error::config(format!("the request cannot be written: {source}")))?;
    // It has to be there; what it says decides nothing.
    request.headers_mut().insert("soapaction", HeaderValue::from_static("\"\""));
    request.extensions_mut().insert(gap);
    Ok(request)
}

/// The answer's element, such as `queryResponse`, with the headers that came beside it.
pub(crate) fn open(what: &str, body: &[u8]) -> Result<(Element, Option<Element>), Error> {
    let envelope = read(what, body)?;
    if envelope.name != "Envelope" {
        return Err(Error::unexpected(what, format!("`{}` is no SOAP envelope", envelope.name)));
    }
    let (mut answer, mut headers) = (None, None);
    for part in envelope.children {
        match part.name.as_str() {
            "Header" => headers = Some(part),
            "Body" => answer = part.children.into_iter().next(),
            _ => {}
        }
    }
    match answer {
        Some(fault) if fault.name == "Fault" => {
            Err(Error::Api { what: what.into(), status: 500, errors: vec![fault_error(&fault)], retry_after: None })
        }
        Some(answer) => Ok((answer, headers)),
        None => Err(Error::unexpected(what, "the envelope is empty")),
    }
}

/// The reason in a refusal's body, where that is a SOAP fault.
pub(crate) fn fault(body: &[u8]) -> Option<ApiError> {
    let head = body.get(..body.len().min(512))?;
    // A page of HTML from a proxy is no fault, and is not worth the reading.
    if !head.windows(8).any(|w| w == b"Envelope") {
        return None;
    }
    let envelope = read("reading a fault", body).ok().filter(|root| root.name == "Envelope")?;
    envelope.child("Body")?.child("Fault").map(fault_error)
}

/// The code is the local part of `faultcode`, or the detail's `exceptionCode`; the message the detail's, or `faultstring`
/// without the code that it begins with. Metadata faults have no detail (SOAP API Developer Guide, faults).
fn fault_error(fault: &Element) -> ApiError {
    let detail = fault.child("detail").and_then(|detail| detail.children.first());
    let of_detail = |name: &str| detail.and_then(|detail| detail.value(name)).map(str::trim).filter(|v| !v.is_empty());
    let faultcode = fault.value("faultcode").unwrap_or_default().trim();
    let faultcode = faultcode.rsplit_once(':').map_or(faultcode, |(_, local)| local);
    let code = of_detail("exceptionCode").unwrap_or(faultcode).to_owned();
    let faultstring = fault.value("faultstring").unwrap_or_default().trim();
    let words = faultstring.strip_prefix(code.as_str()).map_or(faultstring, |rest| rest.trim_start_matches([':', ' ']));
    let mut message = of_detail("exceptionMessage").unwrap_or(words).to_owned();
    let extended = detail.and_then(|detail| detail.child("extendedErrorDetails"));
    if let Some(extended) = extended.and_then(|extended| extended.value("extendedErrorCode"))
        && !extended.is_empty()
    {
        message = format!("{message} ({extended})");
    }
    ApiError { code, message, fields: detail.map(|detail| detail.values("fields")).unwrap_or_default() }
}

/// The API usage that the answer's `LimitInfoHeader` tells. Reads no further than the header.
pub(crate) fn usage(body: &[u8]) -> Option<ApiUsage> {
    // The header comes first and is small.
    let head = &body[..body.len().min(8 << 10)];
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(cut) => std::str::from_utf8(&head[..cut.valid_up_to()]).ok()?,
    };
    let mut reader = Reader::from_str(head);
    let (mut name, mut current, mut allowed, mut kind) = (String::new(), None, None, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                name.clear();
                name.push_str(start.local_name().into_inner());
                if name == "Body" {
                    return None;
                }
            }
            Event::Text(text) => match name.as_str() {
                "current" => current = text.trim().parse().ok(),
                "limit" => allowed = text.trim().parse().ok(),
                "type" => kind = text.trim().to_owned(),
                _ => {}
            },
            Event::End(end) => {
                name.clear();
                if end.local_name().into_inner() == "limitInfo" && kind == "API REQUESTS" {
                    return Some(ApiUsage { used: current?, allowed: allowed? });
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAULT: &str = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader</faultstring><detail><sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault"><sf:exceptionCode>INVALID_SESSION_ID</sf:exceptionCode><sf:exceptionMessage>Invalid Session ID found in SessionHeader</sf:exceptionMessage></sf:UnexpectedErrorFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#;

    #[test]
    fn the_session_has_its_gap() {
        let call =
            request(Endpoint::Partner, ApiVersion::new(66), &SoapHeaders::default(), "query", |xml| xml.leaf("q", "<"));
        let call = call.unwrap();
        assert_eq!(call.uri(), "/services/Soap/u/66.0");
        assert_eq!(call.headers()["soapaction"], "\"\"");
        assert_eq!(call.headers()[header::CONTENT_TYPE], "text/xml; charset=UTF-8");
        let Some(TokenPlace::Body(gap)) = call.extensions().get().cloned() else { panic!() };
        let body = std::str::from_utf8(call.body()).unwrap();
        assert!(body[..gap].ends_with("<SessionHeader><sessionId>"), "{body}");
        assert!(body[gap..].starts_with("</sessionId></SessionHeader>"), "{body}");
        assert!(body.ends_with("<soapenv:Body><query><q>&lt;</q></query></soapenv:Body></soapenv:Envelope>"));
        assert!(read("x", body.as_bytes()).is_ok());
    }

    #[test]
    fn faults_of_both_kinds() {
        let error = fault(FAULT.as_bytes()).unwrap();
        assert_eq!(error.code, "INVALID_SESSION_ID");
        assert_eq!(error.message, "Invalid Session ID found in SessionHeader");
        let metadata = "<e:Envelope xmlns:e=\"x\"><e:Body><e:Fault><faultcode>sf:INSUFFICIENT_ACCESS</faultcode><faultstring>INSUFFICIENT_ACCESS: use of the Metadata API requires more</faultstring></e:Fault></e:Body></e:Envelope>";
        let error = fault(metadata.as_bytes()).unwrap();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("INSUFFICIENT_ACCESS", "use of the Metadata API requires more")
        );
        for none in ["", "<html>Envelope</html>", "{}", "<Envelope/>", "<Envelope><Body/></Envelope>"] {
            assert!(fault(none.as_bytes()).is_none(), "{none}");
        }
    }

    #[test]
    fn usage_is_in_the_header() {
        let with = |header: &str| {
            format!(
                "<e:Envelope xmlns:e=\"x\"><e:Header>{header}</e:Header><e:Body><current>9</current></e:Body></e:Envelope>"
            )
        };
        let told = with(
            "<LimitInfoHeader><limitInfo><current>42</current><limit>15000</limit><type>API REQUESTS</type></limitInfo></LimitInfoHeader>",
        );
        assert_eq!(usage(told.as_bytes()), Some(ApiUsage { used: 42, allowed: 15000 }));
        assert_eq!(usage(with("").as_bytes()), None);
    }

    proptest! {
        #[test]
        fn mutated_answers_never_panic(at in 0usize..FAULT.len(), byte in any::<u8>(), cut in 0usize..FAULT.len()) {
            let mut bytes = FAULT.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = fault(&bytes);
            let _ = usage(&bytes);
            let _ = open("x", &bytes);
            let _ = open("x", &bytes[..cut]);
            let _ = usage(&bytes[..cut]);
        }
    }
}
