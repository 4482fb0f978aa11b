//! What holds for every query: printing and parsing undo each other, values cannot break out, no text does harm.

mod generate;

use generate::{Apex, condition, mutated, mutation, name, query, text, value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tidegate_soql::ast::{Condition, Literal, Query, Right};
use tidegate_soql::{BindValue, bind, escape_pattern, lint_text, parse, quote_string};

/// Failures are kept beside this file, so that they run first ever after.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn right_of(query: &Query) -> &Right {
    match &query.condition {
        Some(Condition::Compare(comparison)) => &comparison.right,
        other => panic!("one comparison, not {other:?}"),
    }
}

fn literal_of(query: &Query) -> &Literal {
    match right_of(query) {
        Right::Value(value) => &value.literal,
        other => panic!("one value, not {other:?}"),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn printing_then_parsing_gives_the_same_query(query in query(Apex(true))) {
        let printed = query.to_string();
        let parsed = parse(&printed);
        prop_assert!(parsed.is_ok(), "{}", parsed.unwrap_err().render(&printed));
        let parsed = parsed.unwrap();
        prop_assert_eq!(&parsed, &query, "{}", printed);
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn conditions_and_values_print_as_they_stand_in_a_query(condition in condition(Apex(true), 1), value in value(Apex(true))) {
        let parsed = parse(&format!("SELECT Id FROM A WHERE {condition}")).unwrap();
        prop_assert_eq!(parsed.condition, Some(condition));
        let parsed = parse(&format!("SELECT Id FROM A WHERE a = {value}")).unwrap();
        prop_assert_eq!(right_of(&parsed), &Right::Value(value));
    }

    #[test]
    fn bound_text_is_one_literal_whatever_it_holds(hostile in prop_oneof![text(), any::<String>()]) {
        let query = bind("SELECT Id FROM A WHERE a = :v", [("v", hostile.as_str().into())]).unwrap();
        let parsed = parse(&query.to_string()).unwrap();
        prop_assert_eq!(literal_of(&parsed), &Literal::String(hostile.clone()));
        prop_assert_eq!(&parsed, &query);
        prop_assert_eq!(query.to_string(), format!("SELECT Id FROM A WHERE a = {}", quote_string(&hostile)));

        let texts = vec![hostile.clone(), String::new(), hostile.clone()];
        for operator in ["IN", "NOT IN", "INCLUDES", "EXCLUDES"] {
            let source = format!("SELECT Id FROM A WHERE a {operator} :v");
            let query = bind(&source, [("v", texts.clone().into())]).unwrap();
            let parsed = parse(&query.to_string()).unwrap();
            prop_assert_eq!(&parsed, &query);
            let Right::List(values) = right_of(&parsed) else { panic!("a list") };
            let read: Vec<Literal> = values.iter().map(|value| value.literal.clone()).collect();
            prop_assert_eq!(read, texts.iter().cloned().map(Literal::String).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_bound_pattern_stays_one_literal(hostile in prop_oneof![text(), any::<String>()]) {
        let pattern = |text: String| bind("SELECT Id FROM A WHERE a LIKE :v", [("v", text.into())]).unwrap();
        let query = pattern(hostile.clone());
        prop_assert_eq!(&parse(&query.to_string()).unwrap(), &query);

        // Escaped, it matches itself alone: taking the escapes off again gives the text back.
        let query = pattern(escape_pattern(&hostile));
        let parsed = parse(&query.to_string()).unwrap();
        let Literal::String(read) = literal_of(&parsed) else { panic!("a string") };
        let mut plain = String::new();
        let mut chars = read.chars();
        while let Some(c) = chars.next() {
            prop_assert!(!matches!(c, '%' | '_'), "a wildcard in {read:?}");
            plain.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        prop_assert_eq!(plain, hostile);
    }

    #[test]
    fn bound_values_of_every_type_are_read_back(value in value(Apex(false))) {
        let bound: BindValue = match value.literal.clone() {
            Literal::String(text) => text.into(),
            Literal::Number(number) => number.into(),
            Literal::Boolean(boolean) => boolean.into(),
            Literal::Null => BindValue::Null,
            Literal::Date(date) => date.into(),
            Literal::DateTime(instant) => instant.into(),
            Literal::Time(time) => time.into(),
            Literal::Currency(..) | Literal::DateLiteral(_) | Literal::Bind(_) => return Ok(()),
        };
        let query = bind("SELECT Id FROM A WHERE a = :v", [("v", bound)]).unwrap();
        let parsed = parse(&query.to_string()).unwrap();
        prop_assert_eq!(literal_of(&parsed), &value.literal);
    }

    #[test]
    fn names_of_variables_are_found(name in name()) {
        let query = parse(&format!("SELECT Id FROM A WHERE a = :{name} LIMIT :{name}")).unwrap();
        prop_assert_eq!(query.unbound(), [name.text.clone()]);
        let query = query.bind(&name.text, 5).unwrap();
        prop_assert_eq!(query.to_string(), "SELECT Id FROM A WHERE a = 5 LIMIT 5");
    }

    /// What parses, however it came about, prints to something that parses to the same; what does not has its error
    /// within the text.
    #[test]
    fn changed_queries_do_no_harm(query in query(Apex(true)), mutations in vec(mutation(), 1..4)) {
        does_no_harm(&mutated(&query, &mutations))?;
    }

    #[test]
    fn any_text_does_no_harm(source in any::<String>()) {
        does_no_harm(&source)?;
        does_no_harm(&format!("SELECT Id FROM A WHERE a = {source}"))?;
    }

    #[test]
    fn any_run_of_words_and_signs_does_no_harm(
        words in vec(prop_oneof![
            proptest::sample::select(&["SELECT", "FROM", "WHERE", "(", ")", "a", "'b'", ",", "IN", "AND", "OR", "NOT", "=",
                ":", ".", "COUNT", "TYPEOF", "WHEN", "2026-01-02", "-", "5", "'", "\\", "é", "\n"][..]),
        ], 0..40),
    ) {
        does_no_harm(&words.concat())?;
        does_no_harm(&words.join(" "))?;
    }
}

fn does_no_harm(source: &str) -> Result<(), TestCaseError> {
    // What lint finds is its own tests' matter; here it must only come to an end.
    let _ = lint_text(source);
    match parse(source) {
        Ok(query) => {
            let printed = query.to_string();
            let again = parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&query), "{} became {}", source, printed);
            prop_assert_eq!(again.map(|query| query.to_string()), Ok(printed));
        }
        Err(error) => {
            prop_assert!(error.span.start <= error.span.end && error.span.end <= source.len(), "{error:?}");
            prop_assert!(source.is_char_boundary(error.span.start) && source.is_char_boundary(error.span.end));
            prop_assert!(error.row() >= 1 && error.column() >= 1);
            prop_assert!(error.render(source).contains('^'));
        }
    }
    Ok(())
}
