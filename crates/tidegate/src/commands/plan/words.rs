//! A plan for reading.

use tidegate_client::budget::Kind;
use tidegate_client::plan::{Part, Plan, PlanCost, Range, RowsKnown, Share};

use crate::output;

pub(super) fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for part in &plan.parts {
        of_part(part, plan.endless, &mut lines);
        lines.push(String::new());
    }
    if plan.parts.len() > 1 {
        lines.push(format!("Altogether: {}", spelled(&plan.total, plan.endless)));
        lines.push(String::new());
    }
    if !plan.shares.is_empty() {
        lines.extend(of_limits(&plan.shares));
        lines.push(String::new());
    }
    lines.push(verdict(plan));
    let ways: Vec<_> = plan
        .parts
        .iter()
        .flat_map(|part| part.api.into_iter().chain(part.alternatives.iter().map(|other| other.api)))
        .collect();
    let assumed: Vec<String> =
        plan.assumptions.spelled(&ways).into_iter().map(|(name, figure)| format!("{name} {figure}")).collect();
    lines.push(String::new());
    lines.push("Assumed (--assume to change):".to_owned());
    lines.extend(assumed.into_iter().map(|figure| format!("  {figure}")));
    lines.join("\n")
}

fn of_part(part: &Part, endless: bool, lines: &mut Vec<String>) {
    let how = match part.rows_known {
        RowsKnown::Exactly => "",
        RowsKnown::RecordCount => ", by the org's cached count",
        RowsKnown::Explained => ", by the query optimiser's estimate",
        RowsKnown::Unknown => ", assumed as nobody knows",
    };
    lines.push(format!("{}: {}{how}", part.object, amount(part.rows, "row")));
    let Some(api) = part.api else {
        lines.push(format!("  cannot be done: {}", part.why));
        alternatives(part, endless, lines);
        return;
    };
    lines.push(format!("  {api}: {}", part.why));
    let mut table = output::table(["  STEP", "CALLS", "DATA", if endless { "LAG" } else { "TIME" }]);
    for step in &part.steps {
        table.add_row(row(&format!("  {}", step.what), &step.cost));
    }
    if part.steps.len() > 1 {
        table.add_row(row("  in all", &part.cost));
    }
    right(&mut table, 1..4);
    lines.extend(output::table_text(&table).lines().map(str::to_owned));
    alternatives(part, endless, lines);
    for warning in &part.warnings {
        lines.push(format!("  note: {warning}"));
    }
}

fn row(what: &str, cost: &PlanCost) -> [String; 4] {
    let figure = |range: Range, words: fn(f64) -> String| {
        if range.high <= 0.0 { String::new() } else { between(range, words) }
    };
    [what.to_owned(), figure(cost.calls, count), figure(cost.bytes, size), figure(cost.seconds, time)]
}

fn alternatives(part: &Part, endless: bool, lines: &mut Vec<String>) {
    for other in &part.alternatives {
        let cost = match &other.cost {
            Some(cost) => format!(" ({})", spelled(cost, endless)),
            None => String::new(),
        };
        lines.push(format!("  not {}: {}{cost}", other.api, other.why_not));
    }
}

/// `12 to 15 calls, 1 job, 30 MB, 2 to 5 min`.
fn spelled(cost: &PlanCost, endless: bool) -> String {
    let mut words = Vec::new();
    for (range, one) in [
        (cost.calls, "call"),
        (cost.query_jobs, "query job"),
        (cost.ingest_jobs, "ingest job"),
        (cost.batches, "batch"),
        (cost.deliveries, "event"),
    ] {
        if range.high > 0.0 {
            words.push(amount(range, one));
        }
    }
    if cost.bytes.high > 0.0 {
        words.push(between(cost.bytes, size));
    }
    if cost.seconds.high > 0.0 {
        let lag = if endless { " behind" } else { "" };
        words.push(format!("{}{lag}", between(cost.seconds, time)));
    }
    words.join(", ")
}

