//! The bytes of one upload, made while they are sent, and held against what was checked.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;

use super::check::Part;
use super::input::Row;
use super::limits::{PIECE_BYTES, PIECES_AHEAD};
use super::run::Work;
use super::wire::csv_line;

/// Which rows of a part are sent: all, or those marked by their places.
pub(crate) type Chosen = Option<Arc<Vec<bool>>>;

/// The CSV of a part.
pub(crate) fn csv(
    work: Arc<Work>,
    part: Part,
    chosen: Chosen,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + Unpin + 'static {
    let (send, mut receive) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(&work, &part, chosen.as_deref(), &send) {
            // Nobody listens any more when the upload was given up.
            let _ = send.blocking_send(Err(error));
        }
    });
    futures::stream::poll_fn(move |cx| receive.poll_recv(cx))
}

/// The last piece goes only when all rows were found to be those that were checked: without it the upload is not
/// complete, and the org takes nothing.
fn write(
    work: &Work,
    part: &Part,
    chosen: Option<&Vec<bool>>,
    send: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut rows = work.input.rows_from(part.offset, part.first_line)?;
    let mut row = Row::default();
    let mut running = work.prints.running();
    let mut piece = Vec::with_capacity(PIECE_BYTES + 4096);
    csv_line(work.columns.wire_header().map(Into::into), &mut piece);
    let mut line = Vec::new();
    for at in 0..part.rows {
        if !rows.read(&mut row)? {
            return Err(changed());
        }
        line.clear();
        csv_line(work.columns.cells(&row, &work.prefixes), &mut line);
        running.add(&line);
        if chosen.is_some_and(|chosen| !usize::try_from(at).is_ok_and(|at| chosen.get(at) == Some(&true))) {
            continue;
        }
        if piece.len() + line.len() > PIECE_BYTES && !piece.is_empty() {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE_BYTES + 4096));
            if send.blocking_send(Ok(full.into())).is_err() {
                return Ok(());
            }
        }
        piece.extend_from_slice(&line);
    }
    if running.finish() != part.fingerprint {
        return Err(changed());
    }
    // As above.
    let _ = send.blocking_send(Ok(piece.into()));
    Ok(())
}

/// What the stream ends with when the file is not what was checked.
fn changed() -> io::Error {
    io::Error::other(CHANGED)
}

pub(crate) const CHANGED: &str = "the file has changed since it was checked";
