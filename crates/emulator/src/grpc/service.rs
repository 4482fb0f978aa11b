//! The calls.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::call::Caller;
use super::error::{Failure, new_rpc_id};
use super::proto::pub_sub_server;
use super::proto::{
    FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest, PublishResponse,
    SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use super::{managed, publish, subscribe};
use crate::events::Topic;
use crate::http::state::AppState;

/// The service over one org.
pub(super) struct PubSub {
    state: AppState,
}

impl PubSub {
    pub(super) fn new(state: AppState) -> Self {
        Self { state }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send + 'static>>;

#[async_trait::async_trait]
impl pub_sub_server::PubSub for PubSub {
    type SubscribeStream = Answers<FetchResponse>;
    type PublishStreamStream = Answers<PublishResponse>;
    type ManagedSubscribeStream = Answers<ManagedFetchResponse>;

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = Caller::check(&self.state, request.metadata())?;
        let answers = subscribe::run(self.state.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        Caller::check(&self.state, request.metadata())?;
        let id = request.into_inner().schema_id;
        if id.trim().is_empty() {
            return Err(Failure::SchemaBlank.status());
        }
        let schema = self.state.org.read().events.schema(&id).cloned().ok_or(Failure::SchemaUnknown)?;
        Ok(Response::new(SchemaInfo { schema_json: schema.json.clone(), schema_id: id, rpc_id: new_rpc_id() }))
    }

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        Caller::check(&self.state, request.metadata())?;
        let name = request.into_inner().topic_name;
        if name.trim().is_empty() {
            return Err(Failure::TopicEmpty.status());
        }
        let mut org = self.state.org.write();
        let org = &mut *org;
        let topic = Topic::of(org, &name).filter(Topic::is_for_pubsub).ok_or(Failure::TopicNotFound)?;
        // A topic of several entities has no schema of its own.
        let schema = org.events.know(&org.schema, &topic);
        let schema_id = schema.map(|schema| schema.id.clone()).unwrap_or_default();
        Ok(Response::new(TopicInfo {
            topic_name: name,
            tenant_guid: format!("core/tidegate/{}", org.settings.org_id),
            can_publish: matches!(topic, Topic::Platform(_)),
            can_subscribe: true,
            schema_id,
            rpc_id: new_rpc_id(),
        }))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Caller::check(&self.state, request.metadata())?;
        publish::publish(&self.state, request.into_inner()).map(Response::new)
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let caller = Caller::check(&self.state, request.metadata())?;
        let answers = publish::run(self.state.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn managed_subscribe(
        &self,
        request: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        let caller = Caller::check(&self.state, request.metadata())?;
        let answers = managed::run(self.state.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(answers)))
    }
}
