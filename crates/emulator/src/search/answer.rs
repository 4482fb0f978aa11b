//! Running a search and writing its answer.

use serde_json::{Map, Value as Json, json};
use tidegate_soql::ast::{Count, FieldPath, From, Name, Query, SelectItem, Span};
use tidegate_soql::sosl::{FieldGroup, Returning, Search, SearchWith};
use tidegate_soql::{ParseError, ParseErrorKind};

use super::ROWS_MAX;
use super::fields::{name_field, searched};
use super::words::{TEXT_LENGTH_MAX, Wanted};
use crate::query::{Calendar, QueryOptions, ScoredRow, calendar, error_at, scored_records};
use crate::schema::{FieldId, FieldType, ObjectId, ObjectType};
use crate::store::Row;
use crate::value::ValueRef;
use crate::{ApiError, Org, RecordId};

/// Records of one object without a clause of its own that says which (documented).
const ROWS_OF_ONE_OBJECT: usize = 250;
/// Records of each object that are highlighted (documented).
const HIGHLIGHTED_MAX: usize = 25;
/// Characters of a snippet when the search names no length, and the lengths that it may name; any other is taken for
/// the default (documented).
const SNIPPET_LENGTH: usize = 300;
const SNIPPET_LENGTHS: std::ops::RangeInclusive<u64> = 50..=1_000;
/// The last version whose answer is a bare list (unconfirmed).
const BARE_LIST_VERSION: u16 = 36;

pub(super) fn run(org: &Org, text: &str, options: &QueryOptions) -> Result<Json, ApiError> {
    let search = tidegate_soql::parse_sosl(text).map_err(|error| from_parser(text, &error))?;
    let wanted = wanted(text, &search)?;
    let calendar = calendar(&org.schema, &org.store, options);
    let context = Context::new(org, text, options, &calendar, &search)?;
    let returning = context.returning(&search)?;
    let mut found: Vec<(ObjectId, Vec<ScoredRow>)> = Vec::new();
    for entry in &returning {
        let rows = match &wanted {
            Some(wanted) => context.rows(&search, wanted, entry, returning.len())?,
            None => Vec::new(),
        };
        found.push((entry.object, rows));
    }
    share(&mut found, limit(&search.limit).map_or(ROWS_MAX, |limit| limit.min(ROWS_MAX)));
    let mut records = Vec::new();
    for (object, rows) in found {
        for (n, row) in rows.into_iter().enumerate() {
            let mut record: Json = serde_json::from_str(&row.json).unwrap_or(Json::Null);
            if let (Some(members), Some(wanted)) = (record.as_object_mut(), &wanted) {
                context.decorate(&search, wanted, object, row.id, members, n);
            }
            records.push(record);
        }
    }
    if options.version <= BARE_LIST_VERSION {
        return Ok(Json::Array(records));
    }
    let mut answer = Map::new();
    answer.insert("searchRecords".into(), Json::Array(records));
    if search.with.iter().any(|with| matches!(with, SearchWith::Metadata(_))) {
        answer.insert("metadata".into(), context.labels(&returning));
    }
    Ok(Json::Object(answer))
}

/// What the parser says, in Salesforce's words.
fn from_parser(text: &str, error: &ParseError) -> ApiError {
    let message = match &error.kind {
        ParseErrorKind::BadSearch { why } if why.contains("brace") => {
            let message = "No search term found. The search term must be enclosed in braces.";
            return ApiError::new("MALFORMED_SEARCH", message);
        }
        ParseErrorKind::UnexpectedToken { found, .. } => format!("unexpected token: '{found}'"),
        ParseErrorKind::UnexpectedCharacter { found } => format!("unexpected token: '{found}'"),
        ParseErrorKind::UnexpectedEnd { .. } => "unexpected token: '<EOF>'".to_owned(),
        other => other.to_string(),
    };
    if text.trim().is_empty() || error.span.start == 0 {
        return ApiError::new("MALFORMED_SEARCH", message);
    }
    error_at(text, error.span, "MALFORMED_SEARCH", message)
}

/// The compiled search text; `None` where it is so long that it finds nothing.
fn wanted(text: &str, search: &Search) -> Result<Option<Wanted>, ApiError> {
    let inner = text.get(search.find_span.start..search.find_span.end).unwrap_or_default();
    if inner.chars().count() > TEXT_LENGTH_MAX {
        return Ok(None);
    }
    match Wanted::new(&search.find) {
        Some(wanted) if wanted.is_long_enough() => Ok(Some(wanted)),
        _ => {
            let message = format!("search term must be longer than one character: {}", inner.trim());
            Err(ApiError::new("MALFORMED_SEARCH", message))
        }
    }
}

