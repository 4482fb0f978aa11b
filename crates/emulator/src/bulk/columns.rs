//! The header of an uploaded CSV, and what its columns make of a row.

use crate::dml::{Input, Write};
use crate::schema::{ObjectId, ObjectType, Schema};
use crate::{ApiError, RecordId};

use super::ingest::Operation;

/// Most characters of a header line.
const HEADER_CHARS_MAX: usize = 32_000;
/// Most characters of a row.
const ROW_CHARS_MAX: usize = 400_000;
/// Most columns.
const COLUMNS_MAX: usize = 5_000;
/// A cell that says null.
const NULL: &str = "#N/A";

/// The columns of an upload.
#[derive(Debug)]
pub(super) struct Columns {
    /// The header as it was sent.
    pub(super) names: Vec<String>,
    meanings: Vec<Meaning>,
}

#[derive(Debug)]
enum Meaning {
    /// The record's own id.
    Id,
    /// The upsert's external id.
    Key,
    Field(String),
    /// A parent by external id.
    Parent {
        relationship: String,
        object: Option<String>,
        key: String,
    },
}

impl Columns {
    /// Reads a header. The error is the job's `errorMessage`.
    pub(super) fn read(
        names: Vec<String>,
        schema: &Schema,
        object: &ObjectType,
        operation: &Operation,
    ) -> Result<Self, String> {
        if names.len() > COLUMNS_MAX || names.iter().map(String::len).sum::<usize>() > HEADER_CHARS_MAX {
            return Err("InvalidBatch : The header is too long".into());
        }
        let meanings = names
            .iter()
            .map(|name| meaning(name, schema, object, operation).ok_or_else(|| not_found(name)))
            .collect::<Result<Vec<_>, _>>()?;
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(format!("InvalidBatch : Duplicate field name found : {name}"));
            }
        }
        let has = |wanted: fn(&Meaning) -> bool| meanings.iter().any(wanted);
        match operation {
            Operation::Insert => {}
            Operation::Upsert(key) if !has(|m| matches!(m, Meaning::Key)) => return Err(not_found(key)),
            Operation::Upsert(_) => {}
            _ if !has(|m| matches!(m, Meaning::Id)) => return Err(not_found("Id")),
            Operation::Delete | Operation::HardDelete if names.len() > 1 => {
                return Err("InvalidBatch : Records to be deleted have one column, Id".into());
            }
            _ => {}
        }
        Ok(Self { names, meanings })
    }

    /// What a row asks for.
    pub(super) fn write(&self, object: ObjectId, operation: &Operation, cells: &[String]) -> Result<Write, ApiError> {
        if cells.len() != self.names.len() {
            let text = format!("The row has {} columns, the header has {}", cells.len(), self.names.len());
            return Err(ApiError::new("CLIENTINPUTERROR", text));
        }
        if cells.iter().map(|c| c.len()).sum::<usize>() > ROW_CHARS_MAX
            && cells.iter().map(|c| c.chars().count()).sum::<usize>() > ROW_CHARS_MAX
        {
            return Err(ApiError::new("CLIENTINPUTERROR", format!("The row has more than {ROW_CHARS_MAX} characters")));
        }
        let (mut id, mut key) = ("", "");
        let mut fields = Vec::with_capacity(cells.len());
        for (meaning, cell) in self.meanings.iter().zip(cells) {
            match meaning {
                Meaning::Key => key = cell,
                Meaning::Id => id = cell,
                _ if cell.is_empty() => {}
                Meaning::Field(name) => fields.push((name.clone(), input(cell))),
                Meaning::Parent { relationship, .. } if cell == NULL => {
                    fields.push((relationship.clone(), Input::Null));
                }
                Meaning::Parent { relationship, object, key } => {
                    let value = Input::Reference { object: object.clone(), key: key.clone(), value: cell.clone() };
                    fields.push((relationship.clone(), value));
                }
            }
        }
        Ok(match operation {
            Operation::Insert | Operation::Upsert(_) if !id.is_empty() && !self.is_key_id(operation) => {
                fields.push(("Id".into(), Input::Text(id.into())));
                self.insert_or_upsert(object, operation, key, fields)
            }
            Operation::Insert | Operation::Upsert(_) => self.insert_or_upsert(object, operation, key, fields),
            Operation::Update => Write::Update { object, id: record_id(id)?, fields },
            Operation::Delete => Write::Delete { object, id: record_id(id)? },
            Operation::HardDelete => Write::HardDelete { object, id: record_id(id)? },
        })
    }

    fn is_key_id(&self, operation: &Operation) -> bool {
        matches!(operation, Operation::Upsert(key) if key.eq_ignore_ascii_case("Id"))
    }

    fn insert_or_upsert(
        &self,
        object: ObjectId,
        operation: &Operation,
        value: &str,
        fields: Vec<(String, Input)>,
    ) -> Write {
        match operation {
            Operation::Upsert(key) => {
                Write::Upsert { object, key: key.clone(), value: input(value), fields, update_only: false }
            }
            _ => Write::Create { object, fields },
        }
    }

    /// The id a row names, if it names one: failed results show it.
    pub(super) fn named_id(&self, cells: &[String], operation: &Operation) -> Option<RecordId> {
        let at = self.meanings.iter().position(|m| match m {
            Meaning::Id => !matches!(operation, Operation::Insert),
            Meaning::Key => self.is_key_id(operation),
            _ => false,
        })?;
        RecordId::parse(cells.get(at)?)
    }
}

