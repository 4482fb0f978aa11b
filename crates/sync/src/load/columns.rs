//! The header row against describe: what each column is for, and everything that is wrong with it, before any write.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tidegate_client::{Describe, DescribeField};

use super::LoadOperation;
use super::header::{HeaderFault, Why, near};
use super::input::Row;
use super::value::{self, Kind, NULL, Prefixes, ValueFault, ValueWarning};

/// Results of an earlier load have columns that begin so; they are no fields.
pub(crate) const RESULT_PREFIX: &str = "sf__";

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The record's own id.
    Id,
    /// The key of an upsert.
    Key,
    Field,
    /// A parent, found by a key of its own.
    Parent {
        relationship: String,
        /// Which kind of parent, where the field takes several.
        object: Option<String>,
        key: String,
    },
}

/// A column that is sent.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Its place in the file, from 0.
    pub(crate) at: usize,
    /// As the file names it.
    pub(crate) header: String,
    /// As Salesforce names it, in the header of an upload.
    pub(crate) wire: String,
    pub(crate) target: Target,
    pub(crate) kind: Kind,
    /// An empty cell would be refused.
    required: bool,
    nillable: bool,
}

/// The columns of a file, and what became of them.
#[derive(Debug, Clone)]
pub struct Columns {
    pub(crate) sent: Vec<Column>,
    /// The header as it stands in the file.
    pub(crate) header: Vec<String>,
    /// Columns that are not sent, by name.
    pub(crate) left_out: Vec<String>,
    /// Worth a word, but no reason to stop.
    pub(crate) warnings: Vec<HeaderWarning>,
    empty_as_null: bool,
}

/// What is worth a word about a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderWarning {
    /// New records would lack a field that they need.
    #[error("records that do not exist yet cannot be made without {}", .0.join(", "))]
    NewRecordsLack(Vec<String>),
    /// Can be set on new records only, or on existing ones only.
    #[error("{0} cannot be set on {1} records")]
    HalfWritable(String, &'static str),
}

/// What is asked of a header, apart from the file.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) operation: &'a LoadOperation,
    /// From a name in the file to a name in Salesforce.
    pub(crate) renamed: &'a [(String, String)],
    /// Names, or numbers as `#3`.
    pub(crate) ignored: &'a [String],
    pub(crate) empty_as_null: bool,
}

/// Splits `Type:Relationship.Key`.
fn path(name: &str) -> Option<(Option<&str>, &str, &str)> {
    let (path, key) = name.split_once('.')?;
    Some(match path.split_once(':') {
        Some((object, relationship)) => (Some(object), relationship, key),
        None => (None, path, key),
    })
}

fn relationship<'a>(describe: &'a Describe, name: &str) -> Option<&'a DescribeField> {
    let is = |field: &&DescribeField| field.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
    describe.fields.iter().find(is)
}

impl Wanted<'_> {
    /// The name that Salesforce knows, of a name in the file; `None` for what is left out.
    fn name<'n>(&'n self, at: usize, header: &'n str) -> Option<&'n str> {
        let number = format!("#{}", at + 1);
        if let Some((_, to)) =
            self.renamed.iter().find(|(from, _)| from.eq_ignore_ascii_case(header) || *from == number)
        {
            return Some(to);
        }
        let ignored = self.ignored.iter().any(|name| name.eq_ignore_ascii_case(header) || *name == number)
            || header.get(..RESULT_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESULT_PREFIX));
        (!ignored).then_some(header)
    }

    /// Other objects whose describes are needed: parents that are named by keys of their own.
    pub(crate) fn parents(&self, header: &[String], describe: &Describe) -> BTreeSet<String> {
        let mut parents = BTreeSet::new();
        for (at, name) in header.iter().enumerate() {
            let Some((object, name, _)) = self.name(at, name.trim()).and_then(path) else { continue };
            let Some(field) = relationship(describe, name) else { continue };
            match (object, field.reference_to.as_slice()) {
                (None, [only]) => parents.extend([only.clone()]),
                (Some(object), several) => {
                    parents.extend(several.iter().find(|o| o.eq_ignore_ascii_case(object)).cloned());
                }
                _ => {}
            }
        }
        parents
    }
}

