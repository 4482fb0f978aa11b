//! Any number of records through collections: cut into calls of 200, some at a time, with the results in the order of
//! the input and each beside the record it belongs to.

use futures::{Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use serde::Serialize;

use crate::{call::Call, client::Client, error::Error, query::Record};

use super::{CreateMany, DeleteMany, GetMany, READ_MAX, RECORDS_MAX, RUNS_MAX, SaveResult, UpdateMany, UpsertMany};
use crate::rest::{Headers, record::Saved};

/// How to write many records.
#[derive(Clone, Debug)]
pub struct Collections {
    client: Client,
    at_once: usize,
    chunk: usize,
    all_or_none: bool,
    headers: Headers,
}

/// A record that was given, and what became of it.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// The record's place in the input, from 0.
    pub place: u64,
    /// The record as it was given.
    pub record: T,
    /// Its id, or why it was not written. After a lost answer, all of its call have [`Error::Transport`]: whether they
    /// were written is unknown.
    pub result: Result<Saved, Error>,
}

/// The outcomes, in the order of the input. Holds as many calls as run at once; ends when the input does.
pub type Outcomes<T> = BoxStream<'static, Outcome<T>>;

impl Client {
    /// Writing and reading any number of records through sObject Collections, 200 in a call.
    pub fn collections(&self) -> Collections {
        Collections {
            client: self.clone(),
            at_once: 4,
            chunk: RECORDS_MAX,
            all_or_none: false,
            headers: Headers::new(),
        }
    }
}

impl Collections {
    /// How many calls run at once; 4 unless changed. Records that share a parent can lock each other out: 1 keeps their
    /// order of writing, too.
    pub fn at_once(mut self, calls: usize) -> Collections {
        self.at_once = calls.max(1);
        self
    }

    /// How many records a call has, 1 to 200.
    pub fn records_per_call(mut self, records: usize) -> Collections {
        self.chunk = records.clamp(1, RECORDS_MAX);
        self
    }

    /// Of each call's records, all are written or none. Calls are independent of each other.
    pub fn all_or_none(mut self) -> Collections {
        self.all_or_none = true;
        self
    }

    /// Headers for each call.
    pub fn with(mut self, headers: Headers) -> Collections {
        self.headers = headers;
        self
    }

    /// Makes records of one object. A call whose answer was lost is not sent again.
    pub fn create<T, S>(&self, object: impl Into<String>, records: S) -> Outcomes<T>
    where
        T: Serialize + Clone + Send + Sync + 'static,
        S: Stream<Item = T> + Send + 'static,
    {
        let object = object.into();
        self.create_mixed(records.map(move |record| (object.clone(), record)))
            .map(|outcome| Outcome { place: outcome.place, record: outcome.record.1, result: outcome.result })
            .boxed()
    }

    /// Makes records of several objects. Calls are cut so that none has more than ten runs of one object.
    pub fn create_mixed<T, S>(&self, records: S) -> Outcomes<(String, T)>
    where
        T: Serialize + Clone + Send + Sync + 'static,
        S: Stream<Item = (String, T)> + Send + 'static,
    {
        let all_or_none = self.all_or_none;
        self.run(
            records,
            |(object, _)| Some(object.clone()),
            move |records| CreateMany { records: records.to_vec(), all_or_none },
        )
    }

    /// Changes records of one object, each given with its id.
    pub fn update<T, S>(&self, object: impl Into<String>, records: S) -> Outcomes<(String, T)>
    where
        T: Serialize + Clone + Send + Sync + 'static,
        S: Stream<Item = (String, T)> + Send + 'static,
    {
        let (object, all_or_none) = (object.into(), self.all_or_none);
        self.run(
            records,
            |_| None,
            move |records| UpdateMany {
                records: records.iter().map(|(id, fields)| (object.clone(), id.clone(), fields.clone())).collect(),
                all_or_none,
            },
        )
    }

    /// Updates or makes records of one object by an external id, which is among the fields of each. The same key twice
    /// in one call is refused by the org; one at a time ([`Collections::at_once`]), calls are in order.
    pub fn upsert<T, S>(&self, object: impl Into<String>, key: impl Into<String>, records: S) -> Outcomes<T>
    where
        T: Serialize + Clone + Send + Sync + 'static,
        S: Stream<Item = T> + Send + 'static,
    {
        let (object, key, all_or_none) = (object.into(), key.into(), self.all_or_none);
        self.run(
            records,
            |_| None,
            move |records| UpsertMany {
                object: object.clone(),
                key: key.clone(),
                records: records.to_vec(),
                all_or_none,
            },
        )
    }

    /// Deletes records of any objects by id.
    pub fn delete<S>(&self, ids: S) -> Outcomes<String>
    where
        S: Stream<Item = String> + Send + 'static,
    {
        let all_or_none = self.all_or_none;
        // An id's first three characters tell its object.
        let object = |id: &String| Some(id.chars().take(3).collect());
        self.run(ids, object, move |ids| DeleteMany { ids: ids.to_vec(), all_or_none })
    }

