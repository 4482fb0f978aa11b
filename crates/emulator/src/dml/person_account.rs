//! Person accounts: an account that is a person, and the contact that goes with it, one to one.
//!
//! Off in a new org; turning it on cannot be undone, as at Salesforce. The account then has the contact's fields (`Email` as
//! `PersonEmail`, `Level__c` as `Level__pc`), and whichever of the two is written, the other follows in the same
//! transaction: each raises a change event of its own (documented).
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_guidelines_personaccounts.htm>

use std::collections::BTreeMap;
use std::sync::Arc;

use super::transaction::{Cause, Transaction};
use super::{defaults, derived};
use crate::schema::{Field, FieldId, FieldType, ObjectId, ObjectType, RecordType, Schema};
use crate::store::{Row, Values};
use crate::{ApiError, Millis, Org, RecordId, Value};

/// Parts of a person's name, which the account has under the same names.
const NAME_PARTS: [&str; 5] = ["Salutation", "FirstName", "MiddleName", "LastName", "Suffix"];
/// Further fields that account and contact share under one name.
const SHARED: [&str; 3] = ["Fax", "OwnerId", "Phone"];
/// Contact's standard fields that the account has with `Person` before their names.
const PERSON: [&str; 37] = [
    "AssistantName",
    "AssistantPhone",
    "Birthdate",
    "Department",
    "DoNotCall",
    "Email",
    "EmailBouncedDate",
    "EmailBouncedReason",
    "HasOptedOutOfEmail",
    "HasOptedOutOfFax",
    "HomePhone",
    "LeadSource",
    "MailingCity",
    "MailingCountry",
    "MailingCountryCode",
    "MailingGeocodeAccuracy",
    "MailingLatitude",
    "MailingLongitude",
    "MailingPostalCode",
    "MailingState",
    "MailingStateCode",
    "MailingStreet",
    "MobilePhone",
    "OtherCity",
    "OtherCountry",
    "OtherGeocodeAccuracy",
    "OtherLatitude",
    "OtherLongitude",
    "OtherPhone",
    "OtherPostalCode",
    "OtherState",
    "OtherStateCode",
    "OtherCountryCode",
    "OtherStreet",
    "Title",
    "MailingAddress",
    "OtherAddress",
];
/// The record type that comes with the feature.
const TYPE_NAME: (&str, &str) = ("PersonAccount", "Person Account");
/// The record type of the other accounts, where the org has none.
const BUSINESS_NAME: (&str, &str) = ("Business_Account", "Business Account");

/// The account's name of a contact's field; `None` for one that only the contact has.
fn account_name(field: &Field) -> Option<String> {
    let name = field.name.as_str();
    if NAME_PARTS.contains(&name) {
        return Some(name.to_owned());
    }
    if let Some(stem) =
        name.strip_suffix("__c").filter(|_| field.custom && field.formula.is_none() && !field.auto_number)
    {
        return Some(format!("{stem}__pc"));
    }
    PERSON.contains(&name).then(|| format!("Person{name}"))
}

/// A contact's field as the account has it.
fn mirrored(field: &Field) -> Option<Field> {
    let name = account_name(field)?;
    let compound = match field.compound_field_name.as_deref() {
        Some(compound @ ("MailingAddress" | "OtherAddress")) => Some(format!("Person{compound}")),
        other => other.map(str::to_owned),
    };
    // Required of a contact, not of an account; and no key, for most accounts have no such value.
    let mut mirror = Field { name, compound_field_name: compound, ..field.clone() };
    mirror.nillable = mirror.nillable || mirror.ty != FieldType::Boolean;
    (mirror.id_lookup, mirror.external_id, mirror.unique) = (mirror.external_id, mirror.external_id, false);
    (mirror.child_relationship_name, mirror.cascade_delete) = (None, false);
    if mirror.custom
        && let Some(relationship) = &field.relationship_name
    {
        mirror.relationship_name = Some(relationship.replace("__r", "__pr"));
    }
    Some(mirror)
}

/// Puts what the account lacks of the contact's fields at its end. For new custom fields of contacts, too.
fn mirror_fields(schema: &mut Schema) {
    let Some((_, contact)) = schema.find("Contact") else { return };
    let mut fields = vec![flag("IsPersonAccount", "Is Person Account")];
    let mut link = Field::new("PersonContactId", "Contact ID", FieldType::Reference, 18);
    (link.reference_to, link.relationship_name) = (vec!["Contact".into()], Some("PersonContact".into()));
    (link.createable, link.updateable, link.permissionable) = (false, false, false);
    fields.push(link);
    fields.extend(contact.fields.iter().filter_map(mirrored));
    schema.add_fields("Account", fields);
    schema.add_fields("Contact", [flag("IsPersonAccount", "Is Person Account")]);
}

