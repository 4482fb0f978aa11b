//! Our verdicts against those of Salesforce's own grammar, on generated and on damaged queries.
//!
//! `e2e/referee/soql/run` installs the judge and runs this; on its own the test needs Node.js and, in
//! `TIDEGATE_SOQL_JUDGE` or `e2e/referee/soql`, the judge's packages. Without them it says so and passes.

#![allow(clippy::print_stderr, reason = "it prints its figures, or that it could not run")]

mod generate;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use generate::{Apex, mutated, mutation, query, short_query};
use proptest::collection::vec;
use proptest::prop_oneof;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tidegate_soql::ast::{
    Argument, Condition, Count, FieldPath, ForClause, Function, Literal, Name, Operand, Operator, Query, Right,
    SelectItem, Value, With,
};
use tidegate_soql::{ParseError, ParseErrorKind, parse};

const VALID: usize = 3000;
const DAMAGED: usize = 2000;
/// Queries with what only Apex has.
const APEX: usize = 500;

/// What the judge refuses and we read, each taken out of the tree by `reduced`; the rest must then please the judge.
///
/// - Bind variables: the judge is asked as the API, which has none.
/// - `FORMULA('…')`: in the SOQL reference (beta), younger than the judge's grammar.
/// - `ALL ROWS`, `FOR UPDATE`: Apex only; we read them, and `lint_text` says that the API refuses them.
/// - `FOR VIEW FOR REFERENCE`: in the SOQL reference, not in the judge's grammar of API 55.
/// - `WITH SECURITY_ENFORCED` and its like in a semi-join: Apex only, as above.
const REDUCTIONS: &str = "binds, FORMULA(), ALL ROWS, FOR UPDATE, FOR VIEW FOR REFERENCE, WITH mode in a semi-join";

/// What the judge accepts and we refuse, and why. A piece of our error's sentence is its class.
const REFUSALS: &[(&str, &str)] = &[
    ("unexpected character", "the judge skips what its lexer cannot read"),
    ("invalid date", "the judge looks at the shape of a date and a date literal, not at its value"),
    ("invalid number", "numbers beyond 28 digits, or a LIMIT beyond 64 bits: shapes the judge does not measure"),
    ("expected a number after LIMIT", "the judge takes a sign here; the reference says non-negative"),
    ("expected a number after OFFSET", "the judge takes a sign here; the reference says non-negative"),
    ("a fourth field is not allowed in ROLLUP", "the reference allows three"),
    ("a semi-join is not allowed in HAVING", "the reference forbids it"),
    ("expected a string such as 'A;B'", "INCLUDES and EXCLUDES take strings (reference)"),
    ("expected TRACKING or VIEWSTAT", "the judge takes any word"),
    ("expected ALL, CUSTOM or STANDARD", "the judge takes FIELDS for a function of any field"),
    ("FIELDS() is not allowed outside", "the judge takes FIELDS for a function of any field"),
    ("FIELDS() is not allowed in a semi-join", "the judge takes FIELDS for a function of any field"),
    ("expected 'mi' or 'km'", "the judge takes any unit"),
    ("expected DATA CATEGORY, SECURITY_ENFORCED", "the judge takes any word after WITH"),
    ("expected = after the field in WITH", "the judge takes any word after WITH, with parentheses or without"),
    ("expected an alias", "GROUP may not be an alias (reference)"),
    ("one SCOPE and one LOOKUP after USING", "a third entry after USING: one scope and one lookup are known"),
];

/// The judge accepts more shapes around aliases and repeated clauses than the reference has; told by what was found.
fn is_known_shape(source: &str, error: &ParseError) -> Option<&'static str> {
    let ParseErrorKind::UnexpectedToken { found, expected } = &error.kind else { return None };
    let before = source.get(..error.span.start)?.trim_end();
    let last = before.rsplit([' ', '(', ')', ',']).next()?.to_ascii_uppercase();
    let is_word = found.starts_with(|c: char| c.is_ascii_alphabetic());
    if expected == "FROM" && is_word && (before.ends_with(')') || last == "END") {
        return Some("an alias after a sub-query, FIELDS() or TYPEOF: the reference has none");
    }
    if found == "(" && last.contains('.') {
        return Some("a function with a dotted name: the judge reads any");
    }
    if found == "." {
        return Some("an alias with a dot: the judge reads any dotted name as one");
    }
    let after = source.get(error.span.end..)?;
    if expected.starts_with("the name of a scope") && after.starts_with('.') {
        return Some("a scope with a dot: the judge reads any dotted name as one");
    }
    let second_to_last = before.split_whitespace().rev().nth(1).unwrap_or_default();
    if found == "," && second_to_last.eq_ignore_ascii_case("SCOPE") {
        return Some("a second entry after USING SCOPE: the reference has one");
    }
    let has_digit_after_dot =
        found.split('.').nth(1).is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    if has_digit_after_dot || expected == "a name right after the dot" {
        return Some("a dotted name with a part that is empty or begins with a digit: the judge reads any");
    }
    if found.eq_ignore_ascii_case("BIND") {
        return Some("BIND without USING LOOKUP: there is nothing that it could be for");
    }
    if found.eq_ignore_ascii_case("WITH") {
        return Some("a second WITH: the reference has one");
    }
    None
}

