//! The tree back into text: keywords in upper case, single spaces, strings escaped.
//!
//! `parse(&query.to_string())` gives back the same query.

use std::fmt::{Display, Formatter, Result, Write as _};

use crate::ast::{
    Argument, Comparison, Condition, Count, DataCategory, DateLiteral, Direction, FieldPath, FieldSet, ForClause, From,
    Function, GroupBy, Literal, LookupBind, Name, Nulls, Operand, Operator, OrderItem, Query, Right, SelectItem,
    TypeOf, UpdateClause, Value, With,
};

/// A SOQL string literal: quotes around, everything inside escaped that could end or bend it.
///
/// ```
/// assert_eq!(tidegate_soql::quote_string("O'Hara \\ Sons"), r"'O\'Hara \\ Sons'");
/// ```
pub fn quote_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        escape_char(c, &mut out);
    }
    out.push('\'');
    out
}

/// The string literal of a LIKE pattern, in which `\_`, `\%` and `\\` are escapes already; a backslash before anything
/// else stands for itself.
pub(crate) fn quote_pattern(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 2);
    out.push('\'');
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            escape_char(c, &mut out);
            continue;
        }
        match chars.next_if(|next| matches!(next, '_' | '%' | '\\')) {
            Some(next) => out.extend(['\\', next]),
            None => out.push_str("\\\\"),
        }
    }
    out.push('\'');
    out
}

fn escape_char(c: char, out: &mut String) {
    match c {
        '\'' => out.push_str("\\'"),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        // `\f` is documented, but Salesforce's published grammar refuses it; by its number every parser reads it.
        // Other controls, and what some programs take for a line's end, travel badly as they are.
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{unit:04X}");
            }
        }
        c => out.push(c),
    }
}

/// Writes items with a separator between them.
pub(crate) fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn alias(f: &mut Formatter<'_>, alias: Option<&Name>) -> Result {
    match alias {
        Some(name) => write!(f, " {name}"),
        None => Ok(()),
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.text)
    }
}

impl Display for FieldPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        join(f, &self.segments, ".")
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("SELECT ")?;
        join(f, &self.select, ", ")?;
        write!(f, " FROM {}", self.from)?;
        match (&self.scope, &self.lookup) {
            (Some(scope), None) => write!(f, " USING SCOPE {scope}")?,
            (Some(scope), Some(lookup)) => write!(f, " USING SCOPE {scope}, LOOKUP {}", lookup.field)?,
            (None, Some(lookup)) => write!(f, " USING LOOKUP {}", lookup.field)?,
            (None, None) => {}
        }
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if let Some(with) = &self.with {
            write!(f, " WITH {with}")?;
        }
        if let Some(group_by) = &self.group_by {
            write!(f, " GROUP BY {group_by}")?;
        }
        if let Some(having) = &self.having {
            write!(f, " HAVING {having}")?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            join(f, &self.order_by, ", ")?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = &self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        if let Some(lookup) = self.lookup.as_ref().filter(|lookup| !lookup.binds.is_empty()) {
            f.write_str(" BIND ")?;
            join(f, &lookup.binds, ", ")?;
        }
        for clause in &self.for_clauses {
            write!(f, " {clause}")?;
        }
        if !self.update.is_empty() {
            f.write_str(" UPDATE ")?;
            join(f, &self.update, ", ")?;
        }
        if self.all_rows {
            f.write_str(" ALL ROWS")?;
        }
        Ok(())
    }
}

impl Display for From {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.object)?;
        alias(f, self.alias.as_ref())?;
        for (path, name) in &self.also {
            write!(f, ", {path}")?;
            alias(f, name.as_ref())?;
        }
        Ok(())
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Count::Number(number, _) => write!(f, "{number}"),
            Count::Bind(name) => write!(f, ":{name}"),
        }
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            SelectItem::Field(path, name) => {
                write!(f, "{path}")?;
                alias(f, name.as_ref())
            }
            SelectItem::Count(_) => f.write_str("COUNT()"),
            SelectItem::Function(function, name) => {
                write!(f, "{function}")?;
                alias(f, name.as_ref())
            }
            SelectItem::Fields(set, _) => write!(f, "FIELDS({set})"),
            SelectItem::Subquery(query) => write!(f, "({query})"),
            SelectItem::TypeOf(type_of) => write!(f, "{type_of}"),
        }
    }
}

impl Display for FieldSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            FieldSet::All => "ALL",
            FieldSet::Custom => "CUSTOM",
            FieldSet::Standard => "STANDARD",
        })
    }
}

impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.name)?;
        join(f, &self.arguments, ", ")?;
        f.write_str(")")
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Argument::Field(path) => write!(f, "{path}"),
            Argument::Function(function) => write!(f, "{function}"),
            Argument::Value(value) => write!(f, "{value}"),
        }
    }
}

