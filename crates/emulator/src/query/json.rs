//! Answers of the query resources, written straight into text.

use std::fmt::Write as _;

use super::aggregate::Group;
use super::currency::code_column;
use super::cursor::Cursors;
use super::dates::Calendar;
use super::expr::{Expr, Record, World, label};
use super::group::Groups;
use super::plan::{Env, Plan};
use super::run::rows;
use super::select::{Children, Out, Show};
use super::text::{push_bare, push_instant, push_time};
use super::value::Cell;
use crate::schema::FieldType;

/// Writes records.
#[derive(Debug)]
pub(crate) struct Writer<'w, 'a> {
    pub(crate) env: &'w Env<'a>,
    pub(crate) cursors: &'w Cursors,
    pub(crate) now: crate::Millis,
    /// Rows of one page.
    pub(crate) page: usize,
}

impl<'a> Writer<'_, 'a> {
    fn world(&self) -> World<'a> {
        self.env.world
    }

    /// A record with its `attributes`.
    pub(crate) fn record(&self, out: &mut String, plan: &Plan, fields: &[Out], record: Record<'a>) {
        out.push('{');
        self.attributes(out, record, false);
        self.fields(out, plan, fields, record, 0, Some(record));
        out.push('}');
    }

    fn attributes(&self, out: &mut String, record: Record<'a>, polymorphic: bool) {
        let name = &self.world().schema.object(record.object).name;
        // A polymorphic parent is read through the pseudo object `Name`; its URL tells the truth.
        let shown = if polymorphic { "Name" } else { name.as_str() };
        let version = self.env.version;
        let _ = write!(
            out,
            r#""attributes":{{"type":"{shown}","url":"/services/data/v{version}.0/sobjects/{name}/{}"}}"#,
            record.id
        );
    }

    fn fields(
        &self,
        out: &mut String,
        plan: &Plan,
        fields: &[Out],
        base: Record<'a>,
        slot: usize,
        here: Option<Record<'a>>,
    ) {
        for field in fields {
            out.push(',');
            push_string(out, field.key());
            out.push(':');
            self.field(out, plan, field, base, slot, here);
        }
    }

    fn field(
        &self,
        out: &mut String,
        plan: &Plan,
        field: &Out,
        base: Record<'a>,
        slot: usize,
        here: Option<Record<'a>>,
    ) {
        let world = self.world();
        match field {
            Out::Value { expr, show, .. } => {
                let cell = match (expr, here) {
                    // The record that is being written is at hand.
                    (Expr::Column(column), Some(record)) if column.slot == slot => world.read_at(record, &column.at),
                    _ => world.eval(&plan.source, base, expr),
                };
                if *show == Show::Blob {
                    match (expr, here) {
                        (Expr::Column(column), Some(record)) if !cell.is_null() => {
                            let object = &world.schema.object(record.object).name;
                            let version = self.env.version;
                            let _ = write!(
                                out,
                                r#""/services/data/v{version}.0/sobjects/{object}/{}/{}""#,
                                record.id, column.name
                            );
                        }
                        _ => out.push_str("null"),
                    }
                } else {
                    let iso = self.iso(plan, expr, *show, base);
                    push_cell(out, cell, *show, self.env.calendar, iso.as_deref());
                }
            }
            Out::Compound { parts, location, .. } => {
                let cells: Vec<Cell<'a>> =
                    parts.iter().map(|(_, c)| here.map_or(Cell::Null, |r| world.read_at(r, &c.at))).collect();
                let empty = if *location { cells.iter().any(Cell::is_null) } else { cells.iter().all(Cell::is_null) };
                if empty {
                    out.push_str("null");
                    return;
                }
                for (n, ((key, column), cell)) in parts.iter().zip(cells).enumerate() {
                    out.push(if n == 0 { '{' } else { ',' });
                    push_string(out, key);
                    out.push(':');
                    push_cell(out, cell, Show::Plain(column.ty), self.env.calendar, None);
                }
                out.push('}');
            }
            Out::Parent { slot, polymorphic, fields, .. } => match world.slot(&plan.source, base, *slot) {
                Some(parent) => {
                    out.push('{');
                    self.attributes(out, parent, *polymorphic);
                    self.fields(out, plan, fields, base, *slot, Some(parent));
                    out.push('}');
                }
                None => out.push_str("null"),
            },
            Out::TypeOf { when, otherwise, .. } => {
                let found = when
                    .iter()
                    .chain(otherwise)
                    .find_map(|(slot, fields)| Some((*slot, fields, world.slot(&plan.source, base, *slot)?)));
                match found {
                    Some((slot, fields, parent)) => {
                        out.push('{');
                        self.attributes(out, parent, false);
                        self.fields(out, plan, fields, base, slot, Some(parent));
                        out.push('}');
                    }
                    None => out.push_str("null"),
                }
            }
            Out::Children(children) => self.children(out, children, base),
        }
    }

    /// The currency that a formatted amount is in, in an org with several.
    fn iso(&self, plan: &Plan, expr: &Expr, show: Show, base: Record<'a>) -> Option<String> {
        let currencies = self.env.calendar.currencies.as_ref()?;
        if show != Show::Formatted(FieldType::Currency) {
            return None;
        }
        let Expr::Column(column) = expr else { return Some(currencies.user.clone()) };
        let code = code_column(self.world().schema, column.field?.0, column.slot)?;
        match self.world().column(&plan.source, base, &code) {
            Cell::Text(iso) => Some(iso.to_owned()),
            _ => Some(currencies.corporate.clone()),
        }
    }

    fn children(&self, out: &mut String, children: &Children, parent: Record<'a>) {
        let plan = &children.plan;
        let super::plan::Shape::Rows(fields) = &plan.shape else { return };
        let found = rows(self.world(), plan, Some((children.field, parent.id)));
        if found.is_empty() {
            out.push_str("null");
            return;
        }
        let _ = write!(out, r#"{{"totalSize":{}"#, found.len());
        if found.len() > self.page {
            let text = self.cursors.open_children(self.now, children, self.page, &found, self.env);
            let version = self.env.version;
            let _ = write!(
                out,
                r#","done":false,"nextRecordsUrl":"/services/data/v{version}.0/query/{text}-{}""#,
                self.page
            );
        } else {
            out.push_str(r#","done":true"#);
        }
        out.push_str(r#","records":["#);
        for (n, record) in found.iter().take(self.page).enumerate() {
            if n > 0 {
                out.push(',');
            }
            self.record(out, plan, fields, *record);
        }
        out.push_str("]}");
    }
}

/// An aggregate result.
pub(crate) fn push_group<'a>(out: &mut String, env: &Env<'a>, spec: &Groups, group: &Group<'a>) {
    out.push_str(r#"{"attributes":{"type":"AggregateResult"}"#);
    for (key, expr, show) in &spec.members {
        out.push(',');
        push_string(out, key);
        out.push(':');
        let mut cell = group.read(spec, expr);
        if let (Show::Label, Expr::Key(n)) = (show, expr)
            && let Some(key) = spec.keys.get(*n)
        {
            cell = label(env.world.schema, &key.column, cell);
        }
        // Aggregates are in the corporate currency.
        let iso = env.calendar.currencies.as_ref().map(|currencies| currencies.corporate.as_str());
        if cell.is_null() {
            // A key that is summed over is null, a checkbox too.
            out.push_str("null");
            continue;
        }
        push_cell(out, cell, *show, env.calendar, iso);
    }
    out.push('}');
}

/// A value as JSON. The user's settings, and the currency in an org with several, are for text that `FORMAT` makes.
pub(crate) fn push_cell(out: &mut String, cell: Cell<'_>, show: Show, calendar: &Calendar, iso: Option<&str>) {
    if let Show::Formatted(ty) = show
        && !cell.is_null()
    {
        return push_string(out, &super::format::formatted(cell, ty, &calendar.people, iso));
    }
    match cell {
        // A checkbox without a value, as behind a missing parent, is false.
        Cell::Null if show == Show::Plain(FieldType::Boolean) => out.push_str("false"),
        Cell::Null => out.push_str("null"),
        Cell::Text(text) => push_string(out, text),
        Cell::Bool(_) | Cell::Int(_) | Cell::Decimal(_) | Cell::Float(_) => push_bare(out, cell, show),
        Cell::Date(date) => {
            let _ = write!(out, "\"{date}\"");
        }
        Cell::DateTime(ms) => {
            out.push('"');
            push_instant(out, ms);
            out.push_str("+0000\"");
        }
        Cell::Time(ms) => {
            out.push('"');
            push_time(out, i64::from(ms));
            out.push_str("Z\"");
        }
        Cell::Id(id) => {
            let _ = write!(out, "\"{id}\"");
        }
    }
}

/// Text as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 | 0x7f => "",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_survive_a_parser() {
        for text in ["", "a\"b\\c", "\n\r\t\u{1}\u{7f}", "日本 🦀 é", "ends with \\", "\u{2028}"] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}
