//! Where a clause stands in the text, and the text without it.

use crate::ast::Span;
use crate::finding::Fix;
use crate::lex::{Kind, Token, tokens};

/// Words that begin a clause. Those of one word are reserved, so that only after a dot they are something else.
const CLAUSES: &[&[&str]] = &[
    &["FROM"],
    &["USING"],
    &["WHERE"],
    &["WITH"],
    &["GROUP", "BY"],
    &["HAVING"],
    &["ORDER", "BY"],
    &["LIMIT"],
    &["OFFSET"],
    &["BIND"],
    &["FOR"],
    &["UPDATE"],
    &["ALL", "ROWS"],
];

/// The clause of a query that begins with these words, up to the next one. `within` is the query.
pub(crate) fn clause(source: &str, within: Span, words: &[&str]) -> Option<Span> {
    // Only the query's own text is cut: many sub-queries must not cost many times the whole.
    let query = source.get(within.start..within.end)?;
    let inside: Vec<Token> = tokens(query).ok()?;
    let text = |token: &Token| query.get(token.span.start..token.span.end).unwrap_or_default();
    let shifted = |start: usize, end: usize| Span { start: start + within.start, end: end + within.start };
    let begins = |at: usize, words: &[&str]| {
        let follows_dot = at > 0 && inside.get(at - 1).is_some_and(|token| token.kind == Kind::Dot);
        !follows_dot
            && words.iter().enumerate().all(|(n, word)| {
                inside
                    .get(at + n)
                    .is_some_and(|token| token.kind == Kind::Word && text(token).eq_ignore_ascii_case(word))
            })
            && (words != ["OFFSET"] || inside.get(at + 1).is_some_and(|t| matches!(t.kind, Kind::Number | Kind::Colon)))
    };
    let (mut depth, mut found) = (0_usize, None);
    for (at, token) in inside.iter().enumerate() {
        match token.kind {
            Kind::LeftParen => depth += 1,
            Kind::RightParen if depth == 0 => break,
            Kind::RightParen => depth -= 1,
            Kind::Word if depth == 0 => {
                if let Some((start, first)) = found
                    && at >= first
                    && CLAUSES.iter().any(|clause| begins(at, clause))
                {
                    let before = inside.get(at - 1).map_or(start, |token| token.span.end);
                    return Some(shifted(start, before));
                }
                if found.is_none() && begins(at, words) {
                    found = Some((token.span.start, at + words.len()));
                }
            }
            _ => {}
        }
    }
    found.map(|(start, _)| shifted(start, query.len()))
}

/// Takes a piece out, with the blanks before it.
pub(crate) fn removal(source: &str, piece: Span, is_safe: bool) -> Fix {
    let before = source.get(..piece.start).unwrap_or_default();
    Fix::one(Span { start: before.trim_end().len(), end: piece.end }, "", is_safe)
}

/// What may stand behind a list.
const ENDS_OF_LISTS: [&str; 8] = ["FROM", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "ALL"];

/// Takes an item out of a list, with one comma. `None` where more belongs to it than its span tells, such as an alias.
pub(crate) fn item_removal(source: &str, item: Span, is_safe: bool) -> Option<Fix> {
    let before = source.get(..item.start)?.trim_end();
    let after = source.get(item.end..)?.trim_start();
    let word: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let is_whole = word.is_empty() || ENDS_OF_LISTS.iter().any(|end| word.eq_ignore_ascii_case(end));
    if !is_whole {
        return None;
    }
    if let Some(rest) = before.strip_suffix(',') {
        return Some(Fix::one(Span { start: rest.len(), end: item.end }, "", is_safe));
    }
    let after = source.get(item.end..)?;
    let rest = after.trim_start().strip_prefix(',')?.trim_start();
    Some(Fix::one(Span { start: item.start, end: source.len() - rest.len() }, "", is_safe))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(source: &str) -> Span {
        Span { start: 0, end: source.len() }
    }

    #[test]
    fn clauses_end_where_the_next_begins() {
        let source = "SELECT Order, (SELECT Id FROM Bs LIMIT 1) FROM A WHERE a.Limit = 1 ORDER BY b DESC NULLS LAST LIMIT 5 \
                      OFFSET 2 FOR VIEW FOR UPDATE ALL ROWS";
        let found = |words: &[&str]| clause(source, whole(source), words).map(|span| &source[span.start..span.end]);
        assert_eq!(found(&["ORDER", "BY"]), Some("ORDER BY b DESC NULLS LAST"));
        assert_eq!(found(&["LIMIT"]), Some("LIMIT 5"));
        assert_eq!(found(&["OFFSET"]), Some("OFFSET 2"));
        assert_eq!(found(&["FOR", "UPDATE"]), Some("FOR UPDATE"));
        assert_eq!(found(&["ALL", "ROWS"]), Some("ALL ROWS"));
        assert_eq!(found(&["GROUP", "BY"]), None);
        let start = source.find("SELECT Id").unwrap();
        let inner = Span { start, end: source.find(") FROM A").unwrap() };
        let limit = clause(source, inner, &["LIMIT"]).unwrap();
        assert_eq!(&source[limit.start..limit.end], "LIMIT 1");
    }

    #[test]
    fn items_go_with_their_comma() {
        let without = |source: &str, item: &str| {
            let start = source.find(item).unwrap();
            item_removal(source, Span { start, end: start + item.len() }, true).and_then(|fix| fix.apply(source))
        };
        assert_eq!(without("SELECT a, b , c FROM A", "b").as_deref(), Some("SELECT a , c FROM A"));
        assert_eq!(without("SELECT a, b FROM A", "a").as_deref(), Some("SELECT b FROM A"));
        assert_eq!(without("SELECT a FROM A", "a"), None);
    }
}
