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
mod call;
mod client;
mod config;
mod describe;
pub mod environment;
mod error;
pub mod events;
mod identity;
mod limits;
pub mod plan;
mod query;
mod record;
mod retry;
mod tls;
mod transport;
mod version;

pub use budget::{Budget, BudgetSettings, BudgetStop, Priority};
pub use call::Call;
pub use client::Client;
pub use config::{ClientConfig, Credentials, DEFAULT_PUBSUB_ENDPOINT, OrgLogin, Timeouts};
pub use describe::{
    ChildRelationship, Describe, DescribeField, DescribeGlobal, DescribeObject, DescribeObjects, PicklistValue,
    RecordTypeInfo, SObject,
};
pub use error::{ApiError, AuthError, Cause, Error, LostHow, SubscriptionError, SubscriptionErrorKind};
pub use identity::{UserInfo, UserInfoReply};
pub use limits::{ApiUsage, Limit, LimitGroup, Limits, RecordCounts, about as about_limit};
pub use query::{QUERY_URL_BYTES_MAX, Query, QueryMore, QueryPage, Record, RecordStream, TypedStream};
pub use record::{Create, Delete, Get, Saved, Update, Upsert};
pub use retry::RetryPolicy;
pub use version::{ApiVersion, VersionInfo, Versions};
