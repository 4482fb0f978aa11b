//! Describes that are kept: in memory for all clones of a client, and where a folder is named, on disk for the next run
//! and for other processes. What is older than a few minutes is asked for again with `If-Modified-Since`.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{call::escape, client::Client, error::Error, rest::Composite};

use super::{Describe, DescribeObject};

/// How long a describe is taken as it is before the org is asked whether it has changed.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// What became of the describe of one object among many.
pub type Described = Result<Arc<Describe>, Error>;

/// The describes of one client.
#[derive(Debug, Default)]
pub(crate) struct DescribeCache {
    entries: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>>,
    folder: OnceLock<PathBuf>,
}

/// One that is kept.
#[derive(Clone, Debug)]
struct Kept {
    describe: Arc<Describe>,
    /// When the org last said that it is so. `None` for what comes from a file.
    checked: Option<Instant>,
}

impl Kept {
    fn is_fresh(&self, fresh_for: Duration) -> bool {
        self.checked.is_some_and(|checked| checked.elapsed() < fresh_for)
    }
}

/// A describe in a file.
#[derive(Serialize, Deserialize)]
struct OnDisk {
    /// As RFC 3339.
    last_modified: String,
    describe: Describe,
}

impl DescribeCache {
    fn entry(&self, object: &str) -> Arc<tokio::sync::Mutex<Option<Kept>>> {
        self.entries.lock().entry(object.to_ascii_lowercase()).or_default().clone()
    }
}

impl Client {
    /// Keeps describes in this folder, too, below the org's id, the user's id and the API version. Several processes
    /// may share it: each file is replaced as a whole. The first folder that is named for a client and its clones holds.
    /// What cannot be read there is asked of the org again; what cannot be written is only logged.
    pub fn keep_describes_in(&self, folder: impl Into<PathBuf>) {
        let _ = self.inner.describes.folder.set(folder.into());
    }

    /// A describe that is kept, at most five minutes after the org last said that it is so. Older ones are asked for
    /// with `If-Modified-Since`, which costs a call but not the several hundred kilobytes. However many ask at once, one
    /// request is made.
    pub async fn describe_cached(&self, object: &str) -> Result<Arc<Describe>, Error> {
        self.describe_fresh_for(object, FRESH_FOR).await
    }

