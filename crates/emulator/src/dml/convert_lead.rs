//! Converting leads: from a lead an account, a contact and an opportunity, and a lead that nobody changes any more.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_convertlead.htm>

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::transaction::{Cause, Transaction};
use super::{Input, WriteContext, WriteOptions, errors};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType};
use crate::store::{Row, Values};
use crate::{ApiError, Millis, Org, RecordId, Value};

/// Characters of an opportunity's name in a conversion. Documented.
const OPPORTUNITY_NAME_MAX: usize = 80;

/// One conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadConvert {
    /// The lead.
    pub lead: RecordId,
    /// The status that the lead gets: a `LeadStatus` with `IsConverted`.
    pub status: Option<String>,
    /// The account to merge the lead into; a new one where none is named.
    pub account: Option<RecordId>,
    /// The contact to merge the lead into, of that account; a new one where none is named.
    pub contact: Option<RecordId>,
    /// The opportunity to relate to the account and contact, instead of a new one.
    pub opportunity: Option<RecordId>,
    /// The name of the new opportunity; the lead's company where none is given.
    pub opportunity_name: Option<String>,
    /// Whether no opportunity is made.
    pub no_opportunity: bool,
    /// Who owns what is made; the lead's owner where none is named.
    pub owner: Option<RecordId>,
    /// Whether an existing contact's `LeadSource` is overwritten with the lead's.
    pub overwrite_lead_source: bool,
}

impl LeadConvert {
    /// A conversion into a new account, contact and opportunity.
    pub fn new(lead: RecordId, status: impl Into<String>) -> Self {
        Self {
            lead,
            status: Some(status.into()),
            account: None,
            contact: None,
            opportunity: None,
            opportunity_name: None,
            no_opportunity: false,
            owner: None,
            overwrite_lead_source: false,
        }
    }
}

/// A conversion that worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// The lead.
    pub lead: RecordId,
    /// Its account.
    pub account: RecordId,
    /// Its contact.
    pub contact: RecordId,
    /// Its opportunity, if there is one.
    pub opportunity: Option<RecordId>,
}

/// Standard fields of a lead, and where they go. Documented under "lead conversion field mapping".
const TO_ACCOUNT: &[(&str, &str)] = &[
    ("Company", "Name"),
    ("Phone", "Phone"),
    ("Fax", "Fax"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("AnnualRevenue", "AnnualRevenue"),
    ("NumberOfEmployees", "NumberOfEmployees"),
    ("Rating", "Rating"),
    ("LeadSource", "AccountSource"),
    ("CompanyDunsNumber", "DunsNumber"),
    ("Street", "BillingStreet"),
    ("City", "BillingCity"),
    ("State", "BillingState"),
    ("PostalCode", "BillingPostalCode"),
    ("Country", "BillingCountry"),
    ("Latitude", "BillingLatitude"),
    ("Longitude", "BillingLongitude"),
    ("GeocodeAccuracy", "BillingGeocodeAccuracy"),
];
const TO_CONTACT: &[(&str, &str)] = &[
    ("Salutation", "Salutation"),
    ("FirstName", "FirstName"),
    ("MiddleName", "MiddleName"),
    ("LastName", "LastName"),
    ("Suffix", "Suffix"),
    ("Title", "Title"),
    ("Phone", "Phone"),
    ("MobilePhone", "MobilePhone"),
    ("Fax", "Fax"),
    ("Email", "Email"),
    ("LeadSource", "LeadSource"),
    ("Description", "Description"),
    ("DoNotCall", "DoNotCall"),
    ("HasOptedOutOfEmail", "HasOptedOutOfEmail"),
    ("HasOptedOutOfFax", "HasOptedOutOfFax"),
    ("IndividualId", "IndividualId"),
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
    ("Latitude", "MailingLatitude"),
    ("Longitude", "MailingLongitude"),
    ("GeocodeAccuracy", "MailingGeocodeAccuracy"),
];
const TO_OPPORTUNITY: &[(&str, &str)] = &[("LeadSource", "LeadSource")];

impl Org {
    /// Converts leads, each whole or not at all, and all of them in one transaction.
    ///
    /// # Errors
    /// Per lead: no such lead, converted already (`CANNOT_UPDATE_CONVERTED_LEAD`), a status that is no converted one
    /// (`INVALID_STATUS`), an owner that is no user, a contact that is not the account's, a record that is not
    /// there, and whatever making the account, contact and opportunity can answer.
    pub fn convert_leads(
        &mut self,
        context: &WriteContext,
        options: WriteOptions,
        leads: Vec<LeadConvert>,
    ) -> Vec<Result<Converted, Vec<ApiError>>> {
        self.each(context, options, leads, |tx, lead| tx.convert_lead(&lead))
    }
}

/// Whether this is a lead that was converted, and so cannot be changed.
pub(super) fn is_converted(facts: &ObjectType, row: &Row) -> bool {
    facts.name == "Lead" && facts.field("IsConverted").is_some_and(|(field, _)| row.get(field) == Value::Bool(true))
}

/// An object of the schema and its facts.
type Found = (ObjectId, Arc<ObjectType>);

/// What every step of one conversion reads.
struct Conversion<'c> {
    asked: &'c LeadConvert,
    lead_facts: Arc<ObjectType>,
    lead_row: Arc<Row>,
    owner: RecordId,
}

