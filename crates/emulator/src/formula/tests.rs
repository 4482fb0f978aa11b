//! Every operator and function by lines of `formula => value`, and what readers see of formula fields.

use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;
use serde_json::json;

use super::check::Place;
use super::types::Val;
use super::{Context, Subject, compile, compile_at, text};
use crate::query::tests::{NOW, empty_org};
use crate::schema::{Blanks, Field, FieldType, NameField, ObjectType, Schema};
use crate::{Org, RecordId};

struct Fixture {
    org: Org,
    invoice: RecordId,
    bare: RecordId,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let mut org = empty_org();
    let create = |org: &mut Org, object: &str, fields| {
        RecordId::parse(&crate::query::tests::create(org, object, fields)).unwrap()
    };
    let account = create(
        &mut org,
        "Account",
        json!({"Name": "Acme \"East\"", "Industry": "Banking", "AnnualRevenue": 1000, "Phone": "555-1", "BillingCity": "Graz"}),
    );
    let invoice = create(
        &mut org,
        "Invoice__c",
        json!({
            "Name": "INV 1", "Account__c": account.to_string(), "Total__c": "12.35", "Count__c": 3, "Due__c": "2026-01-31",
            "Sent__c": "2026-05-12T22:30:15Z", "At__c": "13:14:15.016Z", "Paid__c": true, "State__c": "Open",
            "Tags__c": "A;C", "Place__Latitude__s": 47.07, "Place__Longitude__s": 15.43, "Code__c": "c-1",
        }),
    );
    let bare = create(&mut org, "Invoice__c", json!({"Name": "bare"}));
    Fixture { org, invoice, bare }
});

fn computed(id: RecordId, blanks: Blanks, formula: &str) -> String {
    let fixture = &*FIXTURE;
    let schema = &fixture.org.schema;
    let (object, _) = schema.find("Invoice__c").unwrap();
    let compiled = match compile_at(schema, Place::Field(object), formula, None, blanks, (Vec::new(), 0)) {
        Ok(compiled) => compiled,
        Err(e) => return format!("refused: {e}"),
    };
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let context =
        Context { schema, store: &fixture.org.store, user: fixture.org.settings.admin_id, now: NOW, zone: &zone };
    let row = fixture.org.store.get(object, id).unwrap();
    match compiled.raw(&context, Subject::Row(id, row)) {
        Err(_) => "#Error!".into(),
        Ok(Val::Null) => "null".into(),
        Ok(Val::Text(text)) => format!("{text:?}"),
        Ok(Val::Geo(a, b)) => format!("{a},{b}"),
        Ok(value) => text::of(&value).into_owned(),
    }
}

/// `formula => expected`, one a line, for a record whose every field has a value.
#[track_caller]
fn check(lines: &str) {
    check_for(FIXTURE.invoice, Blanks::Zero, lines);
}

#[track_caller]
fn check_for(id: RecordId, blanks: Blanks, lines: &str) {
    let mut wrong = Vec::new();
    let mut tested = 0;
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (formula, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("no result in {line}"));
        let found = computed(id, blanks, formula.trim());
        if found != expected.trim() {
            wrong.push(format!("{formula}\n    expected {expected}\n    found    {found}"));
        }
        tested += 1;
    }
    assert!(tested > 0);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn operators_and_what_binds_tighter() {
    check(
        r#"
        1 + 2 * 3 => 7
        (1 + 2) * 3 => 9
        2 * 3 ^ 2 => 36
        2 ^ 3 ^ 2 => 64
        -2 ^ 2 => 4
        2 ^ -1 => 0.5
        2 ^ 0.5 => 1.414213562373095
        10 / 4 => 2.5
        1 / 3 * 3 = 1 => false
        7 - 2 - 1 => 4
        1 / 0 => #Error!
        0 ^ -1 => #Error!
        10 ^ 40 => #Error!
        .5 + 0.25 => 0.75
        --5 => 5
        !true => false
        NOT(1 = 2) => true
        1 = 1 && 2 <> 3 => true
        1 = 2 || 3 == 3 => true
        1 != 2 => true
        "a" & "b" & NULL => "ab"
        "a" + "b" => "ab"
        "a" & "1" = "a1" => true
        "a" = "A" => false
        "a" < "b" => true
        1 <= 1 => true
        1 >= 2 => false
        'it\'s' & "\"q\"" => "it's\"q\""
        1 /* one */ + /* two */ 2 => 3
        TRUE => true
        NULL => null
        "a\nb" => "a\nb"
        "#,
    );
}

