//! Arbitrary queries: trees that the parser could have made, small enough to read when one fails.

#![allow(dead_code, reason = "each test binary uses its part")]

use jiff::civil::{Date, Time, date};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use rust_decimal::Decimal;
use tidegate_soql::ast::*;
use tidegate_soql::{date_literals, date_literals_with_number, is_reserved};

/// Names that are also words of the grammar, beside ordinary ones.
const NAMES: &[&str] = &[
    "Id",
    "Name",
    "Account",
    "Owner",
    "CreatedDate",
    "Amount__c",
    "Parent__r",
    "ns__Field__c",
    "Group",
    "Order",
    "Offset",
    "Count",
    "Format",
    "Data",
    "Category",
    "At",
    "View",
    "Reference",
    "Case",
    "Fields",
    "Scope",
    "Distance",
    "Today",
    "All",
    "Rows",
    "Tracking",
    "Standard",
    "x",
    "USD5",
];

const FUNCTIONS: &[&str] = &[
    "AVG",
    "COUNT",
    "COUNT_DISTINCT",
    "MIN",
    "max",
    "Sum",
    "CALENDAR_YEAR",
    "DAY_ONLY",
    "HOUR_IN_DAY",
    "toLabel",
    "FORMAT",
    "convertCurrency",
    "convertTimezone",
    "GROUPING",
];

pub(crate) fn value_of<T>(literal: T, make: impl Fn(T) -> Literal) -> Value {
    Value { literal: make(literal), span: Span::default() }
}

pub(crate) fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(NAMES).prop_map(str::to_owned),
        1 => "[A-Za-z][A-Za-z0-9_]{0,8}".prop_filter("reserved", |word| !is_reserved(word)),
    ]
}

pub(crate) fn name() -> impl Strategy<Value = Name> {
    word().prop_map(|text| Name { text, span: Span::default() })
}

fn alias() -> impl Strategy<Value = Option<Name>> {
    of(name().prop_filter("kept from aliases", |name| !name.text.eq_ignore_ascii_case("group")))
}

pub(crate) fn path() -> impl Strategy<Value = FieldPath> {
    let later = prop_oneof![4 => word(), 1 => select(&["Limit", "From", "Where", "Not"][..]).prop_map(str::to_owned)];
    (name(), vec(later.prop_map(|text| Name { text, span: Span::default() }), 0..3))
        .prop_map(|(first, rest)| FieldPath { segments: std::iter::once(first).chain(rest).collect() })
}

pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (-1000i64..1000, 0u32..4).prop_map(|(n, scale)| Decimal::new(n, scale)),
        (any::<i64>(), 0u32..19).prop_map(|(n, scale)| Decimal::new(n, scale)),
        (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0u32..=28)
            .prop_map(|(a, b, c, negative, scale)| Decimal::from_parts(a, b, c, negative, scale)),
    ]
    // The parser gives zero one sign, and so must the generator, or printing would differ.
    .prop_map(|n| if n.is_zero() { n.abs() } else { n })
}

/// Any text, with a liking for what could bend a string literal.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 ]{1,5}",
        1 => select(&["'", "\"", "\\", "\\'", "''", "\\\\'", "%", "_", "\\%", "\\_", "\n", "\r\n", "\t", "\u{8}", "\u{c}",
            "\0", "\\u0027", "' OR Id != '", "') FROM A --", "é", "😀", "\u{2028}", "\u{feff}", ":x", ";"][..])
            .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A LIKE pattern as the parser gives it: a backslash only before `_`, `%` and a backslash.
pub(crate) fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => text().prop_map(|text| text.replace('\\', "")),
        1 => select(&["\\_", "\\%", "\\\\", "%", "_"][..]).prop_map(str::to_owned),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

pub(crate) fn any_date() -> impl Strategy<Value = Date> {
    let days = (date(4000, 12, 31) - date(1700, 1, 1)).get_days();
    (0..=days).prop_map(|n| date(1700, 1, 1) + SignedDuration::from_hours(24 * i64::from(n)))
}

