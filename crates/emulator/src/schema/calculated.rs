//! Fields that the org computes: formulas, which are worked out when they are read, and roll-up summaries, which are kept
//! on the master.
//!
//! <https://help.salesforce.com/s/articleView?id=platform.customize_functions.htm>,
//! <https://help.salesforce.com/s/articleView?id=platform.fields_about_roll_up_summary_fields.htm>

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Field, FieldType};

/// Longest text that a formula field gives, characters: `length` of a text formula's describe.
pub const FORMULA_TEXT: u32 = 1_300;

/// A formula field's definition. Its result has the field's type and, for numbers, its scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// The text, as it was written: `calculatedFormula` of a describe.
    pub source: String,
    /// What number, currency and percent fields without a value count as.
    pub blanks: Blanks,
}

/// `formulaTreatBlanksAs`: what a number field without a value is in a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blanks {
    /// `BlankAsZero`, the default.
    #[default]
    Zero,
    /// `BlankAsBlank`: what is computed from it has no value, either.
    Empty,
}

/// A roll-up summary's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollUp {
    /// `summaryOperation`.
    pub operation: RollUpOperation,
    /// API name of the detail object.
    pub child: String,
    /// API name of the detail's field that points at the master (`summaryForeignKey` is `child.foreign_key`).
    pub foreign_key: String,
    /// API name of the detail's field that is summarised (`summarizedField`); `None` for a count.
    pub field: Option<String>,
    /// Details that do not meet all of these are left out (`summaryFilterItems`).
    pub filters: Vec<RollUpFilter>,
}

/// `summaryOperation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollUpOperation {
    /// How many details there are.
    Count,
    /// The sum of a number, currency or percent field.
    Sum,
    /// The least number, date or date and time.
    Min,
    /// The greatest number, date or date and time.
    Max,
}

/// One of `summaryFilterItems`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollUpFilter {
    /// API name of a field of the detail.
    pub field: String,
    /// How it is compared.
    pub operation: FilterOperation,
    /// With what: a literal of the field's type. For lists, values with commas between them; empty for no value.
    pub value: String,
}

/// `FilterOperation` of the Metadata API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the Metadata API")]
pub enum FilterOperation {
    Equals,
    NotEqual,
    LessThan,
    GreaterThan,
    LessOrEqual,
    GreaterOrEqual,
    Contains,
    NotContain,
    StartsWith,
    Includes,
    Excludes,
}

impl RollUpOperation {
    /// By its name in the Metadata API (`count`, `sum`, `min`, `max`), whatever the case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// Its name in the Metadata API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl FilterOperation {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Equals, "equals"),
        (Self::NotEqual, "notEqual"),
        (Self::LessThan, "lessThan"),
        (Self::GreaterThan, "greaterThan"),
        (Self::LessOrEqual, "lessOrEqual"),
        (Self::GreaterOrEqual, "greaterOrEqual"),
        (Self::Contains, "contains"),
        (Self::NotContain, "notContain"),
        (Self::StartsWith, "startsWith"),
        (Self::Includes, "includes"),
        (Self::Excludes, "excludes"),
    ];

    /// By its name in the Metadata API (`equals`, `notEqual`, …), whatever the case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(operation, _)| *operation)
    }

    /// Its name in the Metadata API.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(operation, _)| *operation == self).map_or("", |(_, name)| name)
    }
}

impl Field {
    /// A formula field. `ty` is one of boolean, currency, date, datetime, double, percent, string and time; for
    /// numbers `scale` is the number of decimals shown. The formula itself is checked by [`crate::formula::compile`].
    ///
    /// As a describe shows it: calculated, never written, not to be grouped by; text has 1,300 characters.
    pub fn formula(name: &str, label: &str, ty: FieldType, scale: u32, source: &str, blanks: Blanks) -> Self {
        let mut field = Self::new(name, label, ty, FORMULA_TEXT);
        field.custom = true;
        if field.precision > 0 {
            field.scale = scale;
        }
        field.seal();
        field.groupable = false;
        // A checkbox always has a value.
        field.nillable = ty != FieldType::Boolean;
        field.calculated_formula = Some(source.to_owned());
        // Links and images are shown as HTML.
        let upper = source.to_ascii_uppercase();
        field.html_formatted = ty == FieldType::String && (upper.contains("HYPERLINK") || upper.contains("IMAGE"));
        field.formula = Some(Formula { source: source.to_owned(), blanks });
        field
    }

