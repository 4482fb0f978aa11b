//! Objects whose queries must say which rows they are about ("Implementation restriction"). As children in a sub-query
//! they are about their parent's.

use tidegate_soql::ast::Query;

use super::error::malformed;
use super::expr::Expr;
use super::filter::{Check, Filter, Relation};
use crate::ApiError;
use crate::schema::ObjectType;

/// An object, the fields of which one must be filtered by id, and what Salesforce says where none is.
const RESTRICTED: &[(&str, &[&str], &str)] = &[
    (
        "ContentDocumentLink",
        &["Id", "ContentDocumentId", "LinkedEntityId"],
        "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or \
         LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
    ),
    (
        "ContentFolderItem",
        &["Id", "ParentContentFolderId"],
        "Implementation restriction: ContentFolderItem requires a filter by a single Id on Id or ParentContentFolderId \
         using the equals operator",
    ),
    (
        "ContentFolderMember",
        &["ParentContentFolderId", "ChildRecordId"],
        "Implementation restriction: ContentFolderMember requires a filter by a single Id on ParentContentFolderId or \
         ChildRecordId using the equals operator",
    ),
    (
        "Vote",
        &["Id", "ParentId"],
        "Implementation restriction: When querying the Vote object, you must filter using the following syntax: \
         ParentId = [single ID], Parent.Type = [single Type], Id = [single ID], or Id IN [list of ID's].",
    ),
    (
        "IdeaComment",
        &["Id", "IdeaId", "CommunityId"],
        "Implementation restriction: When querying the IdeaComment object, you must filter using the following syntax: \
         CommunityId = [single ID], Id = [single ID], IdeaId = [single ID], Id IN [list of ID's], or IdeaId IN [list of \
         ID's].",
    ),
];

/// Objects made of the schema, which are only found by what they belong to: the object, and the fields of which one must
/// be filtered.
const REIFIED: &[(&str, &[&str], &str)] = &[
    ("FieldDefinition", &["EntityDefinitionId", "DurableId", "Id"], "EntityDefinitionId,DurableId"),
    (
        "EntityParticle",
        &["EntityDefinitionId", "FieldDefinitionId", "DurableId", "Id"],
        "EntityDefinitionId,FieldDefinitionId,DurableId",
    ),
];

/// What names the definition at the other end of a path, as in `EntityDefinition.QualifiedApiName`.
const DEFINITION_KEYS: &[&str] = &["QualifiedApiName", "DeveloperName", "DurableId", "Id"];

/// Refuses a query that does not name the ids that its object demands.
pub(super) fn check(text: &str, object: &ObjectType, query: &Query, filter: &Filter) -> Result<(), ApiError> {
    if let Some((name, fields, told)) = REIFIED.iter().find(|(name, ..)| *name == object.name) {
        let named = filter.required().iter().any(|(expr, check)| {
            let Expr::Column(column) = expr else { return false };
            let by_value = match check {
                Check::Compare { op, .. } => *op == Relation::Eq,
                Check::In { negate, .. } | Check::InIds { negate, .. } => !negate,
                _ => false,
            };
            let keys = if column.slot == 0 { *fields } else { DEFINITION_KEYS };
            by_value && keys.contains(&column.name.as_str())
        });
        // Observed: without a place in the query.
        let refused =
            || ApiError::new("MALFORMED_QUERY", format!("{name}: a filter on a reified column is required [{told}]"));
        return if named { Ok(()) } else { Err(refused()) };
    }
    let Some((_, fields, message)) = RESTRICTED.iter().find(|(name, ..)| *name == object.name) else { return Ok(()) };
    let names_ids = filter.required().iter().any(|(expr, check)| {
        let Expr::Column(column) = expr else { return false };
        let by_id = match check {
            Check::Compare { op, .. } => *op == Relation::Eq,
            Check::InIds { negate, .. } => !negate,
            _ => false,
        };
        column.slot == 0 && by_id && fields.contains(&column.name.as_str())
    });
    if names_ids { Ok(()) } else { Err(malformed(text, query.span, *message)) }
}
