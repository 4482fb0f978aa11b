//! Numbers: exact decimals as long as there are digits for them; roots, logarithms and angles as doubles.

use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};

use super::eval::{Computed, Failure};
use super::function::Function;
use super::parse::Operator;
use super::types::Val;

/// Mean radius of the earth in kilometres and miles, as `DISTANCE` uses it.
const RADIUS_KM: f64 = 6_371.0;
const RADIUS_MI: f64 = 3_958.76;
/// Pi with 28 decimals.
const PI_DIGITS: i128 = 31_415_926_535_897_932_384_626_433_833;
/// Powers beyond this exponent leave the range of numbers, but for those of 0, 1 and -1.
const EXPONENT_MAX: i64 = 1_000;

/// Rounds halves away from zero.
pub(super) fn round(number: Decimal, scale: u32) -> Decimal {
    number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero)
}

/// As a double.
pub(super) fn float(number: Decimal) -> Result<f64, Failure> {
    number.to_f64().ok_or(Failure)
}

/// From a double that was computed: the 15 digits it is good for.
pub(super) fn exact(float: f64) -> Result<Decimal, Failure> {
    if !float.is_finite() {
        return Err(Failure);
    }
    Decimal::from_f64(float).ok_or(Failure)
}

/// `+ - * / ^` of two numbers; no value where one has none.
pub(super) fn binary(operator: Operator, left: Val, right: Val) -> Computed {
    let (Val::Number(a), Val::Number(b)) = (left, right) else { return Ok(Val::Null) };
    let computed = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::Power => Some(power(a, b)?),
        _ => None,
    };
    computed.map(Val::Number).ok_or(Failure)
}

fn power(base: Decimal, exponent: Decimal) -> Result<Decimal, Failure> {
    let whole = exponent.to_i64().filter(|_| exponent.fract().is_zero());
    match whole {
        Some(n) if n.abs() <= EXPONENT_MAX => {
            let mut result = Decimal::ONE;
            for _ in 0..n.abs() {
                result = result.checked_mul(base).ok_or(Failure)?;
                if result.is_zero() {
                    break;
                }
            }
            if n < 0 { Decimal::ONE.checked_div(result).ok_or(Failure) } else { Ok(result) }
        }
        _ => exact(float(base)?.powf(float(exponent)?)),
    }
}

/// A square root, refined to all the digits that a decimal has.
fn sqrt(number: Decimal) -> Result<Decimal, Failure> {
    if number.is_sign_negative() && !number.is_zero() {
        return Err(Failure);
    }
    if number.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let mut root = exact(float(number)?.sqrt())?;
    for _ in 0..3 {
        let quotient = number.checked_div(root).ok_or(Failure)?;
        root = root.checked_add(quotient).ok_or(Failure)?.checked_div(Decimal::TWO).ok_or(Failure)?;
    }
    Ok(root)
}

/// At so many decimals; a negative number of them rounds before the point.
fn at_scale(number: Decimal, scale: Decimal, strategy: RoundingStrategy) -> Result<Decimal, Failure> {
    let scale = scale.trunc().to_i64().ok_or(Failure)?;
    if scale >= 0 {
        return Ok(number.round_dp_with_strategy(u32::try_from(scale.min(28)).map_err(|_| Failure)?, strategy));
    }
    if scale < -28 {
        return Ok(Decimal::ZERO);
    }
    let mut unit = Decimal::ONE;
    for _ in 0..scale.unsigned_abs() {
        unit = unit.checked_mul(Decimal::TEN).ok_or(Failure)?;
    }
    let scaled = number.checked_div(unit).ok_or(Failure)?.round_dp_with_strategy(0, strategy);
    scaled.checked_mul(unit).ok_or(Failure)
}