    /// A roll-up summary on a master object. `ty`, `precision` and `scale` are those of the summarised field; a
    /// count is a `double` of 18 digits without decimals.
    pub fn roll_up(name: &str, label: &str, ty: FieldType, precision: u32, scale: u32, summary: RollUp) -> Self {
        let mut field = Self::new(name, label, ty, 0);
        field.custom = true;
        if field.precision > 0 {
            (field.precision, field.scale) = (precision, scale);
        }
        field.seal();
        field.groupable = false;
        field.summary = Some(summary);
        field
    }

    /// Marks the field as one that only the org writes.
    fn seal(&mut self) {
        self.calculated = true;
        (self.createable, self.updateable, self.permissionable) = (false, false, true);
        (self.defaulted_on_create, self.default_value) = (false, None);
    }
}

/// What the facts of a field keep of its formula (besides the text, which is its `formula`) or its summary:
/// `blanks=zero`, `summary=sum,Child__c,Parent__c,Amount__c;Status__c,equals,Open`.
pub(super) fn attributes(field: &Field) -> Option<String> {
    if let Some(formula) = &field.formula {
        return Some(format!("blanks={}", if formula.blanks == Blanks::Zero { "zero" } else { "empty" }));
    }
    let summary = field.summary.as_ref()?;
    let (operation, summed) = (summary.operation.name(), summary.field.as_deref().unwrap_or_default());
    let mut text = format!("summary={operation},{},{},{summed}", summary.child, summary.foreign_key);
    for filter in &summary.filters {
        let value = utf8_percent_encode(&filter.value, NON_ALPHANUMERIC);
        text.push_str(&format!(";{},{},{value}", filter.field, filter.operation.name()));
    }
    Some(text)
}

/// Reads what [`attributes`] wrote. The field's `calculatedFormula` has been read before.
pub(super) fn read_attribute(field: &mut Field, key: &str, value: &str) -> Result<(), String> {
    let wrong = || format!("`{value}` is no {key}");
    if key == "blanks" {
        let source = field.calculated_formula.clone().ok_or("`blanks` without a formula")?;
        let blanks = if value == "empty" { Blanks::Empty } else { Blanks::Zero };
        field.formula = Some(Formula { source, blanks });
        return Ok(());
    }
    let mut parts = value.split(';');
    let mut words = parts.next().unwrap_or_default().split(',');
    let mut word = || words.next().map(str::to_owned);
    let (Some(operation), Some(child), Some(foreign_key), Some(summed)) = (word(), word(), word(), word()) else {
        return Err(wrong());
    };
    let filters = parts.map(|part| {
        let mut words = part.splitn(3, ',');
        let (field, operation, value) = (words.next()?, words.next()?, words.next()?);
        let value = percent_decode_str(value).decode_utf8().ok()?.into_owned();
        Some(RollUpFilter { field: field.to_owned(), operation: FilterOperation::from_name(operation)?, value })
    });
    field.summary = Some(RollUp {
        operation: RollUpOperation::from_name(&operation).ok_or_else(wrong)?,
        child,
        foreign_key,
        field: (!summed.is_empty()).then_some(summed),
        filters: filters.collect::<Option<Vec<_>>>().ok_or_else(wrong)?,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{NameField, ObjectType, facts};

    #[test]
    fn formulas_and_summaries_survive_the_facts() {
        let filter =
            |operation, value: &str| RollUpFilter { field: "Status__c".into(), operation, value: value.into() };
        let rule = RollUp {
            operation: RollUpOperation::Max,
            child: "Item__c".into(),
            foreign_key: "Order__c".into(),
            field: Some("Day__c".into()),
            filters: vec![filter(FilterOperation::Equals, "a, \"b\" | c; d"), filter(FilterOperation::NotEqual, "")],
        };
        let count = RollUp { operation: RollUpOperation::Count, field: None, filters: Vec::new(), ..rule.clone() };
        let object = ObjectType::custom("Order__c", "Order", "Orders", *b"a09", NameField::Text)
            .with(Field::formula("A__c", "A", FieldType::String, 0, "Name & \"x y\"", Blanks::Empty))
            .with(Field::formula("B__c", "B", FieldType::Percent, 3, "1", Blanks::Zero))
            .with(Field::roll_up("C__c", "C", FieldType::Date, 0, 0, rule))
            .with(Field::roll_up("D__c", "D", FieldType::Double, 18, 0, count));
        let text = facts::render(&object, "");
        assert_eq!(facts::parse(&text).unwrap().fields, object.fields, "{text}");
        assert!(facts::parse(&text.replace("summary=max", "summary=most")).is_err());
    }
}
