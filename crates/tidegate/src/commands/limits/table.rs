//! The table of limits, and the sentences under it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tidegate_client::budget::{BudgetReport, Kind, KindReport, Priority};
use tidegate_client::{BudgetSettings, Limit, about_limit};

use super::kind_of;
use crate::output;

/// Characters of a full bar.
const BAR: usize = 20;

pub(super) fn text(
    shown: &[(&str, &Limit)],
    budget: &BudgetReport,
    settings: &BudgetSettings,
    coloured: bool,
) -> String {
    let mut table = output::table(["LIMIT", "USED", "", "LEFT", "OF", "WHAT"]);
    let mut percents = vec![None];
    for (name, limit) in shown {
        table.add_row(row(name, limit, about_limit(name).1.unwrap_or("")));
        percents.push(limit.percent());
        for (part, limit) in &limit.parts {
            table.add_row(row(&format!("  {part}"), limit, ""));
            percents.push(limit.percent());
        }
    }
    for column in [1, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let mut text = output::table_text(&table);
    if coloured {
        let lines: Vec<String> =
            text.lines().zip(percents).map(|(line, percent)| coloured_bar(line, percent, settings)).collect();
        text = lines.join("\n");
    }
    let words = sentences(shown, budget, settings);
    if !words.is_empty() {
        text.push_str("\n\n");
        text.push_str(&words.join("\n"));
    }
    text
}

fn row(name: &str, limit: &Limit, about: &str) -> [String; 6] {
    let percent = limit.percent();
    [
        name.to_owned(),
        percent.map_or(String::new(), |percent| format!("{percent:.1} %")),
        percent.map_or(String::new(), bar),
        spelled(limit.remaining),
        spelled(limit.max),
        about.to_owned(),
    ]
}

/// The bar in green, from where we slow down in yellow, and from our share on in red.
fn coloured_bar(line: &str, percent: Option<f64>, settings: &BudgetSettings) -> String {
    let (Some(percent), Some(from)) = (percent, line.find('█')) else { return line.to_owned() };
    let colour = match percent {
        p if p >= settings.share => 31,
        p if p >= settings.slow_down => 33,
        _ => 32,
    };
    let to = line.rfind('█').map_or(from, |last| last + '█'.len_utf8());
    format!("{}\x1b[{colour}m{}\x1b[0m{}", &line[..from], &line[from..to], &line[to..])
}

/// A share as a bar. What is used at all shows, and what is not full does not look so.
fn bar(percent: f64) -> String {
    let full = (percent / 100.0 * BAR as f64).round().clamp(0.0, BAR as f64) as usize;
    let full = match full {
        0 if percent > 0.0 => 1,
        BAR if percent < 100.0 => BAR - 1,
        full => full,
    };
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// What the figures come to.
fn sentences(shown: &[(&str, &Limit)], budget: &BudgetReport, settings: &BudgetSettings) -> Vec<String> {
    let mut words = Vec::new();
    for (name, _) in shown {
        if let Some(report) = kind_of(name).and_then(|kind| budget.kind(kind)) {
            words.extend(of_kind(name, report, budget, settings));
        }
    }
    if budget.processes > 1 {
        words.push(format!("{} processes share this budget", budget.processes));
    }
    words
}

fn of_kind(name: &str, report: &KindReport, budget: &BudgetReport, settings: &BudgetSettings) -> Vec<String> {
    let mut words = Vec::new();
    let stop = report.stops.get(&settings.priority).copied().unwrap_or(0);
    if let Some(until) = report.stopped_until {
        words.push(format!("{name}: the org refused; we look again at {}", clock(until, budget.at)));
    } else if report.left == Some(0) {
        let more = match settings.priority {
            Priority::Interactive => "",
            _ => "; interactive work may have some left",
        };
        words.push(format!(
            "{name}: our share is used up: {} work stops at {}{more}",
            settings.priority,
            output::grouped(stop)
        ));
    } else if let Some(per_hour) = report.forecast.per_hour.filter(|rate| *rate >= 1.0) {
        let rate = output::grouped(per_hour.round() as u64);
        let share = percent(settings.share);
        words.push(match report.forecast.share_reached_at {
            Some(at) => {
                format!(
                    "{name}: at this rate ({rate} an hour) the share of {share} % is reached at {}",
                    clock(at, budget.at)
                )
            }
            None => format!("{name}: at this rate ({rate} an hour) the share of {share} % is not reached within a day"),
        });
    } else if report.kind == Kind::Requests && report.forecast.per_hour.is_none() {
        words.push(format!(
            "{name}: no forecast yet, as it takes figures of some minutes: use --watch, or name a `place` under [limits]"
        ));
    }
    if report.reserved > 0 || report.in_flight > 1 {
        words.push(format!(
            "{name}: {} reserved and {} under way by us",
            output::grouped(report.reserved),
            output::grouped(report.in_flight)
        ));
    }
    words
}

/// The time of day here; with the date where it is not today.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> String {
    let zone = TimeZone::system();
    let (at, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone));
    let day = at.date().to_string();
    let time = at.strftime("%H:%M").to_string();
    if at.date() == today.date() {
        time
    } else if today.date().checked_add(1.day()).is_ok_and(|tomorrow| tomorrow == at.date()) {
        format!("{time} tomorrow")
    } else {
        format!("{time} on {day}")
    }
}

/// `80`, `97.5`.
fn percent(share: f64) -> String {
    format!("{share:.1}").trim_end_matches(".0").to_owned()
}

/// Some orgs tell a negative rest: more was used than allowed.
fn spelled(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", output::grouped(n.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let filled = |percent| bar(percent).matches('█').count();
        assert_eq!([0.0, 0.01, 50.0, 99.9, 100.0, 140.0, -3.0].map(filled), [0, 1, 10, BAR - 1, BAR, BAR, 0]);
        assert!([0.0, 33.3, 100.0].iter().all(|percent| bar(*percent).chars().count() == BAR));
    }

    #[test]
    fn percentages() {
        assert_eq!([80.0, 97.5].map(percent), ["80", "97.5"]);
    }
}
