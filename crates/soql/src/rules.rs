//! The names of all rules.

/// The rules that a finding can name, in order of the alphabet. A name stays what it is from version to version.
pub const RULES: &[&str] = &[
    "aggregate-in-subquery",
    "alias-without-aggregate",
    "apex-only",
    "bulk-aggregate",
    "bulk-base64",
    "bulk-compound",
    "bulk-fields",
    "bulk-function",
    "bulk-group-by",
    "bulk-limit",
    "bulk-offset",
    "bulk-order-by",
    "bulk-subquery",
    "bulk-typeof",
    "count-group-by",
    "count-order-by",
    "currency-literal",
    "data-categories",
    "data-category-object",
    "date-function",
    "deep-subquery",
    "distance-operator",
    "duplicate-alias",
    "duplicate-field",
    "fields-without-limit",
    "for-update-order-by",
    "formula-filter",
    "from-without-alias",
    "function-argument",
    "function-filter",
    "hidden-parent",
    "id-of-another-object",
    "id-shape",
    "leading-wildcard",
    "limit-on-aggregate",
    "literal-type",
    "long-string",
    "long-uri",
    "lookup-field",
    "mandatory-filter",
    "misplaced-function",
    "mixed-currency",
    "multipicklist-equality",
    "negative-filter",
    "nested-semi-join",
    "nested-subquery",
    "no-fields",
    "not-aggregatable",
    "not-filterable",
    "not-groupable",
    "not-queryable",
    "not-selective",
    "not-sortable",
    "null-filter",
    "null-operator",
    "offset-in-subquery",
    "offset-order",
    "offset-range",
    "one-currency",
    "operator-type",
    "or-unindexed",
    "parent-filter",
    "parent-levels",
    "picklist-value",
    "pushtopic-aggregate",
    "pushtopic-clause",
    "pushtopic-compound",
    "pushtopic-formula",
    "pushtopic-function",
    "pushtopic-id",
    "pushtopic-length",
    "pushtopic-not",
    "pushtopic-object",
    "pushtopic-relationship",
    "pushtopic-semi-join",
    "pushtopic-text",
    "scope-in-subquery",
    "search-length",
    "semi-join-not",
    "semi-join-object",
    "semi-join-or",
    "semi-join-path",
    "semi-join-same-object",
    "semi-join-target",
    "subquery-with-aggregate",
    "syntax",
    "text-comparison",
    "too-long-value",
    "too-many-parents",
    "too-many-semi-joins",
    "too-many-subqueries",
    "typeof-combined",
    "typeof-object",
    "typeof-one-object",
    "unbound-variable",
    "unbounded",
    "ungrouped-field",
    "ungrouped-function",
    "unindexed-filter",
    "unknown-child-relationship",
    "unknown-field",
    "unknown-function",
    "unknown-object",
    "unknown-relationship",
    "unknown-scope",
    "version",
    "with-condition",
];

#[cfg(test)]
mod tests {
    use super::RULES;

    /// The files in which rules are named.
    const SOURCES: &[&str] = &[
        include_str!("check/api.rs"),
        include_str!("check/calls.rs"),
        include_str!("check/columns.rs"),
        include_str!("check/filter.rs"),
        include_str!("check/group.rs"),
        include_str!("check/literal.rs"),
        include_str!("check/mod.rs"),
        include_str!("check/names.rs"),
        include_str!("check/objects.rs"),
        include_str!("check/query.rs"),
        include_str!("check/schema.rs"),
        include_str!("check/search.rs"),
        include_str!("check/selectivity.rs"),
        include_str!("check/threshold.rs"),
        include_str!("lint/clauses.rs"),
        include_str!("lint/filters.rs"),
        include_str!("lint/paths.rs"),
        include_str!("lint.rs"),
        include_str!("repair.rs"),
    ];

    #[test]
    fn the_list_is_whole() {
        let mut named: Vec<&str> = Vec::new();
        for source in SOURCES {
            let literals = source.split('"').skip(1).step_by(2);
            let is_rule = |text: &&str| {
                let words: Vec<&str> = text.split('-').collect();
                let plain = |word: &&str| {
                    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                };
                text.starts_with(|c: char| c.is_ascii_lowercase())
                    && words.iter().all(plain)
                    && (words.len() > 1 || RULES.contains(text))
            };
            named.extend(literals.filter(is_rule));
        }
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, RULES);
    }
}
