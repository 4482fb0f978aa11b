//! Setting calls aside for a job, so that it does not begin what it cannot end.

use std::{future::Future, sync::Arc};

use parking_lot::Mutex;

use super::{Inner, Kind, scope};

/// Units of one allowance that nobody else may use. What was not spent is given back when it is dropped, also when the
/// process dies.
#[derive(Debug)]
#[must_use = "dropping it gives the units back"]
pub struct Reservation {
    pub(super) held: Arc<Held>,
}

/// What is held, shared with the requests that draw on it.
pub(super) struct Held {
    budget: Arc<Inner>,
    kind: Kind,
    left: Mutex<u64>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("kind", &self.kind).field("left", &*self.left.lock()).finish_non_exhaustive()
    }
}

impl Reservation {
    pub(super) fn new(budget: Arc<Inner>, kind: Kind, n: u64) -> Reservation {
        Reservation { held: Arc::new(Held { budget, kind, left: Mutex::new(n) }) }
    }

    /// Does work that draws on the reservation: everything that is sent while `work` runs, in the same task. When it is
    /// used up, requests have to find room like any other.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        scope::with_held(self.held.clone(), work).await
    }

    /// Of which allowance.
    pub fn kind(&self) -> Kind {
        self.held.kind
    }

    /// What is left of it.
    pub fn left(&self) -> u64 {
        *self.held.left.lock()
    }

    /// Counts `n` as spent: for allowances that no request names, such as the batches that the org makes of an upload.
    /// What goes beyond the reservation is counted too.
    pub fn spend(&self, n: u64) {
        let taken = self.held.take_up_to(n);
        let kind = self.held.kind;
        let now = self.held.budget.now();
        self.held.budget.book.change_soon(move |books, me| {
            books.release(me, kind, taken);
            books.account(kind).spend(n, now);
        });
    }

    /// Gives back all but `n`, once it is known that less is needed.
    pub fn keep(&self, n: u64) {
        let surplus = {
            let mut left = self.held.left.lock();
            let surplus = left.saturating_sub(n);
            *left -= surplus;
            surplus
        };
        self.held.give_back(surplus);
    }
}

impl Held {
    /// Takes `n` of this kind, if all of it is there.
    pub(super) fn take(&self, budget: &Arc<Inner>, kind: Kind, n: u64) -> bool {
        if kind != self.kind || !Arc::ptr_eq(budget, &self.budget) {
            return false;
        }
        let mut left = self.left.lock();
        let fits = *left >= n;
        if fits {
            *left -= n;
        }
        fits
    }

    fn take_up_to(&self, n: u64) -> u64 {
        let mut left = self.left.lock();
        let taken = n.min(*left);
        *left -= taken;
        taken
    }

    fn give_back(&self, n: u64) {
        if n > 0 {
            let kind = self.kind;
            self.budget.book.change_soon(move |books, me| books.release(me, kind, n));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let left = std::mem::take(&mut *self.left.lock());
        self.give_back(left);
    }
}
