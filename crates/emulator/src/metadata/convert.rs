//! From a field's definition to the schema's field: what needs the rest of the org to be decided.

use super::field::{FieldDef, parent_of};
use super::{Problem, naming};
use crate::formula;
use crate::schema::{
    Blanks, Field, FieldType, FilterOperation, ObjectId, ObjectType, PicklistValue, RollUp, RollUpFilter,
    RollUpOperation, Schema,
};

/// Master-detail fields of one object.
const MASTERS_MAX: usize = 2;
/// Custom fields of one object that point at others. Documented default: 40.
const RELATIONSHIPS_MAX: usize = 40;
/// External ids of one object. Documented: 25.
const EXTERNAL_IDS_MAX: usize = 25;
/// Custom fields of one object. Documented hard limit: 900.
const FIELDS_MAX: usize = 900;

/// The fields that a definition makes: one, or the three of a geolocation (latitude and longitude first). `globals` are
/// the values of the global set that it names.
pub(super) fn fields(
    def: &FieldDef,
    schema: &Schema,
    object_id: ObjectId,
    globals: Option<&[PicklistValue]>,
) -> Result<Vec<Field>, Problem> {
    let object = schema.object(object_id);
    check_limits(def, object)?;
    let (name, label) = (def.name.as_str(), def.label.as_str());
    let mut field = if let Some(source) = &def.formula {
        formula_field(def, schema, object_id, source)?
    } else {
        match def.ty {
            "Text" => Field::text(name, label, def.length),
            "TextArea" => Field::text_area(name, label),
            "LongTextArea" => Field::long_text_area(name, label, def.length),
            "Html" => Field::rich_text_area(name, label, def.length),
            "Number" => Field::number(name, label, def.precision, def.scale),
            "Currency" => Field::currency(name, label, def.precision, def.scale),
            "Percent" => Field::percent(name, label, def.precision, def.scale),
            "Checkbox" => Field::checkbox(name, label, def.default_value.as_deref() == Some("true")),
            "Date" => Field::date(name, label),
            "DateTime" => Field::datetime(name, label),
            "Time" => Field::time(name, label),
            "Email" => Field::email(name, label),
            "Phone" => Field::phone(name, label),
            "Url" => Field::url(name, label),
            "AutoNumber" => Field::auto_number(name, label, def.display_format.as_deref().unwrap_or("{0}")),
            "Picklist" | "MultiselectPicklist" => choices(def, object, globals)?,
            "Lookup" | "Hierarchy" => lookup(def, schema, object)?,
            "MasterDetail" => master_detail(def, schema, object)?,
            "Summary" => roll_up(def, schema, object)?,
            "Location" => return Ok(Field::geolocation(name, label, def.scale).map(|f| decimal(def, f)).into()),
            other => {
                let message = format!("Cannot make a CustomField of type {other} in this organization.");
                return Err(Problem::integrity(message));
            }
        }
    };
    if def.required && field.ty != FieldType::Boolean {
        field = field.required();
    }
    if def.external_id {
        (field.external_id, field.id_lookup) = (true, true);
    }
    (field.unique, field.case_sensitive) = (def.unique, def.case_sensitive);
    field.inline_help_text = def.help.clone();
    if !matches!(def.ty, "Checkbox" | "Picklist" | "MultiselectPicklist") {
        default_value(def, schema, &mut field)?;
    }
    Ok(vec![field])
}

fn decimal(def: &FieldDef, mut field: Field) -> Field {
    if field.ty == FieldType::Location {
        field.display_location_in_decimal = def.in_decimal;
    }
    field.inline_help_text = def.help.clone();
    field
}

fn check_limits(def: &FieldDef, object: &ObjectType) -> Result<(), Problem> {
    let others = || object.enumerate().map(|(_, f)| f).filter(|f| f.custom && !f.name.eq_ignore_ascii_case(&def.name));
    let limit = |what: &str, max: usize| {
        let message = format!("The object {} has reached the limit of {max} {what}", object.name);
        Err(Problem::new("LIMIT_EXCEEDED", message))
    };
    if others().count() >= FIELDS_MAX {
        return limit("custom fields", FIELDS_MAX);
    }
    if def.external_id && others().filter(|f| f.external_id).count() >= EXTERNAL_IDS_MAX {
        return limit("external ids", EXTERNAL_IDS_MAX);
    }
    if matches!(def.ty, "Lookup" | "MasterDetail" | "Hierarchy") {
        if others().filter(|f| f.ty == FieldType::Reference).count() >= RELATIONSHIPS_MAX {
            return limit("relationship fields", RELATIONSHIPS_MAX);
        }
        if def.ty == "MasterDetail" && others().filter(|f| f.relationship_order.is_some()).count() >= MASTERS_MAX {
            return limit("master-detail relationships", MASTERS_MAX);
        }
    }
    Ok(())
}

