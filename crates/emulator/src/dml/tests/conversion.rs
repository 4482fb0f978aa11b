//! Values: what is accepted, how it is kept, which error it is otherwise.

use super::*;
use rust_decimal::Decimal;

fn stored(field: &str, input: Input) -> Result<Value, String> {
    let mut bench = Bench::new();
    let write = Write::Create { object: bench.object("Widget__c"), fields: vec![(field.to_owned(), input)] };
    match bench.write(write) {
        Ok(saved) => Ok(bench.get("Widget__c", saved.id, field)),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")),
    }
}

fn cell(field: &str, text: &str) -> Result<Value, String> {
    stored(field, Input::Text(text.to_owned()))
}

fn text(text: &str) -> Result<Value, String> {
    Ok(Value::Text(text.to_owned()))
}

fn decimal(text: &str) -> Result<Value, String> {
    Ok(Value::Decimal(text.parse().unwrap()))
}

#[test]
fn values_are_kept_as_the_field_says() {
    let long = "ü".repeat(131_072);
    for (field, given, kept) in [
        ("Name", "  a \u{1} b\r\nc \t\n", text("a \u{1} b\r\nc")),
        ("Name", "😀🎉", text("😀🎉")),
        ("Notes__c", long.as_str(), text(&long)),
        ("Amount__c", "12.345", decimal("12.35")),
        ("Amount__c", "-12.345", decimal("-12.35")),
        ("Amount__c", "1.2E3", decimal("1200.00")),
        ("Amount__c", "+.5", decimal("0.50")),
        ("Amount__c", "9999999999999999.99", decimal("9999999999999999.99")),
        ("Number__c", "12345678", decimal("12345678")),
        ("Colour__c", "red", text("Red")),
        ("Free__c", "Mauve", text("Mauve")),
        ("Tags__c", "C; A;;X;A", text("A;C;X")),
        ("Tags__c", ";", Ok(Value::Null)),
        ("Flag__c", "FALSE", Ok(Value::Bool(false))),
        ("Day__c", "1700-01-01", Ok(Value::Date(jiff::civil::date(1700, 1, 1)))),
        ("Day__c", "4000-12-31", Ok(Value::Date(jiff::civil::date(4000, 12, 31)))),
        ("When__c", "2026-01-02T03:04:05.678Z", Ok(Value::DateTime(1_767_323_045_000))),
        ("When__c", "2026-01-02T04:04:05+0100", Ok(Value::DateTime(1_767_323_045_000))),
        ("When__c", "2026-01-01T21:34:05-05:30", Ok(Value::DateTime(1_767_323_045_000))),
        ("When__c", "2026-01-02", Ok(Value::DateTime(1_767_312_000_000))),
        ("When__c", "1700-01-01T00:00:00.5Z", Ok(Value::DateTime(-8_520_336_000_000))),
        ("Hour__c", "03:04:05.006Z", Ok(Value::Time(11_045_006))),
        ("Mail__c", "a.b+c@example.com", text("a.b+c@example.com")),
        ("Ext__c", "", Ok(Value::Null)),
    ] {
        assert_eq!(cell(field, given), kept, "{field} {given:.40}");
        assert_eq!(stored(field, Input::Json(json!(given))), kept, "{field} {given:.40} in JSON");
    }
    assert_eq!(stored("Amount__c", Input::Json(json!(7))), Ok(Value::Decimal(Decimal::new(700, 2))));
    assert_eq!(stored("Flag__c", Input::Json(json!(null))), Ok(Value::Bool(true)));
}