pub(crate) fn any_time() -> impl Strategy<Value = Time> {
    let fraction = prop_oneof![Just(0), (0..1000i32).prop_map(|ms| ms * 1_000_000), 0..1_000_000_000i32];
    (0..24i8, 0..60i8, 0..60i8, fraction).prop_map(|(h, m, s, ns)| jiff::civil::time(h, m, s, ns))
}

pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    (any_date(), any_time()).prop_filter_map("after the last instant", |(date, time)| {
        let latest: Timestamp = "4000-12-31T14:00:00Z".parse().ok()?;
        let instant = jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
        (instant <= latest).then_some(instant)
    })
}

fn date_literal() -> impl Strategy<Value = DateLiteral> {
    prop_oneof![
        select(date_literals()).prop_map(|name| DateLiteral { name: name.to_owned(), n: None }),
        (select(date_literals_with_number()), 0u32..1000)
            .prop_map(|(name, n)| DateLiteral { name: name.to_owned(), n: Some(n) }),
    ]
}

fn bind_name() -> impl Strategy<Value = String> {
    path().prop_map(|path| path.dotted())
}

fn string() -> BoxedStrategy<Value> {
    text().prop_map(|text| value_of(text, Literal::String)).boxed()
}

/// Whether what only Apex has may be generated: `:name`, `FOR UPDATE`, `ALL ROWS`; and the `FOR VIEW FOR REFERENCE` that
/// Salesforce's published grammar does not know yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Apex(pub(crate) bool);

fn or_bind(values: BoxedStrategy<Value>, apex: Apex) -> BoxedStrategy<Value> {
    if apex.0 {
        prop_oneof![4 => values, 1 => bind_name().prop_map(|name| value_of(name, Literal::Bind))].boxed()
    } else {
        values
    }
}

/// A literal as it may stand after `=`.
pub(crate) fn value(apex: Apex) -> BoxedStrategy<Value> {
    let literal = prop_oneof![
        3 => text().prop_map(Literal::String),
        2 => decimal().prop_map(Literal::Number),
        1 => any::<bool>().prop_map(Literal::Boolean),
        1 => Just(Literal::Null),
        1 => any_date().prop_map(Literal::Date),
        1 => instant().prop_map(Literal::DateTime),
        1 => any_time().prop_map(Literal::Time),
        1 => ("[A-Z]{3}", decimal()).prop_map(|(code, amount)| Literal::Currency(code, amount.abs())),
        1 => date_literal().prop_map(Literal::DateLiteral),
    ];
    or_bind(literal.prop_map(|literal| Value { literal, span: Span::default() }).boxed(), apex)
}

fn named(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}

fn distance(apex: Apex) -> BoxedStrategy<Function> {
    let degrees =
        || or_bind((-18000i64..18000).prop_map(|n| value_of(Decimal::new(n, 2), Literal::Number)).boxed(), apex);
    let place = (degrees(), degrees()).prop_map(|(latitude, longitude)| Function {
        name: named("GEOLOCATION"),
        arguments: vec![Argument::Value(latitude), Argument::Value(longitude)],
        span: Span::default(),
    });
    (path(), place, select(&["mi", "km"][..]))
        .prop_map(|(field, place, unit)| Function {
            name: named("DISTANCE"),
            arguments: vec![
                Argument::Field(field),
                Argument::Function(place),
                Argument::Value(value_of(unit.to_owned(), Literal::String)),
            ],
            span: Span::default(),
        })
        .boxed()
}

fn function() -> impl Strategy<Value = Function> {
    let call = |argument| (select(FUNCTIONS), argument);
    let make = |(name, argument)| Function { name: named(name), arguments: vec![argument], span: Span::default() };
    let inner = call(path().prop_map(Argument::Field).boxed()).prop_map(make);
    prop_oneof![
        3 => inner.clone(),
        1 => call(inner.prop_map(Argument::Function).boxed()).prop_map(make),
    ]
}

/// The left side of a comparison and the key of ORDER BY.
fn operand(apex: Apex) -> impl Strategy<Value = Operand> {
    prop_oneof![
        6 => path().prop_map(Operand::Field),
        2 => function().prop_map(Operand::Function),
        1 => distance(apex).prop_map(Operand::Function),
    ]
}