fn of_limits(shares: &[Share]) -> Vec<String> {
    let mut table = output::table(["LIMIT", "TAKES", "USED NOW", "OF", "AFTER", "OURS TO"]);
    for share in shares {
        let words: fn(f64) -> String = if share.kind == Kind::QueryResultBytes { size } else { count };
        let mut cells = vec![share.kind.to_string(), between(share.needed, words)];
        match share.allowance {
            Some(allowance) => {
                let after = allowance.used as f64 + share.needed.high;
                let percent = if allowance.allowed > 0 { after * 100.0 / allowance.allowed as f64 } else { 100.0 };
                cells.extend([
                    words(allowance.used as f64),
                    words(allowance.allowed as f64),
                    format!("{percent:.1} %"),
                    words(allowance.stop as f64),
                ]);
                if !share.fits {
                    cells[4].push_str(" !");
                }
            }
            None => cells.extend(["", "not known", "", ""].map(str::to_owned)),
        }
        table.add_row(cells);
    }
    right(&mut table, 1..6);
    output::table_text(&table).lines().map(str::to_owned).collect()
}

fn verdict(plan: &Plan) -> String {
    if plan.parts.iter().any(|part| part.api.is_none()) {
        return "It cannot be done so.".to_owned();
    }
    let too_much: Vec<String> =
        plan.shares.iter().filter(|share| !share.fits).map(|share| share.kind.to_string()).collect();
    if !too_much.is_empty() {
        return format!("It does not fit into what is left to us of the {}.", too_much.join(" and "));
    }
    match plan.first_limit {
        Some(kind) => format!("It fits. The limit it would meet first: {kind}."),
        None => "It fits, as far as the limits are known.".to_owned(),
    }
}

fn right(table: &mut comfy_table::Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
}

/// `1 row`, `3 to 5 rows`.
fn amount(range: Range, one: &str) -> String {
    let text = between(range, count);
    let many = if one == "batch" { "batches".to_owned() } else { format!("{one}s") };
    if text == "1" { format!("1 {one}") } else { format!("{text} {many}") }
}

/// One figure where both ends read the same.
fn between(range: Range, words: fn(f64) -> String) -> String {
    let (low, high) = (words(range.low), words(range.high));
    if low == high {
        return high;
    }
    // The unit once where it is the same.
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, a)), Some((high, b))) if a == b => format!("{low} to {high} {b}"),
        _ => format!("{low} to {high}"),
    }
}

/// A count with the two or three digits that an estimate has.
fn count(n: f64) -> String {
    let n = n.round().max(0.0);
    let digits = if n < 1_000.0 { n } else { rounded(n, 3) };
    output::grouped(digits as u64)
}

fn rounded(n: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(n.log10().floor() as i32 + 1 - digits);
    (n / scale).round() * scale
}

fn size(bytes: f64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    for (unit, scale) in UNITS {
        if bytes >= scale * 0.95 {
            let n = bytes / scale;
            return if n < 9.95 { format!("{n:.1} {unit}") } else { format!("{} {unit}", count(n)) };
        }
    }
    format!("{} B", count(bytes))
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "1 s".to_owned(),
        s if s < 120.0 => format!("{} s", s.round()),
        s if s < 7_200.0 => format!("{} min", (s / 60.0).round()),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0.4, 12.0, 999.0, 1_234.0, 2_940_001.0].map(count), ["0", "12", "999", "1,230", "2,940,000"]);
        assert_eq!([12.0, 1_500.0, 97e6, 1.25e9, 976_562e6].map(size), ["12 B", "1.5 kB", "97 MB", "1.2 GB", "1.0 TB"]);
        assert_eq!([0.2, 59.6, 600.0, 8_000.0, 2e5].map(time), ["1 s", "60 s", "10 min", "2 h", "2 days"]);
        assert_eq!(between(Range::new(3.0, 60.0), time), "3 to 60 s");
        assert_eq!(between(Range::new(60.0, 600.0), time), "60 s to 10 min");
        assert_eq!(amount(Range::new(1.0, 1.2), "call"), "1 call");
    }
}
