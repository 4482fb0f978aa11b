//! The queries that the engine asks. Names come from the describe, values are bound.

use jiff::Timestamp;
use tidegate_soql::{BindError, BindValue, bind};

use crate::limits::{QUERY_URL_CHARACTERS_MAX, REREAD_IDS_MAX};
use crate::mapping::ObjectMap;
use crate::{ColumnIndex, IdRange, RecordId};

/// Room that an id takes in a URL: 18 characters, quotes, a comma and a space, escaped.
const ID_CHARACTERS: usize = 18 + 12;
/// Room for the rest of a query.
const REST_CHARACTERS: usize = 400;

/// Some columns of an object; enough of these make up the whole row without a URL becoming too long.
#[derive(Debug, Clone)]
pub(crate) struct Select<'m> {
    map: &'m ObjectMap,
    /// `Id` first.
    pub(crate) columns: Vec<ColumnIndex>,
    characters: usize,
}

impl<'m> Select<'m> {
    /// All columns, in as few parts as fit into URLs; every part begins with `Id`.
    pub(crate) fn all(map: &'m ObjectMap) -> Vec<Self> {
        let room = QUERY_URL_CHARACTERS_MAX - REREAD_IDS_MAX * ID_CHARACTERS - REST_CHARACTERS;
        let mut parts = vec![Self::start(map)];
        for (i, column) in (0..).map(ColumnIndex).zip(&map.table.columns).skip(1) {
            // A comma and a space are six characters in a URL.
            let more = column.field.len() + 6;
            if parts.last().is_some_and(|p| p.characters + more > room) {
                parts.push(Self::start(map));
            }
            if let Some(part) = parts.last_mut() {
                part.columns.push(i);
                part.characters += more;
            }
        }
        parts
    }

    /// All columns at once, for Bulk, where a query may be long.
    pub(crate) fn everything(map: &'m ObjectMap) -> Self {
        let mut select = Self::start(map);
        select.columns = (0..).map(ColumnIndex).zip(&map.table.columns).map(|(i, _)| i).collect();
        select
    }

    /// `Id`, and the stamp where there is one.
    pub(crate) fn stamps(map: &'m ObjectMap) -> Self {
        let mut select = Self::start(map);
        select.columns.extend(map.stamp);
        select
    }

    /// `Id` alone.
    pub(crate) fn ids(map: &'m ObjectMap) -> Self {
        Self::start(map)
    }

    fn start(map: &'m ObjectMap) -> Self {
        Self { map, columns: vec![ColumnIndex(0)], characters: 2 }
    }

    fn text(&self) -> String {
        let names: Vec<&str> = self
            .columns
            .iter()
            .filter_map(|i| self.map.table.columns.get(usize::from(i.0)))
            .map(|c| c.field.as_str())
            .collect();
        format!("SELECT {} FROM {}", names.join(", "), self.map.table.object)
    }

    /// Everything, in any order.
    pub(crate) fn whole(&self) -> String {
        self.text()
    }

    /// These records.
    pub(crate) fn of(&self, ids: &[RecordId]) -> Result<String, BindError> {
        let ids: Vec<&str> = ids.iter().map(|id| id.0.as_str()).collect();
        bind(&format!("{} WHERE Id IN :ids", self.text()), [("ids", ids.into())]).map(|q| q.to_string())
    }

    /// A range, in id order.
    pub(crate) fn within(&self, range: &IdRange) -> Result<String, BindError> {
        let (condition, values) = within(range);
        bind(&format!("{}{condition} ORDER BY Id", self.text()), values).map(|q| q.to_string())
    }

    /// What changed since.
    pub(crate) fn since(&self, stamp: &str, since: Timestamp) -> Result<String, BindError> {
        bind(&format!("{} WHERE {stamp} >= :since", self.text()), [("since", since.into())]).map(|q| q.to_string())
    }

    /// What was deleted since; for `queryAll`.
    pub(crate) fn deleted_since(&self, stamp: &str, since: Timestamp) -> Result<String, BindError> {
        let text = format!("{} WHERE IsDeleted = TRUE AND {stamp} >= :since", self.text());
        bind(&text, [("since", since.into())]).map(|q| q.to_string())
    }
}

