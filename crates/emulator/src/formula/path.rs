//! Field references: from a path with dots to a field of the record, of a parent, or of who asks.

use std::sync::Arc;

use super::check::{Checker, Place};
use super::types::Type;
use super::{Compiled, FormulaError};
use crate::schema::{Blanks, Field, FieldId, FieldType, ObjectId};

/// How many relationships one path may follow (documented).
const PATH_MAX: usize = 10;
/// How many relationships all paths of a formula may follow (documented for an object's formulas: 15).
const RELATIONSHIPS_MAX: usize = 15;
/// `$System.OriginDateTime`: 1900-01-01 00:00:00 UTC, the only member of `$System`.
const ORIGIN_MS: i64 = -2_208_988_800_000;

/// A value that is read from a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
    pub(super) leaf: Leaf,
    pub(super) ty: Type,
    /// No value counts as zero.
    pub(super) zero: bool,
    /// Stored in hundredths: 50 % is 0.5 in a formula.
    pub(super) percent: bool,
}

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// The record whose formula it is.
    Record,
    /// The user who asks.
    User(ObjectId),
    /// The organization's one record.
    Organization(ObjectId),
}

/// From a record to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) field: FieldId,
    /// The parent's object. A parent of another object (a queue where a user is asked for) is no parent.
    pub(super) target: ObjectId,
}

/// What is read at the end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leaf {
    /// The record's id.
    Id,
    Field(FieldId),
    /// Another formula field, computed on its own record.
    Formula(Arc<Compiled>),
    /// Latitude and longitude of a geolocation.
    Location(FieldId, FieldId),
    /// `$System.OriginDateTime`.
    Origin,
}

