//! What holds for every query: printing and parsing undo each other, values cannot break out, no text does harm.

mod generate;

use generate::{Apex, condition, mutated, mutation, name, query, text, value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tidegate_soql::ast::{Condition, Literal, Query, Right};
use tidegate_soql::check::{Api, FieldFacts, FieldKind, KnownSchema, ObjectFacts, Options, check};
use tidegate_soql::{BindValue, Look, RULES, Source, bind, escape_pattern, lint_text, parse, quote_string};

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

/// An object with a field of each name that the generator likes, of all sorts.
fn schema() -> KnownSchema {
    let kinds =
        ["id", "string", "picklist", "multipicklist", "double", "currency", "date", "datetime", "boolean", "address"];
    let names = [
        "Id",
        "Name",
        "CreatedDate",
        "Amount__c",
        "Group",
        "Order",
        "Offset",
        "Count",
        "Format",
        "Data",
        "At",
        "View",
        "x",
    ];
    let mut fields: Vec<FieldFacts> = names
        .iter()
        .enumerate()
        .map(|(n, name)| FieldFacts {
            name: (*name).into(),
            kind: FieldKind::named(kinds[n % kinds.len()]),
            filterable: n % 5 != 0,
            sortable: n % 3 != 0,
            groupable: n % 2 == 0,
            aggregatable: n % 4 != 0,
            external_id: n % 6 == 0,
            picklist: vec!["x".into()],
            ..FieldFacts::default()
        })
        .collect();
    for (way, to) in [("Account", &["Account"][..]), ("Owner", &["Account", "A"]), ("Parent__r", &["A"])] {
        fields.push(FieldFacts {
            name: format!("{way}Id"),
            kind: FieldKind::Reference,
            filterable: true,
            relationship_name: Some(way.into()),
            reference_to: to.iter().map(|name| (*name).to_owned()).collect(),
            ..FieldFacts::default()
        });
    }
    let mut schema = KnownSchema::new();
    for name in ["Account", "A", "Case", "Name"] {
        let rows = Some(1_000_000);
        schema.insert(ObjectFacts {
            name: name.into(),
            queryable: true,
            fields: fields.clone(),
            rows,
            ..ObjectFacts::default()
        });
    }
    schema
}

const APIS: [Api; 6] = [Api::Rest, Api::Soap, Api::BulkQuery, Api::BulkQuery1PkChunking, Api::PushTopic, Api::Tooling];

/// Checks a text and everything about what is found in it.
fn checked(source: &str, api: Api) {
    let report = check(source, &schema(), &Options { api, version: None });
    let is_readable = parse(source).is_ok();
    for finding in &report.findings {
        assert!(RULES.contains(&finding.rule), "{}", finding.rule);
        assert!(source.get(finding.span.start..finding.span.end).is_some(), "{source:?} {finding:?}");
        for look in [Look::default(), Look { colour: true, width: Some(20) }] {
            let drawn = Source::new(source).draw(finding, look);
            // Characters that a terminal would obey, or not show, are drawn as others.
            let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
            if finding.message.chars().all(is_plain) {
                assert!(drawn.contains(&finding.message), "{source:?}\n{:?}\n{drawn}", finding.message);
            } else {
                assert!(drawn.contains(finding.rule), "{source:?}\n{drawn}");
            }
        }
        if let Some(fix) = &finding.fix {
            let better = fix.apply(source).unwrap_or_else(|| panic!("{source:?} {fix:?}"));
            assert_ne!(better, source, "{finding:?}");
            if is_readable {
                assert!(parse(&better).is_ok(), "{source}\n{better}\n{finding:?}");
            }
        }
    }
    if let (Some(fixed), true) = (report.fixed(source), is_readable) {
        assert!(parse(&fixed).is_ok(), "{source}\n{fixed}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_checked_can_be_drawn_and_every_fix_can_be_read(
        query in query(Apex(true)), mutations in vec(mutation(), 0..3), api in proptest::sample::select(&APIS[..]), known in any::<bool>()
    ) {
        let mut query = query;
        if known {
            query.from = parse("SELECT Id FROM Account").unwrap().from;
        }
        checked(&mutated(&query, &mutations), api);
        checked(&query.to_string(), api);
    }

    #[test]
    fn any_text_can_be_checked(source in any::<String>()) {
        checked(&source, Api::Rest);
    }

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