fn group_key() -> impl Strategy<Value = Operand> {
    prop_oneof![3 => path().prop_map(Operand::Field), 1 => function().prop_map(Operand::Function)]
}

fn comparing() -> impl Strategy<Value = Operator> {
    select(&[Operator::Eq, Operator::Ne, Operator::Lt, Operator::Le, Operator::Gt, Operator::Ge][..])
}

fn comparison(apex: Apex, semi_joins: u32) -> BoxedStrategy<Condition> {
    let is_in = || select(&[Operator::In, Operator::NotIn][..]);
    let includes = || select(&[Operator::Includes, Operator::Excludes][..]);
    let like = or_bind(pattern().prop_map(|text| value_of(text, Literal::String)).boxed(), apex);
    let mut ways: Vec<(u32, BoxedStrategy<(Operator, Right)>)> = vec![
        (6, (comparing(), value(apex).prop_map(Right::Value)).boxed()),
        (2, (Just(Operator::Like), like.prop_map(Right::Value)).boxed()),
        (2, (is_in(), vec(value(apex), 1..4).prop_map(Right::List)).boxed()),
        (1, (includes(), vec(or_bind(string(), apex), 1..3).prop_map(Right::List)).boxed()),
    ];
    if apex.0 {
        let list = bind_name().prop_map(|name| Right::Value(value_of(name, Literal::Bind)));
        ways.push((1, (prop_oneof![is_in(), includes()], list).boxed()));
    }
    if semi_joins > 0 {
        let inner = semi_join(apex, semi_joins - 1).prop_map(|query| Right::Subquery(Box::new(query)));
        ways.push((1, (is_in(), inner).boxed()));
    }
    let right = proptest::strategy::Union::new_weighted(ways);
    // FORMULA() is younger than Salesforce's published grammar.
    let formula = if apex.0 { 1 } else { 0 };
    let left = prop_oneof![
        9 => path().prop_map(Operand::Field),
        3 => function().prop_map(Operand::Function),
        formula => text().prop_map(|text| Operand::Function(Function {
            name: named("FORMULA"),
            arguments: vec![Argument::Value(value_of(text, Literal::String))],
            span: Span::default(),
        })),
    ];
    let degrees = value(apex).prop_map(Right::Value);
    let distances = (distance(apex).prop_map(Operand::Function), (comparing(), degrees));
    let make =
        |(left, (operator, right))| Condition::Compare(Comparison { left, operator, right, span: Span::default() });
    prop_oneof![8 => (left, right).prop_map(make), 1 => distances.prop_map(make)].boxed()
}

pub(crate) fn condition(apex: Apex, semi_joins: u32) -> BoxedStrategy<Condition> {
    comparison(apex, semi_joins)
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                2 => vec(inner.clone(), 2..4).prop_map(Condition::And),
                2 => vec(inner.clone(), 2..4).prop_map(Condition::Or),
                1 => inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            ]
        })
        .boxed()
}

fn from() -> impl Strategy<Value = From> {
    (path(), alias(), vec((path(), alias()), 0..2)).prop_map(|(object, alias, also)| From { object, alias, also })
}

fn empty(select: Vec<SelectItem>, from: From) -> Query {
    Query {
        select,
        from,
        scope: None,
        lookup: None,
        condition: None,
        with: None,
        group_by: None,
        having: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
        for_clauses: Vec::new(),
        update: Vec::new(),
        all_rows: false,
        span: Span::default(),
    }
}

fn semi_join(apex: Apex, semi_joins: u32) -> BoxedStrategy<Query> {
    let item = path().prop_map(|path| SelectItem::Field(path, None));
    (item, from(), of(condition(apex, semi_joins)))
        .prop_map(|(item, from, condition)| Query { condition, ..empty(vec![item], from) })
        .boxed()
}

fn type_of() -> impl Strategy<Value = TypeOf> {
    let fields = || vec(path(), 1..3);
    (path(), vec((name(), fields()), 1..3), prop_oneof![Just(Vec::new()), fields()])
        .prop_map(|(relationship, when, otherwise)| TypeOf { relationship, when, otherwise, span: Span::default() })
}