/// A LIMIT or OFFSET as a number of rows.
fn limit(count: &Option<Count>) -> Option<usize> {
    match count {
        Some(Count::Number(n, _)) => Some(usize::try_from(*n).unwrap_or(usize::MAX)),
        _ => None,
    }
}

/// One object of the answer.
struct Entry {
    object: ObjectId,
    query: Query,
    /// Only what the user looked at lately.
    recent: bool,
    /// Its own LIMIT and OFFSET.
    limit: Option<usize>,
    offset: usize,
    /// It has a clause that says which rows and in which order.
    is_filtered: bool,
}

/// The list views that every object has, as `sobjects/X/listviews` names them, and the one of recent records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    All,
    My,
    Recent,
}

impl View {
    fn named(facts: &ObjectType, name: &Name) -> Option<Self> {
        let plural: String = facts.label_plural.chars().filter(char::is_ascii_alphanumeric).collect();
        let is = |text: String| name.text.eq_ignore_ascii_case(&text);
        if is(format!("All{plural}")) {
            Some(View::All)
        } else if is(format!("My{plural}")) && facts.field("OwnerId").is_some() {
            Some(View::My)
        } else if is("Recent".to_owned()) || is(format!("RecentlyViewed{plural}")) {
            Some(View::Recent)
        } else {
            None
        }
    }
}

struct Context<'o> {
    org: &'o Org,
    text: &'o str,
    options: &'o QueryOptions,
    calendar: &'o Calendar,
    group: FieldGroup,
    /// Records changed after this are not in the index yet.
    indexed_until: crate::Millis,
    /// `WITH PricebookId`.
    price_book: Option<RecordId>,
    /// A filter that no record of this org passes.
    nothing: bool,
}

impl<'o> Context<'o> {
    fn new(
        org: &'o Org,
        text: &'o str,
        options: &'o QueryOptions,
        calendar: &'o Calendar,
        search: &Search,
    ) -> Result<Self, ApiError> {
        let refuse = |message: String| Err(ApiError::new("MALFORMED_SEARCH", message));
        let mut context = Self {
            org,
            text,
            options,
            calendar,
            group: search.group.unwrap_or(FieldGroup::All),
            indexed_until: options.now - org.settings.search_delay_ms,
            price_book: None,
            nothing: false,
        };
        for with in &search.with {
            match with {
                SearchWith::Highlight | SearchWith::Snippet(_) | SearchWith::SpellCorrection(_) => {}
                SearchWith::Metadata(what) if what.eq_ignore_ascii_case("LABELS") => {}
                SearchWith::Metadata(what) => return refuse(format!("METADATA takes 'LABELS', not '{what}'")),
                // An org without divisions has the global one.
                SearchWith::Division(name) if name.eq_ignore_ascii_case("Global") => {}
                SearchWith::Division(name) => return refuse(format!("Division '{name}' does not exist")),
                SearchWith::DataCategory(_) => {
                    return refuse("WITH DATA CATEGORY needs an object with data categories".to_owned());
                }
                // This org has no Experience Cloud site, so no record is in one.
                SearchWith::Network(..) => context.nothing = true,
                SearchWith::PricebookId(id) => match RecordId::parse(id) {
                    Some(id) => context.price_book = Some(id),
                    None => return Err(ApiError::new("INVALID_ID_FIELD", format!("invalid ID field: {id}"))),
                },
            }
        }
        Ok(context)
    }

    /// What is answered: the objects named, or the ids of every object that can be searched.
    fn returning(&self, search: &Search) -> Result<Vec<Entry>, ApiError> {
        if search.returning.is_empty() {
            let all = super::searchable_objects(&self.org.schema);
            return Ok(all
                .into_iter()
                .map(|(object, facts)| Entry {
                    object,
                    query: query(&Name { text: facts.name.clone(), span: Span::default() }, None),
                    recent: false,
                    limit: None,
                    offset: 0,
                    is_filtered: false,
                })
                .collect());
        }
        search.returning.iter().map(|returning| self.entry(search, returning)).collect()
    }

