//! What the org's refusal of a query probably means: where in the query, and what was meant.

use tidegate_client::{Client, Error};
use tidegate_soql::check::Api;
use tidegate_soql::{Finding, Refusal, Source};

use crate::commands::lint::{look_of_words, opinion};
use crate::failure::{Exit, Failure};

/// Codes that are about the query's text.
const OF_THE_TEXT: &[&str] = &[
    "MALFORMED_QUERY",
    "INVALID_FIELD",
    "INVALID_TYPE",
    "INVALID_TYPE_FOR_OPERATION",
    "INVALID_QUERY_FILTER_OPERATOR",
    "INVALID_QUERY_SCOPE",
    "NUMBER_OUTSIDE_VALID_RANGE",
    "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
    "FEATURENOTENABLED",
    "INVALIDENTITY",
];

/// The refusal of a query that was sent by an API, with a caret and what was probably meant. Asking for that costs a
/// describe or two.
pub(super) async fn failure(client: &Client, soql: &str, api: Api, error: Error) -> Failure {
    let said = match &error {
        Error::Api { errors, .. } => errors.first().filter(|said| OF_THE_TEXT.contains(&said.code.as_str())),
        _ => None,
    };
    let Some(said) = said else { return Failure::from(error) };
    let refusal = Refusal::read(&said.message);
    let words = format!("{}: {}", said.code, refusal.message);
    let findings = opinion(client, soql, api).await;
    let place = refusal.span(soql);
    let ours = match place {
        // Of several faults the one that the org speaks of.
        Some(span) => findings.iter().find(|finding| finding.span.start == span.start).or(findings.first()),
        None => findings.first(),
    };
    let Some(span) = place.or(ours.map(|finding| finding.span)) else { return Failure::from(error) };
    let excerpt = Source::new(soql).excerpt(span, look_of_words());
    let sentence = ours.map_or(refusal.message.as_str(), |finding| finding.message.as_str());
    let failure = Failure::new(Exit::Failed, format!("the org refused the query: {sentence}\n{excerpt}")).cause(words);
    match ours.and_then(|finding| hint(finding, soql)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What to do, and the better query where there is one.
fn hint(finding: &Finding, soql: &str) -> Option<String> {
    let lists = match finding.rule {
        "unknown-field" | "unknown-relationship" => " (`tidegate describe OBJECT` lists an object's fields)",
        "unknown-object" => " (`tidegate describe` lists the objects)",
        _ => "",
    };
    let better = finding.fix.as_ref().filter(|fix| fix.is_safe).and_then(|fix| fix.apply(soql));
    let better = better.filter(|better| better.chars().count() <= 200 && !better.contains('\n'));
    match (&finding.suggestion, better) {
        (Some(suggestion), Some(better)) => Some(format!("{suggestion}{lists}\n      {better}")),
        (Some(suggestion), None) => Some(format!("{suggestion}{lists}")),
        (None, Some(better)) => Some(format!("write {better}")),
        (None, None) => None,
    }
}
