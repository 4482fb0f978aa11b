//! How wide rows are, from what describe says of their fields.

use crate::rest::DescribeField;

use super::Range;

/// Bytes of a field's value as CSV, quotes and comma included. Text is rarely as long as it may be, so the most is a
/// part of the length.
pub(super) fn width(field: &DescribeField) -> Range {
    let around = 3.0;
    let (low, high) = match field.kind.as_str() {
        "id" | "reference" => (0.0, 18.0),
        "boolean" => (4.0, 5.0),
        "date" => (0.0, 10.0),
        "datetime" => (0.0, 24.0),
        "time" => (0.0, 13.0),
        "int" | "double" | "currency" | "percent" | "long" => (0.0, 12.0),
        "picklist" | "combobox" => (0.0, 20.0),
        "multipicklist" => (0.0, 40.0),
        "email" | "phone" | "url" => (0.0, 40.0),
        _ => {
            let length = f64::from(field.length);
            (0.0, if length <= 255.0 { length * 0.3 } else { (length * 0.1).min(2_000.0) })
        }
    };
    Range::new(around + low, around + high)
}

/// Why Bulk does not carry a field.
pub(super) fn not_in_bulk(field: &DescribeField) -> Option<&'static str> {
    match field.kind.as_str() {
        "address" | "location" => Some("a compound field; its parts are carried"),
        "base64" => Some("files are not carried by Bulk 2.0"),
        "complexvalue" | "json" => Some("not carried by Bulk"),
        _ => None,
    }
}
