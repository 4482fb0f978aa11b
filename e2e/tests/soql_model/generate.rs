//! Random queries, as text. They are valid by their making: what is checked here is what they mean.

use crate::random::Random;
use crate::world::{Kind, Object, TAGS, TEXTS, day, instant, object};

/// A query.
pub(crate) fn query(random: &mut Random) -> String {
    let root = object(random.pick(&["Item__c", "Item__c", "Item__c", "Firm__c", "Line__c"]));
    match random.below(10) {
        0 => format!("SELECT COUNT() FROM {}{}{}", root.name, filter(root, random), page(random)),
        1..=3 => grouped(root, random),
        4 => overall(root, random),
        _ => rows(root, random),
    }
}

fn filter(root: &Object, random: &mut Random) -> String {
    if random.one_in(8) {
        return String::new();
    }
    let mut joins = 2;
    format!(" WHERE {}", condition(root, random, 3, true, &mut joins))
}

fn page(random: &mut Random) -> String {
    let mut text = String::new();
    if random.one_in(3) {
        text.push_str(&format!(" LIMIT {}", random.below(40)));
    }
    if random.one_in(6) {
        text.push_str(&format!(" OFFSET {}", random.below(30)));
    }
    text
}

fn rows(root: &Object, random: &mut Random) -> String {
    let mut select = vec!["Id".to_owned()];
    for _ in 0..random.below(4) {
        let (path, kind) = path(root, random);
        if !select.contains(&path) && (kind != Kind::Id || path.contains('.')) {
            select.push(path);
        }
    }
    if !root.children.is_empty() && random.one_in(4) {
        let (relationship, of, _) = random.pick(root.children);
        let child = object(of);
        let limit = if random.one_in(2) { format!(" LIMIT {}", random.below(4)) } else { String::new() };
        let (filter, order) = (filter_without_joins(child, random), order(child, random));
        select.push(format!("(SELECT Id FROM {relationship}{filter}{order}{limit})"));
    }
    let (filter, order) = (filter(root, random), order(root, random));
    format!("SELECT {} FROM {}{filter}{order}{}", select.join(", "), root.name, page(random))
}

fn filter_without_joins(root: &Object, random: &mut Random) -> String {
    if random.one_in(2) {
        return String::new();
    }
    format!(" WHERE {}", condition(root, random, 2, false, &mut 0))
}

fn order(root: &Object, random: &mut Random) -> String {
    let mut keys: Vec<String> = Vec::new();
    for _ in 0..random.below(3) {
        let (path, kind) = path(root, random);
        if kind == Kind::Multi || keys.iter().any(|key| key.split(' ').next() == Some(&path)) {
            continue;
        }
        keys.push(format!("{path}{}{}", direction(random), nulls(random)));
    }
    if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) }
}

fn direction(random: &mut Random) -> &'static str {
    random.pick(&["", " ASC", " DESC"])
}

fn nulls(random: &mut Random) -> &'static str {
    random.pick(&["", "", " NULLS FIRST", " NULLS LAST"])
}

/// A field, of the object itself or of its parents.
fn path(root: &Object, random: &mut Random) -> (String, Kind) {
    let mut at: &Object = root;
    let mut text = String::new();
    while !at.parents.is_empty() && text.matches('.').count() < 4 && random.one_in(3) {
        let (name, _, parent) = at.parents[0];
        text.push_str(name);
        text.push('.');
        at = object(parent);
    }
    let field = random.pick(at.fields);
    text.push_str(field.name);
    (text, field.kind)
}

