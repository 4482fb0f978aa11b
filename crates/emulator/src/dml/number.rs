//! Numbers: exact, rounded to the field's scale, within its digits.

use rust_decimal::{Decimal, RoundingStrategy};

use super::convert::Scalar;
use super::errors;
use crate::schema::Field;
use crate::{ApiError, Value};

/// A `double`, `currency` or `percent`: at the field's scale, halves rounded away from zero.
pub(super) fn decimal(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let mut number = parse(field, scalar)?;
    if field.precision > 0 {
        number = number.round_dp_with_strategy(field.scale, RoundingStrategy::MidpointAwayFromZero);
        number.rescale(field.scale);
        if digits_before_point(number) > field.precision.saturating_sub(field.scale) {
            return Err(errors::out_of_range(field, &scalar.text));
        }
    }
    Ok(Value::Decimal(number))
}

/// An `int`: whole, within the field's digits.
pub(super) fn integer(field: &Field, scalar: &Scalar<'_>) -> Result<Value, ApiError> {
    let number = parse(field, scalar)?;
    if !number.fract().is_zero() {
        return Err(scalar.wrong_type(field));
    }
    let whole = i64::try_from(number).map_err(|_| errors::out_of_range(field, &scalar.text))?;
    if field.digits > 0 && digits_before_point(number) > field.digits {
        return Err(errors::out_of_range(field, &scalar.text));
    }
    Ok(Value::Int(whole))
}

/// Halves away from zero.
pub(super) fn rounded(number: Decimal, scale: u32) -> Decimal {
    number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
}

/// A number as a field of this scale holds it.
pub(super) fn at_scale(number: Decimal, scale: u32) -> Value {
    let mut number = rounded(number, scale);
    number.rescale(scale);
    Value::Decimal(number)
}

fn parse(field: &Field, scalar: &Scalar<'_>) -> Result<Decimal, ApiError> {
    let text = scalar.text.as_ref();
    if !is_number(text) {
        return Err(scalar.wrong_type(field));
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    let parsed = if plain.contains(['e', 'E']) { Decimal::from_scientific(plain) } else { plain.parse() };
    // What remains is a number of more digits than Salesforce, too, can hold.
    parsed.map_err(|_| errors::out_of_range(field, text))
}

/// `[+-]digits[.digits][e[+-]digits]`, with a digit before or after the point.
fn is_number(text: &str) -> bool {
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).map(str::to_owned).unwrap_or_else(|| text.to_owned());
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let text = unsigned(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(unsigned(exponent))),
        None => (text.as_str(), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(&exponent))
}

fn digits_before_point(number: Decimal) -> u32 {
    let whole = number.trunc().mantissa().unsigned_abs() / 10u128.pow(number.trunc().scale());
    whole.checked_ilog10().map_or(0, |n| n + 1)
}
