//! Searches that are not SOSL: the parameterized search, and suggestions for what somebody types.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::fields::name_field;
use crate::query::QueryOptions;
use crate::schema::{ObjectId, ObjectType, Schema};
use crate::value::ValueRef;
use crate::{ApiError, Org};

/// The objects that can be searched, in the order of their places.
pub fn searchable_objects(schema: &Schema) -> Vec<(ObjectId, Arc<ObjectType>)> {
    schema
        .objects()
        .iter()
        .enumerate()
        .filter(|(_, object)| object.flags.searchable && object.flags.queryable && object.key_prefix.is_some())
        .map(|(at, object)| (ObjectId(at as u16), Arc::clone(object)))
        .collect()
}

/// What `parameterizedSearch` takes, from its parameters or its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterizedSearch {
    /// What is searched for: plain text, with wildcards if any.
    pub q: String,
    /// `ALL`, `NAME`, `EMAIL`, `PHONE` or `SIDEBAR`.
    pub within: Option<String>,
    /// The objects; all that can be searched where there are none.
    pub objects: Vec<SearchedObject>,
    /// Fields of each object that names none of its own.
    pub fields: Vec<String>,
    /// Rows of each object that names no limit of its own.
    pub default_limit: Option<u64>,
    /// Rows in all.
    pub overall_limit: Option<u64>,
    /// Rows left out at the beginning; with one object only.
    pub offset: Option<u64>,
    /// `LABELS`.
    pub metadata: Option<String>,
    /// A division's name.
    pub division: Option<String>,
    /// Ids of Experience Cloud sites.
    pub network_ids: Vec<String>,
    /// A price book, for products.
    pub price_book: Option<String>,
    /// Length of snippets.
    pub snippet: Option<u64>,
    /// Whether misspelt words are corrected.
    pub spell_correction: Option<bool>,
    /// Note the keywords (`UPDATE TRACKING`).
    pub update_tracking: bool,
    /// Count the views of articles (`UPDATE VIEWSTAT`).
    pub update_view_stat: bool,
    /// Group, operator and categories of each data category filter.
    pub data_categories: Vec<(String, String, Vec<String>)>,
}

/// One object of a parameterized search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchedObject {
    /// API name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<String>,
    /// A condition, as after WHERE.
    pub condition: Option<String>,
    /// As after ORDER BY.
    pub order_by: Option<String>,
    /// Rows.
    pub limit: Option<u64>,
}

impl ParameterizedSearch {
    /// Runs it: the answer is that of [`super::run`].
    ///
    /// # Errors
    /// As [`super::run`], and for parameters that do not go together.
    pub fn run(&self, org: &Org, options: &QueryOptions) -> Result<Json, ApiError> {
        let refuse = |message: &str| Err(ApiError::new("MALFORMED_SEARCH", message));
        if self.q.trim().is_empty() {
            return refuse("search term must be longer than one character: ");
        }
        if self.objects.is_empty() {
            let needs = [
                ("fields", !self.fields.is_empty()),
                ("defaultLimit", self.default_limit.is_some()),
                ("offset", self.offset.is_some()),
            ];
            if let Some((name, _)) = needs.iter().find(|(_, given)| *given) {
                return refuse(&format!("{name} needs at least one sobject"));
            }
        }
        super::run(org, &self.sosl(), options)
    }

