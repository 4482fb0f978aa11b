//! Formulas: compiled against the schema when a field is made, computed when a value is read.
//!
//! The functions, operators and their rules: <https://help.salesforce.com/s/articleView?id=platform.customize_functions.htm>.

mod error;
mod parse;
mod token;
mod types;

pub use error::FormulaError;

use crate::schema::{Blanks, FieldId, FieldType, ObjectId, Schema};
use parse::Ast;
use types::Type;

/// Longest text of a formula, characters (documented).
pub const SOURCE_MAX: usize = 3_900;

/// A formula checked against the schema and ready to be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(types::Val),
    Field(FieldId),
}

/// Compiles a formula field's text for this object.
///
/// # Errors
/// As Setup words them: syntax, unknown fields and functions, types that do not fit, a result that is not of
/// `return_type`, too long.
pub fn compile(
    schema: &Schema,
    object: ObjectId,
    source: &str,
    return_type: FieldType,
    blanks: Blanks,
) -> Result<Compiled, FormulaError> {
    let _ = blanks;
    let length = source.chars().count();
    if length > SOURCE_MAX {
        let text = format!("Formula is too long ({length} characters). Maximum length is {SOURCE_MAX} characters");
        return Err(FormulaError::new(text));
    }
    let (root, ty) = match parse::parse(source)? {
        Ast::Number(n) => (Node::Literal(types::Val::Number(n)), Type::Number),
        Ast::Text(text) => (Node::Literal(types::Val::Text(text)), Type::Text),
        Ast::Bool(b) => (Node::Literal(types::Val::Bool(b)), Type::Boolean),
        Ast::Null => (Node::Literal(types::Val::Null), Type::Null),
        Ast::Field(path) => {
            let (id, field) =
                schema.object(object).field(&path).ok_or_else(|| FormulaError::unknown_field(&path))?;
            (Node::Field(id), Type::of_field(field.ty).ok_or_else(|| FormulaError::unknown_field(&path))?)
        }
        Ast::Call(name, _) => return Err(FormulaError::unknown_function(&name)),
        Ast::Negate(_) | Ast::Binary(..) => return Err(FormulaError::found("operator")),
    };
    let wanted = Type::of_field(return_type).unwrap_or(Type::Text);
    if !ty.fits(wanted) {
        let text = format!(
            "Formula result is data type ({}), incompatible with expected data type ({}).",
            ty.name(),
            wanted.name()
        );
        return Err(FormulaError::new(text));
    }
    Ok(Compiled { root })
}
