//! Columns that change events do not carry, and what moves them.

/// What an update of a record does to one of its fields that events leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feeds {
    /// Nothing: other things move it (a look at the record, an activity, a merge), or nothing does.
    Nothing,
    /// It follows from these fields of the same record.
    From(&'static [&'static str]),
    /// Unknown: any change may have moved it.
    Anything,
}

/// What moves this field. Events leave out what the platform derives
/// (<https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_body.htm>).
/// A field that is not listed here counts as [`Feeds::Anything`]: then updated records are read again, which costs a call
/// and is never wrong.
pub(super) fn feeds(object: &str, field: &str) -> Feeds {
    match (object, field) {
        (_, "Id" | "IsDeleted" | "SystemModstamp") => Feeds::Nothing,
        (_, "LastViewedDate" | "LastReferencedDate" | "LastActivityDate" | "MasterRecordId" | "PhotoUrl") => {
            Feeds::Nothing
        }
        ("Contact" | "Lead", "IsEmailBounced") => Feeds::From(&["EmailBouncedReason", "EmailBouncedDate", "Email"]),
        ("Contact", "LastCURequestDate" | "LastCUUpdateDate") => Feeds::Nothing,
        ("Contact" | "Lead", "JigsawContactId") => Feeds::From(&["Jigsaw"]),
        ("Account", "JigsawCompanyId") => Feeds::From(&["Jigsaw"]),
        ("Opportunity", "FiscalYear" | "FiscalQuarter" | "Fiscal") => Feeds::From(&["CloseDate"]),
        ("Opportunity", "IsClosed" | "IsWon") => Feeds::From(&["StageName"]),
        ("Opportunity", "HasOpportunityLineItem" | "HasOpenActivity" | "HasOverdueTask") => Feeds::Nothing,
        ("Case", "IsClosed" | "ClosedDate") => Feeds::From(&["Status"]),
        ("Task", "IsClosed") => Feeds::From(&["Status"]),
        ("Task", "IsHighPriority") => Feeds::From(&["Priority"]),
        _ => Feeds::Anything,
    }
}
