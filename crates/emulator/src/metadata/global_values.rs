//! `GlobalValueSet`: values that several picklists share.

use super::apply::{Saved, check_mode};
use super::{Mode, Node, Problem, Work, naming, picklist};
use crate::RecordId;
use crate::schema::{ObjectType, PicklistValue};
use crate::xml::Element;

/// Elements of a `GlobalValueSet`.
const ELEMENTS: &[&str] = &["customValue", "description", "fullName", "masterLabel", "sorted"];

pub(super) fn save(work: &mut Work<'_>, full_name: &str, element: &Element, mode: Mode) -> Result<Saved, Problem> {
    super::field::check_elements(element, ELEMENTS, "GlobalValueSet")?;
    let name = full_name.strip_suffix("__gvs").unwrap_or(full_name);
    naming::check(name, "Global Value Set Name")?;
    if element.text_of("masterLabel").is_none_or(str::is_empty) {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required fields are missing: [MasterLabel]"));
    }
    let values = picklist::read_values(element.children_named("customValue"))?;
    if values.is_empty() {
        return Err(Problem::integrity("A global value set has at least one value"));
    }
    let created = check_mode(work, "GlobalValueSet", full_name, mode)?;
    let mut node = Node::from_element(element);
    node.remove("fullName");
    let id = work.keep("GlobalValueSet", full_name, None, node, Vec::new());
    for (object, field) in users(work, full_name) {
        let Some((_, facts)) = work.schema.find(&object) else { continue };
        let mut changed = ObjectType::clone(facts);
        if let Some((place, _)) = facts.field(&field) {
            changed.fields[usize::from(place.0)].picklist = values.clone();
            work.schema.replace(changed);
        }
    }
    Ok(Saved { full_name: full_name.to_owned(), id, created })
}

/// The values of a set.
pub(super) fn values(work: &Work<'_>, name: &str) -> Result<Vec<PicklistValue>, Problem> {
    let Some(found) = work.catalog.get("GlobalValueSet", name) else {
        let message = format!("In field: valueSet - no GlobalValueSet named {name} found");
        return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
    };
    let element = found.node.element("GlobalValueSet");
    let mut values = picklist::read_values(element.children_named("customValue"))?;
    if element.text_of("sorted") == Some("true") {
        values.sort_by_key(|value| value.label.to_lowercase());
    }
    Ok(values)
}

/// The fields that name this set.
fn users(work: &Work<'_>, name: &str) -> Vec<(String, String)> {
    let names_it = |node: &Node| {
        let element = node.element("x");
        element.child("valueSet").and_then(|v| v.text_of("valueSetName")).is_some_and(|n| n.eq_ignore_ascii_case(name))
    };
    let fields = work.catalog.of_kind("CustomField").filter(|c| names_it(&c.node));
    fields.filter_map(|c| naming::split(&c.full_name).ok()).map(|(o, f)| (o.to_owned(), f.to_owned())).collect()
}

pub(super) fn delete(work: &mut Work<'_>, full_name: &str) -> Result<RecordId, Problem> {
    if let Some((object, field)) = users(work, full_name).first() {
        let message = format!("This global value set is referenced elsewhere in salesforce.com. : {object}.{field}");
        return Err(Problem::new("DELETE_FAILED", message));
    }
    let gone = work.catalog.remove("GlobalValueSet", full_name);
    gone.map(|gone| gone.id).ok_or_else(|| Problem::no_such("GlobalValueSet", full_name))
}