impl Conversion<'_> {
    fn lead_value(&self, field: &str) -> Value {
        self.lead_facts.field(field).map_or(Value::Null, |(id, _)| self.lead_row.get(id))
    }

    /// The lead's values by the names of the fields that they go to, as far as both objects have them.
    fn mapped(&self, to: &ObjectType, mapping: &[(&str, &str)]) -> Vec<(String, Input)> {
        let value = |from: &str, name: &str| {
            let (_, field) = to.field(name).filter(|(_, field)| field.createable)?;
            Some((field.name.clone(), input(&self.lead_value(from))?))
        };
        mapping.iter().filter_map(|(from, name)| value(from, name)).collect()
    }
}

impl Transaction<'_> {
    fn convert_lead(&mut self, asked: &LeadConvert) -> Result<Converted, Vec<ApiError>> {
        let one = |e: ApiError| vec![e];
        let (lead_object, lead_facts) = self.named("Lead").map_err(one)?;
        let lead_row = self.find_live(lead_object, &lead_facts, asked.lead).map_err(one)?;
        if is_converted(&lead_facts, &lead_row) {
            return Err(vec![errors::converted_lead()]);
        }
        let status = self.converted_status(asked.status.as_deref()).map_err(one)?;
        let owner = self.new_owner(&lead_facts, &lead_row, asked.owner).map_err(one)?;
        check_names(asked).map_err(one)?;
        let conversion = Conversion { asked, lead_facts, lead_row, owner };
        let account = self.account_of_lead(&conversion)?;
        let contact = self.contact_of_lead(&conversion, account)?;
        let opportunity = self.opportunity_of_lead(&conversion, account, contact)?;
        let done = Converted { lead: asked.lead, account, contact, opportunity };
        self.seal(lead_object, &conversion, &status, &done);
        // After the lead, whose event is the fourth of a conversion (documented).
        if let Some(opportunity) = opportunity {
            self.primary_role(opportunity, contact)?;
        }
        self.move_children(lead_object, &done);
        Ok(done)
    }

    fn named(&self, object: &str) -> Result<Found, ApiError> {
        let (id, facts) = self
            .schema
            .find(object)
            .ok_or_else(|| ApiError::new("INVALID_TYPE", format!("sObject type '{object}' is not supported.")))?;
        Ok((id, Arc::clone(facts)))
    }

    /// The status as `LeadStatus` spells it.
    fn converted_status(&self, asked: Option<&str>) -> Result<String, ApiError> {
        let invalid =
            || ApiError::new("INVALID_STATUS", format!("invalid convertedStatus: {}", asked.unwrap_or("null")));
        let wanted = asked.ok_or_else(invalid)?;
        let (object, facts) = self.named("LeadStatus")?;
        let column = |name: &str| facts.field(name).map(|(field, _)| field);
        let (Some(converted), Some(label), Some(api)) =
            (column("IsConverted"), column("MasterLabel"), column("ApiName"))
        else {
            return Err(invalid());
        };
        let table = self.store.table(object).ok_or_else(invalid)?;
        let is = |row: &Row, field: FieldId| row.get(field).as_text().is_some_and(|t| t.eq_ignore_ascii_case(wanted));
        let mut rows = table.live_rows().filter(|(_, row)| row.get(converted) == Value::Bool(true));
        let (_, row) = rows.find(|(_, row)| is(row, label) || is(row, api)).ok_or_else(invalid)?;
        row.get(api).as_text().map(str::to_owned).ok_or_else(invalid)
    }

    /// Who owns what is made. A queue cannot.
    fn new_owner(&self, facts: &ObjectType, row: &Row, asked: Option<RecordId>) -> Result<RecordId, ApiError> {
        let of_lead = facts.field("OwnerId").and_then(|(field, _)| row.get(field).as_id());
        let owner = asked.or(of_lead).unwrap_or(self.context.user);
        let is_user = self.schema.by_prefix(owner.prefix()).is_some_and(|o| self.schema.object(o).name == "User");
        if is_user {
            return Ok(owner);
        }
        Err(ApiError::new(
            "UNKNOWN_EXCEPTION",
            "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a user for the Owner field.",
        ))
    }

    fn account_of_lead(&mut self, c: &Conversion<'_>) -> Result<RecordId, Vec<ApiError>> {
        let (object, facts) = self.named("Account").map_err(|e| vec![e])?;
        let mut fields = c.mapped(&facts, TO_ACCOUNT);
        match c.asked.account {
            Some(id) => self.fill_up(object, &facts, id, fields, &[]).map(|()| id),
            None => {
                fields.push(("OwnerId".into(), Input::Text(c.owner.to_string())));
                self.create(object, fields)
            }
        }
    }

    fn contact_of_lead(&mut self, c: &Conversion<'_>, account: RecordId) -> Result<RecordId, Vec<ApiError>> {
        let (object, facts) = self.named("Contact").map_err(|e| vec![e])?;
        let mut fields = c.mapped(&facts, TO_CONTACT);
        let Some(id) = c.asked.contact else {
            fields.push(("AccountId".into(), Input::Text(account.to_string())));
            fields.push(("OwnerId".into(), Input::Text(c.owner.to_string())));
            return self.create(object, fields);
        };
        let row = self.find_live(object, &facts, id).map_err(|e| vec![e])?;
        let of = facts.field("AccountId").and_then(|(field, _)| row.get(field).as_id());
        if c.asked.account.is_none() || of != Some(account) {
            // Documented as a condition; the code and the wording are unconfirmed.
            let text = "the contact must be associated with the account that the lead is converted into";
            return Err(vec![ApiError::new("INVALID_CROSS_REFERENCE_KEY", text).field("contactId")]);
        }
        let overwrite: &[&str] = if c.asked.overwrite_lead_source { &["LeadSource"] } else { &[] };
        self.fill_up(object, &facts, id, fields, overwrite).map(|()| id)
    }

    fn opportunity_of_lead(
        &mut self,
        c: &Conversion<'_>,
        account: RecordId,
        contact: RecordId,
    ) -> Result<Option<RecordId>, Vec<ApiError>> {
        let (object, facts) = self.named("Opportunity").map_err(|e| vec![e])?;
        let id = if let Some(id) = c.asked.opportunity {
            let fields = vec![("AccountId".to_owned(), Input::Text(account.to_string()))];
            self.fill_up(object, &facts, id, fields, &[])?;
            id
        } else if c.asked.no_opportunity {
            return Ok(None);
        } else {
            let mut fields = c.mapped(&facts, TO_OPPORTUNITY);
            let company = || c.lead_value("Company").as_text().unwrap_or_default().to_owned();
            let longest = facts.field("Name").map_or(OPPORTUNITY_NAME_MAX, |(_, field)| field.length as usize);
            let name: String = c.asked.opportunity_name.clone().unwrap_or_else(company).chars().take(longest).collect();
            let given = [
                ("Name", Some(name)),
                ("AccountId", Some(account.to_string())),
                ("OwnerId", Some(c.owner.to_string())),
                ("StageName", first_stage(&facts)),
                ("CloseDate", self.quarter_end().map(|day| day.to_string())),
                ("ContactId", Some(contact.to_string())),
            ];
            for (field, value) in given {
                let writable = facts.field(field).is_some_and(|(_, field)| field.createable);
                if let (true, Some(value)) = (writable, value) {
                    fields.push((field.to_owned(), Input::Text(value)));
                }
            }
            self.create(object, fields)?
        };
        Ok(Some(id))
    }

    /// The contact's role in the opportunity, unless the opportunity has a role already.
    fn primary_role(&mut self, opportunity: RecordId, contact: RecordId) -> Result<(), Vec<ApiError>> {
        let Ok((object, facts)) = self.named("OpportunityContactRole") else { return Ok(()) };
        let Some((field, _)) = facts.field("OpportunityId") else { return Ok(()) };
        if !self.store.children(object, field, opportunity).is_empty() {
            return Ok(());
        }
        let fields = vec![
            ("OpportunityId".to_owned(), Input::Text(opportunity.to_string())),
            ("ContactId".to_owned(), Input::Text(contact.to_string())),
            ("IsPrimary".to_owned(), Input::Text("true".into())),
        ];
        self.create(object, fields).map(drop)
    }

    /// Changes an existing record where it has nothing, and in these fields even where it has something.
    fn fill_up(
        &mut self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
        fields: Vec<(String, Input)>,
        overwrite: &[&str],
    ) -> Result<(), Vec<ApiError>> {
        let row = self.find_live(object, facts, id).map_err(|e| vec![e])?;
        let wanted = |name: &str| {
            let Some((at, field)) = facts.field(name).filter(|(_, field)| field.updateable) else { return false };
            // A checkbox has always something.
            overwrite.contains(&name) || (row.get(at).is_null() && field.ty != FieldType::Boolean)
        };
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| wanted(name)).collect();
        if fields.is_empty() { Ok(()) } else { self.update(object, id, fields) }
    }

    /// The lead, done with.
    fn seal(&mut self, object: ObjectId, c: &Conversion<'_>, status: &str, done: &Converted) {
        let mut values = c.lead_row.to_values();
        let today = self.today().map_or(Value::Null, Value::Date);
        let facts = &c.lead_facts;
        for (name, value) in [
            ("Status", Value::Text(status.to_owned())),
            ("IsConverted", Value::Bool(true)),
            ("ConvertedDate", today),
            ("ConvertedAccountId", Value::Id(done.account)),
            ("ConvertedContactId", Value::Id(done.contact)),
            ("ConvertedOpportunityId", done.opportunity.map_or(Value::Null, Value::Id)),
            ("IsUnreadByOwner", Value::Bool(false)),
        ] {
            if let Some((field, _)) = facts.field(name) {
                values.insert(field, value);
            }
        }
        self.touch(facts, &mut values, true);
        self.put(object, done.lead, &values, Cause::User);
    }

    /// Activities go to the contact and, where they are about nothing yet, to the opportunity or the account (which
    /// of the two is unconfirmed). Whatever has a lead and a contact (campaign members) gets the contact besides.
    fn move_children(&mut self, lead_object: ObjectId, done: &Converted) {
        for incoming in self.incoming(lead_object).iter() {
            let facts = self.object(incoming.child);
            let column = |name: &str| facts.field(name).map(|(field, _)| field);
            let name = &facts.field_at(incoming.field).name;
            for child in self.store.children(incoming.child, incoming.field, done.lead) {
                let Some(row) = self.store.get(incoming.child, child).cloned() else { continue };
                let mut values = row.to_values();
                match (name.as_str(), column("ContactId")) {
                    ("WhoId", _) => {
                        values.insert(incoming.field, Value::Id(done.contact));
                        let about = done.opportunity.unwrap_or(done.account);
                        for (field, value) in [("WhatId", about), ("AccountId", done.account)] {
                            let Some(field) = column(field) else { continue };
                            values.entry(field).or_insert(Value::Id(value));
                        }
                    }
                    ("LeadId", Some(contact)) => {
                        values.insert(contact, Value::Id(done.contact));
                    }
                    _ => continue,
                }
                self.touch(&facts, &mut values, false);
                self.put(incoming.child, child, &values, Cause::Org { told: true });
            }
        }
    }

    /// The day of the transaction, in UTC.
    fn today(&self) -> Option<Date> {
        let instant = jiff::Timestamp::from_millisecond(self.context.now).ok()?;
        Some(instant.to_zoned(TimeZone::UTC).date())
    }

    /// The last day of the quarter, when a converted lead's opportunity is expected to close.
    fn quarter_end(&self) -> Option<Date> {
        let today = self.today()?;
        let last_month = (today.month() + 2) / 3 * 3;
        Date::new(today.year(), last_month, 1).ok().map(|first| first.last_of_month())
    }
}

