//! What is SOQL and what is not, as tables.

use super::{MAX_LENGTH, parse};
use crate::ast::{Condition, Literal, Right};
use crate::error::ParseErrorKind as Kind;

/// Source, and how it prints; `""` where it prints as it stands.
const ACCEPTED: &[(&str, &str)] = &[
    ("SELECT Id FROM Account", ""),
    ("select\tid\r\nfrom  account", "SELECT id FROM account"),
    ("SELECT COUNT() FROM Account", ""),
    ("SELECT count ( ) FROM Account", "SELECT COUNT() FROM Account"),
    ("SELECT COUNT(Id), COUNT_DISTINCT(Name) n FROM Account", ""),
    ("SELECT Group, Order, Offset, End, Count, Format FROM Group", ""),
    ("SELECT a.Limit, a.Group FROM Order a", ""),
    ("SELECT Typeof FROM A", ""),
    ("SELECT FIELDS(STANDARD), (SELECT FIELDS(ALL) FROM Contacts LIMIT 5) FROM Account", ""),
    ("SELECT TYPEOF What WHEN Account THEN Phone, Owner.Name WHEN Case THEN Id ELSE Name END FROM Event", ""),
    ("SELECT Id FROM Contact AS c, c.Account a, a.Owner", "SELECT Id FROM Contact c, c.Account a, a.Owner"),
    ("SELECT Id FROM Account OFFSET 5", ""),
    ("SELECT Id FROM Account offset OFFSET 5", ""),
    ("SELECT Id FROM Account USING SCOPE mine WHERE a = 1", ""),
    ("SELECT Id FROM A USING LOOKUP b.c", ""),
    ("SELECT Id FROM A USING LOOKUP b.c, SCOPE mine", "SELECT Id FROM A USING SCOPE mine, LOOKUP b.c"),
    (
        "SELECT Id FROM A USING SCOPE mine, LOOKUP b.c__c WHERE d = 1 LIMIT 5 OFFSET 1 BIND e = 'x', f.g = -1 FOR VIEW",
        "",
    ),
    (
        "SELECT Id FROM A WHERE FORMULA('a - b') > 5 AND Formula(c) = 1",
        "SELECT Id FROM A WHERE FORMULA('a - b') > 5 AND Formula(c) = 1",
    ),
    ("SELECT Id FROM A WITH SECURITY_ENFORCED LIMIT 1", ""),
    ("SELECT Id FROM A WITH UserId = '005'", ""),
    (
        "SELECT Id FROM A WITH DATA CATEGORY g AT (x) AND h ABOVE_OR_BELOW (y,z)",
        "SELECT Id FROM A WITH DATA CATEGORY g AT x AND h ABOVE_OR_BELOW (y, z)",
    ),
    ("SELECT Id FROM A WITH RecordVisibilityContext (maxDescriptorPerRecord=100, supportsDomains=TRUE)", ""),
    ("SELECT a FROM A GROUP BY ROLLUP(a, CALENDAR_YEAR(b)) HAVING COUNT(Id) > 1 AND (MIN(a) < 5 OR MAX(a) > 7)", ""),
    ("SELECT a FROM A GROUP BY CUBE(a) ORDER BY GROUPING(a) DESC NULLS LAST, a ASC, COUNT(Id) NULLS FIRST", ""),
    ("SELECT a FROM A WHERE a <> 1", "SELECT a FROM A WHERE a != 1"),
    ("SELECT a FROM A WHERE a < = 1 AND b > = 2", "SELECT a FROM A WHERE a <= 1 AND b >= 2"),
    ("SELECT a FROM A WHERE ((a = 1)) AND (b = 2 AND c = 3)", "SELECT a FROM A WHERE a = 1 AND (b = 2 AND c = 3)"),
    ("SELECT a FROM A WHERE NOT a = 1", ""),
    ("SELECT a FROM A WHERE a = 1 AND (NOT (NOT b = 2))", ""),
    ("SELECT a FROM A WHERE a IN ('x', NULL, TRUE, 1, TODAY) AND b NOT IN (SELECT c FROM D WHERE e = 1)", ""),
    ("SELECT a FROM A WHERE a INCLUDES ('x;y', 'z') OR b EXCLUDES ('q')", ""),
    ("SELECT a FROM A WHERE a = :x AND b IN :record.Ids AND c IN (:y, 'z') LIMIT :n OFFSET :m", ""),
    (
        "SELECT a FROM A WHERE a = -5.50 OR b = + 7 OR c = .5 OR d = -0",
        "SELECT a FROM A WHERE a = -5.50 OR b = 7 OR c = 0.5 OR d = 0",
    ),
    ("SELECT a FROM A WHERE a > usd5000 AND b < EUR12.50", "SELECT a FROM A WHERE a > USD5000 AND b < EUR12.50"),
    (
        "SELECT a FROM A WHERE a = 2026-01-02 AND b = 03:04:05.5Z AND c = 03:04:05+04:00",
        "SELECT a FROM A WHERE a = 2026-01-02 AND b = 03:04:05.5Z AND c = 23:04:05Z",
    ),
    (
        "SELECT a FROM A WHERE a = 2026-01-02T00:00:00.000+01:00 AND b = 2026-01-02t00:00:00-0830",
        "SELECT a FROM A WHERE a = 2026-01-01T23:00:00Z AND b = 2026-01-02T08:30:00Z",
    ),
    ("SELECT a FROM A WHERE a = 1700-01-01 OR b = 4000-12-31 OR c = 4000-12-31T00:00:00Z", ""),
    (
        "SELECT a FROM A WHERE a = last_n_days:30 AND b < Today",
        "SELECT a FROM A WHERE a = LAST_N_DAYS:30 AND b < TODAY",
    ),
    (
        "SELECT DISTANCE(l, GEOLOCATION(37.775, -122.418), 'mi') d FROM A WHERE DISTANCE(l, GEOLOCATION(:a, :b), 'km') < 5",
        "",
    ),
    ("SELECT HOUR_IN_DAY(convertTimezone(CreatedDate)) FROM A GROUP BY HOUR_IN_DAY(convertTimezone(CreatedDate))", ""),
    ("SELECT FORMAT(convertCurrency(Amount)) c FROM A", ""),
    ("SELECT Id FROM A LIMIT 1 FOR VIEW FOR REFERENCE UPDATE TRACKING, VIEWSTAT", ""),
    ("SELECT Id FROM A UPDATE VIEWSTAT FOR UPDATE ALL ROWS", "SELECT Id FROM A FOR UPDATE UPDATE VIEWSTAT ALL ROWS"),
    ("SELECT Id FROM A ALL ROWS", ""),
    (
        r"SELECT Id FROM A WHERE a = '\n\R\t\B\f\'\\\u00e9\uD83D\ude00'",
        "SELECT Id FROM A WHERE a = '\\n\\r\\t\\b\\u000C\\'\\\\é😀'",
    ),
    ("SELECT Id FROM A WHERE a = '\\\"\u{1}'", "SELECT Id FROM A WHERE a = '\"\\u0001'"),
    (r"SELECT Id FROM A WHERE a LIKE 'x\%y\_z\\%'", ""),
    ("SELECT Id, (SELECT Id, (SELECT Id, (SELECT Id FROM D) FROM C) FROM B) FROM A", ""),
];

