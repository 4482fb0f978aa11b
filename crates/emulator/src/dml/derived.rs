//! What standard objects compute on save. The one place in which objects have names.
//!
//! Sources: Salesforce's Object Reference for each object. Unconfirmed points say so.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::schema::{FieldId, ObjectType, Schema};
use crate::store::{Row, Store, Values};
use crate::{RecordId, Value};

/// A record about to be saved.
pub(super) struct Draft<'a> {
    pub(super) object: &'a ObjectType,
    pub(super) values: &'a mut Values,
    /// What the caller set.
    pub(super) given: &'a Values,
    /// The row so far; `None` for a new record.
    pub(super) before: Option<&'a Arc<Row>>,
    pub(super) id: RecordId,
    /// The time of the save.
    pub(super) now: Value,
    pub(super) schema: &'a Schema,
    pub(super) store: &'a Store,
}

type Rule = fn(&mut Draft<'_>);

/// Rules by object.
const RULES: &[(&str, Rule)] = &[
    ("Account", photo),
    ("Attachment", super::content::body_length),
    ("Campaign", super::commerce::campaign),
    ("CampaignMember", super::commerce::campaign_member),
    ("Case", case),
    ("Contact", photo),
    ("ContentVersion", super::content::version),
    ("Contract", super::commerce::contract),
    ("Document", super::content::body_length),
    ("Event", event),
    ("Lead", photo),
    ("Opportunity", opportunity),
    ("OpportunityLineItem", super::commerce::opportunity_line),
    ("Order", super::commerce::order),
    ("OrderItem", super::commerce::order_line),
    ("PermissionSet", super::commerce::permission_set),
    ("PermissionSetAssignment", super::commerce::permission_set_assignment),
    ("PricebookEntry", super::commerce::price),
    ("Task", task),
];

/// Sets every derived field.
pub(super) fn apply(draft: &mut Draft<'_>) {
    person_name(draft);
    for (_, rule) in RULES.iter().filter(|(object, _)| *object == draft.object.name) {
        rule(draft);
    }
}

impl Draft<'_> {
    fn id_of(&self, name: &str) -> Option<FieldId> {
        self.object.field(name).map(|(id, _)| id)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(&self.id_of(name)?).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// Sets a field, if the object has it.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        if let Some(id) = self.id_of(name) {
            self.values.insert(id, value);
        }
    }

    /// The account that a field points at, itself or through the record it points at.
    fn account_of(&self, name: &str) -> Option<RecordId> {
        let id = self.get(name)?.as_id()?;
        let object = self.schema.by_prefix(id.prefix())?;
        let facts = self.schema.object(object);
        if facts.name == "Account" {
            return Some(id);
        }
        let (field, _) = facts.field("AccountId")?;
        self.store.live(object, id)?.get(field).as_id()
    }

    pub(super) fn given(&self, name: &str) -> bool {
        self.id_of(name).and_then(|id| self.given.get(&id)).is_some_and(|value| !value.is_null())
    }

    /// A field of the record that a reference points at.
    pub(super) fn parent(&self, reference: &str, field: &str) -> Value {
        self.get(reference).and_then(Value::as_id).map_or(Value::Null, |id| self.field_of(id, field))
    }

    /// A field of the record that a parent's reference points at.
    pub(super) fn grandparent(&self, reference: &str, next: &str, field: &str) -> Value {
        self.parent(reference, next).as_id().map_or(Value::Null, |id| self.field_of(id, field))
    }

    fn field_of(&self, id: RecordId, field: &str) -> Value {
        let Some(object) = self.schema.by_prefix(id.prefix()) else { return Value::Null };
        let Some((field, _)) = self.schema.object(object).field(field) else { return Value::Null };
        self.store.live(object, id).map_or(Value::Null, |row| row.get(field))
    }

    /// What a field holds, whoever set it.
    pub(super) fn stamped(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or(Value::Null)
    }

    /// The day of the save in UTC.
    pub(super) fn today(&self) -> Value {
        let at = self.now.as_millis().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        at.map_or(Value::Null, |at| Value::Date(at.to_zoned(jiff::tz::TimeZone::UTC).date()))
    }

    /// Whether the field differs from what was stored; true for a new record.
    pub(super) fn moved(&self, name: &str) -> bool {
        let Some(id) = self.id_of(name) else { return false };
        self.before.is_none_or(|row| row.get(id) != self.values.get(&id).cloned().unwrap_or(Value::Null))
    }
}

