//! Records and custom objects that look like an org in use, made from a number.
//!
//! The same number, size and time give the same org, whatever the machine. Each record is made from the number and
//! its own place alone. Rows go straight into the store, without events and without the rules of DML; a test writes
//! every one of them again through DML and compares.

mod accounts;
mod activities;
mod contacts;
mod custom;
mod objects;
mod people;
mod rng;
mod sales;
mod sheet;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use rng::Rng;
use sheet::{Audit, Sheet};
use words::{Language, Words};

use crate::schema::{FieldId, Schema};
use crate::store::{Binned, Maker, Row};
use crate::{ApiError, Millis, Org, RecordId};

/// What to fill an org with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// The same number gives the same org.
    pub number: u64,
    /// How many live contacts. The others are in proportion: a fifth as many accounts, a tenth as many opportunities,
    /// cases, leads and tasks, a twentieth as many events and shipments.
    pub contacts: u64,
}

impl Default for Seed {
    /// A small org: a thousand contacts.
    fn default() -> Self {
        Self { number: 1, contacts: 1_000 }
    }
}

/// One record in so many is in the recycle bin. Nothing points at it.
const DELETED_EVERY: u64 = 61;
/// So many records in a row were loaded together and share their seconds.
const BATCH: u64 = 200;
/// The last so many users have left.
const INACTIVE: u64 = 3;
/// Most threads that make records, and the fewest records worth one.
const THREADS_MAX: usize = 16;
const PLACES_MIN: u64 = 2_000;
/// Objects with more records than this are made when they are looked at.
const AT_ONCE_MAX: u64 = 20_000;
const SECOND: Millis = 1_000;
const DAY: Millis = 24 * 60 * 60 * SECOND;
/// How long the org has been in use.
const AGE: Millis = 10 * 365 * DAY;
/// The first records of an object that show extremes: the longest text, the earliest date, the largest amount.
const EXTREMES: u64 = 8;

impl Seed {
    /// Adds the custom objects to the org's schema (the standard objects, too, if it has none) and fills the store.
    ///
    /// `now` is the org's time: everything happened before it.
    ///
    /// # Errors
    ///
    /// `INVALID_TYPE` when the org has records already, or when its schema lacks an object or field of the seed.
    pub fn fill(&self, org: &mut Org, now: Millis) -> Result<(), ApiError> {
        self.fill_with(org, now, AT_ONCE_MAX)
    }

    fn fill_with(&self, org: &mut Org, now: Millis, at_once_max: u64) -> Result<(), ApiError> {
        if org.store.tables().any(|(_, table)| !table.is_empty()) {
            return Err(ApiError::new("INVALID_TYPE", "the org has records already: only an empty org can be seeded"));
        }
        let mut schema = Schema::clone(&org.schema);
        if schema.objects().is_empty() {
            schema = crate::schema::standard();
        }
        let instance = instance_of(org.settings.admin_id);
        objects::add(&mut schema, instance, now);
        org.schema = Arc::new(schema);
        let making = Arc::new(Making {
            seed: self.number,
            now: now - now.rem_euclid(SECOND),
            instance,
            admin: org.settings.admin_id,
            words: Words::get(),
            counts: Counts::of(self.contacts),
            at_once_max,
        });
        people::fill(&making, org)?;
        accounts::fill(&making, org)?;
        let contacts = contacts::fill(&making, org)?;
        let opportunities = sales::opportunities(&making, org)?;
        let of_contacts = Accounts::of(&org.schema, &[("Contact", &contacts)]);
        let cases = sales::cases(&making, org, of_contacts)?;
        sales::leads(&making, org)?;
        let all = [("Contact", &contacts), ("Opportunity", &opportunities), ("Case", &cases)];
        let accounts = Accounts::of(&org.schema, &all);
        activities::tasks(&making, org, Arc::clone(&accounts))?;
        activities::events(&making, org, accounts)?;
        custom::fill(&making, org)
    }
}

fn instance_of(id: RecordId) -> [u8; 2] {
    let bytes = id.as_bytes();
    [bytes[3], bytes[4]]
}

/// How many records there are of each object, live and in the recycle bin.
#[derive(Debug, Clone, Copy)]
struct Counts {
    users: u64,
    accounts: u64,
    contacts: u64,
    opportunities: u64,
    cases: u64,
    leads: u64,
    tasks: u64,
    events: u64,
    shipments: u64,
    lines: u64,
    notes: u64,
}

