//! An org with a widget object behind a socket, and a client for it.

use std::sync::Arc;
use std::time::Duration;

use apache_avro::types::Value as Avro;
use tidegate_emulator::clock::Clock;
use tidegate_emulator::events::Commit;
use tidegate_emulator::grpc::{self, proto};
use tidegate_emulator::http::AppState;
use tidegate_emulator::oauth::App;
use tidegate_emulator::schema::{Field, NameField, ObjectType};
use tidegate_emulator::settings::Settings;
use tidegate_emulator::store::{ChangeKind, RecordChange, Row, Values};
use tidegate_emulator::{Millis, Org, RecordId, Value, schema};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

pub(crate) use proto::pub_sub_client::PubSubClient;
pub(crate) use proto::{ConsumerEvent, FetchRequest, FetchResponse, ReplayPreset, SchemaRequest};

pub(crate) const NOW: Millis = 1_767_225_600_000;
pub(crate) const ALL: &str = "/data/ChangeEvents";
pub(crate) const ORDERS: &str = "/event/Order__e";
pub(crate) const WIDGETS: &str = "/data/Widget__ChangeEvent";

/// Long enough for a loaded machine; nothing waits so long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) state: AppState,
    pub(crate) token: String,
    pub(crate) client: PubSubClient<Channel>,
}

pub(crate) fn app() -> App {
    App {
        client_id: "app".into(),
        client_secret: "secret".into(),
        certificate: None,
        scope: "api".into(),
        jwt_bearer: false,
        permitted_users: tidegate_emulator::oauth::PermittedUsers::Everybody,
        client_credentials: true,
        run_as: None,
        blocked: false,
        ..App::default()
    }
}

pub(crate) fn org(settings: Settings) -> Org {
    let mut schema = schema::standard();
    schema.put(
        ObjectType::custom("Widget__c", "Widget", "Widgets", *b"a0X", NameField::Text)
            .with(Field::long_text_area("Notes__c", "Notes", 131_072)),
    );
    schema.put(ObjectType::platform_event("Order__e", "Order", "Orders", *b"e00").with(Field::text(
        "Number__c",
        "Number",
        80,
    )));
    Org { settings, schema: Arc::new(schema), ..Org::default() }
}