/// Count and newest stamp of a range, as `expr0` and `expr1`.
pub(crate) fn digest(map: &ObjectMap, range: &IdRange) -> Result<String, BindError> {
    let newest = map.stamp_field().map(|f| format!(", MAX({f})")).unwrap_or_default();
    let (condition, values) = within(range);
    bind(&format!("SELECT COUNT(Id){newest} FROM {}{condition}", map.table.object), values).map(|q| q.to_string())
}

fn within(range: &IdRange) -> (&'static str, Vec<(&'static str, BindValue)>) {
    let value = |id: &RecordId| BindValue::from(&id.0);
    match (&range.from, &range.to) {
        (None, None) => ("", vec![]),
        (Some(from), None) => (" WHERE Id >= :low", vec![("low", value(from))]),
        (None, Some(to)) => (" WHERE Id < :high", vec![("high", value(to))]),
        (Some(from), Some(to)) => (" WHERE Id >= :low AND Id < :high", vec![("low", value(from)), ("high", value(to))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::ColumnFacts;
    use crate::{Column, ColumnType, conformance};

    fn map(fields: usize) -> ObjectMap {
        let mut table = conformance::table(0, "Account");
        for n in 0..fields {
            let field = format!("A_field_with_a_long_name_{n:04}__c");
            table.columns.push(Column { field, ty: ColumnType::Text { length: 10 } });
        }
        let facts = ColumnFacts { compound: None, calculated: false, person_name: false };
        ObjectMap { facts: vec![facts; table.columns.len()], stamp: Some(ColumnIndex(2)), table }
    }

    #[test]
    fn texts() {
        let map = map(0);
        let id = |s: &str| RecordId(s.into());
        let range = IdRange { from: Some(id("001A")), to: Some(id("001'B")) };
        let select = Select::stamps(&map);
        assert_eq!(
            select.of(&[id("0015e00000AAAAAAA1"), id("x' OR Name != '")]).expect("binds"),
            r"SELECT Id, SystemModstamp FROM Account WHERE Id IN ('0015e00000AAAAAAA1', 'x\' OR Name != \'')"
        );
        assert_eq!(
            select.within(&range).expect("binds"),
            r"SELECT Id, SystemModstamp FROM Account WHERE Id >= '001A' AND Id < '001\'B' ORDER BY Id"
        );
        assert_eq!(
            digest(&map, &IdRange::default()).expect("binds"),
            "SELECT COUNT(Id), MAX(SystemModstamp) FROM Account"
        );
        let since = Timestamp::from_millisecond(1_767_225_600_000).expect("in range");
        assert_eq!(
            Select::ids(&map).deleted_since("SystemModstamp", since).expect("binds"),
            "SELECT Id FROM Account WHERE IsDeleted = TRUE AND SystemModstamp >= 2026-01-01T00:00:00Z"
        );
    }

    #[test]
    fn objects_named_like_keywords() {
        let mut map = map(0);
        for object in ["Order", "Group", "User", "Case", "Event"] {
            map.table.object = object.into();
            let text = Select::stamps(&map).of(&[RecordId("0015e00000AAAAAAA1".into())]).expect(object);
            assert!(text.contains(&format!(" FROM {object} WHERE ")), "{text}");
        }
    }

    #[test]
    fn a_wide_object_is_read_in_parts() {
        let narrow = map(0);
        assert_eq!(Select::all(&narrow).len(), 1);
        let wide = map(800);
        let parts = Select::all(&wide);
        assert!(parts.len() > 1);
        let mut columns: Vec<u16> = parts.iter().flat_map(|p| p.columns.iter().skip(1)).map(|c| c.0).collect();
        columns.sort_unstable();
        assert_eq!(columns, (1..810).collect::<Vec<u16>>());
        let ids = vec![RecordId("0015e00000AAAAAAA1".into()); REREAD_IDS_MAX];
        for part in parts {
            let text = part.of(&ids).expect("binds");
            let escaped =
                text.bytes().map(|b| if b.is_ascii_alphanumeric() || b == b'_' { 1 } else { 3 }).sum::<usize>();
            assert!(escaped < QUERY_URL_CHARACTERS_MAX, "{escaped}");
        }
    }
}
