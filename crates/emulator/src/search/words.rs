//! Words: how a text is cut into them, and what of a search matches.
//!
//! A word is a run of letters and digits, whatever its case; every ideograph is a word of its own. What stands
//! between words (spaces, dots, `@`, dashes) separates them in records and in searches alike, so that
//! `mylogin@mycompany.com` finds itself: three words in a row.

use tidegate_soql::sosl::SearchExpr;

use crate::query::Like;

/// Search texts longer than this find nothing (documented), in characters.
pub(super) const TEXT_LENGTH_MAX: usize = 10_000;

/// A compiled search text.
#[derive(Debug)]
pub(super) enum Wanted {
    /// These words in a row.
    Row(Vec<Pattern>),
    All(Vec<Wanted>),
    Any(Vec<Wanted>),
    Not(Box<Wanted>),
}

/// One word, with wildcards or without.
#[derive(Debug)]
pub(super) struct Pattern {
    like: Like,
    /// Without a wildcard. Words with one are not highlighted (documented).
    plain: bool,
    /// Characters that are no wildcards.
    length: usize,
}

impl Wanted {
    /// Compiles a search text; `None` where no word is left of it.
    pub(super) fn new(expr: &SearchExpr) -> Option<Self> {
        match expr {
            SearchExpr::Word(text) => row(text, true),
            SearchExpr::Phrase(text) => row(text, false),
            SearchExpr::Not(inner) => Some(Wanted::Not(Box::new(Wanted::new(inner)?))),
            SearchExpr::And(all) => some(all, Wanted::All),
            SearchExpr::Or(all) => some(all, Wanted::Any),
        }
    }

    /// Whether one of its words has two characters: shorter searches are refused.
    pub(super) fn is_long_enough(&self) -> bool {
        match self {
            Wanted::Row(patterns) => patterns.len() > 1 || patterns.iter().any(|pattern| pattern.length > 1),
            Wanted::All(all) | Wanted::Any(all) => all.iter().any(Wanted::is_long_enough),
            Wanted::Not(_) => false,
        }
    }

    /// Whether a record with these texts is found.
    pub(super) fn matches(&self, texts: &[&str]) -> bool {
        match self {
            Wanted::Row(patterns) => texts.iter().any(|text| spans(text, patterns).next().is_some()),
            Wanted::All(all) => all.iter().all(|one| one.matches(texts)),
            Wanted::Any(any) => any.iter().any(|one| one.matches(texts)),
            Wanted::Not(inner) => !inner.matches(texts),
        }
    }

    /// How many of its rows of words stand in this text: what a name scores.
    pub(super) fn score(&self, text: &str) -> usize {
        match self {
            Wanted::Row(patterns) => usize::from(spans(text, patterns).next().is_some()),
            Wanted::All(all) | Wanted::Any(all) => all.iter().map(|one| one.score(text)).sum(),
            Wanted::Not(_) => 0,
        }
    }

    /// The text with `<mark>` around what was searched for without wildcards; `None` where nothing was.
    pub(super) fn highlighted(&self, text: &str) -> Option<String> {
        let mut marks = Vec::new();
        self.marks(text, &mut marks);
        marks.sort_unstable();
        let mut out = String::new();
        let mut at = 0;
        for (start, end) in marks {
            if start < at {
                continue;
            }
            out.push_str(text.get(at..start)?);
            out.push_str("<mark>");
            out.push_str(text.get(start..end)?);
            out.push_str("</mark>");
            at = end;
        }
        out.push_str(text.get(at..)?);
        (at > 0).then_some(out)
    }

    fn marks(&self, text: &str, marks: &mut Vec<(usize, usize)>) {
        match self {
            Wanted::Row(patterns) if patterns.iter().all(|pattern| pattern.plain) => {
                marks.extend(spans(text, patterns));
            }
            Wanted::Row(_) | Wanted::Not(_) => {}
            Wanted::All(all) | Wanted::Any(all) => all.iter().for_each(|one| one.marks(text, marks)),
        }
    }
}

/// What is left of several, joined again.
fn some(all: &[SearchExpr], wrap: fn(Vec<Wanted>) -> Wanted) -> Option<Wanted> {
    let mut kept: Vec<Wanted> = all.iter().filter_map(Wanted::new).collect();
    match kept.len() {
        0 => None,
        1 => kept.pop(),
        _ => Some(wrap(kept)),
    }
}

