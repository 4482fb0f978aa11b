//! `tidegate lint`: what is wrong with queries: by their text, by an org's fields and figures, by an API's rules.

mod explain;
mod input;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use tidegate_client::{Client, SoqlChecker};
use tidegate_soql::check::{Api, KnownSchema, Options, Report, check};
use tidegate_soql::{Finding, ParseError, RULES, Severity, Source};

pub(crate) use explain::text as plans_text;

use super::writing;
use crate::args::OrgArg;
use crate::config::{Config, closest};
use crate::failure::{Exit, Failure};
use crate::output::{self, counted, say};

use input::{Statement, Text};
use show::look;

/// Fixes of one query, one after the other; more than this would be fixes that undo each other.
const ROUNDS_MAX: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without an org only the text is judged: syntax, the rules of the grammar and of the API. With one (-o, \
    TIDEGATE_ORG or --with-org) also whether objects and fields are there and can be used so, and whether an index serves \
    the query. Files hold queries with `;` between them; lines that begin with // or -- are comments.\n\nExit codes: 0 \
    nothing is refused, 1 a query would be refused (or warned of, with --deny warnings), 2 usage, 3 the org cannot be \
    reached."
)]
pub(crate) struct LintArgs {
    /// The query; `-` reads it from standard input.
    #[arg(value_name = "SOQL", required_unless_present = "files")]
    soql: Option<String>,
    /// A file with queries; may be given several times.
    #[arg(long = "file", value_name = "FILE", conflicts_with = "soql")]
    files: Vec<PathBuf>,
    /// The API that the query is for.
    #[arg(long, value_enum, default_value_t = ApiArg::Rest)]
    api: ApiArg,
    #[command(flatten)]
    org: OrgArg,
    /// Check against the default org.
    #[arg(long)]
    with_org: bool,
    /// Ask the org how it would run the query.
    #[arg(long, conflicts_with = "fix")]
    explain: bool,
    /// Print the query with what can be put right put right, and nothing else on stdout.
    #[arg(long, conflicts_with = "json")]
    fix: bool,
    /// End with 1 for these, too.
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Vec<Deny>,
    /// Say nothing of a rule; may be given several times.
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings.
    Warnings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ApiArg {
    /// REST: query and queryAll.
    Rest,
    /// SOAP: query and queryAll.
    Soap,
    /// A Bulk API 2.0 query job.
    Bulk,
    /// A Bulk API 1.0 query with PK chunking.
    Bulk1,
    /// The query of a PushTopic.
    Pushtopic,
    /// Tooling API.
    Tooling,
}

impl From<ApiArg> for Api {
    fn from(api: ApiArg) -> Api {
        match api {
            ApiArg::Rest => Api::Rest,
            ApiArg::Soap => Api::Soap,
            ApiArg::Bulk => Api::BulkQuery,
            ApiArg::Bulk1 => Api::BulkQuery1PkChunking,
            ApiArg::Pushtopic => Api::PushTopic,
            ApiArg::Tooling => Api::Tooling,
        }
    }
}

pub(super) async fn run(config: impl Fn() -> Result<Config, Failure>, args: LintArgs) -> Result<ExitCode, Failure> {
    for rule in &args.allow {
        if !RULES.contains(&rule.as_str()) {
            let failure = Failure::usage(format!("there is no rule `{rule}`"));
            return Err(match closest(rule, RULES) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("the rules are {}", RULES.join(", "))),
            });
        }
    }
    let texts = match &args.soql {
        Some(soql) => vec![Text::argument(super::query::read_text(soql)?)],
        None => args.files.iter().map(|file| Text::read(file)).collect::<Result<_, _>>()?,
    };
    let client = if args.explain || args.with_org || args.org.org.is_some() {
        Some(config()?.connect(args.org.org.as_deref()).await?)
    } else {
        None
    };
    let options = Options { api: args.api.into(), version: client.as_ref().map(|client| client.api_version().major()) };
    let mut lint = Lint { checker: client.clone().map(SoqlChecker::new), options, allow: args.allow.clone() };
    let mut tally = Tally::default();
    let mut json = Vec::new();
    for text in &texts {
        let statements = text.statements();
        if statements.is_empty() {
            return Err(Failure::usage(format!("there is no query in {}", text.name())));
        }
        let mut fixed = text.source.clone();
        // From the last to the first, so that places before it stay where they are.
        let mut shown: Vec<(Statement, Vec<Finding>)> = Vec::new();
        for statement in statements.iter().rev() {
            let mut soql = text.of(*statement).to_owned();
            let mut report = lint.check(&soql).await?;
            if args.fix {
                for _ in 0..ROUNDS_MAX {
                    let Some(better) = report.fixed(&soql).filter(|better| *better != soql) else { break };
                    soql = better;
                    report = lint.check(&soql).await?;
                }
                fixed.replace_range(statement.range(), &soql);
            }
            tally.queries += 1;
            tally.add(&report.findings);
            shown.push((*statement, report.findings));
        }
        if args.fix {
            output::print(fixed.trim_end()).map_err(writing)?;
            // Their places are those of the query that was printed.
            let text = text.with(fixed);
            let places = text.statements();
            for (at, (_, findings)) in shown.into_iter().rev().enumerate() {
                let Some(statement) = places.get(at) else { continue };
                for finding in findings {
                    say(text.draw(*statement, finding));
                }
            }
            continue;
        }
        for (at, (statement, findings)) in shown.into_iter().rev().enumerate() {
            let soql = text.of(statement);
            let explanation = match &client {
                Some(client) if args.explain && !is_search(soql) && !findings.iter().any(is_refusal) => {
                    Some(explain::ask(client, soql).await?)
                }
                _ => None,
            };
            if args.json {
                json.push(show::json(text, at, statement, &findings, explanation.as_ref()));
                continue;
            }
            for finding in findings {
                output::print(format!("{}\n", text.draw(statement, finding))).map_err(writing)?;
            }
            if let Some(explanation) = explanation {
                output::print(explain::text(&explanation)).map_err(writing)?;
            }
        }
    }
    if args.json {
        super::print_json(&json)?;
    } else {
        say(tally.words(client.is_some()));
    }
    let denied = tally.errors > 0 || (tally.warnings > 0 && args.deny.contains(&Deny::Warnings));
    Ok(if denied { ExitCode::from(Exit::Failed as u8) } else { ExitCode::SUCCESS })
}

