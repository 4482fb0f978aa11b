//! Packages as zip files: made from a folder within the limits of a deployment, and unpacked without leaving the folder
//! that they are unpacked into.

use std::{
    fs::{self, File, OpenOptions},
    io::{Cursor, Read, Seek, Write},
    path::{Component, Path, PathBuf},
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::package::Manifest;
use crate::{error::Error, version::ApiVersion};

/// The most files in a package (Metadata API Developer Guide, limits).
pub const FILES_MAX: usize = 10_000;
/// The most files in a retrieved package: managed ones may have more.
const RETRIEVED_FILES_MAX: usize = 35_000;
/// The largest package, compressed.
pub const ZIP_BYTES_MAX: usize = 39_000_000;
/// The largest package, unpacked.
pub const UNZIPPED_BYTES_MAX: u64 = 629_145_600;

/// A package, ready to be deployed.
#[derive(Clone)]
pub struct Package {
    zip: bytes::Bytes,
    files: usize,
    unzipped: u64,
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Package")
            .field("files", &self.files)
            .field("bytes", &self.zip.len())
            .field("unzipped", &self.unzipped)
            .finish()
    }
}

impl Package {
    /// From a folder in metadata format, or a zip file of one.
    ///
    /// # Errors
    /// [`Error::Config`] for what cannot be read, is in another format, or is larger than a deployment takes.
    pub fn read(path: &Path) -> Result<Package, Error> {
        let kind = fs::metadata(path).map_err(|source| cannot("read", path, &source))?;
        if kind.is_dir() { Package::from_dir(path) } else { Package::from_zip_file(path) }
    }

    /// From a folder with a `package.xml` at its root, or in the only folder in it.
    ///
    /// # Errors
    /// As for [`Package::read`].
    pub fn from_dir(dir: &Path) -> Result<Package, Error> {
        let root = if dir.join("package.xml").is_file() {
            dir.to_owned()
        } else if dir.join("unpackaged/package.xml").is_file() {
            dir.join("unpackaged")
        } else {
            return Err(no_manifest(dir));
        };
        let mut files = Vec::new();
        gather(&root, &mut PathBuf::new(), &mut files)?;
        let mut builder = PackageBuilder::new();
        for relative in files {
            let path = root.join(&relative);
            let mut file = File::open(&path).map_err(|source| cannot("read", &path, &source))?;
            builder.add(&slashed(&relative)?, &mut file)?;
        }
        builder.finish()
    }

    /// From a zip file.
    ///
    /// # Errors
    /// As for [`Package::read`].
    pub fn from_zip_file(path: &Path) -> Result<Package, Error> {
        let size = fs::metadata(path).map_err(|source| cannot("read", path, &source))?.len();
        too_large("zip file", size, ZIP_BYTES_MAX as u64)?;
        let zip = fs::read(path).map_err(|source| cannot("read", path, &source))?;
        Package::from_zip(zip)
    }

    /// From a zip's bytes.
    ///
    /// # Errors
    /// As for [`Package::read`].
    pub fn from_zip(zip: Vec<u8>) -> Result<Package, Error> {
        too_large("zip file", zip.len() as u64, ZIP_BYTES_MAX as u64)?;
        let mut archive = ZipArchive::new(Cursor::new(zip.as_slice()))
            .map_err(|source| Error::config(format!("the package is no zip file: {source}")))?;
        let (mut files, mut unzipped, mut manifest) = (0, 0u64, false);
        for at in 0..archive.len() {
            let entry = archive
                .by_index(at)
                .map_err(|source| Error::config(format!("the package's zip file is damaged: {source}")))?;
            if entry.is_dir() {
                continue;
            }
            files += 1;
            unzipped = unzipped.saturating_add(entry.size());
            manifest |= entry.name().is_ok_and(|name| name == "package.xml" || name.ends_with("/package.xml"));
        }
        if !manifest {
            return Err(Error::Config { message: "the package has no package.xml".into(), hint: Some(CONVERT.into()) });
        }
        within(files, unzipped)?;
        Ok(Package { zip: zip.into(), files, unzipped })
    }

