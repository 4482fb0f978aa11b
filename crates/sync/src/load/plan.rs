//! What a load will do and cost, before it does anything.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_client::bulk::{ColumnDelimiter, UPLOAD_BYTES_MAX};
use tidegate_client::{Client, Describe};
use tokio_util::sync::CancellationToken;

use super::check::{Cut, check};
use super::columns::Wanted;
use super::input::Row;
use super::ledger::Step;
use super::limits::{CALL_ROWS, COLLECTIONS_ROWS, LOCK_WAIT, LOOK_LONGEST, PARALLEL_JOBS, PART_BYTES, PART_ROWS};
use super::results::ResultFiles;
use super::run::{Books, Work};
use super::value::Prefixes;
use super::wire::Fingerprints;
use super::{
    Checked, Columns, Earlier, Halt, HeaderWarning, Input, InputError, LoadError, LoadOperation, LoadProgress,
    LoadReport, Names, Source, Told, bulk, collections, prefix_of,
};

/// The way into the org.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// sObject Collections: 200 records a call.
    Collections,
    /// Bulk API 2.0: a job for each part.
    Bulk,
}

/// What is to be loaded, and how.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// API name of the object.
    pub object: String,
    /// What to do with the rows.
    pub operation: LoadOperation,
    /// Names of columns, or `#3` for the third, and what they are in Salesforce.
    pub renamed: Vec<(String, String)>,
    /// Columns to leave out, by name or as `#3`.
    pub ignored: Vec<String>,
    /// An empty cell clears its field, instead of leaving it alone.
    pub empty_as_null: bool,
    /// What stands between columns, instead of what the header looks like.
    pub delimiter: Option<ColumnDelimiter>,
    /// The encoding, instead of UTF-8 or what a byte order mark says.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The way into the org, instead of the cheaper one.
    pub transport: Option<Transport>,
    /// Bytes of one upload.
    pub part_bytes: u64,
    /// Rows of one upload.
    pub part_rows: u64,
    /// Jobs at the same time.
    pub parallel_jobs: usize,
    /// Where ledger and results go.
    pub names: Names,
    /// Only a plan is wanted: what an earlier load left is not in the way, and [`Prepared::run`] will refuse.
    pub plan_only: bool,
    /// The first wait before rows are sent again.
    pub lock_wait: Duration,
    /// The longest pause between two looks at a job.
    pub look_longest: Duration,
}

impl LoadOptions {
    /// With the usual bounds.
    pub fn new(object: impl Into<String>, operation: LoadOperation, names: Names) -> Self {
        Self {
            object: object.into(),
            operation,
            renamed: vec![],
            ignored: vec![],
            empty_as_null: false,
            delimiter: None,
            encoding: None,
            transport: None,
            part_bytes: PART_BYTES,
            part_rows: PART_ROWS,
            parallel_jobs: PARALLEL_JOBS,
            names,
            plan_only: false,
            lock_wait: LOCK_WAIT,
            look_longest: LOOK_LONGEST,
        }
    }
}

impl LoadOptions {
    /// Where a copy of the input goes, if one is needed. One for a plan only is in nobody's way.
    pub fn copy(&self) -> std::path::PathBuf {
        let mut copy = self.names.copy().into_os_string();
        if self.plan_only {
            copy.push(format!(".{}", std::process::id()));
        }
        copy.into()
    }
}

/// What a load will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The way into the org.
    pub transport: Transport,
    /// Rows.
    pub rows: u64,
    /// Bytes that are sent: exact for Bulk, none told for collections.
    pub bytes: u64,
    /// Ingest jobs.
    pub jobs: u64,
    /// API calls that it takes at least. How often a job is looked at depends on the org.
    pub calls: u64,
    /// Internal batches, which the org counts by the day.
    pub batches: u64,
}

/// A file that was found in order, and a plan for it.
pub struct Prepared {
    client: Client,
    options: LoadOptions,
    input: Input,
    describe: Describe,
    columns: Columns,
    prefixes: Prefixes,
    prints: Fingerprints,
    checked: Checked,
    plan: Plan,
    told: Told,
}

/// Removes the copy of an input that is not loaded after all.
struct Kept(Option<Input>);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(input) = self.0.take() {
            input.forget();
        }
    }
}

