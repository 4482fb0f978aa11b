//! An org as one stream of bytes: what `--dir` keeps, what `/__emulator/snapshot` gives out, and what an emulator can
//! be started from.
//!
//! In it are the objects and fields, the records with the recycle bin, how far the event bus has come, its channels and
//! subscriptions, and its newest events. Not in it are tokens, Bulk jobs, cursors and usage.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::events::{self, Bus, Position};
use crate::schema::{ObjectType, RecordType, Schema, facts};
use crate::settings::Settings;
use crate::store::{Image, Store};
use crate::{Millis, Org, RecordId};

const MAGIC: &[u8; 8] = b"TIDEORG2";
/// Shows that nothing is missing at the end.
const END: &[u8; 8] = b"END OF 1";

/// What stands before the records.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    org_id: String,
    /// The org's time when it was kept.
    now: Millis,
    /// Whether the emulator was stopped in order. After anything else events may be lost that somebody had read.
    clean: bool,
    position: Position,
    /// Channels, managed subscriptions and the newest events.
    #[serde(default)]
    bus: Box<events::keep::Kept>,
    schema_changed: Millis,
    /// Every object, in the order of their places.
    objects: Vec<KeptObject>,
    /// Components that were saved as metadata.
    #[serde(default)]
    metadata: crate::metadata::keep::Kept,
}

/// An object with what the text form of its facts leaves to the org.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptObject {
    facts: String,
    record_types: Vec<KeptRecordType>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// An org at one moment. Rows are shared with the living org, not copied.
#[derive(Debug, Clone)]
pub struct Snapshot {
    head: Head,
    image: Image,
}

/// An org that was read from a snapshot.
#[derive(Debug)]
pub struct Restored {
    /// The org.
    pub org: Org,
    /// Its time when the snapshot was taken.
    pub now: Millis,
}

impl Snapshot {
    /// The org as it is. `clean` says that nothing can happen to it afterwards that a subscriber may still see: without
    /// it every replay id has expired in the org that is read back.
    pub fn of(org: &Org, now: Millis, clean: bool) -> Self {
        let head = Head {
            org_id: org.settings.org_id.to_string(),
            now,
            clean,
            position: org.events.position(),
            bus: Box::new(org.events.keep(org.settings.streaming.kept_events)),
            schema_changed: org.schema.last_modified(),
            objects: org.schema.objects().iter().map(|object| KeptObject::of(object)).collect(),
            metadata: org.metadata.kept(org.settings.change_event_objects.clone()),
        };
        Self { head, image: org.store.image() }
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let head = serde_json::to_vec(&self.head)?;
        out.write_all(MAGIC)?;
        out.write_all(&(head.len() as u64).to_le_bytes())?;
        out.write_all(&head)?;
        self.image.write(out)?;
        out.write_all(END)?;
        out.flush()
    }

    /// Reads an org that [`Snapshot::write`] wrote. It is set up by `settings`, but keeps its own id.
    ///
    /// # Errors
    /// Those of [`Snapshot::parse`] and [`Snapshot::restore`].
    pub fn read(from: &mut impl Read, settings: &Settings) -> io::Result<Restored> {
        Self::parse(from)?.restore(settings)
    }

    /// Reads what [`Snapshot::write`] wrote.
    ///
    /// # Errors
    /// Those of `from`, and `InvalidData` for what is no snapshot of this version, or not whole.
    pub fn parse(from: &mut impl Read) -> io::Result<Self> {
        let mut eight = [0; 8];
        from.read_exact(&mut eight)?;
        if &eight != MAGIC {
            return Err(invalid("this is no org of this version of the emulator; remove it to begin anew"));
        }
        from.read_exact(&mut eight)?;
        let mut head = Vec::new();
        from.take(u64::from_le_bytes(eight)).read_to_end(&mut head)?;
        let head: Head = serde_json::from_slice(&head).map_err(invalid)?;
        let image = Image::read(from)?;
        from.read_exact(&mut eight)?;
        if &eight != END {
            return Err(invalid("the end is missing"));
        }
        Ok(Self { head, image })
    }

    /// The org that it was taken of, set up by `settings` but for its id.
    ///
    /// # Errors
    /// `InvalidData` where the head does not hang together.
    pub fn restore(self, settings: &Settings) -> io::Result<Restored> {
        let Self { head, image } = self;
        // It is the org that it was, whatever a new one would be called.
        let org_id = RecordId::parse(&head.org_id).ok_or_else(|| invalid("the org's id is none"))?;
        let mut schema = Schema::default();
        for object in head.objects {
            schema.put(object.object()?);
        }
        schema.touch(head.schema_changed);
        let mut events = Bus::restore(head.position, *head.bus, &schema);
        if !head.clean {
            events.reset_positions();
        }
        let mut settings = Settings { org_id, ..settings.clone() };
        if let Some(selected) = &head.metadata.selected {
            settings.change_event_objects = Some(selected.clone());
        }
        let (store, metadata) = (Store::from_image(image), crate::metadata::Catalog::from_kept(head.metadata));
        let org = Org { settings, schema: Arc::new(schema), store, events, metadata, ..Org::default() };
        Ok(Restored { org, now: head.now })
    }
}

/// Snapshots of a running org by name, in memory.
#[derive(Debug, Default)]
pub struct Snapshots(Mutex<BTreeMap<String, Snapshot>>);

/// Most snapshots that are held by name: each holds the rows that have changed since.
pub const SNAPSHOTS_MAX: usize = 16;

impl Snapshots {
    /// Holds a snapshot under a name, in the place of an earlier one. `false` where too many are held already.
    pub fn put(&self, name: &str, snapshot: Snapshot) -> bool {
        let mut held = self.0.lock();
        if held.len() >= SNAPSHOTS_MAX && !held.contains_key(name) {
            return false;
        }
        held.insert(name.to_owned(), snapshot);
        true
    }

    /// The snapshot of this name.
    pub fn get(&self, name: &str) -> Option<Snapshot> {
        self.0.lock().get(name).cloned()
    }

    /// Lets one go. `false` where there is none.
    pub fn remove(&self, name: &str) -> bool {
        self.0.lock().remove(name).is_some()
    }

    /// Their names, each with the org's time when it was taken.
    pub fn list(&self) -> Vec<(String, Millis)> {
        self.0.lock().iter().map(|(name, snapshot)| (name.clone(), snapshot.head.now)).collect()
    }
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
