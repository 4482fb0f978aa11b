//! Accounts, with deep hierarchies.

use std::sync::Arc;

use super::sheet::columns;
use super::{AddressColumns, EXTREMES, Making, live, objects, one, pattern, phone};
use crate::store::Maker;
use crate::{ApiError, Org, Value};

columns!(AccountColumns {
    name = "Name",
    kind = "Type",
    record_type = "RecordTypeId",
    parent = "ParentId",
    phone = "Phone",
    fax = "Fax",
    number = "AccountNumber",
    website = "Website",
    photo = "PhotoUrl",
    industry = "Industry",
    revenue = "AnnualRevenue",
    employees = "NumberOfEmployees",
    ownership = "Ownership",
    ticker = "TickerSymbol",
    description = "Description",
    rating = "Rating",
    site = "Site",
    owner = "OwnerId",
    source = "AccountSource",
    founded = "YearStarted",
    external_id = "Ext_Id__c",
    score = "Score__c",
    tier = "Tier__c",
    credit = "Credit_Limit__c",
    terms = "Terms__c",
    latitude = "Headquarters__Latitude__s",
    longitude = "Headquarters__Longitude__s",
});

/// In every block of so many accounts …
const BLOCK: u64 = 100;
/// … the first so many are a chain, each the parent of the next.
const CHAIN: u64 = 14;

/// The largest number of eighteen digits.
const EIGHTEEN_DIGITS: i64 = 999_999_999_999_999_999;

pub(super) fn fill(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Account")?;
    let c = AccountColumns::of(&sheet)?;
    let billing = AddressColumns::of(&sheet, "Billing")?;
    let shipping = AddressColumns::of(&sheet, "Shipping")?;
    let maker = making.each(org, &sheet, making.counts.accounts, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let language = making.words.language(rng);
        let name = match rng.below(40) {
            0 => making.awkward_line(rng).to_owned(),
            1 => format!("{}, {} & \"Partners\"", one(&language.family, rng), one(&language.family, rng)),
            _ => format!("{} {} {}", one(&language.company, rng), one(&language.city, rng), one(&language.legal, rng)),
        };
        sheet.text(c.name, name);
        sheet.pick(c.kind, rng);
        if rng.chance(80) {
            let types = objects::ACCOUNT_RECORD_TYPES.len() as u64;
            sheet.link(c.record_type, Some(making.id(b"012", rng.below(types))));
        }
        let in_block = place % BLOCK;
        let parent = match in_block {
            0 => None,
            1..CHAIN => Some(place - 1),
            _ => rng.one_in(5).then_some(place - in_block + rng.below(CHAIN)),
        };
        sheet.link(c.parent, parent.map(|at| making.id(b"001", live(at))));
        billing.fill(sheet, language, rng);
        if rng.chance(30) {
            shipping.fill(sheet, language, rng);
        }
        if rng.chance(90) {
            sheet.text(c.phone, phone(rng));
        }
        if rng.one_in(6) {
            sheet.text(c.fax, phone(rng));
        }
        sheet.text(c.number, pattern("AA-999999", rng));
        if rng.chance(60) {
            sheet.text(c.website, format!("https://www.company{place}.example/{}", pattern("a?q=9&r=9#A", rng)));
        }
        let id = sheet.id(place);
        sheet.text(c.photo, format!("/services/images/photo/{id}"));
        sheet.pick(c.industry, rng);
        match place {
            0 => sheet.number(c.revenue, EIGHTEEN_DIGITS),
            1 => sheet.number(c.revenue, -EIGHTEEN_DIGITS),
            2 => sheet.number(c.revenue, 0),
            _ if rng.chance(70) => sheet.number(c.revenue, rng.below(90_000_000) as i64 * 100),
            _ => {}
        }
        if rng.chance(60) {
            sheet.set(c.employees, Value::Int(rng.below(50_000) as i64));
        }
        if rng.one_in(3) {
            sheet.pick(c.ownership, rng);
        }
        if rng.one_in(20) {
            sheet.text(c.ticker, pattern("AAAA", rng));
        }
        if rng.one_in(5) {
            sheet.text(c.description, making.remark(rng));
        }
        sheet.pick(c.rating, rng);
        if rng.one_in(10) {
            sheet.text(c.site, one(&language.city, rng));
        }
        sheet.link(c.owner, Some(making.any_owner(rng)));
        if rng.one_in(2) {
            sheet.pick(c.source, rng);
        }
        if rng.one_in(4) {
            sheet.text(c.founded, (1700 + rng.below(326)).to_string());
        }
        if rng.chance(95) {
            sheet.text(c.external_id, format!("acc-{place:08}"));
        }
        if rng.chance(80) {
            sheet.number(c.score, rng.below(100_000) as i64);
        }
        sheet.pick(c.tier, rng);
        match place {
            0 => sheet.number(c.credit, EIGHTEEN_DIGITS),
            1 => sheet.number(c.credit, -EIGHTEEN_DIGITS),
            2 => sheet.number(c.credit, 1),
            _ if rng.chance(50) => sheet.number(c.credit, rng.below(5_000_000_000) as i64 - 1_000_000),
            _ => {}
        }
        if place < EXTREMES {
            sheet.text(c.terms, format!("<p>{} &amp; more</p><ul><li>1</li></ul>", one(&making.words.note, rng)));
        }
        if rng.one_in(10) {
            sheet.number(c.latitude, rng.below(180_000_000) as i64 - 90_000_000);
            sheet.number(c.longitude, rng.below(360_000_000) as i64 - 180_000_000);
        }
        let audit = making.audit(place, making.counts.accounts, rng);
        Some(audit)
    });
    Ok(maker)
}
