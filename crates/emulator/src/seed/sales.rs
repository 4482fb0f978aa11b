//! Opportunities, cases and leads.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::rng::Rng;
use super::sheet::columns;
use super::{Accounts, AddressColumns, DAY, Making, live, one, people, person, phone, whole_second};
use crate::dml::{STAGES, expected_revenue};
use crate::store::Maker;
use crate::{ApiError, Millis, Org, Value};

columns!(OpportunityColumns {
    account = "AccountId",
    contact = "ContactId",
    name = "Name",
    description = "Description",
    stage = "StageName",
    amount = "Amount",
    probability = "Probability",
    revenue = "ExpectedRevenue",
    quantity = "TotalOpportunityQuantity",
    close = "CloseDate",
    kind = "Type",
    next_step = "NextStep",
    source = "LeadSource",
    closed = "IsClosed",
    won = "IsWon",
    category = "ForecastCategory",
    category_name = "ForecastCategoryName",
    owner = "OwnerId",
    fiscal = "Fiscal",
    fiscal_year = "FiscalYear",
    fiscal_quarter = "FiscalQuarter",
});

/// Amounts at the edges of eighteen digits, in cents.
const AMOUNTS: [i64; 6] = [999_999_999_999_999_999, -999_999_999_999_999_999, 0, 1, -1, 123_456_789_012_345_678];

pub(super) fn opportunities(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Opportunity")?;
    let c = OpportunityColumns::of(&sheet)?;
    let maker = making.each(org, &sheet, making.counts.opportunities, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        if rng.chance(97) {
            sheet.link(c.account, making.any_account(rng));
        }
        if rng.one_in(3) {
            sheet.link(c.contact, making.any_contact(rng));
        }
        sheet.text(c.name, making.sentence(&making.words.opportunity, rng));
        if rng.one_in(4) {
            sheet.text(c.description, making.remark(rng));
        }
        let &(stage, probability, closed, won, category, category_name) = rng.pick(STAGES)?;
        sheet.text(c.stage, stage);
        sheet.number(c.probability, probability);
        sheet.flag(c.closed, closed);
        sheet.flag(c.won, won);
        sheet.text(c.category, category);
        sheet.text(c.category_name, category_name);
        let amount = match usize::try_from(place).ok().and_then(|at| AMOUNTS.get(at)) {
            Some(extreme) => Some(*extreme),
            None => rng.chance(85).then(|| any_amount(rng)),
        };
        if let Some(amount) = amount {
            sheet.number(c.amount, amount);
            let revenue = expected_revenue(Decimal::new(amount, 2), Decimal::from(probability));
            sheet.set(c.revenue, revenue.map_or(Value::Null, Value::Decimal));
        }
        if rng.one_in(3) {
            sheet.number(c.quantity, rng.below(100_000) as i64);
        }
        let audit = making.audit(place, making.counts.opportunities, rng);
        let close = day(audit.created + making.below_millis(rng, 400 * DAY));
        sheet.set(c.close, Value::Date(close));
        let (year, quarter) = (close.year(), (close.month() - 1) / 3 + 1);
        sheet.text(c.fiscal, format!("{year} {quarter}"));
        sheet.set(c.fiscal_year, Value::Int(i64::from(year)));
        sheet.set(c.fiscal_quarter, Value::Int(i64::from(quarter)));
        if rng.one_in(2) {
            sheet.pick(c.kind, rng);
        }
        if rng.one_in(4) {
            sheet.text(c.next_step, making.sentence(&making.words.subject, rng));
        }
        if rng.one_in(2) {
            sheet.pick(c.source, rng);
        }
        sheet.link(c.owner, Some(making.any_owner(rng)));
        Some(audit)
    });
    Ok(maker)
}

columns!(CaseColumns {
    number = "CaseNumber",
    contact = "ContactId",
    account = "AccountId",
    parent = "ParentId",
    kind = "Type",
    status = "Status",
    reason = "Reason",
    origin = "Origin",
    subject = "Subject",
    priority = "Priority",
    description = "Description",
    closed = "IsClosed",
    closed_date = "ClosedDate",
    escalated = "IsEscalated",
    supplied_name = "SuppliedName",
    owner = "OwnerId",
});

