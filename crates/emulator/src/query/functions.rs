//! Functions of one record: date functions, `toLabel`, `FORMAT`, `DISTANCE`.

use rust_decimal::prelude::ToPrimitive;
use tidegate_soql::ast::{Argument, FieldPath, Function, Literal};

use super::datefn::{DateFn, Fiscal};
use super::dates::Calendar;
use super::error::{at, illegal_use, malformed};
use super::expr::{Arithmetic, Column, Distance, Expr};
use super::resolve::{Resolver, own_column};
use super::value::Kind;
use crate::ApiError;
use crate::schema::FieldType;

/// A function's meaning.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) expr: Expr,
    pub(crate) kind: Kind,
    pub(crate) ty: FieldType,
    /// The column it is of.
    pub(crate) column: Column,
    /// `FORMAT`: shown as text.
    pub(crate) formatted: bool,
}

/// Aggregate functions, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateFn {
    Avg,
    Count,
    CountDistinct,
    Min,
    Max,
    Sum,
}

impl AggregateFn {
    /// By name, whatever the case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "AVG" => Self::Avg,
            "COUNT" => Self::Count,
            "COUNT_DISTINCT" => Self::CountDistinct,
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "SUM" => Self::Sum,
            _ => return None,
        })
    }
}

/// The one field that a function is applied to.
pub(crate) fn only_field(function: &Function) -> Option<&FieldPath> {
    match function.arguments.as_slice() {
        [Argument::Field(path)] => Some(path),
        _ => None,
    }
}

/// Resolves a function of one record.
pub(crate) fn scalar<'q>(
    resolver: &mut Resolver<'q>,
    calendar: &Calendar,
    function: &'q Function,
) -> Result<Scalar, ApiError> {
    let text = resolver.text;
    let name = function.name.text.to_ascii_lowercase();
    if let Some(date_fn) = DateFn::named(&name) {
        return date_function(resolver, calendar, function, date_fn);
    }
    let needs_field = || malformed(text, function.span, format!("{} takes one field", function.name.text));
    match name.as_str() {
        "tolabel" => {
            let column = resolver.column(only_field(function).ok_or_else(needs_field)?)?;
            let expr = Expr::Label(column.clone());
            Ok(Scalar { expr, kind: Kind::Text, ty: FieldType::String, column, formatted: false })
        }
        "format" => {
            if let [Argument::Function(inner)] = function.arguments.as_slice()
                && inner.name.text.eq_ignore_ascii_case("convertCurrency")
            {
                return Ok(Scalar { formatted: true, ..scalar(resolver, calendar, inner)? });
            }
            let column = resolver.column(only_field(function).ok_or_else(needs_field)?)?;
            Ok(Scalar {
                expr: Expr::Column(column.clone()),
                kind: column.kind(),
                ty: column.ty,
                column,
                formatted: true,
            })
        }
        "convertcurrency" => {
            let column = resolver.column(only_field(function).ok_or_else(needs_field)?)?;
            convert_currency(resolver, calendar, function, column)
        }
        "formula" => formula(resolver, function),
        "distance" => distance(resolver, function),
        "fields" | "grouping" | "converttimezone" | "geolocation" => {
            Err(malformed(text, function.span, format!("{} is not allowed here", function.name.text)))
        }
        _ if AggregateFn::named(&name).is_some() => Err(malformed(
            text,
            function.span,
            format!("aggregate function {} is not allowed here", function.name.text),
        )),
        _ => Err(malformed(text, function.name.span, format!("unexpected token: '{}'", function.name.text))),
    }
}

/// `convertCurrency(Amount)`: in the user's currency.
fn convert_currency(
    resolver: &Resolver<'_>,
    calendar: &Calendar,
    function: &Function,
    column: Column,
) -> Result<Scalar, ApiError> {
    let refuse = |message: String| Err(at(resolver.text, function.span, "INVALID_FIELD", message));
    let Some(currencies) = &calendar.currencies else {
        return refuse("convertCurrency() is only for orgs with several currencies".to_owned());
    };
    match currencies.converted(resolver.schema, &column, &currencies.user, true) {
        Some(converted) => {
            let expr = Expr::Converted(Box::new(converted));
            Ok(Scalar { expr, kind: Kind::Number, ty: FieldType::Currency, column, formatted: false })
        }
        None => refuse(format!("field {} does not support function convertCurrency", column.name)),
    }
}

