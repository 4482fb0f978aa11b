//! Faults: what a call that failed as a whole is answered with.

use super::envelope::Dialect;
use crate::ApiError;
use crate::oauth::LoginFault;
use crate::xml::{SOAP, Writer, XSI};

/// The types of `detail`, besides the one for everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unexpected,
    Login,
    MalformedQuery,
    MalformedSearch,
    InvalidField,
    InvalidSObject,
    InvalidQueryLocator,
    InvalidId,
    InvalidNewPassword,
    InvalidOldPassword,
}

impl Kind {
    /// Every type of `detail` that has row and column.
    pub(super) const OF_QUERIES: [Kind; 4] =
        [Kind::MalformedQuery, Kind::MalformedSearch, Kind::InvalidField, Kind::InvalidSObject];
    /// Every other.
    pub(super) const OTHERS: [Kind; 6] = [
        Kind::Unexpected,
        Kind::Login,
        Kind::InvalidQueryLocator,
        Kind::InvalidId,
        Kind::InvalidNewPassword,
        Kind::InvalidOldPassword,
    ];

    /// Its name in the WSDL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Unexpected => "UnexpectedErrorFault",
            Kind::Login => "LoginFault",
            Kind::MalformedQuery => "MalformedQueryFault",
            Kind::MalformedSearch => "MalformedSearchFault",
            Kind::InvalidField => "InvalidFieldFault",
            Kind::InvalidSObject => "InvalidSObjectFault",
            Kind::InvalidQueryLocator => "InvalidQueryLocatorFault",
            Kind::InvalidId => "InvalidIdFault",
            Kind::InvalidNewPassword => "InvalidNewPasswordFault",
            Kind::InvalidOldPassword => "InvalidOldPasswordFault",
        }
    }

    /// The type that Salesforce gives an exception of this code.
    fn of(code: &str) -> Self {
        match code {
            "MALFORMED_QUERY" => Kind::MalformedQuery,
            "MALFORMED_SEARCH" => Kind::MalformedSearch,
            "INVALID_FIELD" => Kind::InvalidField,
            "INVALID_TYPE" => Kind::InvalidSObject,
            "INVALID_QUERY_LOCATOR" => Kind::InvalidQueryLocator,
            _ => Kind::Unexpected,
        }
    }

    fn has_place(self) -> bool {
        Kind::OF_QUERIES.contains(&self)
    }
}

/// A fault, before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// `None` for a fault of SOAP itself, which has no detail.
    kind: Option<Kind>,
    code: String,
    message: String,
    /// Row and column of a query, from 1; -1 where they are not known.
    place: (i32, i32),
    extended: Option<&'static str>,
}

impl Fault {
    /// A fault with this type of detail.
    pub(super) fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind: Some(kind), place: place(&message), code: format!("sf:{code}"), message, extended: None }
    }

    /// A fault without a type of its own.
    pub(super) fn unexpected(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, code, message)
    }

    /// The request cannot be understood.
    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::of_soap("Client", message.into())
    }

    /// The envelope is of another version of SOAP.
    pub(super) fn version_mismatch(namespace: &str) -> Self {
        Self::of_soap("VersionMismatch", format!("Only SOAP 1.1 is spoken here; the envelope is of '{namespace}'"))
    }

    /// A header that must be understood is not.
    pub(super) fn must_understand(header: &str) -> Self {
        Self::of_soap("MustUnderstand", format!("Didn't understand header {header}"))
    }

    fn of_soap(code: &str, message: String) -> Self {
        Self { kind: None, code: format!("soapenv:{code}"), message, place: (-1, -1), extended: None }
    }

    /// The token of the request is missing, unknown or ended.
    pub(super) fn session(token: Option<&str>) -> Self {
        let reason = match token {
            None => "missing session key".to_owned(),
            Some(_) => "Session not found, missing session key: [redacted]".to_owned(),
        };
        let message = format!(
            "Invalid Session ID found in SessionHeader: Illegal Session. {reason}\n\
             This error usually occurs after a session expires or a user logs out. "
        );
        Self::unexpected("INVALID_SESSION_ID", message)
    }

    /// What this emulator has not built.
    pub(super) fn not_built(what: &str) -> Self {
        Self::unexpected("FUNCTIONALITY_NOT_ENABLED", format!("This emulator has not built {what}."))
    }

    /// An object that the org does not have.
    pub(super) fn no_such_object(name: &str) -> Self {
        let message = format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append \
             the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
        );
        Self::new(Kind::InvalidSObject, "INVALID_TYPE", message)
    }

    /// A field that the object does not have.
    pub(super) fn no_such_field(object: &str, name: &str) -> Self {
        let message = format!(
            "No such column '{name}' on entity '{object}'. If you are attempting to use a custom field, be sure to \
             append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
             appropriate names."
        );
        Self::new(Kind::InvalidField, "INVALID_FIELD", message)
    }

    /// More than a call takes.
    pub(super) fn too_many(most: usize) -> Self {
        let message = format!("record limit reached. cannot submit more than {most} records into this call");
        Self::unexpected("EXCEEDED_ID_LIMIT", message)
    }

    /// The same with an `extendedErrorCode`.
    pub(super) fn extended(mut self, code: &'static str) -> Self {
        self.extended = Some(code);
        self
    }

    /// `faultcode`.
    #[cfg(test)]
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// The envelope.
    pub(super) fn write(&self, dialect: Dialect) -> String {
        let mut xml = Writer::new();
        let sf = dialect.fault_namespace();
        xml.open_with("soapenv:Envelope", &[("xmlns:soapenv", SOAP), ("xmlns:sf", &sf), ("xmlns:xsi", XSI)]);
        xml.open("soapenv:Body").open("soapenv:Fault").leaf("faultcode", &self.code);
        let Some(kind) = self.kind else {
            xml.leaf("faultstring", &self.message);
            return xml.finish();
        };
        let code = self.code.trim_start_matches("sf:");
        let element = format!("sf:{}", kind.name());
        xml.leaf("faultstring", &format!("{code}: {}", self.message));
        xml.open("detail").open_with(&element, &[("xsi:type", &element)]);
        xml.leaf("sf:exceptionCode", code).leaf("sf:exceptionMessage", &self.message);
        if let Some(extended) = self.extended {
            // The type of the details is one of the API's own, and so are its members.
            let namespace = dialect.namespace();
            xml.open("sf:extendedErrorDetails");
            xml.leaf_with("extendedErrorCode", &[("xmlns", &namespace)], extended).close();
        }
        if kind.has_place() {
            xml.number("sf:row", self.place.0).number("sf:column", self.place.1);
        }
        xml.finish()
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let code = match (error.code, error.status) {
            ("JSON_PARSER_ERROR", _) => "INVALID_FIELD",
            ("NOT_FOUND", _) => "INVALID_CROSS_REFERENCE_KEY",
            (_, 501) => "FUNCTIONALITY_NOT_ENABLED",
            (code, _) => code,
        };
        Self::new(Kind::of(code), code, error.message)
    }
}

