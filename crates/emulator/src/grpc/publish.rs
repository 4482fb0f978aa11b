//! Publishing platform events.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::call::Caller;
use super::error::{Failure, new_rpc_id};
use super::proto::{Error, ErrorCode, PublishRequest, PublishResponse, PublishResult};
use crate::events::{ClientEvent, Topic};
use crate::http::state::AppState;

/// Events of one request (documented).
const EVENTS_MAX: usize = 200;

/// How often a quiet stream looks whether its token was revoked.
const TICK: Duration = Duration::from_millis(500);

/// Publishes the events of one request, each with a result of its own.
///
/// Errors: no topic, one that cannot be published to, no events or too many.
pub(super) fn publish(state: &AppState, request: PublishRequest) -> Result<PublishResponse, Status> {
    if !request.auth_refresh.is_empty() {
        return Err(Failure::PublishAuthRefresh.status());
    }
    if request.topic_name.trim().is_empty() {
        return Err(Failure::PublishTopicEmpty.status());
    }
    if request.events.is_empty() || request.events.len() > EVENTS_MAX {
        return Err(Failure::PublishEventCount.status());
    }
    let now = state.now();
    let mut org = state.org.write();
    let event = match Topic::of(&org, &request.topic_name) {
        Some(Topic::Platform(event)) => event,
        Some(topic) if topic.is_for_pubsub() => return Err(Failure::TopicPermission.status()),
        _ => return Err(Failure::TopicNotFound.status()),
    };
    let events = request.events.into_iter().map(|event| ClientEvent {
        id: event.id,
        schema_id: event.schema_id,
        payload: event.payload.into(),
    });
    let results = org.publish_events(now, &event, events.collect());
    let schema_id = match org.schema.find(&event).map(|(_, object)| object.clone()) {
        Some(object) => org.events.current_schema(&object).id.clone(),
        None => String::new(),
    };
    let results = results.into_iter().map(|result| match result {
        Ok((key, replay_id)) => {
            PublishResult { replay_id: replay_id.to_bytes().to_vec(), error: None, correlation_key: key }
        }
        Err((key, error)) => PublishResult {
            replay_id: Vec::new(),
            error: Some(Error { code: ErrorCode::Publish.into(), msg: error.to_string() }),
            correlation_key: key,
        },
    });
    Ok(PublishResponse { results: results.collect(), schema_id, rpc_id: new_rpc_id() })
}

/// Answers a publishing stream, request by request.
pub(super) fn run(
    state: AppState,
    caller: Caller,
    requests: Streaming<PublishRequest>,
) -> impl Stream<Item = Result<PublishResponse, Status>> + Send + 'static {
    let (answers, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(status) = serve(state, caller, requests, &answers).await {
            // The client may have gone; then nobody is left to be told.
            let _ = answers.send(Err(status)).await;
        }
    });
    ReceiverStream::new(receiver)
}

async fn serve(
    state: AppState,
    mut caller: Caller,
    mut requests: Streaming<PublishRequest>,
    answers: &mpsc::Sender<Result<PublishResponse, Status>>,
) -> Result<(), Status> {
    let idle = Duration::from_millis(state.org.read().settings.streaming.publish_idle_ms);
    let mut deadline = tokio::time::Instant::now() + idle;
    let mut topic = String::new();
    loop {
        let request = tokio::select! {
            request = requests.message() => request?,
            () = answers.closed() => return Ok(()),
            () = tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + TICK)) => {
                if caller.is_revoked(&state) {
                    return Err(Failure::Auth.status());
                }
                if tokio::time::Instant::now() >= deadline {
                    return Err(Failure::PublishIdle.status());
                }
                continue;
            }
        };
        let Some(mut request) = request else { return Ok(()) };
        if caller.is_revoked(&state) {
            return Err(Failure::Auth.status());
        }
        // The first request names the topic; later ones may leave it out.
        if topic.is_empty() {
            topic.clone_from(&request.topic_name);
        } else if request.topic_name.is_empty() {
            request.topic_name.clone_from(&topic);
        } else if request.topic_name != topic {
            return Err(Failure::PublishTopicMismatch.status());
        }
        let answer = publish(&state, request)?;
        deadline = tokio::time::Instant::now() + idle;
        if answers.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
}
