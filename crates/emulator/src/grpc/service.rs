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
use super::subscribe;
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

fn not_emulated(what: &str) -> Status {
    Status::unimplemented(format!(
        "{what} is not emulated: this org has no platform events and no managed subscriptions"
    ))
}

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
        let topic = Topic::find(&org.schema, &name).ok_or(Failure::TopicNotFound)?;
        // A topic of several objects has no schema of its own.
        let schema_id = match &topic {
            Topic::Standard => String::new(),
            Topic::Object(object) => match org.schema.find(object) {
                Some((_, object)) => org.events.current_schema(object).id.clone(),
                None => String::new(),
            },
        };
        Ok(Response::new(TopicInfo {
            topic_name: name,
            tenant_guid: format!("core/tidegate/{}", org.settings.org_id),
            can_publish: false,
            can_subscribe: true,
            schema_id,
            rpc_id: new_rpc_id(),
        }))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Caller::check(&self.state, request.metadata())?;
        Err(not_emulated("Publish"))
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Caller::check(&self.state, request.metadata())?;
        Err(not_emulated("PublishStream"))
    }

    async fn managed_subscribe(
        &self,
        request: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        Caller::check(&self.state, request.metadata())?;
        Err(not_emulated("ManagedSubscribe"))
    }
}
