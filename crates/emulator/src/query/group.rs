//! GROUP BY: which keys, which aggregates, and what of them is shown, kept and ordered.

use tidegate_soql::ast::{Argument, Comparison, Function, GroupBy, Operand, OrderItem, Query, SelectItem, Span};

use super::condition::{Left, Operands, Place, compile, type_name};
use super::error::{at, illegal_use, malformed};
use super::expr::{Column, Expr};
use super::filter::Filter;
use super::functions::{AggregateFn, only_field, scalar};
use super::plan::{Env, SortKey, check_sortable, in_corporate_currency, sort_key_of};
use super::resolve::Resolver;
use super::select::Show;
use super::value::Kind;
use crate::schema::FieldType;
use crate::{ApiError, RecordId};

/// Keys of ROLLUP and CUBE.
const GROUPING_KEYS_MAX: usize = 3;

/// A grouped or overall aggregate query.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) keys: Vec<Key>,
    /// For each grouping set, which keys it keeps. One set with all keys unless ROLLUP or CUBE was written.
    pub(crate) sets: Vec<Vec<bool>>,
    pub(crate) aggregates: Vec<Aggregate>,
    /// Name, value and form of each member of a result.
    pub(crate) members: Vec<(String, Expr, Show)>,
    pub(crate) having: Filter,
    pub(crate) order: Vec<SortKey>,
    /// Whether there was no GROUP BY: then there is always exactly one result.
    pub(crate) overall: bool,
}

/// A key of GROUP BY.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) expr: Expr,
    pub(crate) column: Column,
    pub(crate) ty: FieldType,
}

/// An aggregate: `None` is `COUNT()`, which counts rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) function: AggregateFn,
    pub(crate) column: Option<Column>,
    /// In an org with several currencies: the amounts in the corporate one, in which they are added and compared.
    pub(crate) converted: Option<Expr>,
}

impl Aggregate {
    /// The type of its result.
    pub(crate) fn ty(&self) -> FieldType {
        match (self.function, &self.column) {
            (AggregateFn::Count | AggregateFn::CountDistinct, _) | (_, None) => FieldType::Int,
            (AggregateFn::Avg, _) => FieldType::Double,
            (_, Some(column)) => column.ty,
        }
    }
}

/// Plans an aggregate query.
pub(crate) fn plan_groups<'q>(
    env: &Env<'_>,
    resolver: &mut Resolver<'q>,
    query: &'q Query,
) -> Result<Groups, ApiError> {
    let text = resolver.text;
    let (operands, rollup, cube): (&[Operand], bool, bool) = match &query.group_by {
        None => (&[], false, false),
        Some(GroupBy::Keys(keys)) => (keys, false, false),
        Some(GroupBy::Rollup(keys)) => (keys, true, false),
        Some(GroupBy::Cube(keys)) => (keys, false, true),
    };
    if (rollup || cube) && operands.len() > GROUPING_KEYS_MAX {
        let message = format!("ROLLUP and CUBE take at most {GROUPING_KEYS_MAX} fields");
        return Err(malformed(text, query.span, message));
    }
    let keys = operands.iter().map(|o| group_key(env, resolver, o)).collect::<Result<Vec<_>, _>>()?;
    let n = keys.len();
    let sets = match (rollup, cube) {
        (true, _) => (0..=n).rev().map(|kept| (0..n).map(|k| k < kept).collect()).collect(),
        (_, true) => {
            (0..1_usize << n).rev().map(|bits| (0..n).map(|k| bits & (1 << (n - 1 - k)) != 0).collect()).collect()
        }
        _ => vec![vec![true; n]],
    };
    let mut planner = Planner { env, resolver, keys, aggregates: Vec::new() };
    let mut members: Vec<(String, Expr, Show)> = Vec::new();
    let mut expressions = 0;
    for item in &query.select {
        let (key, expr, show) = planner.member(item, &mut expressions)?;
        if members.iter().any(|(k, ..)| k.eq_ignore_ascii_case(&key)) {
            return Err(ApiError::new("MALFORMED_QUERY", format!("duplicate alias: {key}")));
        }
        members.push((key, expr, show));
    }
    let having = match &query.having {
        Some(condition) => compile(text, env.calendar, condition, &mut planner)?,
        None => Filter::All,
    };
    let order = query.order_by.iter().map(|item| planner.sort_key(item)).collect::<Result<Vec<_>, _>>()?;
    let Planner { keys, aggregates, .. } = planner;
    Ok(Groups { keys, sets, aggregates, members, having, order, overall: query.group_by.is_none() })
}