#[test]
fn numbers() {
    check(
        r#"
        ABS(-1.5) => 1.5
        CEILING(2.1) => 3
        CEILING(-2.1) => -3
        FLOOR(2.9) => 2
        FLOOR(-2.9) => -2
        MCEILING(-2.1) => -2
        MFLOOR(-2.1) => -3
        MFLOOR(2.9) => 2
        ROUND(1.5, 0) => 2
        ROUND(-1.5, 0) => -2
        ROUND(225.49823, 2) => 225.5
        ROUND(225.49823, -2) => 200
        ROUND(1250, -2) => 1300
        TRUNC(-1.99, 1) => -1.9
        TRUNC(8.9) => 8
        TRUNC(1299, -2) => 1200
        MOD(10, 3) => 1
        MOD(-10, 3) => -1
        MOD(1, 0) => #Error!
        MAX(1, 3, 2) => 3
        MIN(1, 3, -2) => -2
        SQRT(2) => 1.4142135623730950488016887242
        SQRT(16) => 4
        SQRT(-1) => #Error!
        EXP(0) => 1
        LN(1) => 0
        LN(0) => #Error!
        LOG(1000) => 3
        ROUND(PI(), 10) => 3.1415926536
        SIN(0) => 0
        COS(0) => 1
        ROUND(TAN(PI() / 4), 6) => 1
        ROUND(ASIN(1), 4) => 1.5708
        ACOS(1) => 0
        ROUND(ATAN2(1, 1), 4) => 0.7854
        VALUE("12.50") => 12.5
        VALUE("-3e2") => -300
        VALUE("") => null
        VALUE("abc") => #Error!
        Total__c * Count__c => 37.05
        Total__c / 0 => #Error!
        ISNUMBER("1.5") => true
        ISNUMBER("x") => false
        "#,
    );
}

