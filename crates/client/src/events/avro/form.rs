//! Values of an event as JSON, in the form in which CometD writes them: where Avro has numbers for days and instants,
//! the schema's `doc` says so, and texts are made of them.

use apache_avro::types::Value;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Number, Value as Json};

/// What an Avro number stands for. The schema tells it in `doc` (`Data:DateTime:00N…`), not in the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldForm {
    /// What the Avro type says.
    #[default]
    Plain,
    /// Milliseconds since the epoch.
    DateTime,
    /// The same, at midnight UTC of a day.
    Date,
    /// Milliseconds since midnight.
    Time,
}

const DAY_MS: i64 = 86_400_000;

impl FieldForm {
    /// From a field's `doc`.
    pub(super) fn of(doc: Option<&str>) -> FieldForm {
        // The first word is the field's own, such as `CreatedDate`; the platform's type comes after it.
        let mut words = doc.unwrap_or_default().split(':').skip(1);
        words
            .find_map(|word| match word {
                "DateTime" => Some(FieldForm::DateTime),
                "DateOnly" => Some(FieldForm::Date),
                "TimeOnly" => Some(FieldForm::Time),
                _ => None,
            })
            .unwrap_or_default()
    }

    fn written(self, number: i64) -> Json {
        let instant = || Timestamp::from_millisecond(number).ok();
        let text = match self {
            FieldForm::DateTime => instant().map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
            FieldForm::Date => instant().map(|at| at.strftime("%Y-%m-%d").to_string()),
            FieldForm::Time if (0..DAY_MS).contains(&number) => {
                instant().map(|at| at.strftime("%H:%M:%S%.3fZ").to_string())
            }
            _ => None,
        };
        // Beyond the calendar a number is all that can be said.
        text.map_or_else(|| number.into(), Json::String)
    }

    /// The number for a text, the other way round.
    pub(super) fn read(self, text: &str) -> Option<i64> {
        match self {
            FieldForm::Plain => None,
            FieldForm::DateTime => {
                let at: Timestamp = text.parse().ok().or_else(|| {
                    // Salesforce also writes +0000 without a colon.
                    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()
                })?;
                Some(at.as_millisecond())
            }
            FieldForm::Date => {
                let day: jiff::civil::Date = text.get(..10).filter(|_| text.len() == 10)?.parse().ok()?;
                Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
            }
            FieldForm::Time => {
                let time: jiff::civil::Time = text.trim_end_matches('Z').parse().ok()?;
                let since = time.duration_since(jiff::civil::Time::midnight());
                i64::try_from(since.as_millis()).ok()
            }
        }
    }
}

/// A value as JSON. Doubles are written with the fewest digits that read back as the same double.
pub(in crate::events) fn json(value: &Value, form: FieldForm) -> Json {
    match value {
        Value::Union(_, inner) => json(inner, form),
        Value::Null => Json::Null,
        Value::Boolean(b) => Json::Bool(*b),
        Value::Int(n) | Value::Date(n) | Value::TimeMillis(n) => form.written(i64::from(*n)),
        Value::Long(n) | Value::TimestampMillis(n) => form.written(*n),
        Value::Float(n) => double(f64::from(*n)),
        Value::Double(n) => double(*n),
        Value::String(s) => Json::String(s.clone()),
        Value::Enum(_, name) => Json::String(name.clone()),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => Json::String(STANDARD.encode(bytes)),
        Value::Array(items) => items.iter().map(|item| json(item, FieldForm::Plain)).collect(),
        Value::Record(fields) => {
            Json::Object(fields.iter().map(|(name, v)| (name.clone(), json(v, FieldForm::Plain))).collect())
        }
        Value::Map(fields) => {
            let fields: Map<String, Json> =
                fields.iter().map(|(name, v)| (name.clone(), json(v, FieldForm::Plain))).collect();
            Json::Object(fields)
        }
        // The strict reader makes no other.
        _ => Json::Null,
    }
}

/// JSON has no infinities; the word is better than a null, which would read as a cleared field.
fn double(n: f64) -> Json {
    Number::from_f64(n).map_or_else(|| Json::String(n.to_string()), Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_tell_what_a_number_is() {
        for (doc, form) in [
            (Some("Data:DateTime:00NDp000009Rr9D"), FieldForm::DateTime),
            (Some("CreatedDate:DateTime"), FieldForm::DateTime),
            (Some("Data:DateOnly:00NDp000009Rr9I"), FieldForm::Date),
            (Some("Formula:TimeOnly"), FieldForm::Time),
            (Some("Data:Currency"), FieldForm::Plain),
            (Some("DateTime"), FieldForm::Plain),
            (None, FieldForm::Plain),
        ] {
            assert_eq!(FieldForm::of(doc), form, "{doc:?}");
        }
    }

    #[test]
    fn numbers_and_texts_are_each_other() {
        for (form, number, text) in [
            (FieldForm::DateTime, 1_767_225_600_123, "2026-01-01T00:00:00.123Z"),
            (FieldForm::DateTime, -1, "1969-12-31T23:59:59.999Z"),
            (FieldForm::Date, 1_767_225_600_000, "2026-01-01"),
            (FieldForm::Time, 37_845_001, "10:30:45.001Z"),
        ] {
            assert_eq!(json(&Value::Union(1, Box::new(Value::Long(number))), form), Json::from(text));
            assert_eq!(form.read(text), Some(number), "{text}");
        }
        assert_eq!(FieldForm::DateTime.read("2026-01-01T00:00:00.000+0000"), Some(1_767_225_600_000));
        assert_eq!(FieldForm::DateTime.read("2026-01-01T02:00:00+02:00"), Some(1_767_225_600_000));
        for (form, text) in [(FieldForm::Date, "2026-1-1"), (FieldForm::DateTime, "soon"), (FieldForm::Time, "25:00")] {
            assert_eq!(form.read(text), None, "{text}");
        }
        assert_eq!(json(&Value::Long(i64::MAX), FieldForm::DateTime), Json::from(i64::MAX), "no such day");
        assert_eq!(json(&Value::Double(f64::NAN), FieldForm::Plain), Json::from("NaN"));
        assert_eq!(json(&Value::Double(0.1), FieldForm::Plain).to_string(), "0.1");
    }
}
