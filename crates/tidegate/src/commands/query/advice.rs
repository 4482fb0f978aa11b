//! What the org's refusal of a query probably means: where in the query, and what was meant.

use tidegate_client::{Client, Error};
use tidegate_soql::check::Api;
use tidegate_soql::{Refusal, Source};

use crate::commands::lint::{advice, look_of_words, opinion};
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
    let lists = match ours.map(|finding| finding.rule) {
        Some("unknown-field" | "unknown-relationship") => "\n      `tidegate describe OBJECT` lists an object's fields",
        Some("unknown-object") => "\n      `tidegate describe` lists the objects",
        _ => "",
    };
    match ours.and_then(|finding| advice(finding, soql)) {
        Some(hint) => failure.hint(format!("{hint}{lists}")),
        None => failure,
    }
}
