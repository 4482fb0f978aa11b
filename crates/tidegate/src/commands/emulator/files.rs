//! Files and folders as the emulator takes them.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use tidegate_emulator::import::SourceFile;

use crate::failure::{Exit, Failure};

/// Folders of a project that hold nothing of an org.
const SKIPPED: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// The files, folders gone through. Names are relative to what was given.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, path, &mut files)?;
        } else {
            files.push(file(path, path.parent().unwrap_or(Path::new("")))?);
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::Usage } else { Exit::Environment };
    Failure::new(exit, format!("cannot read {}", path.display())).with_cause(error)
}

fn file(path: &Path, below: &Path) -> Result<SourceFile, Failure> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    let name = path.strip_prefix(below).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Ok(SourceFile::new(name, bytes))
}

fn walk(folder: &Path, below: &Path, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let mut paths = entries
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unreadable(folder, &e))?;
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, below, files)?;
        } else {
            files.push(file(&path, below)?);
        }
    }
    Ok(())
}

/// Several files as one archive.
pub(super) fn archive(files: &[SourceFile]) -> Result<Vec<u8>, Failure> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let packed = |e: &dyn std::error::Error| Failure::failed(format!("cannot pack the files: {e}"));
    for file in files {
        archive.start_file(&file.name, zip::write::SimpleFileOptions::default()).map_err(|e| packed(&e))?;
        archive.write_all(&file.bytes).map_err(|e| packed(&e))?;
    }
    Ok(archive.finish().map_err(|e| packed(&e))?.into_inner())
}
