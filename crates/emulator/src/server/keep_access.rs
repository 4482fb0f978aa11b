//! Apps, passwords and tokens in a file of their own: they change often and are small, the org is neither.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{StartError, files};
use crate::http::AppState;
use crate::oauth::{Access, AccessImage};

/// The name of the file in the directory. Only its owner can read it.
const FILE: &str = "access.json";
/// Rest between two looks whether something changed.
const LOOK: Duration = Duration::from_secs(2);

/// What was kept in `dir`; nothing where nothing was.
pub(super) fn load(dir: &Path) -> Result<Access, StartError> {
    let Some(text) = files::read(&dir.join(FILE))? else { return Ok(Access::default()) };
    let image: AccessImage = serde_json::from_str(&text).map_err(StartError::Access)?;
    Ok(Access::from_image(image))
}

/// Keeps what changed, and once more when `stop` is cancelled. A crash loses the last two seconds.
pub(super) async fn keep(dir: PathBuf, state: AppState, stop: CancellationToken) {
    let mut kept = String::new();
    let mut stopped = false;
    while !stopped {
        tokio::select! {
            () = stop.cancelled() => stopped = true,
            () = tokio::time::sleep(LOOK) => {}
        }
        let (worker, path, last) = (state.clone(), dir.join(FILE), std::mem::take(&mut kept));
        let saved = tokio::task::spawn_blocking(move || {
            let image = worker.org.read().access.image(worker.now());
            let text = serde_json::to_string(&image).map_err(StartError::Access)?;
            if text != last {
                files::write(&path, text.as_bytes(), true)?;
            }
            Ok::<_, StartError>(text)
        });
        match saved.await {
            Ok(Ok(text)) => kept = text,
            Ok(Err(error)) => tracing::warn!(%error, "could not keep the tokens"),
            Err(error) => tracing::warn!(%error, "could not keep the tokens"),
        }
    }
}
