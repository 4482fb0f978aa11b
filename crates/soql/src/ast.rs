//! The tree of a SOQL statement: what was written, not what it means.
//!
//! Names keep the case in which they were written; comparing them to a describe is case-insensitive and is the
//! reader's work. Every node that an error may have to point at carries a [`Span`].

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use rust_decimal::Decimal;

/// A range of bytes in the source text.
///
/// Two spans always compare equal: a span says where a node was read, not what it is, so that
/// `parse(print(q)) == q` holds.
#[derive(Debug, Clone, Copy, Default, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The text, in the case it was written in.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `Account.Owner.Name`: one or more names joined by dots. The first may be an alias or the object's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    /// At least one.
    pub segments: Vec<Name>,
}

/// A whole `SELECT` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is selected; `SELECT COUNT()` is one [`SelectItem::Count`].
    pub select: Vec<SelectItem>,
    /// The object (or, in a sub-query, the child relationship) and further aliased paths.
    pub from: From,
    /// `USING SCOPE name`.
    pub scope: Option<Name>,
    /// `USING LOOKUP Object.Field`, with the `BIND` that stands after `OFFSET`.
    pub lookup: Option<Lookup>,
    /// `WHERE`.
    pub condition: Option<Condition>,
    /// `WITH`.
    pub with: Option<With>,
    /// `GROUP BY`.
    pub group_by: Option<GroupBy>,
    /// `HAVING`.
    pub having: Option<Condition>,
    /// `ORDER BY`, in order of weight.
    pub order_by: Vec<OrderItem>,
    /// `LIMIT`.
    pub limit: Option<Count>,
    /// `OFFSET`.
    pub offset: Option<Count>,
    /// `FOR VIEW`, `FOR REFERENCE`, `FOR UPDATE`, in the order written.
    pub for_clauses: Vec<ForClause>,
    /// `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    pub update: Vec<UpdateClause>,
    /// `ALL ROWS`.
    pub all_rows: bool,
    /// The whole statement.
    pub span: Span,
}

/// `FROM Contact c, c.Account a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// The object; in a sub-query the child relationship name (which may be a path such as `Account.Contacts`).
    pub object: FieldPath,
    /// Its alias.
    pub alias: Option<Name>,
    /// Further aliased parent paths; they never multiply rows.
    pub also: Vec<(FieldPath, Option<Name>)>,
}

/// A number after `LIMIT` or `OFFSET`, or a bind variable in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// The number.
    Number(u64, Span),
    /// `:name`.
    Bind(Name),
}

/// One entry of the SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// A field path with an alias (legal only in an aggregate query).
    Field(FieldPath, Option<Name>),
    /// `COUNT()` alone.
    Count(Span),
    /// `AVG(x)`, `CALENDAR_YEAR(x)`, `toLabel(x)`, `FORMAT(x)`, `DISTANCE(…)`, with an alias.
    Function(Function, Option<Name>),
    /// `FIELDS(ALL | CUSTOM | STANDARD)`.
    Fields(FieldSet, Span),
    /// `(SELECT … FROM Contacts)`.
    Subquery(Box<Query>),
    /// `TYPEOF What WHEN Account THEN Phone ELSE Name END`.
    TypeOf(TypeOf),
}

/// The argument of `FIELDS()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSet {
    /// Every field.
    All,
    /// Custom fields.
    Custom,
    /// Standard fields.
    Standard,
}

/// A function call: aggregate, date function or another.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The name as written; compare without case.
    pub name: Name,
    /// The arguments; none for `COUNT()` within `HAVING` or `ORDER BY`.
    pub arguments: Vec<Argument>,
    /// From the name to the closing parenthesis.
    pub span: Span,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A field path.
    Field(FieldPath),
    /// A nested call, such as `convertTimezone(CreatedDate)` or `GEOLOCATION(1, 2)`.
    Function(Function),
    /// A literal, such as the unit of `DISTANCE` or the text of `FORMULA('Amount - ExpectedRevenue')`.
    Value(Value),
}

/// `TYPEOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeOf {
    /// The polymorphic relationship.
    pub relationship: FieldPath,
    /// Object name and its fields, in order.
    pub when: Vec<(Name, Vec<FieldPath>)>,
    /// The fields of `ELSE`.
    pub otherwise: Vec<FieldPath>,
    /// From `TYPEOF` to `END`.
    pub span: Span,
}

/// A condition of `WHERE` or `HAVING`.
///
/// `And` and `Or` hold two or more; a condition that was written in parentheses keeps them only where the tree needs
/// them (the grammar refuses `a AND b OR c`), so a printer can always place them.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// Does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Comparison),
}

/// `left operator right`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The field or function compared.
    pub left: Operand,
    /// How.
    pub operator: Operator,
    /// With what.
    pub right: Right,
    /// The whole comparison.
    pub span: Span,
}