/// A default is a formula, computed when a record is made: one that cannot be compiled is refused.
fn default_value(def: &FieldDef, schema: &Schema, field: &mut Field) -> Result<(), Problem> {
    let Some(text) = def.default_value.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    if field.calculated || field.auto_number {
        let message = format!("Can not specify 'defaultValue' for a CustomField of type {}", def.ty);
        return Err(Problem::integrity(message));
    }
    formula::compile_default(schema, text, field)
        .map_err(|e| Problem::integrity(format!("In field: defaultValue - {e}")))?;
    field.default_value_formula = Some(text.to_owned());
    field.defaulted_on_create = true;
    Ok(())
}

fn choices(def: &FieldDef, object: &ObjectType, globals: Option<&[PicklistValue]>) -> Result<Field, Problem> {
    let values = match (&def.values.global, globals) {
        (Some(name), None) => {
            let message = format!("In field: valueSet - no GlobalValueSet named {name} found");
            return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
        }
        (Some(_), Some(values)) => values,
        (None, _) => &def.values.values,
    };
    let mut field = match def.ty {
        "Picklist" => Field::picklist(&def.name, &def.label, &[], false),
        _ => Field::multi_picklist(&def.name, &def.label, &[], false),
    };
    let controlling = match &def.values.controlling_field {
        None => None,
        Some(name) => {
            let found = object.field(name).map(|(_, f)| f);
            let fits = |f: &&Field| matches!(f.ty, FieldType::Picklist | FieldType::Boolean);
            match found.filter(fits) {
                Some(found) => Some(found),
                None => {
                    let message =
                        format!("In field: controllingField - no CustomField named {}.{name} found", object.name);
                    return Err(Problem::new("INVALID_CROSS_REFERENCE_KEY", message));
                }
            }
        }
    };
    def.values.apply(&mut field, values, controlling);
    Ok(field)
}

/// Refuses a name by which the parent already has children.
fn check_children_name(def: &FieldDef, parent: &ObjectType, object: &ObjectType) -> Result<(), Problem> {
    let Some(name) = &def.relationship_name else { return Ok(()) };
    let full = format!("{name}__r");
    let clash = parent.children.iter().any(|c| {
        c.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(&full))
            && !(c.child_object == object.name && c.field.eq_ignore_ascii_case(&def.name))
    });
    if clash {
        let message = format!("There is already a Child Relationship named {name} on {}.", parent.label);
        return Err(Problem::new("DUPLICATE_DEVELOPER_NAME", message));
    }
    Ok(())
}

fn lookup(def: &FieldDef, schema: &Schema, object: &ObjectType) -> Result<Field, Problem> {
    let parent = parent_of(schema, def, object)?;
    if let Some((_, parent)) = schema.find(&parent) {
        check_children_name(def, parent, object)?;
    }
    let mut field = Field::lookup(&def.name, &def.label, &parent, def.relationship_name.as_deref().unwrap_or_default());
    if def.relationship_name.is_none() {
        field.child_relationship_name = None;
    }
    field.restricted_delete = def.delete_constraint == "Restrict";
    field.cascade_delete = def.delete_constraint == "Cascade";
    if field.cascade_delete && !object.custom {
        return Err(Problem::integrity("deleteConstraint Cascade is for lookups of custom objects"));
    }
    Ok(field)
}

fn master_detail(def: &FieldDef, schema: &Schema, object: &ObjectType) -> Result<Field, Problem> {
    if !object.custom {
        let message = "A standard object cannot be on the detail side of a master-detail relationship";
        return Err(Problem::integrity(message));
    }
    let parent = parent_of(schema, def, object)?;
    if matches!(parent.as_str(), "User" | "Lead") || parent == object.name {
        let message = format!("{parent} cannot be the master of a master-detail relationship of {}", object.name);
        return Err(Problem::integrity(message));
    }
    if let Some((_, parent)) = schema.find(&parent) {
        check_children_name(def, parent, object)?;
    }
    let taken: Vec<u32> = object
        .enumerate()
        .filter(|(_, f)| !f.name.eq_ignore_ascii_case(&def.name))
        .filter_map(|(_, f)| f.relationship_order)
        .collect();
    let order = match def.relationship_order {
        Some(order) if !taken.contains(&order) => order,
        _ => u32::from(taken.contains(&0)),
    };
    let children = def.relationship_name.as_deref().unwrap_or_default();
    let mut field = Field::master_detail(&def.name, &def.label, &parent, children, order);
    field.updateable = def.reparentable;
    field.write_requires_master_read = def.write_requires_master_read;
    Ok(field)
}

