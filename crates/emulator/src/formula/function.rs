//! The functions: names, parameters, results.

use super::types::Type;

/// A function, once its name and its arguments were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Function {
    Abs, Acos, AddMonths, And, Ascii, Asin, Atan, Atan2, Begins, BlankValue, Br, Case, CaseSafeId, Ceiling, Chr, Contains,
    Cos, Date, DateTimeValue, DateValue, Day, DayOfYear, Distance, Exp, Find, Floor, FormatDuration, FromUnixTime,
    Geolocation, Hour, HtmlEncode, Hyperlink, If, Image, Includes, InitCap, IsBlank, IsNumber, IsPickVal, IsoWeek, IsoYear,
    JsEncode, JsInHtmlEncode, Left, Len, Ln, Log, Lower, Lpad, Max, MCeiling, MFloor, Mid, Millisecond, Min, Minute, Mod,
    Month, Not, Now, Or, Pi, PicklistCount, Regex, Reverse, Right, Round, Rpad, Second, Sin, Sqrt, Substitute, Tan, Text,
    TimeNow, TimeValue, Today, Trim, Trunc, UnixTimestamp, Upper, UrlEncode, Value, Weekday, Year,
}

use Function as F;

/// Name, function, parameters and result.
///
/// A parameter is a letter: `T`ext, `N`umber, `B`oolean, `D`ate, date and time (`S`), t`I`me, `G`eolocation, `M`ulti-select
/// picklist; letters in parentheses are alternatives. `?` stands before the first that may be left out, `*` after one
/// that may come again and again. Functions whose parameters depend on each other are checked one by one and have `-`.
const TABLE: &[(&str, Function, &str, char)] = &[
    ("ABS", F::Abs, "N", 'N'),
    ("ACOS", F::Acos, "N", 'N'),
    ("ADDMONTHS", F::AddMonths, "-", '-'),
    ("AND", F::And, "B*", 'B'),
    ("ASCII", F::Ascii, "T", 'N'),
    ("ASIN", F::Asin, "N", 'N'),
    ("ATAN", F::Atan, "N", 'N'),
    ("ATAN2", F::Atan2, "NN", 'N'),
    ("BEGINS", F::Begins, "TT", 'B'),
    ("BLANKVALUE", F::BlankValue, "-", '-'),
    ("BR", F::Br, "", 'T'),
    ("CASE", F::Case, "-", '-'),
    ("CASESAFEID", F::CaseSafeId, "T", 'T'),
    ("CEILING", F::Ceiling, "N", 'N'),
    ("CHR", F::Chr, "N", 'T'),
    ("CONTAINS", F::Contains, "TT", 'B'),
    ("COS", F::Cos, "N", 'N'),
    ("DATE", F::Date, "NNN", 'D'),
    ("DATETIMEVALUE", F::DateTimeValue, "(TSD)", 'S'),
    ("DATEVALUE", F::DateValue, "(TSD)", 'D'),
    ("DAY", F::Day, "D", 'N'),
    ("DAYOFYEAR", F::DayOfYear, "D", 'N'),
    ("DISTANCE", F::Distance, "GGT", 'N'),
    ("EXP", F::Exp, "N", 'N'),
    ("FIND", F::Find, "TT?N", 'N'),
    ("FLOOR", F::Floor, "N", 'N'),
    ("FORMATDURATION", F::FormatDuration, "-", 'T'),
    ("FROMUNIXTIME", F::FromUnixTime, "N", 'S'),
    ("GEOLOCATION", F::Geolocation, "NN", 'G'),
    ("HOUR", F::Hour, "I", 'N'),
    ("HTMLENCODE", F::HtmlEncode, "T", 'T'),
    ("HYPERLINK", F::Hyperlink, "TT?T", 'T'),
    ("IF", F::If, "-", '-'),
    ("IMAGE", F::Image, "TT?NN", 'T'),
    ("INCLUDES", F::Includes, "-", 'B'),
    ("INITCAP", F::InitCap, "T", 'T'),
    ("ISBLANK", F::IsBlank, "-", 'B'),
    ("ISNULL", F::IsBlank, "-", 'B'),
    ("ISNUMBER", F::IsNumber, "T", 'B'),
    ("ISPICKVAL", F::IsPickVal, "-", 'B'),
    ("ISOWEEK", F::IsoWeek, "D", 'N'),
    ("ISOYEAR", F::IsoYear, "D", 'N'),
    ("JSENCODE", F::JsEncode, "T", 'T'),
    ("JSINHTMLENCODE", F::JsInHtmlEncode, "T", 'T'),
    ("LEFT", F::Left, "TN", 'T'),
    ("LEN", F::Len, "T", 'N'),
    ("LN", F::Ln, "N", 'N'),
    ("LOG", F::Log, "N", 'N'),
    ("LOWER", F::Lower, "T?T", 'T'),
    ("LPAD", F::Lpad, "TN?T", 'T'),
    ("MAX", F::Max, "N*", 'N'),
    ("MCEILING", F::MCeiling, "N", 'N'),
    ("MFLOOR", F::MFloor, "N", 'N'),
    ("MID", F::Mid, "TNN", 'T'),
    ("MILLISECOND", F::Millisecond, "I", 'N'),
    ("MIN", F::Min, "N*", 'N'),
    ("MINUTE", F::Minute, "I", 'N'),
    ("MOD", F::Mod, "NN", 'N'),
    ("MONTH", F::Month, "D", 'N'),
    ("NOT", F::Not, "B", 'B'),
    ("NOW", F::Now, "", 'S'),
    ("NULLVALUE", F::BlankValue, "-", '-'),
    ("OR", F::Or, "B*", 'B'),
    ("PI", F::Pi, "", 'N'),
    ("PICKLISTCOUNT", F::PicklistCount, "M", 'N'),
    ("REGEX", F::Regex, "TT", 'B'),
    ("REVERSE", F::Reverse, "T", 'T'),
    ("RIGHT", F::Right, "TN", 'T'),
    ("ROUND", F::Round, "NN", 'N'),
    ("RPAD", F::Rpad, "TN?T", 'T'),
    ("SECOND", F::Second, "I", 'N'),
    ("SIN", F::Sin, "N", 'N'),
    ("SQRT", F::Sqrt, "N", 'N'),
    ("SUBSTITUTE", F::Substitute, "TTT", 'T'),
    ("TAN", F::Tan, "N", 'N'),
    ("TEXT", F::Text, "-", 'T'),
    ("TIMENOW", F::TimeNow, "", 'I'),
    ("TIMEVALUE", F::TimeValue, "(TSI)", 'I'),
    ("TODAY", F::Today, "", 'D'),
    ("TRIM", F::Trim, "T", 'T'),
    ("TRUNC", F::Trunc, "N?N", 'N'),
    ("UNIXTIMESTAMP", F::UnixTimestamp, "(DSI)", 'N'),
    ("UPPER", F::Upper, "T?T", 'T'),
    ("URLENCODE", F::UrlEncode, "T", 'T'),
    ("VALUE", F::Value, "T", 'N'),
    ("WEEKDAY", F::Weekday, "D", 'N'),
    ("YEAR", F::Year, "D", 'N'),
];

