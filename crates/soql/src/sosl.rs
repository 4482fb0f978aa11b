//! The tree of a SOSL statement (`FIND {…} RETURNING …`): what was written, not what it means.
//!
//! ```
//! let search = tidegate_soql::parse_sosl("find {Acme AND (Sons OR \"& Co\")} returning Account(Name limit 5)")?;
//! assert_eq!(search.to_string(), "FIND {Acme AND (Sons OR \"& Co\")} RETURNING Account(Name LIMIT 5)");
//! # Ok::<(), tidegate_soql::ParseError>(())
//! ```

mod print;

use crate::ast::{Condition, Count, DataCategory, Lookup, Name, OrderItem, SelectItem, Span, UpdateClause};

/// A whole `FIND` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What is looked for.
    pub find: SearchExpr,
    /// The text between the braces, for its length and for errors.
    pub find_span: Span,
    /// `IN … FIELDS`.
    pub group: Option<FieldGroup>,
    /// `RETURNING`; empty where nothing was written.
    pub returning: Vec<Returning>,
    /// `WITH …`, in the order written.
    pub with: Vec<SearchWith>,
    /// `USING PHRASE SEARCH`, `USING ADVANCED SEARCH`: the word before `SEARCH`.
    pub using: Option<Name>,
    /// `LIMIT`.
    pub limit: Option<Count>,
    /// `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    pub update: Vec<UpdateClause>,
    /// The whole statement.
    pub span: Span,
}

/// What is looked for. Words without an operator between them are joined by AND.
///
/// The text of a word or phrase is as it was written: a backslash stands before every reserved character that means
/// itself, and a bare `*` or `?` in a word is a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchExpr {
    /// `Sm?th*`
    Word(String),
    /// `"John Smith"`, without its quotes.
    Phrase(String),
    /// All of these, in the order written; all but the first may be a [`SearchExpr::Not`].
    And(Vec<SearchExpr>),
    /// One of these.
    Or(Vec<SearchExpr>),
    /// `AND NOT x`: only ever a later member of [`SearchExpr::And`].
    Not(Box<SearchExpr>),
}

/// The fields in which is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldGroup {
    /// `ALL FIELDS`
    All,
    /// `NAME FIELDS`
    Name,
    /// `EMAIL FIELDS`
    Email,
    /// `PHONE FIELDS`
    Phone,
    /// `SIDEBAR FIELDS`
    Sidebar,
}

/// One object of `RETURNING`.
#[derive(Debug, Clone, PartialEq)]
pub struct Returning {
    /// The object.
    pub object: Name,
    /// Fields and functions; empty where no parentheses were written: then ids alone are answered.
    pub select: Vec<SelectItem>,
    /// `USING ListView = name`.
    pub list_view: Option<Name>,
    /// `USING LOOKUP … BIND …`.
    pub lookup: Option<Lookup>,
    /// `WHERE`.
    pub condition: Option<Condition>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// `LIMIT`.
    pub limit: Option<Count>,
    /// `OFFSET`.
    pub offset: Option<Count>,
    /// From the object's name to the closing parenthesis.
    pub span: Span,
}

/// One `WITH` of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchWith {
    /// `WITH DIVISION = 'Global'`.
    Division(String),
    /// `WITH DATA CATEGORY group AT category AND …`.
    DataCategory(Vec<DataCategory>),
    /// `WITH HIGHLIGHT`.
    Highlight,
    /// `WITH METADATA = 'LABELS'`.
    Metadata(String),
    /// `WITH NETWORK = 'id'`, `WITH NETWORK IN ('id', …)`: the ids, and whether `IN` was written.
    Network(Vec<String>, bool),
    /// `WITH PricebookId = 'id'`.
    PricebookId(String),
    /// `WITH SNIPPET`, `WITH SNIPPET (target_length = 120)`.
    Snippet(Option<u64>),
    /// `WITH SPELL_CORRECTION = true`.
    SpellCorrection(bool),
}
