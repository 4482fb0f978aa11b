//! Computing a compiled formula for a record.
//!
//! Salesforce computes formulas in its database: logic is three-valued (a comparison with no value has none, and `IF`
//! takes it for false), text without a value is empty text, and one part that cannot be computed (a division by zero)
//! makes the whole `#Error!`, which the APIs show as null.

use std::cmp::Ordering;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::check::Node;
use super::function::Function;
use super::parse::Operator;
use super::path::{Leaf, Read, Root};
use super::types::Val;
use super::{Compiled, date, math, text};
use crate::schema::{Field, FieldId, FieldType, ObjectId, Schema};
use crate::store::{Row, Store, Values};
use crate::{Millis, RecordId, Value};

/// What a formula is computed against, besides its record.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Objects and fields, for formulas that have to be looked up.
    pub schema: &'a Schema,
    /// Other records.
    pub store: &'a Store,
    /// Who asks: `$User`.
    pub user: RecordId,
    /// The time.
    pub now: Millis,
    /// The time zone of who asks: what `TODAY()` is, and which day an instant falls on.
    pub zone: &'a TimeZone,
}

/// The record that a formula is computed for.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A stored record.
    Row(RecordId, &'a Row),
    /// A record that is being saved.
    Values(RecordId, &'a Values),
    /// None: a default value.
    None,
}

/// A value that cannot be computed: `#Error!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure;

pub(super) type Computed = Result<Val, Failure>;

impl Subject<'_> {
    fn id(&self) -> Option<RecordId> {
        match self {
            Subject::Row(id, _) | Subject::Values(id, _) => Some(*id),
            Subject::None => None,
        }
    }

    fn get(&self, field: FieldId) -> Value {
        match self {
            Subject::Row(_, row) => row.get(field),
            Subject::Values(_, values) => values.get(&field).cloned().unwrap_or(Value::Null),
            Subject::None => Value::Null,
        }
    }
}

impl Compiled {
    /// The formula's value as a field of this definition shows it: numbers at the field's scale, halves rounded away
    /// from zero, text of at most the field's length. What cannot be computed is null; a checkbox is false then.
    pub fn value(&self, context: &Context<'_>, subject: Subject<'_>, field: &Field) -> Value {
        let computed = self.raw(context, subject).unwrap_or(Val::Null);
        let value = match computed {
            Val::Null | Val::Geo(..) => Value::Null,
            Val::Text(text) if text.is_empty() => Value::Null,
            Val::Text(text) if field.length > 0 && text.len() > field.length as usize => {
                Value::Text(text.chars().take(field.length as usize).collect())
            }
            Val::Text(text) => Value::Text(text),
            Val::Number(number) => {
                let shown = if field.ty == FieldType::Percent {
                    number.checked_mul(Decimal::ONE_HUNDRED)
                } else {
                    Some(number)
                };
                match (shown, field.ty) {
                    (None, _) => Value::Null,
                    (Some(number), FieldType::Int | FieldType::Long) => {
                        i64::try_from(math::round(number, 0)).map_or(Value::Null, Value::Int)
                    }
                    (Some(number), _) => {
                        let mut rounded = math::round(number, field.scale);
                        rounded.rescale(field.scale);
                        Value::Decimal(rounded)
                    }
                }
            }
            Val::Bool(b) => Value::Bool(b),
            Val::Date(date) => Value::Date(date),
            Val::DateTime(ms) => Value::DateTime(ms),
            Val::Time(ms) => u32::try_from(ms).map_or(Value::Null, Value::Time),
        };
        match value {
            Value::Null if field.ty == FieldType::Boolean => Value::Bool(false),
            value => value,
        }
    }

    /// The value before it takes the field's form; percents are in ones.
    pub(super) fn raw(&self, context: &Context<'_>, subject: Subject<'_>) -> Computed {
        Evaluator { context, subject }.eval(&self.root)
    }
}

struct Evaluator<'c, 'a> {
    context: &'c Context<'a>,
    subject: Subject<'c>,
}

