//! The checker: names looked up in the schema, types compared, and a tree that is ready to be computed.

use std::sync::Arc;

use super::function::{self, Function, Spec};
use super::parse::{Ast, Operator};
use super::types::{Type, Val};
use super::{Compiled, FormulaError, path};
use crate::schema::{Blanks, FieldId, ObjectId, Schema};

/// What kind of formula it is: what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A formula field: the record's fields and those of its parents.
    Field(ObjectId),
    /// A default value: there is no record yet.
    Default,
}

/// A part of a compiled formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Val),
    Read(path::Read),
    Call(Function, Vec<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `=` or `<>` with the literal `NULL`: whether there is no value.
    IsNull(Box<Node>),
}

/// How deep a formula may nest together with those it refers to, so that computing it needs a bounded stack.
const DEPTH_MAX: usize = 200;

pub(super) struct Checker<'a> {
    pub(super) schema: &'a Schema,
    pub(super) place: Place,
    pub(super) blanks: Blanks,
    /// Formula fields that are being compiled, outermost first.
    pub(super) stack: Vec<(ObjectId, FieldId)>,
    /// How deep the part that is being checked is nested.
    pub(super) depth: usize,
    /// Whether the value depends on the time, or on who asks.
    pub(super) changes_by_itself: bool,
    /// Whether a field of another record is read.
    pub(super) reads_others: bool,
    /// Sizes of the formulas that this one refers to.
    pub(super) nested_size: usize,
    /// Relationships followed, each counted once.
    pub(super) relationships: Vec<(ObjectId, FieldId)>,
}

type Typed = (Node, Type);