    /// As [`Client::describe_cached`], with another time for which it is taken as it is; zero always asks.
    pub async fn describe_fresh_for(&self, object: &str, fresh_for: Duration) -> Result<Arc<Describe>, Error> {
        let entry = self.inner.describes.entry(object);
        let mut kept = entry.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(fresh_for)) {
            return Ok(kept.describe.clone());
        }
        let file = self.describe_file(object).await?;
        if kept.is_none() {
            *kept = file.as_deref().and_then(read);
        }
        let call = conditional(object, kept.as_ref());
        let answer = self.send(&call).await?;
        let describe = self.note(&mut kept, file.as_deref(), answer);
        describe.ok_or_else(|| Error::unexpected(format!("describing {object}"), "not modified, but nothing is known"))
    }

    /// Describes of many objects, 25 in a call, in the order asked for. Those that are kept and fresh cost nothing, the
    /// others come with `If-Modified-Since`. An object that the user may not see, or that is not there, fails alone.
    pub async fn describe_many<S: AsRef<str>>(
        &self,
        objects: impl IntoIterator<Item = S>,
    ) -> Result<Vec<(String, Described)>, Error> {
        let mut all: Vec<(String, Option<Described>)> =
            objects.into_iter().map(|object| (object.as_ref().to_owned(), None)).collect();
        let mut wanted = Vec::new();
        for (at, (object, found)) in all.iter_mut().enumerate() {
            let entry = self.inner.describes.entry(object);
            let kept = entry.lock().await.clone();
            match kept.filter(|kept| kept.is_fresh(FRESH_FOR)) {
                Some(kept) => *found = Some(Ok(kept.describe)),
                None => wanted.push(at),
            }
        }
        for few in wanted.chunks(super::super::composite::CALLS_MAX) {
            let mut composite = Composite::new();
            let mut asked = Vec::new();
            for (n, at) in few.iter().enumerate() {
                let object = &all[*at].0;
                let file = self.describe_file(object).await?;
                let entry = self.inner.describes.entry(object);
                let mut kept = entry.lock().await;
                if kept.is_none() {
                    *kept = file.as_deref().and_then(read);
                }
                let call = conditional(object, kept.as_ref());
                asked.push((*at, composite.add(format!("describe{n}"), call), file));
            }
            let replies = self.send(&composite).await?;
            for (at, handle, file) in asked {
                let object = all[at].0.clone();
                let outcome = match replies.get(&handle) {
                    Ok(answer) => {
                        let entry = self.inner.describes.entry(&object);
                        let mut kept = entry.lock().await;
                        self.note(&mut kept, file.as_deref(), answer).ok_or_else(|| {
                            Error::unexpected(format!("describing {object}"), "not modified, but nothing is known")
                        })
                    }
                    Err(error) => Err(error),
                };
                all[at].1 = Some(outcome);
            }
        }
        Ok(all.into_iter().filter_map(|(object, found)| Some((object, found?))).collect())
    }

    /// Takes in what the org answered: a describe, or that the one we have still holds.
    fn note(&self, kept: &mut Option<Kept>, file: Option<&Path>, answer: Option<Describe>) -> Option<Arc<Describe>> {
        let checked = Some(Instant::now());
        match answer {
            Some(describe) => {
                let describe = Arc::new(describe);
                if let Some(file) = file
                    && let Err(error) = write(file, &describe)
                {
                    tracing::warn!(file = %file.display(), %error, "a describe could not be kept");
                }
                *kept = Some(Kept { describe: describe.clone(), checked });
                Some(describe)
            }
            None => {
                let kept = kept.as_mut()?;
                kept.checked = checked;
                Some(kept.describe.clone())
            }
        }
    }

    /// Where a describe is kept on disk.
    async fn describe_file(&self, object: &str) -> Result<Option<PathBuf>, Error> {
        let Some(folder) = self.inner.describes.folder.get() else { return Ok(None) };
        let (org, user) = (self.org_id().await?, self.user_id().await?);
        let folder = folder.join(escape(&org)).join(escape(&user)).join(self.api_version().to_string());
        Ok(Some(folder.join(format!("{}.json", escape(&object.to_ascii_lowercase())))))
    }
}

fn conditional(object: &str, kept: Option<&Kept>) -> DescribeObject {
    let call = DescribeObject::new(object);
    match kept.and_then(|kept| kept.describe.last_modified) {
        Some(since) => call.modified_since(since),
        None => call,
    }
}

/// A describe from its file; `None` where there is none, or it cannot be used.
fn read(file: &Path) -> Option<Kept> {
    let bytes = fs::read(file).ok()?;
    let OnDisk { last_modified, mut describe } = serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::debug!(file = %file.display(), %error, "a kept describe cannot be used"))
        .ok()?;
    describe.last_modified = Some(last_modified.parse::<Timestamp>().ok()?);
    Some(Kept { describe: Arc::new(describe), checked: None })
}

/// Writes beside the file and moves it into place, so that a reader sees the old one or the new one.
fn write(file: &Path, describe: &Describe) -> std::io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Without a time to ask from, a file would be of no use.
    let Some(last_modified) = describe.last_modified else { return Ok(()) };
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unique = format!("{}.{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let beside = file.with_extension(unique);
    let bytes = serde_json::to_vec(&OnDisk { last_modified: last_modified.to_string(), describe: describe.clone() })?;
    let written =
        fs::File::create(&beside).and_then(|mut out| out.write_all(&bytes)).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_or_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b/account.json");
        let describe = Describe {
            name: "Account".into(),
            last_modified: Some("2026-11-23T15:04:05Z".parse().unwrap()),
            ..Describe::default()
        };
        write(&file, &describe).unwrap();
        assert_eq!(*read(&file).unwrap().describe, describe);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        for bad in ["", "{}", "{\"last_modified\":1}", "{\"last_modified\":\"x\",\"describe\":{}}", "[]"] {
            fs::write(&file, bad).unwrap();
            assert!(read(&file).is_none(), "{bad}");
        }
        // What has no date cannot be asked about again.
        let undated = dir.path().join("c.json");
        write(&undated, &Describe::default()).unwrap();
        assert!(!undated.exists());
    }
}
