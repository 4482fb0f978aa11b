//! Contacts, with chains of superiors.

use std::sync::Arc;

use jiff::civil::{Date, date};

use super::rng::Rng;
use super::sheet::columns;
use super::{AddressColumns, Making, live, one, pattern, person, phone, whole_second};
use crate::schema::LONG_TEXT;
use crate::store::Maker;
use crate::{ApiError, Org, Value};

columns!(ContactColumns {
    account = "AccountId",
    salutation = "Salutation",
    first = "FirstName",
    last = "LastName",
    name = "Name",
    phone = "Phone",
    mobile = "MobilePhone",
    reports_to = "ReportsToId",
    email = "Email",
    title = "Title",
    department = "Department",
    source = "LeadSource",
    birthdate = "Birthdate",
    description = "Description",
    owner = "OwnerId",
    photo = "PhotoUrl",
    external_id = "Ext_Id__c",
    score = "Score__c",
    nickname = "Nickname__c",
    languages = "Languages__c",
    newsletter = "Newsletter__c",
    last_seen = "Last_Seen__c",
    call_before = "Call_Before__c",
    discount = "Discount__c",
    biography = "Biography__c",
});

/// In every block of so many contacts …
const BLOCK: u64 = 50;
/// … the first so many are a chain, each the superior of the next.
const CHAIN: u64 = 12;
/// So many contacts have a biography of the longest length there is.
const LONG_BIOGRAPHIES: u64 = 4;

/// The earliest and the latest day that Salesforce keeps, and some that calendars trip over.
const DAYS: [Date; 6] =
    [date(1700, 1, 1), date(4000, 12, 31), date(1900, 2, 28), date(2000, 2, 29), date(1752, 9, 3), date(1969, 12, 31)];

pub(super) fn fill(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Contact")?;
    let c = ContactColumns::of(&sheet)?;
    let mailing = AddressColumns::of(&sheet, "Mailing")?;
    let other = AddressColumns::of(&sheet, "Other")?;
    let long = making.long_text(LONG_TEXT as usize);
    let maker = making.each(org, &sheet, making.counts.contacts, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let language = making.words.language(rng);
        if rng.chance(96) {
            sheet.link(c.account, making.any_account(rng));
        }
        let (mut first, mut last) = person(language, rng);
        match rng.below(200) {
            0 => first = "",
            1 => last = making.awkward_line(rng).get(..80).unwrap_or("O'Neill \"Bob\""),
            _ => {}
        }
        sheet.text(c.first, first);
        sheet.text(c.last, last);
        sheet.text(c.name, if first.is_empty() { last.to_owned() } else { format!("{first} {last}") });
        if rng.one_in(2) {
            sheet.pick(c.salutation, rng);
        }
        if rng.chance(75) {
            mailing.fill(sheet, language, rng);
        }
        if rng.one_in(15) {
            other.fill(sheet, language, rng);
        }
        if rng.chance(70) {
            sheet.text(c.phone, phone(rng));
        }
        if rng.chance(50) {
            sheet.text(c.mobile, pattern("+99 999 555 0999", rng));
        }
        let in_block = place % BLOCK;
        let superior = match in_block {
            0 => None,
            1..CHAIN => Some(place - 1),
            _ => rng.one_in(3).then_some(place - in_block + rng.below(CHAIN)),
        };
        sheet.link(c.reports_to, superior.map(|at| making.id(b"003", live(at))));
        if rng.chance(85) {
            sheet.text(c.email, email(first, last, place, rng));
        }
        if rng.chance(70) {
            sheet.text(c.title, one(&language.title, rng));
        }
        if rng.chance(40) {
            sheet.text(c.department, one(&making.words.department, rng));
        }
        if rng.chance(50) {
            sheet.pick(c.source, rng);
        }
        if let Some(day) = birthdate(place, rng) {
            sheet.set(c.birthdate, Value::Date(day));
        }
        if rng.one_in(12) {
            sheet.text(c.description, making.remark(rng));
        }
        sheet.link(c.owner, Some(making.any_owner(rng)));
        let id = sheet.id(place);
        sheet.text(c.photo, format!("/services/images/photo/{id}"));
        if rng.chance(90) {
            // Case tells these keys apart.
            sheet.text(c.external_id, format!("{}-{place}", if rng.one_in(2) { "con" } else { "CON" }));
        }
        if rng.chance(60) {
            sheet.number(c.score, rng.below(200_000) as i64 - 99_999);
        }
        if rng.one_in(10) {
            sheet.text(c.nickname, rng.pick(&making.words.awkward).cloned().unwrap_or_default());
        }
        if rng.one_in(2) {
            sheet.pick_some(c.languages, rng);
        }
        sheet.flag(c.newsletter, rng.chance(60));
        if rng.one_in(4) {
            let ago = making.below_millis(rng, super::AGE);
            sheet.set(c.last_seen, Value::DateTime(whole_second(making.now - ago)));
        }
        if rng.one_in(6) {
            sheet.set(c.call_before, Value::Time(rng.below(24 * 60 * 60 * 1000) as u32));
        }
        if rng.one_in(4) {
            sheet.number(c.discount, rng.below(3_000) as i64);
        }
        if place < LONG_BIOGRAPHIES {
            sheet.text(c.biography, long.as_str());
        } else if rng.one_in(400) {
            sheet.text(c.biography, making.remark(rng));
        }
        let audit = making.audit(place, making.counts.contacts, rng);
        Some(audit)
    });
    Ok(maker)
}

fn birthdate(place: u64, rng: &mut Rng) -> Option<Date> {
    if let Some(day) = usize::try_from(place).ok().and_then(|at| DAYS.get(at)) {
        return Some(*day);
    }
    if !rng.one_in(3) {
        return None;
    }
    Date::new(1930 + rng.below(80) as i16, 1 + rng.below(12) as i8, 1 + rng.below(28) as i8).ok()
}

fn email(first: &str, last: &str, place: u64, rng: &mut Rng) -> String {
    let host = if rng.one_in(2) { "mail" } else { "post" };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic());
    if plain(first) && plain(last) {
        format!("{}.{}+{place}@{host}.example", first.to_lowercase(), last.to_lowercase())
    } else {
        format!("c{place}@{host}.example")
    }
}
