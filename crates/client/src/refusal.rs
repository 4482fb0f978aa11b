//! The reasons in a refusal's body, in each of the forms that Salesforce has for them.

use crate::{error::ApiError, soap::fault};

/// Understands the list of errors; a single object and plain text too; a page of HTML gives none.
pub(crate) fn read_errors(body: &[u8]) -> Vec<ApiError> {
    if let Ok(errors) = serde_json::from_slice::<Vec<ApiError>>(body) {
        return errors;
    }
    if let Ok(error) = serde_json::from_slice::<ApiError>(body)
        && !(error.code.is_empty() && error.message.is_empty())
    {
        return vec![error];
    }
    if let Some(error) = fault(body).or_else(|| crate::bulk1::refusal(body)) {
        return vec![error];
    }
    match std::str::from_utf8(body).map(str::trim) {
        Ok(text) if !text.is_empty() && text.len() <= 200 && !text.contains(['<', '{']) => {
            vec![ApiError { code: String::new(), message: text.to_owned(), fields: vec![] }]
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_refusal() {
        let code =
            |body: &str| read_errors(body.as_bytes()).into_iter().map(|e| (e.code, e.message)).collect::<Vec<_>>();
        assert_eq!(
            code(
                r#"[{"message":"Required fields are missing: [LastName]","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName"]},{"message":"m","errorCode":"X"}]"#
            ),
            [
                ("REQUIRED_FIELD_MISSING".to_string(), "Required fields are missing: [LastName]".to_string()),
                ("X".into(), "m".into())
            ]
        );
        assert_eq!(
            code(r#"{"exceptionCode":"InvalidJob","exceptionMessage":"m"}"#),
            [("InvalidJob".to_string(), "m".to_string())]
        );
        assert_eq!(code("Bad_OAuth_Token"), [(String::new(), "Bad_OAuth_Token".to_string())]);
        assert!(code("<html>busy</html>").is_empty());
        assert!(code("").is_empty());
        assert!(code("{}").is_empty());
    }
}
