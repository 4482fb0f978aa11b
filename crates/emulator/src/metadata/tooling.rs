//! Components written through the Tooling API: `FullName` and `Metadata` in, a component saved.

use serde_json::{Map, Value as Json};

use super::{Mode, Node, Problem, Saved, list, naming, save, types};
use crate::dml::WriteContext;
use crate::{ApiError, Org, RecordId};

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        ApiError::new(problem.code, problem.message)
    }
}

/// The component type of an object of the Tooling API, if its components can be written.
///
/// # Errors
/// Apex, which this org does not run; an object that is only read.
fn writable(object: &str) -> Result<&'static str, ApiError> {
    match types::known(object) {
        Some("ApexClass" | "ApexTrigger" | "ApexPage" | "ApexComponent") => {
            let message = format!("This emulator does not run Apex: it cannot make a {object}.");
            Err(ApiError::new("NOT_IMPLEMENTED", message).status(501))
        }
        Some(kind) => Ok(kind),
        None => {
            let message = format!("entity type {object} does not support create");
            Err(ApiError::new("INVALID_TYPE_FOR_OPERATION", message))
        }
    }
}

/// The element that `Metadata` of a body stands for.
fn element(kind: &str, members: &Map<String, Json>) -> Result<crate::xml::Element, ApiError> {
    let metadata = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("Metadata")).map(|(_, value)| value);
    match metadata {
        Some(metadata @ Json::Object(_)) => Ok(Node::from_json(metadata).element(kind)),
        _ => Err(ApiError::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]").field("Metadata")),
    }
}

fn full_name(members: &Map<String, Json>) -> Option<&str> {
    members.iter().find(|(name, _)| name.eq_ignore_ascii_case("FullName")).and_then(|(_, value)| value.as_str())
}

/// Makes a component.
///
/// # Errors
/// Those of saving it; a body without `FullName` or `Metadata`.
pub fn create(
    org: &mut Org,
    object: &str,
    members: &Map<String, Json>,
    context: &WriteContext,
) -> Result<Saved, ApiError> {
    let kind = writable(object)?;
    let Some(name) = full_name(members) else {
        return Err(
            ApiError::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName]").field("FullName")
        );
    };
    let element = element(kind, members)?;
    one(org, context, |work| save(work, kind, name, &element, Mode::Create))
}

/// Changes a component: the whole of its metadata is given.
///
/// # Errors
/// Those of saving it; no component has this id.
pub fn update(
    org: &mut Org,
    object: &str,
    id: RecordId,
    members: &Map<String, Json>,
    context: &WriteContext,
) -> Result<(), ApiError> {
    let kind = writable(object)?;
    let name = name_of(org, kind, id)?;
    let element = element(kind, members)?;
    one(org, context, |work| save(work, kind, &name, &element, Mode::Update)).map(|_| ())
}

/// Deletes a component.
///
/// # Errors
/// Those of deleting it; no component has this id.
pub fn delete(org: &mut Org, object: &str, id: RecordId, context: &WriteContext) -> Result<(), ApiError> {
    let kind = writable(object)?;
    let name = name_of(org, kind, id)?;
    one(org, context, |work| super::delete(work, kind, &name)).map(|_| ())
}

fn one<T>(
    org: &mut Org,
    context: &WriteContext,
    act: impl FnOnce(&mut super::Work<'_>) -> Result<T, Problem>,
) -> Result<T, ApiError> {
    org.change_metadata(context, |work| {
        let result = work.attempt(act);
        (result.is_ok(), result.map_err(ApiError::from))
    })
}

/// The full name of the component with this id.
fn name_of(org: &Org, kind: &str, id: RecordId) -> Result<String, ApiError> {
    let of_field = || {
        let (object, field) = naming::field_place(id)?;
        let objects = org.schema.objects();
        let object = objects.get(usize::from(object.0)).filter(|o| !o.is_removed())?;
        let field = object.fields.get(usize::from(field.0)).filter(|f| !f.is_removed())?;
        Some(format!("{}.{}", object.name, field.name))
    };
    let of_object = || {
        let place = naming::object_place(id)?;
        org.schema.objects().get(usize::from(place.0)).filter(|o| !o.is_removed()).map(|o| o.name.clone())
    };
    let found = match kind {
        "CustomField" => of_field(),
        "CustomObject" => of_object(),
        _ => list(org, kind, None).into_iter().find(|p| p.id == id).map(|p| p.full_name),
    };
    found.ok_or_else(|| ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404))
}