    /// Reads records of one object by id, 2,000 in a call, in the order of the ids; `None` for those that are not there
    /// or that the user may not see.
    pub fn get<S>(
        &self,
        object: impl Into<String>,
        fields: impl IntoIterator<Item = impl Into<String>>,
        ids: S,
    ) -> BoxStream<'static, Result<(String, Option<Record>), Error>>
    where
        S: Stream<Item = String> + Send + 'static,
    {
        let object = object.into();
        let fields: Vec<String> = fields.into_iter().map(Into::into).collect();
        let (client, headers) = (self.client.clone(), self.headers.clone());
        ids.chunks(READ_MAX)
            .map(move |ids| {
                let call = GetMany::new(object.clone(), ids.clone(), fields.clone()).with(headers.clone());
                let client = client.clone();
                async move {
                    match client.send(&call).await {
                        Ok(records) => ids.into_iter().zip(records).map(Ok).collect::<Vec<_>>(),
                        Err(error) => vec![Err(error)],
                    }
                }
            })
            .buffered(self.at_once)
            .flat_map(futures::stream::iter)
            .boxed()
    }

    fn run<T, S, C>(
        &self,
        records: S,
        object: impl Fn(&T) -> Option<String> + Send + 'static,
        call: impl Fn(&[T]) -> C + Send + 'static,
    ) -> Outcomes<T>
    where
        T: Send + Sync + 'static,
        S: Stream<Item = T> + Send + 'static,
        C: Call<Reply = Vec<SaveResult>> + Send + Sync + 'static,
    {
        let (client, headers) = (self.client.clone(), self.headers.clone());
        cut(records, self.chunk, object)
            .map(move |(first, records)| -> BoxFuture<'static, Vec<Outcome<T>>> {
                let call = call(&records).with(headers.clone());
                let client = client.clone();
                Box::pin(async move {
                    let what = call.what();
                    let results: Vec<Result<Saved, Error>> = match client.send(&call).await {
                        Ok(results) => results.into_iter().map(|result| result.into_saved(&what)).collect(),
                        Err(error) => vec![Err(error); records.len()],
                    };
                    (first..)
                        .zip(records)
                        .zip(results)
                        .map(|((place, record), result)| Outcome { place, record, result })
                        .collect()
                })
            })
            .buffered(self.at_once)
            .flat_map(futures::stream::iter)
            .boxed()
    }
}

/// Cuts a stream into calls: at most `size` records and ten runs of one object each, in order. Each with the place of
/// its first record.
fn cut<T, S>(
    records: S,
    size: usize,
    object: impl Fn(&T) -> Option<String> + Send + 'static,
) -> BoxStream<'static, (u64, Vec<T>)>
where
    T: Send + 'static,
    S: Stream<Item = T> + Send + 'static,
{
    struct Cutter<T, F> {
        records: BoxStream<'static, T>,
        /// The record that did not fit into the last call.
        left: Option<T>,
        place: u64,
        object: F,
    }
    let start = Cutter { records: records.boxed(), left: None, place: 0, object };
    futures::stream::unfold(start, move |mut cutter| async move {
        let mut call = Vec::new();
        let (mut runs, mut last) = (0, None);
        while call.len() < size {
            let next = match cutter.left.take() {
                Some(record) => Some(record),
                None => cutter.records.next().await,
            };
            let Some(record) = next else { break };
            let kind = (cutter.object)(&record);
            if call.is_empty() || kind != last {
                if runs == RUNS_MAX {
                    cutter.left = Some(record);
                    break;
                }
                runs += 1;
                last = kind;
            }
            call.push(record);
        }
        if call.is_empty() {
            return None;
        }
        let first = cutter.place;
        cutter.place += call.len() as u64;
        Some(((first, call), cutter))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn calls_hold_the_limits_and_nothing_is_lost(objects in proptest::collection::vec(0u8..4, 0..900), size in 1usize..=200) {
            let calls: Vec<(u64, Vec<u8>)> = futures::executor::block_on(
                cut(futures::stream::iter(objects.clone()), size, |object| Some(object.to_string())).collect(),
            );
            let mut place = 0;
            for (first, call) in &calls {
                proptest::prop_assert_eq!(*first, place);
                proptest::prop_assert!(!call.is_empty() && call.len() <= size);
                let runs = 1 + call.windows(2).filter(|pair| pair[0] != pair[1]).count();
                proptest::prop_assert!(runs <= RUNS_MAX);
                place += call.len() as u64;
            }
            proptest::prop_assert_eq!(calls.into_iter().flat_map(|(_, call)| call).collect::<Vec<_>>(), objects);
        }
    }
}
