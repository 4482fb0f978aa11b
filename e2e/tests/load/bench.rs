//! An org, a folder, and books that are audited after each load.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_e2e::{World, WorldOptions, replica};
use tidegate_emulator::bulk::JobPlan;
use tidegate_emulator::settings::Settings;
use tidegate_sync::load::{LoadError, LoadOperation, LoadOptions, LoadReport, Names, Source, Transport, prepare};
use tokio_util::sync::CancellationToken;

pub(crate) struct Bench {
    pub(crate) world: World,
    files: tempfile::TempDir,
    loads: std::cell::Cell<u32>,
}

/// What the result files say of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// `success`, `failed`, `unprocessed` or `unknown`.
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    /// `sf__Created` or `sf__Error`.
    pub(crate) words: String,
    /// The row as it was in the input.
    pub(crate) values: Vec<String>,
}

/// A load that has ended, with its books.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) report: LoadReport,
    /// By line of the input.
    pub(crate) told: BTreeMap<u64, Told>,
    pub(crate) names: Names,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut options = WorldOptions::new(1).contacts(20).objects(&["Contact", "Account"]);
        change(&mut options.settings);
        let world = World::start(options).await.unwrap();
        Self { world, files: tempfile::tempdir().unwrap(), loads: std::cell::Cell::new(0) }
    }

    /// Options for a load with results of its own.
    pub(crate) fn options(&self, operation: LoadOperation, transport: Transport) -> LoadOptions {
        self.loads.set(self.loads.get() + 1);
        let names = Names::new(self.files.path(), &format!("load{}.csv", self.loads.get()));
        let mut options = LoadOptions::new("Contact", operation, names);
        options.transport = Some(transport);
        options.lock_wait = Duration::from_millis(5);
        options.look_longest = Duration::from_millis(10);
        options
    }

    pub(crate) fn file(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.path().join(format!("input{}.csv", self.loads.get()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) async fn load(&self, csv: impl AsRef<[u8]>, options: LoadOptions) -> Result<Loaded, LoadError> {
        self.load_until(csv, options, CancellationToken::new()).await
    }

    /// Loads, and audits the books.
    pub(crate) async fn load_until(
        &self,
        csv: impl AsRef<[u8]>,
        options: LoadOptions,
        stop: CancellationToken,
    ) -> Result<Loaded, LoadError> {
        let names = options.names.clone();
        let source = Source::File(self.file(&csv));
        let prepared = prepare(self.world.client.clone(), source, options, std::sync::Arc::new(|_| {})).await?;
        let rows = prepared.plan().rows;
        let report = prepared.run(stop).await?;
        let told = read_results(&names);
        assert_eq!(report.tally.rows(), rows, "every row ends in one way");
        assert_eq!(told.len() as u64, rows, "every row is in one file");
        let count = |kind: &str| told.values().filter(|t| t.kind == kind).count() as u64;
        assert_eq!(
            [count("success"), count("failed"), count("unprocessed"), count("unknown")],
            [report.tally.succeeded, report.tally.failed, report.tally.unprocessed, report.tally.unknown]
        );
        Ok(Loaded { report, told, names })
    }

    /// Plans a fault of the next Bulk job.
    pub(crate) fn plan_job(&self, plan: serde_json::Value) {
        let plan: JobPlan = serde_json::from_value(plan).unwrap();
        plan.check().unwrap();
        self.world.emulator.org().write().jobs.plans.plan(plan);
    }

    /// The values of a field in the org's store, by id.
    pub(crate) fn stored(&self, object: &str, field: &str) -> BTreeMap<String, Option<String>> {
        let org = self.world.emulator.org().read();
        let (_, facts) = org.schema.find(object).unwrap();
        let at = replica::fields(facts).iter().position(|f| f.name == field).unwrap();
        replica::org_rows(&org, object).into_iter().map(|(id, mut row)| (id, row.swap_remove(at))).collect()
    }

    /// Checks an insert of contacts with last names `R<n>` against the store: `names[line]` is what stands in that line.
    pub(crate) fn audit_insert(&self, loaded: &Loaded) {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, name) in self.stored("Contact", "LastName") {
            found.entry(name.unwrap_or_default()).or_default().push(id);
        }
        for (line, told) in &loaded.told {
            let name = &told.values[0];
            let ids = found.get(name).map_or(&[] as &[String], Vec::as_slice);
            match told.kind {
                "success" => assert_eq!(ids, std::slice::from_ref(&told.id), "line {line} {name}"),
                "unknown" => assert!(ids.len() <= 1, "line {line} {name} is there {} times", ids.len()),
                _ => assert!(ids.is_empty(), "line {line} {name} is there although it is said to be {}", told.kind),
            }
        }
    }
}

/// Contacts named `R0`, `R1`, … with a tag that tells loads apart.
pub(crate) fn contacts(tag: &str, rows: usize) -> String {
    let mut csv = String::from("LastName,FirstName,Description\n");
    for n in 0..rows {
        csv.push_str(&format!("{tag}{n},F,\"some, text\nof {n}\"\n"));
    }
    csv
}

/// Reads the result files, by code of its own.
pub(crate) fn read_results(names: &Names) -> BTreeMap<u64, Told> {
    let mut told = BTreeMap::new();
    for (kind, path) in ["success", "failed", "unprocessed", "unknown"].into_iter().zip(names.results()) {
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let first = if kind == "success" || kind == "failed" { 3 } else { 1 };
        let mut before = 0;
        for row in parse(&text).into_iter().skip(1) {
            let line: u64 = row[0].parse().unwrap();
            assert!(line > before, "{} is in the order of the input", path.display());
            before = line;
            let (id, words) = if first == 3 { (row[1].clone(), row[2].clone()) } else { Default::default() };
            let twice = told.insert(line, Told { kind, id, words, values: row[first..].to_vec() });
            assert!(twice.is_none(), "line {line} is in two files");
        }
    }
    told
}

/// A small reader of CSV with commas.
pub(crate) fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => row.last_mut().unwrap().push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            c => row.last_mut().unwrap().push(c),
        }
    }
    rows.retain(|row| row.len() > 1 || !row[0].is_empty());
    rows
}
