//! Conversions: what is made of a lead, and what becomes of it.

use super::*;
use crate::dml::{Converted, LeadConvert, WriteOptions, ensure_lead_statuses};

const STATUS: &str = "Closed - Converted";

impl Bench {
    fn with_statuses() -> Self {
        let mut bench = Self::new();
        let admin = bench.org.settings.admin_id;
        let user = bench.object("User");
        let (active, _) = bench.org.schema.object(user).field("IsActive").unwrap();
        let values = crate::store::Values::from([(active, Value::Bool(true))]);
        bench.org.store.table_mut(user).put(admin, crate::store::Row::new(&values));
        ensure_lead_statuses(&mut bench.org, NOW);
        bench
    }

    fn convert(&mut self, lead: LeadConvert) -> Result<Converted, Vec<ApiError>> {
        let context = self.context(false);
        self.org.convert_leads(&context, WriteOptions::default(), vec![lead]).remove(0)
    }

    fn lead(&mut self) -> RecordId {
        self.made(
            "Lead",
            json!({
                "FirstName": "Lea", "LastName": "Dée", "Company": "Fern & Co", "Phone": "123", "Email": "l@x.example",
                "Street": "1 Road", "City": "Town", "Industry": "Energy", "AnnualRevenue": 1000.5, "Title": "Boss",
                "NumberOfEmployees": 7, "LeadSource": "Web", "Description": "hot", "Rating": "Hot",
            }),
        )
    }
}

