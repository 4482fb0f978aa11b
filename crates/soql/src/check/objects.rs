//! Objects with rules of their own.

use super::Checker;
use super::schema::ObjectFacts;
use crate::ast::{Comparison, Condition, FieldPath, Operand, Operator, Query, Right};
use crate::finding::Severity;

/// Objects of which a query must name records by one of these fields ("Implementation restriction"), and whether an IN
/// with several ids will do.
const FILTERED: &[(&str, &[&str])] = &[
    ("ContentDocumentLink", &["Id", "ContentDocumentId", "LinkedEntityId"]),
    ("ContentFolderItem", &["Id", "ParentContentFolderId"]),
    ("ContentFolderMember", &["ParentContentFolderId", "ChildRecordId"]),
    ("Vote", &["Id", "ParentId"]),
    ("IdeaComment", &["Id", "IdeaId", "CommunityId"]),
    ("FieldDefinition", &["EntityDefinitionId", "DurableId", "Id"]),
    ("EntityParticle", &["EntityDefinitionId", "FieldDefinitionId", "DurableId", "Id"]),
];

/// What names the definition at the other end of a path, as in `EntityDefinition.QualifiedApiName`.
const DEFINITION_KEYS: &[&str] = &["QualifiedApiName", "DeveloperName", "DurableId", "Id"];

/// Objects that a semi-join may not read (documented).
const NOT_IN_SEMI_JOINS: &[&str] = &["ActivityHistory", "Attachment", "Event", "Note", "OpenActivity", "Task"];

/// Objects that a PushTopic may watch, beside custom ones (documented).
const WATCHED: &[&str] = &[
    "Account",
    "Campaign",
    "Case",
    "Contact",
    "ContractLineItem",
    "Entitlement",
    "Lead",
    "LiveChatTranscript",
    "MessagingSession",
    "Opportunity",
    "Quote",
    "QuoteLineItem",
    "ServiceAppointment",
    "ServiceContract",
    "Task",
    "UserServicePresence",
    "WorkOrder",
    "WorkOrderLineItem",
];

fn is_in(name: &str, list: &[&str]) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

pub(super) fn is_refused_in_semi_join(name: &str) -> bool {
    let is_tag = name.len() > 3 && name.ends_with("Tag") && !name.contains("__");
    is_in(name, NOT_IN_SEMI_JOINS) || is_tag
}

pub(super) fn can_be_watched(name: &str) -> bool {
    let is_custom = name.get(name.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("__c"));
    is_custom || is_in(name, WATCHED)
}

impl<'a> Checker<'a> {
    pub(super) fn queryable(&mut self, facts: &ObjectFacts, query: &Query) {
        if !facts.queryable {
            let message = format!("{} does not support queries", facts.name);
            self.error("not-queryable", query.from.object.span(), message, "");
        }
    }

    /// Objects whose queries must say which records they are about.
    pub(super) fn mandatory_filter(&mut self, query: &'a Query) {
        let [name] = query.from.object.segments.as_slice() else { return };
        let Some((object, fields)) = FILTERED.iter().find(|(object, _)| object.eq_ignore_ascii_case(&name.text)) else {
            return;
        };
        let is_reified = matches!(*object, "FieldDefinition" | "EntityParticle");
        let is_key = |path: &FieldPath| {
            let (parents, last) = match path.segments.split_last() {
                Some((last, parents)) => (parents, last),
                None => return false,
            };
            let is_own = match parents {
                [] => true,
                [first] => {
                    first.text.eq_ignore_ascii_case(object)
                        || query.from.alias.as_ref().is_some_and(|alias| alias.text.eq_ignore_ascii_case(&first.text))
                }
                _ => false,
            };
            if is_own { is_in(&last.text, fields) } else { is_reified && is_in(&last.text, DEFINITION_KEYS) }
        };
        let named = query.condition.as_ref().is_some_and(|condition| names_records(condition, &is_key));
        if !named {
            let fields = fields.join(", ");
            let message = format!("{object} is read only by what its records belong to");
            let advice = format!("filter with = or IN by one of {fields}");
            self.push(Severity::Error, "mandatory-filter", query.from.object.span(), message, &advice, None);
        }
    }
}

/// Whether a condition that every record must meet names keys by their values.
fn names_records(condition: &Condition, is_key: &dyn Fn(&FieldPath) -> bool) -> bool {
    match condition {
        Condition::And(all) => all.iter().any(|one| names_records(one, is_key)),
        Condition::Or(_) | Condition::Not(_) => false,
        Condition::Compare(Comparison { left: Operand::Field(path), operator, right, .. }) => {
            let by_value = matches!(
                (operator, right),
                (Operator::Eq, Right::Value(_)) | (Operator::In, Right::List(_) | Right::Value(_) | Right::Subquery(_))
            );
            by_value && is_key(path)
        }
        Condition::Compare(_) => false,
    }
}