impl Bench {
    pub(crate) async fn start(settings: Settings) -> Self {
        let state = AppState::new(org(settings), Clock::frozen(NOW));
        let token = {
            let mut org = state.org.write();
            let (id, admin, session) = (org.settings.org_id, org.settings.admin_id, org.settings.session_ms);
            org.access.issue(id, admin, &app(), NOW, session)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = grpc::routes(state.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { state, token, client: PubSubClient::new(channel) }
    }

    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        let tenant = self.state.org.read().settings.org_id.to_string();
        call(message, &self.token, &tenant)
    }

    /// Commits one transaction in which each of these widgets is created with this note.
    pub(crate) fn create(&self, numbers: impl IntoIterator<Item = u64>, note: &str) {
        self.create_in("Widget__c", numbers, "Notes__c", note);
    }

    pub(crate) fn create_in(&self, object: &str, numbers: impl IntoIterator<Item = u64>, field: &str, text: &str) {
        let mut org = self.state.org.write();
        let org = &mut *org;
        let (id, object) = org.schema.find(object).unwrap();
        let prefix = object.key_prefix.unwrap();
        let changes = numbers
            .into_iter()
            .map(|number| {
                // Names differ, so that no two events are merged.
                let values = Values::from([
                    (object.field("Name").unwrap().0, Value::Text(format!("N-{number}"))),
                    (object.field(field).unwrap().0, Value::Text(text.to_owned())),
                ]);
                RecordChange {
                    object: id,
                    id: RecordId::new(prefix, *b"00", number),
                    kind: ChangeKind::Create,
                    before: None,
                    after: Some(Arc::new(Row::new(&values))),
                    changed: Vec::new(),
                }
            })
            .collect();
        let commit =
            Commit { now: self.state.clock.now(), user: org.settings.admin_id, origin: String::new(), changes };
        org.events.commit(&org.schema, &org.settings, commit);
    }

    pub(crate) async fn subscribe(&self, first: FetchRequest) -> Subscription {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let call = self.call(ReceiverStream::new(receiver));
        let answers = self.client.clone().subscribe(call).await.unwrap().into_inner();
        Subscription { requests, answers }
    }

    /// The id of the schema that orders have now.
    pub(crate) fn order_schema(&self) -> String {
        let mut org = self.state.org.write();
        let object = org.schema.find("Order__e").unwrap().1.clone();
        org.events.current_schema(&object).id.clone()
    }

    /// An order to be published.
    pub(crate) fn order(&self, number: &str) -> proto::ProducerEvent {
        let mut payload = Vec::new();
        // Zigzag of numbers that fit one byte, and of a length.
        payload.push(0);
        for text in ["005", number] {
            if text == number {
                payload.push(2);
            }
            payload.push(u8::try_from(text.len() * 2).unwrap());
            payload.extend(text.as_bytes());
        }
        proto::ProducerEvent {
            id: String::new(),
            schema_id: self.order_schema(),
            payload: payload.into(),
            headers: Vec::new(),
        }
    }

    pub(crate) async fn publish(&self, events: Vec<proto::ProducerEvent>) -> Result<proto::PublishResponse, Status> {
        let request = proto::PublishRequest { topic_name: ORDERS.into(), events, auth_refresh: String::new() };
        self.client.clone().publish(self.call(request)).await.map(tonic::Response::into_inner)
    }

    /// Names of the widgets that an answer's events created, read with the schema that each event names.
    pub(crate) async fn decode(&self, event: &ConsumerEvent) -> Vec<(String, Avro)> {
        let event = event.event.as_ref().unwrap();
        let request = self.call(SchemaRequest { schema_id: event.schema_id.clone() });
        let info = self.client.clone().get_schema(request).await.unwrap().into_inner();
        assert_eq!(info.schema_id, event.schema_id);
        let schema = apache_avro::Schema::parse_str(&info.schema_json).unwrap();
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
        let Avro::Record(fields) = reader.read_value(&mut event.payload.as_ref()).unwrap() else { panic!("a record") };
        fields
    }
}

pub(crate) fn call<T>(message: T, token: &str, tenant: &str) -> Request<T> {
    let mut request = Request::new(message);
    for (key, value) in
        [("accesstoken", token), ("instanceurl", "https://acme.my.salesforce.com"), ("tenantid", tenant)]
    {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    request
}

pub(crate) fn latest(topic: &str, num_requested: i32) -> FetchRequest {
    FetchRequest { topic_name: topic.into(), num_requested, ..FetchRequest::default() }
}

pub(crate) fn earliest(topic: &str, num_requested: i32) -> FetchRequest {
    FetchRequest { replay_preset: ReplayPreset::Earliest.into(), ..latest(topic, num_requested) }
}

pub(crate) fn after(topic: &str, replay_id: &[u8], num_requested: i32) -> FetchRequest {
    FetchRequest {
        replay_preset: ReplayPreset::Custom.into(),
        replay_id: replay_id.to_vec(),
        ..latest(topic, num_requested)
    }
}

pub(crate) struct Subscription {
    pub(crate) requests: mpsc::Sender<FetchRequest>,
    pub(crate) answers: Streaming<FetchResponse>,
}

impl Subscription {
    pub(crate) async fn ask(&self, num_requested: i32) {
        self.requests.send(FetchRequest { num_requested, ..FetchRequest::default() }).await.unwrap();
    }

    /// The next answer, `None` at an orderly end.
    pub(crate) async fn next(&mut self) -> Result<Option<FetchResponse>, Status> {
        tokio::time::timeout(PATIENCE, self.answers.message()).await.expect("an answer in time")
    }

    /// Reads until so many events have come.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<ConsumerEvent> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.next().await.unwrap().expect("the stream goes on").events);
        }
        assert_eq!(events.len(), count);
        events
    }

    /// The error that the stream ends with, past what still comes before it.
    pub(crate) async fn error(&mut self) -> Status {
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended in order"),
                Err(status) => return status,
            }
        }
    }
}

/// `error-code` of the trailers, without the prefix that all share.
pub(crate) fn error_code(status: &Status) -> &str {
    let code = status.metadata().get("error-code").unwrap_or_else(|| panic!("no error-code with {status:?}"));
    assert!(status.message().contains("rpcId: "), "{status:?}");
    code.to_str().unwrap().strip_prefix("sfdc.platform.eventbus.grpc.").unwrap()
}

/// The field's value, out of its union.
pub(crate) fn get<'a>(fields: &'a [(String, Avro)], name: &str) -> Option<&'a Avro> {
    let (_, value) = fields.iter().find(|(n, _)| n == name)?;
    Some(if let Avro::Union(_, inner) = value { inner } else { value })
}

pub(crate) fn text(value: &str) -> Option<Avro> {
    Some(Avro::String(value.to_owned()))
}