/// The type of a formula's result.
fn formula_type(ty: &str) -> FieldType {
    match ty {
        "Checkbox" => FieldType::Boolean,
        "Currency" => FieldType::Currency,
        "Date" => FieldType::Date,
        "DateTime" => FieldType::Datetime,
        "Number" => FieldType::Double,
        "Percent" => FieldType::Percent,
        "Time" => FieldType::Time,
        _ => FieldType::String,
    }
}

fn formula_field(def: &FieldDef, schema: &Schema, object: ObjectId, source: &str) -> Result<Field, Problem> {
    let ty = formula_type(def.ty);
    let blanks = if def.blanks_as_blank { Blanks::Empty } else { Blanks::Zero };
    formula::compile(schema, object, source, ty, blanks).map_err(|e| Problem::integrity(e.to_string()))?;
    Ok(Field::formula(&def.name, &def.label, ty, def.scale, source, blanks))
}

fn roll_up(def: &FieldDef, schema: &Schema, object: &ObjectType) -> Result<Field, Problem> {
    let Some(summary) = &def.summary else {
        return Err(Problem::integrity("Must specify 'summaryForeignKey' for a CustomField of type Summary"));
    };
    let unknown = |member: &str, value: &str| {
        let message = format!("In field: {member} - no CustomField named {value} found");
        Problem::new("INVALID_CROSS_REFERENCE_KEY", message)
    };
    let Some(operation) = RollUpOperation::from_name(&summary.operation) else {
        let message = format!("'{}' is not a valid value for the enum 'SummaryOperations'", summary.operation);
        return Err(Problem::new("INVALID_FORMAT", message));
    };
    let (child, key) = naming::split(&summary.foreign_key)?;
    let (_, child) = schema.find(child).ok_or_else(|| unknown("summaryForeignKey", &summary.foreign_key))?;
    let (_, key) = child.field(key).ok_or_else(|| unknown("summaryForeignKey", &summary.foreign_key))?;
    if key.relationship_order.is_none() || key.reference_to != [object.name.clone()] {
        let message = format!("summaryForeignKey {} is no master-detail field to {}", summary.foreign_key, object.name);
        return Err(Problem::integrity(message));
    }
    let own = |full: &str| {
        full.strip_prefix(child.name.as_str()).and_then(|f| f.strip_prefix('.')).unwrap_or(full).to_owned()
    };
    let mut filters = Vec::new();
    for (name, operation, value) in &summary.filters {
        let name = own(name);
        let (_, found) = child.field(&name).ok_or_else(|| unknown("summaryFilterItems", &name))?;
        let Some(operation) = FilterOperation::from_name(operation) else {
            let message = format!("'{operation}' is not a valid value for the enum 'FilterOperation'");
            return Err(Problem::new("INVALID_FORMAT", message));
        };
        filters.push(RollUpFilter { field: found.name.clone(), operation, value: value.clone() });
    }
    let mut made = RollUp { operation, child: child.name.clone(), foreign_key: key.name.clone(), field: None, filters };
    if operation == RollUpOperation::Count {
        return Ok(Field::roll_up(&def.name, &def.label, FieldType::Double, 18, 0, made));
    }
    let Some(summarised) = &summary.field else {
        let message = "Must specify 'summarizedField' for a CustomField of type Summary that is no count";
        return Err(Problem::integrity(message));
    };
    let (_, found) = child.field(&own(summarised)).ok_or_else(|| unknown("summarizedField", summarised))?;
    let numeric = matches!(found.ty, FieldType::Double | FieldType::Currency | FieldType::Percent | FieldType::Int);
    let dated = matches!(found.ty, FieldType::Date | FieldType::Datetime);
    if !(numeric || dated && operation != RollUpOperation::Sum) {
        let message = format!("summarizedField {summarised} cannot be summarized with {}", operation.name());
        return Err(Problem::integrity(message));
    }
    made.field = Some(found.name.clone());
    let ty = if found.ty == FieldType::Int { FieldType::Double } else { found.ty };
    let precision = if found.precision == 0 { 18 } else { found.precision };
    Ok(Field::roll_up(&def.name, &def.label, ty, precision, found.scale, made))
}
