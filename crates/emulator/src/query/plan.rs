//! A parsed query checked against the schema and made ready to run.

use std::ops::ControlFlow;

use tidegate_soql::ast::{
    Comparison, Count, Direction, ForClause, Nulls, Operand, OrderItem, Query, Right, Span, With,
};

use super::condition::{Left, Operands, Place, compile, type_name};
use super::dates::Calendar;
use super::error::{at, illegal_use, malformed};
use super::expr::{At, Column, Expr, Source, World};
use super::filter::Filter;
use super::functions::{AggregateFn, scalar};
use super::group::{Groups, plan_groups};
use super::resolve::Resolver;
use super::scan::scan;
use super::scope::{check_lookup, scope_filter};
use super::select::{Out, select};
use super::value::{Cell, Kind};
use crate::schema::{FieldId, FieldType, ObjectId};
use crate::{ApiError, RecordId};

/// The highest OFFSET.
pub(crate) const OFFSET_MAX: u64 = 2_000;
/// Semi-joins and anti-joins in one query.
const SEMI_JOINS_MAX: usize = 2;
/// Sub-queries in one SELECT.
const SUBQUERIES_MAX: usize = 20;

/// What a query is checked and run against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Env<'a> {
    pub(crate) world: World<'a>,
    pub(crate) calendar: &'a Calendar,
    /// Soft-deleted records too.
    pub(crate) all: bool,
    /// Who asks.
    pub(crate) user: RecordId,
    /// API version, by its whole number.
    pub(crate) version: u16,
}

/// A query ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) filter: Filter,
    pub(crate) order: Vec<SortKey>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) all: bool,
    pub(crate) shape: Shape,
}

/// What comes out.
#[derive(Debug)]
pub(crate) enum Shape {
    /// `SELECT COUNT()`.
    Count,
    /// Records.
    Rows(Vec<Out>),
    /// Aggregate results.
    Groups(Box<Groups>),
}