/// `Name` of a person: the parts whose `compoundFieldName` is `Name`, without the salutation.
fn person_name(draft: &mut Draft<'_>) {
    let is_part = |name: &str| {
        draft.object.field(name).is_some_and(|(_, field)| field.compound_field_name.as_deref() == Some("Name"))
    };
    let writable = draft.object.field("Name").is_none_or(|(_, field)| field.createable);
    if writable || !is_part("LastName") {
        return;
    }
    let parts = ["FirstName", "MiddleName", "LastName", "Suffix"];
    let name = parts.iter().filter_map(|part| draft.text(part)).collect::<Vec<_>>().join(" ");
    draft.set("Name", if name.is_empty() { Value::Null } else { Value::Text(name) });
}

/// The photo's address, which every record of these objects has.
fn photo(draft: &mut Draft<'_>) {
    if draft.before.is_none() {
        let url = format!("/services/images/photo/{}", draft.id);
        draft.set("PhotoUrl", Value::Text(url));
    }
}

/// The account of an activity is that of its `WhatId`, else that of its `WhoId`.
fn activity_account(draft: &mut Draft<'_>) {
    if draft.moved("WhatId") || draft.moved("WhoId") {
        let account = draft.account_of("WhatId").or_else(|| draft.account_of("WhoId"));
        draft.set("AccountId", account.map_or(Value::Null, Value::Id));
    }
}

/// A case takes its contact's account unless it names one.
///
/// A case is closed while its status is a closed one. An org defines which are; `Closed` is by default.
fn case(draft: &mut Draft<'_>) {
    if draft.moved("ContactId")
        && draft.get("AccountId").is_none()
        && let Some(account) = draft.account_of("ContactId")
    {
        draft.set("AccountId", Value::Id(account));
    }
    let closed = draft.text("Status").is_some_and(|status| status.eq_ignore_ascii_case("Closed"));
    draft.set("IsClosed", Value::Bool(closed));
    if !closed {
        draft.set("ClosedDate", Value::Null);
    } else if draft.moved("Status") {
        draft.set("ClosedDate", draft.now.clone());
    }
}

/// A task is closed when completed, and of high priority when its priority says so (defaults of a new org).
fn task(draft: &mut Draft<'_>) {
    activity_account(draft);
    let closed = draft.text("Status").is_some_and(|status| status.eq_ignore_ascii_case("Completed"));
    let high = draft.text("Priority").is_some_and(|priority| priority.eq_ignore_ascii_case("High"));
    draft.set("IsClosed", Value::Bool(closed));
    draft.set("IsHighPriority", Value::Bool(high));
    if !closed {
        draft.set("CompletedDateTime", Value::Null);
    } else if draft.moved("Status") {
        draft.set("CompletedDateTime", draft.now.clone());
    }
}

/// Start, end and length of an event follow from each other. Where two disagree the end wins over the length
/// (unconfirmed).
fn event(draft: &mut Draft<'_>) {
    activity_account(draft);
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    let all_day = draft.get("IsAllDayEvent").and_then(Value::as_bool) == Some(true);
    let midnight = |date: &Value| match date {
        Value::Date(date) => date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp().as_millisecond()),
        _ => None,
    };
    let given_start = draft.given("ActivityDateTime") || draft.given("StartDateTime");
    let start = match (draft.given("ActivityDateTime"), all_day) {
        (true, false) => draft.get("ActivityDateTime").and_then(Value::as_millis),
        _ => draft.get("StartDateTime").and_then(Value::as_millis),
    };
    let start = match draft.get("ActivityDate").and_then(midnight) {
        Some(day) if all_day && (start.is_none() || (draft.given("ActivityDate") && !given_start)) => Some(day),
        _ => start.or_else(|| draft.get("ActivityDateTime").and_then(Value::as_millis)),
    };
    let Some(start) = start else { return };
    let length = match draft.get("DurationInMinutes") {
        Some(Value::Int(minutes)) => Some(minutes.saturating_mul(MINUTE)),
        _ => None,
    };
    let end = draft.get("EndDateTime").and_then(Value::as_millis);
    let keep_length = !draft.given("EndDateTime") && (draft.given("DurationInMinutes") || draft.moved("StartDateTime"));
    let end = match (end, length) {
        (Some(end), None) => end,
        (Some(end), Some(_)) if !keep_length => end,
        (_, Some(length)) => start.saturating_add(length),
        (None, None) => start.saturating_add(if all_day { DAY } else { 60 * MINUTE }),
    };
    let date = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms)
            .map_or(Value::Null, |t| Value::Date(t.to_zoned(jiff::tz::TimeZone::UTC).date()))
    };
    draft.set("StartDateTime", Value::DateTime(start));
    draft.set("ActivityDateTime", if all_day { Value::Null } else { Value::DateTime(start) });
    draft.set("ActivityDate", date(start));
    draft.set("EndDateTime", Value::DateTime(end));
    draft.set("EndDate", date(end));
    draft.set("DurationInMinutes", Value::Int(end.saturating_sub(start) / MINUTE));
}

