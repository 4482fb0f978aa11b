//! SOQL and SOSL text: parse it, print it, bind values into it, judge it. No I/O.
//!
//! ```
//! let query = tidegate_soql::parse("select Id, Owner.Name from Account where CreatedDate = LAST_N_DAYS:7")?;
//! assert_eq!(query.from.object.dotted(), "Account");
//! assert_eq!(
//!     query.to_string(),
//!     "SELECT Id, Owner.Name FROM Account WHERE CreatedDate = LAST_N_DAYS:7",
//! );
//! # Ok::<(), tidegate_soql::ParseError>(())
//! ```

pub mod ast;
mod bind;
pub mod check;
mod clause;
mod draw;
mod error;
mod finding;
mod keywords;
mod lex;
mod lint;
mod parse;
mod print;
mod repair;
mod rules;
pub mod sosl;

pub use bind::{BindError, BindValue, bind, escape_pattern};
pub use draw::{Look, Refusal, Source};
pub use error::{ParseError, ParseErrorKind};
pub use finding::{Edit, Finding, Fix, Place, Severity};
pub use keywords::{date_literals, date_literals_with_number, is_reserved};
pub use lint::lint_text;
pub use parse::{MAX_LENGTH, parse, parse_sosl};
pub use print::quote_string;
pub use rules::RULES;