/// One key of ORDER BY.
#[derive(Debug, Clone)]
pub(crate) struct SortKey {
    pub(crate) expr: Expr,
    /// A picklist field sorts by the order in which its values are defined.
    pub(crate) picklist: Option<(ObjectId, FieldId)>,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// Plans a main query.
pub(crate) fn plan(env: &Env<'_>, text: &str, query: &Query) -> Result<Plan, ApiError> {
    let resolver = Resolver::for_object(env.world.schema, text, query)?;
    plan_with(env, resolver, query, 1)
}

/// Plans a query whose FROM is resolved. `depth` counts objects from the root: 1 for a main query.
pub(crate) fn plan_with<'q>(
    env: &Env<'_>,
    mut resolver: Resolver<'q>,
    query: &'q Query,
    depth: usize,
) -> Result<Plan, ApiError> {
    let text = resolver.text;
    refuse_clauses(text, query)?;
    let subqueries = query.select.iter().filter(|i| matches!(i, tidegate_soql::ast::SelectItem::Subquery(_))).count();
    if subqueries > SUBQUERIES_MAX {
        let message = format!("a query has at most {SUBQUERIES_MAX} sub-queries");
        return Err(malformed(text, query.span, message));
    }
    let mut filter = Filter::All;
    if let Some(scope) = &query.scope {
        if depth > 1 {
            return Err(malformed(text, scope.span, "USING SCOPE is not allowed in a sub-query"));
        }
        filter = filter.and(scope_filter(env, &resolver, scope)?);
    }
    if let Some(lookup) = &query.lookup {
        check_lookup(env, &resolver, lookup)?;
    }
    if let Some(condition) = &query.condition {
        let mut operands = WhereOperands { env, resolver: &mut resolver, semi_joins: 0, in_semi_join: false };
        filter = filter.and(compile(text, env.calendar, condition, &mut operands)?);
    }
    if depth == 1 {
        super::restrict::check(text, resolver.object(), query, &filter)?;
    }
    let limit = count(text, query.limit.as_ref())?;
    let offset = count(text, query.offset.as_ref())?;
    if offset.is_some_and(|offset| offset > OFFSET_MAX) {
        let message = format!("Maximum SOQL offset allowed is {OFFSET_MAX}");
        return Err(ApiError::new("NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let shape = if is_count(query) {
        if query.group_by.is_some() || !query.order_by.is_empty() {
            let message = "COUNT() can not be used with GROUP BY or ORDER BY";
            return Err(malformed(text, query.span, message));
        }
        Shape::Count
    } else if is_aggregate(query) {
        if query.group_by.is_none() && (limit.is_some() || offset.is_some()) {
            let message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT";
            return Err(malformed(text, query.span, message));
        }
        Shape::Groups(Box::new(plan_groups(env, &mut resolver, query)?))
    } else {
        if query.having.is_some() {
            return Err(malformed(text, query.span, "HAVING needs GROUP BY"));
        }
        Shape::Rows(select(env, &mut resolver, query, limit, depth)?)
    };
    let order = match &shape {
        Shape::Rows(_) => {
            query.order_by.iter().map(|item| sort_key(env, &mut resolver, item)).collect::<Result<Vec<_>, _>>()?
        }
        _ => Vec::new(),
    };
    Ok(Plan { source: resolver.source, filter, order, limit, offset, all: env.all, shape })
}

fn is_count(query: &Query) -> bool {
    matches!(query.select.as_slice(), [tidegate_soql::ast::SelectItem::Count(_)])
}

fn is_aggregate(query: &Query) -> bool {
    use tidegate_soql::ast::{Argument, SelectItem};
    let is_aggregate = |f: &tidegate_soql::ast::Function| AggregateFn::named(&f.name.text).is_some();
    query.group_by.is_some()
        || query.select.iter().any(|item| match item {
            SelectItem::Function(f, _) => {
                is_aggregate(f)
                    || f.arguments.iter().any(|a| matches!(a, Argument::Function(inner) if is_aggregate(inner)))
            }
            _ => false,
        })
}

/// Clauses that only Apex has, or that this org does not.
fn refuse_clauses(text: &str, query: &Query) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(malformed(text, query.span, message));
    if query.for_clauses.contains(&ForClause::Update) {
        return refuse("FOR UPDATE is allowed in Apex only");
    }
    if query.all_rows {
        return refuse("ALL ROWS is allowed in Apex only; use the queryAll resource");
    }
    match &query.with {
        None => Ok(()),
        Some(With::Mode(name)) => {
            let message = format!("WITH {} not allowed in this context", name.text.to_ascii_uppercase());
            Err(malformed(text, name.span, message))
        }
        Some(With::DataCategory(_)) => refuse("WITH DATA CATEGORY needs an object with data categories"),
        Some(With::Condition(_)) => refuse("WITH is not supported for this object"),
        Some(With::RecordVisibilityContext(_)) => refuse("WITH RecordVisibilityContext is not supported"),
    }
}

fn count(text: &str, count: Option<&Count>) -> Result<Option<u64>, ApiError> {
    match count {
        None => Ok(None),
        Some(Count::Number(n, _)) => Ok(Some(*n)),
        Some(Count::Bind(name)) => Err(malformed(text, name.span, format!("unexpected token: ':{}'", name.text))),
    }
}

/// A key of ORDER BY over records.
pub(crate) fn sort_key<'q>(
    env: &Env<'_>,
    resolver: &mut Resolver<'q>,
    item: &'q OrderItem,
) -> Result<SortKey, ApiError> {
    let (expr, column) = match &item.key {
        Operand::Field(path) => {
            let column = resolver.column(path)?;
            check_sortable(env, resolver.text, &column, path.span())?;
            let expr = in_corporate_currency(env, &column).unwrap_or_else(|| Expr::Column(column.clone()));
            (expr, column)
        }
        Operand::Function(function) => {
            let scalar = scalar(resolver, env.calendar, function)?;
            if matches!(scalar.expr, Expr::Converted(_) | Expr::Arithmetic(_)) || scalar.formatted {
                let message = format!("{} is not allowed in ORDER BY", function.name.text);
                return Err(malformed(resolver.text, function.span, message));
            }
            (scalar.expr, scalar.column)
        }
    };
    Ok(sort_key_of(expr, &column, item))
}

