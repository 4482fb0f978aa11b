//! Functions of one record: what they take, what they give, and where they may stand.

use super::Checker;
use super::columns::{Column, Scope};
use super::schema::{FieldFacts, FieldKind, Values};
use crate::ast::{Argument, FieldPath, Function, Literal, Name, Span, Value};
use crate::finding::{Fix, Severity};
use crate::lint::{is_aggregate_function, is_date_function};

/// Where a function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Select,
    Where,
    OrderBy,
    GroupBy,
}

impl Stands {
    pub(super) fn name(self) -> &'static str {
        match self {
            Stands::Select => "SELECT",
            Stands::Where => "WHERE",
            Stands::OrderBy => "ORDER BY",
            Stands::GroupBy => "GROUP BY",
        }
    }
}

/// The left side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) column: Column<'a>,
    pub(super) values: Values,
    /// The type in messages.
    pub(super) type_name: &'static str,
    /// The result of a function rather than a field's value.
    pub(super) is_computed: bool,
    pub(super) span: Span,
}

impl Left<'_> {
    pub(super) fn unknown(span: Span) -> Self {
        Left { column: Column::Unknown, values: Values::Unknown, type_name: "unknown", is_computed: true, span }
    }

    pub(super) fn of(column: Column<'_>, span: Span) -> Left<'_> {
        let type_name = match column {
            Column::Field { field, .. } => field.kind.name(),
            Column::TypeName => "string",
            Column::SeveralId => "id",
            Column::Several | Column::Unknown => "unknown",
        };
        Left { column, values: column.values(), type_name, is_computed: false, span }
    }
}

/// The one field that a function is applied to.
pub(super) fn only_field(function: &Function) -> Option<&FieldPath> {
    match function.arguments.as_slice() {
        [Argument::Field(path)] => Some(path),
        _ => None,
    }
}

fn is(function: &Function, name: &str) -> bool {
    function.name.text.eq_ignore_ascii_case(name)
}

