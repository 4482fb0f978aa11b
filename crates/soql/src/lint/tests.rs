//! One line a rule at least: a query that breaks it, and what must be found in it.

use super::lint_text;
use crate::finding::Severity;

fn rules(source: &str) -> Vec<&'static str> {
    let mut rules: Vec<&'static str> = lint_text(source).into_iter().map(|finding| finding.rule).collect();
    rules.dedup();
    rules
}

const CASES: &[(&str, &[&str])] = &[
    ("SELECT Id FROM", &["syntax"]),
    ("SELECT Id FROM A WHERE a = 1", &[]),
    ("SELECT Id FROM A", &["unbounded"]),
    ("SELECT COUNT() FROM A", &[]),
    ("SELECT MAX(b) FROM A", &[]),
    ("SELECT Id, (SELECT Id FROM Bs) FROM A LIMIT 5", &[]),
    ("SELECT Id FROM A WHERE a LIKE '%x'", &["leading-wildcard"]),
    ("SELECT Id FROM A WHERE a LIKE '_x'", &["leading-wildcard"]),
    (r"SELECT Id FROM A WHERE a LIKE '\%x%'", &[]),
    ("SELECT Id FROM A WHERE a != 'x'", &["negative-filter"]),
    ("SELECT Id FROM A WHERE a != NULL", &[]),
    ("SELECT Id FROM A WHERE NOT a = 'x'", &["negative-filter"]),
    ("SELECT Id FROM A WHERE a NOT IN ('x')", &["negative-filter"]),
    ("SELECT Id FROM A WHERE a < NULL", &["null-operator"]),
    ("SELECT FIELDS(ALL) FROM A WHERE a = 1", &["fields-without-limit"]),
    ("SELECT FIELDS(CUSTOM) FROM A LIMIT 201", &["fields-without-limit"]),
    ("SELECT FIELDS(ALL) FROM A LIMIT 200", &[]),
    ("SELECT FIELDS(STANDARD) FROM A WHERE a = 1", &[]),
    ("SELECT FIELDS(ALL) FROM A WHERE Id IN ('1', '2') AND b = 1", &[]),
    ("SELECT FIELDS(ALL) FROM A WHERE Id = '1' OR Id = '2'", &[]),
    ("SELECT FIELDS(ALL) FROM A WHERE Id = '1' OR b = '2'", &["fields-without-limit"]),
    ("SELECT Id, (SELECT FIELDS(ALL) FROM Bs) FROM A LIMIT 1", &["fields-without-limit"]),
    ("SELECT Id FROM A WHERE a = 1 ORDER BY Id OFFSET 2001", &["offset-range"]),
    ("SELECT Id FROM A WHERE a = 1 ORDER BY a OFFSET 10", &["offset-order"]),
    ("SELECT Id FROM A WHERE a = 1 ORDER BY a, A.Id OFFSET 10", &[]),
    ("SELECT (SELECT Id FROM Bs ORDER BY Id OFFSET 1) FROM A LIMIT 1", &["offset-in-subquery"]),
    ("SELECT b.c.d.e.f.Name FROM A WHERE x = 1", &[]),
    ("SELECT a.b.c.d.e.f.Name FROM A a WHERE x = 1", &[]),
    ("SELECT Id FROM A WHERE b.c.d.e.f.g.Name = 'x'", &["parent-levels"]),
    ("SELECT Id FROM A WHERE a = 1 FOR UPDATE", &["apex-only"]),
    ("SELECT Id FROM A WHERE a = 1 ORDER BY a FOR UPDATE", &["for-update-order-by", "apex-only"]),
    ("SELECT Id FROM A WHERE a = 1 ALL ROWS", &["apex-only"]),
    ("SELECT Id FROM A WHERE a = 1 WITH SECURITY_ENFORCED", &["apex-only"]),
    ("SELECT Id FROM A WHERE a = :x LIMIT :y", &["unbound-variable"]),
    ("SELECT Id x FROM A WHERE a = 1", &["alias-without-aggregate"]),
    ("SELECT a x FROM A GROUP BY a", &[]),
    ("SELECT Id, ID FROM A WHERE a = 1", &["duplicate-field"]),
    ("SELECT a, MAX(b) FROM A", &["ungrouped-field"]),
    ("SELECT a, CALENDAR_YEAR(b), MAX(c) FROM A GROUP BY A, calendar_year(b)", &[]),
    ("SELECT a, CALENDAR_YEAR(b), MAX(c) FROM A GROUP BY a", &["ungrouped-field"]),
    ("SELECT MAX(a) FROM A LIMIT 1", &["limit-on-aggregate"]),
    ("SELECT COUNT() FROM A ORDER BY a LIMIT 1", &["count-order-by"]),
    ("SELECT TYPEOF w WHEN B THEN c END, toLabel(d) FROM A WHERE a = 1", &["typeof-combined"]),
    ("SELECT FOO(a) FROM A WHERE BAR(b) = 1", &["unknown-function"]),
    ("SELECT Id FROM A USING SCOPE nobody WHERE a = 1", &["unknown-scope"]),
    ("SELECT Id, (SELECT Id FROM Bs USING SCOPE mine) FROM A WHERE a = 1", &["scope-in-subquery"]),
    ("SELECT Id FROM A WHERE CALENDAR_YEAR(b) = THIS_YEAR", &["date-function"]),
    ("SELECT Id FROM A WHERE DISTANCE(l, GEOLOCATION(1, 2), 'mi') = 5", &["distance-operator"]),
    ("SELECT Id FROM A WHERE a IN (USD5, 5)", &["mixed-currency"]),
    ("SELECT Id FROM A WHERE b IN (SELECT c FROM D WHERE e = 1) AND f IN (SELECT g FROM H)", &[]),
    (
        "SELECT Id FROM A WHERE b IN (SELECT c FROM D) AND e IN (SELECT f FROM G) AND h IN (SELECT i FROM J)",
        &["too-many-semi-joins"],
    ),
    ("SELECT Id FROM A WHERE b IN (SELECT c FROM D WHERE e IN (SELECT f FROM G))", &["nested-semi-join"]),
    ("SELECT Id FROM A WHERE b IN (SELECT c FROM D) OR e = 1", &["semi-join-or"]),
    ("SELECT Id FROM A WHERE NOT b IN (SELECT c FROM D)", &["negative-filter", "semi-join-not"]),
    ("SELECT Id FROM A WHERE b IN (SELECT c FROM a)", &["semi-join-same-object"]),
    ("SELECT Id FROM A WHERE b.c IN (SELECT d FROM E)", &["semi-join-path"]),
    ("SELECT Id FROM A WHERE A.b IN (SELECT E.d FROM E)", &[]),
    ("SELECT Id FROM A WHERE b IN (SELECT c.d FROM E)", &["semi-join-path"]),
    ("SELECT Id, (SELECT Id, (SELECT Id FROM C) FROM B) FROM A LIMIT 1", &["nested-subquery"]),
    (
        "SELECT (SELECT (SELECT (SELECT (SELECT (SELECT Id FROM F) FROM E) FROM D) FROM C) FROM B) FROM A LIMIT 1",
        &["nested-subquery", "deep-subquery"],
    ),
    ("SELECT Id FROM A WHERE a = 1 WITH DATA CATEGORY b AT c AND d AT e AND f AT g AND h AT i", &["data-categories"]),
];