impl Display for TypeOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "TYPEOF {}", self.relationship)?;
        for (object, fields) in &self.when {
            write!(f, " WHEN {object} THEN ")?;
            join(f, fields, ", ")?;
        }
        if !self.otherwise.is_empty() {
            f.write_str(" ELSE ")?;
            join(f, &self.otherwise, ", ")?;
        }
        f.write_str(" END")
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let chain = |f: &mut Formatter<'_>, all: &[Condition], word: &str| {
            for (index, condition) in all.iter().enumerate() {
                if index > 0 {
                    f.write_str(word)?;
                }
                part(f, condition)?;
            }
            Ok(())
        };
        match self {
            Condition::And(all) => chain(f, all, " AND "),
            Condition::Or(all) => chain(f, all, " OR "),
            Condition::Not(inner) => {
                f.write_str("NOT ")?;
                part(f, inner)
            }
            Condition::Compare(comparison) => write!(f, "{comparison}"),
        }
    }
}

/// A condition inside another: everything but a comparison needs its parentheses.
fn part(f: &mut Formatter<'_>, condition: &Condition) -> Result {
    match condition {
        Condition::Compare(comparison) => write!(f, "{comparison}"),
        other => write!(f, "({other})"),
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {} ", self.left, self.operator)?;
        match (&self.right, self.operator) {
            (Right::Value(Value { literal: Literal::String(pattern), .. }), Operator::Like) => {
                f.write_str(&quote_pattern(pattern))
            }
            (right, _) => write!(f, "{right}"),
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Operand::Field(path) => write!(f, "{path}"),
            Operand::Function(function) => write!(f, "{function}"),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Operator::Eq => "=",
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
            Operator::Like => "LIKE",
            Operator::In => "IN",
            Operator::NotIn => "NOT IN",
            Operator::Includes => "INCLUDES",
            Operator::Excludes => "EXCLUDES",
        })
    }
}

impl Display for Right {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Right::Value(value) => write!(f, "{value}"),
            Right::List(values) => {
                f.write_str("(")?;
                join(f, values, ", ")?;
                f.write_str(")")
            }
            Right::Subquery(query) => write!(f, "({query})"),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.literal)
    }
}

/// The literal as it stands anywhere but after LIKE.
impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Literal::String(text) => f.write_str(&quote_string(text)),
            Literal::Number(number) => write!(f, "{number}"),
            Literal::Boolean(true) => f.write_str("TRUE"),
            Literal::Boolean(false) => f.write_str("FALSE"),
            Literal::Null => f.write_str("NULL"),
            Literal::Date(date) => write!(f, "{date}"),
            Literal::DateTime(instant) => write!(f, "{instant}"),
            Literal::Time(time) => write!(f, "{time}Z"),
            Literal::Currency(code, amount) => write!(f, "{code}{amount}"),
            Literal::DateLiteral(literal) => write!(f, "{literal}"),
            Literal::Bind(name) => write!(f, ":{name}"),
        }
    }
}

impl Display for DateLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        match self.n {
            Some(n) => write!(f, ":{n}"),
            None => Ok(()),
        }
    }
}

impl Display for GroupBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (word, keys) = match self {
            GroupBy::Keys(keys) => return join(f, keys, ", "),
            GroupBy::Rollup(keys) => ("ROLLUP", keys),
            GroupBy::Cube(keys) => ("CUBE", keys),
        };
        write!(f, "{word}(")?;
        join(f, keys, ", ")?;
        f.write_str(")")
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.key)?;
        match self.direction {
            Some(Direction::Asc) => f.write_str(" ASC")?,
            Some(Direction::Desc) => f.write_str(" DESC")?,
            None => {}
        }
        match self.nulls {
            Some(Nulls::First) => f.write_str(" NULLS FIRST"),
            Some(Nulls::Last) => f.write_str(" NULLS LAST"),
            None => Ok(()),
        }
    }
}

impl Display for ForClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            ForClause::View => "FOR VIEW",
            ForClause::Reference => "FOR REFERENCE",
            ForClause::Update => "FOR UPDATE",
        })
    }
}

impl Display for UpdateClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            UpdateClause::Tracking => "TRACKING",
            UpdateClause::Viewstat => "VIEWSTAT",
        })
    }
}

impl Display for With {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            With::Mode(name) => write!(f, "{name}"),
            With::DataCategory(categories) => write_data_categories(f, categories),
            With::Condition(condition) => write!(f, "{condition}"),
            With::RecordVisibilityContext(settings) => {
                f.write_str("RecordVisibilityContext (")?;
                for (index, (name, value)) in settings.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{name}={value}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Display for LookupBind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} = {}", self.field, self.value)
    }
}

/// `DATA CATEGORY group AT (a, b) AND …`
pub(crate) fn write_data_categories(f: &mut Formatter<'_>, categories: &[DataCategory]) -> Result {
    f.write_str("DATA CATEGORY ")?;
    for (index, (group, selector, names)) in categories.iter().enumerate() {
        if index > 0 {
            f.write_str(" AND ")?;
        }
        write!(f, "{group} {selector} ")?;
        match names.as_slice() {
            [name] => write!(f, "{name}")?,
            names => {
                f.write_str("(")?;
                join(f, names, ", ")?;
                f.write_str(")")?;
            }
        }
    }
    Ok(())
}