/// Opens a file and checks all of it against the org. Writes nothing into the org.
///
/// # Errors
/// [`LoadError::Header`] and [`LoadError::Rows`] with all that is wrong, [`LoadError::Earlier`] where results of an
/// earlier load would be mixed up with those of this one, and whatever keeps the file or the org from being read.
pub async fn prepare(
    client: Client,
    source: Source,
    mut options: LoadOptions,
    told: Told,
) -> Result<Prepared, LoadError> {
    if options.operation == LoadOperation::HardDelete && options.transport == Some(Transport::Collections) {
        return Err(LoadError::Options("records are deleted for good by Bulk only"));
    }
    if !(1..=UPLOAD_BYTES_MAX).contains(&options.part_bytes) {
        return Err(LoadError::Options("an upload has 1 to 112,500,000 bytes"));
    }
    let found = if options.plan_only { vec![] } else { options.names.existing() };
    if !found.is_empty() {
        let ledger = options.names.ledger();
        let earlier = Earlier::read(&ledger, found)
            .map_err(|source| InputError::Io { path: ledger.display().to_string(), source })?;
        return Err(LoadError::Earlier(Box::new(earlier)));
    }
    let describe = client.describe(&options.object).await?;
    // In the org's spelling from here on.
    if let LoadOperation::Upsert { external_id } = &mut options.operation
        && let Some(field) = describe.field(external_id)
    {
        external_id.clone_from(&field.name);
    }
    let opened = {
        let (encoding, delimiter, copy) = (options.encoding, options.delimiter, options.copy());
        blocking(move || Input::open(&source, encoding, delimiter, &copy)).await??
    };
    let mut kept = Kept(Some(opened.clone()));
    let header = header(&opened)?;
    let wanted = Wanted {
        operation: &options.operation,
        renamed: &options.renamed,
        ignored: &options.ignored,
        empty_as_null: options.empty_as_null,
    };
    let mut parents = BTreeMap::new();
    for object in wanted.parents(&header, &describe) {
        let parent = client.describe(&object).await?;
        parents.insert(object, parent);
    }
    let columns = Columns::read(&header, &wanted, &describe, &parents).map_err(|faults| LoadError::Header {
        object: describe.name.clone(),
        faults,
        dialect: opened.dialect(),
        columns: header.len(),
    })?;
    let prefixes = prefixes(&client, &columns, &describe, &parents).await?;
    let prints = Fingerprints::default();
    let (checked, columns, prefixes) = {
        let (input, prints, told) = (opened.clone(), prints.clone(), told.clone());
        let cut = Cut { bytes: options.part_bytes, rows: options.part_rows.max(1) };
        let total = opened.bytes();
        blocking(move || {
            let tell = |bytes| told(LoadProgress::Checking { bytes, total });
            let checked = check(&input, &columns, &prefixes, &prints, cut, tell);
            checked.map(|checked| (checked, columns, prefixes))
        })
        .await??
    };
    if checked.problems.total > 0 {
        return Err(LoadError::Rows { rows: checked.rows, problems: Box::new(checked.problems) });
    }
    if checked.rows == 0 {
        return Err(LoadError::NoRows);
    }
    let plan = plan(&options, &checked);
    kept.0 = None;
    Ok(Prepared { client, options, input: opened, describe, columns, prefixes, prints, checked, plan, told })
}

/// Work that waits for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LoadError::Task(error.to_string()))
}

fn header(input: &Input) -> Result<Vec<String>, LoadError> {
    let failed = |source| InputError::Io { path: input.path().display().to_string(), source };
    let mut rows = input.rows().map_err(failed)?;
    let mut row = Row::default();
    if !rows.read(&mut row).map_err(failed)? {
        return Err(InputError::Empty { path: input.path().display().to_string() }.into());
    }
    match &row.fault {
        None => Ok(row.iter().map(str::to_owned).collect()),
        Some(super::RowFault::Encoding) => Err(input.bad_byte(&row).into()),
        Some(fault) => {
            let fault = fault.clone().into();
            let problem = super::Problem { line: row.line, column: None, field: None, value: None, fault };
            let problems = super::Problems { first: vec![problem], total: 1, rows: 1 };
            Err(LoadError::Rows { problems: Box::new(problems), rows: 1 })
        }
    }
}

/// Whose ids begin with what. The list of all objects is only asked for where ids of other objects are loaded.
async fn prefixes(
    client: &Client,
    columns: &Columns,
    describe: &Describe,
    parents: &BTreeMap<String, Describe>,
) -> Result<Prefixes, LoadError> {
    let mut prefixes: Prefixes = std::iter::once(describe).chain(parents.values()).filter_map(prefix_of).collect();
    let others = columns.sent.iter().any(|column| match &column.kind {
        super::value::Kind::Id(objects) => objects.iter().any(|object| *object != describe.name),
        _ => false,
    });
    if others {
        let global = client.describe_global().await?;
        prefixes.extend(global.sobjects.into_iter().filter_map(|o| Some((o.key_prefix?, o.name))));
    }
    Ok(prefixes)
}

