//! Operations that are more than one [`super::Write`], each of them whole or not at all, in one transaction.

use std::sync::Arc;

use super::transaction::Transaction;
use super::{WriteContext, WriteOptions, errors};
use crate::{ApiError, Org};

/// What became of each operation.
pub(super) type Results<T> = Vec<Result<T, Vec<ApiError>>>;

impl Org {
    /// Runs each operation by the rules of [`Org::write`]: one that fails changes nothing, with `all_or_none` one
    /// failure undoes all, and the event bus is told what the transaction changed.
    pub(super) fn each<W, T>(
        &mut self,
        context: &WriteContext,
        options: WriteOptions,
        operations: Vec<W>,
        mut run: impl FnMut(&mut Transaction<'_>, W) -> Result<T, Vec<ApiError>>,
    ) -> Results<T> {
        if self.units.is_empty() && self.store.purge_is_due(context.now) {
            self.purge(context.now);
        }
        let mut tx = Transaction::new(Arc::clone(&self.schema), &mut self.store, &self.settings, context);
        (tx.locks, tx.options) = (Some(&self.locks), options);
        let mut results: Results<T> = Vec::with_capacity(operations.len());
        for operation in operations {
            let start = tx.savepoint();
            let result = run(&mut tx, operation);
            if result.is_err() {
                tx.rollback(start);
            }
            results.push(result);
        }
        if context.all_or_none && results.iter().any(Result::is_err) {
            tx.rollback(0);
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(vec![errors::all_or_none()]);
            }
        }
        let (changes, undo) = tx.finish(!self.units.is_empty());
        match self.units.last_mut() {
            Some(unit) => unit.add(undo, changes, Vec::new()),
            None => self.tell(context, changes),
        }
        results
    }
}
