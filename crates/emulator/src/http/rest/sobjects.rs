//! `/sobjects` and all below: which resource a path names.

use super::call::{Call, Verb};
use super::{
    Answer, describe, events, layouts, listviews, not_allowed, not_built, recent, record, related, replication, upsert,
};

/// Leads to the resource; `below` are the path's names after `sobjects`, in lower case.
pub(super) fn route(call: &Call, below: &[&str]) -> Answer {
    use Verb::{Delete, Get, Patch, Post};
    let at = |n: usize| call.path.get(n).map_or("", String::as_str);
    let object = at(1);
    match (call.verb, below) {
        (Get, []) => describe::global(call),
        (Get, ["relevantitems"]) => recent::relevant(call),
        (_, [] | ["relevantitems"]) => refused(call, "GET,HEAD"),
        (Get, [_]) => describe::basic(call, object),
        (Post, [_]) => record::create(call, object, false),
        (_, [_]) => refused(call, "GET,HEAD,POST"),
        (Get, [_, "describe"]) => describe::object(call, object),
        (Get, [_, "describe", rest @ ..]) => layouts::describe(call, object, rest),
        (Get, [_, "listviews", rest @ ..]) => listviews::route(call, object, rest),
        (Get, [_, "quickactions", rest @ ..]) => layouts::quick_actions(call, object, rest),
        (Get, [_, "defaultvalues"]) => layouts::default_values(call, object),
        (Get, [_, "eventschema"]) => events::schema_of(call, object),
        (Get, [_, "updated"]) => replication::updated(call, object),
        (Get, [_, "deleted"]) => replication::deleted(call, object),
        (_, [_, "suggestedarticles"]) => Err(not_built("Knowledge").into()),
        (
            _,
            [
                _,
                "describe" | "listviews" | "quickactions" | "defaultvalues" | "eventschema" | "updated" | "deleted",
                ..,
            ],
        ) => refused(call, "GET,HEAD"),
        (Post, [_, "id"]) => record::create(call, object, true),
        (Get, [_, _]) => record::read(call, object, at(2)),
        (Patch, [_, _]) => record::update(call, object, at(2)),
        (Delete, [_, _]) => record::delete(call, object, at(2)),
        (Get, [_, "id", _]) => record::read(call, object, at(3)),
        (Patch, [_, "id", _]) => upsert::by_key(call, object, "Id", at(3)),
        (Delete, [_, "id", _]) => record::delete(call, object, at(3)),
        (Get, ["streamingchannel", _, "push"]) => events::listeners(call, at(2)),
        (Post, ["streamingchannel", _, "push"]) => events::push(call, at(2)),
        (_, [_, id, _, ..]) if record::looks_like_id(id) => {
            related::route(call, object, at(2), call.path.get(3..).unwrap_or_default())
        }
        (Get, [_, _, _]) => upsert::read(call, object, at(2), at(3)),
        // A key and its value can be posted as well (graphs do); what is there is changed then, as by PATCH.
        (Patch | Post, [_, _, _]) => upsert::by_key(call, object, at(2), at(3)),
        (Delete, [_, _, _]) => upsert::delete(call, object, at(2), at(3)),
        (_, [_, _] | [_, _, _]) => refused(call, "DELETE,GET,HEAD,PATCH"),
        _ => Err(super::not_found().into()),
    }
}

fn refused(call: &Call, allowed: &str) -> Answer {
    Err(not_allowed(call, allowed).into())
}