/// A condition. `free`: joined to the top by AND alone, where semi-joins may stand.
fn condition(root: &Object, random: &mut Random, depth: usize, free: bool, joins: &mut usize) -> String {
    if depth == 0 || random.one_in(2) {
        return comparison(root, random, free, joins);
    }
    let mut parts = |free: bool, random: &mut Random| -> Vec<String> {
        (0..2 + random.below(2))
            .map(|_| {
                let part = condition(root, random, depth - 1, free, joins);
                let is_chain = part.contains(" AND ") || part.contains(" OR ") || part.starts_with("NOT ");
                if is_chain { format!("({part})") } else { part }
            })
            .collect()
    };
    match random.below(5) {
        0 | 1 => parts(free, random).join(" AND "),
        2 | 3 => parts(false, random).join(" OR "),
        _ => format!("NOT ({})", condition(root, random, depth - 1, false, joins)),
    }
}

fn comparison(root: &Object, random: &mut Random, free: bool, joins: &mut usize) -> String {
    if free
        && *joins > 0
        && random.one_in(4)
        && let Some(join) = semi_join(root, random)
    {
        *joins -= 1;
        return join;
    }
    if random.one_in(12) {
        let dates: Vec<_> = root.fields.iter().filter(|f| matches!(f.kind, Kind::Date | Kind::DateTime)).collect();
        if !dates.is_empty() {
            return date_function(random.pick(&dates).name, random);
        }
    }
    let (path, kind) = path(root, random);
    if random.one_in(8) {
        return format!("{path} {} NULL", random.pick(&["=", "!="]));
    }
    test(&path, kind, random)
}

fn date_function(field: &str, random: &mut Random) -> String {
    let (function, most) = random.pick(&[
        ("CALENDAR_YEAR", 2028),
        ("CALENDAR_MONTH", 12),
        ("CALENDAR_QUARTER", 4),
        ("DAY_IN_MONTH", 31),
        ("DAY_IN_WEEK", 7),
        ("DAY_IN_YEAR", 366),
        ("FISCAL_QUARTER", 4),
        ("FISCAL_YEAR", 2028),
    ]);
    let value = if most > 2000 { most - random.below(4) } else { 1 + random.below(most) };
    format!("{function}({field}) {} {value}", random.pick(&["=", "!=", "<", "<=", ">", ">="]))
}

fn soql_text(text: &str) -> String {
    tidegate_soql::quote_string(text)
}

fn list(random: &mut Random, mut one: impl FnMut(&mut Random) -> String, nulls: bool) -> String {
    let mut all: Vec<String> = (0..1 + random.below(4)).map(|_| one(random)).collect();
    if nulls && random.one_in(5) {
        all.push("NULL".to_owned());
    }
    format!("({})", all.join(", "))
}

