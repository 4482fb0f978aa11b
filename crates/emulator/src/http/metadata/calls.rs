//! `POST /services/Soap/m/NN.0`: the calls of the Metadata API.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_calls_intro.htm>

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use serde_json::{Value as Json, json};

use super::envelope::{self, Fault, Request, write};
use crate::dml::WriteContext;
use crate::http::session::ExpireToken;
use crate::http::state::AppState;
use crate::http::version::ApiVersion;
use crate::metadata::{self, DeployOptions, DeployStatus, Manifest, Mode, Node, Problem, RetrieveRequest, Work};
use crate::xml::Element;
use crate::{ApiError, Millis, Org, RecordId};

/// Components of one call that creates, changes, reads or deletes them. Documented; 200 for two types.
const COMPONENTS_MAX: usize = 10;
const COMPONENTS_MAX_OF_SOME: usize = 200;
/// Queries of one `listMetadata`. Documented.
const QUERIES_MAX: usize = 3;
/// From this version on the components of a call stand each for itself unless the header says otherwise.
const PARTIAL_SINCE: u16 = 34;

/// One call, by a user who was let in.
struct Call<'a> {
    state: &'a AppState,
    version: ApiVersion,
    request: &'a Request,
    context: WriteContext,
}

/// Answers a request.
pub(super) async fn answer(
    State(state): State<AppState>,
    uri: Uri,
    expire: Option<Extension<ExpireToken>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let error = ApiError::new("EXCEEDED_MAX_SIZE_REQUEST", rejection.body_text());
            return Fault::Api(error).into_response();
        }
    };
    let path = uri.path().to_owned();
    // A deployment takes its time: off the threads that serve connections.
    let work = tokio::task::spawn_blocking(move || run(&state, &path, expire.is_some(), &body));
    match work.await {
        Ok(Ok(response)) => response,
        Ok(Err(fault)) => fault.into_response(),
        Err(_) => {
            let message = "An unexpected error occurred. Please include this ErrorId if you contact support: 0";
            Fault::Api(ApiError::new("UNKNOWN_EXCEPTION", message)).into_response()
        }
    }
}

fn run(state: &AppState, path: &str, expire_token: bool, body: &[u8]) -> Result<Response, Fault> {
    let version = version_of(path)?;
    let request = envelope::read(body)?;
    let invalid = || {
        let message = "Invalid Session ID found in SessionHeader: Illegal Session";
        Fault::Api(ApiError::new("INVALID_SESSION_ID", message))
    };
    let token = request.session_id.as_deref().ok_or_else(invalid)?;
    if expire_token {
        let mut org = state.org.write();
        org.access.revoke(token);
        org.events.wake();
    }
    let grant = state.check_session_header(token).map_err(|_| invalid())?;
    let now = state.now();
    state.count_call(&grant).1?;
    let mut origin = format!("com/salesforce/api/soap/{version}");
    if let Some(client) = &request.client {
        origin.push_str(&format!(";client={client}"));
    }
    let context = WriteContext { now, user: grant.user, origin, all_or_none: true };
    Call { state, version, request: &request, context }.answer()
}

/// The version of a path such as `/services/Soap/m/66.0/00D…`; `66` stands for `66.0`.
fn version_of(path: &str) -> Result<ApiVersion, Fault> {
    let unsupported = || ApiError::new("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL");
    let segment = path.strip_prefix("/services/Soap/m/").unwrap_or_default().split('/').next().unwrap_or_default();
    let number = segment.strip_suffix(".0").unwrap_or(segment);
    ApiVersion::from_segment(&format!("v{number}.0")).map_err(|_| unsupported().into())
}

/// An instant as XML Schema writes it.
fn time(at: Millis) -> String {
    crate::clock::timestamp(at).replace("+0000", "Z")
}

fn user_names(org: &Org) -> impl Fn(RecordId) -> String + '_ {
    |id| metadata::user_name(org, id)
}

