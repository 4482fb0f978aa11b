//! The SOAP API: the partner and the enterprise dialect of one contract, and their WSDLs.
//!
//! An envelope is read by namespaces and local names, its call is looked up by name, answered with JSON by the
//! contract's names, and written in the contract's order. Everything that fails as a whole is a fault with HTTP 500.

mod answer;
mod call;
mod contract;
mod envelope;
mod fault;
mod files;
mod input;
mod pages;
mod reads;
mod records;
mod rows;
mod search;
mod session;
mod wsdl;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value as Json;

use super::session::{ExpireToken, LockRows};
use super::{AppState, Origin, Peer};
use call::Call;
use contract::Contract;
use envelope::{Dialect, Request};
use fault::Fault;
use rows::Rows;
use session::Entrance;

/// Longest request. Documented: 50 MB.
const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Calls that Salesforce has and this org does not.
const NOT_BUILT: &[(&str, &str)] = &[
    ("sendEmail", "sending e-mail"),
    ("sendEmailMessage", "sending e-mail"),
    ("renderEmailTemplate", "e-mail templates"),
    ("renderStoredEmailTemplate", "e-mail templates"),
    ("process", "approval processes"),
    ("findDuplicates", "duplicate rules"),
    ("findDuplicatesByIds", "duplicate rules"),
    ("deleteByExample", "deleting by example"),
    ("performQuickActions", "quick actions"),
    ("describeQuickActions", "quick actions"),
    ("describeAvailableQuickActions", "quick actions"),
    ("retrieveQuickActionTemplates", "quick actions"),
    ("retrieveMassQuickActionTemplates", "quick actions"),
    ("describeCompactLayouts", "compact layouts"),
    ("describePrimaryCompactLayouts", "compact layouts"),
    ("describeApprovalLayout", "approval layouts"),
    ("describeSearchLayouts", "search layouts"),
    ("describeSearchScopeOrder", "search layouts"),
    ("describeSearchableEntities", "search layouts"),
    ("describeSoftphoneLayout", "softphone layouts"),
    ("describeSoqlListViews", "list views"),
    ("executeListView", "list views"),
    ("describeAppMenu", "app menus"),
    ("describeTheme", "themes"),
    ("describeGlobalTheme", "themes"),
    ("describePathAssistants", "paths"),
    ("describeNouns", "renamed labels"),
    ("describeVisualForce", "Visualforce"),
    ("describeDataCategoryGroups", "data categories"),
    ("describeDataCategoryGroupStructures", "data categories"),
    ("describeDataCategoryMappings", "data categories"),
    ("describeKnowledgeSettings", "Knowledge"),
];