fn select_item(apex: Apex, depth: u32) -> BoxedStrategy<SelectItem> {
    let mut ways: Vec<(u32, BoxedStrategy<SelectItem>)> = vec![
        (8, (path(), alias()).prop_map(|(path, alias)| SelectItem::Field(path, alias)).boxed()),
        (2, (function(), alias()).prop_map(|(function, alias)| SelectItem::Function(function, alias)).boxed()),
        (1, (distance(apex), alias()).prop_map(|(function, alias)| SelectItem::Function(function, alias)).boxed()),
        (
            1,
            select(&[FieldSet::All, FieldSet::Custom, FieldSet::Standard][..])
                .prop_map(|set| SelectItem::Fields(set, Span::default()))
                .boxed(),
        ),
        (1, type_of().prop_map(SelectItem::TypeOf).boxed()),
    ];
    if depth > 0 {
        ways.push((2, query_of_depth(apex, depth - 1).prop_map(|query| SelectItem::Subquery(Box::new(query))).boxed()));
    }
    proptest::strategy::Union::new_weighted(ways).boxed()
}

fn scope() -> impl Strategy<Value = Name> {
    select(&["everything", "mine", "delegated", "My_Territory", "scopingRule", "team"][..]).prop_map(named)
}

fn lookup() -> impl Strategy<Value = Lookup> {
    let bind = (path(), value(Apex(false))).prop_map(|(field, value)| LookupBind { field, value });
    // A word of a clause may not stand alone there.
    let field = path().prop_filter("one name", |path| path.segments.len() > 1);
    (field, vec(bind, 0..3)).prop_map(|(field, binds)| Lookup { field, binds })
}

fn with(apex: Apex) -> impl Strategy<Value = With> {
    let mode = select(&["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"][..]).prop_map(|mode| With::Mode(named(mode)));
    let selector = select(&["AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"][..]).prop_map(named);
    let categories = vec((name(), selector, vec(name(), 1..3)), 1..3).prop_map(With::DataCategory);
    let user = (path(), or_bind(string(), apex)).prop_map(|(path, value)| {
        With::Condition(Condition::Compare(Comparison {
            left: Operand::Field(path),
            operator: Operator::Eq,
            right: Right::Value(value),
            span: Span::default(),
        }))
    });
    let setting = prop_oneof![
        (0i64..1000).prop_map(|n| value_of(Decimal::from(n), Literal::Number)),
        any::<bool>().prop_map(|b| value_of(b, Literal::Boolean)),
    ];
    let context = vec((name(), setting), 1..4).prop_map(With::RecordVisibilityContext);
    prop_oneof![mode, categories, user, context]
}

fn group_by() -> impl Strategy<Value = GroupBy> {
    prop_oneof![
        vec(group_key(), 1..4).prop_map(GroupBy::Keys),
        vec(group_key(), 1..4).prop_map(GroupBy::Rollup),
        vec(group_key(), 1..4).prop_map(GroupBy::Cube),
    ]
}

fn order_item(apex: Apex) -> impl Strategy<Value = OrderItem> {
    let direction = of(select(&[Direction::Asc, Direction::Desc][..]));
    let nulls = of(select(&[Nulls::First, Nulls::Last][..]));
    (operand(apex), direction, nulls).prop_map(|(key, direction, nulls)| OrderItem { key, direction, nulls })
}

fn count(apex: Apex) -> BoxedStrategy<Count> {
    let number = prop_oneof![0..10_000u64, any::<u64>()].prop_map(|n| Count::Number(n, Span::default()));
    if apex.0 {
        let bind = bind_name().prop_map(|text| Count::Bind(Name { text, span: Span::default() }));
        prop_oneof![4 => number, 1 => bind].boxed()
    } else {
        number.boxed()
    }
}

fn for_clauses(apex: Apex) -> BoxedStrategy<Vec<ForClause>> {
    if apex.0 {
        subsequence(vec![ForClause::View, ForClause::Reference, ForClause::Update], 0..=3).boxed()
    } else {
        subsequence(vec![ForClause::View, ForClause::Reference], 0..=1).boxed()
    }
}

