//! An emulated org, a client and a destination in memory; and the question whether they are equal, asked of the org's
//! store directly: neither SOQL nor our own comparison is trusted here.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tidegate_client::{Client, ClientConfig, Create, Credentials, Delete, OrgLogin, Update};
use tidegate_emulator::Value;
use tidegate_emulator::dml::{Write, WriteContext};
use tidegate_emulator::events::{Bus, UnknownEntity};
use tidegate_emulator::server::{Config, Emulator, SeedConfig};
use tidegate_emulator::settings::Settings;
use tidegate_sync::decode::text;
use tidegate_sync::testing::MemoryStore;
use tidegate_sync::{
    Cell, CellRef, ColumnType, Mode, Options, Outcome, Pipeline, Progress, SyncError, VerifyOptions, VerifyReport,
};
use tokio_util::sync::CancellationToken;

pub(crate) struct Bench {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) store: MemoryStore,
    pub(crate) objects: Vec<&'static str>,
    told: Arc<Mutex<Vec<Progress>>>,
    _dir: TempDir,
}

/// Settings for tests: an empty channel answers at once instead of after 270 s.
pub(crate) fn settings() -> Settings {
    // What moves without an event is no part of what following promises.
    Settings { keep_alive_ms: 300, activities_move_dates: false, ..Settings::default() }
}

impl Bench {
    pub(crate) async fn start(settings: Settings, contacts: u64, objects: &[&'static str]) -> Self {
        let seed = SeedConfig { number: 7, contacts };
        let config = Config { settings, seed: Some(seed), ..Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, emulator.ca_pem()).unwrap();
        let given = emulator.credentials();
        let credentials = Credentials::ClientCredentials {
            client_id: given.client_id.clone(),
            client_secret: given.client_secret.clone().into(),
        };
        let login = OrgLogin::new(emulator.url(), credentials).unwrap();
        let config = ClientConfig {
            ca_file: Some(ca_file),
            pubsub_endpoint: emulator.pubsub().to_owned(),
            ..ClientConfig::new(login)
        };
        let client = Client::connect(config).await.unwrap();
        let objects = objects.to_vec();
        Self { emulator, client, store: MemoryStore::default(), objects, told: Arc::default(), _dir: dir }
    }

    pub(crate) fn options(&self) -> Options {
        Options { idle: Duration::from_millis(800), ..Options::new(self.objects.iter().copied()) }
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        let told = self.told.clone();
        let destination = Arc::new(self.store.connect().unwrap());
        Pipeline::new(self.client.clone(), destination, self.options())
            .on_progress(move |progress| told.lock().unwrap().push(progress))
    }

    /// A run until caught up, in a process of its own as far as the engine can tell.
    pub(crate) async fn sync(&self) -> Vec<Progress> {
        self.told.lock().unwrap().clear();
        self.try_sync().await.unwrap();
        self.told()
    }

    pub(crate) async fn try_sync(&self) -> Result<(), SyncError> {
        let stop = CancellationToken::new();
        let run = self.pipeline();
        let outcome = within(run.run(Mode::Once, &stop)).await?;
        assert_eq!(outcome, Outcome::Done);
        Ok(())
    }

    pub(crate) fn told(&self) -> Vec<Progress> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) async fn verify(&self, options: VerifyOptions) -> VerifyReport {
        let run = self.pipeline();
        let stop = CancellationToken::new();
        within(run.verify(options, &stop)).await.unwrap()
    }

    pub(crate) async fn create(&self, object: &str, fields: Json) -> String {
        let call = Create { object: object.into(), fields };
        self.client.send(&call).await.unwrap().id
    }

    pub(crate) async fn update(&self, object: &str, id: &str, fields: Json) {
        self.client.send(&Update { object: object.into(), id: id.into(), fields }).await.unwrap();
    }

    pub(crate) async fn delete(&self, object: &str, id: &str) {
        assert!(self.try_delete(object, id).await, "{object} {id} may not be deleted");
    }

    /// False where the org keeps the record because others hang on it.
    pub(crate) async fn try_delete(&self, object: &str, id: &str) -> bool {
        match self.client.send(&Delete { object: object.into(), id: id.into() }).await {
            Ok(()) => true,
            Err(error) => {
                assert!(error.has_code("DELETE_FAILED"), "{error}");
                false
            }
        }
    }

