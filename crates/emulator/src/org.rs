//! The org: its schema, its records, and what has happened to them.

use std::sync::Arc;

use crate::limits::Usage;
use crate::oauth::Access;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::store::Store;

/// A Salesforce org as a value. Whoever holds it gives it the time and the requests.
#[derive(Debug, Default)]
pub struct Org {
    /// How it is set up.
    pub settings: Settings,
    /// Objects and fields. Readers clone the [`Arc`]; a change puts a new schema in its place.
    pub schema: Arc<Schema>,
    /// Records.
    pub store: Store,
    /// Events of the org, as long as they are retained.
    pub events: crate::events::Bus,
    /// Connected apps and the tokens given out to them.
    pub access: Access,
    /// Bulk 2.0 jobs and their results.
    pub jobs: crate::bulk::Jobs,
    /// What was used of the org's allowances.
    pub usage: Usage,
    /// Records that are locked from outside, so that writes meet what a busy org answers.
    pub locks: crate::dml::Locks,
    /// Components that were saved as metadata.
    pub metadata: crate::metadata::Catalog,
    /// Deployments and retrievals of metadata.
    pub deployments: crate::metadata::deploy::Jobs,
    /// Results of queries with pages still to be read.
    pub cursors: crate::query::Cursors,
    /// What its users looked at lately.
    pub recent: crate::recent::Recent,
    /// Writes that are not committed yet, the innermost unit last.
    pub units: Vec<crate::dml::Unit>,
}