fn check_names(asked: &LeadConvert) -> Result<(), ApiError> {
    let Some(name) = &asked.opportunity_name else { return Ok(()) };
    if asked.opportunity.is_some() {
        // Documented as an error; its code is unconfirmed.
        let text = "opportunityName and opportunityId cannot both be given";
        return Err(ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", text).field("opportunityName"));
    }
    if name.chars().count() > OPPORTUNITY_NAME_MAX {
        let text = format!("Opportunity Name: data value too large: {name} (max length={OPPORTUNITY_NAME_MAX})");
        return Err(ApiError::new("STRING_TOO_LONG", text).field("opportunityName"));
    }
    Ok(())
}

/// The stage of a new opportunity: the default one, else the first.
fn first_stage(facts: &ObjectType) -> Option<String> {
    let (_, field) = facts.field("StageName")?;
    let mut active = field.picklist.iter().filter(|value| value.active);
    let default = active.clone().find(|value| value.default_value);
    default.or_else(|| active.next()).map(|value| value.value.clone())
}

/// A stored value as a write takes it; nothing for null and for an unticked checkbox.
fn input(value: &Value) -> Option<Input> {
    Some(Input::Text(match value {
        Value::Text(text) => text.clone(),
        Value::Bool(true) => "true".to_owned(),
        Value::Int(n) => n.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Id(id) => id.to_string(),
        Value::Null | Value::Bool(false) | Value::DateTime(_) | Value::Time(_) => return None,
    }))
}

/// The converted status of a new org.
const CONVERTED: &str = "Closed - Converted";

/// Makes a `LeadStatus` for each value of `Lead.Status` that has none yet.
///
/// Of a new org's values `Closed - Converted` is the converted one.
pub(crate) fn ensure_lead_statuses(org: &mut Org, now: Millis) {
    let schema = Arc::clone(&org.schema);
    let (Some((object, facts)), Some((_, lead))) = (schema.find("LeadStatus"), schema.find("Lead")) else { return };
    let (Some((_, status)), Some(prefix)) = (lead.field("Status"), facts.key_prefix) else { return };
    let Some((api, _)) = facts.field("ApiName") else { return };
    let stamp = Value::DateTime(now - now.rem_euclid(1000));
    let admin = Value::Id(org.settings.admin_id);
    for (at, entry) in status.picklist.iter().enumerate().filter(|(_, entry)| entry.active) {
        let table = org.store.table_mut(object);
        if table.live_rows().any(|(_, row)| row.get(api).as_text() == Some(&entry.value)) {
            continue;
        }
        let id = table.next_id(prefix);
        let default = entry.default_value || status.default_value.as_deref() == Some(&entry.value);
        let mut values = Values::new();
        for (name, value) in [
            ("Id", Value::Id(id)),
            ("MasterLabel", Value::Text(entry.label.clone())),
            ("ApiName", Value::Text(entry.value.clone())),
            ("SortOrder", Value::Int(at as i64 + 1)),
            ("IsDefault", Value::Bool(default)),
            ("IsConverted", Value::Bool(entry.value == CONVERTED)),
            ("CreatedById", admin.clone()),
            ("CreatedDate", stamp.clone()),
            ("LastModifiedById", admin.clone()),
            ("LastModifiedDate", stamp.clone()),
            ("SystemModstamp", stamp.clone()),
        ] {
            if let Some((field, _)) = facts.field(name) {
                values.insert(field, value);
            }
        }
        table.put(id, Row::new(&values));
    }
}
