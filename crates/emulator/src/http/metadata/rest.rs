//! `/services/data/vNN.0/metadata/deployRequest`: deployments over REST.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_rest_deploy.htm>

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value as Json, json};

use super::multipart;
use crate::clock::timestamp;
use crate::dml::WriteContext;
use crate::http::state::{AppState, Origin};
use crate::http::{Session, json_response, not_found};
use crate::metadata::{self, DeployOptions};
use crate::{ApiError, Org, RecordId};

/// `GET …/metadata`: the resources below it.
pub(super) async fn map(session: Session) -> Response {
    let base = format!("/services/data/v{}/metadata", session.version);
    json_response(StatusCode::OK, &json!({ "deployRequest": format!("{base}/deployRequest") }))
}

/// `…/metadata/deployRequest` and `…/metadata/deployRequest/{id}`.
pub(super) async fn answer(
    State(state): State<AppState>,
    session: Session,
    origin: Origin,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let status = rejection.status().as_u16();
            return ApiError::new("REQUEST_ENTITY_TOO_LARGE", rejection.body_text()).status(status).into_response();
        }
    };
    let call = Call { state, session, origin: origin.0, uri, headers, body };
    match tokio::task::spawn_blocking(move || call.answer(&method)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_) => ApiError::new("UNKNOWN_EXCEPTION", "An unexpected error occurred.").status(500).into_response(),
    }
}

struct Call {
    state: AppState,
    session: Session,
    origin: String,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn answer(&self, method: &Method) -> Result<Response, ApiError> {
        let path: Vec<&str> = self.uri.path().trim_end_matches('/').split('/').skip(5).collect();
        let [resource, rest @ ..] = path.as_slice() else { return Err(not_found()) };
        if !resource.eq_ignore_ascii_case("deployRequest") {
            return Err(not_found());
        }
        match (method.as_str(), rest) {
            ("POST", []) => self.deploy(),
            ("POST", [id]) => self.quick(id),
            ("GET" | "HEAD", [id]) => self.status(id),
            ("PATCH", [id]) => self.cancel(id),
            (_, [] | [_]) => {
                let allowed = if rest.is_empty() { "POST" } else { "GET,HEAD,PATCH,POST" };
                let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
                Err(ApiError::new("METHOD_NOT_ALLOWED", message).status(405))
            }
            _ => Err(not_found()),
        }
    }

    fn context(&self) -> WriteContext {
        let mut origin = format!("com/salesforce/api/rest/{}", self.session.version);
        if let Some(client) = &self.session.client {
            origin.push_str(&format!(";client={client}"));
        }
        WriteContext { now: self.state.now(), user: self.session.user, origin, all_or_none: true }
    }

