//! Fields that the org computes: formulas, which are worked out when they are read, and roll-up summaries, which are kept
//! on the master.
//!
//! <https://help.salesforce.com/s/articleView?id=platform.customize_functions.htm>,
//! <https://help.salesforce.com/s/articleView?id=platform.fields_about_roll_up_summary_fields.htm>

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