impl Counts {
    /// Places for so many live contacts and the others in proportion; those in the recycle bin come on top.
    fn of(contacts: u64) -> Self {
        let places = |live: u64| live + live / (DELETED_EVERY - 1);
        Self {
            users: 30,
            accounts: places(contacts / 5),
            contacts: places(contacts),
            opportunities: places(contacts / 10),
            cases: places(contacts / 10),
            leads: places(contacts / 10),
            tasks: places(contacts / 10),
            events: places(contacts / 20),
            shipments: places(contacts / 20),
            lines: places(contacts / 10),
            notes: places(contacts / 50),
        }
    }
}

/// What all generators share.
struct Making {
    seed: u64,
    /// Whole seconds.
    now: Millis,
    instance: [u8; 2],
    admin: RecordId,
    words: &'static Words,
    counts: Counts,
    /// Objects with at most so many records are made at once.
    at_once_max: u64,
}

/// Whether the record at this place is in the recycle bin.
fn in_bin(place: u64) -> bool {
    place % DELETED_EVERY == DELETED_EVERY - 1
}

/// This place, or the one before it when its record is in the recycle bin.
fn live(place: u64) -> u64 {
    if in_bin(place) { place - 1 } else { place }
}

impl Making {
    fn sheet(&self, org: &Org, object: &str) -> Result<Sheet, ApiError> {
        Sheet::new(&org.schema, object, self.instance)
    }

    fn rng(&self, sheet: &Sheet, place: u64) -> Rng {
        Rng::of(self.seed, u64::from(sheet.object.0), place)
    }