    fn deploy(&self) -> Result<Response, ApiError> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let Some(boundary) = multipart::boundary(kind) else {
            let body = self.json(&self.body)?;
            return match body.get("validatedDeployRequestId").and_then(Json::as_str) {
                Some(id) => self.quick(id),
                None => {
                    let message = "A deployment is sent as multipart/form-data";
                    Err(ApiError::new("UNSUPPORTED_MEDIA_TYPE", message).status(415))
                }
            };
        };
        let malformed = || ApiError::new("POST_BODY_PARSE_ERROR", "The multipart body is malformed");
        let parts = multipart::parse(&self.body, boundary).ok_or_else(malformed)?;
        let missing = |what: &str| ApiError::new("POST_BODY_PARSE_ERROR", format!("The body has no part with {what}"));
        let json = self.json(parts.json.ok_or_else(|| missing("the deploy options as application/json"))?)?;
        let zip = parts.zip.ok_or_else(|| missing("the zip file as application/zip"))?;
        let options = options(json.get("deployOptions").unwrap_or(&Json::Null), self.session.version.0)?;
        let id = self.state.org.write().deploy(zip.into(), options.clone(), &self.context());
        let mut body = self.request(id, &options);
        // The deployment may be done by now; its first answer says that it was taken in.
        body["deployResult"] = json!({ "done": false, "id": id.to_string(), "status": "Pending", "success": false });
        Ok(json_response(StatusCode::CREATED, &body))
    }

    fn request(&self, id: RecordId, options: &DeployOptions) -> Json {
        json!({ "id": id.to_string(), "url": self.url(id), "deployOptions": options.json() })
    }

    fn url(&self, id: RecordId) -> String {
        let version = self.session.version;
        format!("{}/services/data/v{version}/metadata/deployRequest/{id}?includeDetails=true", self.origin)
    }

    fn json(&self, bytes: &[u8]) -> Result<Json, ApiError> {
        serde_json::from_slice(bytes).map_err(|e| ApiError::new("JSON_PARSER_ERROR", e.to_string()))
    }

    fn id(&self, text: &str) -> Result<RecordId, ApiError> {
        RecordId::parse(text).filter(|id| id.prefix() == *b"0Af").ok_or_else(not_found)
    }

    /// Deploys what was validated before.
    fn quick(&self, id: &str) -> Result<Response, ApiError> {
        let validated = self.id(id)?;
        let mut org = self.state.org.write();
        let new = org.deploy_validated(validated, &self.context()).map_err(|_| not_found())?;
        let options = org.deployments.deployment(new).map(|job| job.result.options.clone());
        let mut body = json!({ "validatedDeployRequestId": validated.to_string() });
        if let (Some(options), Some(map)) = (options, body.as_object_mut())
            && let Json::Object(more) = self.request(new, &options)
        {
            map.extend(more);
        }
        Ok(json_response(StatusCode::CREATED, &body))
    }

    fn status(&self, id: &str) -> Result<Response, ApiError> {
        let id = self.id(id)?;
        self.state.org.write().run_deployments(self.state.now());
        let query = self.uri.query().unwrap_or_default();
        let details = url::form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name.eq_ignore_ascii_case("includeDetails") && value.eq_ignore_ascii_case("true"));
        let org = self.state.org.read();
        Ok(json_response(StatusCode::OK, &self.result(&org, id, details)?))
    }

    fn result(&self, org: &Org, id: RecordId, details: bool) -> Result<Json, ApiError> {
        let job = org.deployments.deployment(id).ok_or_else(not_found)?;
        let name_of = |id| metadata::user_name(org, id);
        let result = job.result.json(details, name_of, timestamp);
        Ok(json!({ "deployResult": result, "id": id.to_string(), "url": self.url(id) }))
    }

    fn cancel(&self, id: &str) -> Result<Response, ApiError> {
        let id = self.id(id)?;
        let body = self.json(&self.body)?;
        let status = body.pointer("/deployResult/status").and_then(Json::as_str).unwrap_or_default();
        if !status.eq_ignore_ascii_case("Canceling") {
            let message = "Only the status Canceling can be given to a deployment";
            return Err(ApiError::new("INVALID_FIELD", message));
        }
        let mut org = self.state.org.write();
        org.cancel_deployment(id, &self.context())?;
        Ok(json_response(StatusCode::ACCEPTED, &self.result(&org, id, false)?))
    }
}

fn options(json: &Json, version: u16) -> Result<DeployOptions, ApiError> {
    let truth = |name: &str| json.get(name).and_then(Json::as_bool).unwrap_or(false);
    let test_level = json.get("testLevel").and_then(Json::as_str).unwrap_or_default().to_owned();
    metadata::check_test_level(&test_level, version)?;
    let tests = json.get("runTests").and_then(Json::as_array);
    Ok(DeployOptions {
        allow_missing_files: truth("allowMissingFiles"),
        check_only: truth("checkOnly"),
        ignore_warnings: truth("ignoreWarnings"),
        purge_on_delete: truth("purgeOnDelete"),
        // Documented: false where it is not given, unlike SOAP.
        rollback_on_error: truth("rollbackOnError"),
        single_package: truth("singlePackage"),
        run_tests: tests.map(|t| t.iter().filter_map(Json::as_str).map(str::to_owned).collect()).unwrap_or_default(),
        test_level,
    })
}