    /// The SOSL that means the same.
    fn sosl(&self) -> String {
        let mut text = format!("FIND {{{}}}", find(&self.q));
        // Writing to a string cannot fail.
        if let Some(within) = &self.within {
            let _ = write!(text, " IN {within} FIELDS");
        }
        for (n, object) in self.objects.iter().enumerate() {
            let _ = write!(text, "{}{}", if n == 0 { " RETURNING " } else { ", " }, object.name);
            let fields = if object.fields.is_empty() { &self.fields } else { &object.fields };
            let fields = if fields.is_empty() { "Id".to_owned() } else { fields.join(", ") };
            let _ = write!(text, "({fields}");
            if let Some(condition) = &object.condition {
                let _ = write!(text, " WHERE {condition}");
            }
            if let Some(order_by) = &object.order_by {
                let _ = write!(text, " ORDER BY {order_by}");
            }
            if let Some(limit) = object.limit.or(self.default_limit) {
                let _ = write!(text, " LIMIT {limit}");
            }
            if let Some(offset) = self.offset {
                let _ = write!(text, " OFFSET {offset}");
            }
            text.push(')');
        }
        let quoted = tidegate_soql::quote_string;
        for (n, (group, operator, categories)) in self.data_categories.iter().enumerate() {
            let lead = if n == 0 { " WITH DATA CATEGORY" } else { " AND" };
            let _ = write!(text, "{lead} {group} {operator} ({})", categories.join(", "));
        }
        if let Some(division) = &self.division {
            let _ = write!(text, " WITH DIVISION = {}", quoted(division));
        }
        if !self.network_ids.is_empty() {
            let ids: Vec<String> = self.network_ids.iter().map(|id| quoted(id)).collect();
            let _ = write!(text, " WITH NETWORK IN ({})", ids.join(", "));
        }
        if let Some(id) = &self.price_book {
            let _ = write!(text, " WITH PricebookId = {}", quoted(id));
        }
        if let Some(metadata) = &self.metadata {
            let _ = write!(text, " WITH METADATA = {}", quoted(metadata));
        }
        if let Some(length) = self.snippet {
            let _ = write!(text, " WITH SNIPPET (target_length = {length})");
        }
        if let Some(on) = self.spell_correction {
            let _ = write!(text, " WITH SPELL_CORRECTION = {on}");
        }
        if let Some(limit) = self.overall_limit {
            let _ = write!(text, " LIMIT {limit}");
        }
        let updates = [("TRACKING", self.update_tracking), ("VIEWSTAT", self.update_view_stat)];
        let updates: Vec<&str> = updates.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
        if !updates.is_empty() {
            let _ = write!(text, " UPDATE {}", updates.join(", "));
        }
        text
    }
}

/// Plain text as the text of a search: SOSL's operators and wildcards keep their meaning where the text is a search
/// as it stands, and where it is not, every sign means itself.
fn find(q: &str) -> String {
    let braces = q.replace('\\', "\\\\").replace('{', "\\{").replace('}', "\\}");
    if tidegate_soql::parse_sosl(&format!("FIND {{{braces}}}")).is_ok() {
        return braces;
    }
    let mut text = String::with_capacity(q.len());
    for c in q.chars() {
        if !c.is_alphanumeric() && !c.is_whitespace() {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Suggestions that a request without `limit` gets (documented).
const SUGGESTIONS: usize = 5;

/// Records whose names hold every word of `q`, the last one as a beginning: `search/suggestions`.
///
/// # Errors
/// `MALFORMED_SEARCH` for a text of one character; `INVALID_TYPE` for an object that is not there.
pub fn suggestions(
    org: &Org,
    q: &str,
    objects: &[String],
    fields: &[String],
    limit: Option<usize>,
    options: &QueryOptions,
) -> Result<Json, ApiError> {
    let limit = limit.unwrap_or(SUGGESTIONS);
    let words: Vec<String> =
        q.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.concat().chars().count() < 2 {
        let message = format!("search term must be longer than one character: {}", q.trim());
        return Err(ApiError::new("MALFORMED_SEARCH", message));
    }
    // The name holds the text as it stands, its last word as a beginning.
    let pattern = words.join(" ");
    let mut records = Vec::new();
    for name in objects {
        let (object, facts) = org
            .schema
            .find(name)
            .ok_or_else(|| ApiError::new("INVALID_TYPE", format!("sObject type '{name}' is not supported.")))?;
        let Some(title) = name_field(facts) else { continue };
        let mut asked: Vec<String> = vec!["Id".into(), facts.field_at(title).name.clone()];
        for field in fields {
            if !asked.iter().any(|known| known.eq_ignore_ascii_case(field)) {
                asked.push(field.clone());
            }
        }
        let Some(table) = org.store.table(object) else { continue };
        let ids: Vec<_> = table
            .live_rows()
            .filter(|(_, row)| matches!(row.get_ref(title), ValueRef::Text(text) if begins_a_word(text, &pattern)))
            .map(|(id, _)| id)
            .take(limit.saturating_add(1))
            .collect();
        let found = crate::query::retrieve(org, object, &ids, Some(&asked), options)?;
        records.extend(found.into_iter().flatten().filter_map(|json| serde_json::from_str::<Json>(&json).ok()));
    }
    let more = records.len() > limit;
    records.truncate(limit);
    Ok(json!({ "autoSuggestResults": records, "hasMoreResults": more }))
}

/// Whether the words of `pattern` stand in a row in a text, the last one perhaps only begun.
fn begins_a_word(text: &str, pattern: &str) -> bool {
    let plain: String = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    format!(" {plain}").contains(&format!(" {}", pattern.to_lowercase()))
}
