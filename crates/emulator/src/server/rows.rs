//! Rows that are made when they are looked at: a large org's are made ahead in the background, as far as memory is
//! meant to hold them, and let go of beyond that.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::RecordId;
use crate::http::AppState;
use crate::schema::ObjectId;
use crate::store::{HELD_MAX, Row};

/// How often it is looked whether too many rows are held.
const LOOK: Duration = Duration::from_millis(500);
/// Rows that are made ahead at a time.
const PART: usize = 4_000;

/// Tends the rows until `stop` is cancelled.
pub(super) async fn tend(state: AppState, stop: CancellationToken) {
    let (ahead, stopped) = (state.clone(), stop.clone());
    // Nothing depends on it: a row that was not made ahead is made when it is looked at.
    let _ = tokio::task::spawn_blocking(move || make_ahead(&ahead, &stopped)).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if state.org.read().store.is_overfull() {
            let state = state.clone();
            let _ = tokio::task::spawn_blocking(move || state.org.write().store.trim()).await;
        }
    }
}

/// Makes all rows of an org that fits into memory, on half of the processors. The org is held only while rows are
/// listed.
fn make_ahead(state: &AppState, stop: &CancellationToken) {
    let objects: Vec<ObjectId> = {
        let org = state.org.read();
        if org.store.tables().map(|(_, table)| table.len()).sum::<usize>() > HELD_MAX {
            return;
        }
        org.store.tables().map(|(object, _)| object).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
    for object in objects {
        let mut next = RecordId::from_bytes([0; 15]);
        loop {
            let part: Vec<(RecordId, Arc<Row>)> = {
                let org = state.org.read();
                let table = org.store.table(object);
                let rows = table.into_iter().flat_map(|table| table.rows_from(next));
                rows.take(PART).map(|(id, row)| (id, Arc::clone(row))).collect()
            };
            let share = part.len().div_ceil(threads).max(1);
            std::thread::scope(|scope| {
                for share in part.chunks(share) {
                    scope.spawn(move || share.iter().for_each(|(_, row)| row.hold()));
                }
            });
            if stop.is_cancelled() {
                return;
            }
            match part.last() {
                // The last one is listed again; it is made already.
                Some((last, _)) if part.len() == PART => next = *last,
                _ => break,
            }
        }
    }
}
