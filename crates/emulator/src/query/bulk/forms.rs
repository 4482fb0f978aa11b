//! A Bulk query's rows as the records of Bulk API 1.0: JSON and XML, parents as records of their own.

use std::fmt::Write as _;
use std::ops::Range;

use jiff::tz::TimeZone;

use super::super::format::{People, formatted};
use super::super::json::push_string;
use super::super::select::Show;
use super::super::text::{push_bare, push_instant, push_time};
use super::super::value::Cell;
use super::{BulkColumn, BulkSelection};
use crate::bulk::xml::push_element;
use crate::schema::FieldType;

/// What stands at one place of a record: a value, or the members of a parent.
enum Member<'a> {
    Value(&'a str, &'a BulkColumn),
    /// With which of the parents it is.
    Parent(&'a str, Option<usize>, Vec<Member<'a>>),
}

impl BulkSelection {
    /// Writes these rows as JSON objects with commas between them, and one before the first where rows go before it.
    /// Dates and date-times are numbers, milliseconds since 1970 (observed).
    pub fn write_json(&self, range: Range<usize>, version: u16, out: &mut Vec<u8>) {
        let members = self.members();
        let mut text = String::new();
        for n in range.start..range.end.min(self.len()) {
            if n > 0 {
                text.push(',');
            }
            self.json_record(&mut text, n, None, version, &members);
        }
        out.extend_from_slice(text.as_bytes());
    }

    /// Writes these rows as `records` elements.
    pub fn write_xml(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let members = self.members();
        let mut text = String::new();
        for n in range.start..range.end.min(self.len()) {
            text.push_str("<records xsi:type=\"sObject\">");
            self.xml_record(&mut text, n, None, &members);
            text.push_str("</records>");
        }
        out.extend_from_slice(text.as_bytes());
    }

    /// The columns, those of one parent together.
    fn members(&self) -> Vec<Member<'_>> {
        let columns: Vec<(&str, &BulkColumn)> = self.header.iter().map(String::as_str).zip(&self.columns).collect();
        self.nest(&columns, "")
    }

    fn nest<'a>(&'a self, columns: &[(&'a str, &'a BulkColumn)], prefix: &str) -> Vec<Member<'a>> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for (name, column) in columns {
            match name.split_once('.') {
                None => members.push(Member::Value(name, column)),
                Some((parent, _)) if done.contains(&parent) => {}
                Some((parent, _)) => {
                    done.push(parent);
                    let of_parent = |(name, column): &(&'a str, &'a BulkColumn)| {
                        let (of, rest) = name.split_once('.')?;
                        (of == parent).then_some((rest, *column))
                    };
                    let inner: Vec<_> = columns.iter().filter_map(of_parent).collect();
                    let path = format!("{prefix}{parent}");
                    let place = self.paths.iter().find(|(known, _)| *known == path).map(|(_, place)| *place);
                    members.push(Member::Parent(parent, place, self.nest(&inner, &format!("{path}."))));
                }
            }
        }
        members
    }

    fn json_record(&self, out: &mut String, n: usize, parent: Option<usize>, version: u16, members: &[Member<'_>]) {
        let Some(record) = self.record(n, parent) else { return out.push_str("null") };
        let name = &self.schema.object(record.object).name;
        let url = format!("/services/data/v{version}.0/sobjects/{name}/{}", record.id);
        out.push_str("{\"attributes\":{\"type\":");
        push_string(out, name);
        out.push_str(",\"url\":");
        push_string(out, &url);
        out.push('}');
        for member in members {
            out.push(',');
            match member {
                Member::Value(name, column) => {
                    push_string(out, name);
                    out.push(':');
                    json_value(out, self.cell(n, column), column.show, &self.people);
                }
                Member::Parent(name, place, inner) => {
                    push_string(out, name);
                    out.push(':');
                    self.json_record(out, n, *place, version, inner);
                }
            }
        }
        out.push('}');
    }

    fn xml_record(&self, out: &mut String, n: usize, parent: Option<usize>, members: &[Member<'_>]) {
        let Some(record) = self.record(n, parent) else { return };
        push_element(out, "type", &self.schema.object(record.object).name);
        // An id stands there whether it was asked for or not.
        if !members.iter().any(|member| matches!(member, Member::Value("Id", _))) {
            nil(out, "Id");
        }
        for member in members {
            match member {
                Member::Value(name, column) => xml_value(out, name, self.cell(n, column), column.show, &self.people),
                Member::Parent(name, place, _) if self.record(n, *place).is_none() => nil(out, name),
                Member::Parent(name, place, inner) => {
                    let _ = write!(out, "<{name} xsi:type=\"sObject\">");
                    self.xml_record(out, n, *place, inner);
                    let _ = write!(out, "</{name}>");
                }
            }
        }
    }
}

fn json_value(out: &mut String, cell: Cell<'_>, show: Show, people: &People) {
    if let Show::Formatted(ty) = show {
        return push_string(out, &formatted(cell, ty, people, None));
    }
    match cell {
        Cell::Null if show == Show::Plain(FieldType::Boolean) => out.push_str("false"),
        Cell::Null => out.push_str("null"),
        Cell::Text(text) => push_string(out, text),
        Cell::Bool(_) | Cell::Int(_) | Cell::Decimal(_) | Cell::Float(_) => push_bare(out, cell, show),
        Cell::Date(date) => {
            let midnight = date.to_zoned(TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_millisecond());
            let _ = write!(out, "{midnight}");
        }
        Cell::DateTime(ms) => {
            let _ = write!(out, "{ms}");
        }
        // Unconfirmed: a time of day as text, as everywhere else.
        Cell::Time(ms) => {
            out.push('"');
            push_time(out, i64::from(ms));
            out.push_str("Z\"");
        }
        Cell::Id(id) => push_string(out, &id.to_string()),
    }
}

fn xml_value(out: &mut String, name: &str, cell: Cell<'_>, show: Show, people: &People) {
    if cell.is_null() && show != Show::Plain(FieldType::Boolean) {
        return nil(out, name);
    }
    let mut text = String::new();
    match (cell, show) {
        (cell, Show::Formatted(ty)) => text = formatted(cell, ty, people, None),
        (Cell::Null, _) => text.push_str("false"),
        (Cell::Text(value), _) => text.push_str(value),
        (Cell::Date(date), _) => text = date.to_string(),
        (Cell::DateTime(ms), _) => {
            push_instant(&mut text, ms);
            text.push('Z');
        }
        (Cell::Time(ms), _) => {
            push_time(&mut text, i64::from(ms));
            text.push('Z');
        }
        (Cell::Id(id), _) => text = id.to_string(),
        (bare, show) => push_bare(&mut text, bare, show),
    }
    push_element(out, name, &text);
}

fn nil(out: &mut String, name: &str) {
    let _ = write!(out, "<{name} xsi:nil=\"true\"/>");
}
