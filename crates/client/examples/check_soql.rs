//! Check a query before it is sent: names, types, and whether an index serves it.
//!
//! ```text
//! error: Account has no field `Nmae`, or this user may not see it
//! error: NumberOfEmployees is of type int, and '5' is a string
//! better: SELECT Id, Name FROM Account WHERE NumberOfEmployees > 5
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use tidegate_client::{Client, ClientConfig, SoqlChecker};
use tidegate_soql::check::Options;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let soql = "SELECT Id, Nmae FROM Account WHERE NumberOfEmployees > '5'";
    let report = SoqlChecker::new(org).check(soql, &Options::default()).await?;
    for finding in &report.findings {
        println!("{}: {}", finding.severity, finding.message);
    }
    if let Some(better) = report.fixed(soql) {
        println!("better: {better}");
    }
    Ok(())
}
