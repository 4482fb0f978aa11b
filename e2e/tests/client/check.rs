//! The SOQL checker against an org: what the org accepts must never be called refused, and what it refuses should have
//! been foreseen. Thousands of random queries over the describes of a seeded org, most of them nearly right.
//!
//! `TIDEGATE_CHECK_SEED=7` repeats a run that failed, and `TIDEGATE_CHECK_QUERIES` says how many queries it has.

#![allow(clippy::print_stderr, reason = "it prints its figures and its seed")]

#[path = "../../../crates/soql/tests/generate/mod.rs"]
mod generate;

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tidegate_client::bulk::QueryOperation;
use tidegate_client::{Client, Create, Delete, Describe, DescribeField, Error, Explain, SoqlChecker};
use tidegate_soql::check::{Api, Options};
use tidegate_soql::{Refusal, Severity};

use crate::support::world;

/// Queries of an ordinary run, by API.
const BY_REST: usize = 4_000;
const BY_BULK: usize = 500;
const AS_PUSH_TOPIC: usize = 400;
const SHAPES: usize = 1_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Refusals that are not foreseen on purpose, by a piece of their sentence, and why.
const KNOWN: &[(&str, &str)] = &[
    (
        "Didn't understand relationship",
        "a parent whose object the org does not show: whether it can be followed depends on more than a describe tells, \
         so that it is a warning",
    ),
    (
        "duplicate field selected",
        "a relationship that is selected in two ways, by TYPEOF and by a path, or as parent and as children of one name: \
         the documentation is silent",
    ),
    ("does not support aggregate operator", "of a parent of several kinds: its type is not certain"),
    ("does not support function", "of a parent of several kinds: its type is not certain"),
    ("only for orgs with several currencies", "of a parent of several kinds: its type is not certain"),
    ("invalid operator on boolean field", "IN with booleans: the documentation is silent"),
    ("cannot also use LIMIT", "OFFSET without LIMIT: the documentation speaks of LIMIT alone"),
    ("' is not supported for ", "USING SCOPE: an object's scopes are not among what the client keeps of a describe"),
    ("invalid operator on", "a comparison by < or > with an empty text: the documentation is silent"),
];

/// What came out of many queries.
#[derive(Default)]
struct Tally {
    accepted: usize,
    foreseen: usize,
    /// Refusals of the sorts in [`KNOWN`] that were not foreseen.
    known: BTreeMap<&'static str, usize>,
    /// Other refusals that the checker knew nothing of, by their sentence.
    missed: BTreeMap<String, Vec<String>>,
    /// What the org accepts and the checker calls refused.
    wrong: Vec<String>,
    /// How often each rule spoke of a refusal.
    rules: BTreeMap<&'static str, usize>,
}

impl Tally {
    async fn add(&mut self, checker: &mut SoqlChecker, options: &Options, soql: &str, refusal: Option<String>) {
        let report = checker.check(soql, options).await.unwrap();
        let errors: Vec<_> = report.findings.iter().filter(|f| f.severity == Severity::Error).collect();
        match (refusal, errors.first()) {
            (None, None) => self.accepted += 1,
            (Some(_), Some(first)) => {
                self.foreseen += 1;
                *self.rules.entry(first.rule).or_default() += 1;
            }
            (None, Some(error)) => self.wrong.push(format!("{soql}\n    [{}] {}", error.rule, error.message)),
            (Some(said), None) => {
                if let Some((piece, _)) = KNOWN.iter().find(|(piece, _)| said.contains(piece)) {
                    *self.known.entry(piece).or_default() += 1;
                    return;
                }
                let kind = words(&Refusal::read(&said).message);
                self.missed.entry(kind).or_default().push(soql.to_owned());
            }
        }
    }