/// The routes, to be merged into the emulator's router. The Metadata API's entrance (`/services/Soap/m`) is its own.
pub(super) fn routes() -> Router<AppState> {
    let mut router = Router::new();
    for letter in ["u", "c", "T", "s"] {
        let base = format!("/services/Soap/{letter}/{{version}}");
        router = router.route(&base, post(answer)).route(&format!("{base}/{{*rest}}"), post(answer));
    }
    router
        .route("/services/wsdl/partner", get(wsdl::partner))
        .route("/services/wsdl/enterprise", get(wsdl::enterprise))
        .route("/soap/wsdl.jsp", get(wsdl::by_type))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn answer(
    State(state): State<AppState>,
    origin: Origin,
    Peer(address): Peer,
    (Path(path), uri): (Path<HashMap<String, String>>, http::Uri),
    (expire, lock): (Option<Extension<ExpireToken>>, Option<Extension<LockRows>>),
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let letter = uri.path().split('/').nth(3).unwrap_or_default().to_owned();
    let dialect = if letter == "c" { Dialect::Enterprise } else { Dialect::Partner };
    let version = path.get("version").cloned().unwrap_or_default();
    let (expire_token, rows_locked) = (expire.is_some(), lock.is_some());
    let door = Door { state, dialect, letter, version, origin: origin.0, address, expire_token, rows_locked };
    // A call may read or write thousands of records: off the threads that serve connections.
    let worked = tokio::task::spawn_blocking(move || door.answer(&headers, body)).await;
    let text = worked.unwrap_or_else(|_| {
        let message = "An unexpected error occurred. Please include this ErrorId if you contact support: 0";
        Err(Fault::unexpected("UNKNOWN_EXCEPTION", message))
    });
    match text {
        Ok(text) => xml_answer(StatusCode::OK, text),
        Err(fault) => xml_answer(StatusCode::INTERNAL_SERVER_ERROR, fault.write(dialect)),
    }
}

fn xml_answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

/// The entrance that a request came to.
struct Door {
    state: AppState,
    dialect: Dialect,
    /// The letter in the path.
    letter: String,
    version: String,
    origin: String,
    /// Where the client is.
    address: IpAddr,
    /// Planned faults.
    expire_token: bool,
    rows_locked: bool,
}

impl Door {
    fn answer(&self, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Fault> {
        let version = envelope::version(&self.version)?;
        let body = body.map_err(|rejection| unreadable(&rejection))?;
        check_content_type(headers)?;
        let Request { headers, call } = envelope::read(&body)?;
        let contract = Contract::get();
        let operation = contract.call(&call.name);
        if let Some(login) = operation.filter(|_| call.name == "login") {
            let origin = &self.origin;
            let at = Entrance { state: &self.state, dialect: self.dialect, version, origin, address: self.address };
            let result = session::login(&at, &call)?;
            return Ok(self.write(version.0, login, &result, HashMap::new(), None));
        }
        let token = headers.session_id.as_deref();
        if let Some(token) = token.filter(|_| self.expire_token) {
            let mut org = self.state.org.write();
            org.access.revoke(token);
            // Whoever is subscribed with it shall notice.
            org.events.wake();
        }
        let grant =
            token.and_then(|token| self.state.check_session_header(token).ok()).ok_or_else(|| Fault::session(token))?;
        let now = self.state.now();
        let (_, allowed) = self.state.count_call(&grant);
        allowed.map_err(|error| Fault::unexpected(error.code, error.message))?;
        let usage = {
            let org = self.state.org.read();
            (org.usage.requests(now), org.settings.daily_requests)
        };
        match self.letter.as_str() {
            "T" => return Err(Fault::not_built("the Tooling API's SOAP entrance; its REST resources are elsewhere")),
            "s" => return Err(Fault::not_built("the Apex API: no Apex runs here")),
            _ => {}
        }
        let Some(operation) = operation.filter(|operation| operation.is_in(version.0)) else {
            let unknown = || {
                let (namespace, name) = (&call.namespace, &call.name);
                Fault::client(format!("No operation available for request {{{namespace}}}{name}"))
            };
            return Err(not_built(&call.name).unwrap_or_else(unknown));
        };
        let call = Call {
            state: self.state.clone(),
            dialect: self.dialect,
            version,
            origin: self.origin.clone(),
            headers,
            grant,
            element: call,
            now,
            rows_locked: self.rows_locked,
        };
        let (result, columns) = dispatch(&call)?;
        Ok(self.write(version.0, operation, &result, columns, Some(usage)))
    }

    fn write(
        &self,
        version: u16,
        operation: &contract::Operation,
        result: &Json,
        columns: HashMap<String, String>,
        usage: Option<answer::Usage>,
    ) -> String {
        let schema = self.state.org.read().schema.clone();
        let rows = Rows { dialect: self.dialect, schema: &schema, columns };
        answer::envelope(self.dialect, version, operation, result, &rows, usage)
    }
}

/// Does a call. Grouped queries tell the types of their columns besides.
fn dispatch(call: &Call) -> Result<(Json, HashMap<String, String>), Fault> {
    let result = match call.element.name.as_str() {
        "query" => return reads::query(call, false),
        "queryAll" => return reads::query(call, true),
        "queryMore" => reads::query_more(call),
        "retrieve" => reads::retrieve(call),
        "search" => search::search(call),
        "getUpdated" => reads::updated(call),
        "getDeleted" => reads::deleted(call),
        "describeGlobal" => reads::describe_global(call),
        "describeSObject" => reads::describe_object(call),
        "describeSObjects" => reads::describe_objects(call),
        "describeLayout" => pages::layout(call),
        "describeTabs" => pages::tab_sets(call),
        "describeAllTabs" => pages::tabs(call),
        "create" => records::create(call),
        "update" => records::update(call),
        "upsert" => records::upsert(call),
        "delete" => records::delete(call),
        "undelete" => records::undelete(call),
        "emptyRecycleBin" => records::empty_recycle_bin(call),
        "merge" => records::merge(call),
        "convertLead" => records::convert_lead(call),
        "logout" => session::logout(call),
        "invalidateSessions" => session::invalidate_sessions(call),
        "getServerTimestamp" => session::server_timestamp(call),
        "getUserInfo" => session::get_user_info(call),
        "setPassword" => session::set_password(call),
        "changeOwnPassword" => session::change_own_password(call),
        "resetPassword" => session::reset_password(call),
        other => Err(not_built(other).unwrap_or_else(|| Fault::not_built(other))),
    };
    result.map(|result| (result, HashMap::new()))
}

fn not_built(call: &str) -> Option<Fault> {
    NOT_BUILT.iter().find(|(name, _)| *name == call).map(|(_, what)| Fault::not_built(what))
}

/// SOAP 1.1 is `text/xml`; nothing else is read. A request that does not say is taken at its word.
fn check_content_type(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default();
    if kind.trim().to_ascii_lowercase().starts_with("text/xml") {
        return Ok(());
    }
    Err(Fault::client(format!("content-type of the request should be text/xml; it is '{kind}'")))
}

/// A body that is too long, or not compressed as its header says.
fn unreadable(rejection: &BytesRejection) -> Fault {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("The request is longer than {BODY_BYTES_MAX} bytes.");
            Fault::unexpected("EXCEEDED_MAX_SIZE_REQUEST", message)
        }
        _ => Fault::client(rejection.body_text()),
    }
}