impl Checker<'_> {
    /// The field that a path names.
    pub(super) fn read(&mut self, path: &str) -> Result<Read, FormulaError> {
        let unknown = || FormulaError::unknown_field(path);
        let mut names: Vec<&str> = path.split('.').collect();
        let first = names.first().copied().unwrap_or_default();
        let (root, mut object) = if first.starts_with('$') {
            let global = first.to_ascii_lowercase();
            if global != "$system" {
                (self.changes_by_itself, self.reads_others) = (true, true);
            }
            names.remove(0);
            match global.as_str() {
                "$system" => {
                    let is_origin = matches!(names.as_slice(), [only] if only.eq_ignore_ascii_case("OriginDateTime"));
                    let leaf = Leaf::Origin;
                    let read = Read {
                        root: Root::Record,
                        steps: Vec::new(),
                        leaf,
                        ty: Type::DateTime,
                        zero: false,
                        percent: false,
                    };
                    return if is_origin { Ok(read) } else { Err(unknown()) };
                }
                "$organization" => {
                    let (object, _) = self.schema.find("Organization").ok_or_else(unknown)?;
                    (Root::Organization(object), object)
                }
                "$user" | "$profile" | "$userrole" => {
                    let (object, _) = self.schema.find("User").ok_or_else(unknown)?;
                    match global.as_str() {
                        "$profile" => names.insert(0, "Profile"),
                        "$userrole" => names.insert(0, "UserRole"),
                        _ => {}
                    }
                    (Root::User(object), object)
                }
                _ => return Err(unknown()),
            }
        } else {
            match self.place {
                Place::Field(object) => (Root::Record, object),
                Place::Default => return Err(unknown()),
            }
        };
        // The object's own name may stand before the path.
        if names.len() > 1
            && root == Root::Record
            && names.first().is_some_and(|n| n.eq_ignore_ascii_case(&self.schema.object(object).name))
            && self.schema.object(object).relationship(names.first().copied().unwrap_or_default()).is_none()
        {
            names.remove(0);
        }
        let Some((last, hops)) = names.split_last() else { return Err(unknown()) };
        if hops.len() > PATH_MAX {
            return Err(FormulaError::new(format!(
                "Field {path} follows more than {PATH_MAX} relationships, which is the maximum."
            )));
        }
        let mut steps = Vec::with_capacity(hops.len());
        for name in hops {
            let (step, target) = self.step(object, name, path)?;
            if !self.relationships.contains(&(object, step.field)) {
                self.relationships.push((object, step.field));
            }
            steps.push(step);
            object = target;
        }
        if self.relationships.len() > RELATIONSHIPS_MAX {
            let over = self.relationships.len() - RELATIONSHIPS_MAX;
            return Err(FormulaError::new(format!(
                "You must remove at least {over} relationship(s) in order to save this formula."
            )));
        }
        self.reads_others |= !steps.is_empty();
        let facts = Arc::clone(self.schema.object(object));
        let (id, field) = facts.field(last).ok_or_else(unknown)?;
        let leaf = self.leaf(object, id, field, path)?;
        let ty = Type::of_field(field.ty).ok_or_else(|| {
            let text = format!(
                "You referenced an unsupported field type called \"{}\" using the following field: {path}",
                unsupported(field.ty)
            );
            FormulaError::new(text)
        })?;
        if field.ty == FieldType::Textarea && field.length > 255 {
            let text = format!(
                "You referenced an unsupported field type called \"Long Text Area\" using the following field: {path}"
            );
            return Err(FormulaError::new(text));
        }
        Ok(Read {
            root,
            steps,
            ty,
            zero: ty == Type::Number && self.blanks == Blanks::Zero,
            // A formula's own result is in ones already.
            percent: field.ty == FieldType::Percent && !matches!(leaf, Leaf::Formula(_)),
            leaf,
        })
    }

    /// One relationship: `Account`, `Parent__r`, `Owner:User`.
    fn step(&self, object: ObjectId, name: &str, path: &str) -> Result<(Step, ObjectId), FormulaError> {
        let unknown = || FormulaError::unknown_field(path);
        let (name, wanted) = match name.split_once(':') {
            Some((name, wanted)) => (name, Some(wanted)),
            None => (name, None),
        };
        let facts = self.schema.object(object);
        let (id, field) = facts.relationship(name).ok_or_else(unknown)?;
        let target = match (wanted, field.reference_to.as_slice()) {
            (Some(wanted), targets) => {
                // Queues are groups.
                let wanted = if wanted.eq_ignore_ascii_case("Queue") { "Group" } else { wanted };
                targets.iter().find(|t| t.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
                    let text = format!("{wanted} is an invalid object type for the {name} field. Check spelling.");
                    FormulaError::new(text)
                })?
            }
            (None, [only]) => only,
            (None, _) => return Err(unknown()),
        };
        let (target, _) = self.schema.find(target).ok_or_else(unknown)?;
        Ok((Step { field: id, target }, target))
    }

    fn leaf(&mut self, object: ObjectId, id: FieldId, field: &Field, path: &str) -> Result<Leaf, FormulaError> {
        if field.formula.is_some() {
            return Ok(Leaf::Formula(self.nested(object, id, path)?));
        }
        Ok(match field.ty {
            FieldType::Id => Leaf::Id,
            FieldType::Location => {
                let facts = self.schema.object(object);
                let part = |ending: &str| {
                    facts
                        .enumerate()
                        .find(|(_, f)| {
                            f.compound_field_name.as_deref() == Some(field.name.as_str())
                                && f.name.to_ascii_lowercase().ends_with(ending)
                        })
                        .map(|(id, _)| id)
                };
                match (part("latitude__s"), part("longitude__s")) {
                    (Some(latitude), Some(longitude)) => Leaf::Location(latitude, longitude),
                    _ => return Err(FormulaError::unknown_field(path)),
                }
            }
            _ => Leaf::Field(id),
        })
    }
}

impl Leaf {
    /// Milliseconds of `$System.OriginDateTime`.
    pub(super) const ORIGIN: i64 = ORIGIN_MS;
}

/// A field type as error messages name it.
fn unsupported(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Encryptedstring => "Text (Encrypted)",
        FieldType::Address => "Address",
        FieldType::Base64 => "File",
        _ => "Data Category",
    }
}
