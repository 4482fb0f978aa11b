//! Which fields a search looks into, and which columns its results are shown with.

use tidegate_soql::sosl::FieldGroup;

use crate::schema::{FieldId, FieldType, ObjectType, Schema};

/// The fields of an object in which is searched.
///
/// Text, text areas, e-mail addresses, phone numbers, URLs and auto numbers can be found; picklists, numbers, dates
/// and lookups cannot (Salesforce's list of searchable fields). `SIDEBAR FIELDS` are those without the long texts
/// (the exact list is unconfirmed).
pub(super) fn searched(object: &ObjectType, group: FieldGroup) -> Vec<FieldId> {
    object
        .enumerate()
        .filter(|(_, field)| {
            let short = field.length <= SHORT_TEXT_MAX;
            let is_text = matches!(
                field.ty,
                FieldType::String | FieldType::Textarea | FieldType::Email | FieldType::Phone | FieldType::Url
            );
            match group {
                FieldGroup::All => is_text,
                FieldGroup::Sidebar => is_text && short,
                FieldGroup::Name => field.name_field || is_name_part(object, &field.name),
                FieldGroup::Email => field.ty == FieldType::Email,
                FieldGroup::Phone => field.ty == FieldType::Phone,
            }
        })
        .map(|(id, _)| id)
        .collect()
}

/// Characters of a text that is not a long one.
const SHORT_TEXT_MAX: u32 = 255;

/// `FirstName`, `LastName` and their kin, where the object's name is made of them.
fn is_name_part(object: &ObjectType, name: &str) -> bool {
    const PARTS: [&str; 4] = ["FirstName", "LastName", "MiddleName", "Suffix"];
    PARTS.contains(&name) && object.field("LastName").is_some()
}

/// The field that names a record.
pub(super) fn name_field(object: &ObjectType) -> Option<FieldId> {
    object.enumerate().find(|(_, field)| field.name_field).map(|(id, _)| id)
}

/// A column of an object's search results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchColumn {
    /// Object and field: `Account.Name`, `User.Alias`.
    pub field: String,
    /// `date` or `datetime` for fields that are; else none.
    pub format: Option<&'static str>,
    /// As people read it.
    pub label: String,
    /// As a query selects it: `Name`, `Owner.Alias`.
    pub name: String,
}

/// Most columns of a search layout that an administrator has not changed. Real defaults differ by object; this is the
/// shape of the documented ones (name, account, site, phone, e-mail, owner).
const COLUMNS_MAX: usize = 6;

/// The columns with which an object's search results are shown.
pub fn search_layout(schema: &Schema, object: &ObjectType) -> Vec<SearchColumn> {
    let mut columns = Vec::new();
    let own = |columns: &mut Vec<SearchColumn>, id: FieldId| {
        let field = object.field_at(id);
        let format = match field.ty {
            FieldType::Date => Some("date"),
            FieldType::Datetime => Some("datetime"),
            _ => None,
        };
        columns.push(SearchColumn {
            field: format!("{}.{}", object.name, field.name),
            format,
            label: field.label.clone(),
            name: field.name.clone(),
        });
    };
    if let Some(name) = name_field(object) {
        own(&mut columns, name);
    }
    let related = |columns: &mut Vec<SearchColumn>, path: &str, of: &str, field: &str, label: String| {
        if let (Some(_), Some((_, parent))) = (object.relationship(path), schema.find(of))
            && parent.field(field).is_some()
        {
            let name = format!("{path}.{field}");
            columns.push(SearchColumn { field: format!("{of}.{field}"), format: None, label, name });
        }
    };
    for name in ["Site", "Title", "Company"] {
        if let Some((id, _)) = object.field(name) {
            own(&mut columns, id);
        }
    }
    related(&mut columns, "Account", "Account", "Name", "Account Name".to_owned());
    for name in ["Phone", "Email", "Status", "StageName", "CloseDate", "Subject"] {
        if let Some((id, field)) = object.field(name)
            && !field.name_field
            && columns.len() < COLUMNS_MAX
        {
            own(&mut columns, id);
        }
    }
    related(&mut columns, "Owner", "User", "Alias", format!("{} Owner Alias", object.label));
    columns
}