    /// One that deletes these components: an empty `package.xml` beside a `destructiveChanges.xml`. The way for types that
    /// `deleteMetadata` does not take, such as `PlatformEventChannelMember`, and for many components of many types at once.
    ///
    /// # Errors
    /// [`Error::Config`] for names that XML cannot carry.
    pub fn of_deletions(manifest: &Manifest, api: ApiVersion) -> Result<Package, Error> {
        let mut builder = PackageBuilder::new();
        builder.add_manifest("package.xml", &Manifest::new(api))?;
        builder.add_manifest("destructiveChanges.xml", manifest)?;
        builder.finish()
    }

    /// The zip.
    pub fn zip(&self) -> bytes::Bytes {
        self.zip.clone()
    }

    /// Files in it.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Bytes of the zip.
    pub fn bytes(&self) -> usize {
        self.zip.len()
    }

    /// Whether `package.xml` is at the root, which decides on `singlePackage`.
    pub fn is_single(&self) -> bool {
        ZipArchive::new(Cursor::new(&self.zip[..])).is_ok_and(|archive| archive.index_for_name("package.xml").is_some())
    }
}

/// Makes a package file by file.
#[derive(Debug)]
pub struct PackageBuilder {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    files: usize,
    unzipped: u64,
}

impl Default for PackageBuilder {
    fn default() -> PackageBuilder {
        PackageBuilder::new()
    }
}

impl PackageBuilder {
    /// An empty one.
    pub fn new() -> PackageBuilder {
        PackageBuilder { zip: ZipWriter::new(Cursor::default()), files: 0, unzipped: 0 }
    }

    /// Adds a file by its path in the package, such as `objects/Invoice__c.object`.
    ///
    /// # Errors
    /// [`Error::Config`] where the limits are passed or the file cannot be read.
    pub fn add(&mut self, path: &str, content: &mut dyn Read) -> Result<(), Error> {
        let fail = |source: &dyn std::fmt::Display| Error::config(format!("{path} cannot be packed: {source}"));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(path, options).map_err(|source| fail(&source))?;
        self.files += 1;
        let left = UNZIPPED_BYTES_MAX.saturating_sub(self.unzipped);
        // One byte more than allowed is enough to know.
        let copied =
            std::io::copy(&mut content.take(left.saturating_add(1)), &mut self.zip).map_err(|source| fail(&source))?;
        self.unzipped += copied;
        within(self.files, self.unzipped)
    }

    /// Adds a `package.xml`, or a `destructiveChanges.xml`.
    ///
    /// # Errors
    /// As for [`PackageBuilder::add`].
    pub fn add_manifest(&mut self, path: &str, manifest: &Manifest) -> Result<(), Error> {
        self.add(path, &mut manifest.to_xml()?.as_bytes())
    }

    /// The package.
    ///
    /// # Errors
    /// [`Error::Config`] where it is larger than a deployment takes.
    pub fn finish(self) -> Result<Package, Error> {
        let zip =
            self.zip.finish().map_err(|source| Error::config(format!("the package cannot be packed: {source}")))?;
        let zip = zip.into_inner();
        too_large("package", zip.len() as u64, ZIP_BYTES_MAX as u64)?;
        Ok(Package { zip: zip.into(), files: self.files, unzipped: self.unzipped })
    }
}

/// What is said where there is no package.xml.
const CONVERT: &str = "a package in metadata format is wanted. A project in source format (objects/X/fields/Y.field-meta.xml) is converted by \
    `sf project convert source --output-dir FOLDER`; deploy that folder";

fn no_manifest(dir: &Path) -> Error {
    Error::Config { message: format!("{} has no package.xml", dir.display()), hint: Some(CONVERT.into()) }
}

fn cannot(verb: &str, path: &Path, source: &std::io::Error) -> Error {
    Error::config(format!("cannot {verb} {}: {source}", path.display()))
}

fn too_large(what: &str, bytes: u64, max: u64) -> Result<(), Error> {
    if bytes <= max {
        return Ok(());
    }
    Err(Error::Config {
        message: format!("the {what} has {bytes} bytes, and a deployment takes {max}"),
        hint: Some("deploy it in parts".into()),
    })
}

