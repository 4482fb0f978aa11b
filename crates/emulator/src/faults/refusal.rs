//! Salesforce's own refusals by name, each in the shape of the door it is asked for at.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// A refusal with the code and the words of Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 503 `SERVER_UNAVAILABLE`.
    ServerUnavailable,
    /// 503 with a page of HTML, as an edge proxy answers.
    ServerUnavailablePage,
    /// 500 `UNKNOWN_EXCEPTION`.
    UnknownException,
    /// 403: too many requests of 20 seconds and more.
    ConcurrentLimit,
    /// 403: too many long transactions (`ConcurrentPerOrgLongTxn`). Only by plan: it counts Apex that runs for five
    /// seconds and more, and none runs here.
    ConcurrentTransactions,
    /// 403: the day's requests are spent.
    DailyLimit,
    /// 400 `QUERY_TIMEOUT`.
    QueryTimeout,
    /// 400 `INVALID_QUERY_LOCATOR`.
    InvalidQueryLocator,
    /// 400 `UNABLE_TO_LOCK_ROW`, for the request as a whole.
    RowLock,
    /// 503: no writes during maintenance.
    ReadOnlyMaintenance,
    /// 401 `INVALID_SESSION_ID`.
    InvalidSession,
    /// 400 `REQUEST_RUNNING_TOO_LONG` (the status is unconfirmed).
    RunningTooLong,
}

/// An answer, ready but for its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Refusal {
    /// Status, code and message (limits.md and rest.md of Salesforce's documentation have the words).
    fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::ServerUnavailable | Self::ServerUnavailablePage => {
                (503, "SERVER_UNAVAILABLE", "Server is too busy. Please try your request again later.")
            }
            Self::UnknownException => (
                500,
                "UNKNOWN_EXCEPTION",
                "An unexpected error occurred. Please include this ErrorId if you contact support: 0",
            ),
            Self::ConcurrentLimit => {
                (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
            }
            Self::ConcurrentTransactions => (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
            Self::DailyLimit => (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            Self::QueryTimeout => (400, "QUERY_TIMEOUT", "Your query request was running for too long."),
            Self::InvalidQueryLocator => (400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
            Self::RowLock => {
                (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records")
            }
            Self::ReadOnlyMaintenance => (
                503,
                "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
                "Inserts, updates and deletes are not allowed during maintenance.",
            ),
            Self::RunningTooLong => {
                (400, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped.")
            }
            Self::InvalidSession => (401, "INVALID_SESSION_ID", "Session expired or invalid"),
        }
    }

    /// The answer at this path.
    pub(crate) fn at(self, path: &str) -> Refused {
        let (status, code, message) = self.words();
        let bulk_code = match code {
            // Bulk API 1.0 has names of its own.
            "INVALID_SESSION_ID" => "InvalidSessionId",
            "REQUEST_LIMIT_EXCEEDED" => "ExceededQuota",
            code => code,
        };
        if self == Self::ServerUnavailablePage {
            let body = format!("<html><head><title>Error 503</title></head><body><h1>{message}</h1></body></html>");
            return Refused { status, content_type: "text/html; charset=UTF-8", body };
        }
        if path.starts_with("/services/Soap/") {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
                 xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                 xmlns:sf=\"urn:fault.partner.soap.sforce.com\"><soapenv:Body><soapenv:Fault>\
                 <faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>\
                 <sf:UnexpectedErrorFault><sf:exceptionCode>{code}</sf:exceptionCode>\
                 <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail>\
                 </soapenv:Fault></soapenv:Body></soapenv:Envelope>"
            );
            return Refused { status: 500, content_type: "text/xml; charset=UTF-8", body };
        }
        if path.starts_with("/services/async/") {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error \
                 xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><exceptionCode>{bulk_code}</exceptionCode>\
                 <exceptionMessage>{message}</exceptionMessage></error>"
            );
            return Refused { status, content_type: "application/xml", body };
        }
        let body = json!([{ "message": message, "errorCode": code }]).to_string();
        Refused { status, content_type: "application/json;charset=UTF-8", body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_has_its_shape() {
        let rest = Refusal::ConcurrentLimit.at("/services/data/v62.0/query");
        assert_eq!(rest.status, 403);
        assert_eq!(
            rest.body,
            r#"[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#
        );
        let soap = Refusal::InvalidSession.at("/services/Soap/u/62.0");
        assert_eq!((soap.status, soap.content_type), (500, "text/xml; charset=UTF-8"));
        assert!(soap.body.contains("<faultcode>sf:INVALID_SESSION_ID</faultcode>"));
        let bulk = Refusal::InvalidSession.at("/services/async/62.0/job");
        assert_eq!(bulk.status, 401);
        assert!(bulk.body.contains("<exceptionCode>InvalidSessionId</exceptionCode>"));
        assert!(Refusal::ServerUnavailablePage.at("/x").body.starts_with("<html>"));
    }
}
