//! The text form in which objects' facts are kept: one line for each field, child relationship and picklist value,
//! and nothing written that [`Field::new`] and [`ObjectFlags::default`] already say.
//!
//! ```text
//! # a comment
//! object Account | Account | Accounts | 001
//! flags +mergeable -deepCloneable
//! events
//! scope mine | My accounts
//! url defaultValues
//! child Contact.AccountId | Contacts | cascade
//! field Rating | picklist(40) | Account Rating |
//!   Hot
//! * Warm | shown as this
//! ! Cold
//! field OwnerId | reference | Owner ID | -nillable +defaultedOnCreate to=User as=Owner
//! ```
//!
//! `removed` holds the place of a field that was deleted. Labels and values write `\p` for `|`, `\n` for a line end and
//! `\\` for the backslash.
//!
//! Picklist values follow their field; the first two characters say whether one is the default (`* `) or inactive
//! (`! `). Members of describe go by their own names: `+unique` where the type's default is false, `-filterable`
//! where it is true.

use std::fmt::Write as _;

use super::{ChildRelationship, Field, FieldType, ObjectFlags, ObjectType, PicklistValue, Scope};

/// A line of facts that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("facts line {line}: {what}")]
pub struct FactsError {
    /// 1-based.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

type Flag<T> = (&'static str, fn(&mut T) -> &mut bool);

const OBJECT_FLAGS: &[Flag<ObjectFlags>] = &[
    ("activateable", |o| &mut o.activateable),
    ("compactLayoutable", |o| &mut o.compact_layoutable),
    ("createable", |o| &mut o.createable),
    ("customSetting", |o| &mut o.custom_setting),
    ("deepCloneable", |o| &mut o.deep_cloneable),
    ("deletable", |o| &mut o.deletable),
    ("feedEnabled", |o| &mut o.feed_enabled),
    ("layoutable", |o| &mut o.layoutable),
    ("mergeable", |o| &mut o.mergeable),
    ("mruEnabled", |o| &mut o.mru_enabled),
    ("queryable", |o| &mut o.queryable),
    ("replicateable", |o| &mut o.replicateable),
    ("retrieveable", |o| &mut o.retrieveable),
    ("searchLayoutable", |o| &mut o.search_layoutable),
    ("searchable", |o| &mut o.searchable),
    ("triggerable", |o| &mut o.triggerable),
    ("undeletable", |o| &mut o.undeletable),
    ("updateable", |o| &mut o.updateable),
];

const FIELD_FLAGS: &[Flag<Field>] = &[
    ("custom", |f| &mut f.custom),
    ("nillable", |f| &mut f.nillable),
    ("createable", |f| &mut f.createable),
    ("updateable", |f| &mut f.updateable),
    ("permissionable", |f| &mut f.permissionable),
    ("calculated", |f| &mut f.calculated),
    ("autoNumber", |f| &mut f.auto_number),
    ("defaultedOnCreate", |f| &mut f.defaulted_on_create),
    ("externalId", |f| &mut f.external_id),
    ("unique", |f| &mut f.unique),
    ("idLookup", |f| &mut f.id_lookup),
    ("caseSensitive", |f| &mut f.case_sensitive),
    ("filterable", |f| &mut f.filterable),
    ("sortable", |f| &mut f.sortable),
    ("groupable", |f| &mut f.groupable),
    ("aggregatable", |f| &mut f.aggregatable),
    ("nameField", |f| &mut f.name_field),
    ("namePointing", |f| &mut f.name_pointing),
    ("polymorphicForeignKey", |f| &mut f.polymorphic_foreign_key),
    ("cascadeDelete", |f| &mut f.cascade_delete),
    ("restrictedDelete", |f| &mut f.restricted_delete),
    ("writeRequiresMasterRead", |f| &mut f.write_requires_master_read),
    ("restrictedPicklist", |f| &mut f.restricted_picklist),
    ("dependentPicklist", |f| &mut f.dependent_picklist),
    ("htmlFormatted", |f| &mut f.html_formatted),
    ("queryByDistance", |f| &mut f.query_by_distance),
    ("displayLocationInDecimal", |f| &mut f.display_location_in_decimal),
    ("searchPrefilterable", |f| &mut f.search_prefilterable),
    ("highScaleNumber", |f| &mut f.high_scale_number),
];

type Text = (&'static str, fn(&mut Field) -> &mut Option<String>);

const FIELD_TEXTS: &[Text] = &[
    ("as", |f| &mut f.relationship_name),
    ("children", |f| &mut f.child_relationship_name),
    ("in", |f| &mut f.compound_field_name),
    ("info", |f| &mut f.extra_type_info),
    ("default", |f| &mut f.default_value),
    ("defaultFormula", |f| &mut f.default_value_formula),
    ("formula", |f| &mut f.calculated_formula),
    ("number", |f| &mut f.auto_number_format),
    ("controller", |f| &mut f.controller_name),
    ("help", |f| &mut f.inline_help_text),
];

/// Reads one object.
///
/// # Errors
///
/// The first line that is not in the form above.
pub fn parse(text: &str) -> Result<ObjectType, FactsError> {
    let mut object = ObjectType::default();
    for (at, line) in text.lines().enumerate() {
        read_line(&mut object, line).map_err(|what| FactsError { line: at + 1, what })?;
    }
    object.index();
    Ok(object)
}

fn read_line(object: &mut ObjectType, line: &str) -> Result<(), String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    for (mark, active, default_value) in [("  ", true, false), ("* ", true, true), ("! ", false, false)] {
        if let Some(value) = line.strip_prefix(mark) {
            let field = object.fields.last_mut().ok_or("a picklist value before any field")?;
            let mut parts = value.split(" | ");
            let value = plain(parts.next().unwrap_or_default());
            let label = parts.next().map_or_else(|| value.clone(), plain);
            let valid_for = parts.next().map(str::to_owned);
            field.picklist.push(PicklistValue { active, default_value, label, valid_for, ..PicklistValue::new(value) });
            return Ok(());
        }
    }
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut parts = rest.split(" | ");
    let mut part = || parts.next().map(|p| p.strip_suffix(" |").unwrap_or(p));
    match word {
        "object" => {
            object.name = part().ok_or("no name")?.to_owned();
            object.custom = ["__c", "__e", "__mdt"].iter().any(|kind| object.name.ends_with(kind));
            object.label = plain(part().ok_or("no label")?);
            object.label_plural = plain(part().ok_or("no plural label")?);
            object.key_prefix = part().and_then(|p| p.as_bytes().try_into().ok());
        }
        "flags" => {
            for flag in rest.split_whitespace() {
                set_flag(&mut object.flags, OBJECT_FLAGS, flag)?;
            }
        }
        "events" => object.change_events = true,
        "scope" => {
            let name = part().ok_or("no name")?.to_owned();
            object.scopes.push(Scope { name, label: plain(part().ok_or("no label")?) });
        }
        "url" => object.urls.push(rest.to_owned()),
        "child" => object.children.push(read_child(part().unwrap_or_default(), part(), part().unwrap_or_default())?),
        "field" => {
            let name = part().ok_or("no name")?;
            let ty = part().ok_or("no type")?;
            let label = part().ok_or("no label")?;
            object.fields.push(read_field(name, ty, &plain(label), part().unwrap_or_default())?);
        }
        "removed" => object.fields.push(Field::removed()),
        _ => return Err(format!("unknown word `{word}`")),
    }
    Ok(())
}

fn set_flag<T>(of: &mut T, flags: &[Flag<T>], text: &str) -> Result<(), String> {
    let value = text.starts_with('+');
    let name = text.strip_prefix(['+', '-']).ok_or_else(|| format!("`{text}` has no sign"))?;
    let (_, flag) = flags.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("unknown member `{name}`"))?;
    *flag(of) = value;
    Ok(())
}

fn read_child(place: &str, relationship: Option<&str>, marks: &str) -> Result<ChildRelationship, String> {
    let (child_object, field) = place.split_once('.').ok_or("a child is Object.Field")?;
    let mut child = ChildRelationship {
        child_object: child_object.into(),
        field: field.into(),
        relationship_name: relationship.filter(|r| *r != "-").map(str::to_owned),
        cascade_delete: false,
        restricted_delete: false,
        deprecated_and_hidden: false,
        junction_id_list_names: Vec::new(),
        junction_reference_to: Vec::new(),
    };
    for mark in marks.split_whitespace() {
        match mark.split_once('=') {
            None if mark == "cascade" => child.cascade_delete = true,
            None if mark == "restrict" => child.restricted_delete = true,
            Some(("junction", names)) => child.junction_id_list_names = list(names),
            Some(("junctionTo", names)) => child.junction_reference_to = list(names),
            _ => return Err(format!("unknown mark `{mark}`")),
        }
    }
    Ok(child)
}

/// What stands behind a backslash.
fn escaped(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        'p' => '|',
        c => c,
    }
}