impl Evaluator<'_, '_> {
    fn eval(&self, node: &Node) -> Computed {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Read(read) => self.read(read),
            Node::Negate(inner) => Ok(match self.eval(inner)? {
                Val::Number(n) => Val::Number(-n),
                _ => Val::Null,
            }),
            Node::IsNull(inner) => Ok(Val::Bool(self.eval(inner)?.is_blank())),
            Node::Binary(..) => self.chain(node),
            Node::Call(function, nodes) => self.call(*function, nodes),
        }
    }

    /// A chain of operators: walked, for it may be long.
    fn chain(&self, node: &Node) -> Computed {
        let (mut first, mut rest) = (node, Vec::new());
        while let Node::Binary(operator, left, right) = first {
            rest.push((*operator, right));
            first = left;
        }
        let mut found = self.eval(first)?;
        while let Some((operator, right)) = rest.pop() {
            found = binary(operator, found, self.eval(right)?)?;
        }
        Ok(found)
    }

    fn read(&self, read: &Read) -> Computed {
        let found = self.stored(read)?;
        Ok(match found {
            Val::Null if read.zero => Val::Number(Decimal::ZERO),
            Val::Number(n) if read.percent => Val::Number(n.checked_div(Decimal::ONE_HUNDRED).ok_or(Failure)?),
            found => found,
        })
    }

    fn stored(&self, read: &Read) -> Computed {
        if read.leaf == Leaf::Origin {
            return Ok(Val::DateTime(Leaf::ORIGIN));
        }
        let store = self.context.store;
        let row = |object: ObjectId, id: RecordId| store.get(object, id);
        // Where the path starts, and then each parent in turn.
        let mut here: Subject<'_> = match read.root {
            Root::Record => self.subject,
            Root::User(object) => match row(object, self.context.user) {
                Some(row) => Subject::Row(self.context.user, row),
                None => return Ok(Val::Null),
            },
            Root::Organization(object) => match store.table(object).and_then(|table| table.rows().next()) {
                Some((id, row)) => Subject::Row(id, row),
                None => return Ok(Val::Null),
            },
        };
        for step in &read.steps {
            let Value::Id(parent) = here.get(step.field) else { return Ok(no_value(read)) };
            let Some(found) = row(step.target, parent) else { return Ok(no_value(read)) };
            here = Subject::Row(parent, found);
        }
        Ok(match &read.leaf {
            Leaf::Id => here.id().map_or(Val::Null, |id| Val::Text(id.as_15().to_owned())),
            Leaf::Field(field) => match (here.get(*field), read.ty) {
                (Value::Null, super::Type::Boolean) => Val::Bool(false),
                (value, _) => Val::from_value(value),
            },
            Leaf::Formula(compiled) => match compiled.raw(self.context, here)? {
                Val::Null if read.ty == super::Type::Boolean => Val::Bool(false),
                value => value,
            },
            Leaf::Location(latitude, longitude) => {
                match (Val::from_value(here.get(*latitude)), Val::from_value(here.get(*longitude))) {
                    (Val::Number(a), Val::Number(b)) => Val::Geo(math::float(a)?, math::float(b)?),
                    _ => Val::Null,
                }
            }
            Leaf::Origin => Val::Null,
        })
    }

    fn call(&self, function: Function, nodes: &[Node]) -> Computed {
        match function {
            // What decides which other part is looked at.
            Function::If => match (nodes, nodes.first().map(|condition| self.eval(condition))) {
                (_, Some(Err(failure))) => Err(failure),
                ([_, yes, _], Some(Ok(Val::Bool(true)))) => self.eval(yes),
                ([_, _, no], _) => self.eval(no),
                _ => Err(Failure),
            },
            Function::And => self.logical(nodes, false),
            Function::Or => self.logical(nodes, true),
            Function::Case => self.case(nodes),
            Function::BlankValue => match nodes {
                [value, other] => match self.eval(value)? {
                    value if value.is_blank() => self.eval(other),
                    value => Ok(value),
                },
                _ => Err(Failure),
            },
            Function::Now => Ok(Val::DateTime(self.context.now.div_euclid(1000) * 1000)),
            Function::Today => date::day_of(self.context.now, self.context.zone),
            Function::TimeNow => Ok(Val::Time(self.context.now.rem_euclid(date::DAY_MS))),
            _ => {
                let values = nodes.iter().map(|node| self.eval(node)).collect::<Result<Vec<_>, _>>()?;
                if let Some(done) = math::call(function, &values) {
                    return done;
                }
                if let Some(done) = date::call(function, &values, self.context.zone) {
                    return done;
                }
                text::call(function, &values).unwrap_or(Err(Failure))
            }
        }
    }

    /// `AND` (looking for false) or `OR` (looking for true).
    fn logical(&self, nodes: &[Node], decides: bool) -> Computed {
        let mut unknown = false;
        for node in nodes {
            match self.eval(node)? {
                Val::Bool(b) if b == decides => return Ok(Val::Bool(decides)),
                Val::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Val::Null } else { Val::Bool(!decides) })
    }

    fn case(&self, nodes: &[Node]) -> Computed {
        let [subject, arms @ .., otherwise] = nodes else { return Err(Failure) };
        let subject = self.eval(subject)?;
        for arm in arms.chunks(2) {
            let [wanted, result] = arm else { return Err(Failure) };
            let wanted = self.eval(wanted)?;
            // A blank matches the arm for blanks (`CASE(Status, "", …)`).
            let is_it = match (&subject, &wanted) {
                (a, b) if a.is_blank() && b.is_blank() => true,
                (a, b) => compare(a, b) == Some(Ordering::Equal),
            };
            if is_it {
                return self.eval(result);
            }
        }
        self.eval(otherwise)
    }
}