impl<'a> Checker<'a> {
    /// A function of one record. Unknown functions are found by the text alone.
    pub(super) fn call(&mut self, scope: &Scope<'a>, function: &'a Function, stands: Stands) -> Left<'a> {
        let span = function.span;
        let computed = |column, values, type_name| Left { column, values, type_name, is_computed: true, span };
        if is_date_function(function) {
            return self.date_call(scope, function, stands);
        }
        if is_aggregate_function(function) {
            let message =
                format!("{} aggregates records, which {} looks at one by one", function.name.text, stands.name());
            let advice = if stands == Stands::Where { "put it into HAVING" } else { "group the query" };
            self.error("misplaced-function", span, message, advice);
            return Left::unknown(span);
        }
        for (name, whose) in [
            ("GROUPING", "a query with ROLLUP or CUBE"),
            ("convertTimezone", "a date function"),
            ("GEOLOCATION", "DISTANCE"),
        ] {
            if is(function, name) {
                self.error("misplaced-function", span, format!("{name} stands in {whose} only"), "");
                return Left::unknown(span);
            }
        }
        if is(function, "FORMULA") {
            return self.formula_call(scope, function, stands);
        }
        if is(function, "DISTANCE") {
            return self.distance_call(scope, function);
        }
        let inner = match function.arguments.as_slice() {
            [Argument::Field(path)] => Left::of(self.column(scope, path), path.span()),
            [Argument::Function(inner)] if is(function, "FORMAT") && is(inner, "convertCurrency") => {
                self.call(scope, inner, stands)
            }
            _ => {
                if ["toLabel", "FORMAT", "convertCurrency"].iter().any(|name| is(function, name)) {
                    self.error("function-argument", span, format!("{} takes one field", function.name.text), "");
                }
                return Left::unknown(span);
            }
        };
        if is(function, "toLabel") {
            return computed(inner.column, Values::Text, "string");
        }
        if is(function, "FORMAT") || is(function, "convertCurrency") {
            if matches!(stands, Stands::Where | Stands::OrderBy) {
                let message = format!("{} is not allowed in {}", function.name.text, stands.name());
                let advice = "use the field itself";
                let fix = match function.arguments.as_slice() {
                    [Argument::Field(path)] => Some(Fix::one(span, path.dotted(), true)),
                    _ => None,
                };
                self.push(Severity::Error, "misplaced-function", span, message, advice, fix);
                return Left::unknown(span);
            }
            if is(function, "convertCurrency") {
                self.currency_call(inner.column, function);
                return computed(inner.column, Values::Number, "currency");
            }
            return computed(inner.column, inner.values, inner.type_name);
        }
        Left::unknown(span)
    }

    fn currency_call(&mut self, column: Column<'a>, function: &Function) {
        let (field, object) = match column {
            Column::Field { field, object, .. } => (field, object),
            Column::TypeName | Column::SeveralId => {
                let message = "convertCurrency takes a currency field";
                return self.error("function-argument", function.span, message, "use the field itself");
            }
            Column::Several | Column::Unknown => return,
        };
        if !matches!(field.kind, FieldKind::Currency | FieldKind::Other) {
            let message =
                format!("convertCurrency takes a currency field, and {} is {}", field.name, article(field.kind));
            self.error("function-argument", function.span, message, "use the field itself");
        } else if object.field("CurrencyIsoCode").is_none() {
            let message = "convertCurrency works only in an org with several currencies";
            let fix = only_field(function).map(|path| Fix::one(function.span, path.dotted(), true));
            self.push(Severity::Error, "one-currency", function.span, message, "use the field itself", fix);
        }
    }

    fn date_call(&mut self, scope: &Scope<'a>, function: &'a Function, stands: Stands) -> Left<'a> {
        let name = &function.name.text;
        let (path, is_converted) = match function.arguments.as_slice() {
            [Argument::Field(path)] => (path, false),
            [Argument::Function(inner)] if is(inner, "convertTimezone") => match only_field(inner) {
                Some(path) => (path, true),
                None => {
                    self.error("function-argument", inner.span, "convertTimezone takes one dateTime field", "");
                    return Left::unknown(function.span);
                }
            },
            _ => {
                self.error("function-argument", function.span, format!("{name} takes one date or dateTime field"), "");
                return Left::unknown(function.span);
            }
        };
        let column = self.column(scope, path);
        let is_day = is(function, "DAY_ONLY");
        let needs_time = is_day || is(function, "HOUR_IN_DAY") || is_converted;
        let fits = match column.values() {
            Values::DateTime | Values::Unknown => true,
            Values::Date => !needs_time,
            _ => false,
        };
        if let (false, Some(field)) = (fits, column.field()) {
            let wanted = if needs_time { "a dateTime field" } else { "a date or dateTime field" };
            let message = format!("{name} takes {wanted}, and {} is {}", field.name, article(field.kind));
            let fix = (is_day && field.kind == FieldKind::Date).then(|| Fix::one(function.span, path.dotted(), true));
            let advice = if fix.is_some() { "use the field itself" } else { "" };
            self.push(Severity::Error, "function-argument", function.span, message, advice, fix);
        }
        if stands == Stands::Select {
            let message = format!("{name} can be selected only where it is grouped by");
            self.error("ungrouped-function", function.span, message, "add it to GROUP BY, or select the field itself");
        }
        let (values, type_name) = if is_day { (Values::Date, "date") } else { (Values::Number, "int") };
        Left { column, values, type_name, is_computed: true, span: function.span }
    }

    fn distance_call(&mut self, scope: &Scope<'a>, function: &'a Function) -> Left<'a> {
        let span = function.span;
        if let [Argument::Field(path), ..] = function.arguments.as_slice() {
            let column = self.column(scope, path);
            let what = match column {
                Column::Field { field, .. } => match field.kind {
                    FieldKind::Location | FieldKind::Address | FieldKind::Other => None,
                    kind => Some(article(kind)),
                },
                Column::Several | Column::TypeName | Column::SeveralId => {
                    Some("of a parent of several kinds".to_owned())
                }
                Column::Unknown => None,
            };
            if let Some(what) = what {
                let message = format!("DISTANCE takes a geolocation or address, and {} is {what}", path.dotted());
                self.error("function-argument", path.span(), message, "");
            }
            return Left { column, values: Values::Number, type_name: "double", is_computed: true, span };
        }
        Left::unknown(span)
    }

    /// `FORMULA('Amount - ExpectedRevenue')`: two fields with `+` or `-` between them (beta, documented).
    fn formula_call(&mut self, scope: &Scope<'a>, function: &'a Function, stands: Stands) -> Left<'a> {
        let span = function.span;
        if stands != Stands::Where {
            self.error("misplaced-function", span, "FORMULA is allowed in WHERE only", "");
            return Left::unknown(span);
        }
        let [Argument::Value(Value { literal: Literal::String(text), span: inside })] = function.arguments.as_slice()
        else {
            self.error("function-argument", span, "FORMULA takes a text with two fields", "");
            return Left::unknown(span);
        };
        let Some(sign) = text.find(['+', '-']) else {
            let message = "FORMULA takes two fields with + or - between them";
            self.error("function-argument", *inside, message, "as in FORMULA('Amount - ExpectedRevenue')");
            return Left::unknown(span);
        };
        let is_minus = text.get(sign..).is_some_and(|rest| rest.starts_with('-'));
        let sides = [text.get(..sign), text.get(sign + 1..)].map(|side| self.text_column(scope, side, *inside));
        let values = match (sides[0].values(), is_minus, sides[1].values()) {
            (Values::Unknown, ..) | (_, _, Values::Unknown) => return Left::unknown(span),
            (Values::Number, _, Values::Number) => Values::Number,
            (Values::Date, true, Values::Date) | (Values::DateTime, true, Values::DateTime) => Values::Number,
            (side @ (Values::Date | Values::DateTime), _, Values::Number) => side,
            _ => {
                let types = sides.map(|side| side.field().map_or("unknown", |field| field.kind.name()));
                let message = format!("FORMULA cannot reckon with {} and {}", types[0], types[1]);
                self.error("function-argument", *inside, message, "");
                return Left::unknown(span);
            }
        };
        let type_name = match values {
            Values::Date => "date",
            Values::DateTime => "dateTime",
            _ => "double",
        };
        Left { column: sides[0], values, type_name, is_computed: false, span }
    }

    /// A field of the object itself that is named in a text.
    fn text_column(&mut self, scope: &Scope<'a>, name: Option<&str>, span: Span) -> Column<'a> {
        let (Some(object), Some(name)) = (scope.object(), name.map(str::trim)) else { return Column::Unknown };
        if name.contains('.') {
            return Column::Unknown;
        }
        match object.field(name) {
            Some(field) => Column::Field { field, object, is_own: true },
            None => {
                // The name stands in a string: what was meant cannot be put in its place.
                let at = Name { text: name.to_owned(), span };
                self.unknown_field(object, &at);
                if let Some(last) = self.findings.last_mut() {
                    last.fix = None;
                }
                Column::Unknown
            }
        }
    }

    /// Whether a field can be used, by a flag of its describe.
    pub(super) fn usable(&mut self, column: Column<'a>, span: Span, uses: Use) {
        let Column::Field { field, object, .. } = column else { return };
        let (rule, verb, flag) = match uses {
            Use::Filter => ("not-filterable", "filtered by", field.filterable),
            Use::Sort => ("not-sortable", "sorted by", field.sortable),
            Use::Group => ("not-groupable", "grouped by", field.groupable),
        };
        let values = field.kind.values();
        let by_type = match uses {
            Use::Filter => values != Values::None,
            Use::Sort | Use::Group => !matches!(values, Values::None | Values::Multi),
        };
        if flag && by_type {
            return;
        }
        let message = format!("{}.{} cannot be {verb}: it is {}", object.name, field.name, described(field));
        self.error(rule, span, message, &alternative(object, field, uses));
    }
}

