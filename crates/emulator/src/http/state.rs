//! What every handler shares.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::log::RequestLog;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::limits::Running;
use crate::{Millis, Org};

/// The org as its doors hold it. Never keep a guard across an `await`.
pub type SharedOrg = Arc<RwLock<Org>>;

/// The org, its clock and its faults. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The org.
    pub org: SharedOrg,
    /// The time.
    pub clock: Arc<Clock>,
    /// Failures that were asked for.
    pub faults: Arc<Faults>,
    /// The last requests.
    pub log: Arc<RequestLog>,
    /// Snapshots of the org by name.
    pub snapshots: Arc<crate::snapshot::Snapshots>,
    /// The API requests that run now.
    pub running: Arc<Running>,
    /// Told when a Bulk job may have become ready to run.
    pub bulk_wake: Arc<Notify>,
    /// Sessions of CometD clients.
    pub cometd: Arc<super::cometd::Clients>,
}

impl AppState {
    /// Doors for this org.
    pub fn new(org: Org, clock: Clock) -> Self {
        Self {
            org: Arc::new(RwLock::new(org)),
            clock: Arc::new(clock),
            faults: Arc::default(),
            log: Arc::default(),
            snapshots: Arc::default(),
            running: Arc::default(),
            bulk_wake: Arc::default(),
            cometd: Arc::default(),
        }
    }

    /// The time, by the emulator's clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }
}

/// `http://127.0.0.1:8080`: scheme and host as this request came in, without a trailing slash. Answers that carry
/// absolute URLs build them on it, so that they lead back through the same door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(pub String);

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Origin>().cloned().unwrap_or_else(|| {
            let host = parts.headers.get(http::header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
            Origin(format!("http://{host}"))
        }))
    }
}

/// The address a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Peer>().copied().unwrap_or(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}
