//! Values that a field takes, at random: ordinary ones, and those that are awkward to carry.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value as Json, json};
use tidegate_emulator::schema::{Field, FieldType};

/// Texts that went wrong somewhere once.
const TEXTS: [&str; 16] = [
    "plain",
    "O'Brien & \"Söhne\", Ltd.",
    "line one\nline two\r\nline three",
    "=1+1",
    "#N/A?",
    "null",
    "a,b;c\td|e",
    "\"",
    "''",
    "日本語 العربية Ελληνικά",
    "👩‍👩‍👧‍👦 and 𝒳",
    "back\\slash \\n",
    "%41 &amp; <b>",
    "e\u{301} é",
    "\u{feff}mark",
    "x",
];

/// A value for this field, written as JSON; `None` where none can be made up (a reference, for instance).
pub fn value(field: &Field, rng: &mut StdRng) -> Option<Json> {
    if field.nillable && rng.random_bool(0.15) {
        return Some(Json::Null);
    }
    let length = usize::try_from(field.length).unwrap_or(usize::MAX);
    Some(match field.ty {
        FieldType::Boolean => json!(rng.random_bool(0.5)),
        FieldType::Int => json!(rng.random_range(-999..=999)),
        FieldType::Double | FieldType::Currency | FieldType::Percent => number(field, rng)?,
        FieldType::Date => json!(date(rng)),
        FieldType::Datetime => json!(format!("{}T{}.000Z", date(rng), time(rng))),
        FieldType::Time => json!(format!("{}.{:03}Z", time(rng), rng.random_range(0..1000))),
        FieldType::Picklist => json!(active(field).choose(rng)?),
        FieldType::Multipicklist => {
            let values = active(field);
            let chosen: Vec<&str> = (0..rng.random_range(1..=3)).filter_map(|_| values.choose(rng).copied()).collect();
            json!(chosen.join(";"))
        }
        FieldType::Email => json!(format!("someone+{}@post.example", rng.random_range(0..1_000_000))),
        FieldType::Phone => json!(format!("+49 (0)30 {}", rng.random_range(1000..999_999))),
        FieldType::Url => json!(format!("https://example.com/?q={}&r=%20", rng.random_range(0..1000))),
        FieldType::String if field.unique || field.external_id => json!(unique(rng)),
        FieldType::String => {
            // Fields of a single line would have their line ends replaced or refused.
            let text = TEXTS.choose(rng).map_or("x", |t| if t.contains('\n') { "one line" } else { t });
            json!(cut(&format!("{text} {}", rng.random_range(0..10_000)), length))
        }
        FieldType::Textarea if length > 255 && rng.random_bool(0.03) => json!("long é ".repeat(length / 7)),
        FieldType::Textarea => {
            let lines: Vec<&str> = (0..rng.random_range(1..4)).filter_map(|_| TEXTS.choose(rng).copied()).collect();
            json!(cut(&lines.join("\n"), length))
        }
        _ => return None,
    })
}

/// Text that no other record has.
pub fn unique(rng: &mut StdRng) -> String {
    format!("x{:016x}", rng.random::<u64>())
}

fn active(field: &Field) -> Vec<&str> {
    field.picklist.iter().filter(|v| v.active).map(|v| v.value.as_str()).collect()
}

fn cut(text: &str, length: usize) -> String {
    let cut: String = text.chars().take(if length == 0 { 255 } else { length }).collect();
    cut.trim().to_owned()
}

/// Up to as many digits as the field has, exactly.
fn number(field: &Field, rng: &mut StdRng) -> Option<Json> {
    if field.unique || field.external_id {
        let digits = field.precision.clamp(1, 18);
        return serde_json::from_str(&rng.random_range(1..10_i64.pow(digits)).to_string()).ok();
    }
    let whole_digits = field.precision.saturating_sub(field.scale).min(15);
    let digits = rng.random_range(0..=whole_digits);
    let whole = rng.random_range(0..10_i64.pow(digits));
    // The most that a latitude may be.
    let whole = if field.name.contains("itude") { whole % 89 } else { whole };
    let sign = if rng.random_bool(0.2) && field.ty != FieldType::Percent { "-" } else { "" };
    let scale = field.scale.min(18);
    let text = if scale == 0 {
        format!("{sign}{whole}")
    } else {
        let fraction = rng.random_range(0..10_i64.pow(scale));
        format!("{sign}{whole}.{fraction:0width$}", width = scale as usize)
    };
    serde_json::from_str(&text).ok()
}

fn date(rng: &mut StdRng) -> String {
    let year = match rng.random_range(0..10) {
        0 => 1700,
        1 => 4000,
        _ => rng.random_range(1950..2035),
    };
    format!("{year:04}-{:02}-{:02}", rng.random_range(1..=12), rng.random_range(1..=28))
}

fn time(rng: &mut StdRng) -> String {
    format!("{:02}:{:02}:{:02}", rng.random_range(0..24), rng.random_range(0..60), rng.random_range(0..60))
}
