//! Formulas: compiled against the schema when a field is made, computed when a value is read.
//!
//! A formula's value is never stored: SOQL, the record resources, Bulk, SOAP and roll-ups all compute it from the rows as
//! they are, for the user who asks. So a value that moves by itself raises no change event and moves no time stamp.
//!
//! The functions, operators and their rules: <https://help.salesforce.com/s/articleView?id=platform.customize_functions.htm>;
//! words of errors and finer points (what binds tighter, three-valued logic, which dates are the user's and which are UTC)
//! as in Salesforce's published formula engine.

mod arena;
mod check;
mod date;
mod error;
mod eval;
mod function;
mod math;
mod parse;
mod path;
mod read;
mod text;
mod token;
mod types;

#[cfg(test)]
mod tests;

pub use error::FormulaError;
pub use eval::{Context, Subject};
pub(crate) use read::{FormulaColumn, Session, column, fill, zone_of};

use crate::schema::{Blanks, Field, FieldId, FieldType, ObjectId, Schema};
use check::{Checker, Node, Place};
use types::Type;

/// Longest text of a formula, characters (documented).
pub const SOURCE_MAX: usize = 3_900;

/// Largest compiled size, bytes (documented: 15,000). A real org measures the SQL it makes; here the size of a formula
/// with all that it refers to stands for it.
pub const COMPILED_MAX: usize = 15_000;

/// A formula checked against the schema and ready to be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    root: Node,
    size: usize,
    changes_by_itself: bool,
    reads_others: bool,
}

impl Compiled {
    /// Whether its value can only change when its own record is saved: no time, no user, no other record. Only such
    /// formulas can be indexed.
    pub fn is_deterministic(&self) -> bool {
        !self.changes_by_itself && !self.reads_others
    }
}

/// Compiles a formula field's text for this object. For a field that is changed, the schema may hold either definition.
///
/// # Errors
/// As Setup words them: syntax, unknown fields and functions, types that do not fit, a result that is not of
/// `return_type`, a formula that refers to itself, too long.
pub fn compile(
    schema: &Schema,
    object: ObjectId,
    source: &str,
    return_type: FieldType,
    blanks: Blanks,
) -> Result<Compiled, FormulaError> {
    compile_at(schema, Place::Field(object), source, Some(return_type), blanks, (Vec::new(), 0))
}

/// Compiles the text of a default value (`defaultValue` of a custom field), which knows no record.
///
/// # Errors
/// As [`compile`].
pub fn compile_default(schema: &Schema, source: &str, field: &Field) -> Result<Compiled, FormulaError> {
    let wanted = match field.ty {
        // A picklist's default is text.
        FieldType::Picklist | FieldType::Multipicklist => FieldType::String,
        ty => ty,
    };
    compile_at(schema, Place::Default, source, Some(wanted), Blanks::Empty, (Vec::new(), 0))
}

/// Compiles a formula. `within` names the formula fields that refer to it, and how deep it is nested in them.
fn compile_at(
    schema: &Schema,
    place: Place,
    source: &str,
    return_type: Option<FieldType>,
    blanks: Blanks,
    within: (Vec<(ObjectId, FieldId)>, usize),
) -> Result<Compiled, FormulaError> {
    let length = source.chars().count();
    if length > SOURCE_MAX {
        let text = format!("Formula is too long ({length} characters). Maximum length is {SOURCE_MAX} characters");
        return Err(FormulaError::new(text));
    }
    let ast = parse::parse(source)?;
    let mut checker = Checker {
        schema,
        place,
        blanks,
        stack: within.0,
        depth: within.1,
        changes_by_itself: false,
        reads_others: false,
        nested_size: 0,
        relationships: Vec::new(),
    };
    let (root, ty) = checker.check(&ast)?;
    if let Some(wanted) = return_type.and_then(Type::of_field)
        && !ty.fits(wanted)
    {
        return Err(FormulaError::new(format!(
            "Formula result is data type ({}), incompatible with expected data type ({}).",
            ty.name(),
            wanted.name()
        )));
    }
    let own = source.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum::<usize>();
    let size = own.saturating_add(checker.nested_size);
    if size > COMPILED_MAX {
        let text = format!(
            "Compiled formula is too big to execute ({size} characters). Maximum size is {COMPILED_MAX} characters"
        );
        return Err(FormulaError::new(text));
    }
    let Checker { changes_by_itself, reads_others, .. } = checker;
    Ok(Compiled { root, size, changes_by_itself, reads_others })
}
