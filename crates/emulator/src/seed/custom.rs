//! Records of the custom objects.

use std::sync::Arc;

use super::sales::day;
use super::sheet::columns;
use super::{DAY, EXTREMES, Making, live, one, phone};
use crate::schema::{LONG_TEXT, format_auto_number};
use crate::store::Maker;
use crate::{ApiError, Org, Value};

columns!(ShipmentColumns {
    owner = "OwnerId",
    name = "Name",
    account = "Account__c",
    contact = "Contact__c",
    status = "Status__c",
    due = "Due__c",
    delivered = "Delivered__c",
    weight = "Weight__c",
    value = "Value__c",
    tracking = "Tracking_Number__c",
    page = "Tracking_Page__c",
    latitude = "Position__Latitude__s",
    longitude = "Position__Longitude__s",
});

columns!(LineColumns {
    name = "Name",
    shipment = "Shipment__c",
    quantity = "Quantity__c",
    price = "Price__c",
    discount = "Discount__c",
    remark = "Remark__c",
});

columns!(NoteColumns {
    owner = "OwnerId",
    name = "Name",
    account = "Account__c",
    author = "Author__c",
    answers = "Answers__c",
    body = "Body__c",
    reply_to = "Reply_To__c",
    hotline = "Hotline__c",
    published = "Published__c",
    number = "Number__c",
    external_id = "Ext_Id__c",
});

pub(super) fn fill(making: &Arc<Making>, org: &mut Org) -> Result<(), ApiError> {
    shipments(making, org)?;
    lines(making, org)?;
    notes(making, org)?;
    Ok(())
}

fn shipments(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Shipment__c")?;
    let c = ShipmentColumns::of(&sheet)?;
    let maker = making.each(org, &sheet, making.counts.shipments, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        sheet.text(c.name, format_auto_number("SHP-{000000}", place + 1));
        sheet.link(c.owner, Some(making.any_owner(rng)));
        sheet.link(c.account, making.any_account(rng));
        if rng.chance(60) {
            sheet.link(c.contact, making.any_contact(rng));
        }
        let audit = making.audit(place, making.counts.shipments, rng);
        sheet.pick(c.status, rng);
        sheet.set(c.due, Value::Date(day(audit.created + making.below_millis(rng, 90 * DAY))));
        if rng.one_in(2) {
            sheet.set(c.delivered, Value::DateTime(audit.modified));
        }
        match place {
            0 => sheet.number(c.weight, 999_999_999_999_999_999),
            1 => sheet.number(c.weight, 1),
            _ => sheet.number(c.weight, rng.below(40_000_000_000) as i64),
        }
        sheet.number(c.value, rng.below(100_000_000) as i64);
        if rng.chance(90) {
            // Beyond 2^53: a double would lose the last digits.
            sheet.number(c.tracking, 123_456_789_012_000_000 + place as i64);
            sheet.text(c.page, format!("https://track.example/?n={place}&lang=日本語"));
        }
        if rng.one_in(3) {
            sheet.number(c.latitude, rng.below(18_000_000_000) as i64 - 9_000_000_000);
            sheet.number(c.longitude, rng.below(36_000_000_000) as i64 - 18_000_000_000);
        }
        Some(audit)
    });
    Ok(maker)
}

fn lines(making: &Arc<Making>, org: &mut Org) -> Result<(), ApiError> {
    let sheet = making.sheet(org, "Shipment_Line__c")?;
    let c = LineColumns::of(&sheet)?;
    let shipments = making.counts.shipments;
    if shipments == 0 {
        return Ok(());
    }
    making.each(org, &sheet, making.counts.lines, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        sheet.text(c.name, one(&making.words.product, rng));
        // Two lines a shipment on average, some with many.
        let shipment = if rng.one_in(20) { rng.below(shipments) / 10 } else { rng.below(shipments) };
        sheet.link(c.shipment, Some(making.id(b"a00", live(shipment))));
        sheet.number(c.quantity, 1 + rng.below(500) as i64);
        sheet.number(c.price, rng.below(10_000_000) as i64);
        if rng.one_in(3) {
            sheet.number(c.discount, rng.below(10_000) as i64 - 2_000);
        }
        if rng.one_in(4) {
            sheet.text(c.remark, rng.pick(&making.words.awkward).cloned().unwrap_or_default());
        }
        let audit = making.audit(place, making.counts.lines, rng);
        Some(audit)
    });
    Ok(())
}

fn notes(making: &Arc<Making>, org: &mut Org) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Product_Note__c")?;
    let c = NoteColumns::of(&sheet)?;
    let long = making.long_text(LONG_TEXT as usize);
    let maker = making.each(org, &sheet, making.counts.notes, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let id = sheet.id(place);
        sheet.link(c.owner, Some(making.any_owner(rng)));
        // Made without a name, a record is named by its id.
        let unnamed = rng.one_in(20);
        sheet.text(c.name, if unnamed { id.as_15() } else { one(&making.words.product, rng) });
        if rng.chance(80) {
            sheet.link(c.account, making.any_account(rng));
        }
        sheet.link(c.author, Some(making.any_user(rng)));
        if place > 0 && rng.one_in(3) {
            sheet.link(c.answers, Some(making.id(b"a02", live(rng.below(place)))));
        }
        if place < 2 {
            sheet.text(c.body, long.as_str());
        } else {
            sheet.text(c.body, format!("<p>{}</p><br><b>{}</b>", making.remark(rng), one(&making.words.note, rng)));
        }
        if rng.one_in(2) {
            sheet.text(c.reply_to, format!("notes+{place}@post.example"));
            sheet.text(c.hotline, phone(rng));
        }
        sheet.flag(c.published, rng.one_in(2));
        let number = place + 1;
        sheet.text(c.number, format_auto_number("N{00000}", number));
        // Two keys that differ in case alone.
        let key = if place < EXTREMES {
            format!("{}-{}", if place % 2 == 0 { "Key" } else { "KEY" }, place / 2)
        } else {
            format!("note/{place}")
        };
        sheet.text(c.external_id, key);
        let audit = making.audit(place, making.counts.notes, rng);
        Some(audit)
    });
    Ok(maker)
}
