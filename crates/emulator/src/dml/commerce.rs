//! What products, prices, orders, contracts and campaigns compute, and what they roll up into.
//!
//! Sources: Salesforce's Object Reference for each object. Unconfirmed points say so.

use jiff::ToSpan;
use rust_decimal::Decimal;

use super::derived::Draft;
use super::transaction::Transaction;
use crate::schema::{FieldId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// The parent that a child's saves and deletes change: child, its field, the parent's object. (Opportunities are summed
/// up by `line_items`.)
const ROLL_UPS: &[(&str, &str, &str)] =
    &[("CampaignMember", "CampaignId", "Campaign"), ("OrderItem", "OrderId", "Order")];

/// A price book entry has its product's name and code.
pub(super) fn price(draft: &mut Draft<'_>) {
    let name = draft.parent("Product2Id", "Name");
    let code = draft.parent("Product2Id", "ProductCode");
    draft.set("Name", name);
    draft.set("ProductCode", code);
}

/// A product on an opportunity: what it is comes from the price, what it costs from quantity, price and discount.
pub(super) fn opportunity_line(draft: &mut Draft<'_>) {
    if draft.get("PricebookEntryId").is_some() {
        for (field, of) in [("Product2Id", "Product2Id"), ("ListPrice", "UnitPrice"), ("ProductCode", "ProductCode")] {
            let value = draft.parent("PricebookEntryId", of);
            draft.set(field, value);
        }
    }
    let text = |value: Value| value.as_text().unwrap_or_default().to_owned();
    let name =
        format!("{} {}", text(draft.parent("OpportunityId", "Name")), text(draft.parent("PricebookEntryId", "Name")));
    draft.set("Name", Value::Text(name.trim().to_owned()));
    line(draft);
}

/// A product on an order.
pub(super) fn order_line(draft: &mut Draft<'_>) {
    if draft.get("PricebookEntryId").is_some() {
        for (field, of) in [("Product2Id", "Product2Id"), ("ListPrice", "UnitPrice")] {
            let value = draft.parent("PricebookEntryId", of);
            draft.set(field, value);
        }
    }
    let quantity = draft.get("Quantity").cloned().unwrap_or(Value::Null);
    draft.set("AvailableQuantity", quantity);
    line(draft);
}

/// Price and total follow from each other: a total that is given without a price decides.
fn line(draft: &mut Draft<'_>) {
    let decimal = |draft: &Draft<'_>, name: &str| match draft.get(name) {
        Some(Value::Decimal(d)) => Some(*d),
        _ => None,
    };
    let Some(quantity) = decimal(draft, "Quantity").filter(|q| !q.is_zero()) else { return };
    let share = Decimal::ONE - decimal(draft, "Discount").unwrap_or_default() / Decimal::ONE_HUNDRED;
    if draft.given("TotalPrice") && !draft.given("UnitPrice") {
        let price = decimal(draft, "TotalPrice").and_then(|total| total.checked_div(quantity.checked_mul(share)?));
        draft.set("UnitPrice", price.map_or(Value::Null, cents));
        return;
    }
    if draft.get("UnitPrice").is_none()
        && let Some(list) = decimal(draft, "ListPrice")
    {
        draft.set("UnitPrice", Value::Decimal(list));
    }
    let total = decimal(draft, "UnitPrice").and_then(|price| price.checked_mul(quantity)?.checked_mul(share));
    draft.set("TotalPrice", total.map_or(Value::Null, cents));
}

fn cents(amount: Decimal) -> Value {
    let mut amount = amount.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(2);
    Value::Decimal(amount)
}

/// A contract's category follows its status, its end its start and term.
pub(super) fn contract(draft: &mut Draft<'_>) {
    let code = match draft.text("Status") {
        Some("Activated") => "Activated",
        Some("In Approval Process") => "InApproval",
        _ => "Draft",
    };
    draft.set("StatusCode", Value::Text(code.to_owned()));
    let end = match (draft.get("StartDate"), draft.get("ContractTerm")) {
        (Some(Value::Date(start)), Some(Value::Int(months))) => {
            let months = (*months).clamp(-12_000, 12_000);
            start.checked_add(months.months()).and_then(|end| end.checked_sub(1.day())).ok()
        }
        _ => None,
    };
    draft.set("EndDate", end.map_or(Value::Null, Value::Date));
}

/// An order's category follows its status.
pub(super) fn order(draft: &mut Draft<'_>) {
    let code = if draft.text("Status") == Some("Activated") { "Activated" } else { "Draft" };
    draft.set("StatusCode", Value::Text(code.to_owned()));
    if draft.before.is_none() {
        draft.set("TotalAmount", cents(Decimal::ZERO));
    }
}

/// A new campaign has nobody and nothing yet.
pub(super) fn campaign(draft: &mut Draft<'_>) {
    if draft.before.is_some() {
        return;
    }
    for count in [
        "NumberOfLeads",
        "NumberOfConvertedLeads",
        "NumberOfContacts",
        "NumberOfResponses",
        "NumberOfOpportunities",
        "NumberOfWonOpportunities",
    ] {
        draft.set(count, Value::Int(0));
    }
    for amount in ["AmountAllOpportunities", "AmountWonOpportunities"] {
        draft.set(amount, Value::Decimal(Decimal::ZERO));
    }
}

