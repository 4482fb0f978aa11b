//! Zip files in and out, within the bounds that Salesforce documents.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Files by their paths, with `/` between the names.
pub type FileSet = BTreeMap<String, Arc<[u8]>>;

/// Files of one deployment or retrieval. Documented.
pub(super) const FILES_MAX: usize = 10_000;
/// Bytes of a zip file. Documented: 39 MB.
pub(super) const ZIP_BYTES_MAX: usize = 39 * 1024 * 1024;
/// Bytes of all files of a zip together. Documented: 629,145,600.
pub(super) const UNZIPPED_BYTES_MAX: u64 = 629_145_600;

/// A zip file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ArchiveError {
    #[error("The zip file is larger than {ZIP_BYTES_MAX} bytes")]
    TooLarge,
    #[error("Too many files in the zip file, limit is: {FILES_MAX}")]
    TooManyFiles,
    #[error("The files of the zip file are larger than {UNZIPPED_BYTES_MAX} bytes together")]
    TooLargeUnzipped,
    #[error("The zip file cannot be read: {0}")]
    Broken(String),
}

/// The files of a zip file.
///
/// # Errors
/// [`ArchiveError`]: what is no zip file, or is larger than Salesforce takes.
pub fn unpack(zip: &[u8]) -> Result<FileSet, ArchiveError> {
    if zip.len() > ZIP_BYTES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    let broken = |e: &dyn std::fmt::Display| ArchiveError::Broken(e.to_string());
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|e| broken(&e))?;
    if archive.len() > FILES_MAX {
        return Err(ArchiveError::TooManyFiles);
    }
    let mut files = FileSet::new();
    let mut left = UNZIPPED_BYTES_MAX;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|e| broken(&e))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(|e| broken(&e))?.replace('\\', "/");
        let name = name.trim_start_matches("./").trim_start_matches('/').to_owned();
        // What is announced may be a lie: reading stops one byte beyond what is allowed.
        let mut bytes = Vec::new();
        entry.by_ref().take(left + 1).read_to_end(&mut bytes).map_err(|e| broken(&e))?;
        left = left.checked_sub(bytes.len() as u64).ok_or(ArchiveError::TooLargeUnzipped)?;
        files.insert(name, bytes.into());
    }
    Ok(files)
}

/// A zip file of these files.
///
/// # Errors
/// [`ArchiveError`], for names that no zip file can hold.
pub fn pack(files: &FileSet) -> Result<Vec<u8>, ArchiveError> {
    let broken = |e: &dyn std::fmt::Display| ArchiveError::Broken(e.to_string());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).map_err(|e| broken(&e))?;
        zip.write_all(bytes).map_err(|e| broken(&e))?;
    }
    Ok(zip.finish().map_err(|e| broken(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back() {
        let mut files = FileSet::new();
        files.insert("package.xml".into(), b"<x/>".as_slice().into());
        files.insert("objects/A__c.object".into(), vec![7; 100_000].into());
        assert_eq!(unpack(&pack(&files).unwrap()).unwrap(), files);
    }

    #[test]
    fn what_is_no_zip_file_is_refused() {
        for bytes in [&b""[..], b"PK", b"no zip at all"] {
            assert!(matches!(unpack(bytes), Err(ArchiveError::Broken(_))), "{bytes:?}");
        }
    }
}