fn refused(result: Result<Converted, Vec<ApiError>>) -> String {
    let errors = result.expect_err("the conversion should fail");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

#[test]
fn a_lead_becomes_an_account_a_contact_and_an_opportunity() {
    let mut bench = Bench::with_statuses();
    let lead = bench.lead();
    let task = bench.made("Task", json!({ "Subject": "Call", "WhoId": lead.to_string() }));
    let done = bench.convert(LeadConvert::new(lead, STATUS)).unwrap();
    let opportunity = done.opportunity.unwrap();
    for (object, id, field, value) in [
        ("Account", done.account, "Name", "Fern & Co"),
        ("Account", done.account, "BillingStreet", "1 Road"),
        ("Account", done.account, "Industry", "Energy"),
        ("Account", done.account, "AccountSource", "Web"),
        ("Contact", done.contact, "Name", "Lea Dée"),
        ("Contact", done.contact, "MailingCity", "Town"),
        ("Contact", done.contact, "Email", "l@x.example"),
        ("Contact", done.contact, "Description", "hot"),
        ("Contact", done.contact, "LeadSource", "Web"),
        ("Opportunity", opportunity, "Name", "Fern & Co"),
        ("Opportunity", opportunity, "StageName", "Prospecting"),
        ("Opportunity", opportunity, "LeadSource", "Web"),
        ("Lead", lead, "Status", STATUS),
    ] {
        assert_eq!(bench.text(object, id, field), value, "{object}.{field}");
    }
    assert_eq!(bench.get("Account", done.account, "NumberOfEmployees"), Value::Int(7));
    assert_eq!(bench.get("Contact", done.contact, "AccountId"), Value::Id(done.account));
    assert_eq!(bench.get("Opportunity", opportunity, "AccountId"), Value::Id(done.account));
    // The clock of the tests stands in September 2026.
    assert_eq!(bench.get("Opportunity", opportunity, "CloseDate"), Value::Date(jiff::civil::date(2026, 9, 30)));
    assert_eq!(bench.get("Lead", lead, "IsConverted"), Value::Bool(true));
    assert_eq!(bench.get("Lead", lead, "ConvertedDate"), Value::Date(jiff::civil::date(2026, 9, 21)));
    assert_eq!(bench.get("Lead", lead, "ConvertedAccountId"), Value::Id(done.account));
    assert_eq!(bench.get("Lead", lead, "ConvertedContactId"), Value::Id(done.contact));
    assert_eq!(bench.get("Lead", lead, "ConvertedOpportunityId"), Value::Id(opportunity));
    assert_eq!(bench.get("Task", task, "WhoId"), Value::Id(done.contact));
    assert_eq!(bench.get("Task", task, "WhatId"), Value::Id(opportunity));
    assert_eq!(bench.get("Task", task, "AccountId"), Value::Id(done.account));
}

#[test]
fn a_converted_lead_is_read_only_and_not_converted_again() {
    let mut bench = Bench::with_statuses();
    let lead = bench.lead();
    bench.convert(LeadConvert::new(lead, STATUS)).unwrap();
    let expected = "CANNOT_UPDATE_CONVERTED_LEAD: cannot reference converted lead";
    assert_eq!(error(bench.update("Lead", lead, json!({ "Phone": "9" }))), expected);
    assert_eq!(refused(bench.convert(LeadConvert::new(lead, STATUS))), expected);
    bench.delete("Lead", lead).unwrap();
}

#[test]
fn an_existing_account_and_contact_keep_what_they_have() {
    let mut bench = Bench::with_statuses();
    let account = bench.made("Account", json!({ "Name": "Kept", "Phone": "old" }));
    let contact = bench.made(
        "Contact",
        json!({ "LastName": "Old", "AccountId": account.to_string(), "LeadSource": "Other", "Title": "Chief" }),
    );
    let lead = bench.lead();
    let into = LeadConvert {
        account: Some(account),
        contact: Some(contact),
        no_opportunity: true,
        overwrite_lead_source: true,
        ..LeadConvert::new(lead, "closed - converted")
    };
    let done = bench.convert(into).unwrap();
    assert_eq!((done.account, done.contact, done.opportunity), (account, contact, None));
    for (object, id, field, value) in [
        ("Account", account, "Name", "Kept"),
        ("Account", account, "Phone", "old"),
        ("Account", account, "BillingCity", "Town"),
        ("Contact", contact, "LastName", "Old"),
        ("Contact", contact, "Title", "Chief"),
        ("Contact", contact, "Email", "l@x.example"),
        ("Contact", contact, "LeadSource", "Web"),
        ("Lead", lead, "Status", STATUS),
    ] {
        assert_eq!(bench.text(object, id, field), value, "{object}.{field}");
    }
    let (object, _) = bench.org.schema.find("Opportunity").unwrap();
    assert!(bench.org.store.table(object).is_none_or(|table| table.is_empty()));
}

#[test]
fn names_owners_and_existing_opportunities() {
    let mut bench = Bench::with_statuses();
    let lead = bench.lead();
    let named = LeadConvert { opportunity_name: Some("Big one".into()), ..LeadConvert::new(lead, STATUS) };
    let done = bench.convert(named).unwrap();
    assert_eq!(bench.text("Opportunity", done.opportunity.unwrap(), "Name"), "Big one");
    let open = json!({ "Name": "Open", "StageName": "Prospecting", "CloseDate": "2027-01-01" });
    let opportunity = bench.made("Opportunity", open);
    let second = bench.lead();
    let related = LeadConvert { opportunity: Some(opportunity), ..LeadConvert::new(second, STATUS) };
    let done = bench.convert(related).unwrap();
    assert_eq!(done.opportunity, Some(opportunity));
    assert_eq!(bench.get("Opportunity", opportunity, "AccountId"), Value::Id(done.account));
    assert_eq!(bench.text("Opportunity", opportunity, "Name"), "Open");
}

#[test]
fn every_conversion_that_cannot_be_is_refused_and_changes_nothing() {
    let mut bench = Bench::with_statuses();
    let lead = bench.lead();
    let account = bench.made("Account", json!({ "Name": "A" }));
    let stranger = bench.made("Contact", json!({ "LastName": "Stranger" }));
    let queue = RecordId::new(*b"00G", *b"TG", 2);
    let base = LeadConvert::new(lead, STATUS);
    for (asked, starts) in [
        (LeadConvert { status: None, ..base.clone() }, "INVALID_STATUS: invalid convertedStatus: null"),
        (
            LeadConvert { status: Some("Working - Contacted".into()), ..base.clone() },
            "INVALID_STATUS: invalid convertedStatus: Working - Contacted",
        ),
        (LeadConvert { lead: RecordId::new(*b"00Q", *b"TG", 999), ..base.clone() }, "NOT_FOUND"),
        (LeadConvert { lead: account, ..base.clone() }, "MALFORMED_ID"),
        (LeadConvert { contact: Some(stranger), ..base.clone() }, "INVALID_CROSS_REFERENCE_KEY"),
        (
            LeadConvert { account: Some(account), contact: Some(stranger), ..base.clone() },
            "INVALID_CROSS_REFERENCE_KEY",
        ),
        (LeadConvert { owner: Some(queue), ..base.clone() }, "UNKNOWN_EXCEPTION: Converted objects can only be owned"),
        (LeadConvert { opportunity_name: Some("x".repeat(81)), ..base.clone() }, "STRING_TOO_LONG"),
        (
            LeadConvert { opportunity_name: Some("x".into()), opportunity: Some(account), ..base.clone() },
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
    ] {
        let text = refused(bench.convert(asked));
        assert!(text.starts_with(starts), "{text} does not start with {starts}");
    }
    assert_eq!(bench.get("Lead", lead, "IsConverted"), Value::Bool(false));
    assert_eq!(bench.org.store.table(bench.object("Account")).unwrap().live_len(), 1);
    bench.convert(base).unwrap();
}

#[test]
fn every_status_of_a_lead_is_a_record_once() {
    let mut bench = Bench::with_statuses();
    ensure_lead_statuses(&mut bench.org, NOW);
    let (object, facts) = bench.org.schema.find("LeadStatus").unwrap();
    let column = |name: &str| facts.field(name).unwrap().0;
    let rows: Vec<_> = bench.org.store.table(object).unwrap().live_rows().map(|(_, row)| row.clone()).collect();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.get(column("MasterLabel")), row.get(column("IsConverted")), row.get(column("IsDefault"))))
        .collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        told,
        [
            (text("Open - Not Contacted"), Value::Bool(false), Value::Bool(true)),
            (text("Working - Contacted"), Value::Bool(false), Value::Bool(false)),
            (text(STATUS), Value::Bool(true), Value::Bool(false)),
            (text("Closed - Not Converted"), Value::Bool(false), Value::Bool(false)),
        ]
    );
}

#[test]
fn the_events_of_a_conversion_come_in_the_documented_order() {
    let mut bench = Bench::with_statuses();
    let lead = bench.lead();
    bench.convert(LeadConvert::new(lead, STATUS)).unwrap();
    let told: Vec<&str> = bench.org.events.iter().map(|event| event.schema.entity.as_ref()).collect();
    assert_eq!(told, ["Lead", "Account", "Contact", "Opportunity", "Lead", "OpportunityContactRole"]);
}
