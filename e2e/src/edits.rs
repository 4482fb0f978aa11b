//! Edits of an org, at random, through every door: its own transactions, REST, Bulk.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value as Json};
use tidegate_client::bulk::{IngestOperation, IngestSpec, Wait};
use tidegate_client::{Client, Create, Delete, Update, Upsert};
use tidegate_emulator::dml::{Input, Write, WriteContext};
use tidegate_emulator::http::AppState;
use tidegate_emulator::schema::{Field, FieldType, ObjectType};
use tidegate_emulator::{Org, RecordId};

use crate::values;

/// What was edited.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Edits {
    /// Records written.
    pub saved: u64,
    /// Writes that the org refused: edits at random break rules now and then.
    pub refused: u64,
    /// Requests whose answer did not come. Their edits may have been made.
    pub lost: u64,
}

impl std::ops::AddAssign for Edits {
    fn add_assign(&mut self, other: Self) {
        self.saved += other.saved;
        self.refused += other.refused;
        self.lost += other.lost;
    }
}

/// Edits an org. The same number makes the same choices as long as it finds the same records.
#[derive(Debug)]
pub struct Editor {
    state: AppState,
    client: Client,
    objects: Vec<String>,
    rng: StdRng,
    /// What was done so far.
    pub edits: Edits,
}

impl Editor {
    /// One that edits these objects.
    pub fn new(state: AppState, client: Client, objects: Vec<String>, seed: u64) -> Self {
        Self { state, client, objects, rng: StdRng::seed_from_u64(seed), edits: Edits::default() }
    }

    /// One edit through any door.
    pub async fn edit(&mut self) {
        match self.rng.random_range(0..20) {
            0..13 => self.transaction(),
            13..19 => self.rest().await,
            _ => self.bulk().await,
        }
    }

    /// Some edits through any door.
    pub async fn edit_many(&mut self, count: usize) {
        for _ in 0..count {
            self.edit().await;
        }
    }

    /// Some writes in one transaction of the org's own.
    pub fn transaction(&mut self) {
        let count = match self.rng.random_range(0..20) {
            0 => self.rng.random_range(20..60),
            1..10 => self.rng.random_range(2..8),
            _ => 1,
        };
        let all_or_none = self.rng.random_bool(0.2);
        self.write(all_or_none, |editor, org| (0..count).filter_map(|_| editor.make_write(org)).collect());
    }

    /// The same change of many records of one object: the bus merges such changes into one event.
    pub fn mass_update(&mut self) {
        self.write(false, |editor, org| {
            let Some((object, facts)) = editor.pick_object(org) else { return Vec::new() };
            let fields = editor.some_fields(org, &facts, false);
            let fields: Vec<(String, Input)> = fields.into_iter().map(|(n, v)| (n, Input::Json(v))).collect();
            let Some(table) = org.store.table(object) else { return Vec::new() };
            table.live_rows().take(250).map(|(id, _)| Write::Update { object, id, fields: fields.clone() }).collect()
        });
    }

    /// A change of every field that can be changed in some records of each object.
    pub fn sweep(&mut self, records: usize) {
        for name in self.objects.clone() {
            let fields: Vec<_> = {
                let org = self.state.org.read();
                let Some((_, facts)) = org.schema.find(&name) else { continue };
                facts.fields.iter().filter(|f| editable(f, false)).cloned().collect()
            };
            // One field at a time: one that is refused must not hide the others, and a request may name a record once.
            for field in fields {
                self.write(false, |editor, org| {
                    let Some((object, _)) = org.schema.find(&name) else { return Vec::new() };
                    let Some(table) = org.store.table(object) else { return Vec::new() };
                    let ids: Vec<RecordId> = table.live_rows().map(|(id, _)| id).take(records).collect();
                    let update = |id| {
                        let fields = vec![(field.name.clone(), Input::Json(editor.value(org, &field)?))];
                        Some(Write::Update { object, id, fields })
                    };
                    ids.into_iter().filter_map(update).collect()
                });
            }
        }
    }

    /// Deletes a record of this object and removes it for good in one go, without a trace in the recycle bin.
    pub fn delete_for_good(&mut self, object: &str) -> bool {
        let before = self.edits.saved;
        self.write(false, |editor, org| {
            let Some((object, _)) = org.schema.find(object) else { return Vec::new() };
            let id = editor.any_live(org, object);
            id.map(|id| Write::HardDelete { object, id }).into_iter().collect()
        });
        self.edits.saved > before
    }

    /// Moves a record of this object to the recycle bin, with all that goes with it.
    pub fn delete(&mut self, object: &str) -> bool {
        let before = self.edits.saved;
        self.write(false, |editor, org| {
            let Some((object, _)) = org.schema.find(object) else { return Vec::new() };
            let id = editor.any_live(org, object);
            id.map(|id| Write::Delete { object, id }).into_iter().collect()
        });
        self.edits.saved > before
    }

