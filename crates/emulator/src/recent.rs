//! What users looked at lately: the Most Recently Used list behind `/recent`, `recentItems` and `RecentlyViewed`.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_recentlyviewed.htm>

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::schema::{FieldId, FieldType, ObjectId};
use crate::store::{Row, Values};
use crate::{Millis, Org, RecordId, Value};

/// Records of one user's list. Documented: `RecentlyViewed` keeps about 200 for each object.
const KEPT: usize = 200;

/// Each user's records, the one looked at last first.
#[derive(Debug, Default)]
pub struct Recent {
    lists: HashMap<RecordId, VecDeque<Seen>>,
}

/// A record that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its object.
    pub object: ObjectId,
    /// The record.
    pub id: RecordId,
    /// When it was looked at last.
    pub at: Millis,
}

impl Recent {
    /// What this user looked at, the last first.
    pub fn of(&self, user: RecordId) -> impl Iterator<Item = Seen> + '_ {
        self.lists.get(&user).into_iter().flatten().copied()
    }

    /// Forgets the records of an object that is taken away.
    pub(crate) fn forget(&mut self, object: ObjectId) {
        for list in self.lists.values_mut() {
            list.retain(|known| known.object != object);
        }
    }

    fn note(&mut self, user: RecordId, seen: Seen) {
        let list = self.lists.entry(user).or_default();
        list.retain(|known| known.id != seen.id);
        list.push_front(seen);
        let mut of_object = 0;
        list.retain(|known| {
            of_object += usize::from(known.object == seen.object);
            known.object != seen.object || of_object <= KEPT
        });
    }
}

impl Org {
    /// Notes that a user looked at a live record of an object with a Most Recently Used list. `LastViewedDate` and
    /// `LastReferencedDate` of the record follow: no save, so neither `SystemModstamp` nor an event tells of it.
    pub fn note_view(&mut self, user: RecordId, object: ObjectId, id: RecordId, now: Millis) {
        let facts = Arc::clone(self.schema.object(object));
        if !facts.flags.mru_enabled || self.store.live(object, id).is_none() {
            return;
        }
        self.recent.note(user, Seen { object, id, at: now });
        self.touch_views(object, &[id], now, &["LastViewedDate", "LastReferencedDate"]);
    }

    /// Notes that a user made or changed a live record.
    pub fn note_work(&mut self, user: RecordId, object: ObjectId, id: RecordId, now: Millis) {
        if self.schema.object(object).flags.mru_enabled && self.store.live(object, id).is_some() {
            self.recent.note(user, Seen { object, id, at: now });
        }
    }

    /// Moves these date fields of these records, where their object has them.
    pub fn touch_views(&mut self, object: ObjectId, ids: &[RecordId], now: Millis, fields: &[&str]) {
        let facts = Arc::clone(self.schema.object(object));
        let fields: Vec<FieldId> = fields.iter().filter_map(|name| facts.field(name)).map(|(id, _)| id).collect();
        if fields.is_empty() {
            return;
        }
        let now = Value::DateTime(now - now.rem_euclid(1000));
        for id in ids {
            let Some(row) = self.store.live(object, *id) else { continue };
            let mut values = row.to_values();
            values.extend(fields.iter().map(|field| (*field, now.clone())));
            self.store.table_mut(object).put(*id, Row::new(&values));
        }
    }

    /// Fills the rows of `RecentlyViewed` with this user's list, so that a query finds them. They have no store of
    /// their own: each is a view of a record of another object.
    pub fn show_recently_viewed(&mut self, user: RecordId) {
        let schema = Arc::clone(&self.schema);
        let Some((view, facts)) = schema.find("RecentlyViewed") else { return };
        let old: Vec<RecordId> =
            self.store.table(view).map_or_else(Vec::new, |table| table.rows().map(|(id, _)| id).collect());
        for id in old {
            self.store.table_mut(view).remove(id);
        }
        let seen: Vec<Seen> = self.recent.of(user).collect();
        for seen in seen {
            let object = schema.object(seen.object);
            let Some(row) = self.store.live(seen.object, seen.id).cloned() else { continue };
            let mut values = Values::new();
            for (field, own) in facts.enumerate() {
                let value = match own.name.as_str() {
                    "Id" => Value::Id(seen.id),
                    "Type" => Value::Text(object.name.clone()),
                    "LastViewedDate" | "LastReferencedDate" => Value::DateTime(seen.at - seen.at.rem_euclid(1000)),
                    "Name" => {
                        object.enumerate().find(|(_, f)| f.name_field).map_or(Value::Null, |(name, _)| row.get(name))
                    }
                    name => object.field(name).map_or(Value::Null, |(of, f)| match f.ty {
                        ty if ty == own.ty => row.get(of),
                        FieldType::Picklist | FieldType::String => row.get(of),
                        _ => Value::Null,
                    }),
                };
                values.insert(field, value);
            }
            self.store.table_mut(view).put(seen.id, Row::new(&values));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_moves_what_is_seen_again_to_its_front_and_keeps_200_of_an_object() {
        let mut recent = Recent::default();
        let user = RecordId::new(*b"005", *b"TG", 1);
        let seen =
            |object: u16, n: u64| Seen { object: ObjectId(object), id: RecordId::new(*b"001", *b"TG", n), at: 0 };
        recent.note(user, seen(1, 1_000));
        for n in 0..250 {
            recent.note(user, seen(0, n));
        }
        recent.note(user, seen(0, 100));
        let list: Vec<Seen> = recent.of(user).collect();
        assert_eq!(list.len(), 201, "200 of the one object, one of the other");
        assert_eq!(list[0], seen(0, 100));
        assert_eq!(list.iter().filter(|s| s.id == seen(0, 100).id).count(), 1);
        assert_eq!(*list.last().unwrap(), seen(1, 1_000));
        assert_eq!(recent.of(RecordId::new(*b"005", *b"TG", 2)).count(), 0);
    }
}