/// What stands for a field of a parent that is not there: a checkbox is false.
fn no_value(read: &Read) -> Val {
    if read.ty == super::Type::Boolean { Val::Bool(false) } else { Val::Null }
}

/// The order of two values of one type; `None` where one has no value.
pub(super) fn compare(a: &Val, b: &Val) -> Option<Ordering> {
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
        (Val::Number(a), Val::Number(b)) => Some(a.cmp(b)),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Date(a), Val::Date(b)) => Some(a.cmp(b)),
        (Val::DateTime(a), Val::DateTime(b)) | (Val::Time(a), Val::Time(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn binary(operator: Operator, left: Val, right: Val) -> Computed {
    let truth = |found: Option<bool>| Ok(found.map_or(Val::Null, Val::Bool));
    match operator {
        Operator::Concat => Ok(Val::Text(text::of(&left).into_owned() + &text::of(&right))),
        Operator::Equal | Operator::NotEqual => {
            // Text without a value is empty text.
            let is_text = matches!((&left, &right), (Val::Text(_), _) | (_, Val::Text(_)));
            let equal = match (is_text, left.is_blank(), right.is_blank()) {
                (true, a, b) if a || b => Some(a && b),
                _ => compare(&left, &right).map(|o| o == Ordering::Equal),
            };
            truth(equal.map(|equal| equal == (operator == Operator::Equal)))
        }
        Operator::Less => truth(compare(&left, &right).map(|o| o == Ordering::Less)),
        Operator::LessOrEqual => truth(compare(&left, &right).map(|o| o != Ordering::Greater)),
        Operator::Greater => truth(compare(&left, &right).map(|o| o == Ordering::Greater)),
        Operator::GreaterOrEqual => truth(compare(&left, &right).map(|o| o != Ordering::Less)),
        Operator::Add => match (left, right) {
            (Val::Text(a), b) => Ok(Val::Text(a + &text::of(&b))),
            (Val::Null, Val::Text(b)) => Ok(Val::Text(b)),
            (Val::Number(n), when @ (Val::Date(_) | Val::DateTime(_) | Val::Time(_))) => date::shift(when, n),
            (when @ (Val::Date(_) | Val::DateTime(_) | Val::Time(_)), Val::Number(n)) => date::shift(when, n),
            (a, b) => math::binary(operator, a, b),
        },
        Operator::Subtract => match (left, right) {
            (when @ (Val::Date(_) | Val::DateTime(_) | Val::Time(_)), Val::Number(n)) => date::shift(when, -n),
            (a @ (Val::Date(_) | Val::DateTime(_) | Val::Time(_)), b) => date::between(&a, &b),
            (a, b) => math::binary(operator, a, b),
        },
        Operator::Multiply | Operator::Divide | Operator::Power => math::binary(operator, left, right),
    }
}