    fn write(&mut self, all_or_none: bool, make: impl FnOnce(&mut Self, &Org) -> Vec<Write>) {
        let state = self.state.clone();
        let mut org = state.org.write();
        let writes = make(self, &org);
        if writes.is_empty() {
            return;
        }
        let context =
            WriteContext { now: state.now(), user: org.settings.admin_id, origin: String::new(), all_or_none };
        for result in org.write(&context, writes) {
            match result {
                Ok(_) => self.edits.saved += 1,
                Err(_) => self.edits.refused += 1,
            }
        }
    }

    /// One write through REST.
    pub async fn rest(&mut self) {
        let state = self.state.clone();
        let write = {
            let org = state.org.read();
            self.make_write(&org).map(|write| (write, org.schema.clone()))
        };
        let Some((write, schema)) = write else { return };
        let name = |object| schema.object(object).name.clone();
        let client = self.client.clone();
        let outcome = match write {
            Write::Create { object, fields } => {
                let call = Create { object: name(object), fields: json(fields) };
                client.send(&call).await.map(|_| ())
            }
            Write::Update { object, id, fields } => {
                let call = Update { object: name(object), id: id.to_string(), fields: json(fields) };
                client.send(&call).await
            }
            Write::Upsert { object, key, value, fields, update_only } => {
                let Input::Json(Json::String(value)) = value else { return };
                let call = Upsert { object: name(object), key, value, fields: json(fields), update_only };
                client.send(&call).await.map(|_| ())
            }
            Write::Delete { object, id } => client.send(&Delete { object: name(object), id: id.to_string() }).await,
            // REST has no door for these.
            write @ (Write::HardDelete { .. } | Write::Undelete { .. }) => {
                self.write(false, |_, _| vec![write]);
                return;
            }
        };
        match outcome {
            Ok(()) => self.edits.saved += 1,
            Err(tidegate_client::Error::Api { status: 400..=404, .. }) => self.edits.refused += 1,
            Err(_) => self.edits.lost += 1,
        }
    }

    /// Some rows by one Bulk ingest job.
    pub async fn bulk(&mut self) {
        let state = self.state.clone();
        let job = {
            let org = state.org.read();
            self.make_job(&org)
        };
        let Some((spec, csv)) = job else { return };
        let wait =
            Wait { first: Duration::from_millis(5), cap: Duration::from_millis(50), deadline: Duration::from_secs(10) };
        let length = csv.len() as u64;
        let body = stream::iter([Ok::<_, std::io::Error>(csv.into())]);
        match self.client.bulk().ingest(spec, body, Some(length), wait).await {
            Ok(summary) => {
                self.edits.saved += summary.successful;
                self.edits.refused += summary.failed;
            }
            Err(_) => self.edits.lost += 1,
        }
    }

    fn make_job(&mut self, org: &Org) -> Option<(IngestSpec, String)> {
        let (object, facts) = self.pick_object(org)?;
        let key = facts.fields.iter().find(|f| f.external_id && f.ty == FieldType::String);
        let count = self.rng.random_range(1..40);
        let live: Vec<RecordId> = org.store.table(object)?.live_rows().map(|(id, _)| id).collect();
        let chosen: Vec<String> = live.choose_multiple(&mut self.rng, count).map(ToString::to_string).collect();
        let (operation, rows): (IngestOperation, Vec<BTreeMap<String, Json>>) = match self.rng.random_range(0..6) {
            0 => (IngestOperation::Insert, (0..count).map(|_| self.some_fields(org, &facts, true)).collect()),
            1 => (IngestOperation::Delete, chosen.into_iter().take(3).map(with_id(BTreeMap::new())).collect()),
            2 => (IngestOperation::HardDelete, chosen.into_iter().take(3).map(with_id(BTreeMap::new())).collect()),
            3 if key.is_some() => {
                let key = key?.name.clone();
                let rows = (0..count).map(|n| {
                    let mut row = self.some_fields(org, &facts, true);
                    // Some twice over several jobs: they are updated then.
                    let number = if n % 2 == 0 { self.rng.random_range(0..50) } else { self.rng.random() };
                    row.insert(key.clone(), Json::String(format!("bulk-{number}")));
                    row
                });
                let rows = rows.collect();
                (IngestOperation::Upsert { external_id: key }, rows)
            }
            _ => {
                let fields = self.some_fields(org, &facts, false);
                (IngestOperation::Update, chosen.into_iter().map(with_id(fields)).collect())
            }
        };
        Some((IngestSpec::new(facts.name.clone(), operation), csv(&rows)))
    }