fn judge() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../e2e/referee/soql")
}

/// The judge's errors for each query; `None` where it is not installed.
fn official(queries: &[String]) -> Option<Vec<Vec<String>>> {
    let modules = std::env::var_os("TIDEGATE_SOQL_JUDGE").map_or_else(judge, PathBuf::from);
    if !modules.join("node_modules/@salesforce/soql-common").is_dir() {
        eprintln!("not run: the judge is not installed (e2e/referee/soql/run installs it)");
        return None;
    }
    let started = Command::new("node")
        .arg(judge().join("judge.js"))
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut node) = started else {
        eprintln!("not run: Node.js is missing");
        return None;
    };
    let mut stdin = node.stdin.take().expect("a pipe to node");
    let lines: String =
        queries.iter().map(|query| serde_json::Value::from(query.as_str()).to_string() + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = node.wait_with_output().expect("reading from node");
    writer.join().expect("the writing thread").expect("writing to node");
    assert!(output.status.success(), "node failed");
    let text = String::from_utf8(output.stdout).expect("UTF-8 from node");
    let verdicts: Vec<Vec<String>> =
        text.lines().map(|line| serde_json::from_str(line).expect("a list of errors")).collect();
    assert_eq!(verdicts.len(), queries.len());
    Some(verdicts)
}

/// The query without what the judge is known to refuse.
fn reduced(query: &Query) -> Query {
    let mut query = query.clone();
    reduce(&mut query, false);
    query
}

fn reduce(query: &mut Query, is_semi_join: bool) {
    query.all_rows = false;
    query.for_clauses.retain(|clause| *clause != ForClause::Update);
    query.for_clauses.truncate(1);
    if is_semi_join && matches!(query.with, Some(With::Mode(_))) {
        query.with = None;
    }
    for item in &mut query.select {
        if let SelectItem::Subquery(inner) = item {
            reduce(inner, false);
        }
    }
    for condition in [&mut query.condition, &mut query.having].into_iter().flatten() {
        reduce_condition(condition);
    }
    for count in [&mut query.limit, &mut query.offset].into_iter().flatten() {
        if let Count::Bind(name) = count {
            *count = Count::Number(1, name.span);
        }
    }
    if let Some(With::Condition(condition)) = &mut query.with {
        reduce_condition(condition);
    }
    for item in &mut query.select {
        if let SelectItem::Function(function, _) = item {
            reduce_function(function);
        }
    }
    for item in &mut query.order_by {
        reduce_operand(&mut item.key);
    }
}

/// A variable becomes the plainest value that may stand in its place.
fn reduce_value(value: &mut Value, plainest: Literal) {
    if let Literal::Bind(_) = value.literal {
        value.literal = plainest;
    }
}

fn reduce_function(function: &mut Function) {
    for argument in &mut function.arguments {
        match argument {
            Argument::Value(value) => reduce_value(value, Literal::Number(1.into())),
            Argument::Function(inner) => reduce_function(inner),
            Argument::Field(_) => {}
        }
    }
}

fn reduce_operand(operand: &mut Operand) {
    if let Operand::Function(function) = operand {
        reduce_function(function);
    }
}

fn reduce_condition(condition: &mut Condition) {
    let text = || Literal::String("x".to_owned());
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter_mut().for_each(reduce_condition),
        Condition::Not(inner) => reduce_condition(inner),
        Condition::Compare(comparison) => {
            if let Operand::Function(Function { name, span, .. }) = &comparison.left
                && name.text == "FORMULA"
            {
                let name = Name { text: "a".to_owned(), span: *span };
                comparison.left = Operand::Field(FieldPath { segments: vec![name] });
            }
            reduce_operand(&mut comparison.left);
            match &mut comparison.right {
                Right::Subquery(inner) => reduce(inner, true),
                Right::List(values) => values.iter_mut().for_each(|value| reduce_value(value, text())),
                Right::Value(value) => {
                    reduce_value(value, text());
                    use Operator::{Excludes, In, Includes, NotIn};
                    if matches!(comparison.operator, In | NotIn | Includes | Excludes) {
                        comparison.right = Right::List(vec![value.clone()]);
                    }
                }
            }
        }
    }
}