fn query_of_depth(apex: Apex, depth: u32) -> BoxedStrategy<Query> {
    let items = prop_oneof![
        1 => Just(vec![SelectItem::Count(Span::default())]),
        9 => vec(select_item(apex, depth), 1..4),
    ];
    let grouping = of((group_by(), of(condition(apex, 0))));
    let filters = ((of(scope()), of(lookup())), of(condition(apex, 1)), of(with(apex)), grouping);
    let order = prop_oneof![Just(Vec::new()), vec(order_item(apex), 1..3)];
    let ends = (
        order,
        of(count(apex)),
        of(count(apex)),
        for_clauses(apex),
        subsequence(vec![UpdateClause::Tracking, UpdateClause::Viewstat], 0..=2),
        prop_oneof![4 => Just(false), 1 => Just(apex.0)],
    );
    (items, from(), filters, ends)
        .prop_map(|(select, from, ((scope, lookup), condition, with, grouping), ends)| {
            let (group_by, having) = match grouping {
                Some((group_by, having)) => (Some(group_by), having),
                None => (None, None),
            };
            let (order_by, limit, offset, for_clauses, update, all_rows) = ends;
            Query {
                scope,
                lookup,
                condition,
                with,
                group_by,
                having,
                order_by,
                limit,
                offset,
                for_clauses,
                update,
                all_rows,
                ..empty(select, from)
            }
        })
        .boxed()
}

/// A query of any shape.
pub(crate) fn query(apex: Apex) -> BoxedStrategy<Query> {
    query_of_depth(apex, 2)
}

/// A query of a few words, in which a change is likely to meet the grammar's borders.
pub(crate) fn short_query() -> BoxedStrategy<Query> {
    let bare = || FieldPath { segments: vec![named("a")] };
    let compare = |n: i64| {
        Condition::Compare(Comparison {
            left: Operand::Field(bare()),
            operator: Operator::Eq,
            right: Right::Value(value_of(Decimal::from(n), Literal::Number)),
            span: Span::default(),
        })
    };
    let conditions = vec![
        compare(1),
        Condition::Not(Box::new(compare(1))),
        Condition::And(vec![compare(1), compare(2)]),
        Condition::Or(vec![compare(1), compare(2), compare(3)]),
        Condition::And(vec![compare(1), Condition::Or(vec![compare(2), compare(3)])]),
        Condition::Or(vec![compare(1), Condition::Not(Box::new(compare(2)))]),
    ];
    let key = move || Operand::Field(bare());
    let having = conditions.clone();
    (of(select(conditions)), of(of(select(having))), any::<bool>(), any::<bool>(), for_clauses(Apex(false)))
        .prop_map(move |(condition, grouping, is_ordered, is_limited, for_clauses)| {
            let from = From { object: FieldPath { segments: vec![named("A")] }, alias: None, also: Vec::new() };
            let order = OrderItem { key: key(), direction: None, nulls: Some(Nulls::Last) };
            Query {
                condition,
                group_by: grouping.is_some().then(|| GroupBy::Keys(vec![key()])),
                having: grouping.flatten(),
                order_by: if is_ordered { vec![order] } else { Vec::new() },
                limit: is_limited.then_some(Count::Number(5, Span::default())),
                for_clauses,
                ..empty(vec![SelectItem::Field(FieldPath { segments: vec![named("a")] }, None)], from)
            }
        })
        .boxed()
}

/// A change to a text, by its words and signs.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Delete(Index),
    Swap(Index, Index),
    Insert(Index, String),
    Replace(Index, String),
    /// A few pieces in a row are taken out.
    Cut(Index, usize),
}