    fn tell(&self, what: &str) {
        let missed: usize = self.missed.values().map(Vec::len).sum();
        eprintln!(
            "{what}: {} accepted and passed, {} refused and foreseen, {missed} refused unforeseen, {} wrongly refused",
            self.accepted,
            self.foreseen,
            self.wrong.len()
        );
        for (rule, n) in &self.rules {
            eprintln!("{n:6}  {rule}");
        }
        for (kind, n) in &self.known {
            eprintln!("{n:6}  not foreseen on purpose: {kind}");
        }
        for (kind, queries) in &self.missed {
            eprintln!("{:6}  unforeseen: {kind}\n          {}", queries.len(), queries[0]);
        }
    }

    /// No false alarm, and few surprises.
    fn hold(&self, what: &str) {
        self.tell(what);
        assert!(self.wrong.is_empty(), "{what}: the org accepts\n{}", self.wrong.join("\n"));
        let missed: usize = self.missed.values().map(Vec::len).sum();
        assert!(missed == 0, "{what}: {missed} refusals are not foreseen");
        let known: usize = self.known.values().sum();
        assert!(known * 20 <= self.foreseen, "{what}: the exceptions have become the rule");
        assert!(self.accepted > 0 && self.foreseen > 0, "{what}: a run of one sort shows nothing");
    }
}

/// A sentence without its names, so that equal ones can be counted.
fn words(message: &str) -> String {
    let mut out = String::new();
    for (n, piece) in message.split('\'').enumerate() {
        out.push_str(if n % 2 == 0 { piece } else { "'…'" });
    }
    out.chars().take(120).collect()
}

/// Random queries over some objects.
struct Generator {
    random: StdRng,
    objects: Vec<Describe>,
}

const DATE_FUNCTIONS: &[&str] =
    &["CALENDAR_YEAR", "CALENDAR_MONTH", "DAY_ONLY", "HOUR_IN_DAY", "FISCAL_YEAR", "WEEK_IN_YEAR"];
const AGGREGATES: &[&str] = &["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"];
const LITERALS: &[&str] = &[
    "'x'",
    "''",
    "'001000000000001'",
    "'nonsense'",
    "5",
    "-2.50",
    "TRUE",
    "FALSE",
    "NULL",
    "2026-01-02",
    "2026-01-02T03:04:05Z",
    "03:04:05.000Z",
    "TODAY",
    "LAST_N_DAYS:7",
    "USD5",
    "'2026-01-02'",
    "'true'",
    "'5'",
];

impl Generator {
    fn chance(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        *list.choose(&mut self.random).unwrap()
    }

    fn known(&self, name: &str) -> Option<&Describe> {
        self.objects.iter().find(|object| object.name == name)
    }

    /// A name with a slip of the pen, now and then.
    fn typed(&mut self, name: &str) -> String {
        if !self.chance(150) {
            return if self.chance(8) { name.to_lowercase() } else { name.to_owned() };
        }
        let mut letters: Vec<char> = name.chars().collect();
        let at = self.random.random_range(0..letters.len());
        letters.remove(at);
        if letters.is_empty() { "x".to_owned() } else { letters.into_iter().collect() }
    }

    /// A path and the field at its end, where that is one of an object that we know.
    fn path(&mut self, object: &Describe) -> (String, DescribeField) {
        let mut at = object.clone();
        let mut text = String::new();
        let mut hops = 0;
        while hops < 6 && self.chance(4) {
            let references: Vec<DescribeField> =
                at.fields.iter().filter(|field| field.relationship_name.is_some()).cloned().collect();
            let Some(reference) = references.choose(&mut self.random).cloned() else { break };
            let name = reference.relationship_name.clone().unwrap_or_default();
            if reference.reference_to.len() == 1 && !reference.polymorphic_foreign_key {
                let Some(next) = self.known(&reference.reference_to[0]).cloned() else { break };
                let typed = self.typed(&name);
                text.push_str(&format!("{typed}."));
                at = next;
                hops += 1;
            } else {
                let field = self.pick(&["Name", "Type", "Id", "Email", "Phone", "Industry"]);
                let field =
                    DescribeField { name: field.to_owned(), kind: "string".to_owned(), ..DescribeField::default() };
                return (format!("{text}{name}.{}", field.name), field);
            }
        }
        let field = at.fields.choose(&mut self.random).cloned().unwrap();
        if self.chance(80)
            && let Some(relationship) = &field.relationship_name
        {
            return (format!("{text}{relationship}"), field);
        }
        let typed = self.typed(&field.name);
        (format!("{text}{typed}"), field)
    }