pub(super) fn cases(making: &Arc<Making>, org: &mut Org, accounts: Arc<Accounts>) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Case")?;
    let c = CaseColumns::of(&sheet)?;
    let statuses = ["New", "Working", "Escalated", "Closed", "Closed"];
    let maker = making.each(org, &sheet, making.counts.cases, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        sheet.text(c.number, format!("{:08}", place + 1));
        // Usually the contact's account; sometimes another.
        let contact = rng.chance(90).then(|| making.any_contact(rng)).flatten();
        let other = rng.one_in(5).then(|| making.any_account(rng)).flatten();
        sheet.link(c.contact, contact);
        sheet.link(c.account, other.or_else(|| accounts.of_record(contact)));
        if place > 0 && rng.one_in(12) {
            sheet.link(c.parent, Some(making.id(b"500", live(place - 1))));
        }
        let audit = making.audit(place, making.counts.cases, rng);
        let status = rng.pick(&statuses).copied().unwrap_or_default();
        sheet.text(c.status, status);
        if status == "Closed" {
            sheet.flag(c.closed, true);
            sheet.set(c.closed_date, Value::DateTime(audit.modified));
        }
        sheet.pick(c.origin, rng);
        sheet.pick(c.priority, rng);
        if rng.one_in(2) {
            sheet.pick(c.kind, rng);
            sheet.pick(c.reason, rng);
        }
        sheet.text(c.subject, making.sentence(&making.words.subject, rng));
        if rng.one_in(2) {
            sheet.text(c.description, making.remark(rng));
        }
        sheet.flag(c.escalated, rng.one_in(25));
        if rng.one_in(10) {
            sheet.text(c.supplied_name, making.awkward_line(rng).get(..80).unwrap_or("Web form"));
        }
        let queue = rng.one_in(8).then(|| making.id(b"00G", people::QUEUE));
        let owner = queue.unwrap_or_else(|| making.any_owner(rng));
        sheet.link(c.owner, Some(owner));
        Some(audit)
    });
    Ok(maker)
}

columns!(LeadColumns {
    salutation = "Salutation",
    first = "FirstName",
    last = "LastName",
    name = "Name",
    title = "Title",
    company = "Company",
    phone = "Phone",
    email = "Email",
    website = "Website",
    photo = "PhotoUrl",
    description = "Description",
    source = "LeadSource",
    status = "Status",
    industry = "Industry",
    rating = "Rating",
    revenue = "AnnualRevenue",
    employees = "NumberOfEmployees",
    unread = "IsUnreadByOwner",
    owner = "OwnerId",
});

pub(super) fn leads(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Lead")?;
    let c = LeadColumns::of(&sheet)?;
    let address = AddressColumns::of(&sheet, "")?;
    let maker = making.each(org, &sheet, making.counts.leads, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let language = making.words.language(rng);
        let (first, last) = person(language, rng);
        sheet.text(c.first, first);
        sheet.text(c.last, last);
        sheet.text(c.name, format!("{first} {last}"));
        if rng.one_in(3) {
            sheet.pick(c.salutation, rng);
        }
        sheet.text(c.title, one(&language.title, rng));
        sheet.text(c.company, format!("{} {}", one(&language.company, rng), one(&language.legal, rng)));
        if rng.chance(60) {
            address.fill(sheet, language, rng);
        }
        if rng.chance(60) {
            sheet.text(c.phone, phone(rng));
        }
        if rng.chance(80) {
            sheet.text(c.email, format!("lead{place}@post.example"));
        }
        if rng.one_in(4) {
            sheet.text(c.website, format!("http://lead{place}.example"));
        }
        let id = sheet.id(place);
        sheet.text(c.photo, format!("/services/images/photo/{id}"));
        if rng.one_in(5) {
            sheet.text(c.description, making.remark(rng));
        }
        sheet.pick(c.source, rng);
        // Converting a lead makes other records; none of these was converted.
        let open = ["Open - Not Contacted", "Working - Contacted", "Closed - Not Converted"];
        sheet.text(c.status, one(&open, rng));
        if rng.one_in(2) {
            sheet.pick(c.industry, rng);
        }
        sheet.pick(c.rating, rng);
        if rng.one_in(3) {
            sheet.number(c.revenue, rng.below(50_000_000) as i64);
            sheet.set(c.employees, Value::Int(rng.below(5_000) as i64));
        }
        sheet.flag(c.unread, rng.one_in(2));
        sheet.link(c.owner, Some(making.any_owner(rng)));
        let audit = making.audit(place, making.counts.leads, rng);
        Some(audit)
    });
    Ok(maker)
}

/// The day of an instant, in UTC.
pub(super) fn day(ms: Millis) -> Date {
    let at = Timestamp::from_millisecond(whole_second(ms)).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).date()
}

/// Up to ten million, the small ones as often as the large.
fn any_amount(rng: &mut Rng) -> i64 {
    let digits = 4 + rng.below(6) as u32;
    rng.below(10u64.pow(digits)) as i64
}