/// Whole clauses, so that what is right by itself stands in the wrong place.
fn fragment() -> impl Strategy<Value = String> {
    select(
        &[
            "HAVING COUNT ( Id ) > 1",
            "GROUP BY a",
            "ORDER BY a",
            "LIMIT 5",
            "OFFSET 5",
            "FOR VIEW",
            "UPDATE TRACKING",
            "WITH USER_MODE",
            "WITH DATA CATEGORY a AT b",
            "USING SCOPE mine",
            "USING LOOKUP a",
            "BIND a = 'x'",
            ", LOOKUP a",
            "DISTANCE ( a , GEOLOCATION ( 1 , 2 ) , 'km' )",
            "convertCurrency ( a )",
            "WITH DATA CATEGORY a ABOVE_OR_BELOW ( b , c )",
            "FOR REFERENCE",
            "ALL ROWS",
            "USD5",
            "WHERE a = 1",
            "AND a = 1",
            "OR a = 1",
            "AND NOT a = 1",
            "NOT ( a = 1 )",
            "AND ( NOT a = 1 )",
            ", b",
            "x",
            "AS x",
            "ASC",
            "NULLS FIRST",
            "( SELECT Id FROM b )",
            "COUNT ( )",
            "MAX ( a )",
            "TYPEOF a WHEN b THEN c END",
            "FIELDS ( ALL )",
            "IN ( SELECT a FROM b )",
            "NOT IN ( 'x' )",
            "a = 1",
            "a IN ( 1 , 2 ) OR",
            "a LIKE 'x' AND",
            "ROLLUP ( a )",
        ][..],
    )
    .prop_map(str::to_owned)
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let token = || {
        prop_oneof![
            3 => select(&["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "(", ")", ",", "=", "!=", "<", "LIKE", "IN",
                "NULL", "'x'", "1", "-", "ORDER", "GROUP", "BY", "LIMIT", "OFFSET", "FOR", "VIEW", "HAVING", "WITH",
                "COUNT", "ASC", "NULLS", "LAST", "TYPEOF", "END", "USING", "SCOPE", "TODAY", "LAST_N_DAYS", ":", ".",
                "2026-01-02", "INCLUDES", "UPDATE", "ROLLUP"][..]).prop_map(str::to_owned),
            1 => word(),
        ]
    };
    prop_oneof![
        1 => any::<Index>().prop_map(Mutation::Delete),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => (any::<Index>(), token()).prop_map(|(at, token)| Mutation::Insert(at, token)),
        1 => (any::<Index>(), token()).prop_map(|(at, token)| Mutation::Replace(at, token)),
        4 => (any::<Index>(), fragment()).prop_map(|(at, fragment)| Mutation::Insert(at, fragment)),
        1 => (any::<Index>(), 2usize..7).prop_map(|(at, length)| Mutation::Cut(at, length)),
    ]
}

/// Cuts a printed query into strings, words with their dots, and signs. Not the lexer's work: a second, cruder eye.
pub(crate) fn pieces(source: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let mut piece = String::from(c);
        if c == '\'' {
            while let Some(next) = chars.next() {
                piece.push(next);
                match next {
                    '\\' => piece.extend(chars.next()),
                    '\'' => break,
                    _ => {}
                }
            }
        } else if c.is_alphanumeric() {
            let goes_on = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.');
            while let Some(next) = chars.next_if(goes_on) {
                piece.push(next);
            }
            // Dates and times hold signs.
            let is_number = c.is_ascii_digit();
            while let Some(next) = chars.next_if(|c| is_number && (goes_on(c) || matches!(c, '-' | ':'))) {
                piece.push(next);
            }
        } else if matches!(c, '!' | '<' | '>') {
            piece.extend(chars.next_if_eq(&'='));
        } else if c.is_whitespace() {
            continue;
        }
        pieces.push(piece);
    }
    pieces
}

/// The query as text, changed a little.
pub(crate) fn mutated(query: &Query, mutations: &[Mutation]) -> String {
    let mut pieces = pieces(&query.to_string());
    for mutation in mutations {
        if pieces.is_empty() {
            break;
        }
        match mutation {
            Mutation::Delete(at) => {
                let at = at.index(pieces.len());
                pieces.remove(at);
            }
            Mutation::Cut(at, length) => {
                let at = at.index(pieces.len());
                let end = (at + length).min(pieces.len());
                pieces.drain(at..end);
            }
            Mutation::Swap(a, b) => {
                let (a, b) = (a.index(pieces.len()), b.index(pieces.len()));
                pieces.swap(a, b);
            }
            Mutation::Insert(at, token) => {
                let at = at.index(pieces.len() + 1);
                pieces.insert(at, token.clone());
            }
            Mutation::Replace(at, token) => {
                let at = at.index(pieces.len());
                if let Some(piece) = pieces.get_mut(at) {
                    piece.clone_from(token);
                }
            }
        }
    }
    pieces.join(" ")
}
