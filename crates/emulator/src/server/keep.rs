//! The org in a file of the directory: written beside it and put in its place in one step, read when the directory is
//! opened again.
//!
//! What is in the file is the business of [`crate::snapshot`], but for the Bulk jobs, which follow it. A subscriber that had read everything goes on after a
//! clean stop, and to every other its replay id has expired, as after a real org's maintenance.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{StartError, files};
use crate::Millis;
use crate::bulk::KeptJobs;
use crate::events::Position;
use crate::http::AppState;
use crate::settings::Settings;
use crate::snapshot::{Restored, Snapshot};

/// The name of the file in the directory.
const FILE: &str = "org.tidegate";
/// Rest between two looks whether something changed.
const LOOK: Duration = Duration::from_secs(2);
/// Saving may take one part in so many of the time, so that a large org is not written all the time.
const SHARE: u32 = 20;

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Opens the org kept in `dir`; `None` where none is.
pub(super) fn load(dir: &Path, settings: &Settings) -> Result<Option<Restored>, StartError> {
    let path = path(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StartError::File { path, source }),
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let read = Snapshot::read(&mut file, settings).and_then(|mut restored| {
        KeptJobs::read(&mut file)?.restore(&mut restored.org)?;
        Ok(restored)
    });
    read.map(Some).map_err(|source| StartError::File { path, source })
}

/// Keeps the org in `dir`. It is held only while its rows are listed.
fn save(dir: &Path, state: &AppState, clean: bool) -> Result<(), StartError> {
    let (snapshot, jobs) = {
        let org = state.org.read();
        (Snapshot::of(&org, state.now(), clean), KeptJobs::of(&org))
    };
    let path = path(dir);
    let write = |file: &mut File| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        snapshot.write(&mut out)?;
        jobs.write(&mut out)
    };
    files::replace(&path, true, write).map_err(|source| StartError::File { path, source })
}

/// What shows that the org changed. A write to an object without change events goes unseen until the stop.
fn mark(state: &AppState) -> (Position, Millis, usize, u64) {
    let org = state.org.read();
    let rows = org.store.tables().map(|(_, table)| table.len()).sum();
    (org.events.position(), org.schema.last_modified(), rows, org.jobs.mark())
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