#[test]
fn wrong_values_are_refused_in_the_words_of_an_org() {
    let too_long = "x".repeat(81);
    for (field, given, expected) in [
        ("Name", too_long.as_str(), format!("STRING_TOO_LONG: Name: data value too large: {too_long} (max length=80)")),
        ("Amount__c", "abc", "INVALID_TYPE_ON_FIELD_IN_RECORD: Amount__c: value not of required type: abc".into()),
        ("Amount__c", "1,000", "INVALID_TYPE_ON_FIELD_IN_RECORD: Amount__c: value not of required type: 1,000".into()),
        (
            "Amount__c",
            "10000000000000000",
            "NUMBER_OUTSIDE_VALID_RANGE: Amount__c: value outside of valid range on numeric field: 10000000000000000"
                .into(),
        ),
        (
            "Amount__c",
            "1e400",
            "NUMBER_OUTSIDE_VALID_RANGE: Amount__c: value outside of valid range on numeric field: 1e400".into(),
        ),
        (
            "Number__c",
            "99999999.5",
            "NUMBER_OUTSIDE_VALID_RANGE: Number__c: value outside of valid range on numeric field: 99999999.5".into(),
        ),
        (
            "Colour__c",
            "Mauve",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: Colour: bad value for restricted picklist field: Mauve".into(),
        ),
        ("Flag__c", "1", "INVALID_TYPE_ON_FIELD_IN_RECORD: Flag__c: value not of required type: 1".into()),
        ("Day__c", "1699-12-31", "NUMBER_OUTSIDE_VALID_RANGE: Day__c: invalid date: 1699-12-31".into()),
        (
            "Day__c",
            "2026-02-30",
            "INVALID_TYPE_ON_FIELD_IN_RECORD: Day__c: value not of required type: 2026-02-30".into(),
        ),
        (
            "When__c",
            "4001-01-01T00:00:00Z",
            "NUMBER_OUTSIDE_VALID_RANGE: When__c: invalid date: 4001-01-01T00:00:00Z".into(),
        ),
        ("Mail__c", "not an email", "INVALID_EMAIL_ADDRESS: Mail__c: invalid email address: not an email".into()),
        ("Mail__c", "a@b", "INVALID_EMAIL_ADDRESS: Mail__c: invalid email address: a@b".into()),
        ("Account__c", "nonsense", "MALFORMED_ID: Account: id value of incorrect type: nonsense".into()),
        (
            "Account__c",
            "003000000000001AAA",
            "MALFORMED_ID: Account: id value of incorrect type: 003000000000001AAA".into(),
        ),
        ("Account__c", "001000000000001AAA", "INVALID_CROSS_REFERENCE_KEY: invalid cross reference id".into()),
    ] {
        assert_eq!(cell(field, given), Err(expected), "{field} {given}");
    }
}

#[test]
fn json_of_the_wrong_type_is_a_parser_error() {
    let wanted = |ty: &str, token: &str, value: &str| {
        Err(format!(
            "JSON_PARSER_ERROR: Cannot deserialize instance of {ty} from {token} value {value} or request may be \
             missing a required field"
        ))
    };
    for (field, given, expected) in [
        ("When__c", json!("soon"), wanted("datetime", "VALUE_STRING", "soon")),
        ("Name", json!(5), wanted("string", "VALUE_NUMBER_INT", "5")),
        ("Name", json!({"a": 1}), wanted("string", "START_OBJECT", "{")),
        ("Amount__c", json!(true), wanted("currency", "VALUE_TRUE", "true")),
        ("Flag__c", json!(1.5), wanted("boolean", "VALUE_NUMBER_FLOAT", "1.5")),
        ("Tags__c", json!(["A"]), wanted("multipicklist", "START_ARRAY", "[")),
    ] {
        assert_eq!(stored(field, Input::Json(given)), expected, "{field}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_conversion_panic(given in "\\PC{0,30}|[0-9T:.+Ze-]{0,30}", which in 0..8usize) {
        let field = ["Amount__c", "Number__c", "Day__c", "When__c", "Hour__c", "Mail__c", "Tags__c", "Account__c"][which];
        let schema = Bench::new().org.schema;
        let (_, facts) = schema.find("Widget__c").unwrap();
        let (_, field) = facts.field(field).unwrap();
        let _ = super::super::convert::from_text(field, &given);
    }
}