    fn literal(&mut self, field: &DescribeField) -> String {
        if self.chance(30) {
            return self.pick(LITERALS).to_owned();
        }
        match field.kind.as_str() {
            "id" | "reference" => self.pick(&["'001000000000001'", "'003TG0000000001YAA'", "NULL"]).to_owned(),
            "boolean" => self.pick(&["TRUE", "FALSE"]).to_owned(),
            "int" | "double" | "currency" | "percent" | "long" => self.pick(&["0", "1", "99.5", "-3"]).to_owned(),
            "date" => self.pick(&["2026-01-02", "TODAY", "LAST_N_DAYS:7", "THIS_YEAR", "NULL"]).to_owned(),
            "datetime" => self.pick(&["2026-01-02T03:04:05Z", "TODAY", "LAST_MONTH"]).to_owned(),
            "time" => "03:04:05.000Z".to_owned(),
            "picklist" | "multipicklist" => match field.picklist_values.choose(&mut self.random) {
                Some(value) => tidegate_soql::quote_string(&value.value),
                None => "'x'".to_owned(),
            },
            _ => self.pick(&["'a'", "'O\\'Hara'", "'%x'", "NULL", "'a%'"]).to_owned(),
        }
    }

    fn comparison(&mut self, object: &Describe, depth: usize) -> String {
        if self.chance(20) && depth == 0 {
            return self.semi_join(object);
        }
        let (mut path, mut field) = self.path(object);
        while !field.filterable && !self.chance(12) {
            (path, field) = self.path(object);
        }
        if self.chance(if field.kind == "datetime" { 4 } else { 80 }) {
            let function = self.pick(DATE_FUNCTIONS);
            let value = match function {
                "DAY_ONLY" if !self.chance(8) => "2026-01-02",
                _ if !self.chance(8) => "1",
                _ => self.pick(&["2026", "2026-01-02", "TODAY", "'x'"]),
            };
            return format!("{function}({path}) {} {value}", self.pick(&["=", "<", ">="]));
        }
        if self.chance(40) {
            let function = self.pick(&["toLabel", "FORMAT", "convertCurrency", "MAX", "GROUPING", "NOSUCH"]);
            return format!("{function}({path}) = 'x'");
        }
        if self.chance(60) {
            return format!("DISTANCE({path}, GEOLOCATION(1, 2), 'km') < 5");
        }
        let value = self.literal(&field);
        let (mut one, mut two) = (value.clone(), self.literal(&field));
        if self.chance(2) {
            std::mem::swap(&mut one, &mut two);
        }
        if self.chance(25) {
            let operator = self.pick(&["LIKE", "INCLUDES", "EXCLUDES", "<", "IN", "!="]);
            return match operator {
                "INCLUDES" | "EXCLUDES" => format!("{path} {operator} ('x;y', 'z')"),
                "IN" => format!("{path} IN ({one}, {two})"),
                _ => format!("{path} {operator} {one}"),
            };
        }
        match field.kind.as_str() {
            "multipicklist" if self.chance(2) => format!("{path} INCLUDES ('a;b', 'c')"),
            "string" | "picklist" | "email" | "phone" if self.chance(3) => format!("{path} LIKE 'a%'"),
            "boolean" => format!("{path} = {one}"),
            "multipicklist" => format!("{path} {} {one}", self.pick(&["=", "!="])),
            _ if self.chance(4) => format!("{path} {} ({one}, {two})", self.pick(&["IN", "NOT IN"])),
            _ if one == "NULL" || one == "''" => format!("{path} {} {one}", self.pick(&["=", "!="])),
            _ => format!("{path} {} {one}", self.pick(&["=", "!=", "<", "<=", ">", ">="])),
        }
    }