/// The left side of a comparison, and the key of `ORDER BY` and `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A field path.
    Field(FieldPath),
    /// A function.
    Function(Function),
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Eq,
    /// `!=` or `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `LIKE`
    Like,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `INCLUDES`
    Includes,
    /// `EXCLUDES`
    Excludes,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// One value.
    Value(Value),
    /// `(a, b, c)`: after `IN`, `NOT IN`, `INCLUDES`, `EXCLUDES`.
    List(Vec<Value>),
    /// `(SELECT …)`: a semi-join or anti-join.
    Subquery(Box<Query>),
}

/// A literal and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// What it is.
    pub literal: Literal,
    /// Where it stands.
    pub span: Span,
}

/// A literal value.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `'text'`, unescaped. After `LIKE` it is a pattern, in which `\_`, `\%` and `\\` keep their backslash (two
    /// characters each): they stand for the character itself, where a bare `_` or `%` is a wildcard.
    String(String),
    /// A number, exact.
    Number(Decimal),
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// `null`.
    Null,
    /// `2026-01-02`.
    Date(Date),
    /// `2026-01-02T03:04:05Z`: the instant. The offset written is not kept.
    DateTime(Timestamp),
    /// `03:04:05.000Z`.
    Time(Time),
    /// `USD5000`: ISO code in upper case and amount.
    Currency(String, Decimal),
    /// `TODAY`, `LAST_N_DAYS:7`: the name in upper case and its number.
    DateLiteral(DateLiteral),
    /// `:name` (in Apex also `:record.Field`), before it is bound.
    Bind(String),
}

/// A date literal such as `LAST_N_DAYS:30`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateLiteral {
    /// Upper case, without the number: `LAST_N_DAYS`.
    pub name: String,
    /// The number after the colon, for the `N` forms.
    pub n: Option<u32>,
}

/// `GROUP BY`.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupBy {
    /// Plain keys.
    Keys(Vec<Operand>),
    /// `ROLLUP(…)`.
    Rollup(Vec<Operand>),
    /// `CUBE(…)`.
    Cube(Vec<Operand>),
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderItem {
    /// The key.
    pub key: Operand,
    /// `DESC`; `None` where nothing was written (ascending).
    pub direction: Option<Direction>,
    /// `NULLS FIRST | LAST`; `None` where nothing was written (first).
    pub nulls: Option<Nulls>,
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `ASC`
    Asc,
    /// `DESC`
    Desc,
}

/// Where nulls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// `NULLS FIRST`
    First,
    /// `NULLS LAST`
    Last,
}

/// `FOR …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForClause {
    /// `FOR VIEW`
    View,
    /// `FOR REFERENCE`
    Reference,
    /// `FOR UPDATE` (Apex only)
    Update,
}

/// `UPDATE …` at the end of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateClause {
    /// `TRACKING`
    Tracking,
    /// `VIEWSTAT`
    Viewstat,
}

/// One condition of `WITH DATA CATEGORY`: group, selector (`AT`, `ABOVE`, …) and categories.
pub type DataCategory = (Name, Name, Vec<Name>);

/// `USING LOOKUP`: only records that the filter of a lookup field lets through.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// `Object.Field`.
    pub field: FieldPath,
    /// `BIND field = value, …`: fields of the record in which the lookup would be made.
    pub binds: Vec<LookupBind>,
}

/// One `field = value` of `BIND`.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupBind {
    /// The field.
    pub field: FieldPath,
    /// Its value.
    pub value: Value,
}

/// `WITH …`.
#[derive(Debug, Clone, PartialEq)]
pub enum With {
    /// `WITH SECURITY_ENFORCED`, `WITH USER_MODE`, `WITH SYSTEM_MODE`.
    Mode(Name),
    /// `WITH DATA CATEGORY group AT (cat, …) AND …`.
    DataCategory(Vec<DataCategory>),
    /// `WITH UserId = '005…'` and other plain conditions.
    Condition(Condition),
    /// `WITH RecordVisibilityContext (maxDescriptorPerRecord = 100, …)`.
    RecordVisibilityContext(Vec<(Name, Value)>),
}

impl FieldPath {
    /// The path with dots between its names.
    pub fn dotted(&self) -> String {
        let names: Vec<&str> = self.segments.iter().map(|s| s.text.as_str()).collect();
        names.join(".")
    }

    /// From the first name to the last.
    pub fn span(&self) -> Span {
        match (self.segments.first(), self.segments.last()) {
            (Some(first), Some(last)) => Span { start: first.span.start, end: last.span.end },
            _ => Span::default(),
        }
    }
}

impl Operand {
    /// The whole field path or function.
    pub fn span(&self) -> Span {
        match self {
            Operand::Field(path) => path.span(),
            Operand::Function(function) => function.span,
        }
    }
}
