//! What can be made to go wrong for CometD clients.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Deserialize;

/// A fault that waits for its occasion.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub with: FaultKind,
    /// How many times, one after another.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// How a handshake or a connect can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Connect: `403::Unknown client`, as when the session's server was scaled away.
    UnknownClient,
    /// Connect: the server sends `/meta/disconnect`.
    Disconnect,
    /// Connect: `401::Authentication invalid`.
    Auth,
    /// Connect: `401::Authentication invalid`, while the failure reason says that the server is too busy.
    Busy,
    /// Connect: the org's delivery allowance is spent.
    DeliveryLimit,
    /// Handshake: denied, as the server is too busy.
    HandshakeBusy,
    /// Handshake: denied, as the org has too many clients.
    HandshakeLimit,
    /// Handshake: successful, yet with the advice to make another.
    HandshakeAdvice,
}

impl FaultKind {
    fn is_of_handshake(self) -> bool {
        matches!(self, Self::HandshakeBusy | Self::HandshakeLimit | Self::HandshakeAdvice)
    }
}

/// Faults in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<Fault>>);

/// Faults that wait at a time.
const WAITING_MAX: usize = 1_000;

impl Faults {
    pub(super) fn plan(&self, fault: Fault) {
        let mut faults = self.0.lock();
        if faults.len() < WAITING_MAX && fault.times > 0 {
            faults.push_back(fault);
        }
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// The fault of the next handshake, or of the next connect.
    pub(super) fn take(&self, handshake: bool) -> Option<FaultKind> {
        let mut faults = self.0.lock();
        let at = faults.iter().position(|f| f.with.is_of_handshake() == handshake)?;
        let fault = faults.get_mut(at)?;
        let kind = fault.with;
        fault.times -= 1;
        if fault.times == 0 {
            faults.remove(at);
        }
        Some(kind)
    }
}