    fn entry(&self, search: &Search, returning: &Returning) -> Result<Entry, ApiError> {
        let name = &returning.object;
        let at = |span, code, message: String| error_at(self.text, span, code, message);
        let Some((object, facts)) = self.org.schema.find(&name.text) else {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
                 '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
                name.text
            );
            return Err(at(name.span, "INVALID_TYPE", message));
        };
        if !facts.flags.searchable {
            let message = format!("entity type {} does not support search", facts.name);
            return Err(at(name.span, "INVALID_TYPE_FOR_OPERATION", message));
        }
        let view = match &returning.list_view {
            Some(view) => Some(View::named(facts, view).ok_or_else(|| {
                let message = format!("List view '{}' does not exist for {}", view.text, facts.name);
                at(view.span, "MALFORMED_SEARCH", message)
            })?),
            None => None,
        };
        if returning.offset.is_some() && search.returning.len() > 1 {
            let message = "OFFSET is allowed with one object in RETURNING".to_owned();
            return Err(at(returning.span, "MALFORMED_SEARCH", message));
        }
        for count in [&search.limit, &returning.limit, &returning.offset].into_iter().flatten() {
            if let Count::Bind(bind) = count {
                return Err(at(bind.span, "MALFORMED_SEARCH", format!("unexpected token: ':{}'", bind.text)));
            }
        }
        let mut query = query(name, Some(returning));
        if view == Some(View::My) {
            query.scope = Some(Name { text: "mine".into(), span: name.span });
        }
        Ok(Entry {
            object,
            query,
            recent: view == Some(View::Recent),
            limit: limit(&returning.limit),
            offset: limit(&returning.offset).unwrap_or(0),
            is_filtered: returning.condition.is_some() || !returning.order_by.is_empty(),
        })
    }

    /// The rows of one object, best first or in the order asked for.
    fn rows(&self, search: &Search, wanted: &Wanted, entry: &Entry, of: usize) -> Result<Vec<ScoredRow>, ApiError> {
        let facts = self.org.schema.object(entry.object);
        let fields = searched(facts, self.group);
        let name = name_field(facts);
        let stamp = facts.field("SystemModstamp").map(|(id, _)| id);
        let mut texts = Vec::with_capacity(fields.len());
        let mut score = |id: RecordId, row: &'o Row| {
            if self.nothing || !self.is_in_price_book(facts, id) {
                return None;
            }
            if entry.recent && !self.org.recent.of(self.options.user).any(|seen| seen.id == id) {
                return None;
            }
            if let Some(ValueRef::DateTime(changed)) = stamp.map(|stamp| row.get_ref(stamp))
                && changed > self.indexed_until
            {
                return None;
            }
            found(wanted, row, &fields, name, &mut texts)
        };
        let rows = scored_records(self.org, self.text, &entry.query, self.options, self.calendar, &mut score)?;
        // 2,000 in all; where nothing says which, each object has its part.
        let most = match (entry.limit, entry.is_filtered) {
            (Some(limit), _) => limit.min(ROWS_MAX),
            (None, true) => ROWS_MAX,
            (None, false) if of == 1 => limit(&search.limit).unwrap_or(ROWS_OF_ONE_OBJECT),
            (None, false) => (ROWS_MAX / of).min(ROWS_OF_ONE_OBJECT),
        };
        rows.records(entry.offset, most)
    }

    fn is_in_price_book(&self, facts: &ObjectType, product: RecordId) -> bool {
        let Some(book) = self.price_book.filter(|_| facts.name == "Product2") else { return true };
        let schema = &self.org.schema;
        let Some((entries, entry)) = schema.find("PricebookEntry") else { return false };
        let (Some((of, _)), Some((within, _))) = (entry.field("Product2Id"), entry.field("Pricebook2Id")) else {
            return false;
        };
        let store = &self.org.store;
        store
            .children(entries, of, product)
            .into_iter()
            .any(|id| store.get(entries, id).is_some_and(|row| row.get_ref(within) == ValueRef::Id(book)))
    }

    /// Adds what `WITH HIGHLIGHT` and `WITH SNIPPET` ask for.
    fn decorate(
        &self,
        search: &Search,
        wanted: &Wanted,
        object: ObjectId,
        id: RecordId,
        members: &mut Map<String, Json>,
        place: usize,
    ) {
        let facts = self.org.schema.object(object);
        if search.with.contains(&SearchWith::Highlight) && place < HIGHLIGHTED_MAX {
            let mut marked: Vec<(String, Json)> = members
                .iter()
                .filter_map(|(name, value)| {
                    let (_, field) = facts.field(name)?;
                    let shown = matches!(field.ty, FieldType::String | FieldType::Textarea | FieldType::Email);
                    let text = wanted.highlighted(value.as_str().filter(|_| shown)?)?;
                    Some((format!("highlight.{name}"), Json::String(text)))
                })
                .collect();
            marked.sort_by(|a, b| a.0.cmp(&b.0));
            members.extend(marked);
        }
        let snippet = search.with.iter().find_map(|with| match with {
            SearchWith::Snippet(length) => Some(*length),
            _ => None,
        });
        // Cases, of the objects that this org has; articles, feeds and ideas besides (documented).
        if let Some(length) = snippet
            && facts.name == "Case"
            && let Some(row) = self.org.store.get(object, id)
        {
            let length = length.filter(|n| SNIPPET_LENGTHS.contains(n)).map_or(SNIPPET_LENGTH, |n| n as usize);
            if let Some(text) = snippet_of(wanted, facts, row, length) {
                members.insert("snippet.text".into(), Json::String(text));
            }
        }
    }

    /// `WITH METADATA = 'LABELS'`: the labels of the fields that are answered. The member's name is as it is observed.
    fn labels(&self, returning: &[Entry]) -> Json {
        let entities: Vec<Json> = returning
            .iter()
            .map(|entry| {
                let facts = self.org.schema.object(entry.object);
                let fields: Vec<Json> = entry
                    .query
                    .select
                    .iter()
                    .filter_map(|item| match item {
                        SelectItem::Field(path, _) => facts.field(&path.dotted()),
                        _ => None,
                    })
                    .map(|(_, field)| json!({ "name": field.name, "label": field.label }))
                    .collect();
                json!({ "entityName": facts.name, "fieldMetadata": fields })
            })
            .collect();
        json!({ "entityetadata": entities })
    }
}

