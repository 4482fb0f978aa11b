//! PK chunking: one query over a large object becomes many, each over a range of record ids.

use serde::{Deserialize, Serialize};
use tidegate_soql::ast::{Condition, Query};

use crate::query::{QueryOptions, check_bulk};
use crate::{ApiError, Org, RecordId};

/// Records of a chunk when the client names no number. Documented.
const SIZE_DEFAULT: usize = 100_000;
/// The most it can ask for. Documented.
const SIZE_MAX: usize = 250_000;
/// The most chunks that are made of one query, so that a size of 1 does not flood the org. Not a bound of Salesforce.
const CHUNKS_MAX: usize = 100_000;

/// How a job asks for PK chunking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// Records of a chunk.
    pub size: usize,
    /// The first chunk starts here.
    pub start: Option<RecordId>,
}

impl Chunking {
    /// Reads `Sforce-Enable-PKChunking`: `TRUE`, `FALSE`, or `chunkSize=50000; startRow=00130000000xEft`. `parent`
    /// names the object of a share and is of no account here.
    ///
    /// # Errors
    /// 400 `InvalidJob` for another value.
    pub fn read(header: &str) -> Result<Option<Self>, ApiError> {
        let invalid = || ApiError::new("InvalidJob", format!("Sforce-Enable-PKChunking cannot be read: {header}"));
        let mut chunking = Self { size: SIZE_DEFAULT, start: None };
        let parts = header.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
        for part in parts {
            if part.eq_ignore_ascii_case("false") {
                return Ok(None);
            }
            if part.eq_ignore_ascii_case("true") {
                continue;
            }
            let (name, value) = part.split_once('=').ok_or_else(invalid)?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "chunksize" => {
                    let size: usize = value.parse().map_err(|_| invalid())?;
                    if size == 0 || size > SIZE_MAX {
                        return Err(ApiError::new("InvalidJob", format!("chunkSize must be 1 to {SIZE_MAX}")));
                    }
                    chunking.size = size;
                }
                "startrow" => chunking.start = Some(RecordId::parse(value).ok_or_else(invalid)?),
                "parent" => {}
                _ => return Err(invalid()),
            }
        }
        Ok(Some(chunking))
    }
}

/// The queries that stand for one. The error is the batch's `stateMessage`.
pub(super) fn queries(org: &Org, text: &str, chunking: Chunking) -> Result<Vec<String>, String> {
    let options = QueryOptions { all: false, now: 0, user: org.settings.admin_id, version: 66, batch_size: None };
    let object = check_bulk(org, text, &options).map_err(|error| super::worker::failed_query(&error))?;
    let query = tidegate_soql::parse(text).map_err(|e| format!("InvalidBatch : {e}"))?;
    if !query.order_by.is_empty() {
        return Err("InvalidBatch : ORDER BY cannot be used with PK chunking".into());
    }
    let table = org.schema.find(&object).and_then(|(id, _)| org.store.table(id));
    let first = chunking.start.unwrap_or(RecordId::from_bytes([0; 15]));
    let mut bounds: Vec<RecordId> = Vec::new();
    for (id, _) in table.into_iter().flat_map(|table| table.rows_from(first)).step_by(chunking.size) {
        if bounds.len() == CHUNKS_MAX {
            return Err(format!("InvalidBatch : The query would become more than {CHUNKS_MAX} chunks"));
        }
        bounds.push(id);
    }
    let within = |from: RecordId, to: Option<RecordId>| {
        let to = to.map(|to| format!(" AND Id < '{to}'")).unwrap_or_default();
        narrowed(&query, &format!("SELECT Id FROM {object} WHERE Id >= '{from}'{to}"))
    };
    let ends = bounds.iter().skip(1).copied().map(Some).chain([None]);
    let chunks: Vec<String> = bounds.iter().zip(ends).filter_map(|(from, to)| within(*from, to)).collect();
    // An object without records has one chunk, which finds nothing.
    Ok(if chunks.is_empty() { vec![text.to_owned()] } else { chunks })
}

/// A query with the condition of another one added to its own.
fn narrowed(query: &Query, by: &str) -> Option<String> {
    let range = tidegate_soql::parse(by).ok()?.condition?;
    let mut parts = Vec::new();
    for condition in query.condition.clone().into_iter().chain([range]) {
        match condition {
            Condition::And(several) => parts.extend(several),
            one => parts.push(one),
        }
    }
    let condition = match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Condition::And(parts)),
    };
    Some(Query { condition, ..query.clone() }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read() {
        let plain = Chunking { size: SIZE_DEFAULT, start: None };
        for (header, expected) in [
            ("true", Ok(Some(plain))),
            ("TRUE", Ok(Some(plain))),
            ("false", Ok(None)),
            ("chunkSize=50000; parent=Account", Ok(Some(Chunking { size: 50_000, ..plain }))),
            ("chunkSize=250001", Err(())),
            ("chunkSize=0", Err(())),
            ("startRow=00130000000xEft", Ok(Some(Chunking { start: RecordId::parse("00130000000xEft"), ..plain }))),
            ("startRow=nothing", Err(())),
            ("yes", Err(())),
        ] {
            assert_eq!(Chunking::read(header).map_err(drop), expected, "{header}");
        }
    }

    #[test]
    fn a_query_is_narrowed_whatever_its_own_condition() {
        let narrow = |text: &str| narrowed(&tidegate_soql::parse(text).unwrap(), "SELECT Id FROM A WHERE Id >= '1'");
        for (text, expected) in [
            ("SELECT Id FROM A", "SELECT Id FROM A WHERE Id >= '1'"),
            ("SELECT Id FROM A WHERE B = 1 AND C = 2", "SELECT Id FROM A WHERE B = 1 AND C = 2 AND Id >= '1'"),
            ("SELECT Id FROM A WHERE B = 1 OR C = 2", "SELECT Id FROM A WHERE (B = 1 OR C = 2) AND Id >= '1'"),
        ] {
            assert_eq!(narrow(text).as_deref(), Some(expected));
        }
    }
}
