//! Results of an earlier load: what they tell, and how they are moved out of the way.

use std::fmt::Write;
use std::path::PathBuf;

use tidegate_client::Client;
use tidegate_sync::load::{Earlier, Known, Names, Stretch};

use crate::failure::Failure;
use crate::output::counted;

/// Moves the files of an earlier load into a folder of their own.
pub(super) fn move_aside(names: &Names) -> Result<(), Failure> {
    let files = names.existing();
    if files.is_empty() {
        return Ok(());
    }
    let stem = names.ledger().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = stem.strip_suffix(".load.jsonl").unwrap_or(&stem).to_owned();
    let free = (1..).map(|n| names.dir().join(format!("{stem}.earlier-{n}"))).find(|folder| !folder.exists());
    let folder = free.unwrap_or_else(|| PathBuf::from(format!("{stem}.earlier")));
    let failed =
        |e: std::io::Error| Failure::failed(format!("cannot move results into {}", folder.display())).with_cause(&e);
    std::fs::create_dir(&folder).map_err(failed)?;
    for file in files {
        std::fs::rename(&file, folder.join(file.file_name().unwrap_or_default())).map_err(failed)?;
    }
    Ok(())
}

/// Says what an earlier load has done, as far as its ledger and the org know.
pub(super) async fn failure(earlier: &Earlier, client: &Client) -> Failure {
    let shown = earlier.ledger.display();
    let when = earlier.began.map(|at| format!(" of {at}")).unwrap_or_default();
    if let Some(tally) = earlier.ended {
        return Failure::usage(format!(
            "results of an earlier {}{when} are here: {} succeeded, {} failed, {} unprocessed, {} unknown ({shown})",
            earlier.operation, tally.succeeded, tally.failed, tally.unprocessed, tally.unknown
        ))
        .hint("--again loads once more and moves them aside; --results DIR writes elsewhere");
    }
    if earlier.stretches.is_empty() {
        let files: Vec<String> = earlier.files.iter().map(|file| file.display().to_string()).collect();
        return Failure::usage(format!("files of these names are here already: {}", files.join(", ")))
            .hint("--again moves them aside; --results DIR writes elsewhere");
    }
    let mut text =
        format!("an earlier {} into {}{when} did not come to its end; of its rows", earlier.operation, earlier.object);
    let mut repeat = true;
    for stretch in &earlier.stretches {
        let (words, safe) = known(stretch, client).await;
        repeat &= safe || earlier.repeatable;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n  lines {} to {} ({}): {words}",
            stretch.first_line,
            stretch.last_line,
            counted(stretch.rows, "row")
        );
    }
    let hint = if repeat {
        format!("nothing was made that could be made twice: --again loads the whole file; the ledger is {shown}")
    } else {
        format!(
            "look in the org for the rows that may be there, take those that are out of the file, then load it with \
             --again; --again with the same file would make records twice. The ledger is {shown}"
        )
    };
    Failure::usage(text).hint(hint)
}

/// What is known of some rows, and whether loading them again makes nothing twice.
async fn known(stretch: &Stretch, client: &Client) -> (String, bool) {
    match &stretch.known {
        Known::NotBegun => ("not begun, nothing was written".to_owned(), true),
        Known::Accounted(tally) => (
            format!("in the result files: {} succeeded, {} failed", tally.succeeded, tally.failed),
            tally.succeeded == 0 && tally.unknown == 0,
        ),
        Known::Sent => ("sent, and the answer is not known".to_owned(), false),
        Known::InJob { job, closed } => {
            // The org keeps a job for seven days, and knows more than we do.
            match client.bulk().ingest_job(job).await {
                Ok(found) if !closed && found.state == tidegate_client::bulk::JobState::Open => {
                    (format!("job {job} was not closed, nothing was written"), true)
                }
                Ok(found) => {
                    let processed = found.number_records_processed.unwrap_or(0);
                    let failed = found.number_records_failed.unwrap_or(0);
                    let words = format!(
                        "job {job} is {}: {} done, {failed} failed; its results are in the org for seven days",
                        found.state,
                        processed.saturating_sub(failed)
                    );
                    (words, found.state.is_final() && processed == failed)
                }
                Err(_) => (format!("in job {job}, which the org does not tell about"), false),
            }
        }
    }
}
