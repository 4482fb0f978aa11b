//! Thousands of random queries, each answered a second time by a plain model that shares nothing with the evaluator.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{create, empty_org, records};
use crate::Org;

/// A row of the model: an invoice and its account's name.
#[derive(Debug, Clone)]
struct Invoice {
    id: String,
    name: &'static str,
    state: Option<&'static str>,
    /// Hundredths.
    total: Option<i64>,
    /// Day of May 2026.
    due: Option<i64>,
    paid: bool,
    tags: Option<&'static str>,
    account: Option<&'static str>,
}

const NAMES: [&str; 7] = ["alpha", "Alpha", "beta", "b_ta", "100%", "Zürich", "it's \\ \"q\""];
const STATES: [&str; 3] = ["New", "Open", "Closed"];
const TAGS: [&str; 5] = ["A", "B", "A;B", "B;C", "A;B;C"];
const ACCOUNTS: [&str; 3] = ["Acme", "acme two", "Zeta"];

static WORLD: LazyLock<(Org, Vec<Invoice>)> = LazyLock::new(|| {
    let mut org = empty_org();
    let accounts = ACCOUNTS.map(|name| create(&mut org, "Account", json!({"Name": name})));
    let mut state = 1_u64;
    let mut pick = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut invoices = Vec::new();
    for _ in 0..90 {
        let account = Some(pick(4)).filter(|n| *n < 3);
        let mut invoice = Invoice {
            id: String::new(),
            name: NAMES[pick(7)],
            state: Some(pick(4)).filter(|n| *n < 3).map(|n| STATES[n]),
            total: Some(pick(6)).filter(|n| *n < 5).map(|n| [-150, 0, 50, 1000, 1050][n]),
            due: Some(pick(5)).filter(|n| *n < 4).map(|n| [1, 12, 13, 20][n]),
            paid: pick(2) == 1,
            tags: Some(pick(6)).filter(|n| *n < 5).map(|n| TAGS[n]),
            account: account.map(|n| ACCOUNTS[n]),
        };
        let fields = json!({
            "Name": invoice.name,
            "State__c": invoice.state,
            "Total__c": invoice.total.map(|t| t as f64 / 100.0),
            "Due__c": invoice.due.map(|d| format!("2026-05-{d:02}")),
            "Paid__c": invoice.paid,
            "Tags__c": invoice.tags,
            "Account__c": account.map(|n| &accounts[n]),
        });
        invoice.id = create(&mut org, "Invoice__c", fields);
        invoices.push(invoice);
    }
    (org, invoices)
});