fn within(files: usize, unzipped: u64) -> Result<(), Error> {
    too_large("unpacked package", unzipped, UNZIPPED_BYTES_MAX)?;
    if files > FILES_MAX {
        return Err(Error::Config {
            message: format!("the package has more than the {FILES_MAX} files that a deployment takes"),
            hint: Some("deploy it in parts".into()),
        });
    }
    Ok(())
}

/// The files below a folder, in order. Hidden files (`.DS_Store`, `.git`) are no part of a package; links are not
/// followed, as they may lead anywhere, also round in circles.
fn gather(root: &Path, relative: &mut PathBuf, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let dir = root.join(&*relative);
    let entries = fs::read_dir(&dir).map_err(|source| cannot("read", &dir, &source))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|source| cannot("read", &dir, &source))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = entry.file_type().map_err(|source| cannot("read", &entry.path(), &source))?;
        if kind.is_symlink() {
            return Err(Error::config(format!(
                "{} is a link, and a package is made of files alone",
                entry.path().display()
            )));
        }
        relative.push(&name);
        if kind.is_dir() {
            gather(root, relative, files)?;
        } else {
            files.push(relative.clone());
            if files.len() > FILES_MAX {
                within(files.len(), 0)?;
            }
        }
        relative.pop();
    }
    Ok(())
}

fn slashed(path: &Path) -> Result<String, Error> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts
        .map(|parts| parts.join("/"))
        .ok_or_else(|| Error::config(format!("{} has a name that is not UTF-8", path.display())))
}

/// Unpacks a zip into a folder. No entry leaves the folder, by its name or by a link that is already there.
/// The files' paths below the folder come back, in the order of the zip.
///
/// # Errors
/// [`Error::Decode`] for a damaged zip, one that would leave the folder, or one larger than a retrieve may be;
/// [`Error::Config`] where the folder cannot be written. Files unpacked before stay.
pub fn unpack<R: Read + Seek>(zip: R, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    const WHAT: &str = "unpacking a package";
    let damaged = |source: zip::result::ZipError| Error::unexpected(WHAT, format!("the zip is damaged: {source}"));
    let mut archive = ZipArchive::new(zip).map_err(damaged)?;
    if archive.len() > RETRIEVED_FILES_MAX {
        return Err(Error::unexpected(WHAT, format!("it has {} entries", archive.len())));
    }
    fs::create_dir_all(dir).map_err(|source| cannot("make", dir, &source))?;
    let mut left = UNZIPPED_BYTES_MAX;
    let mut written = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let relative = safe(&name)
            .filter(|_| !entry.is_symlink())
            .ok_or_else(|| Error::unexpected(WHAT, format!("`{}` would leave the folder", name.escape_debug())))?;
        if entry.is_dir() {
            make_dirs(dir, &relative)?;
            continue;
        }
        if let Some(parent) = relative.parent() {
            make_dirs(dir, parent)?;
        }
        let path = dir.join(&relative);
        if fs::symlink_metadata(&path).is_ok_and(|kind| !kind.is_file()) {
            return Err(Error::config(format!("{} is there already and is no file", path.display())));
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|source| cannot("write", &path, &source))?;
        // The sizes that the zip claims are not trusted.
        let mut buffer = [0u8; 16 << 10];
        loop {
            let n = entry
                .read(&mut buffer)
                .map_err(|source| Error::unexpected(WHAT, format!("the zip is damaged at {name}: {source}")))?;
            if n == 0 {
                break;
            }
            left = left
                .checked_sub(n as u64)
                .ok_or_else(|| Error::unexpected(WHAT, format!("it has more than {UNZIPPED_BYTES_MAX} bytes")))?;
            file.write_all(&buffer[..n]).map_err(|source| cannot("write", &path, &source))?;
        }
        written.push(relative);
    }
    Ok(written)
}

/// A name as a path that stays below where it is put; `None` for any other.
fn safe(name: &str) -> Option<PathBuf> {
    if name.contains(['\\', '\0', ':']) {
        return None;
    }
    let path = Path::new(name);
    let good = path.components().all(|part| matches!(part, Component::Normal(_)));
    (good && path.components().next().is_some()).then(|| path.components().collect())
}

