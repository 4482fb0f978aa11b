//! The org's own plan of a query, read aloud.

use tidegate_client::{Client, Explain, Explanation, QueryPlan};

use crate::failure::Failure;
use crate::output::{grouped, table, table_text};

pub(super) async fn ask(client: &Client, soql: &str) -> Result<Explanation, Failure> {
    Ok(client.send(&Explain::new(soql)).await?)
}

/// The plans as a table, the best first, what the optimiser notes, and what that means.
pub(crate) fn text(explanation: &Explanation) -> String {
    let mut rows = table(["Plan", "Leads with", "Fields", "Finds", "Of", "Cost"]);
    for (n, plan) in explanation.plans.iter().enumerate() {
        rows.add_row([
            (n + 1).to_string(),
            operation(&plan.leading_operation_type).to_owned(),
            if plan.fields.is_empty() { "-".to_owned() } else { plan.fields.join(", ") },
            grouped(plan.cardinality),
            grouped(plan.sobject_cardinality),
            format!("{:.2}", plan.relative_cost),
        ]);
    }
    let mut text = table_text(&rows);
    let mut noted: Vec<String> = Vec::new();
    for note in explanation.plans.iter().flat_map(|plan| &plan.notes) {
        let fields = if note.fields.is_empty() { String::new() } else { format!("{}: ", note.fields.join(", ")) };
        // Every query filters by it, unless deleted records are asked for.
        let always = if note.fields == ["IsDeleted"] { " (as in every query)" } else { "" };
        let line = format!("note: {fields}{}{always}", note.description);
        if !noted.contains(&line) {
            noted.push(line);
        }
    }
    for line in noted {
        text.push('\n');
        text.push_str(&line);
    }
    if let Some(best) = explanation.plans.first() {
        text.push_str("\n=> ");
        text.push_str(&reading(best));
    }
    text.push('\n');
    text
}

fn operation(name: &str) -> &str {
    match name {
        "Index" => "an index",
        "TableScan" => "a full scan",
        "Sharing" => "sharing rules",
        "Other" => "another way",
        other => other,
    }
}

/// What the best plan means for whoever waits for it.
fn reading(best: &QueryPlan) -> String {
    let of = &best.sobject_type;
    let how = match best.leading_operation_type.as_str() {
        "Index" => format!("an index on {} leads", best.fields.join(", ")),
        "TableScan" => format!("all {} records of {of} are read", grouped(best.sobject_cardinality)),
        "Sharing" => "the records that the user may see are found by sharing rules first".to_owned(),
        other => format!("{} leads", operation(other)),
    };
    // Above 1 a plan is not selective (documented).
    if best.relative_cost > 1.0 {
        format!("{how}; a cost over 1 is not selective: expect this to be slow in a large object")
    } else {
        format!("{how}; a cost up to 1 is selective")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_aloud() {
        let plan = |operation: &str, fields: &[&str], cost: f64| QueryPlan {
            cardinality: 1234,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            leading_operation_type: operation.to_owned(),
            relative_cost: cost,
            sobject_cardinality: 5000,
            sobject_type: "Account".to_owned(),
            ..QueryPlan::default()
        };
        let explanation = Explanation {
            plans: vec![plan("Index", &["Name"], 0.4), plan("TableScan", &[], 1.3)],
            ..Explanation::default()
        };
        let text = text(&explanation);
        assert!(text.contains("1,234"), "{text}");
        assert!(text.ends_with("=> an index on Name leads; a cost up to 1 is selective\n"), "{text}");
        assert!(reading(&plan("TableScan", &[], 2.0)).contains("all 5,000 records of Account are read; a cost over 1"));
    }
}
