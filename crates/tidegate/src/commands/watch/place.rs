//! The file that keeps the place in each channel.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_client::events::Position;
use tokio::time::Instant;

use crate::failure::Failure;

/// Places by channel, of one org: positions of another would be taken for some of this one's.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    org: String,
    positions: BTreeMap<String, Position>,
    /// When it is to be written, where something changed.
    due: Option<Instant>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    org: String,
    positions: BTreeMap<String, String>,
}

impl Place {
    pub(super) fn open(path: &Path, org: &str) -> Result<Self, Failure> {
        let shown = path.display();
        let mut place = Self { path: path.to_owned(), org: org.to_owned(), positions: BTreeMap::new(), due: None };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // That it cannot be written is better known now than after the first event.
                place.write_now()?;
                return Ok(place);
            }
            Err(error) => return Err(Failure::usage(format!("cannot read {shown}")).with_cause(&error)),
        };
        let kept: Kept = serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!("{shown} is no position file"))
                .with_cause(&error)
                .hint("name a file that does not exist yet, or one that `tidegate watch` wrote")
        })?;
        if kept.org != org {
            return Err(Failure::usage(format!("{shown} keeps positions of org {}, and this is {org}", kept.org))
                .hint("use one file for each org"));
        }
        for (channel, position) in kept.positions {
            let position = position
                .parse()
                .map_err(|error| Failure::usage(format!("{shown} is no position file")).with_cause(&error))?;
            place.positions.insert(channel, position);
        }
        Ok(place)
    }

    pub(super) fn get(&self, channel: &str) -> Option<&Position> {
        self.positions.get(channel)
    }

    /// When it is to be written.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Notes a position; written within this time.
    pub(super) fn set(&mut self, channel: &str, position: &Position, within: Duration) {
        if self.positions.get(channel) != Some(position) {
            self.positions.insert(channel.to_owned(), position.clone());
            self.due = self.due.or_else(|| Some(Instant::now() + within));
        }
    }

    /// Writes what changed.
    pub(super) fn write(&mut self) -> Result<(), Failure> {
        if self.due.take().is_none() {
            return Ok(());
        }
        self.write_now()
    }

    /// The old file stays until the new one is whole.
    fn write_now(&self) -> Result<(), Failure> {
        let kept = Kept {
            org: self.org.clone(),
            positions: self.positions.iter().map(|(channel, at)| (channel.clone(), at.to_string())).collect(),
        };
        let failed =
            |error: std::io::Error| Failure::failed(format!("cannot write {}", self.path.display())).with_cause(&error);
        let text = serde_json::to_string_pretty(&kept).map_err(|error| failed(error.into()))?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = self.path.with_file_name(name);
        let mut file = fs::File::create(&part).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        fs::rename(&part, &self.path).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("place.json");
        let mut place = Place::open(&path, "00D1").unwrap();
        assert!(path.exists());
        place.set("/data/A", &Position::cometd(7), Duration::ZERO);
        place.set("/data/B", &Position::pubsub([0, 9]), Duration::ZERO);
        place.write().unwrap();
        let again = Place::open(&path, "00D1").unwrap();
        assert_eq!(again.get("/data/A"), Some(&Position::cometd(7)));
        assert_eq!(again.get("/data/B"), Some(&Position::pubsub([0, 9])));
        assert!(format!("{:?}", Place::open(&path, "00D2").unwrap_err()).contains("positions of org 00D1"));
        for text in ["", "{}", r#"{"org":"00D1","positions":{"/data/A":"x"}}"#] {
            fs::write(&path, text).unwrap();
            assert!(format!("{:?}", Place::open(&path, "00D1").unwrap_err()).contains("no position file"), "{text}");
        }
    }
}
