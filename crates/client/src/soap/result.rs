//! What writes of records come to: one result for each, in order, whether it succeeded or not.

use super::{operation::required, xml::Element};
use crate::error::{ApiError, Error};

/// What a write of one record came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SaveResult {
    /// The record; `None` where it was not made.
    pub id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// Whether an upsert made it; `None` for other writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
    /// Why it was not done.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
    /// Ids of records that a duplicate rule found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<String>,
}

impl SaveResult {
    pub(crate) fn read(what: &str, result: &Element) -> Result<SaveResult, Error> {
        Ok(SaveResult {
            id: result.value("id").filter(|id| !id.is_empty()).map(str::to_owned),
            success: success(what, result)?,
            created: result.value("created").map(|created| created == "true"),
            errors: errors(result),
            duplicates: result.all("errors").flat_map(duplicates).collect(),
        })
    }
}

/// Whether a result succeeded, which every result says.
pub(crate) fn success(what: &str, result: &Element) -> Result<bool, Error> {
    Ok(required(what, result, "success")? == "true")
}

/// The errors of a result.
pub(crate) fn errors(result: &Element) -> Vec<ApiError> {
    let error = |error: &Element| ApiError {
        code: error.value("statusCode").unwrap_or_default().to_owned(),
        message: error.value("message").unwrap_or_default().to_owned(),
        fields: error.values("fields"),
    };
    result.all("errors").map(error).collect()
}

/// Errors as REST writes them.
pub(crate) fn errors_as_json<S: serde::Serializer>(errors: &[ApiError], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        errors.iter().map(
            |error| serde_json::json!({ "statusCode": error.code, "message": error.message, "fields": error.fields }),
        ),
    )
}

/// Ids in an error's `duplicateResult`: its match results, their match records, the record of each.
fn duplicates(error: &Element) -> Vec<String> {
    error.child("duplicateResult").map(matches).unwrap_or_default()
}

/// The ids that a `DuplicateResult` names.
pub(crate) fn matches(duplicates: &Element) -> Vec<String> {
    duplicates
        .all("matchResults")
        .flat_map(|found| found.all("matchRecords"))
        .filter_map(|found| found.child("record"))
        .filter_map(|record| record.all("Id").find(|id| !id.nil && !id.text.is_empty()))
        .map(|id| id.text.clone())
        .collect()
}

/// All results of an answer, as many as were asked for.
pub(crate) fn results<T>(
    what: &str,
    answer: &Element,
    expected: usize,
    read: impl Fn(&str, &Element) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let results = answer.all("result").map(|result| read(what, result)).collect::<Result<Vec<_>, _>>()?;
    // Which record a result belongs to is told by its place alone.
    if results.len() != expected {
        return Err(Error::unexpected(what, format!("{} results came for {expected} records", results.len())));
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::{super::xml::read, *};

    #[test]
    fn results_with_errors_and_duplicates() {
        let answer = read("x", br#"<createResponse xmlns:xsi="i"><result><id>003xx000004TmiQAAS</id><success>true</success></result>
            <result><errors><fields>Name</fields><message>Required</message><statusCode>REQUIRED_FIELD_MISSING</statusCode></errors><id xsi:nil="true"/><success>false</success></result>
            <result><created>false</created><errors xsi:type="DuplicateError"><duplicateResult><matchResults><matchRecords><record><type>Account</type><Id>001a</Id><Id>001a</Id></record></matchRecords></matchResults></duplicateResult><message>d</message><statusCode>DUPLICATES_DETECTED</statusCode></errors><id/><success>false</success></result></createResponse>"#).unwrap();
        let all = results("x", &answer, 3, SaveResult::read).unwrap();
        assert_eq!(all[0].id.as_deref(), Some("003xx000004TmiQAAS"));
        assert_eq!((all[1].id.as_deref(), all[1].errors[0].fields.as_slice()), (None, ["Name".to_owned()].as_slice()));
        assert_eq!((all[2].created, all[2].duplicates.as_slice()), (Some(false), ["001a".to_owned()].as_slice()));
        assert!(results("x", &answer, 2, SaveResult::read).is_err());
        assert!(results("x", &read("x", b"<r><result/></r>").unwrap(), 1, SaveResult::read).is_err());
    }
}
