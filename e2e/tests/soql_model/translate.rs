//! Our tree of a query into SQL for SQLite. Nothing here is the evaluator's; each rule in which SOQL differs from SQL
//! is written down where it is applied.

use tidegate_soql::ast::{
    Argument, Comparison, Condition, Count, Direction, FieldPath, Function, GroupBy, Literal, Nulls, Operand, Operator,
    OrderItem, Query, Right, SelectItem, Value,
};

use crate::dates::{midnight, span};
use crate::world::{FISCAL_MONTH, Kind, Object, SCALE, object, quote, sorted_set, upper};

/// What comes out of a query, column by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Text,
    /// As [`Shown::Text`], whatever its case: which of several equal texts stands for a group is nobody's promise.
    Caseless,
    /// The place of a picklist value; the value is compared.
    Place(&'static [&'static str]),
    Scaled,
    Integer,
    /// An average: compared within a rounding.
    Average,
    Bool,
    Instant,
    Id,
}

/// A query in SQL.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) text: String,
    /// The key of each column in the answer's records (`None`: the whole is a count), and how it is shown.
    pub(crate) columns: Vec<(Vec<String>, Shown)>,
    /// A sub-query: its key, and the SQL of the ids for one parent, whose id stands in place of `?1`.
    pub(crate) children: Option<(String, String)>,
    /// The order of the rows is certain.
    pub(crate) ordered: bool,
}

/// One SELECT under way: its object, and the parents that its paths have led to.
struct Scope {
    root: &'static Object,
    joins: Vec<(String, String)>,
    /// What its table is called, so that a sub-select's does not clash.
    alias: String,
}

/// An operand in SQL.
struct Expr {
    /// The value itself.
    raw: String,
    /// What is compared and ordered.
    key: String,
    kind: Kind,
    /// Read through a relationship, or a reference.
    related: bool,
}

pub(crate) fn translate(query: &Query) -> Sql {
    let mut scope = Scope::new(query, "t");
    let condition = scope.filter(query.condition.as_ref());
    if let [SelectItem::Count(_)] = query.select.as_slice() {
        let inner = format!("SELECT {0}.id FROM {1} WHERE {condition}{2}", scope.alias, scope.from(), page(query));
        let text = format!("SELECT COUNT(*) FROM ({inner})");
        return Sql { text, columns: Vec::new(), children: None, ordered: true };
    }
    if query.group_by.is_some() || query.select.iter().any(is_aggregate) {
        return grouped(query, scope, condition);
    }
    let mut columns = Vec::new();
    let mut select = Vec::new();
    let mut children = None;
    for item in &query.select {
        match item {
            SelectItem::Field(path, _) => {
                let expr = scope.field(path);
                columns.push((key_of(path), shown(expr.kind)));
                select.push(expr.raw);
            }
            SelectItem::Subquery(inner) => children = Some(child_ids(scope.root, inner)),
            other => panic!("not generated: {other:?}"),
        }
    }
    let order = order(&mut scope, &query.order_by);
    let text = format!(
        "SELECT {} FROM {} WHERE {condition} ORDER BY {order}{}.id{}",
        select.join(", "),
        scope.from(),
        scope.alias,
        page(query)
    );
    Sql { text, columns, children, ordered: true }
}

fn key_of(path: &FieldPath) -> Vec<String> {
    path.segments.iter().map(|name| name.text.clone()).collect()
}

fn shown(kind: Kind) -> Shown {
    match kind {
        Kind::Text | Kind::Pick(_) | Kind::Multi | Kind::Date => Shown::Text,
        Kind::Number => Shown::Scaled,
        Kind::Bool => Shown::Bool,
        Kind::DateTime => Shown::Instant,
        Kind::Id | Kind::Reference(_) => Shown::Id,
    }
}

fn child_ids(parent: &Object, query: &Query) -> (String, String) {
    let name = query.from.object.segments[0].text.as_str();
    let (_, of, column) = parent.children.iter().find(|(relationship, ..)| *relationship == name).expect("children");
    let mut scope = Scope { root: object(of), joins: Vec::new(), alias: "c".to_owned() };
    let condition = scope.filter(query.condition.as_ref());
    let order = order(&mut scope, &query.order_by);
    let sql = format!(
        "SELECT c.id FROM {} WHERE c.{column} = ?1 AND {condition} ORDER BY {order}c.id{}",
        scope.from(),
        page(query)
    );
    (name.to_owned(), sql)
}

