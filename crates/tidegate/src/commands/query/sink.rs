//! Where the rows go: standard output, or a file that appears only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Standard output or a file.
pub(super) struct Sink {
    to: To,
    /// The file under its name until it is whole, and the name that it then gets.
    rename: Option<(PathBuf, PathBuf)>,
}

enum To {
    Stdout(BufWriter<Stdout>),
    File(BufWriter<File>),
}

impl Sink {
    /// Opens it. A query that fails half-way leaves an earlier file of this name as it was.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self { to: To::Stdout(BufWriter::new(io::stdout())), rename: None });
        };
        let create = |path: &Path| {
            File::create(path)
                .map(|file| To::File(BufWriter::new(file)))
                .map_err(|e| Failure::failed(format!("cannot write {}", path.display())).with_cause(&e))
        };
        // A pipe or a device is written to as it is; it cannot be replaced.
        if path.exists() && !path.is_file() {
            return Ok(Self { to: create(path)?, rename: None });
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        Ok(Self { to: create(&part)?, rename: Some((part, path.to_owned())) })
    }

    /// Writes what is left, and gives the file its name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Some((part, path)) = self.rename.take() {
            std::fs::rename(part, path)?;
        }
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some((part, _)) = self.rename.take() {
            // Half a result is of no use to anybody; if it cannot be removed, its name says what it is.
            let _ = std::fs::remove_file(part);
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(out) => out.write(bytes),
            To::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(out) => out.flush(),
            To::File(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        std::fs::write(&path, "earlier").unwrap();
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write_all(b"half").unwrap();
        drop(sink);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier");
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write_all(b"whole").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
