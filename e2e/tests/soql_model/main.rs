//! The evaluation of SOQL against a model of it: thousands of random queries, each answered by the emulator over its
//! records and by SQLite over the same data. The translation into SQL is this test's own.
//!
//! `TIDEGATE_MODEL_SEED=7` repeats a run that failed, and `TIDEGATE_MODEL_QUERIES` says how many queries it has.

#![allow(clippy::print_stderr, reason = "it prints its figures and its seed")]

mod dates;
mod generate;
mod random;
mod translate;
mod world;

use std::collections::HashMap;

use random::Random;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;
use tidegate_emulator::query;
use translate::{Shown, Sql, translate};
use world::{SCALE, World, upper};

/// Queries of an ordinary run.
const QUERIES: usize = 12_000;
/// Queries for each small world: different data, too.
const OF_ONE_WORLD: usize = 1_500;

/// Disagreements after which a run ends.
const PROBLEMS_MAX: usize = 10;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_query_answers_as_the_model_does() {
    let seed = setting("TIDEGATE_MODEL_SEED").unwrap_or(1);
    let wanted = setting("TIDEGATE_MODEL_QUERIES").map_or(QUERIES, |n| n as usize);
    eprintln!("soql model: seed {seed} (TIDEGATE_MODEL_SEED repeats it)");
    let mut random = Random(seed);
    let (mut done, mut empty, mut kinds) = (0, 0, HashMap::<&str, usize>::new());
    let mut problems = Vec::new();
    while done < wanted {
        let world = World::new(&mut random);
        for _ in 0..OF_ONE_WORLD.min(wanted - done) {
            let text = generate::query(&mut random);
            match check(&world, &text) {
                Ok(rows) => empty += usize::from(rows == 0),
                Err(problem) => problems.push(format!("query {done} of seed {seed}: {problem}")),
            }
            assert!(problems.len() < PROBLEMS_MAX, "{}", problems.join("\n\n"));
            for (kind, piece) in KINDS {
                *kinds.entry(kind).or_default() += usize::from(text.contains(piece));
            }
            done += 1;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    eprintln!("soql model: {done} queries agree, {empty} of them with no result (seed {seed})");
    // A run that asks of nothing shows nothing.
    assert!(empty * 2 < done, "most queries find nothing");
    for (kind, _) in KINDS {
        let count = kinds.get(kind).copied().unwrap_or(0);
        eprintln!("{count:6}  {kind}");
        assert!(wanted < QUERIES || count > 100, "only {count} queries with {kind}");
    }
}

const KINDS: [(&str, &str); 14] = [
    ("LIKE", " LIKE "),
    ("lists", " IN ('"),
    ("semi-joins", " IN (SELECT"),
    ("anti-joins", " NOT IN (SELECT"),
    ("parents", "__r."),
    ("null", "NULL"),
    ("orders", "ORDER BY"),
    ("offsets", "OFFSET"),
    ("groups", "GROUP BY"),
    ("ROLLUP", "ROLLUP"),
    ("HAVING", "HAVING"),
    ("date literals", "_N_"),
    ("multi-select picklists", "CLUDES"),
    ("sub-queries", ", (SELECT"),
];

/// Asks both, and gives the number of rows.
fn check(world: &World, text: &str) -> Result<usize, String> {
    let tree = tidegate_soql::parse(text).map_err(|e| format!("{text}\n{}", e.render(text)))?;
    let sql = translate(&tree);
    let page =
        query::run(&world.org, text, &world.options()).map_err(|e| format!("{text}\n{}: {}", e.code, e.message))?;
    let answer: Json = serde_json::from_str(&page.json).map_err(|e| format!("{text}\n{e}"))?;
    let tell = |what: String| format!("{text}\n{}\n{what}", sql.text);
    if sql.columns.is_empty() {
        let count: i64 = world.sql.query_row(&sql.text, [], |row| row.get(0)).map_err(|e| tell(e.to_string()))?;
        let same = answer["totalSize"].as_i64() == Some(count);
        return if same {
            Ok(count as usize)
        } else {
            Err(tell(format!("{} instead of {count}", answer["totalSize"])))
        };
    }
    let mut expected = modelled(world, &sql).map_err(&tell)?;
    let records = answer["records"].as_array().ok_or_else(|| tell("no records".to_owned()))?;
    let mut found: Vec<Vec<String>> = records
        .iter()
        .map(|record| sql.columns.iter().map(|(key, shown)| value_at(record, key, *shown)).collect())
        .collect();
    if let Some((key, _)) = &sql.children {
        for (record, row) in records.iter().zip(&mut found) {
            row.push(ids(&record[key]));
        }
    }
    if !sql.ordered {
        expected.sort();
        found.sort();
    }
    if expected == found {
        return Ok(found.len());
    }
    let at = expected.iter().zip(&found).position(|(a, b)| a != b).unwrap_or(expected.len().min(found.len()));
    Err(tell(format!(
        "{} rows instead of {}; the first that differs is {at}:\n  found    {:?}\n  expected {:?}",
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at)
    )))
}

/// The model's rows as text.
fn modelled(world: &World, sql: &Sql) -> Result<Vec<Vec<String>>, String> {
    let mut statement = world.sql.prepare(&sql.text).map_err(|e| e.to_string())?;
    let mut rows = statement.query([]).map_err(|e| e.to_string())?;
    let mut expected: Vec<Vec<String>> = Vec::new();
    while let Some(row) = rows.next().map_err(|e| e.to_string())? {
        let mut cells = Vec::new();
        for (n, (_, shown)) in sql.columns.iter().enumerate() {
            cells.push(sql_text(row.get_ref(n).map_err(|e| e.to_string())?, *shown));
        }
        expected.push(cells);
    }
    if let Some((_, children)) = &sql.children {
        let mut statement = world.sql.prepare(children).map_err(|e| e.to_string())?;
        for row in &mut expected {
            let ids = statement.query_map([&row[0]], |child| child.get::<_, String>(0)).map_err(|e| e.to_string())?;
            let ids: Vec<String> = ids.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
            row.push(ids.join(" "));
        }
    }
    Ok(expected)
}

const NULL: &str = "null";

fn sql_text(value: ValueRef<'_>, shown: Shown) -> String {
    match (value, shown) {
        (ValueRef::Null, _) => NULL.to_owned(),
        (ValueRef::Integer(n), Shown::Place(values)) => values[n as usize].to_owned(),
        (ValueRef::Integer(n), Shown::Bool) => (n != 0).to_string(),
        (ValueRef::Integer(n), Shown::Average) => average(n as f64 / SCALE),
        (ValueRef::Real(x), Shown::Average) => average(x / SCALE),
        (ValueRef::Integer(n), Shown::Instant) => n.to_string(),
        (ValueRef::Integer(n), _) => n.to_string(),
        (ValueRef::Text(text), Shown::Caseless) => upper(&String::from_utf8_lossy(text)),
        (ValueRef::Text(text), _) => String::from_utf8_lossy(text).into_owned(),
        (other, shown) => format!("{other:?} as {shown:?}"),
    }
}

/// Averages agree to nine digits after the point: one side divides exactly, the other in binary.
fn average(x: f64) -> String {
    format!("{x:.9}")
}

fn value_at(record: &Json, key: &[String], shown: Shown) -> String {
    let mut at = record;
    for name in key {
        at = &at[name];
    }
    match (at, shown) {
        // Behind a missing parent a checkbox cannot be seen at all.
        (Json::Null, Shown::Bool) if key.len() > 1 => "false".to_owned(),
        (Json::Null, _) => NULL.to_owned(),
        (Json::Bool(b), _) => b.to_string(),
        (Json::Number(n), Shown::Average) => average(n.as_f64().unwrap_or(f64::NAN)),
        (Json::Number(n), Shown::Scaled) => world::scaled(n.as_f64().unwrap_or(f64::NAN)).to_string(),
        (Json::Number(n), _) => n.to_string(),
        (Json::String(text), Shown::Instant) => {
            let text = text.replace("+0000", "Z");
            text.parse::<jiff::Timestamp>().map_or(text, |instant| instant.as_millisecond().to_string())
        }
        (Json::String(text), Shown::Caseless) => upper(text),
        (Json::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// The ids of a sub-query's answer, in their order; nothing for null.
fn ids(children: &Json) -> String {
    let records = children["records"].as_array().map_or(&[][..], Vec::as_slice);
    let ids: Vec<&str> = records.iter().filter_map(|record| record["Id"].as_str()).collect();
    ids.join(" ")
}
