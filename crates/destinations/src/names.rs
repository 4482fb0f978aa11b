//! From API names to names in a database, and quoting.

use sha2::{Digest, Sha256};

/// The longest identifier that every destination here takes: Postgres cuts longer ones in silence.
const NAME_BYTES_MAX: usize = 63;

/// Columns that every Postgres table has (documentation, "System Columns").
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The table that replicates an object: its API name. Postgres folds to lower case, so that nobody has to quote.
pub fn table_name(object: &str, lower_case: bool) -> String {
    fit(object, lower_case)
}

/// The column that replicates a field: its API name, with the same rule. A name that Postgres keeps for itself gets
/// an underscore.
pub fn column_name(field: &str, lower_case: bool) -> String {
    let name = fit(field, lower_case);
    if lower_case && SYSTEM_COLUMNS.contains(&name.as_str()) { name + "_" } else { name }
}

/// The table in which a snapshot is staged.
pub(crate) fn stage_name(table: &str) -> String {
    fit(&format!("_tidegate_stage_{table}"), false)
}

/// Cuts a name that is too long and ends it with a hash of the whole, so that two long names never meet.
fn fit(name: &str, lower_case: bool) -> String {
    let name = if lower_case { name.to_lowercase() } else { name.to_owned() };
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let hash = Sha256::digest(name.as_bytes());
    let mark = format!("_{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
    let mut end = NAME_BYTES_MAX - mark.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &name[..end])
}

/// A quoted identifier: reserved words, capitals and quotes are all right.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let a = "A".repeat(80) + "__c";
        let b = "A".repeat(81) + "__c";
        let (a, b) = (column_name(&a, false), column_name(&b, false));
        assert_eq!((a.len(), b.len()), (63, 63));
        assert_ne!(a, b);
        assert_eq!(column_name(&"x".repeat(63), false).len(), 63);
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("Order"), "\"Order\"");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
