//! The org held for one request through several of its parts: nobody else reads or writes it meanwhile, and what they
//! wrote is committed as one, or taken back.

use std::sync::Arc;

use parking_lot::{RwLock, RwLockWriteGuard};

use crate::Org;
use crate::dml::WriteContext;
use crate::http::SharedOrg;

/// The org, taken out of its lock and put into one of its own, which the parts of the request lock as they always do.
/// It goes back when this is dropped, whatever happened; what was not committed is taken back.
pub(super) struct Hold<'a> {
    guard: RwLockWriteGuard<'a, Org>,
    inner: SharedOrg,
}

impl<'a> Hold<'a> {
    /// Takes the org. It has a unit open from now on.
    pub(super) fn take(org: &'a SharedOrg) -> Self {
        let mut guard = org.write();
        let mut taken = std::mem::take(&mut *guard);
        taken.begin();
        Self { guard, inner: Arc::new(RwLock::new(taken)) }
    }

    /// The org for the parts.
    pub(super) fn org(&self) -> &SharedOrg {
        &self.inner
    }

    /// Keeps what was written, and opens the next unit.
    pub(super) fn commit(&self, context: &WriteContext) {
        let mut org = self.inner.write();
        org.commit(context);
        org.begin();
    }

    /// Takes back what was written, and opens the next unit.
    pub(super) fn rollback(&self) {
        let mut org = self.inner.write();
        org.rollback();
        org.begin();
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut org = std::mem::take(&mut *self.inner.write());
        org.rollback();
        *self.guard = org;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::tests::empty_org;

    #[test]
    fn the_org_comes_back_even_when_a_part_panics() {
        let shared: SharedOrg = Arc::new(RwLock::new(empty_org()));
        let objects = shared.read().schema.objects().len();
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let hold = Hold::take(&shared);
            assert_eq!(hold.org().read().schema.objects().len(), objects);
            panic!("in the middle");
        }));
        assert!(broken.is_err());
        let org = shared.read();
        assert_eq!((org.schema.objects().len(), org.units.len()), (objects, 0));
    }
}