#[test]
fn what_is_soql_is_read_and_printed_canonically() {
    for (source, printed) in ACCEPTED {
        let query = parse(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
        let expected = if printed.is_empty() { source } else { printed };
        assert_eq!(&query.to_string(), expected);
        assert_eq!(parse(&query.to_string()).unwrap(), query);
    }
}

/// Source, column of the fault, and a piece of the message.
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "expected SELECT"),
    ("   ", 4, "expected SELECT"),
    ("SELEC Id FROM A", 1, "unexpected token: 'SELEC', expected SELECT"),
    ("SELECT Id FRM A", 15, "unexpected token: 'A', expected FROM"),
    ("SELECT FROM A", 8, "unexpected token: 'FROM'"),
    ("SELECT Id, FROM A", 12, "unexpected token: 'FROM'"),
    ("SELECT * FROM A", 8, "unexpected character: '*'"),
    ("SELECT Id FROM A;", 17, "unexpected character: ';'"),
    ("SELECT Id FROM A -- all", 18, "unexpected token: '-'"),
    ("// all\nSELECT Id FROM A", 1, "unexpected character: '/'"),
    ("SELECT Id FROM A WHERE", 23, "ends too early"),
    ("SELECT Id FROM A WHERE a = ", 28, "ends too early"),
    ("SELECT Id FROM A a b", 20, "expected the end of the query"),
    ("SELECT Id FROM A group", 18, "'group'"),
    ("SELECT COUNT(), Id FROM A", 15, "COUNT() stands alone"),
    ("SELECT Id, COUNT() FROM A", 18, "expected a field or function"),
    ("SELECT AVG(a, b) FROM A", 13, "expected )"),
    ("SELECT FORMAT(FORMAT(MIN(a))) FROM A", 22, "a third function is not allowed inside two others"),
    ("SELECT a . b FROM A", 12, "right after the dot"),
    ("SELECT FIELDS(SOME) FROM A", 15, "expected ALL, CUSTOM or STANDARD"),
    ("SELECT TYPEOF What THEN a END FROM A", 20, "expected WHEN"),
    ("SELECT TYPEOF What WHEN A THEN toLabel(b) END FROM A", 39, "expected END"),
    ("SELECT Id FROM A WHERE a = \"x\"", 28, "unexpected character: '\"'"),
    ("SELECT Id FROM A WHERE a = b", 28, "strings stand in single quotes"),
    ("SELECT Id FROM A WHERE a == 1", 27, "expected a value"),
    ("SELECT Id FROM A WHERE a = 1 AND b = 2 OR c = 3", 40, "AND and OR are mixed"),
    ("SELECT Id FROM A WHERE (a = 1 OR b = 2 AND c = 3)", 40, "AND and OR are mixed"),
    ("SELECT Id FROM A WHERE a = 1 AND NOT b = 2", 34, "NOT is combined"),
    ("SELECT Id FROM A WHERE NOT a = 1 AND b = 2", 34, "NOT is combined"),
    ("SELECT Id FROM A WHERE NOT NOT a = 1", 28, "unexpected token: 'NOT'"),
    ("SELECT Id FROM A WHERE (a = 1", 30, "expected AND, OR or )"),
    ("SELECT Id FROM A WHERE a IN ()", 30, "expected a value"),
    ("SELECT Id FROM A WHERE a IN 'x'", 29, "expected ( or a bind"),
    ("SELECT Id FROM A WHERE a NOT LIKE 'x'", 26, "expected an operator"),
    ("SELECT Id FROM A WHERE a INCLUDES (1)", 36, "expected a string"),
    ("SELECT Id FROM A WHERE a IN (SELECT b, c FROM D)", 30, "more than one field is not allowed in a semi-join"),
    ("SELECT Id FROM A WHERE a IN (SELECT b FROM D LIMIT 1)", 30, "LIMIT is not allowed in a semi-join"),
    ("SELECT Id FROM A WHERE a IN (SELECT COUNT() FROM D)", 37, "COUNT() is not allowed in a semi-join"),
    (r"SELECT Id FROM A WHERE a = 'x\q'", 30, r"invalid escape in a string: \q"),
    (r"SELECT Id FROM A WHERE a = 'x\%'", 30, r"invalid escape in a string: \%"),
    (r"SELECT Id FROM A WHERE a = '\u12'", 29, r"invalid escape in a string: \u12"),
    (r"SELECT Id FROM A WHERE a = '\uD800x'", 29, r"invalid escape in a string: \uD800"),
    ("SELECT Id FROM A WHERE a = 'x", 28, "no closing quote"),
    ("SELECT Id FROM A WHERE a = 'x\ny'", 28, "no closing quote"),
    ("SELECT Id FROM A WHERE a = 1e3", 28, "no exponent"),
    ("SELECT Id FROM A WHERE a = 79228162514264337593543950336", 28, "more than 28 digits"),
    ("SELECT Id FROM A WHERE a = 2026-02-30", 28, "no such day"),
    ("SELECT Id FROM A WHERE a = 1699-12-31", 28, "1700-01-01 to 4000-12-31"),
    ("SELECT Id FROM A WHERE a = 4001-01-01T00:00:00Z", 28, "1700-01-01 to 4000-12-31"),
    ("SELECT Id FROM A WHERE a = 2026-01-02T03:04:05", 28, "then Z or an offset"),
    ("SELECT Id FROM A WHERE a = 2026-01-02T03:04:05 01:00", 28, "then Z or an offset"),
    ("SELECT Id FROM A WHERE a = 2026-01-02T25:04:05Z", 28, "no such time of day"),
    ("SELECT Id FROM A WHERE a = 2026-01-02T03:04:05+99:00", 28, "then Z or an offset"),
    ("SELECT Id FROM A WHERE a = LAST_N_DAYS", 28, "needs a colon and a number"),
    ("SELECT Id FROM A WHERE a = LAST_N_DAYS:1.5", 40, "must be whole"),
    ("SELECT Id FROM A WHERE a = TODAY:1", 33, "unexpected token: ':'"),
    ("SELECT Id FROM A HAVING COUNT(Id) > 1", 18, "HAVING is not allowed without GROUP BY"),
    ("SELECT a FROM A GROUP BY ROLLUP(a, b, c, d)", 33, "a fourth field is not allowed in ROLLUP or CUBE"),
    ("SELECT a FROM A GROUP BY a, ROLLUP(b)", 29, "unexpected token: 'ROLLUP'"),
    ("SELECT a FROM A GROUP BY a HAVING a IN (SELECT b FROM C)", 40, "a semi-join is not allowed in HAVING"),
    ("SELECT Id FROM A ORDER BY a NULLS", 34, "expected FIRST or LAST"),
    ("SELECT Id FROM A LIMIT -1", 24, "expected a number after LIMIT"),
    ("SELECT Id FROM A LIMIT 1.5", 24, "whole number"),
    ("SELECT Id FROM A LIMIT 99999999999999999999", 24, "whole number"),
    ("SELECT Id FROM A OFFSET 1 LIMIT 2", 27, "expected the end"),
    ("SELECT Id FROM A FOR REFERENCE FOR VIEW", 36, "in this order"),
    ("SELECT Id FROM A FOR LIFE", 22, "expected VIEW, REFERENCE or UPDATE"),
    ("SELECT Id FROM A UPDATE ALL", 25, "expected TRACKING or VIEWSTAT"),
    ("SELECT Id FROM A USING LOOKUP b.c, LOOKUP d.e", 36, "expected SCOPE"),
    ("SELECT Id FROM A USING SCOPE mine, SCOPE team", 36, "one SCOPE and one LOOKUP"),
    ("SELECT Id FROM A USING LOOKUP b.c BIND d = 1 WHERE e = 1", 46, "expected the end"),
    ("SELECT Id FROM A USING LOOKUP b.c BIND d = :e", 44, "expected a value"),
    ("SELECT Id FROM A BIND d = 1", 18, "unexpected token: 'BIND'"),
    ("SELECT Id FROM A WHERE FORMULA('a', 'b') > 5", 35, "expected )"),
    ("SELECT Id FROM A WHERE DISTANCE(GEOLOCATION(1, 2), l, 'mi') < 5", 44, "expected a comma"),
    ("SELECT Id FROM A WHERE DISTANCE(l, GEOLOCATION(1, 2), 'yd') < 5", 55, "expected 'mi' or 'km'"),
    ("SELECT a FROM A GROUP BY DISTANCE(l, GEOLOCATION(1, 2), 'mi')", 26, "DISTANCE is not allowed in GROUP BY"),
];

