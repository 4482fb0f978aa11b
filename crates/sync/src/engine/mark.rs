//! The position that is noted before anything is loaded.

use tidegate_client::Error;
use tidegate_client::events::{Fetched, Replay, SubscriptionErrorKind};

use super::{Backoff, Engine};
use crate::error::{Phase, SyncError};
use crate::limits::TRIES_MAX;
use crate::{ChangeBatch, FollowCheckpoint, Progress, ReplayId};

impl Engine {
    /// Notes the channel's position and stores it. Everything that was committed before it is seen by queries that
    /// start later; everything after it will be followed.
    pub(crate) async fn mark(&self) -> Result<FollowCheckpoint, SyncError> {
        self.tell(Progress::Marking { channel: self.options.channel.clone() });
        // Taken before: what is committed after the position is committed after this moment.
        let commit_time = self.now();
        let replay_id = self.position(Replay::Latest).await?;
        let checkpoint = FollowCheckpoint { replay_id, commit_time, seen: Vec::new(), objects: Vec::new() };
        let batch = ChangeBatch { changes: Vec::new(), checkpoint: checkpoint.clone() };
        self.retry(|| Phase::Apply, || self.destination.apply(&batch)).await?;
        self.tell(Progress::Marked);
        Ok(checkpoint)
    }

    /// The position of the first answer. Its events, if it has any, were committed before it came, so that a query
    /// that starts now sees what they tell.
    pub(super) async fn position(&self, from: Replay) -> Result<ReplayId, SyncError> {
        let mut backoff = Backoff::new();
        loop {
            self.check_stop()?;
            let first = self.or_stop(self.first_answer(from.clone())).await?;
            match first {
                Ok(replay_id) => return Ok(ReplayId(replay_id)),
                Err(error) => self.again(&mut backoff, TRIES_MAX, SyncError::new(Phase::Mark, error)).await?,
            }
        }
    }

    async fn first_answer(&self, from: Replay) -> Result<Vec<u8>, Error> {
        let mut subscription = self.client.events().subscribe(&self.options.channel, from, 1).await?;
        loop {
            match subscription.next().await? {
                Some(Fetched { events, latest_replay_id, .. }) => {
                    let position = events.last().map_or(latest_replay_id, |e| e.replay_id.clone());
                    if !position.is_empty() {
                        return Ok(position);
                    }
                }
                None => return Err(closed(&self.options.channel)),
            }
        }
    }
}

/// The subscription said that it is over, which it does only when we end it.
pub(super) fn closed(channel: &str) -> Error {
    Error::Subscription(tidegate_client::SubscriptionError {
        kind: SubscriptionErrorKind::Unavailable,
        what: format!("following {channel}"),
        code: "closed".into(),
        message: "the subscription ended".into(),
        channel: Some(channel.to_owned()),
    })
}
