//! A row on its way out: as a line of an upload, or as a record of a collections call. Both are written from the same
//! cells, so that a file means the same by either way.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde_json::{Map, Number, Value as Json, json};

use super::columns::{Columns, Target};
use super::input::Row;
use super::value::{Kind, NULL, Prefixes};

/// Appends one line of an upload: commas, line feeds, quotes where they are needed.
pub(crate) fn csv_line<'a>(cells: impl Iterator<Item = Cow<'a, str>>, out: &mut Vec<u8>) {
    let start = out.len();
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        csv_cell(&cell, out);
    }
    // An empty line would be no row at all.
    if out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Appends one cell.
pub(crate) fn csv_cell(cell: &str, out: &mut Vec<u8>) {
    let quoted = cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
        || cell.starts_with([' ', '\t'])
        || cell.ends_with([' ', '\t']);
    if !quoted {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A record of a collections call.
pub(crate) fn record(object: &str, columns: &Columns, row: &Row, prefixes: &Prefixes) -> Map<String, Json> {
    let mut record = Map::new();
    record.insert("attributes".into(), json!({ "type": object }));
    for (column, cell) in columns.sent.iter().zip(columns.cells(row, prefixes)) {
        if cell.is_empty() {
            continue;
        }
        let value = if cell == NULL { Json::Null } else { typed(&column.kind, &cell) };
        match &column.target {
            Target::Id => record.insert("id".into(), value),
            Target::Key | Target::Field => record.insert(column.wire.clone(), value),
            Target::Parent { relationship, .. } if value.is_null() => record.insert(relationship.clone(), Json::Null),
            Target::Parent { relationship, object, key } => {
                let mut parent = Map::new();
                if let Some(object) = object {
                    parent.insert("attributes".into(), json!({ "type": object }));
                }
                parent.insert(key.clone(), value);
                record.insert(relationship.clone(), Json::Object(parent))
            }
        };
    }
    record
}

fn typed(kind: &Kind, cell: &str) -> Json {
    match kind {
        Kind::Boolean => Json::Bool(cell == "true"),
        // The digits as they are: a double would round what the org keeps.
        kind if kind.is_bare() => match cell.parse::<Number>() {
            Ok(number) => Json::Number(number),
            Err(_) => Json::String(cell.to_owned()),
        },
        _ => Json::String(cell.to_owned()),
    }
}

/// Tells rows apart by what is sent for them: 64 bits that nobody can foresee.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprints(RandomState);

impl Fingerprints {
    /// Of cells in the order of the columns.
    pub(crate) fn of<'a>(&self, cells: impl Iterator<Item = Cow<'a, str>>) -> u64 {
        let mut hasher = self.0.build_hasher();
        for cell in cells {
            hasher.write(cell.as_bytes());
            // No text of UTF-8 has this byte, so that no two rows run together.
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// Of bytes that come piece by piece.
    pub(crate) fn running(&self) -> Running {
        Running(self.0.build_hasher())
    }
}

/// A fingerprint in the making.
#[derive(Debug)]
pub(crate) struct Running(std::hash::DefaultHasher);

impl Running {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(cells: &[&str]) -> String {
        let mut out = vec![];
        csv_line(cells.iter().map(|c| Cow::Borrowed(*c)), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_quotes_where_they_are_needed() {
        assert_eq!(line(&["a", "b,c", "say \"x\"", " d", ""]), "a,\"b,c\",\"say \"\"x\"\"\",\" d\",\n");
        assert_eq!(line(&["a\nb"]), "\"a\nb\"\n");
        assert_eq!(line(&[""]), "\"\"\n");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let number = Kind::Number { whole: 16, scale: 2 };
        assert_eq!(typed(&number, "1234567890123456.78").to_string(), "1234567890123456.78");
        assert_eq!(typed(&Kind::Text { length: 9 }, "12"), json!("12"));
        assert_eq!(typed(&Kind::Boolean, "true"), json!(true));
    }

    proptest! {
        #[test]
        fn fingerprints_tell_cells_apart(a in prop::collection::vec("[ab]{0,3}", 2), b in prop::collection::vec("[ab]{0,3}", 2)) {
            let prints = Fingerprints::default();
            let of = |cells: &[String]| prints.of(cells.iter().map(|c| Cow::Owned(c.clone())));
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }
    }
}