    fn semi_join(&mut self, object: &Describe) -> String {
        let left = if self.chance(2) { "Id".to_owned() } else { self.path(object).0 };
        let inner = self.objects.choose(&mut self.random).cloned().unwrap();
        // Most of the time a field that points back.
        let pointing: Vec<String> = inner
            .fields
            .iter()
            .filter(|field| field.reference_to.contains(&object.name))
            .map(|field| field.name.clone())
            .collect();
        let selected = match pointing.choose(&mut self.random).cloned() {
            Some(name) if !self.chance(5) => name,
            _ => self.path(&inner).0,
        };
        let filter = if self.chance(2) { format!(" WHERE {}", self.condition(&inner, 1)) } else { String::new() };
        format!("{left} {} (SELECT {selected} FROM {}{filter})", self.pick(&["IN", "NOT IN"]), inner.name)
    }

    fn condition(&mut self, object: &Describe, depth: usize) -> String {
        if depth > 2 || !self.chance(3) {
            return self.comparison(object, depth);
        }
        let parts: Vec<String> = (0..2)
            .map(|_| {
                let part = self.condition(object, depth + 1);
                if part.contains(" AND ") || part.contains(" OR ") || part.starts_with("NOT") {
                    format!("({part})")
                } else {
                    part
                }
            })
            .collect();
        match self.random.random_range(0..5) {
            0 | 1 => parts.join(" AND "),
            2 | 3 => parts.join(" OR "),
            _ => format!("NOT ({})", parts[0]),
        }
    }

    fn filter(&mut self, object: &Describe) -> String {
        if self.chance(4) { String::new() } else { format!(" WHERE {}", self.condition(object, 0)) }
    }

    fn order(&mut self, object: &Describe) -> String {
        if !self.chance(4) {
            return String::new();
        }
        let (mut key, mut field) = self.path(object);
        while !field.sortable && !self.chance(12) {
            (key, field) = self.path(object);
        }
        format!(" ORDER BY {key}{}", self.pick(&["", " DESC", " ASC NULLS LAST"]))
    }

    fn tail(&mut self) -> String {
        match self.random.random_range(0..80) {
            0 => " LIMIT 5 OFFSET 3000".to_owned(),
            1 => " LIMIT 1 OFFSET 2".to_owned(),
            2 => " FOR VIEW".to_owned(),
            3 => " ALL ROWS".to_owned(),
            4 => " FOR UPDATE".to_owned(),
            5 => " LIMIT 0".to_owned(),
            _ => format!(" LIMIT {}", 1 + self.random.random_range(0..3)),
        }
    }

    fn item(&mut self, object: &Describe) -> String {
        let path = self.path(object).0;
        match self.random.random_range(0..90) {
            0 => format!("toLabel({path})"),
            1 => format!("FORMAT({path}) shown"),
            2 => format!("convertCurrency({path})"),
            3 => format!("{path} alias"),
            4 => format!("CALENDAR_YEAR({path})"),
            5 => format!("DISTANCE({path}, GEOLOCATION(1, 2), 'mi')"),
            6 => "FIELDS(STANDARD)".to_owned(),
            7 => "FIELDS(ALL)".to_owned(),
            8 => "FIELDS(CUSTOM)".to_owned(),
            9 | 10 => self.type_of(object),
            11..=16 => self.subquery(object, 0),
            _ => path,
        }
    }

    fn type_of(&mut self, object: &Describe) -> String {
        let several: Vec<DescribeField> =
            object.fields.iter().filter(|field| field.reference_to.len() > 1).cloned().collect();
        let any: Vec<DescribeField> =
            object.fields.iter().filter(|field| field.relationship_name.is_some()).cloned().collect();
        let Some(field) = several.choose(&mut self.random).or(any.choose(&mut self.random)).cloned() else {
            return "TYPEOF Owner WHEN User THEN Name END".to_owned();
        };
        let of = match field.reference_to.choose(&mut self.random) {
            Some(name) if !self.chance(6) => name.clone(),
            _ => "Account".to_owned(),
        };
        let inner = self.known(&of).cloned();
        let then = match inner {
            Some(inner) => self.path(&inner).0,
            None => "Name".to_owned(),
        };
        let otherwise = self.pick(&["", " ELSE Name", " ELSE Id, Name", " ELSE Industry"]);
        format!("TYPEOF {} WHEN {of} THEN {then}{otherwise} END", field.relationship_name.unwrap_or_default())
    }