    /// Takes a record out of the recycle bin, past the API: undeleting has a door of its own.
    pub(crate) fn undelete_any(&self, object: &str) -> Option<String> {
        let now = self.emulator.clock().now();
        let mut org = self.emulator.org().write();
        let (number, facts) = org.schema.find(object).unwrap();
        let (deleted, _) = facts.enumerate().find(|(_, f)| f.name == "IsDeleted").unwrap();
        let start = tidegate_emulator::RecordId::from_bytes([b'0'; 15]);
        let ids: Vec<_> = org
            .store
            .table(number)?
            .rows_from(start)
            .filter(|(_, r)| r.get(deleted) == Value::Bool(true))
            .map(|(id, _)| id)
            .collect();
        let user = org.settings.admin_id;
        for id in ids {
            let context = WriteContext { now, user, origin: String::new(), all_or_none: true };
            if org.write(&context, vec![Write::Undelete { object: number, id }]).iter().all(Result::is_ok) {
                return Some(id.to_string());
            }
        }
        None
    }

    pub(crate) async fn contact(&self, last_name: &str) -> String {
        self.create("Contact", json!({ "LastName": last_name, "FirstName": "Ada" })).await
    }

    /// Ids of an object, as the org's store has them.
    pub(crate) fn ids(&self, object: &str) -> Vec<String> {
        self.truth(object).into_keys().collect()
    }

    /// Disturbs the event bus.
    pub(crate) fn events(&self, disturb: impl FnOnce(&mut Bus)) {
        disturb(&mut self.emulator.org().write().events);
    }

    pub(crate) fn inject(&self, what: impl FnOnce(&mut tidegate_emulator::Org, i64) -> Result<(), UnknownEntity>) {
        let now = self.emulator.clock().now();
        what(&mut self.emulator.org().write(), now).unwrap();
    }

    /// The live records of an object: every stored value, by id and field.
    fn truth(&self, object: &str) -> BTreeMap<String, BTreeMap<String, Value>> {
        let org = self.emulator.org().read();
        let (number, facts) = org.schema.find(object).unwrap();
        let mut records = BTreeMap::new();
        let Some(table) = org.store.table(number) else { return records };
        for (id, row) in table.rows_from(tidegate_emulator::RecordId::from_bytes([b'0'; 15])) {
            let values: BTreeMap<String, Value> =
                facts.enumerate().map(|(field, facts)| (facts.name.clone(), row.get(field))).collect();
            if values.get("IsDeleted") != Some(&Value::Bool(true)) {
                records.insert(id.to_string(), values);
            }
        }
        records
    }

    /// Fails unless every table holds exactly what the org holds.
    pub(crate) async fn assert_equal(&self) {
        let mut values_compared = 0;
        for object in &self.objects {
            let describe = self.client.describe(object).await.unwrap();
            let map = tidegate_sync::mapping::ObjectMap::new(tidegate_sync::TableId(0), &describe).unwrap();
            let truth = self.truth(object);
            let rows = self.store.rows(object);
            let found: Vec<String> = rows.iter().map(|row| as_text(&row[0])).collect();
            let expected: Vec<String> = truth.keys().cloned().collect();
            assert_eq!(found, expected, "ids of {object}");
            for (row, (id, values)) in rows.iter().zip(&truth) {
                for (cell, column) in row.iter().zip(&map.table.columns) {
                    let Some(value) = values.get(&column.field) else { continue };
                    let expected = cell_of(column.ty, value);
                    if let Some(expected) = expected {
                        assert_eq!(*cell, expected, "{object}.{} of {id}", column.field);
                        values_compared += 1;
                    }
                }
            }
        }
        assert!(values_compared > 0, "nothing was compared");
    }
}

fn as_text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// `None` for what the org computes when it is asked.
fn cell_of(ty: ColumnType, value: &Value) -> Option<Cell> {
    let read = |text: &str| text::read(ty, text).map(CellRef::to_cell).unwrap();
    Some(match value {
        Value::Null => return None,
        Value::Text(text) => read(text),
        Value::Bool(b) => Cell::Boolean(*b),
        Value::Int(n) => Cell::Integer(*n),
        Value::Decimal(n) => read(&n.to_string()),
        Value::Date(date) => read(&date.to_string()),
        Value::DateTime(at) => Cell::DateTime(*at),
        Value::Time(ms) => Cell::Time(i32::try_from(*ms).unwrap()),
        Value::Id(id) => Cell::Text(id.to_string()),
    })
}

/// Nothing here takes as long as this, unless it hangs.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(90), work).await.expect("it hangs")
}