fn flag(name: &str, label: &str) -> Field {
    let mut field = Field::new(name, label, FieldType::Boolean, 0);
    (field.createable, field.updateable, field.nillable) = (false, false, false);
    field
}

impl Org {
    /// Turns person accounts on: the fields of Account and Contact, `IsPersonType` of record types, and a record type for
    /// persons. Does nothing where they are on, except that custom fields which Contact got since appear on Account.
    pub fn enable_person_accounts(&mut self, now: Millis) {
        let mut schema = Schema::clone(&self.schema);
        mirror_fields(&mut schema);
        schema.add_fields("RecordType", [flag("IsPersonType", "Is Person Type")]);
        schema.touch(now);
        self.schema = Arc::new(schema);
        let Some((_, account)) = self.schema.find("Account") else { return };
        if account.record_types.iter().any(|known| known.developer_name == TYPE_NAME.0) {
            return;
        }
        let mut account = ObjectType::clone(account);
        if account.record_types.is_empty() {
            let id = self.make_record_type(BUSINESS_NAME, false, now);
            account.record_types.extend(id.map(|id| listed(BUSINESS_NAME, id, true)));
        }
        let id = self.make_record_type(TYPE_NAME, true, now);
        account.record_types.extend(id.map(|id| listed(TYPE_NAME, id, false)));
        Arc::make_mut(&mut self.schema).put(account);
    }

    /// Whether person accounts are on.
    pub fn has_person_accounts(&self) -> bool {
        self.schema.find("Account").is_some_and(|(_, facts)| facts.field("IsPersonAccount").is_some())
    }

    fn make_record_type(&mut self, (developer, name): (&str, &str), person: bool, now: Millis) -> Option<RecordId> {
        let (object, facts) = self.schema.find("RecordType")?;
        let id = self.store.table_mut(object).next_id(facts.key_prefix?);
        let text = |text: &str| Value::Text(text.to_owned());
        let (user, stamp) = (Value::Id(self.settings.admin_id), Value::DateTime(now - now.rem_euclid(1000)));
        let values: Values = [
            ("Id", Value::Id(id)),
            ("Name", text(name)),
            ("DeveloperName", text(developer)),
            ("SobjectType", text("Account")),
            ("IsActive", Value::Bool(true)),
            ("IsPersonType", Value::Bool(person)),
            ("CreatedById", user.clone()),
            ("CreatedDate", stamp.clone()),
            ("LastModifiedById", user),
            ("LastModifiedDate", stamp.clone()),
            ("SystemModstamp", stamp),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((facts.field(name)?.0, value)))
        .collect();
        self.store.table_mut(object).put(id, Row::new(&values));
        Some(id)
    }
}

fn listed((developer, name): (&str, &str), id: RecordId, default: bool) -> RecordType {
    RecordType { id, developer_name: developer.into(), name: name.into(), active: true, default }
}

/// What the rules of person accounts need to know of the two objects.
struct Pair {
    account: ObjectId,
    contact: ObjectId,
    is_person: FieldId,
    link: FieldId,
    contact_is_person: FieldId,
    contact_account: FieldId,
    /// Account's field and contact's.
    fields: Vec<(FieldId, FieldId)>,
}

impl Pair {
    /// `None` in an org without person accounts.
    fn of(schema: &Schema) -> Option<Self> {
        let (account, account_facts) = schema.find("Account")?;
        let (is_person, _) = account_facts.field("IsPersonAccount")?;
        let (contact, contact_facts) = schema.find("Contact")?;
        let mirrored = contact_facts.enumerate().filter(|(_, f)| !f.ty.is_compound()).filter_map(|(id, field)| {
            let name =
                account_name(field).or_else(|| SHARED.contains(&field.name.as_str()).then(|| field.name.clone()))?;
            Some((account_facts.field(&name)?.0, id))
        });
        Some(Self {
            account,
            contact,
            is_person,
            link: account_facts.field("PersonContactId")?.0,
            contact_is_person: contact_facts.field("IsPersonAccount")?.0,
            contact_account: contact_facts.field("AccountId")?.0,
            fields: mirrored.collect(),
        })
    }
}

/// A record before the round and now.
type Followed = (Option<Arc<Row>>, Arc<Row>);