#[derive(Debug, Clone)]
enum Test {
    Text(TextField, &'static str, &'static str),
    TextIn(TextField, bool, Vec<&'static str>),
    Like(TextField, &'static str),
    TextNull(TextField, bool),
    Number(&'static str, i64),
    NumberIn(bool, Vec<i64>),
    NumberNull(bool),
    Day(&'static str, i64),
    Today(&'static str),
    Paid(&'static str, bool),
    Tags(bool, &'static str),
    Includes(bool, Vec<&'static str>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
}

#[derive(Debug, Clone, Copy)]
enum TextField {
    Name,
    State,
    Account,
}

impl TextField {
    fn soql(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::State => "State__c",
            Self::Account => "Account__r.Name",
        }
    }

    fn of(self, row: &Invoice) -> Option<&'static str> {
        match self {
            Self::Name => Some(row.name),
            Self::State => row.state,
            Self::Account => row.account,
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn cents(n: i64) -> String {
    format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100)
}

impl Test {
    fn soql(&self) -> String {
        match self {
            Test::Text(f, op, v) => format!("{} {op} {}", f.soql(), quoted(v)),
            Test::TextIn(f, not, v) => {
                format!("{} {}IN ({})", f.soql(), if *not { "NOT " } else { "" }, list(v, |v| quoted(v)))
            }
            Test::Like(f, p) => format!("{} LIKE '{p}'", f.soql()),
            Test::TextNull(f, is) => format!("{} {} null", f.soql(), if *is { "=" } else { "!=" }),
            Test::Number(op, n) => format!("Total__c {op} {}", cents(*n)),
            Test::NumberIn(not, v) => {
                format!("Total__c {}IN ({})", if *not { "NOT " } else { "" }, list(v, |n| cents(*n)))
            }
            Test::NumberNull(is) => format!("Total__c {} null", if *is { "=" } else { "!=" }),
            Test::Day(op, d) => format!("Due__c {op} 2026-05-{d:02}"),
            Test::Today(op) => format!("Due__c {op} TODAY"),
            Test::Paid(op, b) => format!("Paid__c {op} {b}"),
            Test::Tags(is, v) => format!("Tags__c {} {}", if *is { "=" } else { "!=" }, quoted(v)),
            Test::Includes(is, v) => {
                format!("Tags__c {} ({})", if *is { "INCLUDES" } else { "EXCLUDES" }, list(v, |v| quoted(v)))
            }
            Test::And(all) => list(all, |t| format!("({})", t.soql())).replace(", (", " AND ("),
            Test::Or(any) => list(any, |t| format!("({})", t.soql())).replace(", (", " OR ("),
            Test::Not(inner) => format!("NOT ({})", inner.soql()),
        }
    }

    fn holds(&self, row: &Invoice) -> bool {
        let by = |op: &str, o: Option<Ordering>| match (op, o) {
            ("!=", o) => o != Some(Ordering::Equal),
            (_, None) => false,
            ("=", Some(o)) => o.is_eq(),
            ("<", Some(o)) => o.is_lt(),
            ("<=", Some(o)) => o.is_le(),
            (">", Some(o)) => o.is_gt(),
            (_, Some(o)) => o.is_ge(),
        };
        let up = |t: &str| t.to_uppercase();
        match self {
            Test::Text(f, op, v) => by(op, f.of(row).map(|t| up(t).cmp(&up(v)))),
            Test::TextIn(f, not, v) => f.of(row).is_some_and(|t| v.iter().any(|v| up(t) == up(v))) != *not,
            Test::Like(f, p) => {
                f.of(row).is_some_and(|t| like(&up(p).chars().collect::<Vec<_>>(), &up(t).chars().collect::<Vec<_>>()))
            }
            Test::TextNull(f, is) => f.of(row).is_none() == *is,
            Test::Number(op, n) => by(op, row.total.map(|t| t.cmp(n))),
            Test::NumberIn(not, v) => row.total.is_some_and(|t| v.contains(&t)) != *not,
            Test::NumberNull(is) => row.total.is_none() == *is,
            Test::Day(op, d) => by(op, row.due.map(|due| due.cmp(d))),
            Test::Today(op) => by(op, row.due.map(|due| due.cmp(&13))),
            Test::Paid(op, b) => (row.paid == *b) == (*op == "="),
            Test::Tags(is, v) => row.tags.is_some_and(|t| set(t) == set(v)) == *is,
            Test::Includes(is, v) => {
                row.tags.is_some_and(|t| v.iter().any(|v| set(v).iter().all(|x| set(t).contains(x)))) == *is
            }
            Test::And(all) => all.iter().all(|t| t.holds(row)),
            Test::Or(any) => any.iter().any(|t| t.holds(row)),
            Test::Not(inner) => !inner.holds(row),
        }
    }
}

fn set(text: &str) -> std::collections::BTreeSet<String> {
    text.split(';').map(str::to_uppercase).collect()
}

/// By trying every length for each `%`.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|n| like(rest, &text[n..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn test() -> impl Strategy<Value = Test> {
    let field = prop_oneof![Just(TextField::Name), Just(TextField::State), Just(TextField::Account)];
    let text = prop::sample::select([&NAMES[..], &STATES, &ACCOUNTS, &["OPEN", "nobody"]].concat());
    let pattern =
        prop::sample::select(vec!["a%", "%A", "%e%", "_lpha", "b\\_ta", "100\\%", "b_ta", "%", "z%h", "%\\_%", "ZÜ%"]);
    let op = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let equality = prop::sample::select(vec!["=", "!="]);
    let number = prop::sample::select(vec![-150_i64, 0, 50, 75, 1000, 1050]);
    let leaf = prop_oneof![
        (field.clone(), op.clone(), text.clone()).prop_map(|(f, o, v)| Test::Text(f, o, v)),
        (field.clone(), any::<bool>(), prop::collection::vec(text, 1..4)).prop_map(|(f, n, v)| Test::TextIn(f, n, v)),
        (field.clone(), pattern).prop_map(|(f, p)| Test::Like(f, p)),
        (field, any::<bool>()).prop_map(|(f, is)| Test::TextNull(f, is)),
        (op.clone(), number.clone()).prop_map(|(o, n)| Test::Number(o, n)),
        (any::<bool>(), prop::collection::vec(number, 1..4)).prop_map(|(n, v)| Test::NumberIn(n, v)),
        any::<bool>().prop_map(Test::NumberNull),
        (op.clone(), 1..25_i64).prop_map(|(o, d)| Test::Day(o, d)),
        op.prop_map(Test::Today),
        (equality, any::<bool>()).prop_map(|(o, b)| Test::Paid(o, b)),
        (any::<bool>(), prop::sample::select(TAGS.to_vec())).prop_map(|(is, v)| Test::Tags(is, v)),
        (any::<bool>(), prop::collection::vec(prop::sample::select(TAGS.to_vec()), 1..3))
            .prop_map(|(is, v)| Test::Includes(is, v)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Test::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Test::Or),
            inner.prop_map(|t| Test::Not(Box::new(t))),
        ]
    })
}

/// A key of ORDER BY: its field, descending, nulls last.
type Key = (usize, bool, bool);

const SORTED: [&str; 4] = ["Name", "State__c", "Total__c", "Due__c"];

fn order(keys: &[Key], a: &Invoice, b: &Invoice) -> Ordering {
    for (field, descending, nulls_last) in keys {
        // Picklists by the place of their value, text without its case.
        let key = |r: &Invoice| match field {
            0 => Some((r.name.to_uppercase(), 0)),
            1 => r.state.map(|s| (String::new(), STATES.iter().position(|x| *x == s).unwrap() as i64)),
            2 => r.total.map(|t| (String::new(), t)),
            _ => r.due.map(|d| (String::new(), d)),
        };
        let found = match (key(a), key(b)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => {
                if *nulls_last {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Some(_), None) => {
                if *nulls_last {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Some(a), Some(b)) => {
                if *descending {
                    b.cmp(&a)
                } else {
                    a.cmp(&b)
                }
            }
        };
        if found.is_ne() {
            return found;
        }
    }
    a.id.cmp(&b.id)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(
        test in test(),
        keys in prop::collection::vec((0..4_usize, any::<bool>(), any::<bool>()), 0..3),
        limit in prop::option::of(0..30_usize),
        offset in prop::option::of(0..30_usize),
    ) {
        let (org, rows) = &*WORLD;
        let condition = test.soql();
        let mut expected: Vec<&Invoice> = rows.iter().filter(|r| test.holds(r)).collect();

        let mut groups: BTreeMap<Option<&str>, i64> = BTreeMap::new();
        for row in &expected {
            *groups.entry(row.state).or_default() += 1;
        }
        let text = format!("SELECT State__c, COUNT(Id) n FROM Invoice__c WHERE {condition} GROUP BY State__c");
        let found = records(org, &text);
        let found: BTreeMap<Option<&str>, i64> =
            found.as_array().unwrap().iter().map(|g| (g["State__c"].as_str(), g["n"].as_i64().unwrap())).collect();
        prop_assert_eq!(found, groups, "{}", text);

        let text = format!("SELECT COUNT(Total__c) c, SUM(Total__c) s, MIN(Due__c) d FROM Invoice__c WHERE {condition}");
        let totals: Vec<i64> = expected.iter().filter_map(|r| r.total).collect();
        let sum = if totals.is_empty() { Json::Null } else { json!(totals.iter().sum::<i64>() as f64 / 100.0) };
        let first = expected.iter().filter_map(|r| r.due).min().map(|d| format!("2026-05-{d:02}"));
        let found = records(org, &text);
        prop_assert_eq!(found[0]["s"].as_f64(), sum.as_f64(), "{}", text);
        prop_assert_eq!(&found[0]["c"], &json!(totals.len()));
        prop_assert_eq!(&found[0]["d"], &json!(first));

        expected.sort_by(|a, b| order(&keys, a, b));
        let ids: Vec<&str> =
            expected.iter().map(|r| r.id.as_str()).skip(offset.unwrap_or(0)).take(limit.unwrap_or(usize::MAX)).collect();
        let mut items: Vec<String> = keys.iter().map(|(field, descending, nulls_last)| {
            let direction = if *descending { "DESC" } else { "ASC" };
            format!("{} {direction} NULLS {}", SORTED[*field], if *nulls_last { "LAST" } else { "FIRST" })
        }).collect();
        items.push("Id".to_owned());
        let mut text = format!("SELECT Id FROM Invoice__c WHERE {condition} ORDER BY {}", items.join(", "));
        if let Some(limit) = limit {
            text.push_str(&format!(" LIMIT {limit}"));
        }
        if let Some(offset) = offset {
            text.push_str(&format!(" OFFSET {offset}"));
        }
        let found = records(org, &text);
        let found: Vec<&str> = found.as_array().unwrap().iter().map(|r| r["Id"].as_str().unwrap()).collect();
        prop_assert_eq!(found, ids, "{}", text);
    }
}