impl Call<'_> {
    fn element(&self) -> &Element {
        &self.request.call
    }

    fn answer(&self) -> Result<Response, Fault> {
        let call = self.element();
        match call.name.as_str() {
            "describeMetadata" => Ok(self.result(&metadata::describe())),
            "describeValueType" => self.describe_value_type(),
            "listMetadata" => self.list(),
            "readMetadata" => self.read(),
            "createMetadata" => self.save(Mode::Create),
            "updateMetadata" => self.save(Mode::Update),
            "upsertMetadata" => self.save(Mode::Upsert),
            "deleteMetadata" => self.delete(),
            "renameMetadata" => self.rename(),
            "deploy" => self.deploy(),
            "checkDeployStatus" => self.check_deploy_status(),
            "cancelDeploy" => self.cancel_deploy(),
            "deployRecentValidation" => self.deploy_recent_validation(),
            "retrieve" => self.retrieve(),
            "checkRetrieveStatus" => self.check_retrieve_status(),
            name => Err(Fault::Client(format!("No operation available for request {{{}}}{name}", metadata::NAMESPACE))),
        }
    }

    /// One result, or one for each member of a list.
    fn result(&self, result: &Json) -> Response {
        envelope::answer(&self.element().name, |xml| write(xml, "result", result))
    }

    fn describe_value_type(&self) -> Result<Response, Fault> {
        let name = self.element().text_of("type").unwrap_or_default();
        match metadata::value_type(name) {
            Some(found) => Ok(self.result(&found)),
            None => {
                let message = format!("This emulator has no description of the value type {name}");
                Err(ApiError::new("INVALID_TYPE", message).into())
            }
        }
    }

    fn list(&self) -> Result<Response, Fault> {
        let queries: Vec<&Element> = self.element().children_named("queries").collect();
        if queries.len() > QUERIES_MAX {
            let message = format!("listMetadata takes at most {QUERIES_MAX} queries");
            return Err(ApiError::new("EXCEEDED_ID_LIMIT", message).into());
        }
        let org = self.state.org.read();
        let mut found = Vec::new();
        for query in queries {
            let kind = query.text_of("type").unwrap_or_default();
            check_type(kind)?;
            found.extend(metadata::list(&org, kind, query.text_of("folder").filter(|f| !f.is_empty())));
        }
        let found: Vec<Json> = found.iter().map(|p| p.json(user_names(&org), time)).collect();
        Ok(self.result(&Json::Array(found)))
    }

    fn names(&self, kind: &str) -> Result<Vec<String>, Fault> {
        let names: Vec<String> = self.element().texts_of("fullNames").map(str::to_owned).collect();
        check_count(names.len(), kind)?;
        Ok(names)
    }

    fn read(&self) -> Result<Response, Fault> {
        let kind = self.element().text_of("type").unwrap_or_default();
        check_type(kind)?;
        let names = self.names(kind)?;
        let org = self.state.org.read();
        let records: Vec<Option<Node>> = names.iter().map(|name| metadata::read(&org, kind, name)).collect();
        Ok(envelope::answer("readMetadata", |xml| {
            xml.open("result");
            for record in records {
                match record {
                    Some(node) => {
                        xml.open_with("records", &[("xsi:type", kind)]);
                        node.write(xml);
                        xml.close();
                    }
                    None => {
                        xml.nil("records");
                    }
                }
            }
            xml.close();
        }))
    }

    fn save(&self, mode: Mode) -> Result<Response, Fault> {
        let components: Vec<&Element> = self.element().children_named("metadata").collect();
        let mut kinds: Vec<&str> = components.iter().map(|c| c.xsi_type().unwrap_or_default()).collect();
        let kind = kinds.first().copied().unwrap_or_default();
        check_count(components.len(), kind)?;
        kinds.dedup();
        if kinds.len() > 1 {
            let message = "All metadata components of one call must be of the same type";
            return Err(ApiError::new("INVALID_TYPE", message).into());
        }
        if !components.is_empty() {
            check_type(kind)?;
        }
        if kind == "PlatformEventChannelMember" {
            return Err(not_by_call(kind).into());
        }
        let named: Vec<(&str, &Element)> =
            components.iter().map(|c| (c.text_of("fullName").unwrap_or_default(), *c)).collect();
        let results = self.each(&named, |work, (name, component)| {
            metadata::save(work, kind, name, component, mode).map(|saved| saved.created)
        });
        let upsert = mode == Mode::Upsert;
        let shown = named.iter().zip(results).map(|((name, _), result)| shown(name, result, upsert)).collect();
        Ok(self.result(&Json::Array(shown)))
    }

    /// Does something with each of the components; with `AllOrNoneHeader` with all of them or none.
    fn each<T>(
        &self,
        components: &[T],
        mut act: impl FnMut(&mut Work<'_>, &T) -> Result<bool, Problem>,
    ) -> Vec<Result<bool, Problem>> {
        let all_or_none = self.request.all_or_none.unwrap_or(self.version.0 < PARTIAL_SINCE);
        let mut org = self.state.org.write();
        org.change_metadata(&self.context, |work| {
            let mut results: Vec<_> = components.iter().map(|c| work.attempt(|work| act(work, c))).collect();
            let failed = results.iter().any(Result::is_err);
            if failed && all_or_none {
                for result in results.iter_mut().filter(|r| r.is_ok()) {
                    let message = "Record rolled back because not all records were valid and the request was using \
                                   AllOrNone header";
                    *result = Err(Problem::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message));
                }
            }
            (results.iter().any(Result::is_ok), results)
        })
    }

    fn delete(&self) -> Result<Response, Fault> {
        let kind = self.element().text_of("type").unwrap_or_default();
        check_type(kind)?;
        if kind == "PlatformEventChannelMember" {
            return Err(not_by_call(kind).into());
        }
        let names = self.names(kind)?;
        let results = self.each(&names, |work, name| metadata::delete(work, kind, name).map(|_| false));
        let shown = names.iter().zip(results).map(|(name, result)| shown(name, result, false)).collect();
        Ok(self.result(&Json::Array(shown)))
    }

    fn rename(&self) -> Result<Response, Fault> {
        let text = |name: &str| self.element().text_of(name).unwrap_or_default();
        let (kind, old, new) = (text("type"), text("oldFullName"), text("newFullName"));
        check_type(kind)?;
        let results = self.each(&[()], |work, ()| metadata::rename(work, kind, old, new).map(|()| false));
        let result = results.into_iter().next().unwrap_or(Ok(false));
        Ok(self.result(&shown(new, result, false)))
    }

    fn deploy(&self) -> Result<Response, Fault> {
        let call = self.element();
        let zip: String = call.text_of("ZipFile").unwrap_or_default().split_ascii_whitespace().collect();
        let zip = STANDARD.decode(zip).map_err(|_| Fault::Client("ZipFile is not base64Binary".into()))?;
        let options = options(call.child("DeployOptions"), self.version)?;
        let id = self.state.org.write().deploy(zip.into(), options, &self.context);
        Ok(self.result(&json!({ "done": false, "id": id.to_string(), "state": "Queued" })))
    }

    fn id(&self, name: &str) -> Result<RecordId, Fault> {
        let text = self.element().text_of(name).unwrap_or_default();
        RecordId::parse(text).ok_or_else(|| {
            ApiError::new("INVALID_CROSS_REFERENCE_KEY", format!("invalid cross reference id: {text}")).into()
        })
    }

    fn check_deploy_status(&self) -> Result<Response, Fault> {
        let id = self.id("asyncProcessId")?;
        let details = self.element().text_of("includeDetails") == Some("true");
        self.state.org.write().run_deployments(self.context.now);
        let org = self.state.org.read();
        let Some(job) = org.deployments.deployment(id) else {
            let message = format!("invalid cross reference id: {id}");
            return Err(ApiError::new("INVALID_CROSS_REFERENCE_KEY", message).into());
        };
        let mut result = job.result.json(details, user_names(&org), time);
        // The members that only JSON has.
        if let Some(details) = result.get_mut("details").and_then(Json::as_object_mut) {
            details.remove("allComponentMessages");
        }
        Ok(self.result(&result))
    }

    fn cancel_deploy(&self) -> Result<Response, Fault> {
        // The schema calls this member `String`; some clients send `asyncProcessId`.
        let name = if self.element().child("String").is_some() { "String" } else { "asyncProcessId" };
        let id = self.id(name)?;
        self.state.org.write().cancel_deployment(id, &self.context)?;
        Ok(self.result(&json!({ "done": true, "id": id.to_string() })))
    }

    fn deploy_recent_validation(&self) -> Result<Response, Fault> {
        let id = self.id("validationId")?;
        let new = self.state.org.write().deploy_validated(id, &self.context)?;
        Ok(self.result(&Json::String(new.to_string())))
    }

    fn retrieve(&self) -> Result<Response, Fault> {
        // The schema calls it `retrieveRequest`; jsforce sends `request`.
        let named = |name| self.element().child(name);
        let Some(request) = named("retrieveRequest").or_else(|| named("request")) else {
            return Err(Fault::Client("retrieve needs a retrieveRequest".into()));
        };
        let unpackaged = match request.child("unpackaged") {
            Some(element) => Manifest::from_element(element).map_err(|p| Fault::Client(p.message))?,
            None => Manifest::default(),
        };
        let texts = |name: &str| request.texts_of(name).filter(|t| !t.is_empty()).map(str::to_owned).collect();
        let asked = RetrieveRequest {
            api_version: request.text_of("apiVersion").unwrap_or_default().to_owned(),
            single_package: request.text_of("singlePackage") == Some("true"),
            package_names: texts("packageNames"),
            specific_files: texts("specificFiles"),
            unpackaged,
        };
        let id = self.state.org.write().retrieve(&asked);
        Ok(self.result(&json!({ "done": false, "id": id.to_string(), "state": "Queued" })))
    }

    fn check_retrieve_status(&self) -> Result<Response, Fault> {
        let id = self.id("asyncProcessId")?;
        let include = self.element().text_of("includeZip") != Some("false");
        let job = self.state.org.write().retrieved(id, include);
        let Some(job) = job else {
            let message = format!("invalid cross reference id: {id}");
            return Err(ApiError::new("INVALID_CROSS_REFERENCE_KEY", message).into());
        };
        let org = self.state.org.read();
        let result = match job.result {
            Ok(found) => {
                let properties: Vec<Json> = found.properties.iter().map(|p| p.json(user_names(&org), time)).collect();
                let message = |(file, problem): &(String, String)| json!({ "fileName": file, "problem": problem });
                let messages: Vec<Json> = found.messages.iter().map(message).collect();
                let zip = if include { Json::String(STANDARD.encode(&found.zip)) } else { Json::Null };
                json!({
                    "done": true,
                    "fileProperties": properties,
                    "id": id.to_string(),
                    "messages": messages,
                    "status": "Succeeded",
                    "success": true,
                    "zipFile": zip,
                })
            }
            Err(problem) => json!({
                "done": true,
                "errorMessage": problem.message,
                "errorStatusCode": problem.code,
                "id": id.to_string(),
                "messages": [{ "fileName": "package.xml", "problem": problem.message }],
                "status": DeployStatus::Failed.name(),
                "success": false,
            }),
        };
        Ok(self.result(&result))
    }
}