fn seed() -> u64 {
    std::env::var("TIDEGATE_SOQL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn generated(seed: u64) -> Vec<String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut queries = Vec::new();
    let valid = query(Apex(false));
    while queries.len() < VALID {
        queries.push(valid.new_tree(&mut runner).expect("a query").current().to_string());
    }
    // One change to a short query is the likeliest to land just beside the grammar's borders.
    let damaged = prop_oneof![
        1 => (query(Apex(false)), vec(mutation(), 1..3)),
        3 => (short_query(), vec(mutation(), 1..2)),
    ]
    .prop_map(|(query, changes)| mutated(&query, &changes));
    while queries.len() < VALID + DAMAGED {
        queries.push(damaged.new_tree(&mut runner).expect("a query").current());
    }
    let apex = query(Apex(true));
    while queries.len() < VALID + DAMAGED + APEX {
        queries.push(apex.new_tree(&mut runner).expect("a query").current().to_string());
    }
    queries
}

#[test]
fn our_verdicts_are_those_of_salesforces_grammar() {
    let seed = seed();
    let queries = generated(seed);
    let Some(verdicts) = official(&queries) else { return };
    let ours: Vec<Result<Query, ParseError>> = queries.iter().map(|query| parse(query)).collect();

    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    let mut agree = 0;
    let mut to_reduce = Vec::new();
    for ((source, ours), errors) in queries.iter().zip(&ours).zip(&verdicts) {
        match (ours, errors.as_slice()) {
            (Ok(_), []) | (Err(_), [_, ..]) => agree += 1,
            (Ok(query), [error, ..]) => {
                let reduced = reduced(query);
                if reduced == *query {
                    unexplained.push(format!("only we accept ({error}): {source}"));
                } else {
                    to_reduce.push((source, query.to_string(), reduced.to_string(), error));
                }
            }
            (Err(error), []) => {
                let sentence = error.kind.to_string();
                let refusal = REFUSALS.iter().find(|(piece, _)| sentence.contains(piece)).map(|(piece, _)| *piece);
                match refusal.or_else(|| is_known_shape(source, error)) {
                    Some(class) => *classes.entry(format!("only the judge accepts: {class}")).or_default() += 1,
                    None => unexplained.push(format!("only the judge accepts:\n{}", error.render(source))),
                }
            }
        }
    }
    // The judge must refuse the tree as we print it, and take it once the reduction is made. The first shows that nothing
    // was lost in parsing: a token that we dropped in silence would please the judge when printed.
    let printed: Vec<String> = to_reduce.iter().map(|(_, printed, _, _)| printed.clone()).collect();
    let plain: Vec<String> = to_reduce.iter().map(|(_, _, reduced, _)| reduced.clone()).collect();
    let printed = official(&printed).expect("the judge was there a moment ago");
    let plain = official(&plain).expect("the judge was there a moment ago");
    for (((source, _, reduced, first), printed), plain) in to_reduce.iter().zip(printed).zip(plain) {
        if !printed.is_empty() && plain.is_empty() {
            *classes.entry(format!("only we accept: {REDUCTIONS}")).or_default() += 1;
        } else {
            unexplained.push(format!("only we accept ({first}): {source}\n  even as {plain:?}: {reduced}"));
        }
    }
    for problem in unexplained.iter().take(10) {
        eprintln!("{problem}\n");
    }
    for (class, count) in &classes {
        eprintln!("{count:5}  {class}");
    }
    eprintln!("soql oracle: {} queries, {agree} agree, {} unexplained (seed {seed})", queries.len(), unexplained.len());
    assert!(unexplained.is_empty(), "{} unexplained disagreements (seed {seed})", unexplained.len());
    // The damaged queries are worth something only while a good part of them is refused.
    let refused = ours.iter().filter(|verdict| verdict.is_err()).count();
    assert!(refused > DAMAGED / 3, "only {refused} of the damaged queries are refused");
    assert!(ours.iter().take(VALID).all(Result::is_ok), "a generated query is refused");
}
