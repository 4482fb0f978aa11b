//! SOQL over REST: values bound by type, pages that turn themselves, children that come whole, queries cut where their
//! URL would be too long. Numbers keep every digit.

mod bound;
mod call;
mod children;
mod explain;
mod flatten;
mod keyset;
mod pages;
mod split;
mod stream;

use serde_json::{Map, Value};

pub use bound::{Like, Soql, SoqlError, check_binds};
pub use call::{LongQuery, QUERY_URL_BYTES_MAX, Query, QueryMore, QueryPage};
pub use children::Children;
pub use explain::{Explain, Explanation, PlanNote, QueryPlan};
pub use flatten::{FlatStream, Flatten, flatten};
pub use stream::{RecordStream, TypedStream};
pub(crate) use stream::{count, expand_fields};

/// A record as the REST API gives it: fields, parents as nested objects, and `attributes`.
pub type Record = Map<String, Value>;