/// In an org with several currencies, the amounts of a currency field in the corporate one: they are added and
/// compared in that.
pub(crate) fn in_corporate_currency(env: &Env<'_>, column: &Column) -> Option<Expr> {
    let currencies = env.calendar.currencies.as_ref()?;
    currencies.converted(env.world.schema, column, &currencies.corporate, false).map(Box::new).map(Expr::Converted)
}

/// Refuses fields that cannot be sorted by.
pub(crate) fn check_sortable(env: &Env<'_>, text: &str, column: &Column, span: Span) -> Result<(), ApiError> {
    let sortable = column.facts(env.world.schema).is_none_or(|field| field.sortable);
    if !sortable || matches!(column.kind(), Kind::Other | Kind::Multi) {
        return Err(illegal_use(text, span, &column.name, "sorted"));
    }
    Ok(())
}

/// Direction and place of nulls for a key.
pub(crate) fn sort_key_of(expr: Expr, column: &Column, item: &OrderItem) -> SortKey {
    let plain = matches!(&expr, Expr::Column(_) | Expr::Key(_));
    // NULLS LAST has no effect on relationship and reference fields.
    let reference = plain && (column.slot != 0 || column.ty == FieldType::Reference);
    SortKey {
        picklist: column.field.filter(|_| plain && column.ty == FieldType::Picklist),
        descending: item.direction == Some(Direction::Desc),
        nulls_last: item.nulls == Some(Nulls::Last) && !reference,
        expr,
    }
}

/// The left sides of a WHERE.
struct WhereOperands<'e, 'r, 'q, 'a> {
    env: &'e Env<'a>,
    resolver: &'r mut Resolver<'q>,
    semi_joins: usize,
    in_semi_join: bool,
}

impl<'q> Operands<'q> for WhereOperands<'_, '_, 'q, '_> {
    fn left(&mut self, operand: &'q Operand) -> Result<Left, ApiError> {
        let schema = self.env.world.schema;
        match operand {
            Operand::Field(path) => {
                let column = self.resolver.column(path)?;
                let facts = column.facts(schema);
                if facts.is_some_and(|field| !field.filterable) || column.kind() == Kind::Other {
                    return Err(illegal_use(self.resolver.text, path.span(), &column.name, "filtered"));
                }
                Ok(Left {
                    kind: column.kind(),
                    name: column.name.clone(),
                    type_name: type_name(column.ty),
                    case_sensitive: facts.is_some_and(|field| field.case_sensitive) && column.kind() == Kind::Text,
                    computed: false,
                    is_corporate: false,
                    span: path.span(),
                    expr: Expr::Column(column),
                })
            }
            Operand::Function(function) => {
                let scalar = scalar(self.resolver, self.env.calendar, function)?;
                if scalar.formatted || matches!(scalar.expr, Expr::Converted(_)) {
                    let message = format!("{} is not allowed in WHERE", function.name.text);
                    return Err(malformed(self.resolver.text, function.span, message));
                }
                if matches!(scalar.expr, Expr::Arithmetic(_)) {
                    return Ok(Left {
                        expr: scalar.expr,
                        kind: scalar.kind,
                        name: function.name.text.clone(),
                        type_name: type_name(scalar.ty),
                        case_sensitive: false,
                        computed: false,
                        is_corporate: false,
                        span: function.span,
                    });
                }
                Ok(Left {
                    expr: scalar.expr,
                    kind: scalar.kind,
                    name: function.name.text.clone(),
                    type_name: type_name(scalar.ty),
                    case_sensitive: false,
                    computed: true,
                    is_corporate: false,
                    span: function.span,
                })
            }
        }
    }

    fn in_corporate_currency(&self, left: &Left) -> Option<Expr> {
        match &left.expr {
            Expr::Column(column) => in_corporate_currency(self.env, column),
            _ => None,
        }
    }