fn bad_fields(object: &str, fields: Vec<String>) -> ApiError {
    let text = format!("{object}: bad field names on insert/update call: {}", fields.join(", "));
    ApiError { fields, ..ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", text) }
}

/// A person's whole name, without the salutation.
fn full_name(facts: &ObjectType, read: impl Fn(FieldId) -> Value) -> Value {
    let parts = NAME_PARTS.iter().skip(1).filter_map(|name| facts.field(name)).map(|(id, _)| read(id));
    let parts: Vec<String> = parts.filter_map(|value| value.as_text().map(str::to_owned)).collect();
    if parts.is_empty() { Value::Null } else { Value::Text(parts.join(" ")) }
}

impl Transaction<'_> {
    /// Looks at what is to be written of an account or a contact, before anything else does: which of the two an account
    /// is, which fields it may have, and a person's `Name`.
    ///
    /// Errors: `Name` of a person, a person's fields of a business, a contact of a person besides its own.
    pub(super) fn prepare_person(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        before: Option<&Row>,
        given: &mut Values,
    ) -> Result<(), ApiError> {
        let Some(pair) = (facts.name == "Account" || facts.name == "Contact").then(|| Pair::of(&self.schema)).flatten()
        else {
            return Ok(());
        };
        if object == pair.contact {
            return self.check_contact(&pair, before, given);
        }
        let type_field = facts.field("RecordTypeId").map(|(id, _)| id);
        let given_type = type_field.and_then(|field| given.get(&field)).and_then(Value::as_id);
        let last = facts.field("LastName").map(|(id, _)| id);
        let has_last = last.and_then(|id| given.get(&id)).is_some_and(|value| !value.is_null());
        let person = match (before, given_type) {
            (Some(before), Some(id)) => {
                let was = before.get(pair.is_person) == Value::Bool(true);
                if self.is_person_type(id) != was {
                    let text = "A record type of this kind cannot be given to this account: turning accounts from persons \
                                into businesses, or back, is not emulated";
                    return Err(ApiError::new("INVALID_OPERATION", text).field("RecordTypeId"));
                }
                was
            }
            (Some(before), None) => before.get(pair.is_person) == Value::Bool(true),
            (None, Some(id)) => self.is_person_type(id),
            (None, None) => has_last,
        };
        let name = facts.field("Name").map(|(id, _)| id);
        if !person {
            let shared = SHARED.map(|name| facts.field(name).map(|(id, _)| id));
            let own: Vec<String> = pair
                .fields
                .iter()
                .filter(|(account, _)| !shared.contains(&Some(*account)))
                .filter(|(account, _)| given.get(account).is_some_and(|v| !v.is_null() && *v != Value::Bool(false)))
                .map(|(account, _)| facts.field_at(*account).name.clone())
                .collect();
            return if own.is_empty() { Ok(()) } else { Err(bad_fields("Account", own)) };
        }
        if name.and_then(|id| given.get(&id)).is_some_and(|value| !value.is_null()) {
            return Err(bad_fields("Account", vec!["Name".into()]));
        }
        let lost_last = match (last.and_then(|id| given.get(&id)), before) {
            (Some(value), _) => value.is_null(),
            (None, before) => before.is_none(),
        };
        if lost_last {
            return Err(super::errors::required(vec!["LastName".into()]));
        }
        let whole = full_name(facts, |field| match (given.get(&field), before) {
            (Some(value), _) => value.clone(),
            (None, Some(row)) => row.get(field),
            (None, None) => Value::Null,
        });
        given.extend(name.map(|id| (id, whole)));
        if before.is_none() {
            given.insert(pair.is_person, Value::Bool(true));
            if given_type.is_none() {
                given.extend(type_field.zip(self.person_type(facts)).map(|(field, id)| (field, Value::Id(id))));
            }
        }
        Ok(())
    }

    /// Whether a record type is one of persons.
    fn is_person_type(&self, id: RecordId) -> bool {
        let Some((object, facts)) = self.schema.find("RecordType") else { return false };
        let Some((field, _)) = facts.field("IsPersonType") else { return false };
        self.store.get(object, id).is_some_and(|row| row.get(field) == Value::Bool(true))
    }

    fn person_type(&self, facts: &ObjectType) -> Option<RecordId> {
        facts.record_types.iter().filter(|known| known.active).map(|known| known.id).find(|id| self.is_person_type(*id))
    }

    /// A contact belongs to a person only as that person's own, which it stays.
    fn check_contact(&self, pair: &Pair, before: Option<&Row>, given: &Values) -> Result<(), ApiError> {
        let is_own = before.is_some_and(|row| row.get(pair.contact_is_person) == Value::Bool(true));
        let Some(account) = given.get(&pair.contact_account) else { return Ok(()) };
        if is_own {
            let unchanged = before.is_some_and(|row| row.get(pair.contact_account) == *account);
            return if unchanged { Ok(()) } else { Err(bad_fields("Contact", vec!["AccountId".into()])) };
        }
        let parent = account.as_id().and_then(|id| self.store.live(pair.account, id));
        if parent.is_some_and(|row| row.get(pair.is_person) == Value::Bool(true)) {
            let text = "A contact cannot be related to a person account through its Account field";
            return Err(ApiError::new("FIELD_INTEGRITY_EXCEPTION", text).field("AccountId"));
        }
        Ok(())
    }

    /// Refuses to delete a person's contact by itself: it goes with its account.
    pub(super) fn check_person_delete(&self, facts: &ObjectType, row: &Values) -> Result<(), ApiError> {
        let is_own = facts.name == "Contact"
            && facts.field("IsPersonAccount").is_some_and(|(field, _)| row.get(&field) == Some(&Value::Bool(true)));
        if is_own {
            let text = "The contact of a person account cannot be deleted. Delete the account instead.";
            return Err(ApiError::new("DELETE_FAILED", text));
        }
        Ok(())
    }

    /// Lets the other of the two follow.
    pub(super) fn follow_persons(&mut self, steps: &[super::settle::Touched]) {
        let Some(pair) = Pair::of(&self.schema) else { return };
        // The last row of each record, beside the first one that the round saw.
        let mut seen: BTreeMap<(ObjectId, RecordId), Followed> = BTreeMap::new();
        for step in steps.iter().filter(|step| step.object == pair.account || step.object == pair.contact) {
            let Some(after) = &step.after else { continue };
            let flag = if step.object == pair.account { pair.is_person } else { pair.contact_is_person };
            if after.get(flag) == Value::Bool(true) {
                let entry = seen.entry((step.object, step.id)).or_insert_with(|| (step.before.clone(), after.clone()));
                entry.1 = after.clone();
            }
        }
        for ((object, id), (before, after)) in seen {
            let from_account = object == pair.account;
            let own = |(a, c): (FieldId, FieldId)| if from_account { (a, c) } else { (c, a) };
            let moved: Values = pair
                .fields
                .iter()
                .map(|both| own(*both))
                .filter(|(here, _)| before.as_ref().is_none_or(|row| row.get(*here) != after.get(*here)))
                .map(|(here, there)| (there, after.get(here)))
                .collect();
            let other = after.get(if from_account { pair.link } else { pair.contact_account }).as_id();
            match (other, from_account) {
                (None, true) => self.make_person_contact(&pair, id, &after, moved),
                (Some(other), true) => self.mirror(pair.contact, other, &moved),
                (Some(other), false) => self.mirror(pair.account, other, &moved),
                (None, false) => {}
            }
        }
    }

    fn make_person_contact(&mut self, pair: &Pair, account: RecordId, row: &Arc<Row>, mut values: Values) {
        let facts = self.object(pair.contact);
        let Some(prefix) = facts.key_prefix else { return };
        values.retain(|_, value| !value.is_null());
        values.insert(pair.contact_account, Value::Id(account));
        values.insert(pair.contact_is_person, Value::Bool(true));
        let given = values.clone();
        defaults::apply(self, pair.contact, &facts, &mut values);
        let id = self.store.table_mut(pair.contact).next_id(prefix);
        self.stamp_new(&facts, id, &Values::new(), &mut values);
        derived::apply(&mut derived::Draft {
            object: &facts,
            values: &mut values,
            given: &given,
            before: None,
            id,
            now: self.stamp(None),
            schema: &self.schema,
            store: self.store,
        });
        self.put(pair.contact, id, &values, Cause::User);
        let mut linked = row.to_values();
        linked.insert(pair.link, Value::Id(id));
        self.put(pair.account, account, &linked, Cause::User);
    }

    /// Sets these values of a record where they differ.
    fn mirror(&mut self, object: ObjectId, id: RecordId, moved: &Values) {
        let Some(row) = self.store.live(object, id).cloned() else { return };
        if moved.iter().all(|(field, value)| row.get(*field) == *value) {
            return;
        }
        let facts = self.object(object);
        let mut values = row.to_values();
        values.extend(moved.iter().map(|(field, value)| (*field, value.clone())));
        if facts.name == "Account"
            && let Some((name, _)) = facts.field("Name")
        {
            let whole = full_name(&facts, |field| values.get(&field).cloned().unwrap_or(Value::Null));
            values.insert(name, whole);
        }
        self.touch(&facts, &mut values, true);
        derived::apply(&mut derived::Draft {
            object: &facts,
            values: &mut values,
            given: moved,
            before: Some(&row),
            id,
            now: self.stamp(None),
            schema: &self.schema,
            store: self.store,
        });
        self.put(object, id, &values, Cause::User);
    }
}