/// A comparison that fits the kind.
pub(crate) fn test(path: &str, kind: Kind, random: &mut Random) -> String {
    let relation = random.pick(&["=", "!=", "<", "<=", ">", ">="]);
    let equality = random.pick(&["=", "!="]);
    let within = random.pick(&["IN", "NOT IN"]);
    match kind {
        Kind::Text => {
            let text = |random: &mut Random| soql_text(random.pick(TEXTS));
            match random.below(4) {
                0 => format!("{path} LIKE {}", pattern(random)),
                1 => format!("{path} {within} {}", list(random, text, true)),
                _ => format!("{path} {relation} {}", text(random)),
            }
        }
        Kind::Pick(values) => {
            let value = |random: &mut Random| soql_text(random.pick(&[values[0], values[1], "zinc", "OPEN", "None"]));
            match random.below(4) {
                0 => format!("{path} {within} {}", list(random, value, true)),
                1 => format!("{path} LIKE '%{}%'", random.pick(&["e", "N", "p"])),
                _ => format!("{path} {relation} {}", value(random)),
            }
        }
        Kind::Multi => {
            let set = |random: &mut Random| {
                let n = 1 + random.below(2);
                let mut tags: Vec<&str> = (0..n).map(|_| random.pick(TAGS)).collect();
                tags.dedup();
                soql_text(&tags.join(";"))
            };
            match random.below(3) {
                0 => format!("{path} {equality} {}", set(random)),
                1 => format!("{path} INCLUDES {}", list(random, set, false)),
                _ => format!("{path} EXCLUDES {}", list(random, set, false)),
            }
        }
        Kind::Number => {
            let number = |random: &mut Random| {
                (random.pick(&["-3.5", "0", "1", "2.00", "2.5", "10", "99.99", "500"])).to_owned()
            };
            if random.one_in(4) {
                format!("{path} {within} {}", list(random, number, true))
            } else {
                format!("{path} {relation} {}", number(random))
            }
        }
        Kind::Bool => format!("{path} {equality} {}", random.pick(&["TRUE", "FALSE"])),
        Kind::Date => match random.below(3) {
            0 => format!("{path} {within} {}", list(random, |random| day(random).to_string(), true)),
            1 => format!("{path} {relation} {}", day(random)),
            _ => format!("{path} {relation} {}", date_literal(random)),
        },
        Kind::DateTime => match random.below(3) {
            0 => format!("{path} {relation} {}", instant(random)),
            _ => format!("{path} {relation} {}", date_literal(random)),
        },
        Kind::Id | Kind::Reference(_) => {
            // Ids of the emulator's own counting: some are there.
            let prefix = match kind {
                Kind::Reference(of) => {
                    if of == "Firm__c" {
                        "a10"
                    } else {
                        "a11"
                    }
                }
                _ => random.pick(&["a10", "a11", "a12"]),
            };
            let id = |random: &mut Random| {
                let number = 1 + random.below(30) as u64;
                let mut bytes = *prefix.as_bytes().first_chunk::<3>().expect("three characters");
                bytes.make_ascii_lowercase();
                soql_text(&tidegate_emulator::RecordId::new(bytes, *b"TG", number).to_string())
            };
            if random.one_in(2) {
                format!("{path} {within} {}", list(random, id, false))
            } else {
                format!("{path} {relation} {}", id(random))
            }
        }
    }
}

fn pattern(random: &mut Random) -> String {
    let pieces = ["%", "_", "a", "A", "lpha", "b\\\\_", "\\\\%", "é", "ZÜ", "ß", "t", "\\\\\\\\"];
    let text: String = (0..1 + random.below(4)).map(|_| random.pick(&pieces)).collect();
    // In a pattern a backslash stands before the sign that means itself.
    format!("'{}'", text.replace("\\\\", "\\"))
}

pub(crate) fn date_literal(random: &mut Random) -> String {
    let n = random.below(9);
    match random.below(24) {
        0 => "TODAY".to_owned(),
        1 => "YESTERDAY".to_owned(),
        2 => "TOMORROW".to_owned(),
        3 => format!("LAST_N_DAYS:{n}"),
        4 => format!("NEXT_N_DAYS:{n}"),
        5 => format!("N_DAYS_AGO:{n}"),
        6 => "LAST_90_DAYS".to_owned(),
        7 => "NEXT_90_DAYS".to_owned(),
        8 => format!("{}_WEEK", random.pick(&["THIS", "LAST", "NEXT"])),
        9 => format!("{}_MONTH", random.pick(&["THIS", "LAST", "NEXT"])),
        10 => format!("{}_QUARTER", random.pick(&["THIS", "LAST", "NEXT"])),
        11 => format!("{}_YEAR", random.pick(&["THIS", "LAST", "NEXT"])),
        12 => format!("{}_FISCAL_QUARTER", random.pick(&["THIS", "LAST", "NEXT"])),
        13 => format!("{}_FISCAL_YEAR", random.pick(&["THIS", "LAST", "NEXT"])),
        n_form => {
            let unit = ["WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR"][n_form % 6];
            match random.below(3) {
                0 => format!("LAST_N_{unit}S:{n}"),
                1 => format!("NEXT_N_{unit}S:{n}"),
                _ => format!("N_{unit}S_AGO:{n}"),
            }
        }
    }
}