/// Functions that Salesforce has and formula fields may not use: those of rules (`ISCHANGED`), links and buttons
/// (`URLFOR`), reports (`PREVGROUPVAL`) and predictions. `CURRENCYRATE` needs an org with several currencies, which this
/// is not.
const ELSEWHERE: &[&str] = &[
    "CURRENCYRATE",
    "GETRECORDIDS",
    "GETSESSIONID",
    "IMAGEPROXYURL",
    "INCLUDE",
    "ISCHANGED",
    "ISCLONE",
    "ISNEW",
    "JUNCTIONIDLIST",
    "LINKTO",
    "PARENTGROUPVAL",
    "PREDICT",
    "PREVGROUPVAL",
    "PRIORVALUE",
    "REQUIRESCRIPT",
    "URLFOR",
    "VLOOKUP",
];

/// A function's row in the table.
pub(super) struct Spec {
    pub(super) function: Function,
    /// What each parameter may be; empty for a function that is checked by itself.
    pub(super) params: Vec<Vec<Type>>,
    /// How many have to be there.
    pub(super) required: usize,
    /// Whether the last may be repeated.
    pub(super) repeats: bool,
    /// `None` where it depends on the arguments.
    pub(super) result: Option<Type>,
    /// Whether the parameters are checked by the function's own rule.
    pub(super) own_rule: bool,
}

/// The function of this name, in capitals.
pub(super) fn find(name: &str) -> Option<Spec> {
    let (_, function, params, result) = TABLE.iter().find(|(known, ..)| *known == name)?;
    let mut spec = Spec {
        function: *function,
        params: Vec::new(),
        required: 0,
        repeats: false,
        result: letter(*result),
        own_rule: *params == "-",
    };
    let (mut optional, mut alternatives) = (false, None::<Vec<Type>>);
    for c in params.chars().filter(|c| *c != '-') {
        match (c, &mut alternatives) {
            ('?', _) => optional = true,
            ('*', _) => spec.repeats = true,
            ('(', _) => alternatives = Some(Vec::new()),
            (')', _) => {
                spec.params.extend(alternatives.take());
                spec.required += usize::from(!optional);
            }
            (c, Some(open)) => open.extend(letter(c)),
            (c, None) => {
                spec.params.push(letter(c).into_iter().collect());
                spec.required += usize::from(!optional);
            }
        }
    }
    Some(spec)
}

/// Whether Salesforce has this function, though not for formula fields.
pub(super) fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.contains(&name)
}

fn letter(letter: char) -> Option<Type> {
    Some(match letter {
        'T' => Type::Text,
        'N' => Type::Number,
        'B' => Type::Boolean,
        'D' => Type::Date,
        'S' => Type::DateTime,
        'I' => Type::Time,
        'G' => Type::Geolocation,
        'M' => Type::MultiPicklist,
        _ => return None,
    })
}