/// How the statements are checked.
struct Lint {
    checker: Option<SoqlChecker>,
    options: Options,
    allow: Vec<String>,
}

impl Lint {
    async fn check(&mut self, soql: &str) -> Result<Report, Failure> {
        let mut report = match &mut self.checker {
            Some(checker) => checker.check(soql, &self.options).await?,
            None => check(soql, &KnownSchema::new(), &self.options),
        };
        report.findings.retain(|finding| !self.allow.iter().any(|rule| rule == finding.rule));
        Ok(report)
    }
}

/// Whether a text is SOSL.
fn is_search(text: &str) -> bool {
    text.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("FIND"))
}

fn is_refusal(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

#[derive(Default)]
struct Tally {
    queries: u64,
    errors: u64,
    warnings: u64,
    hints: u64,
}

impl Tally {
    fn add(&mut self, findings: &[Finding]) {
        for finding in findings {
            match finding.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Hint => self.hints += 1,
            }
        }
    }

    fn words(&self, with_org: bool) -> String {
        let found: Vec<String> = [(self.errors, "error"), (self.warnings, "warning"), (self.hints, "hint")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| counted(n, what))
            .collect();
        let unchecked =
            if with_org { "" } else { "; fields were not checked, which takes an org (-o NAME or --with-org)" };
        if found.is_empty() {
            return format!("nothing to find fault with{unchecked}");
        }
        format!(
            "{} in {}{unchecked}",
            found.join(", "),
            if self.queries == 1 { "1 query".to_owned() } else { format!("{} queries", self.queries) }
        )
    }
}

/// A syntax error with its caret.
pub(super) fn syntax(text: &str, error: &ParseError) -> Failure {
    let excerpt = Source::new(text).excerpt(error.span, look_of_words());
    let failure = Failure::usage(format!("{}\n{excerpt}", error.kind));
    match advice(&error.finding(text), text) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What to do about a finding, and the better query where there is one that can be shown on a line.
pub(super) fn advice(finding: &Finding, soql: &str) -> Option<String> {
    let better = finding.fix.as_ref().filter(|fix| fix.is_safe).and_then(|fix| fix.apply(soql));
    let better = better.filter(|better| better.chars().count() <= 200 && !better.contains('\n'));
    match (&finding.suggestion, better) {
        (Some(suggestion), Some(better)) => Some(format!("{suggestion}\n      {better}")),
        (suggestion, None) => suggestion.clone(),
        (None, Some(better)) => Some(format!("write {better}")),
    }
}

/// How findings look on stderr.
pub(super) fn look_of_words() -> tidegate_soql::Look {
    look(&std::io::stderr())
}

/// What the checker says about a query that the org has refused: the drawn findings of what would be refused.
///
/// Costs describes; nothing is said where they cannot be had.
pub(super) async fn opinion(client: &Client, soql: &str, api: Api) -> Vec<Finding> {
    let options = Options { api, version: Some(client.api_version().major()) };
    match SoqlChecker::new(client.clone()).without_counts().check(soql, &options).await {
        Ok(report) => report.findings.into_iter().filter(is_refusal).collect(),
        Err(error) => {
            tracing::info!(%error, "the query could not be checked");
            Vec::new()
        }
    }
}