impl Columns {
    /// Understands a header. All faults are given, not the first one.
    pub(crate) fn read(
        header: &[String],
        wanted: &Wanted<'_>,
        describe: &Describe,
        parents: &BTreeMap<String, Describe>,
    ) -> Result<Self, Vec<HeaderFault>> {
        let mut reader = Reader { wanted, describe, parents, faults: vec![], warnings: vec![] };
        reader.object();
        let mut sent: Vec<Column> = vec![];
        let mut left_out = vec![];
        for (at, header) in header.iter().enumerate() {
            let header = header.trim();
            let Some(name) = wanted.name(at, header) else {
                left_out.push(header.to_owned());
                continue;
            };
            if name.is_empty() {
                reader.faults.push(HeaderFault::Unnamed { column: at + 1 });
                continue;
            }
            // A delete is of records by their ids: nothing else of them is asked for.
            if wanted.operation.is_delete() && !name.eq_ignore_ascii_case("Id") {
                left_out.push(header.to_owned());
                continue;
            }
            let Some(column) = reader.column(at, header, name) else { continue };
            match sent.iter().find(|other| same(other, &column, describe)) {
                Some(other) => reader.faults.push(HeaderFault::Twice {
                    field: column.wire.clone(),
                    columns: [other.at + 1, at + 1],
                    names: [other.header.clone(), header.to_owned()],
                }),
                None => sent.push(column),
            }
        }
        reader.names(header);
        reader.complete(&sent);
        if !reader.faults.is_empty() {
            return Err(reader.faults);
        }
        Ok(Self {
            sent,
            header: header.iter().map(|name| name.trim().to_owned()).collect(),
            left_out,
            warnings: reader.warnings,
            empty_as_null: wanted.empty_as_null,
        })
    }

    /// Columns of the file.
    pub(crate) fn width(&self) -> usize {
        self.header.len()
    }

    /// The header of an upload.
    pub(crate) fn wire_header(&self) -> impl Iterator<Item = &str> {
        self.sent.iter().map(|column| column.wire.as_str())
    }

    /// What is sent for the cell of a column: empty text leaves the field alone, [`NULL`] clears it. Both ways into the
    /// org are written from this, so that they mean the same.
    pub(crate) fn cell<'a>(
        &self,
        column: &Column,
        cell: &'a str,
        prefixes: &Prefixes,
    ) -> Result<(Cow<'a, str>, Option<ValueWarning>), ValueFault> {
        let is_text = matches!(column.kind, Kind::Text { .. } | Kind::Picklist { .. });
        let empty = if is_text { cell.is_empty() } else { cell.trim().is_empty() };
        if empty {
            return match () {
                () if column.required => Err(ValueFault::Missing),
                () if self.empty_as_null && column.target == Target::Field && column.nillable => {
                    Ok((Cow::Borrowed(NULL), None))
                }
                () => Ok((Cow::Borrowed(""), None)),
            };
        }
        if cell == NULL {
            return if column.required || !column.nillable {
                Err(ValueFault::Null)
            } else {
                Ok((Cow::Borrowed(NULL), None))
            };
        }
        value::check(&column.kind, cell, prefixes)
    }

    /// What is sent for a row that was checked.
    pub(crate) fn cells<'a>(&'a self, row: &'a Row, prefixes: &'a Prefixes) -> impl Iterator<Item = Cow<'a, str>> {
        self.sent.iter().map(move |column| {
            let cell = row.get(column.at).unwrap_or_default();
            // It was checked; a cell that has changed since then is seen by the hash of its part.
            self.cell(column, cell, prefixes).map_or(Cow::Borrowed(cell), |(text, _)| text)
        })
    }
}