/// `Id IN (SELECT …)`, where object and field go together.
fn semi_join(root: &Object, random: &mut Random) -> Option<String> {
    let (left, inner_field, inner) = match root.name {
        "Firm__c" => random.pick(&[("Id", "Firm__c", "Item__c")]),
        "Item__c" => random.pick(&[
            ("Id", "Item__c", "Line__c"),
            ("Firm__c", "Id", "Firm__c"),
            ("Firm__c", "Parent__c", "Firm__c"),
        ]),
        "Line__c" => random.pick(&[("Item__c", "Id", "Item__c")]),
        _ => return None,
    };
    let filter = filter_without_joins(object(inner), random);
    Some(format!("{left} {} (SELECT {inner_field} FROM {inner}{filter})", random.pick(&["IN", "NOT IN"])))
}

/// An aggregate and whether it gives a number.
fn aggregate(root: &Object, random: &mut Random) -> (String, bool) {
    let of = |kinds: fn(Kind) -> bool, random: &mut Random| {
        let fit: Vec<_> = root.fields.iter().filter(|f| kinds(f.kind)).collect();
        random.pick(&fit).name
    };
    let countable = |kind: Kind| !matches!(kind, Kind::Bool | Kind::Multi);
    let number = |kind: Kind| kind == Kind::Number;
    match random.below(6) {
        0 => ("COUNT(Id)".to_owned(), true),
        1 => (format!("COUNT({})", of(countable, random)), true),
        2 => (format!("COUNT_DISTINCT({})", of(countable, random)), true),
        3 => (format!("SUM({})", of(number, random)), true),
        4 => (format!("AVG({})", of(number, random)), true),
        _ => (format!("{}({})", random.pick(&["MIN", "MAX"]), of(countable, random)), false),
    }
}

fn aggregates(root: &Object, random: &mut Random) -> Vec<String> {
    (0..1 + random.below(3)).map(|n| format!("{} a{n}", aggregate(root, random).0)).collect()
}

fn overall(root: &Object, random: &mut Random) -> String {
    format!("SELECT {} FROM {}{}", aggregates(root, random).join(", "), root.name, filter(root, random))
}

fn grouped(root: &Object, random: &mut Random) -> String {
    let mut keys: Vec<String> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let (key, kind) = path(root, random);
        let last = key.rsplit('.').next().unwrap_or_default().to_owned();
        // Two keys of one name would need aliases; a number groups as it is, but is not groupable where it has decimals.
        let fits = !matches!(kind, Kind::Multi | Kind::DateTime | Kind::Number);
        if fits && !keys.iter().any(|known| known.rsplit('.').next() == Some(&last)) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        keys.push(if root.name == "Item__c" { "State__c".to_owned() } else { "Name".to_owned() });
    }
    let mut select: Vec<String> = keys.clone();
    select.extend(aggregates(root, random));
    let listed = keys.join(", ");
    let sets = random.below(5);
    let by = match sets {
        0 => format!("ROLLUP({listed})"),
        1 => format!("CUBE({listed})"),
        _ => listed,
    };
    if sets < 2 {
        select.extend(keys.iter().enumerate().map(|(n, key)| format!("GROUPING({key}) g{n}")));
    }
    let mut having = String::new();
    if random.one_in(3) {
        let relation = random.pick(&["=", "!=", "<", ">=", ">"]);
        let (aggregate, is_number) = aggregate(root, random);
        if is_number {
            having = format!(" HAVING {aggregate} {relation} {}", random.pick(&["0", "1", "2", "3", "10"]));
            if random.one_in(2) {
                having.push_str(&format!(" {} COUNT(Id) > 1", random.pick(&["AND", "OR"])));
            }
        }
    }
    // The keys in full make the order of the results certain, and so what a LIMIT leaves of them.
    let mut tail = String::new();
    if sets >= 2 && random.one_in(2) {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key}{}{}", direction(random), nulls(random))).collect();
        tail = format!(" ORDER BY {}{}", keys.join(", "), page(random));
    }
    let filter = filter(root, random);
    format!("SELECT {} FROM {}{filter} GROUP BY {by}{having}{tail}", select.join(", "), root.name)
}
