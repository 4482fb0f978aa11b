//! Tasks and events.

use std::sync::Arc;

use super::rng::Rng;
use super::sales::day;
use super::sheet::columns;
use super::{AGE, Accounts, DAY, Making, SECOND};
use crate::store::Maker;
use crate::{ApiError, Org, RecordId, Value};

columns!(TaskColumns {
    who = "WhoId",
    what = "WhatId",
    account = "AccountId",
    subject = "Subject",
    due = "ActivityDate",
    status = "Status",
    priority = "Priority",
    high = "IsHighPriority",
    owner = "OwnerId",
    description = "Description",
    closed = "IsClosed",
    completed = "CompletedDateTime",
    call_seconds = "CallDurationInSeconds",
    call_type = "CallType",
    call_result = "CallDisposition",
    subtype = "TaskSubtype",
    reminder = "ReminderDateTime",
    reminder_set = "IsReminderSet",
});

pub(super) fn tasks(making: &Arc<Making>, org: &mut Org, accounts: Arc<Accounts>) -> Result<Arc<Maker>, ApiError> {
    let sheet = making.sheet(org, "Task")?;
    let c = TaskColumns::of(&sheet)?;
    let maker = making.each(org, &sheet, making.counts.tasks, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let (who, what) = about(making, rng);
        sheet.link(c.who, who);
        sheet.link(c.what, what);
        sheet.link(c.account, accounts.of_record(what).or_else(|| accounts.of_record(who)));
        sheet.text(c.subject, making.sentence(&making.words.subject, rng));
        let audit = making.audit(place, making.counts.tasks, rng);
        if rng.chance(85) {
            sheet.set(c.due, Value::Date(day(audit.created + making.below_millis(rng, 60 * DAY))));
        }
        let open = ["Not Started", "In Progress", "Waiting on someone else", "Deferred"];
        if rng.chance(60) {
            sheet.text(c.status, "Completed");
            sheet.flag(c.closed, true);
            sheet.set(c.completed, Value::DateTime(audit.modified));
        } else {
            sheet.text(c.status, super::one(&open, rng));
        }
        let priority = super::one(&["High", "Normal", "Normal", "Low"], rng);
        sheet.text(c.priority, priority);
        sheet.flag(c.high, priority == "High");
        sheet.link(c.owner, Some(making.any_owner(rng)));
        if rng.one_in(3) {
            sheet.text(c.description, making.remark(rng));
        }
        if rng.one_in(4) {
            sheet.set(c.call_seconds, Value::Int(rng.below(3_600) as i64));
            sheet.pick(c.call_type, rng);
            sheet.text(c.call_result, "Left a message, \"will call back\"");
            sheet.text(c.subtype, "Call");
        } else {
            sheet.text(c.subtype, "Task");
        }
        if rng.one_in(10) {
            sheet.set(c.reminder, Value::DateTime(audit.created + DAY));
            sheet.flag(c.reminder_set, true);
        }
        Some(audit)
    });
    Ok(maker)
}

/// Whom and what an activity is about. A lead stands alone: with one there is no `WhatId`.
fn about(making: &Making, rng: &mut Rng) -> (Option<RecordId>, Option<RecordId>) {
    if rng.one_in(5) {
        return (making.any(b"00Q", making.counts.leads, rng), None);
    }
    let who = rng.chance(80).then(|| making.any_contact(rng)).flatten();
    let what = match rng.below(5) {
        0 => making.any(b"006", making.counts.opportunities, rng),
        1 => making.any(b"500", making.counts.cases, rng),
        2 | 3 => making.any_account(rng),
        _ => None,
    };
    (who, what)
}

columns!(EventColumns {
    who = "WhoId",
    what = "WhatId",
    account = "AccountId",
    subject = "Subject",
    location = "Location",
    all_day = "IsAllDayEvent",
    at = "ActivityDateTime",
    date = "ActivityDate",
    minutes = "DurationInMinutes",
    start = "StartDateTime",
    end = "EndDateTime",
    end_date = "EndDate",
    description = "Description",
    owner = "OwnerId",
    private = "IsPrivate",
});

pub(super) fn events(making: &Arc<Making>, org: &mut Org, accounts: Arc<Accounts>) -> Result<Arc<Maker>, ApiError> {
    const MINUTE: i64 = 60 * SECOND;
    let sheet = making.sheet(org, "Event")?;
    let c = EventColumns::of(&sheet)?;
    let maker = making.each(org, &sheet, making.counts.events, move |making, sheet, place| {
        let rng = &mut making.rng(sheet, place);
        let (who, what) = about(making, rng);
        sheet.link(c.who, who);
        sheet.link(c.what, what);
        sheet.link(c.account, accounts.of_record(what).or_else(|| accounts.of_record(who)));
        sheet.text(c.subject, making.sentence(&making.words.subject, rng));
        if rng.one_in(2) {
            let language = making.words.language(rng);
            sheet.text(
                c.location,
                format!("{}, {}", super::one(&language.city, rng), super::one(&language.country, rng)),
            );
        }
        let all_day = rng.one_in(8);
        let quarter = 15 * MINUTE;
        let any_time = making.now - AGE + making.below_millis(rng, AGE + 300 * DAY);
        let step = if all_day { DAY } else { quarter };
        let start = any_time - any_time.rem_euclid(step);
        let minutes = if all_day { 24 * 60 * (1 + rng.below(3) as i64) } else { 15 * (1 + rng.below(16) as i64) };
        let end = start + minutes * MINUTE;
        sheet.flag(c.all_day, all_day);
        sheet.set(c.start, Value::DateTime(start));
        if !all_day {
            sheet.set(c.at, Value::DateTime(start));
        }
        sheet.set(c.date, Value::Date(day(start)));
        sheet.set(c.minutes, Value::Int(minutes));
        sheet.set(c.end, Value::DateTime(end));
        sheet.set(c.end_date, Value::Date(day(end)));
        if rng.one_in(4) {
            sheet.text(c.description, making.remark(rng));
        }
        sheet.link(c.owner, Some(making.any_owner(rng)));
        sheet.flag(c.private, rng.one_in(20));
        let audit = making.audit(place, making.counts.events, rng);
        Some(audit)
    });
    Ok(maker)
}
