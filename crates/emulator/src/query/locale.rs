//! Locales: how numbers, dates and times are written for a user, and with which day a week begins.

use jiff::civil::Weekday;

/// What a locale says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locale {
    /// Between thousands.
    group: &'static str,
    /// Before decimals.
    decimal: &'static str,
    /// A `strftime` pattern of a date.
    pub(super) date: &'static str,
    /// A `strftime` pattern of a time of day.
    pub(super) time: &'static str,
    /// Between a date and a time.
    pub(super) between: &'static str,
    /// The currency's sign or code stands before the amount.
    sign_first: bool,
    /// Between the sign and the amount.
    sign_gap: &'static str,
    pub(crate) week_start: Weekday,
}

const ENGLISH: Locale = Locale {
    group: ",",
    decimal: ".",
    date: "%-m/%-d/%Y",
    time: "%-I:%M %p",
    between: ", ",
    sign_first: true,
    sign_gap: "",
    week_start: Weekday::Sunday,
};

/// A continental European locale: `31.12.2026, 13:05`, `1.234,56 €`.
const EUROPEAN: Locale = Locale {
    group: ".",
    decimal: ",",
    date: "%d.%m.%Y",
    time: "%H:%M",
    between: ", ",
    sign_first: false,
    sign_gap: "\u{a0}",
    week_start: Weekday::Monday,
};

/// Locales by the beginning of their names, the longer ones first. The patterns are those of Unicode's locale data,
/// which Salesforce's ICU formats use; locales not named here are written as in the United States.
const LOCALES: &[(&str, Locale)] = &[
    ("en_GB", Locale { date: "%d/%m/%Y", time: "%H:%M", week_start: Weekday::Monday, ..ENGLISH }),
    ("en_IE", Locale { date: "%d/%m/%Y", time: "%H:%M", week_start: Weekday::Monday, ..ENGLISH }),
    ("en_NZ", Locale { date: "%-d/%m/%Y", time: "%-I:%M %p", week_start: Weekday::Monday, ..ENGLISH }),
    ("en_AU", Locale { date: "%-d/%m/%Y", time: "%-I:%M %p", ..ENGLISH }),
    ("en_CA", Locale { date: "%Y-%m-%d", time: "%-I:%M %p", ..ENGLISH }),
    ("en", ENGLISH),
    ("de_CH", Locale { group: "’", decimal: ".", sign_first: true, ..EUROPEAN }),
    ("de_AT", Locale { group: "\u{a0}", sign_first: true, ..EUROPEAN }),
    ("de", EUROPEAN),
    ("fr_CA", Locale { group: "\u{a0}", date: "%Y-%m-%d", between: " ", week_start: Weekday::Sunday, ..EUROPEAN }),
    ("fr", Locale { group: "\u{202f}", date: "%d/%m/%Y", between: " ", ..EUROPEAN }),
    ("es_MX", Locale { date: "%d/%m/%Y", time: "%H:%M", ..ENGLISH }),
    ("es_US", Locale { date: "%-d/%-m/%Y", ..ENGLISH }),
    ("es", Locale { date: "%-d/%-m/%Y", time: "%-H:%M", ..EUROPEAN }),
    ("it", Locale { date: "%d/%m/%Y", ..EUROPEAN }),
    ("nl", Locale { date: "%d-%m-%Y", between: " ", sign_first: true, ..EUROPEAN }),
    ("pt_BR", Locale { date: "%d/%m/%Y", between: " ", sign_first: true, week_start: Weekday::Sunday, ..EUROPEAN }),
    ("pt", Locale { group: "\u{a0}", date: "%d/%m/%Y", ..EUROPEAN }),
    ("sv", Locale { group: "\u{a0}", date: "%Y-%m-%d", between: " ", ..EUROPEAN }),
    ("nb", Locale { group: "\u{a0}", ..EUROPEAN }),
    ("no", Locale { group: "\u{a0}", ..EUROPEAN }),
    ("da", Locale { time: "%H.%M", between: " ", ..EUROPEAN }),
    ("fi", Locale { group: "\u{a0}", date: "%-d.%-m.%Y", time: "%-H.%M", between: " ", ..EUROPEAN }),
    ("pl", Locale { group: "\u{a0}", ..EUROPEAN }),
    ("cs", Locale { group: "\u{a0}", date: "%d.%m.%Y", time: "%-H:%M", between: " ", ..EUROPEAN }),
    ("ru", Locale { group: "\u{a0}", ..EUROPEAN }),
    ("ja", Locale { date: "%Y/%m/%d", time: "%-H:%M", between: " ", ..ENGLISH }),
    ("zh", Locale { date: "%Y/%-m/%-d", time: "%H:%M", between: " ", ..ENGLISH }),
    ("ko", Locale { date: "%Y. %-m. %-d.", between: " ", ..ENGLISH }),
    ("th", Locale { date: "%-d/%-m/%Y", time: "%H:%M", between: ", ", ..ENGLISH }),
    ("iw", Locale { date: "%d/%m/%Y", time: "%H:%M", ..ENGLISH }),
    ("he", Locale { date: "%d/%m/%Y", time: "%H:%M", ..ENGLISH }),
    ("hi", Locale { date: "%-d/%-m/%Y", ..ENGLISH }),
    // Weeks begin on Monday in most of the rest.
    ("", Locale { week_start: Weekday::Monday, ..ENGLISH }),
];

impl Locale {
    /// By its Salesforce name, such as `de_DE_EURO`; American English where a user has none.
    pub(crate) fn named(name: Option<&str>) -> &'static Self {
        let name = name.unwrap_or("en_US");
        LOCALES.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or(&ENGLISH, |(_, locale)| locale)
    }

    /// A number with its thousands apart. `number` is written with a point, as programs do.
    pub(super) fn number(&self, number: &str) -> String {
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", number),
        };
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
        let mut out = sign.to_owned();
        for (n, digit) in whole.chars().enumerate() {
            if n > 0 && (whole.len() - n) % 3 == 0 {
                out.push_str(self.group);
            }
            out.push(digit);
        }
        if let Some(fraction) = fraction {
            out.push_str(self.decimal);
            out.push_str(fraction);
        }
        out
    }

    /// An amount with the sign of its currency.
    pub(super) fn amount(&self, number: &str, sign: &str) -> String {
        let number = self.number(number);
        if !self.sign_first {
            return format!("{number}{}{sign}", self.sign_gap);
        }
        match number.strip_prefix('-') {
            Some(positive) => format!("-{sign}{}{positive}", self.sign_gap),
            None => format!("{sign}{}{number}", self.sign_gap),
        }
    }
}

/// The sign of a currency, where it has one that people know; else its code.
pub(super) fn currency_sign(iso: &str) -> &str {
    match iso {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "BRL" => "R$",
        other => other,
    }
}
