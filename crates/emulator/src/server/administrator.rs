//! The records that every org has: itself, its administrator, its standard price book, and the values of set-up that
//! are records.

use std::sync::Arc;

use crate::schema::FieldType;
use crate::store::{Row, Values};
use crate::{Millis, Org, RecordId, Value};

/// Makes the records that every org has where they are missing, and gives the administrator this
/// username.
pub(crate) fn ensure_administrator(org: &mut Org, username: &str, now: Millis) {
    let (admin, org_id) = (org.settings.admin_id, org.settings.org_id);
    let text = |text: &str| Value::Text(text.to_owned());
    let person = [
        ("Username", text(username)),
        ("FirstName", text("Ada")),
        ("LastName", text("Admin")),
        ("Name", text("Ada Admin")),
        ("Email", text(username)),
        ("Alias", text("admin")),
        ("CommunityNickname", text("admin")),
        ("IsActive", Value::Bool(true)),
        ("UserType", text("Standard")),
        ("TimeZoneSidKey", text("GMT")),
        ("LocaleSidKey", text("en_US")),
        ("LanguageLocaleKey", text("en_US")),
        ("EmailEncodingKey", text("UTF-8")),
    ];
    make(org, "User", admin, &person, now);
    set(org, "User", admin, "Username", text(username));
    let organization = [
        ("Name", text("Tidegate Emulator")),
        ("OrganizationType", text("Developer Edition")),
        ("InstanceName", text("TG0")),
        ("IsSandbox", Value::Bool(false)),
        ("IsReadOnly", Value::Bool(false)),
        ("Country", text("US")),
        ("DefaultLocaleSidKey", text("en_US")),
        ("LanguageLocaleKey", text("en_US")),
        ("TimeZoneSidKey", text("GMT")),
    ];
    make(org, "Organization", org_id, &organization, now);
    let book =
        [("Name", text("Standard Price Book")), ("IsActive", Value::Bool(true)), ("IsStandard", Value::Bool(true))];
    let bytes = admin.as_bytes();
    make(org, "Pricebook2", RecordId::new(*b"01s", [bytes[3], bytes[4]], 1), &book, now);
    crate::dml::ensure_lead_statuses(org, now);
    describe_organization(org);
}

/// Lets the organization's record say what the settings say of its edition.
pub(crate) fn describe_organization(org: &mut Org) {
    let (id, edition) = (org.settings.org_id, org.settings.edition.organization_type().to_owned());
    let sandbox = org.settings.sandbox;
    set(org, "Organization", id, "OrganizationType", Value::Text(edition));
    set(org, "Organization", id, "IsSandbox", Value::Bool(sandbox));
}

fn make(org: &mut Org, object: &str, id: RecordId, fields: &[(&str, Value)], now: Millis) {
    let schema = Arc::clone(&org.schema);
    let Some((object, facts)) = schema.find(object) else { return };
    if org.store.get(object, id).is_some() {
        return;
    }
    let admin = org.settings.admin_id;
    let whole_second = Value::DateTime(now.div_euclid(1000) * 1000);
    let audit = [
        ("Id", Value::Id(id)),
        ("CreatedDate", whole_second.clone()),
        ("CreatedById", Value::Id(admin)),
        ("LastModifiedDate", whole_second.clone()),
        ("LastModifiedById", Value::Id(admin)),
        ("SystemModstamp", whole_second),
    ];
    let mut values = Values::new();
    for (name, value) in audit.iter().chain(fields) {
        if let Some((field, _)) = facts.field(name) {
            values.insert(field, value.clone());
        }
    }
    for (field, _) in facts.enumerate().filter(|(_, f)| f.ty == FieldType::Boolean) {
        values.entry(field).or_insert(Value::Bool(false));
    }
    org.store.table_mut(object).put(id, Row::new(&values));
}

fn set(org: &mut Org, object: &str, id: RecordId, field: &str, value: Value) {
    let schema = Arc::clone(&org.schema);
    let Some((object, facts)) = schema.find(object) else { return };
    let (Some((field, _)), Some(row)) = (facts.field(field), org.store.get(object, id)) else { return };
    if row.get(field) != value {
        let mut values = row.to_values();
        values.insert(field, value);
        org.store.table_mut(object).put(id, Row::new(&values));
    }
}