    /// Fills the table of one object. `make` fills the sheet for one place, from nothing but the seed and the place.
    /// Numbers of auto-number fields are those of the places, from 1. Small objects are made at once, on all
    /// processors; of large ones only what is in the recycle bin: the rest is made when it is looked at.
    fn each<F>(self: &Arc<Self>, org: &mut Org, sheet: &Sheet, count: u64, make: F) -> Arc<Maker>
    where
        F: Fn(&Making, &mut Sheet, u64) -> Option<Audit> + Send + Sync + 'static,
    {
        let rule = Arc::new(Rule { making: Arc::clone(self), make, sheets: Mutex::default(), template: sheet.clone() });
        let maker = {
            let rule = Arc::clone(&rule);
            Arc::new(Maker::new(org.store.held(), move |place| rule.make(place).0))
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX) as u64;
        let share = count.div_ceil(threads).max(PLACES_MIN);
        let at_once = count <= self.at_once_max;
        let part = |from: u64| {
            let places = from..(from + share).min(count);
            let mut made: Vec<(RecordId, Arc<Row>)> = Vec::with_capacity((places.end - places.start) as usize);
            let mut deleted = Vec::new();
            for place in places {
                let id = sheet.id(place);
                let row = match u32::try_from(place) {
                    Ok(place) if !at_once && !in_bin(place.into()) => Row::seeded(&maker, place),
                    _ => {
                        let (packed, at) = rule.make(place);
                        deleted.extend(at.map(|at| (id, at)));
                        Row::from_packed(packed)
                    }
                };
                made.push((id, Arc::new(row)));
            }
            (made, deleted)
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let part = &part;
            let started: Vec<_> =
                (0..count).step_by(share as usize).map(|from| scope.spawn(move || part(from))).collect();
            let finished = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            started.into_iter().map(finished).collect()
        });
        let (mut rows, mut bin) = (Vec::with_capacity(count as usize), Vec::new());
        for (made, deleted) in parts {
            rows.extend(made);
            for (id, at) in deleted {
                bin.push((id, Binned { at, group: org.store.next_group(&[(sheet.object, id)]), root: true }));
            }
        }
        let facts = org.schema.object(sheet.object);
        let numbered: Vec<FieldId> = facts.enumerate().filter(|(_, f)| f.auto_number).map(|(id, _)| id).collect();
        org.store.table_mut(sheet.object).fill(rows, bin, count, &numbered);
        maker
    }

    fn id(&self, prefix: &[u8; 3], place: u64) -> RecordId {
        RecordId::new(*prefix, self.instance, place + 1)
    }

    /// Any live record of an object with so many; `None` when it has none.
    fn any(&self, prefix: &[u8; 3], count: u64, rng: &mut Rng) -> Option<RecordId> {
        (count > 0).then(|| self.id(prefix, live(rng.below(count))))
    }

    fn any_account(&self, rng: &mut Rng) -> Option<RecordId> {
        self.any(b"001", self.counts.accounts, rng)
    }

    fn any_contact(&self, rng: &mut Rng) -> Option<RecordId> {
        self.any(b"003", self.counts.contacts, rng)
    }

    /// An owner: an active user. A few own much, as in a real org; the administrator owns a tenth of all.
    fn any_owner(&self, rng: &mut Rng) -> RecordId {
        if rng.one_in(10) {
            return self.admin;
        }
        let active = self.counts.users - INACTIVE;
        self.id(b"005", rng.below(active).min(rng.below(active)))
    }

    /// Whoever worked here once, left or not.
    fn any_user(&self, rng: &mut Rng) -> RecordId {
        let at = rng.below(self.counts.users).min(rng.below(self.counts.users));
        // Users are not deleted in Salesforce.
        self.id(b"005", at)
    }

    /// When the record at this place of so many was made and changed. Records are made in the order of their ids,
    /// many of them in batches within one second.
    fn audit(&self, place: u64, of: u64, rng: &mut Rng) -> Audit {
        let batched = (place / BATCH).is_multiple_of(3);
        let place_in_time = if batched { place - place % BATCH } else { place };
        let since_start = i128::from(AGE - DAY) * i128::from(place_in_time) / i128::from(of.max(1));
        let created = whole_second(self.now - AGE + since_start as Millis);
        let modified = match rng.below(10) {
            0..6 => created,
            _ => whole_second(created + self.below_millis(rng, self.now - DAY - created)),
        };
        let stamp = if rng.one_in(30) {
            whole_second(modified + self.below_millis(rng, self.now - DAY - modified))
        } else {
            modified
        };
        let created_by = self.any_user(rng);
        let modified_by = if modified == created { created_by } else { self.any_user(rng) };
        // The recycle bin keeps 15 days.
        let deleted =
            in_bin(place).then(|| whole_second(self.now - SECOND - self.below_millis(rng, DAY * 14)).max(modified));
        Audit { created, created_by, modified, modified_by, stamp, deleted }
    }

    fn below_millis(&self, rng: &mut Rng, n: Millis) -> Millis {
        rng.below(u64::try_from(n).unwrap_or(0)) as Millis
    }

    /// A text of many lines and of exactly so many characters, none of them beyond the basic plane: where
    /// characters are counted in UTF-16 it is as long.
    fn long_text(&self, chars: usize) -> String {
        let mut out = String::with_capacity(chars * 2);
        let mut made = 0;
        'all: for n in 0.. {
            for note in &self.words.note {
                for c in format!("{n}. {note}\r\n").chars() {
                    // The last character is no blank, which would be trimmed.
                    out.push(if made + 1 == chars { '…' } else { c });
                    made += 1;
                    if made >= chars {
                        break 'all;
                    }
                }
            }
        }
        out
    }

    /// A remark: usually a sentence or a few, sometimes one that is awkward to carry.
    fn remark(&self, rng: &mut Rng) -> String {
        if rng.one_in(3) {
            return rng.pick(&self.words.awkward).cloned().unwrap_or_default();
        }
        let mut out = String::new();
        for n in 0..=rng.below(3) {
            if n > 0 {
                out.push_str(if rng.one_in(3) { "\r\n" } else { " " });
            }
            out.push_str(rng.pick(&self.words.note).copied().unwrap_or_default());
        }
        out
    }

    /// An awkward text for a field of a single line.
    fn awkward_line(&self, rng: &mut Rng) -> &'static str {
        let text = rng.pick(&self.words.awkward).map_or("", String::as_str);
        if text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) { "plain" } else { text }
    }

    /// A sentence with a number in place of its `%`.
    fn sentence(&self, of: &[&'static str], rng: &mut Rng) -> String {
        let number = rng.below(100_000).to_string();
        rng.pick(of).copied().unwrap_or_default().replace('%', &number)
    }
}

/// What makes the rows of one object: on any thread, with a sheet of its own.
struct Rule<F> {
    making: Arc<Making>,
    make: F,
    /// Sheets that nobody is using.
    sheets: Mutex<Vec<Sheet>>,
    template: Sheet,
}

impl<F: Fn(&Making, &mut Sheet, u64) -> Option<Audit>> Rule<F> {
    /// The packed row of a place, and when it went to the recycle bin.
    fn make(&self, place: u64) -> (Vec<u8>, Option<Millis>) {
        let mut sheet = self.sheets.lock().pop().unwrap_or_else(|| self.template.clone());
        let made = match (self.make)(&self.making, &mut sheet, place) {
            Some(audit) => (sheet.take(place + 1, &audit), audit.deleted),
            None => (Vec::new(), None),
        };
        self.sheets.lock().push(sheet);
        made
    }
}

