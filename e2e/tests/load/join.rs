//! Results joined back to their rows although the org gives them in an order of its own and without numbers.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tidegate_sync::load::{LoadOperation, Transport};

use crate::bench::Bench;

/// Rows with many equals, some of which the org refuses: each result is of a row with the same values, and the ids that
/// are told are those of records with these values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_result_is_of_a_row_with_its_values() {
    let bench = Bench::start().await;
    for seed in 0..25 {
        let mut random = StdRng::seed_from_u64(seed);
        let order = ["kept", "reversed", "shuffled"][random.random_range(0..3)];
        let every = random.random_range(2..9);
        bench
            .plan_job(json!({"action": {"order": order, "rows": {"every": every, "status_code": "ENTITY_IS_LOCKED"}}}));
        let rows = random.random_range(1..260);
        let kinds = random.random_range(1..=rows);
        let mut csv = String::from("LastName,Description,Note,Email\n");
        let mut lines = BTreeMap::new();
        let mut line = 2;
        for _ in 0..rows {
            let n = random.random_range(0..kinds);
            let text = ["plain", "with \"\"quotes\"\", and\nlines\nin it", " blanks ", ""][n % 4];
            let email = if n % 5 == 0 { "not an email" } else { "" };
            csv += &format!("J{seed}x{n},\"{text}\",note,{email}\n");
            lines.insert(line, n);
            line += 1 + text.matches('\n').count() as u64;
        }
        let mut options = bench.options(LoadOperation::Insert, Transport::Bulk);
        options.ignored.push("Note".into());
        let loaded = bench.load(&csv, options).await.unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        assert_eq!(loaded.report.tally.unknown + loaded.report.tally.unprocessed, 0, "seed {seed}");
        assert_eq!(loaded.told.keys().copied().collect::<Vec<_>>(), lines.keys().copied().collect::<Vec<_>>());
        let names = bench.stored("Contact", "LastName");
        let texts = bench.stored("Contact", "Description");
        let mut ids = std::collections::BTreeSet::new();
        for (line, told) in &loaded.told {
            let name = format!("J{seed}x{}", lines[line]);
            assert_eq!(told.values[0], name, "seed {seed}, line {line}");
            if told.kind == "success" {
                assert_eq!(names[&told.id].as_deref(), Some(name.as_str()), "seed {seed}, line {line}");
                let text = texts[&told.id].clone().unwrap_or_default();
                assert_eq!(text.trim(), told.values[1].trim(), "seed {seed}, line {line}");
                assert!(ids.insert(told.id.clone()), "seed {seed}: {} is told twice", told.id);
                assert!(told.values[3].is_empty());
            }
        }
        let stored = names.values().flatten().filter(|name| name.starts_with(&format!("J{seed}x"))).count();
        assert_eq!(stored as u64, loaded.report.tally.succeeded, "seed {seed}");
    }
}