/// What became of one component: `SaveResult`, `UpsertResult`, `DeleteResult`.
fn shown(full_name: &str, result: Result<bool, Problem>, upsert: bool) -> Json {
    let mut map = serde_json::Map::new();
    let created = matches!(result, Ok(true));
    if upsert {
        map.insert("created".into(), created.into());
    }
    if let Err(problem) = &result {
        map.insert("errors".into(), json!({ "message": problem.message, "statusCode": problem.code }));
    }
    map.insert("fullName".into(), full_name.into());
    map.insert("success".into(), result.is_ok().into());
    Json::Object(map)
}

fn check_type(kind: &str) -> Result<(), Fault> {
    if metadata::is_known(kind) {
        return Ok(());
    }
    Err(ApiError::new("INVALID_TYPE", format!("Unknown type:{kind}")).into())
}

fn check_count(count: usize, kind: &str) -> Result<(), Fault> {
    let max = match kind {
        "CustomMetadata" | "CustomApplication" => COMPONENTS_MAX_OF_SOME,
        _ => COMPONENTS_MAX,
    };
    if count <= max {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {max} records in this operation");
    Err(ApiError::new("EXCEEDED_ID_LIMIT", message).into())
}

/// Types whose components are deployed, and not made by these calls.
fn not_by_call(kind: &str) -> ApiError {
    ApiError::new("INVALID_TYPE", format!("Entity type: '{kind}' is not supported by this call; deploy it"))
}

/// `DeployOptions` of the call. Unlike REST, SOAP rolls back unless it is told not to.
fn options(element: Option<&Element>, version: ApiVersion) -> Result<DeployOptions, Fault> {
    let truth = |name: &str, default: bool| match element.and_then(|e| e.text_of(name)) {
        Some("true" | "1") => true,
        Some("false" | "0") => false,
        _ => default,
    };
    let test_level = element.and_then(|e| e.text_of("testLevel")).unwrap_or_default().to_owned();
    metadata::check_test_level(&test_level, version.0)?;
    Ok(DeployOptions {
        allow_missing_files: truth("allowMissingFiles", false),
        check_only: truth("checkOnly", false),
        ignore_warnings: truth("ignoreWarnings", false),
        purge_on_delete: truth("purgeOnDelete", false),
        rollback_on_error: truth("rollbackOnError", true),
        single_package: truth("singlePackage", false),
        run_tests: element.map(|e| e.texts_of("runTests").map(str::to_owned).collect()).unwrap_or_default(),
        test_level,
    })
}