/// Makes the folders of a path below `dir`, and refuses one that is a link.
fn make_dirs(dir: &Path, relative: &Path) -> Result<(), Error> {
    let mut path = dir.to_owned();
    for part in relative.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(kind) if kind.is_dir() => {}
            Ok(_) => return Err(Error::config(format!("{} is there already and is no folder", path.display()))),
            Err(_) => fs::create_dir(&path).map_err(|source| cannot("make", &path, &source))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::default());
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_folder_comes_back() {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("objects")).unwrap();
        fs::create_dir_all(from.path().join(".git")).unwrap();
        fs::write(from.path().join("package.xml"), "<Package/>").unwrap();
        fs::write(from.path().join("objects/A__c.object"), "x".repeat(10_000)).unwrap();
        fs::write(from.path().join(".git/HEAD"), "x").unwrap();
        let package = Package::read(from.path()).unwrap();
        assert_eq!(package.files(), 2);
        assert!(package.is_single() && package.bytes() < 2000, "{package:?}");
        let to = tempfile::tempdir().unwrap();
        let files = unpack(Cursor::new(package.zip()), &to.path().join("new/folder")).unwrap();
        assert_eq!(files, [PathBuf::from("objects/A__c.object"), PathBuf::from("package.xml")]);
        assert_eq!(fs::read(to.path().join("new/folder/objects/A__c.object")).unwrap().len(), 10_000);
        let again = Package::from_zip(package.zip().to_vec()).unwrap();
        assert_eq!((again.files(), again.unzipped), (2, 10_010));
    }

    #[test]
    fn no_entry_leaves_the_folder() {
        for name in ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:evil", "a/../b", "./../x"] {
            let to = tempfile::tempdir().unwrap();
            let inside = to.path().join("inside");
            let error = unpack(Cursor::new(zip_of(&[(name, "x")])), &inside).unwrap_err();
            assert!(error.to_string().contains("unpacking"), "{name}: {error}");
            assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1, "{name}");
            assert_eq!(fs::read_dir(&inside).unwrap().count(), 0, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let to = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), to.path().join("objects")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("f"), to.path().join("package.xml")).unwrap();
        for name in ["objects/A.object", "package.xml"] {
            assert!(unpack(Cursor::new(zip_of(&[(name, "x")])), to.path()).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(Package::from_dir(to.path()).is_err(), "a package.xml that is a dangling link");
        fs::write(outside.path().join("f"), "<Package/>").unwrap();
        assert!(Package::from_dir(to.path()).unwrap_err().to_string().contains("link"));
    }

    #[test]
    fn what_is_no_package_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Package::read(dir.path()).unwrap_err().hint().unwrap().contains("sf project convert"));
        assert!(Package::read(&dir.path().join("none")).unwrap_err().to_string().contains("none"));
        assert!(Package::from_zip(zip_of(&[("a", "b")])).is_err());
        assert!(Package::from_zip(b"no zip".to_vec()).is_err());
    }

    #[test]
    fn limits_are_checked_while_packing() {
        let mut builder = PackageBuilder::new();
        for n in 0..FILES_MAX {
            builder.add(&n.to_string(), &mut &b""[..]).unwrap();
        }
        assert!(builder.add("one too many", &mut &b""[..]).unwrap_err().to_string().contains("10000 files"));
    }

    proptest! {
        #[test]
        fn no_zip_panics(at in 0usize..200, byte in any::<u8>(), cut in 0usize..300) {
            let good = zip_of(&[("package.xml", "<Package/>"), ("objects/A.object", "x")]);
            let mut bytes = good.clone();
            let at = at % bytes.len();
            bytes[at] = byte;
            let to = tempfile::tempdir().unwrap();
            let _ = unpack(Cursor::new(&bytes), to.path());
            let _ = Package::from_zip(bytes);
            let _ = Package::from_zip(good[..cut.min(good.len())].to_vec());
        }

        #[test]
        fn safe_names_stay_below(name in "[./\\\\a-c:]{0,10}") {
            if let Some(path) = safe(&name) {
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