#[test]
fn texts() {
    check(
        r#"
        LEN("héllo") => 5
        LEN(NULL) => 0
        LEFT("hello", 2) => "he"
        LEFT("hello", 99) => "hello"
        LEFT("hello", -1) => ""
        RIGHT("hello", 3) => "llo"
        RIGHT("hé", 1) => "é"
        MID("hello", 2, 3) => "ell"
        MID("hello", 9, 3) => ""
        TRIM("  a b ") => "a b"
        UPPER("straße") => "STRASSE"
        LOWER("ÄB") => "äb"
        LOWER("AB", "tr") => "ab"
        INITCAP("heLLo woRLD-x") => "Hello World-X"
        CONTAINS("hello", "ell") => true
        CONTAINS("hello", "ELL") => false
        CONTAINS("hello", "") => true
        BEGINS("hello", "he") => true
        BEGINS("hello", "lo") => false
        FIND("l", "hello") => 3
        FIND("l", "hello", 4) => 4
        FIND("x", "hello") => 0
        FIND("é", "aéé", 3) => 3
        SUBSTITUTE("a-b-c", "-", "+") => "a+b+c"
        SUBSTITUTE("abc", "", "x") => "abc"
        LPAD("7", 3, "0") => "007"
        LPAD("hello", 3) => "hel"
        LPAD("a", 4, "xy") => "xyxa"
        RPAD("a", 3) => "a  "
        RPAD("a", 4, "xy") => "axyx"
        REVERSE("abc") => "cba"
        BR() => "<br>"
        HYPERLINK("http://x.example/?a=1", "Go & see") => "<a href=\"http://x.example/?a=1\" target=\"_blank\">Go &amp; see</a>"
        HYPERLINK("/home", "h", "_self") => "<a href=\"/home\" target=\"_self\">h</a>"
        IMAGE("/img/a.gif", "A") => "<img src=\"/img/a.gif\" alt=\"A\" border=\"0\"/>"
        IMAGE("/img/a.gif", "A", 16, 20) => "<img src=\"/img/a.gif\" alt=\"A\" style=\"height:16px; width:20px;\" border=\"0\"/>"
        CASESAFEID("001xx000003DGb2") => "001xx000003DGb2AAG"
        CASESAFEID("nonsense") => #Error!
        CASESAFEID(Id) = CASESAFEID(Id) => true
        LEN(Id) => 15
        LEN(CASESAFEID(Account__c)) => 18
        HTMLENCODE("<a & 'b'>") => "&lt;a &amp; &#39;b&#39;&gt;"
        JSENCODE("it's") => "it\\'s"
        JSINHTMLENCODE("<") => "&lt;"
        URLENCODE("a b&c/é") => "a+b%26c%2F%C3%A9"
        ASCII("A") => 65
        ASCII("") => null
        CHR(233) => "é"
        CHR(0) => null
        REGEX("555-12", "[0-9]{3}-\\d+") => true
        REGEX("x555-12", "[0-9]{3}-\d+") => false
        REGEX("ABC", "(?i)abc") => true
        TEXT(12.50) => "12.5"
        TEXT(-0.5) => "-0.5"
        TEXT(1000000) => "1000000"
        TEXT(State__c) => "Open"
        TEXT(DATE(2026, 3, 1)) => "2026-03-01"
        TEXT(Sent__c) => "2026-05-12 22:30:15Z"
        TEXT(At__c) => "13:14:15.016"
        Account__r.Name & "!" => "Acme \"East\"!"
        "#,
    );
}

#[test]
fn logic_and_blanks() {
    check(
        r#"
        IF(Paid__c, "yes", "no") => "yes"
        IF(NOT(Paid__c), 1, 2) => 2
        IF(NULL = "x", 1, 2) => 2
        IF(1 = 2, 1 / 0, 7) => 7
        AND(Paid__c, Count__c = 3) => true
        AND(false, 1 / 0 = 1) => false
        OR(false, Paid__c) => true
        OR(true, 1 / 0 = 1) => true
        CASE(State__c, "New", 1, "Open", 2, 0) => 2
        CASE(Count__c, 1, "one", 3, "three", "many") => "three"
        CASE(MONTH(Due__c), 1, "Jan", 2, "Feb", "other") => "Jan"
        CASE("z", "a", 1, 9) => 9
        ISBLANK(Name) => false
        ISBLANK("") => true
        ISNULL(Account__c) => false
        ISBLANK(State__c) => false
        BLANKVALUE(Code__c, "none") => "c-1"
        BLANKVALUE("", "none") => "none"
        NULLVALUE(NULL, 5) => 5
        ISPICKVAL(State__c, "Open") => true
        ISPICKVAL(State__c, "open") => false
        INCLUDES(Tags__c, "C") => true
        INCLUDES(Tags__c, "B") => false
        PICKLISTCOUNT(Tags__c) => 2
        ISPICKVAL(Account__r.Industry, "Banking") => true
        "#,
    );
    let bare = FIXTURE.bare;
    check_for(
        bare,
        Blanks::Zero,
        r#"
        Total__c + 1 => 1
        Total__c = 0 => true
        ISBLANK(Total__c) => false
        ISBLANK(Due__c) => true
        Account__r.AnnualRevenue * 2 => 0
        Account__r.Name & "x" => "x"
        ISBLANK(Account__r.Name) => true
        CASE(State__c, "", "none", "Open", "open", "other") => "none"
        TEXT(State__c) => null
        TEXT(State__c) = "" => true
        IF(Due__c < TODAY(), 1, 2) => 2
        NOT(Due__c < TODAY()) => null
        Due__c = NULL => true
        Account__r.Name = "x" => false
        Account__r.Name <> "x" => true
        Due__c + 1 => null
        "#,
    );
    check_for(
        bare,
        Blanks::Empty,
        r#"
        Total__c + 1 => null
        Total__c = 0 => null
        IF(Total__c > 5, "a", "b") => "b"
        ISBLANK(Total__c) => true
        BLANKVALUE(Total__c, 4) => 4
        MAX(Total__c, 4) => null
        AND(Total__c = 0, false) => false
        OR(Total__c = 0, true) => true
        LEFT(Name, Total__c) => null
        DATE(2026, Count__c, 1) => null
        Account__r.IsDeleted => false
        "#,
    );
}