/// A part of a case's long texts around what was found, with marks.
fn snippet_of(wanted: &Wanted, facts: &ObjectType, row: &Row, length: usize) -> Option<String> {
    for name in ["Description", "Subject"] {
        let Some((id, _)) = facts.field(name) else { continue };
        let ValueRef::Text(text) = row.get_ref(id) else { continue };
        let Some(marked) = wanted.highlighted(text) else { continue };
        let first = marked.find("<mark>").map_or(0, |at| marked.get(..at).unwrap_or_default().chars().count());
        // Some words before the first mark, and the rest after it.
        let from = first.saturating_sub(length / 4);
        let part: String = marked.chars().skip(from).take(length + "<mark></mark>".len()).collect();
        return Some(part);
    }
    None
}

/// Whether a row is found, and how well: what stands in the name counts most.
fn found<'r>(
    wanted: &Wanted,
    row: &'r Row,
    fields: &[FieldId],
    name: Option<FieldId>,
    texts: &mut Vec<&'r str>,
) -> Option<usize> {
    texts.clear();
    texts.extend(fields.iter().filter_map(|field| match row.get_ref(*field) {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }));
    if !wanted.matches(texts) {
        return None;
    }
    let in_name = match name.map(|name| row.get_ref(name)) {
        Some(ValueRef::Text(text)) => wanted.score(text),
        _ => 0,
    };
    Some(in_name)
}

/// The query that an entry of RETURNING is: ids alone where no fields are named.
fn query(object: &Name, returning: Option<&Returning>) -> Query {
    let id = SelectItem::Field(FieldPath { segments: vec![Name { text: "Id".into(), span: object.span }] }, None);
    let select = returning.map(|r| r.select.clone()).filter(|select| !select.is_empty()).unwrap_or_else(|| vec![id]);
    Query {
        select,
        from: From { object: FieldPath { segments: vec![object.clone()] }, alias: None, also: Vec::new() },
        scope: None,
        lookup: returning.and_then(|r| r.lookup.clone()),
        condition: returning.and_then(|r| r.condition.clone()),
        with: None,
        group_by: None,
        having: None,
        order_by: returning.map(|r| r.order_by.clone()).unwrap_or_default(),
        limit: returning.and_then(|r| r.limit.clone()),
        offset: returning.and_then(|r| r.offset.clone()),
        for_clauses: Vec::new(),
        update: Vec::new(),
        all_rows: false,
        span: object.span,
    }
}

/// Cuts the answer to this many rows, taken evenly from the objects (documented).
fn share(found: &mut [(ObjectId, Vec<ScoredRow>)], most: usize) {
    let mut kept = vec![0_usize; found.len()];
    let mut left = most;
    while left > 0 {
        let mut grew = false;
        for (kept, (_, rows)) in kept.iter_mut().zip(found.iter()) {
            if left > 0 && *kept < rows.len() {
                *kept += 1;
                left -= 1;
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    for ((_, rows), kept) in found.iter_mut().zip(kept) {
        rows.truncate(kept);
    }
}