fn input(cell: &str) -> Input {
    if cell == NULL { Input::Null } else { Input::Text(cell.to_owned()) }
}

fn not_found(name: &str) -> String {
    format!("InvalidBatch : Field name not found : {name}")
}

pub(super) fn record_id(text: &str) -> Result<RecordId, ApiError> {
    if text.is_empty() {
        return Err(ApiError::new("MISSING_ARGUMENT", "Id not specified in an update call").field("Id"));
    }
    RecordId::parse(text).ok_or_else(|| ApiError::new("MALFORMED_ID", format!("malformed id {text}")).field("Id"))
}

fn meaning(name: &str, schema: &Schema, object: &ObjectType, operation: &Operation) -> Option<Meaning> {
    if matches!(operation, Operation::Upsert(key) if key.eq_ignore_ascii_case(name)) {
        object.field(name)?;
        return Some(Meaning::Key);
    }
    if name.eq_ignore_ascii_case("Id") {
        return Some(Meaning::Id);
    }
    let Some((path, key)) = name.split_once('.') else {
        let (_, field) = object.field(name)?;
        return Some(Meaning::Field(field.name.clone()));
    };
    // `User:Owner.Username` is documented; clients also write the relationship first, `Owner:User.Username`.
    let (prefix, relationship, field) = match path.split_once(':') {
        None => (None, path, object.relationship(path)?.1),
        Some((prefix, relationship)) => match (object.relationship(relationship), object.relationship(prefix)) {
            (Some((_, field)), _) => (Some(prefix), relationship, field),
            (None, Some((_, field))) => (Some(relationship), prefix, field),
            (None, None) => return None,
        },
    };
    // A prefix is required where the field can point at several objects, and an error anywhere else.
    let parent = match (prefix, field.reference_to.as_slice()) {
        (None, [only]) => only,
        (Some(prefix), several) if several.len() > 1 => several.iter().find(|o| o.eq_ignore_ascii_case(prefix))?,
        // Documented by example: an owner that may be a user or a queue is named without a prefix.
        (None, several) if relationship.eq_ignore_ascii_case("Owner") => {
            several.iter().find(|o| o.as_str() == "User")?
        }
        _ => return None,
    };
    schema.find(parent)?.1.field(key)?;
    Some(Meaning::Parent {
        relationship: field.relationship_name.clone()?,
        object: (field.reference_to.len() > 1).then(|| parent.clone()),
        key: key.to_owned(),
    })
}