    /// A write of any kind.
    fn make_write(&mut self, org: &Org) -> Option<Write> {
        let (object, facts) = self.pick_object(org)?;
        let inputs = |fields: BTreeMap<String, Json>| fields.into_iter().map(|(n, v)| (n, Input::Json(v))).collect();
        Some(match self.rng.random_range(0..100) {
            0..22 => Write::Create { object, fields: inputs(self.some_fields(org, &facts, true)) },
            22..26 if facts.field("Ext_Id__c").is_some() => {
                let mut fields = self.some_fields(org, &facts, true);
                fields.remove("Ext_Id__c");
                let value = Input::Json(Json::String(format!("key-{}", self.rng.random_range(0..30))));
                Write::Upsert { object, key: "Ext_Id__c".into(), value, fields: inputs(fields), update_only: false }
            }
            26..36 => Write::Delete { object, id: self.any_live(org, object)? },
            36..44 => {
                let binned: Vec<RecordId> = org.store.table(object)?.bin().map(|(id, _)| id).collect();
                Write::Undelete { object, id: *binned.choose(&mut self.rng)? }
            }
            44..48 => {
                let binned = self.rng.random_bool(0.5);
                let table = org.store.table(object)?;
                let bin: Vec<RecordId> = table.bin().map(|(id, _)| id).collect();
                let id = if binned { bin.choose(&mut self.rng).copied() } else { None };
                Write::HardDelete { object, id: id.or_else(|| self.any_live(org, object))? }
            }
            _ => {
                let id = self.any_live(org, object)?;
                Write::Update { object, id, fields: inputs(self.some_fields(org, &facts, false)) }
            }
        })
    }

    fn pick_object(&mut self, org: &Org) -> Option<(tidegate_emulator::schema::ObjectId, ObjectType)> {
        let name = self.objects.choose(&mut self.rng)?;
        org.schema.find(name).map(|(id, facts)| (id, ObjectType::clone(facts)))
    }

    fn any_live(&mut self, org: &Org, object: tidegate_emulator::schema::ObjectId) -> Option<RecordId> {
        let table = org.store.table(object)?;
        let count = table.live_len();
        (count > 0).then(|| self.rng.random_range(0..count)).and_then(|n| table.live_rows().nth(n)).map(|(id, _)| id)
    }

    /// A few fields with values; for a create, those that it needs are among them.
    fn some_fields(&mut self, org: &Org, facts: &ObjectType, create: bool) -> BTreeMap<String, Json> {
        let candidates: Vec<&Field> = facts.fields.iter().filter(|f| editable(f, create)).collect();
        let count = self.rng.random_range(1..=5);
        let mut chosen: Vec<&Field> = candidates.choose_multiple(&mut self.rng, count).copied().collect();
        if create {
            chosen.extend(facts.fields.iter().filter(|f| f.required_on_create()));
        }
        let mut fields = BTreeMap::new();
        for field in chosen {
            if let Some(value) = self.value(org, field) {
                fields.insert(field.name.clone(), value);
            }
        }
        fields
    }

    fn value(&mut self, org: &Org, field: &Field) -> Option<Json> {
        if field.ty != FieldType::Reference {
            return values::value(field, &mut self.rng);
        }
        if field.nillable && self.rng.random_bool(0.2) {
            return Some(Json::Null);
        }
        let parent = field.reference_to.choose(&mut self.rng)?;
        let (object, _) = org.schema.find(parent)?;
        self.any_live(org, object).map(|id| Json::String(id.to_string()))
    }
}

fn editable(field: &Field, create: bool) -> bool {
    let allowed = if create { field.createable } else { field.updateable };
    allowed && !field.calculated && !field.auto_number
}

fn with_id(fields: BTreeMap<String, Json>) -> impl Fn(String) -> BTreeMap<String, Json> {
    move |id| {
        let mut row = fields.clone();
        row.insert("Id".to_owned(), Json::String(id));
        row
    }
}

fn json(fields: Vec<(String, Input)>) -> Json {
    let pairs = fields.into_iter().filter_map(|(name, input)| match input {
        Input::Json(value) => Some((name, value)),
        _ => None,
    });
    Json::Object(pairs.collect::<Map<_, _>>())
}

/// Rows under the header of all their columns. An empty cell leaves a field as it is, `#N/A` empties it.
fn csv(rows: &[BTreeMap<String, Json>]) -> String {
    let mut columns: Vec<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    columns.sort();
    columns.dedup();
    let mut text = columns.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(",") + "\n";
    for row in rows {
        let cells = columns.iter().map(|column| match row.get(*column) {
            None => String::new(),
            Some(Json::Null) => "#N/A".to_owned(),
            Some(Json::String(text)) => format!("\"{}\"", text.replace('"', "\"\"")),
            Some(other) => other.to_string(),
        });
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}
