//! Value sets of picklists: the values that a field defines itself, or the global set that it names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Problem;
use crate::schema::{Field, FieldType, PicklistValue};
use crate::xml::Element;

/// Values of one picklist. Documented: 1,000 active ones in a picklist of its own.
const VALUES_MAX: usize = 1_000;
/// Longest value, characters.
const VALUE_LENGTH_MAX: usize = 255;

/// The `valueSet` of a field as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ValueSet {
    /// Whether the field has one at all.
    pub(super) given: bool,
    /// Its own values, in the order in which they are shown.
    pub(super) values: Vec<PicklistValue>,
    /// The global set that it names.
    pub(super) global: Option<String>,
    pub(super) restricted: bool,
    pub(super) controlling_field: Option<String>,
    /// For a value, the controlling values with which it can be chosen.
    pub(super) settings: Vec<(String, Vec<String>)>,
}

/// Reads the `valueSet` of a field, or the `picklist` of API versions before 38.
pub(super) fn read(field: &Element) -> Result<ValueSet, Problem> {
    let mut set = ValueSet::default();
    if let Some(old) = field.child("picklist") {
        set.given = true;
        set.values = read_values(old.children_named("picklistValues"))?;
        set.restricted = super::field::truth(old, "restrictedPicklist")?;
        set.controlling_field = old.text_of("controllingField").map(str::to_owned);
        if old.text_of("sorted") == Some("true") {
            sort(&mut set.values);
        }
        return Ok(set);
    }
    let Some(element) = field.child("valueSet") else { return Ok(set) };
    set.given = true;
    set.restricted = super::field::truth(element, "restricted")?;
    set.controlling_field = element.text_of("controllingField").filter(|t| !t.is_empty()).map(str::to_owned);
    set.global = element.text_of("valueSetName").filter(|t| !t.is_empty()).map(str::to_owned);
    if let Some(definition) = element.child("valueSetDefinition") {
        set.values = read_values(definition.children_named("value"))?;
        if definition.text_of("sorted") == Some("true") {
            sort(&mut set.values);
        }
    }
    for settings in element.children_named("valueSettings") {
        let name = settings.text_of("valueName").unwrap_or_default().to_owned();
        set.settings.push((name, settings.texts_of("controllingFieldValue").map(str::to_owned).collect()));
    }
    Ok(set)
}

/// Reads values: `value`, `customValue` or `picklistValues` elements.
pub(super) fn read_values<'a>(elements: impl Iterator<Item = &'a Element>) -> Result<Vec<PicklistValue>, Problem> {
    let mut values: Vec<PicklistValue> = Vec::new();
    for element in elements {
        let Some(name) = element.text_of("fullName").filter(|name| !name.is_empty()) else {
            return Err(Problem::integrity("A picklist value has no fullName").at(element));
        };
        if name.chars().count() > VALUE_LENGTH_MAX {
            let message = format!("Picklist value: data value too large: {name} (max length={VALUE_LENGTH_MAX})");
            return Err(Problem::new("STRING_TOO_LONG", message).at(element));
        }
        if values.iter().any(|v| v.value.eq_ignore_ascii_case(name)) {
            let message = format!("duplicate value found: the picklist value {name} is there twice");
            return Err(Problem::new("DUPLICATE_VALUE", message).at(element));
        }
        values.push(PicklistValue {
            label: element.text_of("label").filter(|l| !l.is_empty()).unwrap_or(name).to_owned(),
            active: element.text_of("isActive") != Some("false"),
            default_value: super::field::truth(element, "default")?,
            ..PicklistValue::new(name)
        });
    }
    if values.len() > VALUES_MAX {
        let message = format!("A picklist has at most {VALUES_MAX} values");
        return Err(Problem::new("LIMIT_EXCEEDED", message));
    }
    if values.iter().filter(|v| v.default_value).count() > 1 {
        return Err(Problem::integrity("A picklist has at most one default value"));
    }
    Ok(values)
}

fn sort(values: &mut [PicklistValue]) {
    values.sort_by_key(|value| value.label.to_lowercase());
}

impl ValueSet {
    /// Whether a field of this type can have this set.
    pub(super) fn check(&self, ty: &str) -> Result<(), Problem> {
        if !self.given {
            let message = format!("Must specify 'valueSet' for a CustomField of type {ty}");
            return Err(Problem::integrity(message));
        }
        if self.global.is_some() && !self.values.is_empty() {
            return Err(Problem::integrity("Specify either valueSetDefinition or valueSetName, not both"));
        }
        if self.global.is_none() && self.values.is_empty() {
            return Err(Problem::integrity("You must specify either a global picklist or define a value set"));
        }
        Ok(())
    }

    /// Puts the values on a field. `controlling` is the field that `controllingField` names.
    pub(super) fn apply(&self, field: &mut Field, values: &[PicklistValue], controlling: Option<&Field>) {
        field.picklist = values.to_vec();
        field.restricted_picklist = self.restricted || self.global.is_some();
        if let Some(default) = values.iter().find(|v| v.default_value) {
            field.default_value = Some(default.value.clone());
            field.defaulted_on_create = true;
        }
        let Some(controlling) = controlling else { return };
        field.dependent_picklist = true;
        field.controller_name = Some(controlling.name.clone());
        for value in &mut field.picklist {
            let empty = Vec::new();
            let with = self.settings.iter().find(|(name, _)| *name == value.value).map_or(&empty, |(_, with)| with);
            value.valid_for = Some(bitmap(controlling, with));
        }
    }
}

/// `validFor`: bit `i`, counted from the first byte's highest, is set where the value goes with the `i`-th controlling
/// value. A checkbox has two values, `false` and `true`.
fn bitmap(controlling: &Field, with: &[String]) -> String {
    let names: Vec<&str> = match controlling.ty {
        FieldType::Boolean => vec!["false", "true"],
        _ => controlling.picklist.iter().map(|v| v.value.as_str()).collect(),
    };
    let mut bytes = vec![0_u8; names.len().div_ceil(8).max(1)];
    for (at, name) in names.iter().enumerate() {
        let checked =
            |w: &String| w == name || (w == "checked" && *name == "true") || (w == "unchecked" && *name == "false");
        if with.iter().any(checked) {
            bytes[at / 8] |= 0x80 >> (at % 8);
        }
    }
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_count_from_the_highest_bit() {
        let controlling = Field::picklist("A__c", "A", &["a", "b", "c", "d", "e", "f", "g", "h", "i"], true);
        for (with, bits) in [(vec!["a"], "gAA="), (vec!["b", "i"], "QIA="), (vec![], "AAA=")] {
            let with: Vec<String> = with.into_iter().map(str::to_owned).collect();
            assert_eq!(bitmap(&controlling, &with), bits);
        }
        assert_eq!(bitmap(&Field::checkbox("B__c", "B", false), &["checked".into()]), "QA==");
    }
}
