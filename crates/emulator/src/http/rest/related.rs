//! Below a record: its files, the record that a relationship leads to, and the records that lead to it.

use super::call::{Call, Verb, no_content};
use super::{Answer, blob, not_allowed, not_built, not_found, record};
use crate::dml::Write;
use crate::query;
use crate::schema::{FieldType, ObjectId, ObjectType};
use crate::{ApiError, Org, RecordId};

/// Relationships to parents that one path may follow. Documented.
const HOPS_MAX: usize = 5;

/// What some records of a real org have below them besides relationships and files.
const NOT_BUILT: &[(&str, &str)] = &[
    ("fromThisEventOnwards", "series of events"),
    ("password", "passwords over REST"),
    ("richTextImageFields", "images in rich text"),
    ("suggestedArticles", "Knowledge"),
];

/// What a path below a record ends at.
enum Target {
    One(ObjectId, RecordId),
    /// Children: their object, and the field by which they point at the record.
    Many {
        parent: RecordId,
        child: String,
        field: String,
    },
}

/// `/sobjects/{object}/{id}/{name}…`.
pub(super) fn route(call: &Call, object: &str, id: &str, names: &[String]) -> Answer {
    let (start, id, facts) = {
        let org = call.state.org.read();
        let (start, facts) = call.object(&org, object)?;
        (start, record::known_id(&org, start, id)?, facts)
    };
    if let [name] = names
        && let Some((field, found)) = facts.field(name)
        && found.ty == FieldType::Base64
    {
        return match call.verb {
            Verb::Get => blob::read(call, start, id, field),
            _ => Err(not_allowed(call, "GET,HEAD").into()),
        };
    }
    if let Some((_, what)) = names.first().and_then(|name| {
        NOT_BUILT.iter().find(|(known, _)| known.eq_ignore_ascii_case(name) && facts.relationship(name).is_none())
    }) {
        return Err(not_built(what).into());
    }
    let target = follow(&call.state.org.read(), start, id, names)?;
    match (call.verb, target) {
        (Verb::Get, Target::One(object, id)) => record::read_known(call, object, id),
        (Verb::Patch, Target::One(object, id)) => record::update_known(call, object, id),
        (Verb::Delete, Target::One(object, id)) => {
            let mut org = call.state.org.write();
            record::one(org.write_with(
                &call.write_context(true),
                call.write_options(),
                vec![Write::Delete { object, id }],
            ))?;
            Ok(no_content())
        }
        (_, Target::One(..)) => Err(not_allowed(call, "DELETE,GET,HEAD,PATCH").into()),
        (Verb::Get, Target::Many { parent, child, field }) => children(call, parent, &child, &field),
        (_, Target::Many { .. }) => Err(not_allowed(call, "GET,HEAD").into()),
    }
}

fn follow(org: &Org, mut object: ObjectId, mut id: RecordId, names: &[String]) -> Result<Target, ApiError> {
    if names.len() > HOPS_MAX + 1 {
        return Err(not_found());
    }
    if org.store.table(object).is_some_and(|table| table.is_deleted(id)) {
        return Err(ApiError::new("ENTITY_IS_DELETED", "entity is deleted").status(404));
    }
    for (at, name) in names.iter().enumerate() {
        let facts = org.schema.object(object);
        let row = org.store.live(object, id).ok_or_else(|| record::no_match(&id.to_string()))?;
        if let Some((field, _)) = facts.relationship(name) {
            let parent = row.get(field).as_id().ok_or_else(not_found)?;
            (object, id) = (org.schema.by_prefix(parent.prefix()).ok_or_else(not_found)?, parent);
            continue;
        }
        let (child, field) = child_relationship(org, facts, name).ok_or_else(not_found)?;
        if at + 1 != names.len() {
            return Err(not_found());
        }
        return Ok(Target::Many { parent: id, child, field });
    }
    org.store.live(object, id).map(|_| Target::One(object, id)).ok_or_else(not_found)
}

fn child_relationship(org: &Org, facts: &ObjectType, name: &str) -> Option<(String, String)> {
    let child = facts.children.iter().find(|c| {
        c.relationship_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name))
            && org.schema.find(&c.child_object).is_some_and(|(_, child)| child.field(&c.field).is_some())
    })?;
    Some((child.child_object.clone(), child.field.clone()))
}

/// The children as a query's answer, page by page.
fn children(call: &Call, parent: RecordId, child: &str, field: &str) -> Answer {
    let org = call.state.org.read();
    let (_, facts) = call.object(&org, child)?;
    let fields = match call.list("fields") {
        None => facts.enumerate().map(|(_, f)| f.name.clone()).collect::<Vec<_>>(),
        Some(asked) => {
            let mut names: Vec<String> = Vec::with_capacity(asked.len() + 1);
            for name in asked.into_iter().chain(["Id".to_owned()]) {
                if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
                    let text = format!("No such column '{name}' on sobject of type {}", facts.name);
                    return Err(ApiError::new("INVALID_FIELD", text).into());
                }
                if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                    names.push(name);
                }
            }
            names
        }
    };
    let text = format!("SELECT {} FROM {} WHERE {field} = '{parent}'", fields.join(","), facts.name);
    let page = query::run(&org, &text, &call.query_options(false))?;
    Ok(call.answer_text(200, page.json))
}
