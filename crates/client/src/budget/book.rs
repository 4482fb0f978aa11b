//! Where the books are kept: in memory, or in a file that processes share.
//!
//! In a place there are three files for an org: the books, a lock that is held for the moment of one change, and for
//! each process one that it keeps locked while it lives. The system gives a lock back when its process ends, however
//! it ends, so the others see that it has. Books are written beside and moved into place: a process that dies while it
//! writes leaves the old ones.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::error::Error;

use super::{
    account::Millis,
    ledger::{Ledger, Member},
};

/// How long a change waits for the lock before the place is held to be broken. It is held for a millisecond.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a change waits that nothing depends on, such as giving back.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);
/// How often it is looked whether the others live.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Larger books are not ours.
const FILE_BYTES_MAX: u64 = 8 << 20;

type Change = Box<dyn FnOnce(&mut Ledger, &str) + Send>;

pub(crate) fn machine_now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// The books, and who we are in them.
pub(crate) struct Book {
    member: String,
    memory: Mutex<Ledger>,
    place: std::sync::OnceLock<Place>,
}

struct Place {
    dir: PathBuf,
    org: String,
    /// Held within the process, as the file's lock does not tell threads apart.
    lock: Mutex<Locked>,
    /// Kept locked while we live.
    _live: File,
}

struct Locked {
    file: File,
    /// What we hold, so that it can be written again when the books were lost.
    mine: Member,
    /// Changes that could not be written yet.
    pending: Vec<Change>,
    looked: Option<Instant>,
}

impl Book {
    pub(crate) fn new() -> Book {
        let member = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Book { member, memory: Mutex::new(Ledger::new("")), place: std::sync::OnceLock::new() }
    }

    /// From now on the books are those of this org in this directory.
    pub(crate) fn move_to(&self, dir: &Path, org: &str) -> Result<(), Error> {
        let bad = |source: io::Error| Error::Config {
            message: format!("the place {} cannot hold a shared budget: {source}", dir.display()),
            hint: Some("name a directory that this user may write to, on a local disk".into()),
        };
        if org.is_empty() || !org.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::config("the org's id is none, so no budget can be shared under it"));
        }
        fs::create_dir_all(dir).map_err(bad)?;
        let open = |path: PathBuf| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(bad)
        };
        let live = open(dir.join(format!("{org}.{}.live", self.member)))?;
        live.try_lock().map_err(|error| bad(error.into()))?;
        let mine = Member { pid: std::process::id(), ..Member::default() };
        let locked = Locked { file: open(dir.join(format!("{org}.lock")))?, mine, pending: vec![], looked: None };
        let place = Place { dir: dir.to_owned(), org: org.to_owned(), lock: Mutex::new(locked), _live: live };
        let _ = self.place.set(place);
        Ok(())
    }

    /// Changes the books. Waits for the lock without holding up other work.
    pub(crate) async fn change<R>(&self, change: impl FnOnce(&mut Ledger, &str) -> R) -> Result<R, Error> {
        let Some(place) = self.place.get() else {
            return Ok(change(&mut self.memory.lock(), &self.member));
        };
        let since = Instant::now();
        let mut change = Some(change);
        loop {
            match place.try_change(&self.member, false, &mut change) {
                Ok(Some(done)) => return Ok(done),
                Ok(None) if since.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(2)).await,
                Ok(None) => {
                    return Err(Error::Config {
                        message: format!("the shared budget in {} stays locked", place.dir.display()),
                        hint: Some(
                            "another process stands still while it writes there; end it, or name another place".into(),
                        ),
                    });
                }
                Err(source) => {
                    return Err(Error::Config {
                        message: format!("the shared budget in {} cannot be used: {source}", place.dir.display()),
                        hint: Some("check its permissions and the space on the disk".into()),
                    });
                }
            }
        }
    }

    /// Changes the books from where nobody can wait. What cannot be written now is written with the next change.
    pub(crate) fn change_soon(&self, change: impl FnOnce(&mut Ledger, &str) + Send + 'static) {
        let Some(place) = self.place.get() else {
            return change(&mut self.memory.lock(), &self.member);
        };
        let since = Instant::now();
        let mut change = Some(change);
        loop {
            match place.try_change(&self.member, true, &mut change) {
                Ok(Some(())) => return,
                Ok(None) if since.elapsed() < SHORT_PATIENCE => std::thread::sleep(Duration::from_millis(1)),
                outcome => {
                    if let Err(error) = outcome {
                        tracing::warn!(%error, "the shared budget could not be written; it is tried again later");
                    }
                    if let Some(change) = change.take() {
                        place.lock.lock().pending.push(Box::new(change));
                    }
                    return;
                }
            }
        }
    }
}

