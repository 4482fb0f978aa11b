//! Writing a platform event: it goes to the bus, not into the store.

use super::fields::{self, Mode};
use super::transaction::Transaction;
use super::{Input, defaults, errors};
use crate::events::Published;
use crate::schema::{ObjectId, ObjectType};
use crate::{ApiError, RecordId, Value};

impl Transaction<'_> {
    /// Publishes an event. The id that its writer gets leads to no record.
    pub(super) fn publish_event(
        &mut self,
        object: ObjectId,
        facts: std::sync::Arc<ObjectType>,
        fields: &[(String, Input)],
    ) -> Result<RecordId, Vec<ApiError>> {
        let Some(prefix) = facts.key_prefix.filter(|_| facts.flags.createable) else {
            return Err(vec![errors::not_supported(&facts, "create")]);
        };
        let mut values = fields::resolve(self, &facts, fields, Mode::Create)?;
        defaults::apply(self, object, &facts, &mut values);
        let missing: Vec<String> = facts
            .enumerate()
            .filter(|(id, f)| f.required_on_create() && values.get(id).is_none_or(Value::is_null))
            .map(|(_, f)| f.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(vec![errors::required(missing)]);
        }
        let id = self.store.table_mut(object).next_id(prefix);
        let (at, user) = (self.context.now, self.context.user);
        self.published.push(Published { id, object: facts, values, at, user });
        Ok(id)
    }
}