fn group_key<'q>(env: &Env<'_>, resolver: &mut Resolver<'q>, operand: &'q Operand) -> Result<Key, ApiError> {
    match operand {
        Operand::Field(path) => {
            let column = resolver.column(path)?;
            let groupable = column.facts(env.world.schema).is_none_or(|field| field.groupable);
            if !groupable || matches!(column.kind(), Kind::Other | Kind::Multi) {
                return Err(illegal_use(resolver.text, path.span(), &column.name, "grouped"));
            }
            Ok(Key { expr: Expr::Column(column.clone()), ty: column.ty, column })
        }
        Operand::Function(function) => {
            let scalar = scalar(resolver, env.calendar, function)?;
            if !matches!(scalar.expr, Expr::DateFn { .. }) {
                let message = format!("{} can not be grouped by", function.name.text);
                return Err(malformed(resolver.text, function.span, message));
            }
            Ok(Key { expr: scalar.expr, ty: scalar.ty, column: scalar.column })
        }
    }
}

struct Planner<'e, 'r, 'q, 'a> {
    env: &'e Env<'a>,
    resolver: &'r mut Resolver<'q>,
    keys: Vec<Key>,
    aggregates: Vec<Aggregate>,
}

/// Something named in SELECT, HAVING or ORDER BY of an aggregate query.
struct Part {
    expr: Expr,
    ty: FieldType,
    column: Option<Column>,
    formatted: bool,
}

