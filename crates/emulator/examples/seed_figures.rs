//! How long an org takes to make, and how large it is: `seed_figures [contacts] [number]`.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::time::Instant;

use tidegate_emulator::seed::Seed;
use tidegate_emulator::{Org, schema};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let contacts = arguments.next().map_or(Ok(100_000), |a| a.parse())?;
    let number = arguments.next().map_or(Ok(1), |a| a.parse())?;

    let start = Instant::now();
    let standard = schema::standard();
    println!("{} standard objects read in {:?}", standard.objects().len(), start.elapsed());

    let mut org = Org::default();
    let start = Instant::now();
    Seed { number, contacts }.fill(&mut org, 1_768_478_400_000)?;
    println!("filled in {:?}", start.elapsed());

    let (mut all, mut bytes) = (0, 0);
    for (object, table) in org.store.tables().filter(|(_, table)| !table.is_empty()) {
        let packed: usize = table.rows().map(|(_, row)| row.packed_len()).sum();
        let name = &org.schema.object(object).name;
        println!("{name:>18} {:>9} rows {:>6} bytes a row", table.len(), packed / table.len());
        all += table.len();
        bytes += packed;
    }
    println!("{all} rows, {} MB packed", bytes / 1_000_000);
    if let Some(line) = std::fs::read_to_string("/proc/self/status")?.lines().find(|l| l.starts_with("VmHWM")) {
        println!("{line}");
    }
    Ok(())
}
