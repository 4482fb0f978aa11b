//! Managed subscriptions: the org keeps the position.

use tidegate_emulator::events::managed::{self, NewSubscription, Preset};
use tidegate_emulator::grpc::proto::{CommitReplayRequest, ManagedFetchRequest, ManagedFetchResponse};
use tidegate_emulator::settings::Settings;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::support::*;

struct Managed {
    requests: mpsc::Sender<ManagedFetchRequest>,
    answers: Streaming<ManagedFetchResponse>,
}

impl Managed {
    async fn open(bench: &Bench, first: ManagedFetchRequest) -> Self {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let call = bench.call(ReceiverStream::new(receiver));
        let answers = bench.client.clone().managed_subscribe(call).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn next(&mut self) -> Result<ManagedFetchResponse, Status> {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.answers.message());
        next.await.expect("an answer in time").map(|answer| answer.expect("the stream goes on"))
    }

    async fn events(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while found.len() < count {
            found.extend(self.next().await.unwrap().events.into_iter().map(|e| e.replay_id));
        }
        assert_eq!(found.len(), count);
        found
    }

    async fn commit(&mut self, id: &str, replay_id: &[u8]) -> Option<i32> {
        let commit = CommitReplayRequest { commit_request_id: id.into(), replay_id: replay_id.to_vec() };
        let request = ManagedFetchRequest { commit_replay_id_request: Some(commit), ..Default::default() };
        self.requests.send(request).await.unwrap();
        let answer = self.next().await.unwrap().commit_response.unwrap();
        assert_eq!((answer.commit_request_id.as_str(), &answer.replay_id[..]), (id, replay_id));
        answer.error.map(|e| e.code)
    }
}

fn by_name(num_requested: i32) -> ManagedFetchRequest {
    ManagedFetchRequest { developer_name: "Orders".into(), num_requested, ..Default::default() }
}

async fn start() -> Bench {
    let bench = Bench::start(Settings::default()).await;
    let new = NewSubscription {
        developer_name: "Orders".into(),
        label: "Orders".into(),
        topic_name: ORDERS.into(),
        default_replay: Preset::Earliest,
        error_recovery_replay: Preset::Latest,
    };
    managed::create(&mut bench.state.org.write(), new).unwrap();
    bench
}

#[tokio::test]
async fn it_goes_on_after_what_was_committed() {
    let bench = start().await;
    bench.publish(["1", "2", "3"].map(|n| bench.order(n)).to_vec()).await.unwrap();
    let mut first = Managed::open(&bench, by_name(2)).await;
    let got = first.events(2).await;
    assert_eq!(first.commit("c1", &got[0]).await, None);
    assert_eq!(first.commit("c2", b"corrupted!").await, Some(2), "the stream goes on all the same");
    assert_eq!(first.commit("c3", &[0x7f, 0, 0, 0, 0, 0, 0, 0]).await, Some(2));
    let mut second = Managed::open(&bench, by_name(1)).await;
    assert_eq!(error_code(&second.next().await.unwrap_err()), "managed.subscription.already.active");
    drop(first);
    let again = loop {
        let mut stream = Managed::open(&bench, by_name(10)).await;
        match stream.next().await {
            Ok(answer) => break answer,
            // The first client is still being let go.
            Err(status) => assert_eq!(error_code(&status), "managed.subscription.already.active"),
        }
    };
    assert_eq!(again.events[0].replay_id, got[1]);
    assert_eq!((again.events.len(), again.pending_num_requested), (2, 8));
}

#[tokio::test]
async fn a_lost_position_is_recovered_from_as_configured() {
    let bench = start().await;
    bench.publish(vec![bench.order("1")]).await.unwrap();
    let mut stream = Managed::open(&bench, by_name(1)).await;
    let got = stream.events(1).await;
    assert_eq!(stream.commit("c", &got[0]).await, None);
    drop(stream);
    bench.state.org.write().events.expire_replay_ids(None);
    bench.publish(vec![bench.order("2")]).await.unwrap();
    let mut stream = loop {
        let mut stream = Managed::open(&bench, by_name(1)).await;
        let ended = tokio::time::timeout(std::time::Duration::from_millis(300), stream.answers.message()).await;
        match ended {
            Err(_) => break stream,
            Ok(answer) => assert_eq!(error_code(&answer.unwrap_err()), "managed.subscription.already.active"),
        }
    };
    // LATEST: what was published before is passed over.
    let published = bench.publish(vec![bench.order("3")]).await.unwrap();
    assert_eq!(stream.events(1).await, [published.results[0].replay_id.clone()]);
}

#[tokio::test]
async fn stopping_and_removing_disconnect() {
    for (remove, code) in
        [(false, "managed.subscription.config.stopped"), (true, "managed.subscription.config.deleted")]
    {
        let bench = start().await;
        bench.publish(vec![bench.order("1")]).await.unwrap();
        let mut stream = Managed::open(&bench, by_name(5)).await;
        let got = stream.events(1).await;
        stream.commit("c", &got[0]).await;
        {
            let mut org = bench.state.org.write();
            if remove {
                managed::remove(&mut org, "Orders").unwrap();
            } else {
                managed::update(&mut org, "Orders", false, Preset::Earliest, Preset::Latest).unwrap();
                assert_eq!(org.events.managed.find("Orders").unwrap().committed, None, "forgotten");
            }
        }
        assert_eq!(error_code(&stream.next().await.unwrap_err()), code);
    }
}

#[tokio::test]
async fn first_requests_that_make_no_sense() {
    let bench = start().await;
    let id = bench.state.org.read().events.managed.find("Orders").unwrap().id.to_string();
    let request = |id: &str, name: &str| ManagedFetchRequest {
        subscription_id: id.into(),
        developer_name: name.into(),
        num_requested: 1,
        ..Default::default()
    };
    let commit = Some(CommitReplayRequest::default());
    for (first, code) in [
        (request("", ""), "managed.subscription.id.or.developer.name.empty"),
        (request("", "Nope"), "managed.subscription.developer.name.not.found"),
        (request("x", ""), "managed.subscription.id.invalid"),
        (request("18xTG0000000099YAA", ""), "managed.subscription.id.not.found"),
        (by_name(0), "managed.subscription.fetch.request.events.invalid"),
        (
            ManagedFetchRequest { commit_replay_id_request: commit, ..by_name(1) },
            "managed.subscription.fetch.request.commit.request.restricted",
        ),
        (
            ManagedFetchRequest { auth_refresh: "x".into(), ..by_name(1) },
            "managed.subscription.fetch.request.auth.request.restricted",
        ),
    ] {
        let what = format!("{first:?}");
        let mut stream = Managed::open(&bench, first).await;
        assert_eq!(error_code(&stream.next().await.unwrap_err()), code, "{what}");
    }
    bench.publish(vec![bench.order("1")]).await.unwrap();
    assert_eq!(Managed::open(&bench, request(&id, "")).await.events(1).await.len(), 1, "by id");
}