impl<'q> Planner<'_, '_, 'q, '_> {
    fn member(&mut self, item: &'q SelectItem, expressions: &mut usize) -> Result<(String, Expr, Show), ApiError> {
        let text = self.resolver.text;
        match item {
            SelectItem::Field(path, alias) => {
                let column = self.resolver.column(path)?;
                let part = self.key_part(&Expr::Column(column), path.span(), &path.dotted())?;
                let key = match alias {
                    Some(alias) => alias.text.clone(),
                    // `Account.Name` appears under its last name.
                    None => part.column.as_ref().map(|c| c.name.clone()).unwrap_or_default(),
                };
                Ok((key, part.expr, Show::Plain(part.ty)))
            }
            SelectItem::Function(function, alias) => {
                let part = self.function(function)?;
                let label = function.name.text.eq_ignore_ascii_case("toLabel");
                let key = match (alias, &part.column) {
                    (Some(alias), _) => alias.text.clone(),
                    (None, Some(column)) if label => column.name.clone(),
                    _ => {
                        *expressions += 1;
                        format!("expr{}", *expressions - 1)
                    }
                };
                let show = match (part.formatted, label) {
                    (true, _) => Show::Formatted(part.ty),
                    (_, true) => Show::Label,
                    _ => Show::Plain(part.ty),
                };
                Ok((key, part.expr, show))
            }
            SelectItem::Count(span) => {
                Err(malformed(text, *span, "COUNT() must be the only element in the SELECT list"))
            }
            SelectItem::Fields(_, span) => Err(malformed(text, *span, "Field must be grouped or aggregated: FIELDS()")),
            SelectItem::Subquery(inner) => {
                Err(malformed(text, inner.span, "sub-queries are not allowed with GROUP BY or aggregates"))
            }
            SelectItem::TypeOf(type_of) => {
                Err(malformed(text, type_of.span, "TYPEOF is not allowed with GROUP BY or aggregates"))
            }
        }
    }

    /// The key that this expression is.
    fn key_part(&self, expr: &Expr, span: Span, name: &str) -> Result<Part, ApiError> {
        let found = self.keys.iter().enumerate().find(|(_, key)| key.expr == *expr);
        let Some((at, key)) = found else {
            let message = format!("Field must be grouped or aggregated: {name}");
            return Err(malformed(self.resolver.text, span, message));
        };
        Ok(Part { expr: Expr::Key(at), ty: key.ty, column: Some(key.column.clone()), formatted: false })
    }

    fn function(&mut self, function: &'q Function) -> Result<Part, ApiError> {
        let text = self.resolver.text;
        let name = function.name.text.as_str();
        if let Some(aggregate) = AggregateFn::named(name) {
            return self.aggregate(function, aggregate);
        }
        if name.eq_ignore_ascii_case("GROUPING") {
            let path = only_field(function)
                .ok_or_else(|| malformed(text, function.span, "GROUPING takes one grouped field"))?;
            let column = self.resolver.column(path)?;
            return match self.key_part(&Expr::Column(column), path.span(), &path.dotted())?.expr {
                Expr::Key(at) => {
                    Ok(Part { expr: Expr::Grouping(at), ty: FieldType::Int, column: None, formatted: false })
                }
                _ => Err(malformed(text, function.span, "GROUPING takes one grouped field")),
            };
        }
        if name.eq_ignore_ascii_case("FORMAT")
            && let [Argument::Function(inner)] = function.arguments.as_slice()
        {
            // One level only: FORMAT of an aggregate.
            if let Some(aggregate) = AggregateFn::named(&inner.name.text) {
                return Ok(Part { formatted: true, ..self.aggregate(inner, aggregate)? });
            }
        }
        let scalar = scalar(self.resolver, self.env.calendar, function)?;
        match &scalar.expr {
            Expr::Label(column) => {
                let column = column.clone();
                let part = self.key_part(&Expr::Column(column.clone()), function.span, &column.name)?;
                // The label is looked up when the group is shown.
                Ok(part)
            }
            Expr::Column(_) => {
                let part = self.key_part(&scalar.expr, function.span, &scalar.column.name)?;
                Ok(Part { formatted: scalar.formatted, ..part })
            }
            expr => self.key_part(expr, function.span, name),
        }
    }

    fn aggregate(&mut self, function: &'q Function, aggregate: AggregateFn) -> Result<Part, ApiError> {
        let text = self.resolver.text;
        let column = match (aggregate, function.arguments.as_slice()) {
            (AggregateFn::Count, []) => None,
            (_, [Argument::Field(path)]) => {
                let column = self.resolver.column(path)?;
                self.check_aggregatable(&column, aggregate, path.span(), &function.name.text)?;
                Some(column)
            }
            _ => {
                let message = format!("{} takes one field", function.name.text);
                return Err(malformed(text, function.span, message));
            }
        };
        let converted = match (&column, aggregate) {
            (Some(column), AggregateFn::Sum | AggregateFn::Avg | AggregateFn::Min | AggregateFn::Max) => {
                in_corporate_currency(self.env, column)
            }
            _ => None,
        };
        let aggregate = Aggregate { function: aggregate, column: column.clone(), converted };
        let ty = aggregate.ty();
        let at = match self.aggregates.iter().position(|a| *a == aggregate) {
            Some(at) => at,
            None => {
                self.aggregates.push(aggregate);
                self.aggregates.len() - 1
            }
        };
        Ok(Part { expr: Expr::Aggregate(at), ty, column, formatted: false })
    }

    fn check_aggregatable(
        &self,
        column: &Column,
        aggregate: AggregateFn,
        span: Span,
        name: &str,
    ) -> Result<(), ApiError> {
        let sums = matches!(aggregate, AggregateFn::Avg | AggregateFn::Sum);
        let by_type = match column.kind() {
            Kind::Number => true,
            Kind::Date | Kind::DateTime | Kind::Text | Kind::Id => !sums,
            Kind::Bool | Kind::Time | Kind::Multi | Kind::Other => false,
        };
        // `aggregatable` of a describe agrees with the types, but for what the org forbids besides.
        let allowed = column.facts(self.env.world.schema).is_none_or(|field| field.aggregatable);
        if by_type && allowed {
            return Ok(());
        }
        let message =
            format!("field {} does not support aggregate operator {}", column.name, name.to_ascii_uppercase());
        Err(at(self.resolver.text, span, "INVALID_FIELD", message))
    }

    fn sort_key(&mut self, item: &'q OrderItem) -> Result<SortKey, ApiError> {
        let part = match &item.key {
            Operand::Field(path) => {
                let column = self.resolver.column(path)?;
                check_sortable(self.env, self.resolver.text, &column, path.span())?;
                self.key_part(&Expr::Column(column), path.span(), &path.dotted())?
            }
            Operand::Function(function) => self.function(function)?,
        };
        let column = part.column.unwrap_or_else(|| self.resolver.own(crate::schema::FieldId(0)));
        Ok(sort_key_of(part.expr, &column, item))
    }
}

impl<'q> Operands<'q> for Planner<'_, '_, 'q, '_> {
    fn left(&mut self, operand: &'q Operand) -> Result<Left, ApiError> {
        let (part, name, span, computed) = match operand {
            Operand::Field(path) => {
                let column = self.resolver.column(path)?;
                let part = self.key_part(&Expr::Column(column), path.span(), &path.dotted())?;
                (part, path.dotted(), path.span(), false)
            }
            Operand::Function(function) => (self.function(function)?, function.name.text.clone(), function.span, true),
        };
        let case_sensitive = false;
        Ok(Left {
            expr: part.expr,
            kind: Kind::of(part.ty),
            name,
            type_name: type_name(part.ty),
            case_sensitive,
            computed,
            is_corporate: false,
            span,
        })
    }

    fn semi_join(&mut self, left: &Left, _: &'q Comparison, _: Place) -> Result<Vec<RecordId>, ApiError> {
        Err(malformed(self.resolver.text, left.span, "sub-selects are not allowed in HAVING"))
    }
}
