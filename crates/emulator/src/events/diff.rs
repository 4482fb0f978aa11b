//! Long text told as a difference: what a large text field's event may carry in place of the value.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Documented: shorter values are always told whole.
const CHARACTERS_MIN: usize = 1_000;

/// The difference as a unified diff without context whose second line ends in the SHA-256 of the new value; `None` where
/// the value is told whole: it is short, its length differs by more than half, more than a quarter of its lines
/// changed, or the difference would be no shorter.
pub(super) fn difference(old: &str, new: &str) -> Option<String> {
    let (before, after) = (old.chars().count(), new.chars().count());
    if after < CHARACTERS_MIN || before.abs_diff(after) * 2 > before {
        return None;
    }
    let (a, b): (Vec<_>, Vec<_>) = (old.split('\n').collect(), new.split('\n').collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a_rest, b_rest) = (a.get(head..)?, b.get(head..)?);
    let tail = a_rest.iter().rev().zip(b_rest.iter().rev()).take_while(|(x, y)| x == y).count();
    let gone = a_rest.get(..a_rest.len() - tail)?;
    let come = b_rest.get(..b_rest.len() - tail)?;
    if gone.len().max(come.len()) * 4 > b.len() {
        return None;
    }
    let mut out = String::from("--- \n+++ ");
    for byte in Sha256::digest(new.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    // A hunk without lines on one side names the line before it.
    let start = |lines: usize| if lines == 0 { head } else { head + 1 };
    let _ = writeln!(out, "\n@@ -{},{} +{},{} @@", start(gone.len()), gone.len(), start(come.len()), come.len());
    for (mark, lines) in [('-', gone), ('+', come)] {
        for line in lines {
            let _ = writeln!(out, "{mark}{line}");
        }
    }
    (out.chars().count() < after).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a diff of one hunk, by its own reading of the format.
    fn apply(old: &str, diff: &str) -> String {
        let mut lines = diff.split_terminator('\n');
        assert_eq!(lines.next(), Some("--- "));
        let hash = lines.next().unwrap().strip_prefix("+++ ").unwrap();
        let hunk = lines.next().unwrap();
        let numbers: Vec<usize> =
            hunk.split(|c: char| !c.is_ascii_digit()).filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).collect();
        let [from, gone, _, come] = numbers[..] else { panic!("{hunk}") };
        let mut text: Vec<_> = old.split('\n').collect();
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), gone + come);
        let at = if gone == 0 { from } else { from - 1 };
        let removed: Vec<_> = lines[..gone].iter().map(|l| l.strip_prefix('-').unwrap()).collect();
        assert_eq!(text[at..at + gone], removed);
        text.splice(at..at + gone, lines[gone..].iter().map(|l| l.strip_prefix('+').unwrap()));
        let new = text.join("\n");
        let expected: String = Sha256::digest(new.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash, expected);
        new
    }

    #[test]
    fn a_difference_leads_from_the_old_value_to_the_new() {
        let line = |n: usize| format!("line {n} Ж of a text that is long enough to be told in parts");
        let old: Vec<String> = (0..40).map(line).collect();
        let edit = |f: &dyn Fn(&mut Vec<String>)| {
            let mut lines = old.clone();
            f(&mut lines);
            lines.join("\n")
        };
        for (what, new) in [
            ("a line changed", edit(&|l| l[7] = "another".into())),
            ("the first", edit(&|l| l[0] = "- another".into())),
            ("the last, with a line end", edit(&|l| l[39].push('\n'))),
            ("lines come", edit(&|l| drop(l.splice(3..3, ["a".into(), String::new()])))),
            ("lines go", edit(&|l| drop(l.drain(35..)))),
            ("at the front", edit(&|l| l.insert(0, "+".into()))),
        ] {
            let diff = difference(&old.join("\n"), &new).unwrap_or_else(|| panic!("{what}"));
            assert_eq!(apply(&old.join("\n"), &diff), new, "{what}");
        }
    }

    #[test]
    fn told_whole() {
        let lines = |n: usize, of: &str| vec![of; n].join("\n");
        for (what, old, new) in [
            ("short", lines(10, "x"), lines(11, "x")),
            ("half as long again", lines(500, "xy"), lines(800, "xy")),
            ("one line", "x".repeat(2_000), "y".repeat(2_000)),
            ("a third of the lines", lines(600, "xy"), lines(400, "xy") + "\n" + &lines(200, "ab")),
        ] {
            assert_eq!(difference(&old, &new), None, "{what}");
        }
    }
}