#[test]
fn what_is_not_soql_is_refused_where_it_goes_wrong() {
    for (source, column, message) in REFUSED {
        let error = parse(source).expect_err(source);
        assert!(error.to_string().contains(message), "{source}: {error}");
        assert_eq!(error.column(), *column, "{}", error.render(source));
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, core: &str, close: &str, depth: usize| {
        format!("SELECT Id FROM A WHERE {}{core}{}", open.repeat(depth), close.repeat(depth))
    };
    assert!(parse(&nested("(", "a = 1", ")", 64)).is_ok());
    for source in [
        nested("(", "a = 1", ")", 65),
        nested("(", "a = 1", ")", 40_000),
        nested("(NOT ", "a = 1", ")", 10_000),
        nested("f(", "a", ") = 1", 10_000),
        nested("a IN (SELECT b FROM C WHERE ", "a = 1", ")", 2_900),
        format!("SELECT {}Id", "(SELECT ".repeat(10_000)),
    ] {
        let error = parse(&source).unwrap_err();
        assert!(matches!(error.kind, Kind::TooDeep { .. }), "{error}");
    }
}

#[test]
fn the_length_is_bounded_in_characters() {
    let of_length = |n: usize, filler: &str| {
        let frame = "SELECT Id FROM A WHERE a = ''";
        format!("SELECT Id FROM A WHERE a = '{}'", filler.repeat(n - frame.len()))
    };
    assert!(parse(&of_length(MAX_LENGTH, "x")).is_ok());
    assert!(parse(&of_length(MAX_LENGTH, "😀")).is_ok());
    let kind = parse(&of_length(MAX_LENGTH + 1, "x")).unwrap_err().kind;
    assert_eq!(kind, Kind::TooLong { characters: MAX_LENGTH + 1 });
}

#[test]
fn spans_point_into_the_source() {
    let source = "SELECT Id FROM A WHERE Älter = 1".replace('Ä', "Ae");
    let query = parse(&source).unwrap();
    assert_eq!(&source[query.span.start..query.span.end], source);
    let Some(Condition::Compare(comparison)) = query.condition else { panic!("a comparison") };
    assert_eq!(&source[comparison.span.start..comparison.span.end], "Aelter = 1");
    let Right::Value(value) = comparison.right else { panic!("a value") };
    assert_eq!(&source[value.span.start..value.span.end], "1");
}

#[test]
fn a_pattern_keeps_the_escapes_that_differ_from_wildcards() {
    let pattern = |source: &str| match parse(source).unwrap().condition {
        Some(Condition::Compare(comparison)) => match comparison.right {
            Right::Value(value) => value.literal,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(pattern(r"SELECT Id FROM A WHERE a LIKE '\%\\%\n'"), Literal::String("\\%\\\\%\n".into()));
    assert_eq!(pattern(r"SELECT Id FROM A WHERE a = '\\%'"), Literal::String("\\%".into()));
}