impl Place {
    fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.org))
    }

    fn live_path(&self, member: &str) -> PathBuf {
        self.dir.join(format!("{}.{member}.live", self.org))
    }

    /// `None` while somebody else holds the lock; then `change` is still there.
    fn try_change<R, F>(&self, me: &str, ends: bool, change: &mut Option<F>) -> io::Result<Option<R>>
    where
        F: FnOnce(&mut Ledger, &str) -> R,
    {
        let Some(mut locked) = self.lock.try_lock_for(SHORT_PATIENCE) else { return Ok(None) };
        match locked.file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let outcome = self.locked(&mut locked, me, ends, change);
        let unlocked = locked.file.unlock();
        let done = outcome?;
        unlocked?;
        Ok(done)
    }

    fn locked<R, F>(&self, locked: &mut Locked, me: &str, ends: bool, change: &mut Option<F>) -> io::Result<Option<R>>
    where
        F: FnOnce(&mut Ledger, &str) -> R,
    {
        let now = machine_now();
        let mut books = self.read(now)?;
        books.members.insert(me.to_owned(), locked.mine.clone());
        if locked.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            locked.looked = Some(Instant::now());
            books.bury(|name, _| if name == me { Some(false) } else { self.is_dead(name) }, now);
        }
        let Some(change) = change.take() else { return Ok(None) };
        for pending in locked.pending.drain(..) {
            pending(&mut books, me);
        }
        let before = locked.mine.clone();
        let done = change(&mut books, me);
        if let Some(mine) = books.members.get_mut(me) {
            mine.seen = now;
            locked.mine = mine.clone();
        }
        if let Err(error) = self.write(&books, me) {
            // What begins must be in the books first; what ends has ended whether or not it can be written.
            if !ends {
                locked.mine = before;
            }
            return Err(error);
        }
        Ok(Some(done))
    }

    fn read(&self, now: Millis) -> io::Result<Ledger> {
        let path = self.path();
        let bytes = match fs::metadata(&path) {
            Ok(file) if file.len() <= FILE_BYTES_MAX => fs::read(&path)?,
            Ok(_) => vec![],
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ledger::new(&self.org)),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice::<Ledger>(&bytes) {
            Ok(books) if books.is_sound(&self.org, now) => Ok(books),
            _ => {
                tracing::warn!(
                    file = %path.display(),
                    "the shared budget is not readable and starts anew; the org's next answer tells the use"
                );
                Ok(Ledger::new(&self.org))
            }
        }
    }

    fn write(&self, books: &Ledger, me: &str) -> io::Result<()> {
        let beside = self.dir.join(format!("{}.{me}.tmp", self.org));
        let bytes = serde_json::to_vec(books).map_err(io::Error::other)?;
        let written = File::create(&beside).and_then(|mut file| file.write_all(&bytes));
        if let Err(error) = written.and_then(|()| fs::rename(&beside, self.path())) {
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        Ok(())
    }

    /// Whether a process has ended; `None` where that cannot be told.
    fn is_dead(&self, member: &str) -> Option<bool> {
        // The name comes from a file.
        if !member.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Some(true);
        }
        let path = self.live_path(member);
        let file = File::open(&path).ok()?;
        match file.try_lock() {
            Ok(()) => {
                let _ = fs::remove_file(&path);
                let _ = fs::remove_file(self.dir.join(format!("{}.{member}.tmp", self.org)));
                Some(true)
            }
            Err(TryLockError::WouldBlock) => Some(false),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        if self.place.get().is_none() {
            return;
        }
        self.change_soon(|books, me| {
            if let Some(member) = books.members.get_mut(me) {
                member.reserved.clear();
                member.slots = 0;
            }
            // What is still under way is counted as lost.
            let me = me.to_owned();
            books.bury(|name, _| Some(*name == *me), 0);
        });
        if let Some(place) = self.place.get() {
            let _ = fs::remove_file(place.live_path(&self.member));
        }
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("member", &self.member)
            .field("place", &self.place.get().map(|place| place.dir.as_path()))
            .finish_non_exhaustive()
    }
}