#[test]
fn each_rule_finds_its_fault_and_nothing_else() {
    for (source, expected) in CASES {
        assert_eq!(&rules(source), expected, "{source}");
    }
}

#[test]
fn what_takes_many_of_something() {
    let many = |n: usize, piece: &dyn Fn(usize) -> String, glue: &str| (0..n).map(piece).collect::<Vec<_>>().join(glue);
    let subqueries = |n| format!("SELECT {} FROM A LIMIT 1", many(n, &|i| format!("(SELECT Id FROM B{i})"), ", "));
    assert_eq!(rules(&subqueries(20)), [""; 0]);
    assert_eq!(rules(&subqueries(21)), ["too-many-subqueries"]);
    let parents = |n| format!("SELECT {} FROM A LIMIT 1", many(n, &|i| format!("p{i}.Name"), ", "));
    assert_eq!(rules(&parents(55)), [""; 0]);
    assert_eq!(rules(&parents(56)), ["too-many-parents"]);
    let string = |n| format!("SELECT Id FROM A WHERE a = '{}'", "x".repeat(n));
    assert_eq!(rules(&string(4000)), [""; 0]);
    assert_eq!(rules(&string(4001)), ["long-string"]);
    let ids = |n| format!("SELECT Id FROM A WHERE Id IN ({})", many(n, &|i| format!("'{i:018}'"), ","));
    assert_eq!(rules(&ids(400)), [""; 0]);
    assert_eq!(rules(&ids(600)), ["long-uri"]);
}

#[test]
fn a_finding_points_at_its_place() {
    let source = "SELECT Id FROM A WHERE b = 1 AND a LIKE '%x' FOR UPDATE";
    let findings = lint_text(source);
    let found: Vec<_> = findings.iter().map(|f| (f.severity, f.rule, &source[f.span.start..f.span.end])).collect();
    assert_eq!(found, [(Severity::Warning, "leading-wildcard", "'%x'"), (Severity::Error, "apex-only", "FOR UPDATE")]);
    assert!(findings.iter().all(|finding| !finding.message.is_empty()));
}

/// Each fills the longest statement with one thing; work that grows with its square would take minutes.
#[test]
fn the_longest_statements_are_judged_in_little_time() {
    let longest = |head: &str, piece: &str, tail: &str| {
        let room = crate::MAX_LENGTH - head.len() - tail.len();
        format!("{head}{}{tail}", piece.repeat(room / piece.len()))
    };
    let different: String = (0..14_000).map(|i| format!("a{i},")).collect();
    for source in [
        longest("SELECT ", "a,", "a FROM A LIMIT 1"),
        format!("SELECT {different}a FROM A GROUP BY b"),
        longest("SELECT a", ".a", " FROM A LIMIT 1"),
        longest("SELECT Id FROM A WHERE a IN (", ":a,", ":b)"),
        longest("SELECT Id FROM A WHERE ", "a=:a AND ", "b = 1"),
        longest("SELECT Id FROM A WHERE a LIKE '", "\\\\", "'"),
        longest("SELECT Id FROM A WHERE a = '", "\\", ""),
        longest("SELECT Id FROM A GROUP BY ", "a,", "a"),
        longest("SELECT ", "TYPEOF a WHEN b THEN c END,", "d FROM A LIMIT 1"),
        longest("SELECT ", "(SELECT a FROM B),", "d FROM A LIMIT 1"),
        longest("", "\n", "SELECT"),
        longest("SELECT Id FROM A WHERE ", "(", ""),
    ] {
        assert!(!lint_text(&source).is_empty(), "{}", &source[..40]);
    }
}
