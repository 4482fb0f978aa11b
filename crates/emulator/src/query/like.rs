//! `LIKE` patterns: `%` for any run, `_` for exactly one character, without regard to case.

use super::value::upper;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Run,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Like {
    tokens: Vec<Token>,
    case_sensitive: bool,
}

impl Like {
    /// From the literal, in which `\%`, `\_` and `\\` mean the characters themselves.
    pub(crate) fn new(pattern: &str, case_sensitive: bool) -> Self {
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            let token = match c {
                '%' => Token::Run,
                '_' => Token::One,
                '\\' => match chars.next_if(|next| matches!(next, '%' | '_' | '\\')) {
                    Some(escaped) => Token::Char(escaped),
                    None => Token::Char('\\'),
                },
                c if case_sensitive => Token::Char(c),
                c => Token::Char(upper(c)),
            };
            if !(token == Token::Run && tokens.last() == Some(&Token::Run)) {
                tokens.push(token);
            }
        }
        Self { tokens, case_sensitive }
    }

    /// Whether what it matches begins with a text that is known, so that an index can find it.
    pub(crate) fn begins_with_text(&self) -> bool {
        matches!(self.tokens.first(), Some(Token::Char(_)))
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        // Where to go on from when a character does not match: after the last `%`, one character later.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            let next = rest.next();
            match (self.tokens.get(at), next) {
                (Some(Token::Run), _) => {
                    rest = before;
                    at += 1;
                    if at == self.tokens.len() {
                        return true;
                    }
                    retry = Some((at, rest.clone()));
                    continue;
                }
                (None, None) => return true,
                (Some(Token::One), Some(_)) => {
                    at += 1;
                    continue;
                }
                (Some(Token::Char(expected)), Some(c))
                    if *expected == if self.case_sensitive { c } else { upper(c) } =>
                {
                    at += 1;
                    continue;
                }
                // The text is used up: a longer run after `%` would only leave less of it.
                (Some(_), None) => return false,
                _ => {}
            }
            match &mut retry {
                Some((token, from)) => {
                    if from.next().is_none() {
                        return false;
                    }
                    at = *token;
                    rest = from.clone();
                }
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("abc", "ABC", true),
            ("a%", "", false),
            ("%", "", true),
            ("a%", "Abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("_", "日", true),
            ("__", "日", false),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("a\\_b", "a_b", true),
            ("a\\_b", "axb", false),
            (r"a\\%", r"a\xyz", true),
            (r"a\\%", "a%", false),
            ("%ab%ab", "abxab", true),
            ("%ab%ab", "abab", true),
            ("%ab%ab", "aab", false),
            ("%aab", "aaab", true),
            ("a%b%c", "a--b--b--c", true),
            ("a%b%c", "a--b--b--cd", false),
            ("é%", "Éa", true),
            ("a\nb", "a\nb", true),
            ("%", "a\nb", true),
        ] {
            assert_eq!(Like::new(pattern, false).matches(text), expected, "{pattern} {text}");
        }
        assert!(!Like::new("a%", true).matches("Abc"));
    }
}
