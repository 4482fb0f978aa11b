//! What every destination has to do, as checks that can be run against any of them.
//!
//! A destination's own tests implement [`Factory`] and call [`run`]; its report names each promise that was kept or
//! broken. The checks speak through the contract alone, so that they fit a file, a server and a map in memory.

mod apply;
mod load;
mod open;
mod range;
mod sample;
mod values;

use async_trait::async_trait;

use crate::{Destination, DestinationError};

pub use sample::{row, table};

/// Opens destinations for the checks.
#[async_trait]
pub trait Factory: Send + Sync {
    /// Opens the destination of this name (lower-case letters and underscores): empty the first time, later with what
    /// was written before. The earlier handle has been dropped by then.
    ///
    /// # Errors
    /// What the destination says.
    async fn connect(&self, name: &str) -> Result<Box<dyn Destination>, DestinationError>;
}

/// A promise, and how it is broken.
#[derive(Debug)]
pub struct Failure {
    /// The check's name.
    pub check: &'static str,
    /// What happened.
    pub what: String,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Checks that held.
    pub passed: Vec<&'static str>,
    /// Checks that did not.
    pub failed: Vec<Failure>,
}

impl Report {
    /// For tests.
    ///
    /// # Panics
    /// When a check failed; the message lists them.
    pub fn assert(&self) {
        let list: Vec<String> = self.failed.iter().map(|f| format!("{}: {}", f.check, f.what)).collect();
        assert!(self.failed.is_empty() && !self.passed.is_empty(), "broken promises:\n  {}", list.join("\n  "));
    }
}

type Outcome = Result<(), String>;

/// Fails the check when the condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
use ensure;

/// Turns a destination's error into a broken promise, its causes included.
fn broken(context: &str) -> impl FnOnce(DestinationError) -> String {
    move |error| {
        let mut text = format!("{context}: {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

/// Runs all checks, one after the other, each in a destination of its own.
pub async fn run(factory: &dyn Factory) -> Report {
    let mut report = Report::default();
    macro_rules! check {
        ($($module:ident :: $name:ident),* $(,)?) => {$(
            match $module::$name(factory, concat!(stringify!($module), "_", stringify!($name))).await {
                Ok(()) => report.passed.push(concat!(stringify!($module), "::", stringify!($name))),
                Err(what) => report.failed.push(Failure {
                    check: concat!(stringify!($module), "::", stringify!($name)), what,
                }),
            }
        )*};
    }
    check!(
        open::new_is_empty,
        open::remembers_its_org,
        open::refuses_another_org,
        open::added_column_is_loaded_again,
        open::unlisted_column_is_left_alone,
        open::tables_in_another_order,
        load::whole_page,
        load::cut_page_leaves_nothing,
        load::page_staged_twice,
        load::pages_at_the_same_time,
        load::resumes_after_reopening,
        load::publish_replaces,
        load::begin_forgets_staged_rows,
        load::readers_see_the_old_rows_meanwhile,
        load::empty_table,
        load::many_parts,
        apply::upsert_patch_delete,
        apply::order_counts,
        apply::missing_rows_leave_nothing,
        apply::checkpoint_survives,
        apply::empty_batch_moves_the_position,
        apply::several_tables_at_once,
        apply::same_batch_again,
        apply::large_batch,
        values::by_load,
        values::by_change,
        values::patched_to_null,
        values::reserved_and_long_names,
        values::wide_table,
        range::digest,
        range::boundaries,
        range::rows_in_id_order,
    );
    report
}
