//! The org in a file: written beside it and put in its place in one step, read when the directory is opened again.
//!
//! Kept are the objects and fields, the records with the recycle bin, and how far the event bus has come. Not kept
//! are tokens, Bulk jobs, cursors, usage and the events themselves: a subscriber that had read everything goes on
//! after a clean stop, and to every other its replay id has expired, as after a real org's maintenance.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{StartError, files};
use crate::events::{Bus, Position};
use crate::http::AppState;
use crate::schema::{ObjectType, RecordType, Schema, facts};
use crate::settings::Settings;
use crate::store::{Image, Store};
use crate::{Millis, Org, RecordId};

const MAGIC: &[u8; 8] = b"TIDEORG1";
/// Shows that nothing is missing at the end.
const END: &[u8; 8] = b"END OF 1";
/// The name of the file in the directory.
const FILE: &str = "org.tidegate";
/// Rest between two looks whether something changed.
const LOOK: Duration = Duration::from_secs(2);
/// Saving may take one part in so many of the time, so that a large org is not written all the time.
const SHARE: u32 = 20;

/// What stands before the records.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    org_id: String,
    /// The org's time when it was kept.
    now: Millis,
    /// Whether the emulator was stopped in order. After anything else events may be lost that somebody had read.
    clean: bool,
    position: Position,
    schema_changed: Millis,
    /// Every object, in the order of their places.
    objects: Vec<KeptObject>,
}

/// An object with what the text form of its facts leaves to the org.
#[derive(Debug, Serialize, Deserialize)]
struct KeptObject {
    facts: String,
    record_types: Vec<KeptRecordType>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptRecordType {
    id: String,
    developer_name: String,
    name: String,
    active: bool,
    default: bool,
}

impl KeptObject {
    fn of(object: &ObjectType) -> Self {
        let record_type = |r: &RecordType| KeptRecordType {
            id: r.id.to_string(),
            developer_name: r.developer_name.clone(),
            name: r.name.clone(),
            active: r.active,
            default: r.default,
        };
        Self { facts: facts::render(object, ""), record_types: object.record_types.iter().map(record_type).collect() }
    }

    fn object(self) -> io::Result<ObjectType> {
        let mut object = facts::parse(&self.facts).map_err(invalid)?;
        for kept in self.record_types {
            object.record_types.push(RecordType {
                id: RecordId::parse(&kept.id).ok_or_else(|| invalid("a record type has no id"))?,
                developer_name: kept.developer_name,
                name: kept.name,
                active: kept.active,
                default: kept.default,
            });
        }
        Ok(object)
    }
}

/// An org that was kept.
pub(super) struct Kept {
    pub(super) org: Org,
    pub(super) now: Millis,
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Opens the org kept in `dir`; `None` where none is.
pub(super) fn load(dir: &Path, settings: &Settings) -> Result<Option<Kept>, StartError> {
    let path = path(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StartError::File { path, source }),
    };
    read(&mut BufReader::with_capacity(1 << 20, file), settings)
        .map(Some)
        .map_err(|source| StartError::File { path, source })
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn read(from: &mut impl Read, settings: &Settings) -> io::Result<Kept> {
    let mut eight = [0; 8];
    from.read_exact(&mut eight)?;
    if &eight != MAGIC {
        return Err(invalid("this is no org of this version of the emulator; remove it to begin anew"));
    }
    from.read_exact(&mut eight)?;
    let mut head = Vec::new();
    from.take(u64::from_le_bytes(eight)).read_to_end(&mut head)?;
    let head: Head = serde_json::from_slice(&head).map_err(invalid)?;
    // It is the org that it was, whatever a new one would be called.
    let org_id = RecordId::parse(&head.org_id).ok_or_else(|| invalid("the org's id is none"))?;
    let mut schema = Schema::default();
    for object in head.objects {
        schema.put(object.object()?);
    }
    schema.touch(head.schema_changed);
    let store = Store::from_image(Image::read(from)?);
    from.read_exact(&mut eight)?;
    if &eight != END {
        return Err(invalid("the end is missing"));
    }
    let mut events = Bus::resume(head.position);
    if !head.clean {
        events.reset_positions();
    }
    let settings = Settings { org_id, ..settings.clone() };
    let org = Org { settings, schema: Arc::new(schema), store, events, ..Org::default() };
    Ok(Kept { org, now: head.now })
}

/// Keeps the org in `dir`. It is held only while its rows are listed.
fn save(dir: &Path, state: &AppState, clean: bool) -> Result<(), StartError> {
    let (head, image) = {
        let org = state.org.read();
        let head = Head {
            org_id: org.settings.org_id.to_string(),
            now: state.now(),
            clean,
            position: org.events.position(),
            schema_changed: org.schema.last_modified(),
            objects: org.schema.objects().iter().map(|object| KeptObject::of(object)).collect(),
        };
        (head, org.store.image())
    };
    let path = path(dir);
    files::replace(&path, true, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let head = serde_json::to_vec(&head)?;
        out.write_all(MAGIC)?;
        out.write_all(&(head.len() as u64).to_le_bytes())?;
        out.write_all(&head)?;
        image.write(&mut out)?;
        out.write_all(END)?;
        out.flush()
    })
    .map_err(|source| StartError::File { path, source })
}

/// What shows that the org changed. A write to an object without change events goes unseen until the stop.
fn mark(state: &AppState) -> (Position, Millis, usize) {
    let org = state.org.read();
    (org.events.position(), org.schema.last_modified(), org.store.tables().map(|(_, table)| table.len()).sum())
}

/// Keeps the org now, whenever it has changed, and when `stop` is cancelled.
pub(super) async fn keep(dir: PathBuf, state: AppState, stop: CancellationToken) -> Result<(), StartError> {
    let mut kept = None;
    let mut rest = Duration::ZERO;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(rest) => {}
        }
        rest = LOOK;
        let now = mark(&state);
        if kept != Some(now) {
            let started = Instant::now();
            save_apart(&dir, &state, false).await?;
            kept = Some(now);
            rest = LOOK.max(started.elapsed() * SHARE);
        }
    }
    save_apart(&dir, &state, true).await
}

async fn save_apart(dir: &Path, state: &AppState, clean: bool) -> Result<(), StartError> {
    let (dir, state) = (dir.to_owned(), state.clone());
    tokio::task::spawn_blocking(move || save(&dir, &state, clean)).await?
}
