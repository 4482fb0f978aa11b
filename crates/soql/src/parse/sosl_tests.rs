//! What is SOSL and what is not, as tables.

use super::{MAX_LENGTH, parse_sosl};
use crate::error::ParseErrorKind as Kind;
use crate::sosl::SearchExpr;

/// Source, and how it prints; `""` where it prints as it stands.
const ACCEPTED: &[(&str, &str)] = &[
    ("FIND {joe}", ""),
    ("find{joe}", "FIND {joe}"),
    ("FIND {joe smith}", "FIND {joe AND smith}"),
    ("FIND {a OR b AND c}", "FIND {a OR (b AND c)}"),
    ("FIND {(a or b) and not (c d)}", "FIND {(a OR b) AND NOT (c AND d)}"),
    ("FIND {a AND NOT b AND NOT c}", ""),
    ("FIND {\"and\" or \"or\"}", "FIND {\"and\" OR \"or\"}"),
    ("FIND {and}", "FIND {\"and\"}"),
    ("FIND {a AND NOT}", "FIND {a AND \"NOT\"}"),
    (r"FIND {a\} \{b \(c\) Sm?th* \- \\}", r"FIND {a\} AND \{b AND \(c\) AND Sm?th* AND \- AND \\}"),
    ("FIND {rock-n-roll & more}", "FIND {rock AND n AND roll AND more}"),
    (r#"FIND {"a \"b\" c"}"#, ""),
    ("FIND {x@y.example} IN email fields", "FIND {x@y.example} IN EMAIL FIELDS"),
    (
        "FIND {x} RETURNING A, B(a, toLabel(b) c, FIELDS(STANDARD) USING ListView=v WHERE d = 'e' AND f > TODAY \
         ORDER BY g DESC NULLS LAST LIMIT 5 OFFSET 2)",
        "FIND {x} RETURNING A, B(a, toLabel(b) c, FIELDS(STANDARD) USING ListView = v WHERE d = 'e' AND f > TODAY \
         ORDER BY g DESC NULLS LAST LIMIT 5 OFFSET 2)",
    ),
    ("FIND {x} RETURNING A(a USING LOOKUP b.c BIND d = 'e', f = 1 LIMIT 1)", ""),
    ("FIND {x} WITH DIVISION='d' WITH HIGHLIGHT", "FIND {x} WITH DIVISION = 'd' WITH HIGHLIGHT"),
    ("FIND {x} WITH DATA CATEGORY a AT (b, c) AND d BELOW e", ""),
    (
        "FIND {x} WITH SNIPPET(target_length=120) WITH METADATA='LABELS'",
        "FIND {x} WITH SNIPPET (target_length = 120) WITH METADATA = 'LABELS'",
    ),
    ("FIND {x} WITH NETWORK = 'a' WITH NETWORK IN ('a', 'b')", ""),
    (
        "FIND {x} WITH PricebookId = 'a' WITH SPELL_CORRECTION = FALSE",
        "FIND {x} WITH PricebookId = 'a' WITH SPELL_CORRECTION = false",
    ),
    ("FIND {x} USING ADVANCED SEARCH LIMIT 20 UPDATE TRACKING, VIEWSTAT", ""),
];

#[test]
fn what_is_sosl_is_read_and_printed_canonically() {
    for (source, printed) in ACCEPTED {
        let search = parse_sosl(source).unwrap_or_else(|error| panic!("{}", error.render(source)));
        let expected = if printed.is_empty() { source } else { printed };
        assert_eq!(&search.to_string(), expected);
        assert_eq!(parse_sosl(&search.to_string()).unwrap(), search);
    }
}

/// Source, column of the fault, and a piece of the message.
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "expected FIND"),
    ("SELECT Id FROM A", 1, "unexpected token: 'SELECT', expected FIND"),
    ("FIND", 5, "stands in braces"),
    ("FIND 'joe'", 6, "stands in braces"),
    ("FIND {joe", 6, "closing brace is missing"),
    (r"FIND {joe\}", 6, "closing brace is missing"),
    ("FIND {}", 7, "a word is expected"),
    ("FIND {  - }", 11, "a word is expected"),
    ("FIND {a OR}", 11, "a word is expected"),
    ("FIND {(a}", 9, "closing parenthesis is missing"),
    ("FIND {a)}", 8, "opening parenthesis is missing"),
    ("FIND {\"a}", 7, "no closing quote"),
    ("FIND {a {b}", 9, "needs a backslash"),
    ("FIND {a} IN SOME FIELDS", 13, "expected ALL FIELDS"),
    ("FIND {a} IN NAME", 13, "expected ALL FIELDS"),
    ("FIND {a} RETURNING", 19, "expected an object name"),
    ("FIND {a} RETURNING A()", 22, "expected a field or function"),
    ("FIND {a} RETURNING A((SELECT Id FROM B))", 22, "expected a field or function"),
    ("FIND {a} RETURNING A(b LIMIT 1 WHERE c = 1)", 32, "expected , or )"),
    ("FIND {a} WITH NOTHING", 15, "expected DATA CATEGORY"),
    ("FIND {a} WITH SPELL_CORRECTION = maybe", 34, "expected true or false"),
    ("FIND {a} WITH METADATA = LABELS", 26, "expected a string"),
    ("FIND {a} LIMIT 1 RETURNING A", 18, "expected the end of the search"),
    ("FIND {a};", 9, "unexpected character: ';'"),
];

#[test]
fn what_is_not_sosl_is_refused_where_it_goes_wrong() {
    for (source, column, message) in REFUSED {
        let error = parse_sosl(source).expect_err(source);
        assert!(error.to_string().contains(message), "{source}: {error}");
        assert_eq!(error.column(), *column, "{}", error.render(source));
    }
}

#[test]
fn a_long_search_text_has_no_operators_and_depth_is_bounded() {
    let long = format!("FIND {{({} OR AND zeta)}}", "word ".repeat(900));
    let SearchExpr::And(words) = parse_sosl(&long).unwrap().find else { panic!("words joined by AND") };
    assert_eq!(words.len(), 901);
    let deep = format!("FIND {{{}a{}}}", "(".repeat(1_000), ")".repeat(1_000));
    assert!(matches!(parse_sosl(&deep).unwrap_err().kind, Kind::TooDeep { .. }));
    let too_long = format!("FIND {{{}}}", "x".repeat(MAX_LENGTH));
    assert!(matches!(parse_sosl(&too_long).unwrap_err().kind, Kind::TooLong { .. }));
}
