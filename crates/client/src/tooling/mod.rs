//! The Tooling API's own calls: anonymous Apex, tests, and completions. Its queries and records go like those of REST,
//! under `/tooling`.

mod apex;
mod run_tests;

pub use apex::{AnonymousResult, Completions, ExecuteAnonymous, ExecuteAnonymousLogged, LoggedResult};
pub use run_tests::{RunTestsAsync, RunTestsSync, TestClass};
