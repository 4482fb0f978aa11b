//! Making and changing records.

use super::fields::{self, Mode};
use super::transaction::{Cause, Transaction};
use super::{Input, defaults, derived, errors, reference, temporal};
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::store::Values;
use crate::{ApiError, RecordId, Value};

/// The version whose rules the query of a saved PushTopic keeps to.
const QUERY_VERSION: u16 = 66;

impl Transaction<'_> {
    /// Makes a record.
    pub(super) fn create(&mut self, object: ObjectId, fields: Vec<(String, Input)>) -> Result<RecordId, Vec<ApiError>> {
        let facts = self.object(object);
        if crate::events::is_platform_event(&facts) {
            return self.publish_event(object, facts, &fields);
        }
        crate::events::check_count(self.store, self.settings, object, &facts)?;
        let Some(prefix) = facts.key_prefix.filter(|_| facts.flags.createable) else {
            return Err(vec![errors::not_supported(&facts, "create")]);
        };
        if let Some(full) = crate::limits::storage_exceeded(&self.schema, self.store, self.settings) {
            return Err(vec![full]);
        }
        let mut given = fields::resolve(self, &facts, &fields, Mode::Create)?;
        self.prepare_person(object, &facts, None, &mut given).map_err(|e| vec![e])?;
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
        super::record_type::default(&facts, &mut values);
        defaults::apply(self, object, &facts, &mut values);
        let id = self.store.table_mut(object).next_id(prefix);
        defaults::name(&facts, id, &mut values);
        self.stamp_new(&facts, id, &given, &mut values);
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
        self.before_create(&facts, id, &mut values)?;
        self.check_saved(object, &facts, id, &values, None)?;
        self.put(object, id, &values, Cause::User);
        self.after_save(&facts, id, true)?;
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
        if super::convert_lead::is_converted(&facts, &before) {
            return Err(vec![errors::converted_lead()]);
        }
        let mut given = fields::resolve(self, &facts, &fields, Mode::Update)?;
        self.prepare_person(object, &facts, Some(&before), &mut given).map_err(|e| vec![e])?;
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
        self.check_saved(object, &facts, id, &values, Some(&given))?;
        self.put(object, id, &values, Cause::User);
        self.after_save(&facts, id, false)?;
        Ok(())
    }

    /// The rules over a record as it would be saved: the one place for further ones (see `settle`). `given` are the values
    /// that an update sets; `None` for a new record. How it was is still in the store.
    ///
    /// Errors: locked rows, years out of range, unique values that another record holds.
    fn check_saved(
        &self,
        object: ObjectId,
        facts: &ObjectType,
        id: RecordId,
        values: &Values,
        given: Option<&Values>,
    ) -> Result<(), Vec<ApiError>> {
        self.check_locks(object, facts, id, values).map_err(|e| vec![e])?;
        temporal::check_years(facts, values)?;
        let options = crate::query::QueryOptions {
            all: false,
            now: self.context.now,
            user: self.context.user,
            version: QUERY_VERSION,
            batch_size: None,
        };
        crate::events::check_channel(&self.schema, self.store, facts, values, &options)?;
        self.check_permissions(object, facts, id, values).map_err(|e| vec![e])?;
        self.check_unique(object, facts, id, values, given)
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

    /// Id and audit fields of a new record. Those that were given stay: only an org in which audit fields can be set on
    /// create lets them through.
    pub(super) fn stamp_new(&self, facts: &ObjectType, id: RecordId, given: &Values, values: &mut Values) {
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
        let audit = ["CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"];
        for (field, _) in audit.iter().filter_map(|name| facts.field(name)) {
            if let Some(value) = given.get(&field).filter(|value| !value.is_null()) {
                values.insert(field, value.clone());
            }
        }
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