#[test]
fn dates_and_times() {
    // Now is 2026-05-13 10:00 UTC, the user's zone two hours ahead.
    check(
        r#"
        TODAY() => 2026-05-13
        NOW() => 2026-05-13 10:00:00Z
        TIMENOW() => 10:00:00.000
        DATE(2026, 2, 28) + 1 => 2026-03-01
        DATE(2026, 2, 30) => #Error!
        DATE(2026, 3, 1) - DATE(2026, 2, 1) => 28
        DATE(2026, 3, 1) - 1.9 => 2026-02-28
        1 + DATE(2026, 1, 1) => 2026-01-02
        Sent__c + 0.5 => 2026-05-13 10:30:15Z
        NOW() - Sent__c > 0.4 => true
        (DATETIMEVALUE("2026-01-02 12:00:00") - DATETIMEVALUE("2026-01-01 00:00:00")) * 24 => 36
        DATEVALUE(Sent__c) => 2026-05-13
        DATEVALUE("2026-01-05") => 2026-01-05
        DATEVALUE("05/01/2026") => #Error!
        DATETIMEVALUE(DATE(2026, 1, 5)) => 2026-01-05 00:00:00Z
        DATETIMEVALUE("2026-01-05 11:12:13") => 2026-01-05 11:12:13Z
        DATETIMEVALUE("2026-01-05") => #Error!
        TIMEVALUE(Sent__c) => 22:30:15.000
        TIMEVALUE("17:30:45.125") => 17:30:45.125
        TIMEVALUE("25:00:00") => #Error!
        YEAR(Due__c) => 2026
        MONTH(Due__c) => 1
        DAY(Due__c) => 31
        WEEKDAY(DATE(2026, 5, 10)) => 1
        WEEKDAY(DATE(2026, 5, 13)) => 4
        DAYOFYEAR(DATE(2024, 12, 31)) => 366
        ISOWEEK(DATE(2021, 1, 3)) => 53
        ISOYEAR(DATE(2021, 1, 3)) => 2020
        ADDMONTHS(Due__c, 1) => 2026-02-28
        ADDMONTHS(DATE(2026, 2, 28), 1) => 2026-03-31
        ADDMONTHS(DATE(2026, 1, 15), -12) => 2025-01-15
        ADDMONTHS(Sent__c, 1) => 2026-06-12 22:30:15Z
        HOUR(At__c) => 13
        MINUTE(At__c) => 14
        SECOND(At__c) => 15
        MILLISECOND(At__c) => 16
        At__c + 1000 => 13:14:16.016
        At__c - TIMEVALUE("13:14:15.000") => 16
        UNIXTIMESTAMP(DATE(1970, 1, 2)) => 86400
        UNIXTIMESTAMP(Sent__c) => 1778625015
        FROMUNIXTIME(86400) => 1970-01-02 00:00:00Z
        FORMATDURATION(3725) => "01:02:05"
        FORMATDURATION(90061, true) => "1:01:01:01"
        FORMATDURATION(TIMEVALUE("01:00:00"), TIMEVALUE("02:30:00")) => "01:30:00"
        FORMATDURATION(Sent__c, NOW()) => "0:11:29:45"
        $System.OriginDateTime => 1900-01-01 00:00:00Z
        DATE(3999, 12, 31) + 10000 => #Error!
        Due__c > DATE(2025, 1, 1) => true
        "#,
    );
}

