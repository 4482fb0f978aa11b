//! Which fields have an index, and how many records an index serves.
//!
//! The figures are those of the query optimiser's cheat sheet. Salesforce says that they may change at any time.

use super::schema::{FieldFacts, FieldKind, ObjectFacts};

/// Records up to which the first part of a threshold counts.
const FIRST: u64 = 1_000_000;

/// Two sorts of index, which serve different shares of an object's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexKind {
    /// Salesforce's own: 30 % of the first million records and 15 % of the rest, at most a million.
    Standard,
    /// Of external ids and unique fields, and those that Support made: 10 % of the first million and 5 % of the rest, at
    /// most 333,333.
    Custom,
}

impl IndexKind {
    /// `a standard index`, `a custom index`.
    pub fn name(self) -> &'static str {
        match self {
            IndexKind::Standard => "a standard index",
            IndexKind::Custom => "a custom index",
        }
    }
}

/// The most records that a filter may find for an index of this kind to be used, in an object with so many records,
/// soft-deleted ones included.
///
/// ```
/// use tidegate_soql::check::{IndexKind, rows_served};
///
/// assert_eq!(rows_served(IndexKind::Standard, 1_000_000), 300_000);
/// assert_eq!(rows_served(IndexKind::Custom, 3_000_000), 200_000);
/// assert_eq!(rows_served(IndexKind::Custom, 50_000_000), 333_333);
/// ```
pub fn rows_served(kind: IndexKind, rows: u64) -> u64 {
    let (first, beyond, cap) = match kind {
        IndexKind::Standard => (30, 15, 1_000_000),
        IndexKind::Custom => (10, 5, 333_333),
    };
    // Sums of hundreds cannot overflow: the larger part is divided first.
    let first = rows.min(FIRST) * first / 100;
    let beyond = rows.saturating_sub(FIRST) / 100 * beyond;
    (first + beyond).min(cap)
}

/// The index that a field has without anybody's doing, as far as a describe tells. Indexes that Support made, or the org
/// by itself, do not show there.
pub fn index_of(object: &ObjectFacts, field: &FieldFacts) -> Option<IndexKind> {
    const EVERYWHERE: [&str; 6] =
        ["OwnerId", "CreatedDate", "SystemModstamp", "LastModifiedDate", "RecordTypeId", "Division"];
    let is_email = field.name == "Email" && matches!(object.name.as_str(), "Contact" | "Lead");
    match field.kind {
        FieldKind::Id | FieldKind::Reference => Some(IndexKind::Standard),
        // What cannot have an index (documented).
        FieldKind::MultiPicklist
        | FieldKind::Base64
        | FieldKind::Address
        | FieldKind::Location
        | FieldKind::EncryptedString => None,
        FieldKind::TextArea if field.length > 255 => None,
        _ if EVERYWHERE.contains(&field.name.as_str()) || field.name_field || is_email => Some(IndexKind::Standard),
        _ if field.encrypted => None,
        _ if field.external_id || field.unique => Some(IndexKind::Custom),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_at_their_borders() {
        for (kind, rows, served) in [
            (IndexKind::Standard, 0, 0),
            (IndexKind::Standard, 1_000, 300),
            (IndexKind::Standard, 2_000_000, 450_000),
            (IndexKind::Standard, 5_666_667, 999_999 - 9),
            (IndexKind::Standard, 5_700_000, 1_000_000),
            (IndexKind::Custom, 1_000_000, 100_000),
            (IndexKind::Custom, 5_600_000, 330_000),
            (IndexKind::Custom, u64::MAX, 333_333),
            (IndexKind::Standard, u64::MAX, 1_000_000),
        ] {
            assert_eq!(rows_served(kind, rows), served, "{kind:?} {rows}");
        }
    }

    #[test]
    fn which_fields_have_an_index() {
        let object = ObjectFacts { name: "Contact".into(), ..ObjectFacts::default() };
        let field = |name: &str, kind| FieldFacts { name: name.into(), kind, ..FieldFacts::default() };
        let index = |field: &FieldFacts| index_of(&object, field);
        assert_eq!(index(&field("Id", FieldKind::Id)), Some(IndexKind::Standard));
        assert_eq!(index(&field("AccountId", FieldKind::Reference)), Some(IndexKind::Standard));
        assert_eq!(index(&field("CreatedDate", FieldKind::DateTime)), Some(IndexKind::Standard));
        assert_eq!(index(&field("Email", FieldKind::Email)), Some(IndexKind::Standard));
        assert_eq!(index(&field("Department", FieldKind::String)), None);
        let key = FieldFacts { external_id: true, ..field("Key__c", FieldKind::String) };
        assert_eq!(index(&key), Some(IndexKind::Custom));
        assert_eq!(index(&FieldFacts { encrypted: true, ..key }), None);
    }
}