/// A label or value as it is.
fn plain(text: &str) -> String {
    let mut chars = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(escaped)),
            c => out.push(c),
        }
    }
    out
}

/// A label or value as a line can hold it.
fn on_a_line(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('|', "\\p");
    text.replace('\n', "\\n").replace('\r', "\\r")
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn read_field(name: &str, ty: &str, label: &str, attributes: &str) -> Result<Field, String> {
    let (ty, size) = match ty.strip_suffix(')').and_then(|t| t.split_once('(')) {
        Some((ty, size)) => (ty, size),
        None => (ty, ""),
    };
    let ty = FieldType::from_name(ty).ok_or_else(|| format!("unknown type `{ty}`"))?;
    let sizes = size.split(',').filter(|s| !s.is_empty()).map(|s| s.parse().map_err(|_| format!("`{s}` is no number")));
    let sizes: Vec<u32> = sizes.collect::<Result<_, _>>()?;
    let mut field = Field::new(name, label, ty, sizes.first().copied().unwrap_or(0));
    match (ty, sizes.as_slice()) {
        (FieldType::Int, [digits]) => field.digits = *digits,
        (FieldType::Double | FieldType::Currency | FieldType::Percent, [precision, scale]) => {
            (field.precision, field.scale) = (*precision, *scale);
        }
        (_, []) => {}
        (_, [_]) if ty.is_text() => {}
        _ => return Err(format!("`{size}` does not fit the type")),
    }
    for attribute in attributes_of(attributes) {
        if attribute.starts_with(['+', '-']) {
            set_flag(&mut field, FIELD_FLAGS, &attribute)?;
            continue;
        }
        let (key, value) = attribute.split_once('=').ok_or_else(|| format!("`{attribute}` has no value"))?;
        match key {
            "to" => field.reference_to = list(value),
            "bytes" => field.byte_length = value.parse().map_err(|_| format!("`{value}` is no number"))?,
            "blanks" | "summary" => super::calculated::read_attribute(&mut field, key, value)?,
            "order" => field.relationship_order = Some(value.parse().map_err(|_| format!("`{value}` is no number"))?),
            _ => {
                let (_, text) =
                    FIELD_TEXTS.iter().find(|(k, _)| *k == key).ok_or_else(|| format!("unknown attribute `{key}`"))?;
                *text(&mut field) = (!value.is_empty()).then(|| value.to_owned());
            }
        }
    }
    Ok(field)
}

/// Splits at blanks outside double quotes; `\"` and `\\` inside them stand for themselves.
fn attributes_of(text: &str) -> Vec<String> {
    let (mut found, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => word.extend(chars.next().map(escaped)),
            ' ' if !quoted => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// Writes one object in the form that [`parse`] reads. `heading` becomes comment lines.
pub fn render(object: &ObjectType, heading: &str) -> String {
    let mut out = String::new();
    for line in heading.lines() {
        push(&mut out, format_args!("# {line}"));
    }
    let prefix = object.key_prefix.map_or(String::from("-"), |p| String::from_utf8_lossy(&p).into_owned());
    let (label, plural) = (on_a_line(&object.label), on_a_line(&object.label_plural));
    push(&mut out, format_args!("object {} | {label} | {plural} | {prefix}", object.name));
    let flags = differing(&mut object.flags.clone(), &mut ObjectFlags::default(), OBJECT_FLAGS);
    if !flags.is_empty() {
        push(&mut out, format_args!("flags {}", flags.join(" ")));
    }
    if object.change_events {
        push(&mut out, format_args!("events"));
    }
    for scope in &object.scopes {
        push(&mut out, format_args!("scope {} | {}", scope.name, on_a_line(&scope.label)));
    }
    for url in &object.urls {
        push(&mut out, format_args!("url {url}"));
    }
    for field in &object.fields {
        render_field(&mut out, field);
    }
    for child in &object.children {
        let name = child.relationship_name.as_deref().unwrap_or("-");
        let mut marks = Vec::new();
        if child.cascade_delete {
            marks.push("cascade".to_owned());
        }
        if child.restricted_delete {
            marks.push("restrict".to_owned());
        }
        for (key, names) in [("junction", &child.junction_id_list_names), ("junctionTo", &child.junction_reference_to)]
        {
            if !names.is_empty() {
                marks.push(format!("{key}={}", names.join(",")));
            }
        }
        let line = format!("child {}.{} | {name} | {}", child.child_object, child.field, marks.join(" "));
        push(&mut out, format_args!("{}", line.trim_end_matches([' ', '|'])));
    }
    out
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

fn differing<T>(is: &mut T, base: &mut T, flags: &[Flag<T>]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, flag) in flags {
        let on = *flag(is);
        if on != *flag(base) {
            found.push(format!("{}{name}", if on { '+' } else { '-' }));
        }
    }
    found
}

fn render_field(out: &mut String, field: &Field) {
    if field.is_removed() {
        return push(out, format_args!("removed"));
    }
    let (mut is, mut base) = (field.clone(), Field::new("", "", field.ty, field.length));
    let size = match field.ty {
        FieldType::Int => format!("({})", field.digits),
        FieldType::Double | FieldType::Currency | FieldType::Percent => {
            format!("({},{})", field.precision, field.scale)
        }
        ty if ty.is_text() => format!("({})", field.length),
        _ => String::new(),
    };
    let mut attributes = differing(&mut is, &mut base, FIELD_FLAGS);
    if !field.reference_to.is_empty() {
        attributes.push(format!("to={}", field.reference_to.join(",")));
    }
    for (key, text) in FIELD_TEXTS {
        if text(&mut is) != text(&mut base) {
            let value = text(&mut is).clone().unwrap_or_default();
            if value.contains([' ', '"', '\\', '|', '\n', '\r']) {
                let value = on_a_line(&value).replace('"', "\\\"");
                attributes.push(format!("{key}=\"{value}\""));
            } else {
                attributes.push(format!("{key}={value}"));
            }
        }
    }
    attributes.extend(super::calculated::attributes(field));
    if field.byte_length != base.byte_length {
        attributes.push(format!("bytes={}", field.byte_length));
    }
    if let Some(order) = field.relationship_order {
        attributes.push(format!("order={order}"));
    }
    let line = format!(
        "field {} | {}{size} | {} | {}",
        field.name,
        field.ty.name(),
        on_a_line(&field.label),
        attributes.join(" ")
    );
    push(out, format_args!("{}", line.trim_end_matches([' ', '|'])));
    for value in &field.picklist {
        let mark = if value.default_value {
            "*"
        } else if value.active {
            " "
        } else {
            "!"
        };
        let (own, label) = (on_a_line(&value.value), on_a_line(&value.label));
        match &value.valid_for {
            Some(valid_for) => push(out, format_args!("{mark} {own} | {label} | {valid_for}")),
            None if value.label == value.value => push(out, format_args!("{mark} {own}")),
            None => push(out, format_args!("{mark} {own} | {label}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::standard::{ADDED, FACTS};
    use super::*;

    #[test]
    fn embedded_facts_survive_a_round_trip() {
        for (name, text) in FACTS.iter().chain(ADDED) {
            let object = parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(object.name, *name);
            assert_eq!(parse(&render(&object, "again")).unwrap(), object, "{name}");
        }
    }

    #[test]
    fn says_which_line_cannot_be_read() {
        for (text, line, what) in [
            ("  Hot", 1, "a picklist value before any field"),
            ("object A | B", 1, "no plural label"),
            ("object A | B | C | 001\nfield X | what | X", 2, "unknown type `what`"),
            ("object A | B | C | 001\n\nfield X | string(80) | X | +nice", 3, "unknown member `nice`"),
            ("field X | string(a) | X", 1, "`a` is no number"),
            ("field X | boolean(3) | X", 1, "`3` does not fit the type"),
            ("field X | string(3) | X | default", 1, "`default` has no value"),
            ("child X", 1, "a child is Object.Field"),
            ("nonsense", 1, "unknown word `nonsense`"),
        ] {
            assert_eq!(parse(text), Err(FactsError { line, what: what.into() }), "{text}");
        }
    }

    #[test]
    fn quoted_attributes_keep_blanks_and_quotes() {
        let mut field = Field::new("X", "X", FieldType::String, 10);
        field.default_value = Some(r#"a "b" \ c"#.into());
        field.label = "a | b \\ c".into();
        field.inline_help_text = Some("one\ntwo | three".into());
        field.picklist.push(PicklistValue { label: "L | M".into(), ..PicklistValue::new("V | W\\n") });
        field.picklist.push(PicklistValue { valid_for: Some("gAAA".into()), ..PicklistValue::new("X") });
        let mut object = ObjectType::new("O", "O | P", "Os", Some(*b"001"));
        object.fields.extend([field, Field::removed()]);
        assert_eq!(parse(&render(&object, "")).unwrap().fields, object.fields);
    }
}
