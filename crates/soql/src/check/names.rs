//! Names that are not there, and what was probably meant.

use super::schema::{FieldFacts, Lookup, ObjectFacts};
use super::{Checker, Need};
use crate::ast::{Name, Span};
use crate::finding::{Fix, Severity};

/// Names that are looked at, in bytes.
const NAME_MAX: usize = 100;

/// The name that differs least, if it differs little. Swapped neighbours count as one difference.
pub(crate) fn closest<'n>(typed: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // No name is so long; the comparison takes time with the product of both lengths.
    if typed.len() > NAME_MAX {
        return None;
    }
    let typed = typed.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A name without the ending of custom objects, fields and relationships.
fn stem(name: &str) -> &str {
    let end = name.len().saturating_sub(3);
    match name.get(end..) {
        Some(ending) if ["__c", "__r"].iter().any(|e| e.eq_ignore_ascii_case(ending)) => {
            name.get(..end).unwrap_or(name)
        }
        _ => name,
    }
}

/// The name that was probably meant: the same with or without `__c`, else the closest.
fn meant<'n>(typed: &str, known: &[&'n str]) -> Option<&'n str> {
    let same_stem = known.iter().find(|name| stem(name).eq_ignore_ascii_case(stem(typed)));
    same_stem.copied().or_else(|| closest(typed, known.iter().copied()))
}

impl<'a> Checker<'a> {
    /// An error at a name, with what was meant instead.
    fn unknown(&mut self, rule: &'static str, span: Span, message: String, near: Option<&str>, otherwise: &str) {
        match near {
            Some(near) => {
                let suggestion = format!("did you mean `{near}`?");
                self.push(Severity::Error, rule, span, message, &suggestion, Some(Fix::one(span, near, true)));
            }
            None => self.error(rule, span, message, otherwise),
        }
    }

    pub(super) fn unknown_object(&mut self, name: &Name) {
        let message = format!("the org has no object `{}`, or this user may not see it", name.text);
        let near = match self.schema.object_names() {
            Some(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                meant(&name.text, &names).map(str::to_owned)
            }
            None => {
                self.needs.insert(Need::ObjectNames);
                None
            }
        };
        self.unknown("unknown-object", name.span, message, near.as_deref(), "custom objects end in `__c`");
    }

    pub(super) fn unknown_field(&mut self, object: &ObjectFacts, name: &Name) {
        let message = format!("{} has no field `{}`, or this user may not see it", object.name, name.text);
        // `SELECT Account FROM Contact`: a way, not a field.
        if let Some(field) = object.relationship(&name.text) {
            let suggestion = format!(
                "`{}` is the way to a parent: write `{}` for its id, or `{}.Name`",
                name.text, field.name, name.text
            );
            let fix = Fix::one(name.span, field.name.as_str(), false);
            return self.push(Severity::Error, "unknown-field", name.span, message, &suggestion, Some(fix));
        }
        if let Some(child) = object.child(&name.text) {
            let suggestion =
                format!("`{}` holds {} records: write `(SELECT Id FROM {})`", name.text, child.object, name.text);
            return self.error("unknown-field", name.span, message, &suggestion);
        }
        let known: Vec<&str> = object.fields.iter().map(|field| field.name.as_str()).collect();
        self.unknown("unknown-field", name.span, message, meant(&name.text, &known), "custom fields end in `__c`");
    }

    /// A field that the pseudo object `Name` does not have, which stands for every kind of parent.
    pub(super) fn unknown_polymorphic_field(&mut self, by: &FieldFacts, facts: &ObjectFacts, name: &Name) {
        let relationship = by.relationship_name.as_deref().unwrap_or(&by.name);
        let message =
            format!("{relationship} may be of several objects, and all of them together have no field `{}`", name.text);
        let known: Vec<&str> = facts.fields.iter().map(|field| field.name.as_str()).collect();
        let first = by.reference_to.first().map_or("Account", String::as_str);
        let otherwise = format!("write TYPEOF {relationship} WHEN {first} THEN {} END", name.text);
        self.unknown("unknown-field", name.span, message, closest(&name.text, known), &otherwise);
    }

    pub(super) fn unknown_relationship(&mut self, object: &ObjectFacts, name: &Name) {
        let message = format!("{} has no way to a parent called `{}`", object.name, name.text);
        // `AccountId.Name`: the field where its relationship belongs.
        let by_field = object.field(&name.text).and_then(|field| field.relationship_name.as_deref());
        let known: Vec<&str> = object.fields.iter().filter_map(|field| field.relationship_name.as_deref()).collect();
        let near = by_field.or_else(|| meant(&name.text, &known));
        let otherwise = if object.field(&name.text).is_some() {
            format!("`{}` is a field, and no reference", name.text)
        } else {
            "custom relationships end in `__r`".to_owned()
        };
        self.unknown("unknown-relationship", name.span, message, near, &otherwise);
    }

    pub(super) fn unknown_children(&mut self, object: &ObjectFacts, name: &Name) {
        let message = format!("{} has no child relationship `{}`", object.name, name.text);
        let named: Vec<&str> = object.children.iter().filter_map(|child| child.relationship_name.as_deref()).collect();
        // `(SELECT Id FROM Contact)`: the object where its relationship belongs.
        let of_object = object
            .children
            .iter()
            .filter(|child| child.object.eq_ignore_ascii_case(&name.text))
            .find_map(|child| child.relationship_name.as_deref());
        let near = of_object.or_else(|| meant(&name.text, &named));
        let unnamed = object.children.iter().any(|c| c.object.eq_ignore_ascii_case(&name.text));
        let otherwise = if unnamed {
            "this relationship has no name, so that it cannot be queried: query the child itself"
        } else {
            "custom child relationships end in `__r`; `tidegate describe` lists them"
        };
        self.unknown("unknown-child-relationship", name.span, message, near, otherwise);
    }

    /// The facts of the pseudo object that stands for every kind of parent.
    pub(super) fn name_object(&mut self) -> Option<&'a ObjectFacts> {
        match self.object("Name") {
            Lookup::Known(facts) => Some(facts),
            Lookup::Missing | Lookup::NotLoaded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = ["Name", "Industry__c", "AnnualRevenue"];
        assert_eq!(meant("Nmae", &known), Some("Name"));
        assert_eq!(meant("industry", &known), Some("Industry__c"));
        assert_eq!(meant("Name__c", &known), Some("Name"));
        assert_eq!(meant("AnualRevenu", &known), Some("AnnualRevenue"));
        assert_eq!(meant("Zzz", &known), None);
        assert_eq!(meant("", &known), None);
    }
}