/// A campaign member shows the lead or contact that it is.
pub(super) fn campaign_member(draft: &mut Draft<'_>) {
    let person = if draft.get("ContactId").is_some() { "ContactId" } else { "LeadId" };
    let id = draft.get(person).cloned().unwrap_or(Value::Null);
    let kind = if person == "ContactId" { "Contact" } else { "Lead" };
    draft.set("LeadOrContactId", id);
    draft.set("Type", Value::Text(kind.to_owned()));
    for (field, of) in [
        ("Salutation", "Salutation"),
        ("FirstName", "FirstName"),
        ("LastName", "LastName"),
        ("Name", "Name"),
        ("Title", "Title"),
        ("Email", "Email"),
        ("Phone", "Phone"),
        ("MobilePhone", "MobilePhone"),
        ("Fax", "Fax"),
        ("LeadSource", "LeadSource"),
        ("LeadOrContactOwnerId", "OwnerId"),
    ] {
        let value = draft.parent(person, of);
        draft.set(field, value);
    }
    // The address of a lead, the mailing address of a contact.
    for part in ["Street", "City", "State", "PostalCode", "Country"] {
        let of = if kind == "Contact" { format!("Mailing{part}") } else { part.to_owned() };
        let value = draft.parent(person, &of);
        draft.set(part, value);
    }
    let company = if kind == "Contact" {
        draft.grandparent("ContactId", "AccountId", "Name")
    } else {
        draft.parent("LeadId", "Company")
    };
    draft.set("CompanyOrAccount", company);
    let responded = draft.text("Status").is_some_and(|status| status.eq_ignore_ascii_case("Responded"));
    draft.set("HasResponded", Value::Bool(responded));
    if responded && draft.get("FirstRespondedDate").is_none() {
        let today = draft.today();
        draft.set("FirstRespondedDate", today);
    }
}

/// A permission set of an administrator's own.
pub(super) fn permission_set(draft: &mut Draft<'_>) {
    if draft.before.is_none() {
        draft.set("IsCustom", Value::Bool(true));
    }
}

/// A permission set is assigned for as long as nothing ends it.
pub(super) fn permission_set_assignment(draft: &mut Draft<'_>) {
    draft.set("IsActive", Value::Bool(true));
}

impl Transaction<'_> {
    /// A product has one price in a book, and one in the standard book before any other.
    pub(super) fn price_once(&self, facts: &ObjectType, values: &Values) -> Result<(), Vec<ApiError>> {
        let (Some((product, _)), Some((book, field))) = (facts.field("Product2Id"), facts.field("Pricebook2Id")) else {
            return Ok(());
        };
        let id = |field: FieldId| values.get(&field).and_then(Value::as_id);
        let (Some(of), Some(within)) = (id(product), id(book)) else { return Ok(()) };
        let (Some((prices, _)), Some((books, of_books))) =
            (self.schema.find("PricebookEntry"), self.schema.find("Pricebook2"))
        else {
            return Ok(());
        };
        let known: Vec<RecordId> = self
            .store
            .children(prices, product, of)
            .into_iter()
            .filter_map(|price| self.store.get(prices, price)?.get(book).as_id())
            .collect();
        if known.contains(&within) {
            let text = "This price definition already exists in this price book";
            return Err(vec![ApiError::new("DUPLICATE_VALUE", text).field(&field.name)]);
        }
        let Some((standard, _)) = of_books.field("IsStandard") else { return Ok(()) };
        let is_standard =
            |book: &RecordId| self.store.live(books, *book).is_some_and(|row| row.get(standard) == Value::Bool(true));
        let exists = self.store.table(books).is_some_and(|t| t.live_rows().any(|(id, _)| is_standard(&id)));
        if exists && !is_standard(&within) && !known.iter().any(is_standard) {
            let text = "Before creating a custom price, create a standard price.";
            return Err(vec![ApiError::new("STANDARD_PRICE_NOT_DEFINED", text)]);
        }
        Ok(())
    }

    /// Sums up in the parent what its children say.
    pub(super) fn roll_up(&mut self, facts: &ObjectType, id: RecordId) {
        let Some((_, field, parent)) = ROLL_UPS.iter().find(|(child, ..)| *child == facts.name) else { return };
        let (Some((child, _)), Some((parent, _))) = (self.schema.find(&facts.name), self.schema.find(parent)) else {
            return;
        };
        let Some((field, _)) = facts.field(field) else { return };
        let Some(to) = self.store.get(child, id).and_then(|row| row.get(field).as_id()) else { return };
        let ids = self.store.children(child, field, to);
        let values = |name: &str| -> Vec<Value> {
            let Some((field, _)) = facts.field(name) else { return Vec::new() };
            ids.iter().filter_map(|id| self.store.get(child, *id)).map(|row| row.get(field)).collect()
        };
        let count = |values: &[Value], of: &Value| Value::Int(values.iter().filter(|v| *v == of).count() as i64);
        let totals = values("TotalPrice");
        let total = totals.iter().fold(Decimal::ZERO, |sum, value| match value {
            Value::Decimal(d) => sum.saturating_add(*d),
            _ => sum,
        });
        let changed: Vec<(&str, Value)> = match facts.name.as_str() {
            "OrderItem" => vec![("TotalAmount", cents(total))],
            _ => {
                let kinds = values("Type");
                vec![
                    ("NumberOfLeads", count(&kinds, &Value::Text("Lead".to_owned()))),
                    ("NumberOfContacts", count(&kinds, &Value::Text("Contact".to_owned()))),
                    ("NumberOfResponses", count(&values("HasResponded"), &Value::Bool(true))),
                ]
            }
        };
        self.change(parent, to, &changed);
    }
}
