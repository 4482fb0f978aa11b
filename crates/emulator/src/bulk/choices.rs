//! What Salesforce leaves unconfirmed about Bulk, and what an administrator decides.

/// Settings of the Bulk APIs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// Whether the administrator has the permission "Bulk API Hard Delete".
    pub hard_delete: bool,
    /// Whether a second upload to a job is refused at once (unconfirmed). Otherwise, as in 2018, it is taken and the
    /// job cannot be closed.
    pub second_upload_refused: bool,
    /// Whether closing a job without data is refused (unconfirmed). Otherwise it completes with no records.
    pub empty_close_refused: bool,
    /// Whether a byte order mark before the header is let pass (unconfirmed). Otherwise, as was observed, it is part of
    /// the first column's name, which then names no field.
    pub byte_order_mark_skipped: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            hard_delete: true,
            second_upload_refused: true,
            empty_close_refused: true,
            byte_order_mark_skipped: false,
        }
    }
}

/// The refusal of a hard delete without its permission.
pub(crate) const HARD_DELETE_REFUSED: &str =
    "hardDelete operation requires special user profile permission, please contact your system administrator";