    fn subquery(&mut self, object: &Describe, depth: usize) -> String {
        let named: Vec<_> =
            object.child_relationships.iter().filter(|c| c.relationship_name.is_some()).cloned().collect();
        let known: Vec<_> = named.iter().filter(|child| self.known(&child.child_object).is_some()).cloned().collect();
        let Some(child) = known.choose(&mut self.random).or(named.choose(&mut self.random)).cloned() else {
            return "(SELECT Id FROM Children)".to_owned();
        };
        let from = child.relationship_name.unwrap_or_default();
        let from = if self.chance(12) { child.child_object.clone() } else { self.typed(&from) };
        let Some(inner) = self.known(&child.child_object).cloned() else { return format!("(SELECT Id FROM {from})") };
        let select = if depth < 5 && self.chance(8) {
            format!("Id, {}", self.subquery(&inner, depth + 1))
        } else if self.chance(30) {
            "COUNT(Id)".to_owned()
        } else {
            self.path(&inner).0
        };
        let (filter, order) = (self.filter(&inner), self.order(&inner));
        format!("(SELECT {select} FROM {from}{filter}{order} LIMIT 2)")
    }

    fn aggregate(&mut self, object: &Describe) -> String {
        let (path, field) = self.path(object);
        let fit: &[&str] = match field.kind.as_str() {
            "int" | "double" | "currency" | "percent" => AGGREGATES,
            _ => &["COUNT", "COUNT_DISTINCT", "MIN", "MAX"],
        };
        // Mostly one that the field can have.
        if !self.chance(12) && (!field.aggregatable || field.kind == "boolean") {
            return "COUNT(Id)".to_owned();
        }
        let list = if self.chance(12) { AGGREGATES } else { fit };
        format!("{}({path})", self.pick(list))
    }

    fn grouped(&mut self, object: &Describe) -> String {
        let mut keys: Vec<String> = Vec::new();
        for _ in 0..1 + self.random.random_range(0..2) {
            let (mut path, mut field) = self.path(object);
            while !field.groupable && !self.chance(12) {
                (path, field) = self.path(object);
            }
            let key = if self.chance(if matches!(field.kind.as_str(), "date" | "datetime") { 2 } else { 60 }) {
                format!("{}({path})", self.pick(DATE_FUNCTIONS))
            } else {
                path
            };
            keys.push(key);
        }
        let mut select = keys.clone();
        if self.chance(20) {
            select.push(self.path(object).0);
        }
        for n in 0..1 + self.random.random_range(0..2) {
            let aggregate = self.aggregate(object);
            select.push(if self.chance(2) { format!("{aggregate} a{n}") } else { aggregate });
        }
        let by = match self.random.random_range(0..8) {
            0 => format!("ROLLUP({})", keys.join(", ")),
            1 => format!("CUBE({})", keys.join(", ")),
            _ => keys.join(", "),
        };
        let having = match self.random.random_range(0..5) {
            0 => format!(" HAVING {} > 1", self.aggregate(object)),
            1 if self.chance(4) => format!(" HAVING {} = 'x'", self.path(object).0),
            _ => String::new(),
        };
        let order = match self.random.random_range(0..6) {
            0 => format!(" ORDER BY {}", keys[0]),
            1 => format!(" ORDER BY {} DESC", self.aggregate(object)),
            2 if self.chance(4) => self.order(object),
            _ => String::new(),
        };
        let filter = self.filter(object);
        format!("SELECT {} FROM {}{filter} GROUP BY {by}{having}{order} LIMIT 5", select.join(", "), object.name)
    }

