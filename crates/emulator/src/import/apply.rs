//! Writing what was read, in chunks, references resolved on the way.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::{Draft, ImportError, Imported, sheet};
use crate::dml::{Input, Write, WriteContext};
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::{Org, RecordId};

/// Records that are written at once, as the doors do it.
const CHUNK: usize = 200;

/// A reference to a record that came later in the files: it is filled in at the end.
struct Later {
    from: String,
    object: ObjectId,
    field: String,
    to: String,
    file: String,
    place: String,
}

struct Applying<'a> {
    org: &'a mut Org,
    context: &'a WriteContext,
    imported: &'a mut Imported,
    /// New ids by what the files call the records.
    ids: HashMap<String, RecordId>,
    waiting: Vec<(Draft, Write)>,
    waiting_for: HashSet<String>,
}

/// Writes the records.
pub(super) fn apply(
    org: &mut Org,
    context: &WriteContext,
    drafts: Vec<Draft>,
    imported: &mut Imported,
) -> Result<(), ImportError> {
    let mut named: HashMap<&String, &String> = HashMap::with_capacity(drafts.len());
    for draft in &drafts {
        // Files of their own may use the same names: the later record is meant then, as with Salesforce's CLI.
        if let Some(reference) = &draft.reference
            && named.insert(reference, &draft.file) == Some(&draft.file)
        {
            return Err(error(draft, format_args!("{reference} was given before")));
        }
    }
    let known: HashSet<String> = named.into_keys().cloned().collect();
    let mut applying =
        Applying { org, context, imported, ids: HashMap::new(), waiting: Vec::new(), waiting_for: HashSet::new() };
    let mut later = Vec::new();
    for (at, mut draft) in drafts.into_iter().enumerate() {
        if draft.reference.is_none() {
            draft.reference = Some(format!("#{at}"));
        }
        applying.resolve(&mut draft, &known, &mut later)?;
        applying.add(draft)?;
    }
    applying.flush()?;
    applying.fill_in(later)
}

fn error(draft: &Draft, message: impl std::fmt::Display) -> ImportError {
    ImportError { file: draft.file.clone(), place: draft.place.clone(), message: message.to_string() }
}

/// What a value calls another record of the files, if it may be such a name at all.
fn reference_in(facts: &ObjectType, name: &str, input: &Input) -> Option<String> {
    let (_, field) = facts.field(name).filter(|(_, f)| f.ty == FieldType::Reference)?;
    let text = match input {
        Input::Text(text) => text,
        Input::Json(Json::String(text)) => text,
        _ => return None,
    };
    let id = field.reference_to.is_empty() || RecordId::parse(text).is_some();
    (text.starts_with('@') || id).then(|| if text.starts_with('@') { text.clone() } else { sheet::key(text) })
}

impl Applying<'_> {
    /// Puts the ids of this org in the place of the files' references.
    fn resolve(
        &mut self,
        draft: &mut Draft,
        known: &HashSet<String>,
        later: &mut Vec<Later>,
    ) -> Result<(), ImportError> {
        let facts = self.org.schema.object(draft.object).clone();
        let mut fields = Vec::with_capacity(draft.fields.len());
        for (name, input) in std::mem::take(&mut draft.fields) {
            let Some(to) = reference_in(&facts, &name, &input) else {
                fields.push((name, input));
                continue;
            };
            if self.waiting_for.contains(&to) {
                self.flush()?;
            }
            match self.ids.get(&to) {
                Some(id) => fields.push((name, Input::Text(id.to_string()))),
                None if known.contains(&to) => later.push(Later {
                    from: draft.reference.clone().unwrap_or_default(),
                    object: draft.object,
                    field: name,
                    to,
                    file: draft.file.clone(),
                    place: draft.place.clone(),
                }),
                None if to.starts_with('@') => {
                    return Err(error(draft, format_args!("{name}: no record in these files is called {to}")));
                }
                // An id of this org, perhaps: the write will tell.
                None => fields.push((name, input)),
            }
        }
        draft.fields = fields;
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> Result<(), ImportError> {
        let (object, mut fields) = (draft.object, draft.fields.clone());
        let write = match &draft.external_id {
            None => Write::Create { object, fields },
            Some(key) => {
                let at = fields.iter().position(|(name, _)| name.eq_ignore_ascii_case(key));
                let Some((_, value)) = at.map(|at| fields.remove(at)) else {
                    return Err(error(&draft, format_args!("{key} is empty: a row is upserted by it")));
                };
                Write::Upsert { object, key: key.clone(), value, fields, update_only: false }
            }
        };
        self.waiting_for.extend(draft.reference.clone());
        self.waiting.push((draft, write));
        if self.waiting.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let (drafts, writes): (Vec<Draft>, Vec<Write>) = std::mem::take(&mut self.waiting).into_iter().unzip();
        self.waiting_for.clear();
        let results = self.org.write(self.context, writes);
        // One that failed takes the others with it: the reason is told, not the consequence.
        let reason = |errors: &[crate::ApiError]| {
            errors.iter().find(|e| e.code != "ALL_OR_NONE_OPERATION_ROLLED_BACK").map(ToString::to_string)
        };
        for (draft, result) in drafts.iter().zip(&results) {
            if let Err(errors) = result
                && let Some(reason) = reason(errors)
            {
                return Err(error(draft, reason));
            }
        }
        for (draft, result) in drafts.into_iter().zip(results) {
            let saved =
                result.map_err(|errors| error(&draft, errors.first().map(ToString::to_string).unwrap_or_default()))?;
            let name = self.org.schema.object(draft.object).name.clone();
            let counts = if saved.created { &mut self.imported.created } else { &mut self.imported.updated };
            *counts.entry(name).or_default() += 1;
            if let Some(reference) = draft.reference {
                self.ids.insert(reference, saved.id);
            }
        }
        Ok(())
    }

    /// References that pointed ahead.
    fn fill_in(&mut self, later: Vec<Later>) -> Result<(), ImportError> {
        for Later { from, object, field, to, file, place } in later {
            let (Some(id), Some(target)) = (self.ids.get(&from), self.ids.get(&to)) else { continue };
            let fields = vec![(field, Input::Text(target.to_string()))];
            let results = self.org.write(self.context, vec![Write::Update { object, id: *id, fields }]);
            if let Some(Err(errors)) = results.into_iter().next() {
                let message = errors.first().map(ToString::to_string).unwrap_or_default();
                return Err(ImportError { file, place, message });
            }
        }
        Ok(())
    }
}
