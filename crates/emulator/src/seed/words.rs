//! The seed's vocabulary, read from the embedded word lists.

use std::sync::OnceLock;

use super::rng::Rng;

/// Names and places of one language.
#[derive(Debug, Default)]
pub(super) struct Language {
    weight: u64,
    pub(super) given: Vec<&'static str>,
    pub(super) family: Vec<&'static str>,
    pub(super) city: Vec<&'static str>,
    pub(super) region: Vec<&'static str>,
    pub(super) country: Vec<&'static str>,
    pub(super) street: Vec<&'static str>,
    pub(super) postal: &'static str,
    pub(super) company: Vec<&'static str>,
    pub(super) legal: Vec<&'static str>,
    pub(super) title: Vec<&'static str>,
}

/// All word lists.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) languages: Vec<Language>,
    weights: u64,
    pub(super) awkward: Vec<String>,
    pub(super) subject: Vec<&'static str>,
    pub(super) opportunity: Vec<&'static str>,
    pub(super) note: Vec<&'static str>,
    pub(super) department: Vec<&'static str>,
    pub(super) product: Vec<&'static str>,
}

impl Words {
    pub(super) fn get() -> &'static Self {
        static WORDS: OnceLock<Words> = OnceLock::new();
        WORDS.get_or_init(|| {
            let mut words = Self::default();
            words.read_people(include_str!("../../data/words/people.txt"));
            words.read_office(include_str!("../../data/words/office.txt"));
            let awkward = include_str!("../../data/words/awkward.txt").lines();
            words.awkward = awkward.filter(|line| !line.starts_with("# ")).map(unescape).collect();
            words
        })
    }

    /// A language, the common ones more often.
    pub(super) fn language(&self, rng: &mut Rng) -> &Language {
        static NONE: Language = Language {
            weight: 0,
            given: Vec::new(),
            family: Vec::new(),
            city: Vec::new(),
            region: Vec::new(),
            country: Vec::new(),
            street: Vec::new(),
            postal: "",
            company: Vec::new(),
            legal: Vec::new(),
            title: Vec::new(),
        };
        let mut at = rng.below(self.weights);
        for language in &self.languages {
            if at < language.weight {
                return language;
            }
            at -= language.weight;
        }
        &NONE
    }

    fn read_people(&mut self, text: &'static str) {
        for line in lines(text) {
            let (key, rest) = line;
            if key == "language" {
                self.languages.push(Language::default());
            }
            let Some(language) = self.languages.last_mut() else { continue };
            // A comma with a blank behind it belongs to the word.
            let list = || split(rest);
            match key {
                "weight" => language.weight = rest.parse().unwrap_or(1),
                "given" => language.given = list(),
                "family" => language.family = list(),
                "city" => language.city = list(),
                "region" => language.region = list(),
                "country" => language.country = list(),
                "street" => language.street = list(),
                "postal" => language.postal = rest,
                "company" => language.company = list(),
                "legal" => language.legal = list(),
                "title" => language.title = list(),
                _ => {}
            }
        }
        self.weights = self.languages.iter().map(|l| l.weight).sum();
    }

    fn read_office(&mut self, text: &'static str) {
        for (key, rest) in lines(text) {
            match key {
                "subject" => self.subject.push(rest),
                "opportunity" => self.opportunity.push(rest),
                "note" => self.note.push(rest),
                "department" => self.department.push(rest),
                "product" => self.product.push(rest),
                _ => {}
            }
        }
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

fn split(text: &'static str) -> Vec<&'static str> {
    let (mut found, mut start) = (Vec::new(), 0);
    for (at, _) in text.match_indices(',') {
        if !text[at + 1..].starts_with(' ') {
            found.push(&text[start..at]);
            start = at + 1;
        }
    }
    found.push(&text[start..]);
    found
}

fn unescape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let hex = chars.as_str().strip_prefix('{').and_then(|h| h.split_once('}'));
                if let Some((hex, tail)) = hex {
                    out.extend(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
                    chars = tail.chars();
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_filled() {
        let words = Words::get();
        assert!(words.languages.len() >= 16);
        for l in &words.languages {
            for list in [&l.given, &l.family, &l.city, &l.region, &l.country, &l.street, &l.company, &l.legal, &l.title]
            {
                assert!(!list.is_empty() && list.iter().all(|w| !w.is_empty() && w.trim() == *w), "{l:?}");
            }
            assert!(l.weight > 0 && !l.postal.is_empty() && l.street.iter().all(|s| s.contains('#')), "{l:?}");
        }
        for list in [&words.subject, &words.opportunity, &words.note, &words.department, &words.product] {
            assert!(list.len() >= 5);
        }
    }

    #[test]
    fn awkward_texts_hold_what_they_promise() {
        let words = &Words::get().awkward;
        for needle in ["\n", "\r\n", "\t", "\u{1}", "\u{7f}", "\"", ",", "\\", "\u{feff}", "👨‍👩‍👧‍👦", "=1+1", "\u{10ffff}"]
        {
            assert!(words.iter().any(|w| w.contains(needle)), "{needle:?}");
        }
        for text in words {
            assert!(!text.is_empty() && !text.contains('\0'), "{text:?}");
            assert_eq!(text.trim_matches([' ', '\t', '\r', '\n']), text, "stored text is trimmed");
        }
    }
}