    fn query(&mut self) -> String {
        let object = self.objects.choose(&mut self.random).cloned().unwrap();
        let text = match self.random.random_range(0..12) {
            0 => {
                let (filter, order) = (self.filter(&object), self.order(&object));
                let order = if self.chance(10) { order } else { String::new() };
                format!("SELECT COUNT() FROM {}{filter}{order}", object.name)
            }
            1 => {
                let filter = self.filter(&object);
                let limit = if self.chance(10) { " LIMIT 1" } else { "" };
                format!("SELECT {} FROM {}{filter}{limit}", self.aggregate(&object), object.name)
            }
            2..=4 => self.grouped(&object),
            _ => {
                let mut items: Vec<String> = vec!["Id".to_owned()];
                for _ in 0..self.random.random_range(0..4) {
                    let item = self.item(&object);
                    items.push(item);
                }
                if self.chance(6) {
                    items.remove(0);
                    items.push("Id".to_owned());
                }
                let from = self.typed(&object.name);
                let alias = if self.chance(10) { " o" } else { "" };
                let scope = if self.chance(40) { " USING SCOPE mine" } else { "" };
                let (filter, order, tail) = (self.filter(&object), self.order(&object), self.tail());
                format!("SELECT {} FROM {from}{alias}{scope}{filter}{order}{tail}", items.join(", "))
            }
        };
        if self.chance(25) { self.mutated(&text) } else { text }
    }

    /// A query of which a word is lost, doubled or changed for another.
    fn mutated(&mut self, text: &str) -> String {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        let at = self.random.random_range(0..words.len());
        match self.random.random_range(0..3) {
            0 => {
                words.remove(at);
            }
            1 => words.insert(at, words[at].clone()),
            _ => {
                let other = self.random.random_range(0..words.len());
                words.swap(at, other);
            }
        }
        words.join(" ")
    }
}

async fn generator(org: &Client, seed: u64) -> Generator {
    let mut objects = Vec::new();
    let names = [
        "Account",
        "Contact",
        "Opportunity",
        "Case",
        "Lead",
        "Task",
        "User",
        "Event",
        "OpportunityLineItem",
        "Campaign",
        "ContentVersion",
        "Attachment",
    ];
    for name in names {
        objects.push(org.describe(name).await.unwrap());
    }
    let global = org.describe_global().await.unwrap();
    for object in global.sobjects.iter().filter(|object| object.name.ends_with("__c")).take(8) {
        objects.push(org.describe(&object.name).await.unwrap());
    }
    Generator { random: StdRng::seed_from_u64(seed), objects }
}

