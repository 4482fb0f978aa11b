//! Making and changing records.

use super::fields::{self, Mode};
use super::transaction::{Cause, Transaction};
use super::{Input, defaults, derived, errors, reference, temporal};
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

impl Transaction<'_> {
    /// Makes a record.
    pub(super) fn create(&mut self, object: ObjectId, fields: Vec<(String, Input)>) -> Result<RecordId, Vec<ApiError>> {
        let facts = self.object(object);
        if crate::events::is_platform_event(&facts) {
            return self.publish(object, facts, &fields);
        }
        let Some(prefix) = facts.key_prefix.filter(|_| facts.flags.createable) else {
            return Err(vec![errors::not_supported(&facts, "create")]);
        };
        let given = fields::resolve(self, &facts, &fields, Mode::Create)?;
        let missing: Vec<String> = facts
            .enumerate()
            .filter(|(_, f)| f.required_on_create())
            .filter(|(id, _)| given.get(id).is_none_or(Value::is_null))
            .map(|(_, f)| f.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(vec![errors::required(missing)]);
        }
        let mut values = given.clone();
        defaults::apply(self, object, &facts, &mut values);
        let id = self.store.table_mut(object).next_id(prefix);
        defaults::name(&facts, id, &mut values);
        self.stamp_new(&facts, id, &mut values);
        derived::apply(&mut derived::Draft {
            object: &facts,
            values: &mut values,
            given: &given,
            before: None,
            id,
            now: self.stamp(None),
            schema: &self.schema,
            store: self.store,
        });
        temporal::check_years(&facts, &values)?;
        if facts.name == crate::events::push_topic::OBJECT {
            crate::events::push_topic::check(&self.schema, &facts, &values)?;
        }
        self.check_unique(object, &facts, id, &values, None)?;
        self.put(object, id, &values, Cause::User);
        Ok(id)
    }

    /// Changes a record.
    pub(super) fn update(
        &mut self,
        object: ObjectId,
        id: RecordId,
        fields: Vec<(String, Input)>,
    ) -> Result<(), Vec<ApiError>> {
        let facts = self.object(object);
        let before = self.find_live(object, &facts, id).map_err(|e| vec![e])?;
        if !facts.flags.updateable {
            return Err(vec![errors::not_supported(&facts, "update")]);
        }
        let given = fields::resolve(self, &facts, &fields, Mode::Update)?;
        let cleared = given.iter().filter(|(_, value)| value.is_null()).map(|(id, _)| facts.field_at(*id));
        let (mut missing, mut wrong) = (Vec::new(), Vec::new());
        for field in cleared.filter(|f| !f.nillable) {
            match field.ty {
                FieldType::Boolean => wrong.push(errors::wrong_type(field, "null")),
                _ => missing.push(field.name.clone()),
            }
        }
        if !missing.is_empty() {
            wrong.push(errors::required(missing));
        }
        wrong.extend(reference::circle(self, object, id, &given));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut values = before.to_values();
        values.extend(given.iter().map(|(field, value)| (*field, value.clone())));
        self.touch(&facts, &mut values, true);
        derived::apply(&mut derived::Draft {
            object: &facts,
            values: &mut values,
            given: &given,
            before: Some(&before),
            id,
            now: self.stamp(None),
            schema: &self.schema,
            store: self.store,
        });
        temporal::check_years(&facts, &values)?;
        if facts.name == crate::events::push_topic::OBJECT {
            crate::events::push_topic::check(&self.schema, &facts, &values)?;
        }
        self.check_unique(object, &facts, id, &values, Some(&given))?;
        self.put(object, id, &values, Cause::User);
        Ok(())
    }

    /// The row of a live record of this object.
    ///
    /// Errors: the id is of another object, no such record, deleted.
    pub(super) fn find_live(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
    ) -> Result<std::sync::Arc<crate::store::Row>, ApiError> {
        if facts.key_prefix != Some(id.prefix()) {
            let label = format!("{} ID", facts.label);
            return Err(errors::bad_id(&label, "Id", &id.to_string()));
        }
        match self.store.get(object, id) {
            None => Err(errors::not_found()),
            Some(_) if self.store.live(object, id).is_none() => Err(errors::is_deleted()),
            Some(row) => Ok(row.clone()),
        }
    }

    /// Id and audit fields of a new record.
    fn stamp_new(&self, facts: &ObjectType, id: RecordId, values: &mut Values) {
        let user = Value::Id(self.context.user);
        for (name, value) in [
            ("Id", Value::Id(id)),
            ("IsDeleted", Value::Bool(false)),
            ("CreatedDate", self.stamp(None)),
            ("CreatedById", user),
        ] {
            if let Some((field, _)) = facts.field(name) {
                values.insert(field, value);
            }
        }
        self.touch(facts, values, true);
    }

    /// Checks unique fields: all of them, or those that were given.
    ///
    /// Errors: another live record, of this transaction or before it, holds the value.
    pub(super) fn check_unique(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
        values: &Values,
        given: Option<&Values>,
    ) -> Result<(), Vec<ApiError>> {
        let mut found = Vec::new();
        for (field_id, field) in facts.enumerate().filter(|(_, f)| f.unique) {
            if given.is_some_and(|given| !given.contains_key(&field_id)) {
                continue;
            }
            let Some(value) = values.get(&field_id) else { continue };
            let others = reference::find(self, object, field_id, field, value);
            if let Some(other) = others.into_iter().find(|other| *other != id) {
                found.push(errors::duplicate(field, other));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}