fn plan(options: &LoadOptions, checked: &Checked) -> Plan {
    let by_size = if checked.rows <= COLLECTIONS_ROWS && options.operation != LoadOperation::HardDelete {
        Transport::Collections
    } else {
        Transport::Bulk
    };
    let transport = options.transport.unwrap_or(by_size);
    let jobs = checked.parts.len() as u64;
    match transport {
        Transport::Collections => {
            let calls = checked.parts.iter().map(|part| part.rows.div_ceil(CALL_ROWS as u64)).sum();
            Plan { transport, rows: checked.rows, bytes: checked.bytes, jobs: 0, calls, batches: 0 }
        }
        Transport::Bulk => Plan {
            transport,
            rows: checked.rows,
            bytes: checked.bytes,
            jobs,
            // Create, look, upload, close, look once at least, and the results.
            calls: jobs * 6,
            batches: checked.parts.iter().map(|part| part.rows.div_ceil(10_000)).sum(),
        },
    }
}

impl Prepared {
    /// What will be done.
    pub fn plan(&self) -> Plan {
        self.plan
    }

    /// What was found in the file.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The object, in the org's spelling.
    pub fn object(&self) -> &str {
        &self.describe.name
    }

    /// What is done with the rows.
    pub fn operation(&self) -> &LoadOperation {
        &self.options.operation
    }

    /// The file.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// The encoding that the file was converted from.
    pub fn converted_from(&self) -> Option<&'static str> {
        self.input.converted_from
    }

    /// Columns of the file that are not sent.
    pub fn left_out(&self) -> &[String] {
        &self.columns.left_out
    }

    /// Columns of the file that are sent: as the file names them, and as Salesforce does.
    pub fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.sent.iter().map(|column| (column.header.as_str(), column.wire.as_str()))
    }

    /// Worth a word about the header.
    pub fn header_warnings(&self) -> &[HeaderWarning] {
        &self.columns.warnings
    }

    /// Leaves it at that: a copy of the input is removed.
    pub fn forget(self) {
        self.input.forget();
    }

    /// Carries the plan out. When `stop` is cancelled, nothing new is begun, jobs are aborted, and every row is still
    /// accounted for.
    ///
    /// # Errors
    /// Only what keeps the books from being kept: the ledger and the results cannot be written, or the file cannot be
    /// read any more. That the org refuses rows, or cannot be reached, is in the report.
    pub async fn run(self, stop: CancellationToken) -> Result<LoadReport, LoadError> {
        if self.options.plan_only {
            return Err(LoadError::Options("only a plan was asked for"));
        }
        let Self { client, options, input, describe, columns, prefixes, prints, checked, plan, told } = self;
        let org = client.org_id().await?;
        let path = options.names.ledger();
        let shown = path.display().to_string();
        let ledger =
            super::ledger::Ledger::begin(path.clone()).map_err(|source| LoadError::Write { path: shown, source })?;
        let files = ResultFiles::new(options.names.clone(), input.dialect().delimiter.byte(), columns.header.clone());
        let mut books = Books::new(files, options.names.dir().to_owned());
        let work = Work::new(
            client,
            describe.name,
            options.operation.clone(),
            (input, columns, prefixes, prints),
            ledger,
            told,
            stop,
            (options.lock_wait, options.look_longest),
        );
        work.note(Step::Begin {
            file: work.input.path().display().to_string(),
            bytes: work.input.bytes(),
            org,
            object: work.object.clone(),
            operation: options.operation.name().to_owned(),
            repeatable: options.operation.may_resend(),
            transport: match plan.transport {
                Transport::Bulk => "bulk".to_owned(),
                Transport::Collections => "collections".to_owned(),
            },
            rows: checked.rows,
        })?;
        for part in &checked.parts {
            let (number, first_line, last_line) = (part.number, part.first_line, part.last_line);
            work.note(Step::Part { part: number, first_line, last_line, rows: part.rows })?;
        }
        match plan.transport {
            Transport::Bulk => bulk::run(&work, &checked.parts, options.parallel_jobs, &mut books).await?,
            Transport::Collections => collections::run(&work, &checked.parts, &mut books).await?,
        }
        books.sync()?;
        let halt = work.halted();
        work.note(Step::End { tally: books.tally, why: halt.as_ref().map(Halt::to_string) })?;
        work.input.forget();
        Ok(LoadReport {
            tally: books.tally,
            created: books.created,
            halt,
            jobs: work.jobs.lock().clone(),
            failures: books.failures(),
            files: books.files.written(),
            lock_retries: books.lock_retries,
            unknown: books.unknown,
            ledger: path,
        })
    }
}