/// What a field is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Filter,
    Sort,
    Group,
}

/// `a dateTime`, `an id`.
pub(super) fn article(kind: FieldKind) -> String {
    let name = kind.name();
    if name.starts_with(['a', 'e', 'i', 'o', 'u']) { format!("an {name}") } else { format!("a {name}") }
}

fn described(field: &FieldFacts) -> String {
    if field.encrypted || field.kind == FieldKind::EncryptedString {
        return "encrypted".to_owned();
    }
    match field.kind {
        FieldKind::TextArea if field.length > 255 => format!("a long text of up to {} characters", field.length),
        FieldKind::Address | FieldKind::Location => format!("a compound {}", field.kind.name()),
        kind if field.calculated => format!("a formula or roll-up of type {}", kind.name()),
        kind => format!("{}, and the org does not allow it", article(kind)),
    }
}

fn alternative(object: &super::ObjectFacts, field: &FieldFacts, uses: Use) -> String {
    let parts: Vec<&str> = object
        .fields
        .iter()
        .filter(|part| part.compound.as_deref() == Some(field.name.as_str()) && part.name != field.name)
        .map(|part| part.name.as_str())
        .collect();
    if matches!(field.kind, FieldKind::Address | FieldKind::Location) && !parts.is_empty() {
        return format!("use its parts: {}", parts.join(", "));
    }
    match (uses, field.kind) {
        (Use::Filter, FieldKind::TextArea) => {
            "search its text with SOSL, or filter the records after reading them".into()
        }
        (Use::Filter, _) => "filter by another field, or filter the records after reading them".into(),
        (Use::Sort, _) => "sort by another field, or sort the records after reading them".into(),
        (Use::Group, FieldKind::DateTime) => format!("group by DAY_ONLY({0}) or CALENDAR_MONTH({0})", field.name),
        (Use::Group, _) => "group by another field, or count the records after reading them".into(),
    }
}