/// Objects whose records belong to an account: as they were seeded, whatever has become of them.
struct Accounts(Vec<([u8; 3], FieldId, Arc<Maker>)>);

impl Accounts {
    fn of(schema: &Schema, makers: &[(&str, &Arc<Maker>)]) -> Arc<Self> {
        let known = |(name, maker): &(&str, &Arc<Maker>)| {
            let (_, facts) = schema.find(name)?;
            let (field, _) = facts.field("AccountId")?;
            Some((facts.key_prefix?, field, Arc::clone(maker)))
        };
        Arc::new(Self(makers.iter().filter_map(known).collect()))
    }

    /// The account that this record is, or belongs to.
    fn of_record(&self, record: Option<RecordId>) -> Option<RecordId> {
        let record = record?;
        if &record.prefix() == b"001" {
            return Some(record);
        }
        let (_, field, maker) = self.0.iter().find(|(prefix, ..)| *prefix == record.prefix())?;
        Row::from_packed(maker.make(place_of(record))).get_ref(*field).to_value().as_id()
    }
}

/// The place of a record that [`Making::id`] named.
fn place_of(id: RecordId) -> u64 {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        _ => byte.saturating_sub(b'a') + 36,
    };
    let number = id.as_bytes()[6..].iter().fold(0_u64, |number, byte| number * 62 + u64::from(digit(byte)));
    number.saturating_sub(1)
}

fn whole_second(ms: Millis) -> Millis {
    ms - ms.rem_euclid(SECOND)
}

/// The columns of an address.
#[derive(Debug, Clone, Copy)]
struct AddressColumns {
    street: FieldId,
    city: FieldId,
    state: FieldId,
    postal: FieldId,
    country: FieldId,
    latitude: FieldId,
    longitude: FieldId,
}

impl AddressColumns {
    /// Columns named with this prefix: `Billing`, or none.
    fn of(sheet: &Sheet, prefix: &str) -> Result<Self, ApiError> {
        let column = |name: &str| sheet.column(&format!("{prefix}{name}"));
        Ok(Self {
            street: column("Street")?,
            city: column("City")?,
            state: column("State")?,
            postal: column("PostalCode")?,
            country: column("Country")?,
            latitude: column("Latitude")?,
            longitude: column("Longitude")?,
        })
    }

    fn fill(&self, sheet: &mut Sheet, language: &Language, rng: &mut Rng) {
        let number = (1 + rng.below(240)).to_string();
        let mut street = rng.pick(&language.street).copied().unwrap_or_default().replace('#', &number);
        if rng.one_in(8) {
            street = format!("c/o {}{}{street}", one(&language.family, rng), if rng.one_in(2) { "\n" } else { "\r\n" });
        }
        sheet.text(self.street, street);
        sheet.text(self.city, one(&language.city, rng));
        if rng.chance(70) {
            sheet.text(self.state, one(&language.region, rng));
        }
        sheet.text(self.postal, pattern(language.postal, rng));
        sheet.text(self.country, one(&language.country, rng));
        if rng.one_in(20) {
            sheet.number(self.latitude, rng.below(180_000_000_000_000_000) as i64 - 90_000_000_000_000_000);
            sheet.number(self.longitude, rng.below(360_000_000_000_000_000) as i64 - 180_000_000_000_000_000);
        }
    }
}

fn one(of: &[&'static str], rng: &mut Rng) -> &'static str {
    rng.pick(of).copied().unwrap_or_default()
}

/// `9` becomes a digit, `A` a letter.
fn pattern(of: &str, rng: &mut Rng) -> String {
    of.chars()
        .map(|c| match c {
            '9' => char::from(b'0' + rng.below(10) as u8),
            'A' => char::from(b'A' + rng.below(26) as u8),
            c => c,
        })
        .collect()
}

fn phone(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => pattern("+99 99 9999999", rng),
        1 => pattern("(999) 555-0199", rng),
        2 => pattern("0999/55 01 99-9", rng),
        _ => pattern("+99 (0)999 555 0999 ext. 9", rng),
    }
}

fn person(language: &Language, rng: &mut Rng) -> (&'static str, &'static str) {
    (one(&language.given, rng), one(&language.family, rng))
}
