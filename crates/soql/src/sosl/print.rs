//! A search back into text. `parse_sosl(&search.to_string())` gives back the same search.

use std::fmt::{Display, Formatter, Result};

use super::{FieldGroup, Returning, Search, SearchExpr, SearchWith};
use crate::print::{join, quote_string, write_data_categories};

impl Display for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "FIND {{{}}}", self.find)?;
        if let Some(group) = self.group {
            write!(f, " IN {group} FIELDS")?;
        }
        if !self.returning.is_empty() {
            f.write_str(" RETURNING ")?;
            join(f, &self.returning, ", ")?;
        }
        for with in &self.with {
            write!(f, " WITH {with}")?;
        }
        if let Some(using) = &self.using {
            write!(f, " USING {using} SEARCH")?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if !self.update.is_empty() {
            f.write_str(" UPDATE ")?;
            join(f, &self.update, ", ")?;
        }
        Ok(())
    }
}

impl Display for SearchExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            SearchExpr::Word(text) => f.write_str(text),
            SearchExpr::Phrase(text) => write!(f, "\"{text}\""),
            SearchExpr::Not(inner) => {
                f.write_str("NOT ")?;
                part(f, inner)
            }
            SearchExpr::And(all) => chain(f, all, " AND "),
            SearchExpr::Or(all) => chain(f, all, " OR "),
        }
    }
}

fn chain(f: &mut Formatter<'_>, all: &[SearchExpr], operator: &str) -> Result {
    for (n, expr) in all.iter().enumerate() {
        if n > 0 {
            f.write_str(operator)?;
        }
        match expr {
            SearchExpr::Not(_) => write!(f, "{expr}")?,
            other => part(f, other)?,
        }
    }
    Ok(())
}

/// A chain inside another stands in parentheses.
fn part(f: &mut Formatter<'_>, expr: &SearchExpr) -> Result {
    match expr {
        SearchExpr::Word(_) | SearchExpr::Phrase(_) => write!(f, "{expr}"),
        chain => write!(f, "({chain})"),
    }
}

impl Display for FieldGroup {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            FieldGroup::All => "ALL",
            FieldGroup::Name => "NAME",
            FieldGroup::Email => "EMAIL",
            FieldGroup::Phone => "PHONE",
            FieldGroup::Sidebar => "SIDEBAR",
        })
    }
}

impl Display for Returning {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.object)?;
        if self.select.is_empty() {
            return Ok(());
        }
        f.write_str("(")?;
        join(f, &self.select, ", ")?;
        if let Some(view) = &self.list_view {
            write!(f, " USING ListView = {view}")?;
        }
        if let Some(lookup) = &self.lookup {
            write!(f, " USING LOOKUP {}", lookup.field)?;
            if !lookup.binds.is_empty() {
                write!(f, " BIND ")?;
                join(f, &lookup.binds, ", ")?;
            }
        }
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            join(f, &self.order_by, ", ")?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = &self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        f.write_str(")")
    }
}

impl Display for SearchWith {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            SearchWith::Division(name) => write!(f, "DIVISION = {}", quote_string(name)),
            SearchWith::DataCategory(categories) => write_data_categories(f, categories),
            SearchWith::Highlight => f.write_str("HIGHLIGHT"),
            SearchWith::Metadata(what) => write!(f, "METADATA = {}", quote_string(what)),
            SearchWith::Network(ids, false) => {
                write!(f, "NETWORK = {}", quote_string(ids.first().map_or("", String::as_str)))
            }
            SearchWith::Network(ids, true) => {
                let quoted: Vec<String> = ids.iter().map(|id| quote_string(id)).collect();
                write!(f, "NETWORK IN ({})", quoted.join(", "))
            }
            SearchWith::PricebookId(id) => write!(f, "PricebookId = {}", quote_string(id)),
            SearchWith::Snippet(None) => f.write_str("SNIPPET"),
            SearchWith::Snippet(Some(length)) => write!(f, "SNIPPET (target_length = {length})"),
            SearchWith::SpellCorrection(on) => write!(f, "SPELL_CORRECTION = {on}"),
        }
    }
}
