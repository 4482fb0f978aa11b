//! Speaks Salesforce for programs that run for years: sign-in that renews itself, REST, Bulk API 2.0 with verified
//! results, and Pub/Sub subscriptions that come back by themselves.
//!
//! ```no_run
//! use futures::StreamExt;
//! use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let login = OrgLogin::new(
//!     "https://acme.my.salesforce.com",
//!     Credentials::JwtBearer {
//!         client_id: "3MVG9...".into(),
//!         username: "integration@acme.example".into(),
//!         private_key: std::fs::read_to_string("key.pem")?.into(),
//!         passphrase: None,
//!         audience: None,
//!     },
//! )?;
//! let org = Client::connect(ClientConfig::new(login)).await?;
//!
//! let mut contacts = org.query("SELECT Id, Email FROM Contact WHERE LastName = 'Ng'");
//! while let Some(contact) = contacts.next().await {
//!     let contact = contact?;
//!     println!("{}", contact["Id"]);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - Every request is a value that implements [`Call`]; [`Client::send`] adds sign-in, compression, limits and retries.
//! - One session is shared by all clones of a [`Client`]; one of them renews it, ahead of its end or when the org says so.
//! - Results are verified: a [`bulk`] page that came short is an [`Error::PageCut`], never an end.
//! - Memory is bounded: what can be large is a stream.

mod auth;
pub mod budget;
pub mod bulk;
pub mod bulk1;
mod call;
mod client;
mod config;
pub mod environment;
mod error;
pub mod events;
mod identity;
mod limits;
pub mod metadata;
pub mod plan;
mod query;
mod refusal;
pub mod rest;
mod retry;
pub mod soap;
mod soql_schema;
mod tls;
pub mod tooling;
mod transport;
mod version;

pub use auth::{
    BorrowedToken, DeviceSignIn, SecretPlace, SfOrg, SfOrgs, SignedIn, TokenFile, TokenInMemory, TokenSource,
    TokenStore, WebOptions, WebSignIn, org_address, revoke,
};
pub use budget::{Budget, BudgetSettings, BudgetStop, Priority};
pub use call::Call;
pub use client::Client;
pub use config::{ClientConfig, Credentials, DEFAULT_PUBSUB_ENDPOINT, OrgLogin, Timeouts};
pub use error::{ApiError, AuthError, Cause, Error, LostHow, Rejection, SubscriptionError, SubscriptionErrorKind};
pub use identity::{UserInfo, UserInfoReply};
pub use limits::{ApiUsage, Limit, LimitGroup, Limits, about as about_limit};
#[doc(hidden)]
pub use query::check_binds;
pub use query::{
    Children, Explain, Explanation, FlatStream, Flatten, Like, LongQuery, PlanNote, QUERY_URL_BYTES_MAX, Query,
    QueryMore, QueryPage, QueryPlan, Record, RecordStream, Soql, SoqlError, TypedStream, flatten,
};
pub use rest::{
    ChildRelationship, Create, Delete, Describe, DescribeField, DescribeGlobal, DescribeObject, DescribeObjects, Field,
    Get, Headers, PicklistValue, RecordCounts, RecordTypeInfo, Related, SObject, Saved, Update, Upsert,
};
pub use retry::RetryPolicy;
pub use soql_schema::SoqlChecker;
pub use tidegate_soql::{BindError, BindValue};
pub use version::{ApiVersion, VersionInfo, Versions};
