//! The shape of an error answer: a JSON array of message, code and fields.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value as Json, json};

use crate::ApiError;

/// Several errors that together are one answer. The first one's status is the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiErrors(pub Vec<ApiError>);

impl From<ApiError> for ApiErrors {
    fn from(error: ApiError) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<ApiError>> for ApiErrors {
    fn from(errors: Vec<ApiError>) -> Self {
        Self(errors)
    }
}

/// `{"message","errorCode","fields"?}`: `fields` only where there are some.
pub fn error_object(error: &ApiError) -> Json {
    let mut object = json!({ "message": error.message, "errorCode": error.code });
    if !error.fields.is_empty()
        && let Some(members) = object.as_object_mut()
    {
        members.insert("fields".into(), json!(error.fields));
    }
    object
}

/// A JSON answer with the content type that Salesforce gives.
pub fn json_response(status: StatusCode, body: &Json) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        ApiErrors(vec![self]).into_response()
    }
}

impl IntoResponse for ApiErrors {
    fn into_response(self) -> Response {
        let status = self.0.first().map_or(500, |e| e.status);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json_response(status, &Json::Array(self.0.iter().map(error_object).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_observed_order() {
        let plain = ApiError::new("MALFORMED_QUERY", "unexpected token: 'x'");
        assert_eq!(
            error_object(&plain).to_string(),
            r#"{"message":"unexpected token: 'x'","errorCode":"MALFORMED_QUERY"}"#
        );
        let field = ApiError::new("REQUIRED_FIELD_MISSING", "m").field("LastName");
        assert_eq!(
            error_object(&field).to_string(),
            r#"{"message":"m","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName"]}"#
        );
    }
}