/// Whether two columns write the same field.
fn same(a: &Column, b: &Column, describe: &Describe) -> bool {
    let field = |column: &Column| match &column.target {
        Target::Parent { relationship: name, .. } => relationship(describe, name).map(|f| f.name.to_lowercase()),
        _ => Some(column.wire.to_lowercase()),
    };
    field(a) == field(b)
}

struct Reader<'a> {
    wanted: &'a Wanted<'a>,
    describe: &'a Describe,
    parents: &'a BTreeMap<String, Describe>,
    faults: Vec<HeaderFault>,
    warnings: Vec<HeaderWarning>,
}

impl Reader<'_> {
    /// Whether the user may do this to the object at all.
    fn object(&mut self) {
        let describe = self.describe;
        let (may, what) = match self.wanted.operation {
            LoadOperation::Insert => (describe.createable, "made"),
            LoadOperation::Update => (describe.updateable, "changed"),
            LoadOperation::Upsert { .. } => (describe.createable || describe.updateable, "made or changed"),
            LoadOperation::Delete | LoadOperation::HardDelete => (describe.deletable, "deleted"),
        };
        if !may {
            self.faults.push(HeaderFault::Object { object: describe.name.clone(), what });
        }
    }

    fn key(&self) -> Option<&str> {
        match self.wanted.operation {
            LoadOperation::Upsert { external_id } => Some(external_id),
            _ => None,
        }
    }

    fn column(&mut self, at: usize, header: &str, name: &str) -> Option<Column> {
        let is_key = self.key().is_some_and(|key| key.eq_ignore_ascii_case(name));
        let own = |wire: &str, target, kind, required, nillable| Column {
            at,
            header: header.to_owned(),
            wire: wire.to_owned(),
            target,
            kind,
            required,
            nillable,
        };
        if name.eq_ignore_ascii_case("Id") {
            let kind = Kind::Id(vec![self.describe.name.clone()]);
            return match self.wanted.operation {
                // Without an id, an upsert by Id makes a record.
                _ if is_key => Some(own("Id", Target::Key, kind, false, false)),
                LoadOperation::Insert | LoadOperation::Upsert { .. } => {
                    self.faults.push(HeaderFault::IdNotWanted { key: self.key().map(str::to_owned) });
                    None
                }
                _ => Some(own("Id", Target::Id, kind, true, false)),
            };
        }
        if let Some((object, relation, key)) = path(name) {
            return self.parent(at, header, object, relation, key);
        }
        let Some(field) = self.describe.field(name) else {
            if is_key {
                // Told once, of the key.
                return None;
            }
            let fault = match relationship(self.describe, name) {
                Some(field) => HeaderFault::RelationshipAlone { name: name.to_owned(), field: field.name.clone() },
                None => HeaderFault::Unknown {
                    name: name.to_owned(),
                    header: header.to_owned(),
                    object: self.describe.name.clone(),
                    near: near(name, self.describe.fields.iter().map(|f| (f.name.as_str(), f.label.as_str()))),
                },
            };
            self.faults.push(fault);
            return None;
        };
        let kind = Kind::of(field);
        if is_key {
            return Some(own(&field.name, Target::Key, kind, true, false));
        }
        if let Some(why) = self.why_not(field) {
            self.faults.push(HeaderFault::NotWritable { field: field.name.clone(), header: header.to_owned(), why });
            return None;
        }
        self.half(field);
        let required = *self.wanted.operation == LoadOperation::Insert && needed(field);
        Some(own(&field.name, Target::Field, kind, required, field.nillable))
    }

    /// A column that can be written on one kind of record only, in an upsert, which may meet both.
    fn half(&mut self, field: &DescribeField) {
        if self.key().is_some() && field.createable != field.updateable {
            let which = if field.createable { "existing" } else { "new" };
            self.warnings.push(HeaderWarning::HalfWritable(field.name.clone(), which));
        }
    }

    fn why_not(&self, field: &DescribeField) -> Option<Why> {
        let parts = || {
            let is_part = |f: &&DescribeField| {
                f.compound_field_name.as_deref() == Some(&field.name)
                    && f.name != field.name
                    && (f.createable || f.updateable)
            };
            self.describe.fields.iter().filter(is_part).map(|f| f.name.clone()).collect::<Vec<_>>()
        };
        match field.kind.as_str() {
            "address" | "location" | "complexvalue" => return Some(Why::Compound { parts: parts() }),
            "base64" => return Some(Why::Blob),
            "anyType" | "json" => return Some(Why::NoText { kind: field.kind.clone() }),
            _ => {}
        }
        let may = match self.wanted.operation {
            LoadOperation::Insert => field.createable,
            LoadOperation::Update => field.updateable,
            _ => field.createable || field.updateable,
        };
        (!may).then(|| match () {
            () if field.calculated => Why::Formula,
            () if field.auto_number => Why::AutoNumber,
            () if field.name_field && !parts().is_empty() => Why::Compound { parts: parts() },
            () if field.createable => Why::CreateOnly,
            () if field.updateable => Why::UpdateOnly,
            () => Why::ReadOnly,
        })
    }

    fn parent(&mut self, at: usize, header: &str, object: Option<&str>, relation: &str, key: &str) -> Option<Column> {
        let name = match object {
            Some(object) => format!("{object}:{relation}.{key}"),
            None => format!("{relation}.{key}"),
        };
        if key.contains('.') {
            self.faults.push(HeaderFault::TooFar { name });
            return None;
        }
        let Some(field) = relationship(self.describe, relation) else {
            let swapped = object.filter(|object| relationship(self.describe, object).is_some());
            let known = self.describe.fields.iter().filter_map(|f| Some((f.relationship_name.as_deref()?, "")));
            let fault = match (swapped, self.describe.field(relation)) {
                (Some(object), _) => HeaderFault::Swapped { name, right: format!("{relation}:{object}.{key}") },
                (None, Some(DescribeField { relationship_name: Some(right), .. })) => {
                    HeaderFault::FieldForRelationship { name, right: format!("{right}.{key}") }
                }
                _ => HeaderFault::NoRelationship { name, near: near(relation, known) },
            };
            self.faults.push(fault);
            return None;
        };
        let relation = field.relationship_name.clone()?;
        if let Some(why) = self.why_not(field) {
            self.faults.push(HeaderFault::NotWritable { field: field.name.clone(), header: header.to_owned(), why });
            return None;
        }
        let several = field.reference_to.len() > 1;
        let target = match (object, field.reference_to.as_slice()) {
            (None, [only]) => only,
            (None, several) => {
                let objects = several.to_vec();
                self.faults.push(HeaderFault::WhichParent {
                    name,
                    relationship: relation,
                    key: key.to_owned(),
                    objects,
                });
                return None;
            }
            (Some(_), [_]) => {
                self.faults.push(HeaderFault::OneParent { name, right: format!("{relation}.{key}") });
                return None;
            }
            (Some(object), several) => match several.iter().find(|o| o.eq_ignore_ascii_case(object)) {
                Some(target) => target,
                None => {
                    let objects = several.to_vec();
                    self.faults.push(HeaderFault::NoParent { name, object: object.to_owned(), objects });
                    return None;
                }
            },
        };
        let parent = self.parents.get(target)?;
        let is_key = |f: &DescribeField| {
            f.external_id
                || f.id_lookup
                || f.name == "Id"
                // Not marked as a key, and works.
                || (parent.name == "RecordType" && matches!(f.name.as_str(), "DeveloperName" | "Name"))
        };
        let Some(by) = parent.field(key).filter(|field| is_key(field)) else {
            let keys: Vec<String> = parent.fields.iter().filter(|f| is_key(f)).map(|f| f.name.clone()).collect();
            let exists = parent.field(key).is_some();
            self.faults.push(HeaderFault::NotAKey {
                name,
                object: parent.name.clone(),
                key: key.to_owned(),
                exists,
                keys,
            });
            return None;
        };
        let prefix = if several { format!("{}:", parent.name) } else { String::new() };
        Some(Column {
            at,
            header: header.to_owned(),
            wire: format!("{prefix}{relation}.{}", by.name),
            target: Target::Parent {
                relationship: relation,
                object: several.then(|| parent.name.clone()),
                key: by.name.clone(),
            },
            kind: if by.name == "Id" { Kind::Id(vec![parent.name.clone()]) } else { Kind::of(by) },
            required: *self.wanted.operation == LoadOperation::Insert && needed(field),
            nillable: field.nillable,
        })
    }

    /// Names given beside the file that the file does not have: probably mistyped.
    fn names(&mut self, header: &[String]) {
        let has = |name: &str| {
            header.iter().any(|h| h.trim().eq_ignore_ascii_case(name))
                || name
                    .strip_prefix('#')
                    .and_then(|n| n.parse().ok())
                    .is_some_and(|n: usize| (1..=header.len()).contains(&n))
        };
        let names = self.wanted.renamed.iter().map(|(from, _)| from).chain(self.wanted.ignored);
        for name in names.filter(|name| !has(name)) {
            let near = near(name, header.iter().map(|h| (h.trim(), "")));
            self.faults.push(HeaderFault::NoColumn { name: name.clone(), near });
        }
    }

    /// Whether all that is needed is there.
    fn complete(&mut self, sent: &[Column]) {
        let describe = self.describe;
        let has = |name: &str| {
            sent.iter().any(|column| match &column.target {
                Target::Parent { relationship: r, .. } => relationship(describe, r).is_some_and(|f| f.name == name),
                _ => column.wire.eq_ignore_ascii_case(name),
            })
        };
        match self.wanted.operation {
            LoadOperation::Update | LoadOperation::Delete | LoadOperation::HardDelete => {
                if !has("Id") {
                    self.faults.push(HeaderFault::IdMissing);
                } else if sent.len() == 1 && *self.wanted.operation == LoadOperation::Update {
                    self.faults.push(HeaderFault::NothingToWrite);
                }
            }
            LoadOperation::Upsert { external_id } => {
                match describe.field(external_id) {
                    Some(field) if field.external_id || field.id_lookup || field.name == "Id" => {
                        if !has(&field.name) {
                            self.faults.push(HeaderFault::KeyMissing { key: field.name.clone() });
                        } else if sent.len() == 1 {
                            self.faults.push(HeaderFault::NothingToWrite);
                        }
                    }
                    found => {
                        let keys = describe.fields.iter().filter(|f| f.external_id || f.id_lookup);
                        self.faults.push(HeaderFault::NotAKey {
                            name: external_id.clone(),
                            object: describe.name.clone(),
                            key: external_id.clone(),
                            exists: found.is_some(),
                            keys: keys.map(|f| f.name.clone()).collect(),
                        });
                    }
                }
                let lacks: Vec<String> =
                    describe.fields.iter().filter(|f| needed(f) && !has(&f.name)).map(|f| f.name.clone()).collect();
                if !lacks.is_empty() && self.faults.is_empty() {
                    self.warnings.push(HeaderWarning::NewRecordsLack(lacks));
                }
            }
            LoadOperation::Insert => {
                if describe.createable {
                    let lacks = describe.fields.iter().filter(|f| needed(f) && !has(&f.name));
                    // With person accounts a record has either of two names.
                    let person = describe.field("IsPersonAccount").is_some();
                    let lacks: Vec<String> = lacks
                        .map(|f| f.name.clone())
                        .filter(|n| !(person && (n == "Name" || n == "LastName")))
                        .collect();
                    if !lacks.is_empty() {
                        self.faults.push(HeaderFault::Required { fields: lacks });
                    }
                }
            }
        }
    }
}

/// Whether a record cannot be made without it. A checkbox is never empty: it has a default.
fn needed(field: &DescribeField) -> bool {
    field.is_required() && field.kind != "boolean" && field.name != "Id"
}