/// SQLite wants a LIMIT before an OFFSET.
fn page(query: &Query) -> String {
    let number = |count: &Option<Count>| match count {
        Some(Count::Number(n, _)) => Some(*n),
        _ => None,
    };
    match (number(&query.limit), number(&query.offset)) {
        (None, None) => String::new(),
        (limit, offset) => {
            let limit = limit.map_or("-1".to_owned(), |n| n.to_string());
            format!(" LIMIT {limit} OFFSET {}", offset.unwrap_or(0))
        }
    }
}

/// SOQL puts nulls first whatever the direction; SQLite takes them for the smallest. NULLS LAST means nothing for
/// references and what is read through them.
fn order(scope: &mut Scope, items: &[OrderItem]) -> String {
    let mut text = String::new();
    for item in items {
        let expr = scope.operand(&item.key);
        let last = item.nulls == Some(Nulls::Last) && !expr.related;
        let nulls = if last { "IS NULL" } else { "IS NOT NULL" };
        let direction = if item.direction == Some(Direction::Desc) { "DESC" } else { "ASC" };
        text.push_str(&format!("({0} {nulls}), {0} {direction}, ", expr.key));
    }
    text
}

impl Scope {
    fn new(query: &Query, alias: &str) -> Self {
        let root = object(&query.from.object.segments[0].text);
        Self { root, joins: Vec::new(), alias: alias.to_owned() }
    }

    /// The table and its parents: outer joins, since a missing parent never loses a row.
    fn from(&self) -> String {
        let joins: String = self.joins.iter().map(|(_, join)| join.as_str()).collect();
        format!("{} {}{joins}", self.root.table, self.alias)
    }

    fn field(&mut self, path: &FieldPath) -> Expr {
        let (last, hops) = path.segments.split_last().expect("a name");
        let mut at = self.root;
        let mut alias = self.alias.clone();
        for hop in hops {
            let (_, column, parent) =
                at.parents.iter().find(|(name, ..)| *name == hop.text).expect("a relationship of this world");
            let next = format!("{alias}_{}", hop.text.trim_end_matches("__r"));
            if !self.joins.iter().any(|(known, _)| *known == next) {
                let parent = object(parent);
                let join = format!(" LEFT JOIN {} {next} ON {next}.id = {alias}.{column}", parent.table);
                self.joins.push((next.clone(), join));
            }
            alias = next;
            at = object(parent);
        }
        let field = at.field(&last.text);
        let mut raw = format!("{alias}.{}", field.column);
        // A checkbox is never null, not even behind a missing parent: it is false there.
        if field.kind == Kind::Bool && !hops.is_empty() {
            raw = format!("COALESCE({raw}, 0)");
        }
        let key = match field.kind {
            // Text compares and sorts without its case.
            Kind::Text => format!("{raw}_u"),
            // A picklist sorts by the order in which its values are defined.
            Kind::Pick(_) => format!("{raw}_o"),
            Kind::Multi => format!("{raw}_u"),
            _ => raw.clone(),
        };
        let related = !hops.is_empty() || matches!(field.kind, Kind::Reference(_));
        Expr { raw, key, kind: field.kind, related }
    }

    fn operand(&mut self, operand: &Operand) -> Expr {
        match operand {
            Operand::Field(path) => self.field(path),
            Operand::Function(function) => self.date_function(function),
        }
    }

    /// Date functions count in UTC.
    fn date_function(&mut self, function: &Function) -> Expr {
        let [Argument::Field(path)] = function.arguments.as_slice() else { panic!("one field: {function}") };
        let expr = self.field(path);
        let day = if expr.kind == Kind::DateTime {
            format!("datetime({} / 1000, 'unixepoch')", expr.raw)
        } else {
            expr.raw.clone()
        };
        let part = |format: &str| format!("CAST(strftime('{format}', {day}) AS INTEGER)");
        let (year, month) = (part("%Y"), part("%m"));
        let since = format!("(({month} - {FISCAL_MONTH} + 12) % 12)");
        let sql = match function.name.text.as_str() {
            "CALENDAR_YEAR" => year,
            "CALENDAR_MONTH" => month,
            "CALENDAR_QUARTER" => format!("(({month} + 2) / 3)"),
            "DAY_IN_MONTH" => part("%d"),
            // Sunday is 1; SQLite has it as 0.
            "DAY_IN_WEEK" => format!("({} + 1)", part("%w")),
            "DAY_IN_YEAR" => part("%j"),
            "FISCAL_QUARTER" => format!("({since} / 3 + 1)"),
            // A fiscal year is named by the calendar year in which it ends.
            "FISCAL_YEAR" => format!("({year} + ({month} >= {FISCAL_MONTH}))"),
            other => panic!("not generated: {other}"),
        };
        // Numbers are kept in ten-thousandths.
        let sql = format!("({sql} * {SCALE})");
        Expr { raw: sql.clone(), key: sql, kind: Kind::Number, related: false }
    }

