//! Archives: their files in place of them.

use std::io::{Cursor, Read};

use super::{ImportError, SourceFile};

/// Most files of one import.
const FILES_MAX: usize = 20_000;
/// Most bytes of one import once unpacked: a small archive can hold very much.
const BYTES_MAX: u64 = 1 << 30;

/// The files, with each `.zip` replaced by what is in it.
pub(crate) fn unpack(files: Vec<SourceFile>) -> Result<Vec<SourceFile>, ImportError> {
    let mut all = Vec::new();
    let mut bytes = 0u64;
    for file in files {
        if !file.ends_with(".zip") && !file.bytes.starts_with(b"PK\x03\x04") {
            bytes += file.bytes.len() as u64;
            all.push(file);
            continue;
        }
        let broken = |e: &dyn std::fmt::Display| ImportError::new(&file, "", format_args!("no archive: {e}"));
        let mut archive = zip::ZipArchive::new(Cursor::new(&file.bytes)).map_err(|e| broken(&e))?;
        for at in 0..archive.len() {
            let entry = archive.by_index(at).map_err(|e| broken(&e))?;
            if entry.is_dir() {
                continue;
            }
            let name = entry.name().map_err(|e| broken(&e))?.into_owned();
            let mut content = Vec::new();
            entry.take(BYTES_MAX - bytes.min(BYTES_MAX) + 1).read_to_end(&mut content).map_err(|e| broken(&e))?;
            bytes += content.len() as u64;
            // Folders of macOS's archiver, which hold no data.
            if !name.starts_with("__MACOSX/") {
                all.push(SourceFile { name, bytes: content });
            }
            if bytes > BYTES_MAX || all.len() > FILES_MAX {
                return Err(ImportError::new(&file, "", "it holds more than 1 GiB or 20,000 files"));
            }
        }
    }
    Ok(all)
}
