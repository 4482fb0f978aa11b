//! The store as one stream of bytes, for an org that is kept in a file and opened again.
//!
//! All numbers are little-endian. The form is this emulator's own affair: a file of another version is refused, never
//! guessed at.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::{Binned, Blobs, Held, Row, Store, Table};
use crate::schema::{FieldId, ObjectId};
use crate::{Millis, RecordId};

/// Longest file that is believed. Salesforce takes 2 GB.
const BLOB_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Longest packed row that is believed.
const ROW_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// Everything a store holds, as it was at one moment. Rows are shared, not copied.
#[derive(Debug, Clone)]
pub struct Image {
    tables: Vec<TableImage>,
    groups: u64,
    cascades: Vec<(u64, Vec<(ObjectId, RecordId)>)>,
    blobs: Blobs,
}

/// One table of an [`Image`].
#[derive(Debug, Clone, Default)]
pub(super) struct TableImage {
    pub(super) rows: Vec<(RecordId, Arc<Row>, Option<Binned>)>,
    pub(super) log: Vec<(RecordId, Millis)>,
    pub(super) counters: Vec<(FieldId, u64)>,
    pub(super) next_number: u64,
}

impl Store {
    /// The store as it is now.
    pub fn image(&self) -> Image {
        Image {
            tables: self.tables.iter().map(Table::image).collect(),
            groups: self.groups,
            cascades: self.cascades.iter().map(|(group, members)| (*group, members.clone())).collect(),
            blobs: self.blobs.clone(),
        }
    }

    /// The store that an image was taken of.
    pub fn from_image(image: Image) -> Self {
        Self {
            blobs: image.blobs,
            tables: image.tables.into_iter().map(Table::from_image).collect(),
            groups: image.groups,
            purged_at: 0,
            held: Held::default(),
            cascades: image.cascades.into_iter().collect::<HashMap<_, _>>(),
        }
    }
}

impl Image {
    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        count(self.tables.len(), out)?;
        for table in &self.tables {
            table.write(out)?;
        }
        number(self.groups, out)?;
        count(self.cascades.len(), out)?;
        for (group, members) in &self.cascades {
            number(*group, out)?;
            count(members.len(), out)?;
            for (object, id) in members {
                out.write_all(&object.0.to_le_bytes())?;
                out.write_all(id.as_bytes())?;
            }
        }
        count(self.blobs.len(), out)?;
        for (blob, content) in self.blobs.iter() {
            number(blob, out)?;
            count(content.len(), out)?;
            out.write_all(content)?;
        }
        Ok(())
    }

    /// Reads what [`Image::write`] wrote.
    ///
    /// # Errors
    /// Those of `from`, and `InvalidData` for what cannot have been written here.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let tables = (0..read_number(from)?).map(|_| TableImage::read(from)).collect::<io::Result<_>>()?;
        let groups = read_number(from)?;
        let cascades = (0..read_number(from)?)
            .map(|_| {
                let group = read_number(from)?;
                let members = (0..read_number(from)?)
                    .map(|_| Ok((ObjectId(u16::from_le_bytes(bytes(from)?)), read_id(from)?)))
                    .collect::<io::Result<_>>()?;
                Ok((group, members))
            })
            .collect::<io::Result<_>>()?;
        let mut blobs = Blobs::default();
        for _ in 0..read_number(from)? {
            let (blob, len) = (read_number(from)?, read_number(from)?);
            if len > BLOB_BYTES_MAX {
                return Err(invalid("a file is too long"));
            }
            let mut content = Vec::new();
            from.take(len).read_to_end(&mut content)?;
            if content.len() as u64 != len {
                return Err(invalid("a file is cut off"));
            }
            blobs.restore(blob, content.into());
        }
        Ok(Self { tables, groups, cascades, blobs })
    }
}

impl TableImage {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        number(self.next_number, out)?;
        count(self.counters.len(), out)?;
        for (field, value) in &self.counters {
            out.write_all(&field.0.to_le_bytes())?;
            number(*value, out)?;
        }
        count(self.log.len(), out)?;
        for (id, at) in &self.log {
            out.write_all(id.as_bytes())?;
            out.write_all(&at.to_le_bytes())?;
        }
        count(self.rows.len(), out)?;
        for (id, row, binned) in &self.rows {
            out.write_all(id.as_bytes())?;
            match binned {
                None => out.write_all(&[0])?,
                Some(binned) => {
                    out.write_all(&[if binned.root { 2 } else { 1 }])?;
                    out.write_all(&binned.at.to_le_bytes())?;
                    number(binned.group, out)?;
                }
            }
            let packed = row.packed();
            let len = u32::try_from(packed.len()).map_err(|_| invalid("a row is too long"))?;
            out.write_all(&len.to_le_bytes())?;
            out.write_all(&packed)?;
        }
        Ok(())
    }

    fn read(from: &mut impl Read) -> io::Result<Self> {
        let next_number = read_number(from)?;
        let counters = (0..read_number(from)?)
            .map(|_| Ok((FieldId(u16::from_le_bytes(bytes(from)?)), read_number(from)?)))
            .collect::<io::Result<_>>()?;
        let log = (0..read_number(from)?)
            .map(|_| Ok((read_id(from)?, i64::from_le_bytes(bytes(from)?))))
            .collect::<io::Result<_>>()?;
        let rows = (0..read_number(from)?)
            .map(|_| {
                let id = read_id(from)?;
                let [mark] = bytes(from)?;
                let binned = match mark {
                    0 => None,
                    1 | 2 => Some(Binned {
                        at: i64::from_le_bytes(bytes(from)?),
                        group: read_number(from)?,
                        root: mark == 2,
                    }),
                    _ => return Err(invalid("a row has an unknown mark")),
                };
                let len = u32::from_le_bytes(bytes(from)?);
                if len > ROW_BYTES_MAX {
                    return Err(invalid("a row is too long"));
                }
                let mut packed = vec![0; len as usize];
                from.read_exact(&mut packed)?;
                Ok((id, Arc::new(Row::from_packed(packed)), binned))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { rows, log, counters, next_number })
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number(n: u64, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&n.to_le_bytes())
}

fn count(n: usize, out: &mut impl Write) -> io::Result<()> {
    number(n as u64, out)
}

fn bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    Ok(u64::from_le_bytes(bytes(from)?))
}

fn read_id(from: &mut impl Read) -> io::Result<RecordId> {
    Ok(RecordId::from_bytes(bytes(from)?))
}