    fn filter(&mut self, condition: Option<&Condition>) -> String {
        condition.map_or("1".to_owned(), |condition| self.condition(condition))
    }

    /// SOQL knows true and false only: every comparison is made to give one of them, so that NOT turns it round.
    fn condition(&mut self, condition: &Condition) -> String {
        let mut chain = |all: &[Condition], word: &str| {
            let parts: Vec<String> = all.iter().map(|one| self.condition(one)).collect();
            format!("({})", parts.join(word))
        };
        match condition {
            Condition::And(all) => chain(all, " AND "),
            Condition::Or(all) => chain(all, " OR "),
            Condition::Not(inner) => format!("(NOT {})", self.condition(inner)),
            Condition::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn comparison(&mut self, comparison: &Comparison) -> String {
        let left = self.operand(&comparison.left);
        compare(&left, comparison)
    }
}

fn compare(left: &Expr, comparison: &Comparison) -> String {
    // A picklist is compared by its text, though it is sorted by its place.
    let key = if matches!(left.kind, Kind::Pick(_)) { format!("{}_u", left.raw) } else { left.key.clone() };
    match (comparison.operator, &comparison.right) {
        (Operator::In | Operator::NotIn, Right::Subquery(inner)) => {
            let mut scope = Scope::new(inner, "s");
            let [SelectItem::Field(path, _)] = inner.select.as_slice() else { panic!("one field") };
            let field = scope.field(path).raw;
            let condition = scope.filter(inner.condition.as_ref());
            let from = scope.from();
            let found =
                format!("COALESCE({key} IN (SELECT {field} FROM {from} WHERE {condition} AND {field} IS NOT NULL), 0)");
            // An anti-join keeps rows without a value.
            if comparison.operator == Operator::In { found } else { format!("(NOT {found})") }
        }
        (Operator::In | Operator::NotIn, Right::List(values)) => {
            let (nulls, values): (Vec<&Value>, Vec<&Value>) =
                values.iter().partition(|value| value.literal == Literal::Null);
            let listed: Vec<String> = values.iter().map(|value| literal(left.kind, value)).collect();
            let mut found = if listed.is_empty() {
                "0".to_owned()
            } else {
                format!("COALESCE({key} IN ({}), 0)", listed.join(", "))
            };
            if !nulls.is_empty() {
                found = format!("({found} OR {key} IS NULL)");
            }
            // `NOT IN` keeps rows without a value, unless null is listed.
            if comparison.operator == Operator::In { found } else { format!("(NOT {found})") }
        }
        (Operator::Includes | Operator::Excludes, Right::List(sets)) => {
            let set = |value: &Value| {
                let Literal::String(text) = &value.literal else { panic!("a string") };
                let all: Vec<String> = text
                    .split(';')
                    .map(|tag| format!("instr(';' || {key} || ';', {}) > 0", quote(&format!(";{};", upper(tag)))))
                    .collect();
                format!("({})", all.join(" AND "))
            };
            let any: Vec<String> = sets.iter().map(set).collect();
            let found = format!("COALESCE({}, 0)", any.join(" OR "));
            // A row without values excludes them all.
            if comparison.operator == Operator::Includes { found } else { format!("(NOT {found})") }
        }
        (Operator::Like, Right::Value(Value { literal: Literal::String(pattern), .. })) => {
            // Both sides in upper case; SQLite's own caselessness knows ASCII alone.
            format!("COALESCE({key} LIKE {} ESCAPE '\\', 0)", quote(&upper(pattern)))
        }
        (operator, Right::Value(value)) => relation(left, &key, operator, value),
        (operator, right) => panic!("not generated: {operator:?} {right:?}"),
    }
}

fn relation(left: &Expr, key: &str, operator: Operator, value: &Value) -> String {
    let sign = match operator {
        Operator::Eq => "=",
        Operator::Ne => "<>",
        Operator::Lt => "<",
        Operator::Le => "<=",
        Operator::Gt => ">",
        Operator::Ge => ">=",
        other => panic!("not generated: {other:?}"),
    };
    match (&value.literal, left.kind) {
        // A checkbox is never null: `= null` asks for false, `!= null` for true.
        (Literal::Null, Kind::Bool) => format!("(COALESCE({key}, 0) {sign} 0)"),
        (Literal::Null, _) if operator == Operator::Eq => format!("({key} IS NULL)"),
        (Literal::Null, _) => format!("({key} IS NOT NULL)"),
        // Behind a missing parent it is false.
        (Literal::Boolean(b), _) => format!("(COALESCE({key}, 0) {sign} {})", i64::from(*b)),
        (Literal::DateLiteral(literal), kind) => {
            let (from, to) = span(&literal.name, literal.n);
            let bound = |day: jiff::civil::Date| match kind {
                Kind::DateTime => midnight(day).to_string(),
                _ => quote(&day.to_string()),
            };
            let (from, to) = (bound(from), bound(to));
            // A span: before its start, after its end, within.
            match operator {
                Operator::Eq => format!("COALESCE({key} >= {from} AND {key} < {to}, 0)"),
                Operator::Ne => format!("(NOT COALESCE({key} >= {from} AND {key} < {to}, 0))"),
                Operator::Lt => format!("COALESCE({key} < {from}, 0)"),
                Operator::Le => format!("COALESCE({key} < {to}, 0)"),
                Operator::Gt => format!("COALESCE({key} >= {to}, 0)"),
                _ => format!("COALESCE({key} >= {from}, 0)"),
            }
        }
        // `!=` keeps rows without a value; every other relation loses them.
        (_, kind) => {
            let without = i64::from(operator == Operator::Ne);
            format!("COALESCE({key} {sign} {}, {without})", literal(kind, value))
        }
    }
}

fn literal(kind: Kind, value: &Value) -> String {
    match (&value.literal, kind) {
        (Literal::String(text), Kind::Multi) => quote(&sorted_set(text)),
        (Literal::String(text), Kind::Id | Kind::Reference(_)) => quote(text),
        (Literal::String(text), _) => quote(&upper(text)),
        (Literal::Number(number), _) => {
            let number: f64 = number.to_string().parse().expect("a number");
            crate::world::scaled(number).to_string()
        }
        (Literal::Date(date), _) => quote(&date.to_string()),
        (Literal::DateTime(instant), _) => instant.as_millisecond().to_string(),
        (other, kind) => panic!("not generated: {other:?} for {kind:?}"),
    }
}

fn is_aggregate(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Function(function, _) if AGGREGATES.contains(&function.name.text.as_str()))
}

const AGGREGATES: [&str; 6] = ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"];

/// An aggregate of a scope, and how it is shown.
fn aggregate(scope: &mut Scope, function: &Function) -> (String, Shown) {
    let [Argument::Field(path)] = function.arguments.as_slice() else { panic!("one field: {function}") };
    let expr = scope.field(path);
    // Texts that differ in their case only are one.
    let key = &expr.key;
    match function.name.text.as_str() {
        "COUNT" => (format!("COUNT({key})"), Shown::Integer),
        "COUNT_DISTINCT" => (format!("COUNT(DISTINCT {key})"), Shown::Integer),
        "SUM" => (format!("SUM({key})"), Shown::Scaled),
        "AVG" => (format!("AVG({key})"), Shown::Average),
        name => {
            let shown = match expr.kind {
                // The least and the greatest picklist value are so by their place.
                Kind::Pick(values) => Shown::Place(values),
                Kind::Text => Shown::Caseless,
                kind => shown(kind),
            };
            (format!("{name}({key})"), shown)
        }
    }
}

fn grouped(query: &Query, mut scope: Scope, condition: String) -> Sql {
    let keys: &[Operand] = match &query.group_by {
        Some(GroupBy::Keys(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) => keys,
        None => &[],
    };
    let n = keys.len();
    // Each set of keys that is grouped by; the others are summed over.
    let sets: Vec<Vec<bool>> = match &query.group_by {
        Some(GroupBy::Rollup(_)) => (0..=n).map(|kept| (0..n).map(|k| k < kept).collect()).collect(),
        Some(GroupBy::Cube(_)) => {
            (0..1_usize << n).map(|bits| (0..n).map(|k| bits & (1 << k) != 0).collect()).collect()
        }
        _ => vec![vec![true; n]],
    };
    let exprs: Vec<Expr> = keys.iter().map(|key| scope.operand(key)).collect();
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let place = |text: &str| texts.iter().position(|key| key == text).expect("a key");
    let mut columns = Vec::new();
    let mut parts = Vec::new();
    for kept in &sets {
        let mut select = Vec::new();
        columns.clear();
        for item in &query.select {
            let (key, sql, shown) = match item {
                SelectItem::Field(path, alias) => {
                    let at = place(&path.to_string());
                    let expr = &exprs[at];
                    let name = alias.as_ref().unwrap_or_else(|| path.segments.last().expect("a name"));
                    let shown = match expr.kind {
                        Kind::Pick(values) => Shown::Place(values),
                        Kind::Text => Shown::Caseless,
                        kind => shown(kind),
                    };
                    let sql = if kept[at] { expr.key.clone() } else { "NULL".to_owned() };
                    (name.text.clone(), sql, shown)
                }
                SelectItem::Function(function, alias) => {
                    let alias = alias.as_ref().expect("an alias").text.clone();
                    if function.name.text == "GROUPING" {
                        let [Argument::Field(path)] = function.arguments.as_slice() else { panic!("one field") };
                        let summed = i64::from(!kept[place(&path.to_string())]);
                        (alias, summed.to_string(), Shown::Integer)
                    } else {
                        let (sql, shown) = aggregate(&mut scope, function);
                        (alias, sql, shown)
                    }
                }
                other => panic!("not generated: {other:?}"),
            };
            select.push(sql);
            columns.push((vec![key], shown));
        }
        let by: Vec<String> = exprs.iter().zip(kept).filter(|(_, kept)| **kept).map(|(e, _)| e.key.clone()).collect();
        let mut having = query.having.as_ref().map_or("1".to_owned(), |having| having_of(&mut scope, having));
        let group_by = match (by.is_empty(), query.group_by.is_some()) {
            (false, _) => format!(" GROUP BY {}", by.join(", ")),
            // The sum over everything is made of rows: without any there is none.
            (true, true) => {
                having = format!("({having}) AND COUNT(*) > 0");
                String::new()
            }
            // Without GROUP BY there is always one result.
            (true, false) => String::new(),
        };
        let having = if having == "1" { String::new() } else { format!(" HAVING {having}") };
        parts.push((select.join(", "), group_by, having));
    }
    let order = order(&mut scope, &query.order_by);
    let from = scope.from();
    let ordered = !order.is_empty();
    let text: Vec<String> = parts
        .iter()
        .map(|(select, group_by, having)| format!("SELECT {select} FROM {from} WHERE {condition}{group_by}{having}"))
        .collect();
    let mut text = text.join(" UNION ALL ");
    if ordered {
        text.push_str(&format!(" ORDER BY {}{}", order.trim_end_matches(", "), page(query)));
    }
    Sql { text, columns, children: None, ordered }
}

fn having_of(scope: &mut Scope, condition: &Condition) -> String {
    let mut chain = |all: &[Condition], word: &str| {
        let parts: Vec<String> = all.iter().map(|one| having_of(scope, one)).collect();
        format!("({})", parts.join(word))
    };
    match condition {
        Condition::And(all) => chain(all, " AND "),
        Condition::Or(all) => chain(all, " OR "),
        Condition::Not(inner) => format!("(NOT {})", having_of(scope, inner)),
        Condition::Compare(comparison) => {
            let Operand::Function(function) = &comparison.left else { panic!("an aggregate") };
            let (mut sql, shown) = aggregate(scope, function);
            // Counts are whole numbers, literals ten-thousandths.
            if shown == Shown::Integer {
                sql = format!("({sql} * {SCALE})");
            }
            let left = Expr { raw: sql.clone(), key: sql, kind: Kind::Number, related: false };
            compare(&left, comparison)
        }
    }
}