/// The functions of numbers; `None` for any other.
pub(super) fn call(function: Function, values: &[Val]) -> Option<Computed> {
    use Function as F;
    let computed: Result<Decimal, Failure> = match (function, values) {
        (F::Not, [Val::Bool(b)]) => return Some(Ok(Val::Bool(!b))),
        (F::Not, _) => return Some(Ok(Val::Null)),
        (F::Pi, _) => Ok(Decimal::from_i128_with_scale(PI_DIGITS, 28)),
        (F::Geolocation, [Val::Number(a), Val::Number(b)]) => {
            return Some((|| Ok(Val::Geo(float(*a)?, float(*b)?)))());
        }
        (F::Geolocation, _) => return Some(Ok(Val::Null)),
        (F::Distance, [Val::Geo(a, b), Val::Geo(c, d), unit]) => {
            let radius = match super::text::of(unit).to_ascii_lowercase().as_str() {
                "km" => RADIUS_KM,
                "mi" => RADIUS_MI,
                _ => return Some(Err(Failure)),
            };
            exact(haversine((*a, *b), (*c, *d), radius))
        }
        (F::Distance, _) => return Some(Ok(Val::Null)),
        (F::Max | F::Min, all) => {
            let mut best: Option<Decimal> = None;
            for value in all {
                // One that has no value leaves none.
                let Val::Number(n) = value else { return Some(Ok(Val::Null)) };
                best = Some(match best {
                    None => *n,
                    Some(best) if function == F::Max => best.max(*n),
                    Some(best) => best.min(*n),
                });
            }
            best.ok_or(Failure)
        }
        (
            F::Abs
            | F::Acos
            | F::Asin
            | F::Atan
            | F::Ceiling
            | F::Cos
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::MCeiling
            | F::MFloor
            | F::Sin
            | F::Sqrt
            | F::Tan
            | F::Trunc,
            [Val::Number(n)],
        ) => one(function, *n),
        (F::Round, [Val::Number(n), Val::Number(scale)]) => {
            at_scale(*n, *scale, RoundingStrategy::MidpointAwayFromZero)
        }
        (F::Trunc, [Val::Number(n), Val::Number(scale)]) => at_scale(*n, *scale, RoundingStrategy::ToZero),
        (F::Mod, [Val::Number(a), Val::Number(b)]) => a.checked_rem(*b).ok_or(Failure),
        (F::Atan2, [Val::Number(a), Val::Number(b)]) => {
            return Some((|| Ok(Val::Number(exact(float(*a)?.atan2(float(*b)?))?)))());
        }
        (
            F::Abs
            | F::Acos
            | F::Asin
            | F::Atan
            | F::Atan2
            | F::Ceiling
            | F::Cos
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::MCeiling
            | F::MFloor
            | F::Mod
            | F::Round
            | F::Sin
            | F::Sqrt
            | F::Tan
            | F::Trunc,
            _,
        ) => return Some(Ok(Val::Null)),
        _ => return None,
    };
    Some(computed.map(Val::Number))
}

fn one(function: Function, n: Decimal) -> Result<Decimal, Failure> {
    use Function as F;
    let negative = n.is_sign_negative();
    let by_float = |f: fn(f64) -> f64| exact(f(float(n)?));
    match function {
        F::Abs => Ok(n.abs()),
        // `CEILING` goes away from zero and `FLOOR` towards it; `MCEILING` and `MFLOOR` go up and down.
        F::Ceiling => Ok(if negative { n.floor() } else { n.ceil() }),
        F::Floor => Ok(if negative { n.ceil() } else { n.floor() }),
        F::MCeiling => Ok(n.ceil()),
        F::MFloor => Ok(n.floor()),
        F::Trunc => Ok(n.trunc()),
        F::Sqrt => sqrt(n),
        F::Exp => by_float(f64::exp),
        F::Ln => by_float(f64::ln),
        F::Log => by_float(f64::log10),
        F::Sin => by_float(f64::sin),
        F::Cos => by_float(f64::cos),
        F::Tan => by_float(f64::tan),
        F::Asin => by_float(f64::asin),
        F::Acos => by_float(f64::acos),
        F::Atan => by_float(f64::atan),
        _ => Err(Failure),
    }
}

/// Great-circle distance between two places in degrees.
fn haversine(a: (f64, f64), b: (f64, f64), radius: f64) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let (d_lat, d_lon) = (lat_b - lat_a, (b.1 - a.1).to_radians());
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    2.0 * radius * h.sqrt().min(1.0).asin()
}