/// A word or phrase as written: cut where a record's text would be.
fn row(text: &str, wildcards: bool) -> Option<Wanted> {
    let mut patterns: Vec<Pattern> = Vec::new();
    let (mut like, mut plain, mut length) = (String::new(), true, 0);
    let mut end = |like: &mut String, plain: &mut bool, length: &mut usize| {
        // A wildcard begins no word (documented); what would be left of one alone is nothing.
        let trimmed = like.trim_start_matches(['%', '_']);
        if *length > 0 {
            patterns.push(Pattern { like: Like::new(trimmed, false), plain: *plain, length: *length });
        }
        like.clear();
        (*plain, *length) = (true, 0);
    };
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                // The next character means itself, and no letter or digit needs that.
                let next = chars.next();
                match next {
                    Some(next) if next.is_alphanumeric() => {
                        like.push(next);
                        length += 1;
                    }
                    _ => end(&mut like, &mut plain, &mut length),
                }
            }
            '*' | '?' if wildcards => {
                like.push(if c == '*' { '%' } else { '_' });
                plain = false;
            }
            c if is_ideograph(c) => {
                end(&mut like, &mut plain, &mut length);
                like.push(c);
                length = 1;
                end(&mut like, &mut plain, &mut length);
            }
            c if c.is_alphanumeric() => {
                like.push(c);
                length += 1;
            }
            _ => end(&mut like, &mut plain, &mut length),
        }
    }
    end(&mut like, &mut plain, &mut length);
    (!patterns.is_empty()).then_some(Wanted::Row(patterns))
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The words of a text: where each begins and ends, in bytes.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> + Clone + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(char::is_alphanumeric)?;
        let rest = text.get(start..)?;
        let first = rest.chars().next()?;
        let length = if is_ideograph(first) {
            first.len_utf8()
        } else {
            rest.find(|c: char| !c.is_alphanumeric() || is_ideograph(c)).unwrap_or(rest.len())
        };
        at = start + length;
        Some((start, at))
    })
}

/// Where these words stand in a row.
fn spans<'t>(text: &'t str, patterns: &'t [Pattern]) -> impl Iterator<Item = (usize, usize)> + 't {
    let mut rest = words(text);
    std::iter::from_fn(move || {
        loop {
            let from = rest.clone();
            let (start, _) = rest.next()?;
            let mut end = start;
            let mut following = from;
            let holds = patterns.iter().all(|pattern| {
                following.next().is_some_and(|(from, to)| {
                    end = to;
                    text.get(from..to).is_some_and(|word| pattern.like.matches(word))
                })
            });
            if holds {
                return Some((start, end));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(search: &str, texts: &[&str]) -> bool {
        let search = tidegate_soql::parse_sosl(&format!("FIND {{{search}}}")).unwrap();
        Wanted::new(&search.find).unwrap().matches(texts)
    }

    #[test]
    fn what_is_found() {
        for (search, text, expected) in [
            ("acme", "ACME Corp.", true),
            ("acm", "ACME Corp.", false),
            ("acm*", "ACME Corp.", true),
            ("a?me", "ACME Corp.", true),
            ("a?e", "ACME Corp.", false),
            ("*me", "ACME Corp.", false),
            ("corp acme", "ACME Corp.", true),
            ("\"corp acme\"", "ACME Corp.", false),
            ("\"acme corp\"", "ACME, Corp.", true),
            ("acme OR zeta", "Zeta", true),
            ("acme AND zeta", "Zeta", false),
            ("zeta AND NOT acme", "Zeta", true),
            ("zeta AND NOT acme", "Zeta Acme", false),
            ("a OR b AND c", "a", true),
            ("(a OR b) AND c", "a", false),
            ("x@y.example", "<x@y.example>", true),
            ("x@y.example", "y example x", false),
            (r"555\-1212", "(415) 555-1212", true),
            ("4155551212", "(415) 555-1212", false),
            ("zürich", "ZÜRICH", true),
            ("本", "日本語", true),
            ("\"日本\"", "日本語", true),
            ("\"本日\"", "日本語", false),
            (r"100\%", "100% cotton", true),
        ] {
            assert_eq!(finds(search, &[text]), expected, "{search} in {text}");
        }
        assert!(finds("acme zeta", &["Acme", "Zeta"]), "words may stand in different fields");
        assert!(!finds("\"acme zeta\"", &["Acme", "Zeta"]), "a phrase may not");
    }

    #[test]
    fn marks_stand_around_whole_words() {
        let marked = |search: &str, text: &str| {
            let search = tidegate_soql::parse_sosl(&format!("FIND {{{search}}}")).unwrap();
            Wanted::new(&search.find).unwrap().highlighted(text)
        };
        assert_eq!(marked("salesforce", "Salesforce.com").as_deref(), Some("<mark>Salesforce</mark>.com"));
        assert_eq!(marked("a OR \"b c\"", "b, c a").as_deref(), Some("<mark>b, c</mark> <mark>a</mark>"));
        assert_eq!(marked("sales*", "Salesforce.com"), None);
        assert_eq!(marked("other", "Salesforce.com"), None);
    }

    #[test]
    fn short_and_empty_searches_are_told() {
        let wanted =
            |search: &str| Wanted::new(&tidegate_soql::parse_sosl(&format!("FIND {{{search}}}")).unwrap().find);
        assert!(wanted(r"\-").is_none());
        assert!(wanted("*").is_none());
        for (search, long) in
            [("a", false), ("a*", false), ("ab", true), ("a b", false), ("\"a b\"", true), ("a OR bc", true)]
        {
            assert_eq!(wanted(search).unwrap().is_long_enough(), long, "{search}");
        }
    }
}
