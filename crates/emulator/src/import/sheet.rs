//! CSV files: one object each, its fields named by the header.

use std::collections::HashSet;

use super::plan::without_mark;
use super::{Draft, ImportError, ImportOptions, Imported, SourceFile};
use crate::RecordId;
use crate::dml::Input;
use crate::schema::{FieldType, ObjectId, ObjectType, Schema};

/// What a column holds.
enum Column {
    /// The record's id in the org that it came from.
    Id,
    /// A field.
    Field(String),
    /// A parent by its external id: `Account.Ext__c`, `Owner:User.Username`.
    Parent { relationship: String, object: Option<String>, key: String },
    /// What the org sets by itself.
    LeftOut,
}

/// A CSV file whose header was read.
pub(super) struct Sheet<'a> {
    file: &'a SourceFile,
    object: ObjectId,
    reader: csv::Reader<&'a [u8]>,
    columns: Vec<Column>,
    names: Vec<String>,
    external_id: Option<String>,
}

/// The sign between columns: that of the header that is no part of a name. Spreadsheets of many countries write `;`.
fn delimiter(header: &[u8]) -> u8 {
    let line = header.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    [b',', b';', b'\t', b'|'].into_iter().find(|sign| line.contains(sign)).unwrap_or(b',')
}

impl<'a> Sheet<'a> {
    pub(super) fn open(schema: &Schema, file: &'a SourceFile, options: &ImportOptions) -> Result<Self, ImportError> {
        let name = options.object.as_deref().unwrap_or_else(|| file.stem());
        let Some((object, facts)) = schema.find(name) else {
            let text = format!("this org has no object {name}: name the file after its object, or say which it is");
            return Err(ImportError::new(file, "", text));
        };
        let text = without_mark(&file.bytes);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(text)).from_reader(text);
        let header = reader.headers().map_err(|e| ImportError::new(file, "the header", e))?.clone();
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let mut columns = Vec::with_capacity(names.len());
        let mut seen = HashSet::new();
        for (at, name) in names.iter().enumerate() {
            let place = format!("column {}", at + 1);
            if !seen.insert(name.to_ascii_lowercase()) {
                return Err(ImportError::new(file, place, format_args!("the column {name} is there twice")));
            }
            columns.push(column(facts, name).ok_or_else(|| {
                let near = nearest(facts, name).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                ImportError::new(file, place, format_args!("{} has no field {name}{near}", facts.name))
            })?);
        }
        let external_id = options.external_id.clone();
        if let Some(key) = external_id.as_ref().filter(|key| !seen.contains(&key.to_ascii_lowercase())) {
            return Err(ImportError::new(file, "the header", format_args!("there is no column {key} to upsert by")));
        }
        Ok(Self { file, object, reader, columns, names, external_id })
    }

    pub(super) fn read(
        mut self,
        schema: &Schema,
        drafts: &mut Vec<Draft>,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        let facts = schema.object(self.object);
        for (column, name) in self.columns.iter().zip(&self.names) {
            if matches!(column, Column::LeftOut) {
                imported.left_out.push(format!("{}.{name}", facts.name));
            }
        }
        let mut row = csv::StringRecord::new();
        loop {
            match self.reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(ImportError::new(self.file, line(error.position()), words(&error))),
            }
            let place = line(row.position());
            let mut reference = None;
            let mut fields = Vec::with_capacity(row.len());
            for (column, cell) in self.columns.iter().zip(&row) {
                match column {
                    Column::LeftOut => {}
                    _ if cell.is_empty() => {}
                    Column::Id => reference = Some(key(cell)),
                    Column::Field(name) if cell == "#N/A" => fields.push((name.clone(), Input::Null)),
                    Column::Field(name) => fields.push((name.clone(), Input::Text(cell.to_owned()))),
                    Column::Parent { relationship, object, key } => {
                        let (object, key) = (object.clone(), key.clone());
                        fields.push((relationship.clone(), Input::Reference { object, key, value: cell.to_owned() }));
                    }
                }
            }
            drafts.push(Draft {
                object: self.object,
                reference,
                fields,
                external_id: self.external_id.clone(),
                file: self.file.name.clone(),
                place,
            });
        }
    }
}

/// How a record of another org is called here: its id in the long form, so that both forms are one.
pub(super) fn key(id: &str) -> String {
    RecordId::parse(id.trim()).map_or_else(|| id.trim().to_owned(), |id| id.to_string())
}

fn column(facts: &ObjectType, name: &str) -> Option<Column> {
    if let Some((relationship, key)) = name.split_once('.') {
        let (relationship, object) = match relationship.split_once(':') {
            // Bulk API writes the relationship first.
            Some((relationship, object)) => (relationship, Some(object.to_owned())),
            None => (relationship, None),
        };
        facts.relationship(relationship)?;
        return Some(Column::Parent { relationship: relationship.to_owned(), object, key: key.to_owned() });
    }
    let (_, field) = facts.field(name)?;
    Some(match field.ty {
        FieldType::Id => Column::Id,
        _ if field.createable => Column::Field(field.name.clone()),
        _ => Column::LeftOut,
    })
}

fn nearest<'a>(facts: &'a ObjectType, name: &str) -> Option<&'a str> {
    let near = facts.enumerate().map(|(_, f)| (strsim::damerau_levenshtein(&f.name, name), f.name.as_str())).min()?;
    (near.0 <= 3).then_some(near.1)
}

fn line(position: Option<&csv::Position>) -> String {
    position.map_or_else(String::new, |position| format!("line {}", position.line()))
}

fn words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} cells, the header {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the row is not UTF-8".into(),
        _ => error.to_string(),
    }
}

/// Sheets in an order in which each comes after those that its records can point at, where there is one.
pub(super) fn parents_first<'a>(schema: &Schema, mut sheets: Vec<Sheet<'a>>) -> Vec<Sheet<'a>> {
    let mut ordered = Vec::with_capacity(sheets.len());
    while !sheets.is_empty() {
        let waits = |sheet: &Sheet<'_>| {
            let facts = schema.object(sheet.object);
            let columns = || sheet.names.iter().filter_map(|name| facts.field(name));
            sheets.iter().any(|other| {
                other.object != sheet.object
                    && columns().any(|(_, f)| f.reference_to.contains(&schema.object(other.object).name))
            })
        };
        // Objects that point at each other come in the order given: what is missing then is filled in afterwards.
        let at = sheets.iter().position(|sheet| !waits(sheet)).unwrap_or(0);
        ordered.push(sheets.remove(at));
    }
    ordered
}