/// What a stage says about an opportunity: probability, closed, won, forecast category and its name.
pub(crate) type Stage = (&'static str, i64, bool, bool, &'static str, &'static str);

/// The stages of a new org, as the seed uses them, too.
pub(crate) const STAGES: &[Stage] = &[
    ("Prospecting", 10, false, false, "Pipeline", "Pipeline"),
    ("Qualification", 10, false, false, "Pipeline", "Pipeline"),
    ("Needs Analysis", 20, false, false, "Pipeline", "Pipeline"),
    ("Value Proposition", 50, false, false, "Pipeline", "Pipeline"),
    ("Id. Decision Makers", 60, false, false, "Pipeline", "Pipeline"),
    ("Perception Analysis", 70, false, false, "Pipeline", "Pipeline"),
    ("Proposal/Price Quote", 75, false, false, "Pipeline", "Pipeline"),
    ("Negotiation/Review", 90, false, false, "Pipeline", "Pipeline"),
    ("Closed Won", 100, true, true, "Closed", "Closed"),
    ("Closed Lost", 0, true, false, "Omitted", "Omitted"),
];

/// A stage that no org defines: open, in the pipeline, without a probability of its own (unconfirmed).
const OTHER_STAGE: Stage = ("", 0, false, false, "Pipeline", "Pipeline");

/// The category behind each name of `ForecastCategoryName`.
const FORECAST: &[(&str, &str)] = &[
    ("Omitted", "Omitted"),
    ("Pipeline", "Pipeline"),
    ("Best Case", "BestCase"),
    ("Most Likely", "MostLikely"),
    ("Commit", "Forecast"),
    ("Closed", "Closed"),
];

fn opportunity(draft: &mut Draft<'_>) {
    let stage = draft.text("StageName").unwrap_or_default();
    let known = STAGES.iter().find(|known| known.0.eq_ignore_ascii_case(stage));
    let (_, probability, closed, won, category, category_name) = *known.unwrap_or(&OTHER_STAGE);
    draft.set("IsClosed", Value::Bool(closed));
    draft.set("IsWon", Value::Bool(won));
    if draft.moved("StageName") {
        if !draft.given("Probability") {
            draft.set("Probability", Value::Decimal(Decimal::from(probability)));
        }
        if !draft.given("ForecastCategoryName") {
            draft.set("ForecastCategoryName", Value::Text(category_name.to_owned()));
        }
        if draft.before.is_some() {
            draft.set("LastStageChangeDate", draft.now.clone());
        }
    }
    let named = draft.text("ForecastCategoryName").unwrap_or(category_name);
    let category = FORECAST.iter().find(|(name, _)| *name == named).map_or(category, |(_, category)| category);
    draft.set("ForecastCategory", Value::Text(category.to_owned()));
    let revenue = match (draft.get("Amount"), draft.get("Probability")) {
        (Some(Value::Decimal(amount)), Some(Value::Decimal(probability))) => expected(*amount, *probability),
        _ => None,
    };
    draft.set("ExpectedRevenue", revenue.map_or(Value::Null, Value::Decimal));
    // Fiscal years are calendar years, as in a new org.
    if let Some(Value::Date(date)) = draft.get("CloseDate").cloned() {
        let (year, quarter) = (date.year(), (date.month() - 1) / 3 + 1);
        draft.set("FiscalYear", Value::Int(i64::from(year)));
        draft.set("FiscalQuarter", Value::Int(i64::from(quarter)));
        draft.set("Fiscal", Value::Text(format!("{year} {quarter}")));
    }
}

/// `ExpectedRevenue`: the share of the amount, in cents.
pub(crate) fn expected(amount: Decimal, probability: Decimal) -> Option<Decimal> {
    let share = amount.checked_mul(probability)?.checked_div(Decimal::ONE_HUNDRED)?;
    let mut share = share.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    share.rescale(2);
    Some(share)
}