impl Checker<'_> {
    /// A part with its type. Picklists are let through: who takes the part decides.
    pub(super) fn check(&mut self, ast: &Ast) -> Result<Typed, FormulaError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let text = format!("Compiled formula is too big to execute (it nests deeper than {DEPTH_MAX} levels).");
            return Err(FormulaError::new(text));
        }
        let checked = self.check_part(ast);
        self.depth -= 1;
        checked
    }

    fn check_part(&mut self, ast: &Ast) -> Result<Typed, FormulaError> {
        Ok(match ast {
            Ast::Number(number) => (Node::Literal(Val::Number(*number)), Type::Number),
            Ast::Text(text) => (Node::Literal(Val::Text(text.clone())), Type::Text),
            Ast::Bool(b) => (Node::Literal(Val::Bool(*b)), Type::Boolean),
            Ast::Null => (Node::Literal(Val::Null), Type::Null),
            Ast::Field(path) => {
                let read = self.read(path)?;
                let ty = read.ty;
                (Node::Read(read), ty)
            }
            Ast::Negate(inner) => {
                let (node, ty) = self.plain(inner)?;
                if !ty.fits(Type::Number) {
                    return Err(FormulaError::wrong_type("operator '-'", Type::Number.name(), ty.name()));
                }
                (Node::Negate(Box::new(node)), Type::Number)
            }
            Ast::Binary(..) => self.chain(ast)?,
            Ast::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    /// A part that is no picklist.
    fn plain(&mut self, ast: &Ast) -> Result<Typed, FormulaError> {
        let (node, ty) = self.check(ast)?;
        let kind = match ty {
            Type::Picklist => "picklist",
            Type::MultiPicklist => "multi-select picklist",
            _ => return Ok((node, ty)),
        };
        let name = if let Ast::Field(path) = ast { path.as_str() } else { "" };
        let capital = if ty == Type::Picklist { "Picklist" } else { "Multi-select picklist" };
        Err(FormulaError::new(format!(
            "Field {name} is a {kind} field. {capital} fields are only supported in certain functions."
        )))
    }

    /// A chain of operators, which leans to the left and may be long: walked, not descended.
    fn chain(&mut self, ast: &Ast) -> Result<Typed, FormulaError> {
        let (mut first, mut rest) = (ast, Vec::new());
        while let Ast::Binary(operator, left, right) = first {
            rest.push((*operator, right));
            first = left;
        }
        let mut found = self.plain(first)?;
        while let Some((operator, right)) = rest.pop() {
            let right = self.plain(right)?;
            found = binary(operator, found, right)?;
        }
        Ok(found)
    }

    fn call(&mut self, name: &str, arguments: &[Ast]) -> Result<Typed, FormulaError> {
        let Some(spec) = function::find(name) else {
            return Err(match function::is_elsewhere(name) {
                true => FormulaError::not_here(name),
                false => FormulaError::unknown_function(name),
            });
        };
        self.changes_by_itself |= matches!(spec.function, Function::Now | Function::Today | Function::TimeNow);
        let what = format!("function '{name}()'");
        if spec.own_rule {
            return self.own_rule(&spec, &what, arguments);
        }
        let count = arguments.len();
        if count < spec.required || (count > spec.params.len() && !spec.repeats) {
            return Err(FormulaError::wrong_count(&what, &spec.required.to_string(), count));
        }
        let mut nodes = Vec::with_capacity(count);
        for (at, argument) in arguments.iter().enumerate() {
            let Some(allowed) = spec.params.get(at).or(spec.params.last()) else { continue };
            let takes_lists = allowed.contains(&Type::MultiPicklist);
            let (node, ty) = if takes_lists { self.check(argument)? } else { self.plain(argument)? };
            if !allowed.iter().any(|wanted| ty.fits(*wanted)) {
                let expected: Vec<&str> = allowed.iter().map(|t| t.name()).collect();
                return Err(FormulaError::wrong_type(&what, &expected.join(", "), ty.name()));
            }
            nodes.push(node);
        }
        self.check_literals(spec.function, &what, &nodes)?;
        Ok((Node::Call(spec.function, nodes), spec.result.unwrap_or(Type::Text)))
    }

    /// What can be said of literals before any value is computed.
    fn check_literals(&self, function: Function, what: &str, nodes: &[Node]) -> Result<(), FormulaError> {
        let literal = |at: usize| match nodes.get(at) {
            Some(Node::Literal(Val::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        match function {
            Function::Regex => {
                if let Some(pattern) = literal(1)
                    && let Err(reason) = super::text::regex(pattern)
                {
                    return Err(FormulaError::new(format!("Incorrect parameter value for {what}. {reason}")));
                }
            }
            Function::Distance => {
                if let Some(unit) = literal(2)
                    && !["mi", "km"].iter().any(|known| known.eq_ignore_ascii_case(unit))
                {
                    let text = format!("Incorrect parameter value for {what}. Expected 'mi'/'km', received '{unit}'");
                    return Err(FormulaError::new(text));
                }
            }
            Function::Hyperlink | Function::Image
                if literal(0).is_some_and(|url| url.trim_start().to_ascii_lowercase().starts_with("javascript:")) =>
            {
                let text = format!("Incorrect argument value for {what}. Javascript is not allowed.");
                return Err(FormulaError::new(text));
            }
            _ => {}
        }
        Ok(())
    }

    /// Functions whose parameters depend on each other.
    fn own_rule(&mut self, spec: &Spec, what: &str, arguments: &[Ast]) -> Result<Typed, FormulaError> {
        let count = arguments.len();
        let counted = |expected: &str, is_right: bool| match is_right {
            true => Ok(()),
            false => Err(FormulaError::wrong_count(what, expected, count)),
        };
        match spec.function {
            Function::If => {
                counted("3", count == 3)?;
                let (condition, ty) = self.plain(&arguments[0])?;
                if !ty.fits(Type::Boolean) {
                    return Err(FormulaError::wrong_type(what, Type::Boolean.name(), ty.name()));
                }
                let (yes, yes_ty) = self.plain(&arguments[1])?;
                let (no, no_ty) = self.plain(&arguments[2])?;
                let ty = same(what, yes_ty, no_ty)?;
                Ok((Node::Call(Function::If, vec![condition, yes, no]), ty))
            }
            Function::Case => {
                counted("at least 4", count >= 4)?;
                counted(&(count + 1).to_string(), count.is_multiple_of(2))?;
                let (subject, subject_ty) = self.check(&arguments[0])?;
                if subject_ty == Type::MultiPicklist || subject_ty == Type::Boolean {
                    return Err(FormulaError::wrong_type(
                        what,
                        "Number, Text, Date, DateTime, Picklist",
                        subject_ty.name(),
                    ));
                }
                let wanted = if subject_ty == Type::Picklist { Type::Text } else { subject_ty };
                let (mut nodes, mut result) = (vec![subject], Type::Null);
                let last = count - 1;
                for (at, argument) in arguments.iter().enumerate().skip(1) {
                    let (node, ty) = self.plain(argument)?;
                    if at % 2 == 1 && at != last {
                        if !ty.fits(wanted) && wanted != Type::Null {
                            return Err(FormulaError::wrong_type(what, wanted.name(), ty.name()));
                        }
                    } else {
                        result = same(what, result, ty)?;
                    }
                    nodes.push(node);
                }
                Ok((Node::Call(Function::Case, nodes), result))
            }
            Function::BlankValue => {
                counted("2", count == 2)?;
                let (value, value_ty) = self.plain(&arguments[0])?;
                let (other, other_ty) = self.plain(&arguments[1])?;
                let ty = same(what, value_ty, other_ty)?;
                Ok((Node::Call(Function::BlankValue, vec![value, other]), ty))
            }
            Function::IsBlank => {
                counted("1", count == 1)?;
                let (node, ty) = self.check(&arguments[0])?;
                if ty == Type::Boolean {
                    let expected = "Text, Number, Date, DateTime, Time, Picklist";
                    return Err(FormulaError::wrong_type(what, expected, ty.name()));
                }
                Ok((Node::Call(Function::IsBlank, vec![node]), Type::Boolean))
            }
            Function::IsPickVal | Function::Includes => {
                counted("2", count == 2)?;
                let wanted = if spec.function == Function::Includes { Type::MultiPicklist } else { Type::Picklist };
                let (field, field_ty) = self.check(&arguments[0])?;
                if field_ty != wanted {
                    return Err(FormulaError::wrong_type(what, wanted.name(), field_ty.name()));
                }
                let (value, ty) = self.plain(&arguments[1])?;
                if !matches!(value, Node::Literal(Val::Text(_))) {
                    return Err(FormulaError::wrong_type(what, "Text Literal", ty.name()));
                }
                Ok((Node::Call(spec.function, vec![field, value]), Type::Boolean))
            }
            Function::Text => {
                counted("1", count == 1)?;
                let (node, ty) = self.check(&arguments[0])?;
                let takes = [Type::Number, Type::Date, Type::DateTime, Type::Time, Type::Picklist];
                if !takes.iter().any(|wanted| ty.fits(*wanted)) {
                    return Err(FormulaError::wrong_type(what, "Number, Date, DateTime, Picklist", ty.name()));
                }
                Ok((Node::Call(Function::Text, vec![node]), Type::Text))
            }
            Function::AddMonths => {
                counted("2", count == 2)?;
                let (date, ty) = self.plain(&arguments[0])?;
                if !matches!(ty, Type::Date | Type::DateTime) {
                    return Err(FormulaError::wrong_type(what, "Date, DateTime", ty.name()));
                }
                let (months, months_ty) = self.plain(&arguments[1])?;
                if !months_ty.fits(Type::Number) {
                    return Err(FormulaError::wrong_type(what, Type::Number.name(), months_ty.name()));
                }
                Ok((Node::Call(Function::AddMonths, vec![date, months]), ty))
            }
            Function::FormatDuration => {
                counted("1", (1..=2).contains(&count))?;
                let (first, ty) = self.plain(&arguments[0])?;
                let (second, wanted) = match (count, ty) {
                    (1, Type::Number) => return Ok((Node::Call(spec.function, vec![first]), Type::Text)),
                    (2, Type::Number) => (self.plain(&arguments[1])?, Type::Boolean),
                    (2, Type::DateTime | Type::Time) => (self.plain(&arguments[1])?, ty),
                    _ => return Err(FormulaError::wrong_type(what, "Number, DateTime, Time", ty.name())),
                };
                if !second.1.fits(wanted) {
                    return Err(FormulaError::wrong_type(what, wanted.name(), second.1.name()));
                }
                Ok((Node::Call(spec.function, vec![first, second.0]), Type::Text))
            }
            _ => Err(FormulaError::not_here(what)),
        }
    }

    /// Compiles the formula field that this one refers to.
    pub(super) fn nested(&mut self, object: ObjectId, id: FieldId, shown: &str) -> Result<Arc<Compiled>, FormulaError> {
        let field = self.schema.object(object).field_at(id);
        let Some(formula) = &field.formula else { return Err(FormulaError::unknown_field(shown)) };
        if self.stack.contains(&(object, id)) {
            return Err(FormulaError::new(
                "Formula cannot use another formula field that directly or indirectly refers to itself.",
            ));
        }
        let mut stack = self.stack.clone();
        stack.push((object, id));
        let place = Place::Field(object);
        let compiled =
            super::compile_at(self.schema, place, &formula.source, Some(field.ty), formula.blanks, (stack, self.depth))
                .map_err(|e| {
                    FormulaError::new(format!("Error in referenced formula {}, {}", field.label, e.message))
                })?;
        self.changes_by_itself |= compiled.changes_by_itself;
        self.reads_others |= compiled.reads_others;
        self.nested_size = self.nested_size.saturating_add(compiled.size);
        Ok(Arc::new(compiled))
    }
}

/// The common type of two results.
fn same(what: &str, first: Type, second: Type) -> Result<Type, FormulaError> {
    match (first, second) {
        (Type::Null, ty) | (ty, Type::Null) => Ok(ty),
        (a, b) if a == b => Ok(a),
        (a, b) => Err(FormulaError::wrong_type(what, a.name(), b.name())),
    }
}

/// Two operands under an operator.
fn binary(operator: Operator, (left, l): Typed, (right, r): Typed) -> Result<Typed, FormulaError> {
    use Type::{Boolean, Date, DateTime, Null, Number, Text, Time};
    let what = format!("operator '{}'", operator.name());
    let wrong = |expected: &str, received: Type| Err(FormulaError::wrong_type(&what, expected, received.name()));
    let many = "Number, Date, DateTime";
    let ty = match operator {
        Operator::Add => match (l, r) {
            (Number | Null, Number | Null) => Number,
            (Text, Text | Null) | (Null, Text) => Text,
            (Text, _) => return wrong("Text", r),
            (Date, Number | Null) | (Number | Null, Date) => Date,
            (DateTime, Number | Null) | (Number | Null, DateTime) => DateTime,
            (Time, Number | Null) | (Number | Null, Time) => Time,
            (Number | Date | DateTime | Time, _) => return wrong("Number", r),
            _ => return wrong(many, l),
        },
        Operator::Subtract => match (l, r) {
            (Number | Null, Number | Null) | (Date, Date) | (DateTime, DateTime) | (Time, Time) => Number,
            (Date, Number | Null) => Date,
            (DateTime, Number | Null) => DateTime,
            (Time, Number | Null) => Time,
            (Number | Date | DateTime | Time, _) => return wrong("Number", r),
            _ => return wrong(many, l),
        },
        Operator::Multiply | Operator::Divide | Operator::Power => match (l, r) {
            (Number | Null, Number | Null) => Number,
            (Number | Null, _) => return wrong("Number", r),
            _ => return wrong("Number", l),
        },
        Operator::Concat => match (l, r) {
            (Text | Null, Text | Null) => Text,
            (Text | Null, _) => return wrong("Text", r),
            _ => return wrong("Text", l),
        },
        Operator::Equal | Operator::NotEqual => {
            if l != r && l != Null && r != Null {
                return wrong(l.name(), r);
            }
            if l == Type::Geolocation || r == Type::Geolocation {
                return wrong("Number, Text, Date, DateTime, Boolean", Type::Geolocation);
            }
            Boolean
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            if let Some(bad) = [l, r].into_iter().find(|t| matches!(t, Boolean | Type::Geolocation)) {
                return wrong(many, bad);
            }
            if l != r && l != Null && r != Null {
                return wrong(l.name(), r);
            }
            Boolean
        }
    };
    let of_null = match (l, r) {
        (_, Null) => Some(&left),
        (Null, _) => Some(&right),
        _ => None,
    };
    let node = match (operator, of_null) {
        (Operator::Equal, Some(part)) => Node::IsNull(Box::new(part.clone())),
        (Operator::NotEqual, Some(part)) => Node::Call(Function::Not, vec![Node::IsNull(Box::new(part.clone()))]),
        _ => Node::Binary(operator, Box::new(left), Box::new(right)),
    };
    Ok((node, ty))
}
