//! The sessions of CometD clients: who they are, what they listen to, and when they are forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::Notify;

use super::fault::{Fault, Faults};
use crate::events::{Cursor, Topic};
use crate::{Millis, RecordId};

/// Sessions of all orgs' clients at a time, whatever the org allows: memory stays bounded.
const CLIENTS_MAX: usize = 10_000;
/// Subscriptions of one client at a time. Not a bound of Salesforce.
pub(super) const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Length of a client id.
const ID_LENGTH: usize = 28;

/// The sessions of the emulator's CometD clients.
#[derive(Debug, Default)]
pub struct Clients {
    all: Mutex<HashMap<String, Arc<Client>>>,
    pub(super) faults: Faults,
    /// Sessions that ended since somebody asked.
    gone: AtomicU64,
}

/// A session.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) user: RecordId,
    /// The value of the cookie that its requests bring.
    pub(super) cookie: String,
    pub(super) state: Mutex<ClientState>,
    /// Told when the session ends, or another poll takes over.
    pub(super) told: Notify,
}

/// What of a session changes.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    pub(super) subscriptions: Vec<Subscription>,
    /// When the client was last heard of or answered, by the emulator's clock.
    pub(super) seen_at: Millis,
    /// Whether its first connect was answered.
    pub(super) connected: bool,
    /// The number of the newest connect; an older one that is still held gives way.
    pub(super) poll: u64,
    /// How many connects are held.
    pub(super) held: usize,
    /// It disconnected, or was forgotten.
    pub(super) ended: bool,
    /// It ended because the client took its leave.
    pub(super) left: bool,
}

/// What a client listens to.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    /// As the client wrote it, with its filter.
    pub(super) channel: String,
    pub(super) topic: Topic,
    pub(super) cursor: Cursor,
    /// Field and value, one of which must fit.
    pub(super) filter: Vec<(String, String)>,
}

/// Why there is no session for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// Random characters, as ids and cookies have them.
pub(super) fn random_text(length: usize) -> String {
    const ALPHABET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

impl Clients {
    /// Begins a session, unless there are `most` already.
    pub(super) fn begin(&self, user: RecordId, now: Millis, window: i64, most: usize) -> Result<Arc<Client>, TooMany> {
        self.forget(now, window);
        let mut all = self.all.lock();
        if all.len() >= most.min(CLIENTS_MAX) {
            return Err(TooMany);
        }
        let client = Arc::new(Client {
            id: random_text(ID_LENGTH),
            user,
            cookie: random_text(ID_LENGTH),
            state: Mutex::new(ClientState { seen_at: now, ..ClientState::default() }),
            told: Notify::new(),
        });
        all.insert(client.id.clone(), client.clone());
        Ok(client)
    }

    /// The session with this id, if it lives.
    pub(super) fn find(&self, id: &str, now: Millis, window: i64) -> Option<Arc<Client>> {
        self.forget(now, window);
        self.all.lock().get(id).cloned()
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        if let Some(client) = self.all.lock().remove(id) {
            client.state.lock().ended = true;
            client.told.notify_waiters();
            self.gone.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many sessions ended since this was asked last.
    pub(super) fn take_gone(&self) -> u64 {
        self.gone.swap(0, Ordering::Relaxed)
    }

    /// Forgets who was not heard of for longer than the window.
    fn forget(&self, now: Millis, window: i64) {
        self.all.lock().retain(|_, client| {
            let mut state = client.state.lock();
            let lives = state.held > 0 || now.saturating_sub(state.seen_at) <= window;
            state.ended |= !lives;
            self.gone.fetch_add(u64::from(!lives), Ordering::Relaxed);
            lives
        });
    }

    /// The users who listen to this channel.
    pub fn listeners(&self, channel: &str) -> Vec<RecordId> {
        let all = self.all.lock();
        let listens = |client: &&Arc<Client>| client.state.lock().subscriptions.iter().any(|s| s.channel == channel);
        let mut users: Vec<RecordId> = all.values().filter(listens).map(|client| client.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.all.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes something go wrong for the clients that come next.
    pub fn plan(&self, fault: Fault) {
        self.faults.plan(fault);
    }

    /// Forgets planned faults.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Forgets every session, as a server does that is taken away.
    pub fn forget_all(&self) {
        let ended: Vec<_> = self.all.lock().drain().map(|(_, client)| client).collect();
        for client in ended {
            self.gone.fetch_add(1, Ordering::Relaxed);
            client.state.lock().ended = true;
            client.told.notify_waiters();
        }
    }
}