#[test]
fn places_and_globals() {
    check(
        r#"
        ROUND(DISTANCE(Place__c, GEOLOCATION(48.2, 16.37), "km"), 0) => 144
        ROUND(DISTANCE(Place__c, GEOLOCATION(48.2, 16.37), "mi"), 0) => 90
        $User.LastName => "Admin"
        $User.Username & "" => "ada@example.com"
        LEN($User.Id) => 15
        Owner:User.Name => "Ada Admin"
        CreatedBy.LastName => "Admin"
        Account__r.Owner.LastName => "Admin"
        Invoice__c.Name => "INV 1"
        "#,
    );
}

#[test]
fn refusals_are_worded_as_salesforce_words_them() {
    check(
        r#"
        Nope__c => refused: Field Nope__c does not exist. Check spelling.
        Account__r.Nope => refused: Field Account__r.Nope does not exist. Check spelling.
        $User.Nope => refused: Field $User.Nope does not exist. Check spelling.
        $Setup.X__c => refused: Field $Setup.X__c does not exist. Check spelling.
        FOO(1) => refused: Unknown function FOO. Check spelling.
        ISCHANGED(Name) => refused: Function ISCHANGED may not be used in this type of formula
        PRIORVALUE(Name) => refused: Function PRIORVALUE may not be used in this type of formula
        IF(1, 2, 3) => refused: Incorrect parameter type for function 'IF()'. Expected Boolean, received Number
        IF(true, 2, "x") => refused: Incorrect parameter type for function 'IF()'. Expected Number, received Text
        IF(true, 2) => refused: Incorrect number of parameters for function 'IF()'. Expected 3, received 2
        LEFT("a") => refused: Incorrect number of parameters for function 'LEFT()'. Expected 2, received 1
        LEFT("a", "b") => refused: Incorrect parameter type for function 'LEFT()'. Expected Number, received Text
        1 + "a" => refused: Incorrect parameter type for operator '+'. Expected Number, received Text
        "a" * 2 => refused: Incorrect parameter type for operator '*'. Expected Number, received Text
        "a" & 2 => refused: Incorrect parameter type for operator '&'. Expected Text, received Number
        1 = "a" => refused: Incorrect parameter type for operator '='. Expected Number, received Text
        Due__c + Due__c => refused: Incorrect parameter type for operator '+'. Expected Number, received Date
        YEAR(Sent__c) => refused: Incorrect parameter type for function 'YEAR()'. Expected Date, received DateTime
        UPPER(Count__c) => refused: Incorrect parameter type for function 'UPPER()'. Expected Text, received Number
        State__c = "Open" => refused: Field State__c is a picklist field. Picklist fields are only supported in certain functions.
        UPPER(Tags__c) => refused: Field Tags__c is a multi-select picklist field. Multi-select picklist fields are only supported in certain functions.
        ISPICKVAL(Name, "x") => refused: Incorrect parameter type for function 'ISPICKVAL()'. Expected Picklist, received Text
        ISPICKVAL(State__c, Name) => refused: Incorrect parameter type for function 'ISPICKVAL()'. Expected Text Literal, received Text
        Notes__c & "x" => refused: You referenced an unsupported field type called "Long Text Area" using the following field: Notes__c
        (1 + 2 => refused: Syntax error. Missing ')'
        LEFT("a", 1 => refused: Syntax error. Missing ')'
        "abc => refused: Syntax error. Missing '"'
        1 + => refused: Syntax error.  Found 'end of formula'
        1 ) => refused: Syntax error. Extra ')'
        1 2 => refused: Syntax error. Extra '2'
        1 + * 2 => refused: Syntax error. Found '*'
        a ; b => refused: Syntax error. Found ';'
        Owner:Account.Name => refused: Account is an invalid object type for the Owner field. Check spelling.
        Owner.Name => refused: Field Owner.Name does not exist. Check spelling.
        HYPERLINK("javascript:alert(1)", "x") => refused: Incorrect argument value for function 'HYPERLINK()'. Javascript is not allowed.
        DISTANCE(Place__c, Place__c, "ft") => refused: Incorrect parameter value for function 'DISTANCE()'. Expected 'mi'/'km', received 'ft'
        "#,
    );
    assert!(computed(FIXTURE.invoice, Blanks::Zero, r#"REGEX(Name, "(?=a)b")"#).starts_with("refused: Incorrect"));
}

#[test]
fn hostile_formulas_are_refused_or_computed_and_never_hang() {
    let deep = format!("{}1{}", "(".repeat(1_900), ")".repeat(1_900));
    assert!(computed(FIXTURE.invoice, Blanks::Zero, &deep).starts_with("refused: "));
    let signs = format!("{}1", "-".repeat(3_800));
    assert!(computed(FIXTURE.invoice, Blanks::Zero, &signs).starts_with("refused: "));
    let long = "1+".repeat(1_949) + "1";
    assert_eq!(computed(FIXTURE.invoice, Blanks::Zero, &long), "1950");
    let nested = format!("{}1{}", "IF(1 = 2, 0, ".repeat(98), ")".repeat(98));
    assert_eq!(computed(FIXTURE.invoice, Blanks::Zero, &nested), "1");
    let too_long = "1".repeat(3_901);
    assert_eq!(
        computed(FIXTURE.invoice, Blanks::Zero, &too_long),
        "refused: Formula is too long (3901 characters). Maximum length is 3900 characters"
    );
    let digits = "9".repeat(200);
    assert!(computed(FIXTURE.invoice, Blanks::Zero, &digits).starts_with("refused: "));
    for formula in [
        r#"LPAD("a", 99999999999)"#,
        r#"REGEX("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "(a+)+b")"#,
        r#"REGEX("a", "(((a{1,900}){1,900}){1,900})")"#,
        "2 ^ 1000000000000",
        "ROUND(1, 99999999999999999999)",
        "CHR(99999999999999)",
        "DATE(99999, 1, 1)",
        "TODAY() + 99999999999999",
        "FROMUNIXTIME(9999999999999999)",
        "ADDMONTHS(TODAY(), 999999999999)",
        "MID(\"abc\", -5, 99999999999999)",
    ] {
        let _ = computed(FIXTURE.invoice, Blanks::Zero, formula);
    }
}

#[test]
fn a_formula_that_refers_to_itself_is_refused() {
    let mut schema = Schema::clone(&FIXTURE.org.schema);
    let object = ObjectType::custom("Loop__c", "Loop", "Loops", *b"a07", NameField::Text)
        .with(Field::formula("A__c", "A", FieldType::Double, 2, "B__c + 1", Blanks::Zero))
        .with(Field::formula("B__c", "B", FieldType::Double, 2, "A__c + 1", Blanks::Zero))
        .with(Field::formula("C__c", "C", FieldType::Double, 2, "C__c", Blanks::Zero));
    schema.put(object);
    let (id, _) = schema.find("Loop__c").unwrap();
    for source in ["A__c", "C__c", "B__c * 2"] {
        let error = compile(&schema, id, source, FieldType::Double, Blanks::Zero).unwrap_err().to_string();
        assert!(error.contains("directly or indirectly refers to itself"), "{error}");
    }
}

#[test]
fn formulas_over_formulas_end_somewhere() {
    let mut schema = Schema::clone(&FIXTURE.org.schema);
    let mut object = ObjectType::custom("Chain__c", "Chain", "Chains", *b"a07", NameField::Text);
    for n in 0..400 {
        let source = if n == 0 { "1".to_owned() } else { format!("F{}__c + 1", n - 1) };
        object = object.with(Field::formula(&format!("F{n}__c"), "F", FieldType::Double, 0, &source, Blanks::Zero));
    }
    schema.put(object);
    let (id, _) = schema.find("Chain__c").unwrap();
    assert!(compile(&schema, id, "F40__c", FieldType::Double, Blanks::Zero).is_ok());
    let error = compile(&schema, id, "F399__c", FieldType::Double, Blanks::Zero).unwrap_err().to_string();
    assert!(error.ends_with("(it nests deeper than 200 levels)."), "{}", error.len());
}

#[test]
fn the_result_has_the_fields_form() {
    let fixture = &*FIXTURE;
    let schema = &fixture.org.schema;
    let (object, _) = schema.find("Invoice__c").unwrap();
    let zone = TimeZone::UTC;
    let context =
        Context { schema, store: &fixture.org.store, user: fixture.org.settings.admin_id, now: NOW, zone: &zone };
    let row = fixture.org.store.get(object, fixture.invoice).unwrap();
    let shown = |ty: FieldType, scale: u32, source: &str| {
        let field = Field::formula("F__c", "F", ty, scale, source, Blanks::Zero);
        let compiled = compile(schema, object, source, ty, Blanks::Zero).unwrap_or_else(|e| panic!("{e}"));
        format!("{:?}", compiled.value(&context, Subject::Row(fixture.invoice, row), &field))
    };
    assert_eq!(shown(FieldType::Double, 2, "10 / 3"), "Decimal(3.33)");
    assert_eq!(shown(FieldType::Double, 0, "2.5"), "Decimal(3)");
    assert_eq!(shown(FieldType::Currency, 2, "-0.005"), "Decimal(-0.01)");
    assert_eq!(shown(FieldType::Percent, 1, "1 / 8"), "Decimal(12.5)");
    assert_eq!(shown(FieldType::String, 0, "\"\""), "Null");
    assert_eq!(shown(FieldType::Double, 2, "1 / 0"), "Null");
    assert_eq!(shown(FieldType::Boolean, 0, "1 / 0 = 1"), "Bool(false)");
    assert_eq!(shown(FieldType::Boolean, 0, "NULL"), "Bool(false)");
    let long = shown(FieldType::String, 0, "RPAD(\"x\", 2000, \"é\")");
    assert_eq!(long.chars().count(), "Text(\"\")".len() + 1_300);
    let error = compile(schema, object, "1", FieldType::String, Blanks::Zero).unwrap_err().to_string();
    assert_eq!(error, "Formula result is data type (Number), incompatible with expected data type (Text).");
    let describe =
        crate::schema::describe::field(&Field::formula("F__c", "F", FieldType::Double, 2, "1", Blanks::Zero));
    assert_eq!(describe["calculated"], true);
    assert_eq!(describe["calculatedFormula"], "1");
    assert_eq!(describe["formulaTreatNullNumberAsZero"], true);
    assert_eq!((&describe["createable"], &describe["updateable"]), (&json!(false), &json!(false)));
    assert_eq!(describe["groupable"], false);
}

#[test]
fn only_what_depends_on_its_own_record_alone_is_deterministic() {
    let schema = &FIXTURE.org.schema;
    let (object, _) = schema.find("Invoice__c").unwrap();
    let is = |source: &str| {
        compile_at(schema, Place::Field(object), source, None, Blanks::Zero, (Vec::new(), 0))
            .unwrap()
            .is_deterministic()
    };
    assert!(is("Total__c * 2") && is("$System.OriginDateTime"));
    assert!(!is("TODAY()") && !is("Account__r.Name") && !is("$User.Id"));
}

/// An org whose invoices have formulas of their own, of their accounts and of each other.
fn with_formulas() -> (Org, String) {
    let mut org = empty_org();
    let schema = Arc::make_mut(&mut org.schema);
    schema.add_fields(
        "Invoice__c",
        [
            Field::formula("Tax__c", "Tax", FieldType::Currency, 2, "Total__c * 0.2", Blanks::Zero),
            Field::formula("Gross__c", "Gross", FieldType::Currency, 2, "Total__c + Tax__c", Blanks::Zero),
            Field::formula("Who__c", "Who", FieldType::String, 0, "UPPER(Account__r.Name)", Blanks::Zero),
            Field::formula("Late__c", "Late", FieldType::Boolean, 0, "Due__c < TODAY()", Blanks::Zero),
        ],
    );
    let account = crate::query::tests::create(&mut org, "Account", json!({"Name": "Acme"}));
    for (name, total, due) in [("one", 10.01, "2026-05-12"), ("two", 100.0, "2026-05-13"), ("three", 1.0, "2026-05-01")]
    {
        let fields = json!({"Name": name, "Account__c": account, "Total__c": total, "Due__c": due});
        crate::query::tests::create(&mut org, "Invoice__c", fields);
    }
    (org, account)
}

#[test]
fn queries_select_filter_sort_and_sum_formulas() {
    use crate::query::tests::{column, records};
    let (org, _) = with_formulas();
    assert_eq!(
        records(
            &org,
            "SELECT Name, Tax__c, Gross__c, Who__c, Late__c FROM Invoice__c WHERE Gross__c < 100 ORDER BY Gross__c DESC"
        ),
        json!([
            {"Name": "one", "Tax__c": 2.0, "Gross__c": 12.01, "Who__c": "ACME", "Late__c": true},
            {"Name": "three", "Tax__c": 0.2, "Gross__c": 1.2, "Who__c": "ACME", "Late__c": true},
        ])
    );
    assert_eq!(column(&org, "SELECT Name FROM Invoice__c WHERE Late__c = false"), "two");
    assert_eq!(column(&org, "SELECT Name FROM Invoice__c WHERE Who__c LIKE 'ac%' ORDER BY Name"), "one,three,two");
    assert_eq!(
        records(&org, "SELECT SUM(Gross__c) s, MAX(Who__c) w FROM Invoice__c"),
        json!([{"s": 133.21, "w": "ACME"}])
    );
    assert_eq!(
        records(&org, "SELECT (SELECT Gross__c FROM Invoices__r ORDER BY Gross__c LIMIT 1) FROM Account"),
        json!([{"Invoices__r": {"totalSize": 1, "done": true, "records": [{"Gross__c": 1.2}]}}])
    );
}

#[test]
fn a_bulk_selection_keeps_formulas_as_they_were() {
    let (mut org, account) = with_formulas();
    let options = crate::query::tests::options(&org);
    let text = "SELECT Name, Gross__c, Who__c FROM Invoice__c WHERE Name = 'two'";
    let selection = crate::query::select_bulk(&org, text, &options).unwrap();
    let (object, id) = (org.schema.find("Account").unwrap().0, RecordId::parse(&account).unwrap());
    let fields = vec![("Name".to_owned(), crate::dml::Input::Text("Other".into()))];
    let context = crate::query::tests::context(&org);
    org.write(&context, vec![crate::dml::Write::Update { object, id, fields }]).remove(0).unwrap();
    let mut out = Vec::new();
    selection.write_rows(0..10, b',', "\n", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "\"two\",\"120.0\",\"ACME\"\n");
    assert_eq!(crate::query::tests::column(&org, "SELECT Who__c FROM Invoice__c WHERE Name = 'two'"), "OTHER");
}

#[test]
fn formulas_cannot_be_written_and_are_in_no_row() {
    let (mut org, _) = with_formulas();
    let context = crate::query::tests::context(&org);
    let (object, _) = org.schema.find("Invoice__c").unwrap();
    let fields = vec![("Tax__c".to_owned(), crate::dml::Input::Json(json!(1)))];
    let errors = org.write(&context, vec![crate::dml::Write::Create { object, fields }]).remove(0).unwrap_err();
    assert_eq!(errors[0].code, "INVALID_FIELD_FOR_INSERT_UPDATE");
}