/// `FORMULA('Amount - ExpectedRevenue')`: two fields with `+` or `-` between them, in a WHERE (beta, documented).
fn formula<'q>(resolver: &mut Resolver<'q>, function: &'q Function) -> Result<Scalar, ApiError> {
    let text = resolver.text;
    let wrong = || {
        let message = "FORMULA() takes two fields with + or - between them: FORMULA('Amount - ExpectedRevenue')";
        malformed(text, function.span, message)
    };
    let [Argument::Value(value)] = function.arguments.as_slice() else { return Err(wrong()) };
    let Literal::String(expression) = &value.literal else { return Err(wrong()) };
    let sign = expression.find(['+', '-']).ok_or_else(wrong)?;
    let (left, rest) = expression.split_at_checked(sign).ok_or_else(wrong)?;
    let minus = rest.starts_with('-');
    let right = rest.get(1..).unwrap_or_default();
    let left = resolver.column_named(left.trim(), value.span)?;
    let right = resolver.column_named(right.trim(), value.span)?;
    let (kind, ty) = match (left.kind(), minus, right.kind()) {
        (Kind::Number, _, Kind::Number) => (Kind::Number, FieldType::Double),
        (Kind::Date, true, Kind::Date) | (Kind::DateTime, true, Kind::DateTime) => (Kind::Number, FieldType::Double),
        (Kind::Date, _, Kind::Number) => (Kind::Date, FieldType::Date),
        (Kind::DateTime, _, Kind::Number) => (Kind::DateTime, FieldType::Datetime),
        _ => {
            let message = format!("fields {} and {} do not go together in FORMULA()", left.name, right.name);
            return Err(at(text, value.span, "INVALID_FIELD", message));
        }
    };
    let column = left.clone();
    Ok(Scalar {
        expr: Expr::Arithmetic(Box::new(Arithmetic { left, minus, right })),
        kind,
        ty,
        column,
        formatted: false,
    })
}

fn date_function<'q>(
    resolver: &mut Resolver<'q>,
    calendar: &Calendar,
    function: &'q Function,
    date_fn: DateFn,
) -> Result<Scalar, ApiError> {
    let text = resolver.text;
    let (path, zone) = match function.arguments.as_slice() {
        [Argument::Field(path)] => (path, None),
        [Argument::Function(inner)] if inner.name.text.eq_ignore_ascii_case("convertTimezone") => {
            let path = only_field(inner)
                .ok_or_else(|| malformed(text, inner.span, "convertTimezone takes one dateTime field"))?;
            (path, Some(calendar.zone().clone()))
        }
        _ => return Err(malformed(text, function.span, format!("{} takes one date field", function.name.text))),
    };
    let column = resolver.column(path)?;
    let fits = match column.kind() {
        Kind::DateTime => true,
        Kind::Date => !date_fn.needs_time() && zone.is_none(),
        _ => false,
    };
    if !fits {
        let message = format!("field {} does not support function {}", column.name, function.name.text);
        return Err(at(text, function.span, "INVALID_FIELD", message));
    }
    let fiscal = Fiscal { month: calendar.fiscal_month, named_by_start: calendar.fiscal_named_by_start };
    let expr = Expr::DateFn { function: date_fn, column: column.clone(), zone, fiscal };
    let ty = if date_fn == DateFn::DayOnly { FieldType::Date } else { FieldType::Int };
    Ok(Scalar { expr, kind: date_fn.kind(), ty, column, formatted: false })
}

fn distance<'q>(resolver: &mut Resolver<'q>, function: &'q Function) -> Result<Scalar, ApiError> {
    let text = resolver.text;
    let wrong = || {
        let message = "DISTANCE takes a location field, GEOLOCATION(latitude, longitude) and 'mi' or 'km'";
        malformed(text, function.span, message)
    };
    let [Argument::Field(path), Argument::Function(place), Argument::Value(unit)] = function.arguments.as_slice()
    else {
        return Err(wrong());
    };
    let to = match place.arguments.as_slice() {
        [Argument::Value(latitude), Argument::Value(longitude)]
            if place.name.text.eq_ignore_ascii_case("GEOLOCATION") =>
        {
            match (&latitude.literal, &longitude.literal) {
                (Literal::Number(latitude), Literal::Number(longitude)) => {
                    (latitude.to_f64().unwrap_or_default(), longitude.to_f64().unwrap_or_default())
                }
                _ => return Err(wrong()),
            }
        }
        _ => return Err(wrong()),
    };
    // Mean radius of the earth.
    let radius = match &unit.literal {
        Literal::String(unit) if unit.eq_ignore_ascii_case("km") => 6371.0088,
        Literal::String(unit) if unit.eq_ignore_ascii_case("mi") => 3958.7613,
        _ => return Err(wrong()),
    };
    let column = resolver.column(path)?;
    let (Some((object, _)), FieldType::Location | FieldType::Address) = (column.field, column.ty) else {
        return Err(illegal_use(text, path.span(), &column.name, "used for distances"));
    };
    let part = |suffix: &str| {
        resolver.schema.object(object).enumerate().find_map(|(id, field)| {
            let name = field.name.to_ascii_lowercase();
            let is_part = field.compound_field_name.as_deref() == Some(column.name.as_str());
            let ends = name.ends_with(suffix) || name.ends_with(&format!("{suffix}__s"));
            (is_part && ends).then(|| own_column(resolver.schema, object, column.slot, id))
        })
    };
    let (Some(latitude), Some(longitude)) = (part("latitude"), part("longitude")) else {
        return Err(illegal_use(text, path.span(), &column.name, "used for distances"));
    };
    let expr = Expr::Distance(Distance { latitude, longitude, to, radius });
    Ok(Scalar { expr, kind: Kind::Number, ty: FieldType::Double, column, formatted: false })
}