    fn semi_join(&mut self, left: &Left, comparison: &'q Comparison, place: Place) -> Result<Vec<RecordId>, ApiError> {
        let text = self.resolver.text;
        let refuse = |message: &str| Err(malformed(text, comparison.span, message));
        let Right::Subquery(query) = &comparison.right else { return refuse("a sub-select is expected") };
        match place {
            Place::Required => {}
            Place::Or => return refuse("Semi join sub-selects are not allowed with the 'OR' operator"),
            Place::Not => return refuse("Semi join sub-selects are not allowed with the 'NOT' operator"),
        }
        if self.in_semi_join {
            return refuse("Semi join sub-selects can not be nested");
        }
        self.semi_joins += 1;
        if self.semi_joins > SEMI_JOINS_MAX {
            let message = format!("Maximum {SEMI_JOINS_MAX} semi join sub-selects are allowed");
            return Err(at(text, comparison.span, "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS", message));
        }
        let Expr::Column(outer) = &left.expr else { return refuse("the left side of a sub-select must be a field") };
        if outer.slot != 0 || left.kind != Kind::Id {
            return refuse("the left operand of a semi join must be an id or reference field of the main object");
        }
        run_semi_join(self.env, text, self.resolver.source.object, outer, query)
    }
}

fn run_semi_join(
    env: &Env<'_>,
    text: &str,
    outer_object: ObjectId,
    outer: &Column,
    query: &Query,
) -> Result<Vec<RecordId>, ApiError> {
    let schema = env.world.schema;
    let refuse = |message: String| Err(malformed(text, query.span, message));
    let mut inner = Resolver::for_object(schema, text, query)?;
    let name = &inner.object().name;
    if inner.source.object == outer_object {
        return refuse(format!("The inner and outer selects should not be on the same object type: {name}"));
    }
    const REFUSED: [&str; 6] = ["ActivityHistory", "Attachment", "Event", "Note", "OpenActivity", "Task"];
    if REFUSED.iter().any(|refused| refused.eq_ignore_ascii_case(name)) {
        return refuse(format!("Entity '{name}' is not supported for semi join inner selects"));
    }
    if !query.order_by.is_empty() || query.limit.is_some() || query.offset.is_some() || query.group_by.is_some() {
        return refuse("ORDER BY, LIMIT, OFFSET and GROUP BY are not allowed in a semi join sub-select".to_owned());
    }
    let column = match query.select.as_slice() {
        [tidegate_soql::ast::SelectItem::Field(path, None)] => inner.column(path)?,
        _ => return refuse("a semi join sub-select must select exactly one field".to_owned()),
    };
    if column.slot != 0 || column.kind() != Kind::Id {
        return refuse("a semi join sub-select must select an id or reference field of its object".to_owned());
    }
    let (inner_types, outer_types) = (targets(env, &column), targets(env, outer));
    if !inner_types.iter().any(|t| outer_types.contains(t)) {
        return refuse(format!(
            "The selected field '{}' in the subquery and the left operand field in the where expression in the outer \
             query '{}' should point to the same object type",
            column.name, outer.name
        ));
    }
    refuse_clauses(text, query)?;
    let mut filter = Filter::All;
    if let Some(condition) = &query.condition {
        let mut operands = WhereOperands { env, resolver: &mut inner, semi_joins: 0, in_semi_join: true };
        filter = compile(text, env.calendar, condition, &mut operands)?;
    }
    let mut ids = Vec::new();
    scan(env.world, &inner.source, &filter, env.all, |record| {
        if let Cell::Id(id) = env.world.read_at(record, &column.at) {
            ids.push(id);
        }
        ControlFlow::Continue(())
    });
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The objects whose ids a column holds.
fn targets(env: &Env<'_>, column: &Column) -> Vec<String> {
    match (column.field, column.facts(env.world.schema)) {
        (Some((object, _)), _) if column.at == At::Id => vec![env.world.schema.object(object).name.clone()],
        (_, Some(field)) => field.reference_to.clone(),
        _ => Vec::new(),
    }
}