impl From<LoginFault> for Fault {
    fn from(fault: LoginFault) -> Self {
        let kind = if fault.code == "UNSUPPORTED_API_VERSION" { Kind::Unexpected } else { Kind::Login };
        Self::new(kind, fault.code, fault.message)
    }
}

/// `ERROR at Row:1:Column:21` in a message, as the query engine words it.
fn place(message: &str) -> (i32, i32) {
    let read = || {
        let (_, rest) = message.split_once("ERROR at Row:")?;
        let (row, rest) = rest.split_once(":Column:")?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some((row.parse().ok()?, rest.get(..end)?.parse().ok()?))
    };
    read().unwrap_or((-1, -1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn a_fault_has_its_code_its_text_and_its_detail() {
        let error =
            ApiError::new("MALFORMED_QUERY", "\nSELECT Id FRM\nERROR at Row:1:Column:11\nunexpected token: 'FRM'");
        let text = Fault::from(error).write(Dialect::Partner);
        let envelope = parse(text.as_bytes()).unwrap();
        let fault = envelope.child("Body").unwrap().child("Fault").unwrap();
        assert_eq!(fault.text_of("faultcode"), Some("sf:MALFORMED_QUERY"));
        assert!(fault.text_of("faultstring").unwrap().starts_with("MALFORMED_QUERY: \nSELECT Id FRM"));
        let detail = fault.child("detail").unwrap().child("MalformedQueryFault").unwrap();
        assert_eq!(&*detail.namespace, "urn:fault.partner.soap.sforce.com");
        assert_eq!(detail.xsi_type(), Some("MalformedQueryFault"));
        let names: Vec<_> = detail.children.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["exceptionCode", "exceptionMessage", "row", "column"]);
        assert_eq!((detail.text_of("row"), detail.text_of("column")), (Some("1"), Some("11")));
        // Some clients look for these very characters.
        assert!(text.contains("<sf:exceptionCode>MALFORMED_QUERY</sf:exceptionCode>"));
        assert!(text.contains("<faultcode>sf:MALFORMED_QUERY</faultcode>"));
    }

    #[test]
    fn a_fault_of_soap_has_no_detail() {
        let text = Fault::client("what").write(Dialect::Enterprise);
        let envelope = parse(text.as_bytes()).unwrap();
        let fault = envelope.child("Body").unwrap().child("Fault").unwrap();
        assert_eq!(fault.text_of("faultcode"), Some("soapenv:Client"));
        assert!(fault.child("detail").is_none());
    }

    #[test]
    fn an_extended_code_stands_before_the_place() {
        let fault = Fault::new(Kind::InvalidQueryLocator, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let text = fault.extended("QUERY_LOCATOR_NOT_FOUND").write(Dialect::Partner);
        assert!(text.contains(
            "<sf:extendedErrorDetails><extendedErrorCode xmlns=\"urn:partner.soap.sforce.com\">QUERY_LOCATOR_NOT_FOUND</"
        ));
        assert!(!text.contains("sf:row"));
    }
}