/// What an org said, where it refused.
fn refusal(error: Error) -> String {
    match error {
        Error::Api { errors, .. } => errors.first().map(|said| said.message.clone()).unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_org_accepts_is_never_called_refused() {
    let seed = setting("TIDEGATE_CHECK_SEED").unwrap_or(1);
    let scale =
        |ordinary: usize| setting("TIDEGATE_CHECK_QUERIES").map_or(ordinary, |n| n as usize * ordinary / BY_REST);
    eprintln!("soql check: seed {seed} (TIDEGATE_CHECK_SEED repeats it)");
    let world = world(60).await;
    let org = &world.org;
    let mut generator = generator(org, seed).await;
    let version = Some(org.api_version().major());
    let mut checker = SoqlChecker::new(org.clone());

    let mut rest = Tally::default();
    for _ in 0..scale(BY_REST) {
        let soql = generator.query();
        let refused = org.query_page(soql.as_str()).await.err().map(refusal);
        rest.add(&mut checker, &Options { api: Api::Rest, version }, &soql, refused).await;
    }
    let mut bulk = Tally::default();
    for _ in 0..scale(BY_BULK) {
        let soql = generator.query();
        let job = org.bulk().create_query_job(&soql, QueryOperation::Query).await;
        let refused = match job {
            Ok(job) => {
                let _ = org.bulk().abort_query_job(&job.id).await;
                None
            }
            Err(error) => Some(refusal(error)),
        };
        bulk.add(&mut checker, &Options { api: Api::BulkQuery, version }, &soql, refused).await;
    }
    let mut topics = Tally::default();
    for n in 0..scale(AS_PUSH_TOPIC) {
        let soql = generator.query();
        // Most queries have something that a PushTopic does not take.
        let soql = if n % 2 == 0 { soql.split(" LIMIT").next().unwrap_or_default().to_owned() } else { soql };
        let fields = json!({ "Name": format!("t{n}"), "Query": soql, "ApiVersion": 60.0 });
        let saved = org.send(&Create { object: "PushTopic".into(), fields }).await;
        let refused = match saved {
            Ok(saved) => {
                org.send(&Delete { object: "PushTopic".into(), id: saved.id }).await.unwrap();
                None
            }
            Err(error) => Some(refusal(error)),
        };
        topics.add(&mut checker, &Options { api: Api::PushTopic, version }, &soql, refused).await;
    }
    // Trees of any shape, of an object that there is: most are refused, and none for a wrong reason.
    let mut shapes = Tally::default();
    let seed = [seed.to_le_bytes(), [0; 8], [0; 8], [0; 8]].concat();
    let mut runner =
        TestRunner::new_with_rng(ProptestConfig::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let froms = ["Account", "Contact c", "Opportunity", "Case", "Case o, o.Account x"];
    for n in 0..scale(SHAPES) {
        let mut query = match n % 2 {
            0 => generate::query(generate::Apex(n % 4 == 0)).new_tree(&mut runner).unwrap().current(),
            _ => generate::short_query().new_tree(&mut runner).unwrap().current(),
        };
        query.from = tidegate_soql::parse(&format!("SELECT Id FROM {}", froms[n % froms.len()])).unwrap().from;
        let mut soql = query.to_string();
        if n % 2 == 1 {
            soql = soql.replace("SELECT a ", "SELECT Name ").replace("a =", "Name =").replace("BY a", "BY Name");
            soql = soql.replace("= 1", "= 'x'").replace("= 2", "!= 'y'").replace("= 3", "< 'z'");
        }
        let refused = org.query_page(soql.as_str()).await.err().map(refusal);
        shapes.add(&mut checker, &Options { api: Api::Rest, version }, &soql, refused).await;
    }
    rest.hold("REST");
    shapes.hold("Shapes");
    bulk.hold("Bulk");
    topics.hold("PushTopic");
    world.emulator.stop().await.unwrap();
}

/// In a large object the checker asks for counts, and the org's own plan agrees with what it makes of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_of_the_org_settle_what_an_index_serves() {
    let world = world(250_000).await;
    let mut checker = SoqlChecker::new(world.org.clone());
    let options = Options::default();
    for (filter, rules) in [
        ("Id = '003TG0000000001YAA' AND FirstName LIKE '%x'", &[][..]),
        ("LastName = 'Ng'", &["unindexed-filter"]),
        ("Name LIKE '%x'", &["leading-wildcard"]),
        ("CreatedDate > 1990-01-01T00:00:00Z", &["not-selective"]),
        ("CreatedDate > 2990-01-01T00:00:00Z", &[]),
        ("CreatedDate > 2990-01-01T00:00:00Z OR FirstName = 'x'", &["or-unindexed"]),
    ] {
        let soql = format!("SELECT Id FROM Contact WHERE {filter}");
        let report = checker.check(&soql, &options).await.unwrap();
        let found: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rules, "{soql}");
        assert!(report.findings.iter().all(|finding| finding.severity == Severity::Warning), "{soql}");
        let best = world.org.send(&Explain::new(soql.as_str())).await.unwrap().plans.remove(0);
        assert_eq!(best.leading_operation_type == "Index", rules.is_empty(), "{soql}: {best:?}");
    }
    // A second query of the same object costs nothing but its counts.
    let before = world.org.requests_made();
    checker.check("SELECT Name FROM Contact WHERE Email = 'x'", &options).await.unwrap();
    assert!(world.org.requests_made() - before <= 1);
    world.emulator.stop().await.unwrap();
}
