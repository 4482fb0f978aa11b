//! Upsert: one key field decides whether a record is made or changed.

use std::collections::HashMap;

use super::transaction::Transaction;
use super::{Input, Saved, Write, WriteResult, convert, errors, reference};
use crate::RecordId;
use crate::schema::{FieldType, ObjectId, Schema};
use crate::{ApiError, Value};

impl Transaction<'_> {
    pub(super) fn upsert(
        &mut self,
        object: ObjectId,
        key: &str,
        value: Input,
        mut fields: Vec<(String, Input)>,
        update_only: bool,
    ) -> WriteResult {
        let facts = self.object(object);
        let Some((key_id, key)) = facts.field(key).filter(|(_, field)| reference::is_key(field)) else {
            return Err(vec![errors::no_such_key(key)]);
        };
        if fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(&key.name)) {
            let text = format!("The {} field should not be specified in the sobject data.", key.name);
            return Err(vec![ApiError::new("INVALID_FIELD", text).field(&key.name)]);
        }
        let wanted = convert::value(key, &value).map_err(|e| vec![e])?;
        if key.ty == FieldType::Id {
            return match wanted {
                Value::Id(id) => self.update(object, id, fields).map(|()| Saved { id, created: false }),
                _ if update_only => Err(vec![errors::no_such_key(&key.name)]),
                _ => self.create(object, fields).map(|id| Saved { id, created: true }),
            };
        }
        if wanted.is_null() {
            let text = format!("{} not specified", key.name);
            return Err(vec![ApiError::new("MISSING_ARGUMENT", text).field(&key.name)]);
        }
        match reference::find(self, object, key_id, key, &wanted).as_slice() {
            // The status of an `updateOnly` without a match is unconfirmed.
            [] if update_only => Err(vec![errors::not_found()]),
            [] => {
                fields.push((key.name.clone(), value));
                self.create(object, fields).map(|id| Saved { id, created: true })
            }
            [id] => self.update(object, *id, fields).map(|()| Saved { id: *id, created: false }),
            several => {
                let error = reference::several_matches(several).status(300).field(&key.name);
                Err(vec![ApiError { ids: several.to_vec(), ..error }])
            }
        }
    }
}

/// Updates of one request that name the same record twice, and upserts that name the same key twice: none of them is
/// done (observed for upserts).
pub(super) fn repeated_keys(schema: &Schema, writes: &[Write]) -> HashMap<usize, ApiError> {
    let mut updated: HashMap<RecordId, Vec<usize>> = HashMap::new();
    let mut places: HashMap<(ObjectId, String, String), Vec<(usize, String)>> = HashMap::new();
    for (at, write) in writes.iter().enumerate() {
        if let Write::Update { id, .. } = write {
            updated.entry(*id).or_default().push(at);
        }
        let Write::Upsert { object, key, value, .. } = write else { continue };
        let Some((_, field)) = schema.object(*object).field(key) else { continue };
        let Ok(Some(scalar)) = convert::scalar(field, value) else { continue };
        let text = scalar.text.as_ref();
        let folded =
            if field.case_sensitive || field.ty == FieldType::Id { text.to_owned() } else { text.to_lowercase() };
        places.entry((*object, field.name.clone(), folded)).or_default().push((at, text.to_owned()));
    }
    let mut repeated = HashMap::new();
    for ((_, name, _), places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        repeated.extend(places.into_iter().map(|(at, value)| {
            let text = format!("Duplicate external id specified: {value}");
            (at, ApiError::new("DUPLICATE_VALUE", text).field(&name))
        }));
    }
    for (id, places) in updated.into_iter().filter(|(_, places)| places.len() > 1) {
        repeated.extend(places.into_iter().map(|at| {
            // Unconfirmed: the wording.
            let text = format!("Duplicate id specified: {id}");
            (at, ApiError::new("DUPLICATE_VALUE", text).field("Id"))
        }));
    }
    repeated
}
