//! Results back to the rows that they are of. Salesforce gives the results of a job in an order of its own and without
//! row numbers, and refuses a column that is no field, which could carry one (Bulk API 2.0 and Bulk API Developer Guide).
//! But each result repeats the uploaded values, so that results and rows are joined as multisets: of rows that are equal
//! in every value any may get any of their results.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use tidegate_client::bulk::CsvRows;

use super::columns::Columns;
use super::input::Row;
use super::outcome::Outcome;
use super::value::Prefixes;
use super::wire::Fingerprints;

/// Which values of a result stand for which columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// For each column that was sent its place in the result; `None` where the result leaves it out.
    places: Vec<Option<usize>>,
    id: Option<usize>,
    created: Option<usize>,
    error: Option<usize>,
}

impl Shape {
    /// From the header of a result set.
    pub(crate) fn of(header: &[String], columns: &Columns) -> Self {
        let place = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
        Self {
            places: columns.wire_header().map(place).collect(),
            id: place("sf__Id"),
            created: place("sf__Created"),
            error: place("sf__Error"),
        }
    }
}

/// How two values are held to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Likeness {
    Exact,
    /// Apart from blanks around them and from the kind of line break.
    Loose,
}

/// Rows of one part that wait for their results.
#[derive(Debug)]
pub(crate) struct Join {
    prints: Fingerprints,
    /// What became of each row of the part; `None` while nothing is known.
    outcomes: Vec<Option<Outcome>>,
    /// Fingerprints of the rows that wait, in order, with how many of the equal ones before them are taken.
    exact: Index,
    loose: Index,
    shape: Option<Shape>,
    errors: HashMap<Box<str>, Arc<str>>,
    /// Results that no row was found for.
    strangers: u64,
    /// Rows that got an outcome from the set that is being read, and strangers before it.
    taken: Vec<u32>,
    strangers_before: u64,
}

#[derive(Debug, Default)]
struct Index {
    rows: Vec<(u64, u32)>,
    /// At the first of equal fingerprints: how many of them were looked at.
    seen: Vec<u32>,
}

impl Index {
    fn new(mut rows: Vec<(u64, u32)>) -> Self {
        rows.sort_unstable();
        let seen = vec![0; rows.len()];
        Self { rows, seen }
    }

    /// Rows with this fingerprint, each given once.
    fn next(&mut self, print: u64) -> Option<usize> {
        let start = self.rows.partition_point(|(other, _)| *other < print);
        let seen = self.seen.get_mut(start)?;
        let (other, row) = *self.rows.get(start + *seen as usize)?;
        if other != print {
            return None;
        }
        *seen += 1;
        Some(row as usize)
    }
}

fn loose(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    if cell.contains('\r') { Cow::Owned(cell.replace('\r', "")) } else { Cow::Borrowed(cell) }
}

impl Join {
    /// For a part of so many rows.
    pub(crate) fn new(rows: usize, prints: Fingerprints) -> Self {
        Self {
            prints,
            outcomes: vec![None; rows],
            exact: Index::default(),
            loose: Index::default(),
            shape: None,
            errors: HashMap::new(),
            strangers: 0,
            taken: vec![],
            strangers_before: 0,
        }
    }

    /// Rows of which nothing is known.
    pub(crate) fn waiting(&self) -> u64 {
        self.outcomes.iter().filter(|outcome| outcome.is_none()).count() as u64
    }

    /// Whether nothing is known of a row, by its place in the part from 0.
    pub(crate) fn waits(&self, at: usize) -> bool {
        self.outcomes.get(at).is_some_and(Option::is_none)
    }

    /// Results that no row was found for.
    pub(crate) fn strangers(&self) -> u64 {
        self.strangers
    }

    /// Gets ready for results of this shape: `next` gives the rows of the part in their order.
    pub(crate) fn expect<E>(
        &mut self,
        shape: &Shape,
        columns: &Columns,
        prefixes: &Prefixes,
        mut next: impl FnMut(&mut Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        if self.shape.as_ref().is_some_and(|known| known.places == shape.places) {
            self.shape = Some(shape.clone());
            return Ok(());
        }
        let (mut exact, mut alike) = (vec![], vec![]);
        let mut row = Row::default();
        let mut at = 0u32;
        while next(&mut row)? {
            if self.waits(at as usize) {
                let cells = || {
                    let sent = columns.cells(&row, prefixes).zip(&shape.places);
                    sent.filter(|(_, place)| place.is_some()).map(|(cell, _)| cell)
                };
                exact.push((self.prints.of(cells()), at));
                let owned = cells().map(|cell| Cow::Owned(loose(&cell).into_owned()));
                alike.push((self.prints.of(owned), at));
            }
            at += 1;
        }
        self.exact = Index::new(exact);
        self.loose = Index::new(alike);
        self.shape = Some(shape.clone());
        Ok(())
    }

    /// Forgets which rows wait, so that [`Join::expect`] reads them anew: before results of another job.
    pub(crate) fn again(&mut self, is_again: impl Fn(&Outcome) -> bool) {
        self.shape = None;
        for outcome in &mut self.outcomes {
            if outcome.as_ref().is_some_and(&is_again) {
                *outcome = None;
            }
        }
    }

    /// A set is about to be read.
    pub(crate) fn begin(&mut self) {
        self.taken.clear();
        self.strangers_before = self.strangers;
    }

    /// The set that was being read came short: it will be read again, and what was taken of it does not count.
    pub(crate) fn undo(&mut self) {
        for at in self.taken.drain(..) {
            if let Some(slot) = self.outcomes.get_mut(at as usize) {
                *slot = None;
            }
        }
        self.strangers = self.strangers_before;
        self.shape = None;
    }

    /// Takes results that say that rows were saved, were refused, or were not reached.
    pub(crate) fn take(&mut self, rows: &CsvRows, kind: Kind) {
        let Some(shape) = self.shape.clone() else { return };
        for result in rows.iter() {
            self.take_one(&|place| result.get(place), &shape, kind);
        }
    }

    fn take_one<'a>(&mut self, result: &dyn Fn(usize) -> Option<&'a str>, shape: &Shape, kind: Kind) {
        let outcome = self.outcome(result, shape, kind);
        match self.find(result, shape) {
            Some(at) => {
                if let Some(slot) = self.outcomes.get_mut(at) {
                    *slot = Some(outcome);
                    self.taken.push(u32::try_from(at).unwrap_or(u32::MAX));
                }
            }
            None => self.strangers += 1,
        }
    }

    fn outcome<'a>(&mut self, result: &dyn Fn(usize) -> Option<&'a str>, shape: &Shape, kind: Kind) -> Outcome {
        let value = |place: Option<usize>| place.and_then(result).unwrap_or_default();
        match kind {
            Kind::Successful => {
                let created = match value(shape.created) {
                    "" => None,
                    text => Some(text.eq_ignore_ascii_case("true")),
                };
                Outcome::Succeeded { id: value(shape.id).into(), created }
            }
            Kind::Failed => {
                let text = value(shape.error);
                // A thousand rows often fail in the same words.
                let error = match self.errors.get(text) {
                    Some(error) => error.clone(),
                    None => {
                        let error: Arc<str> = text.into();
                        self.errors.insert(text.into(), error.clone());
                        error
                    }
                };
                Outcome::Failed { id: Some(value(shape.id)).filter(|id| !id.is_empty()).map(Into::into), error }
            }
            Kind::Unprocessed => Outcome::Unprocessed,
        }
    }

    fn find<'a>(&mut self, result: &dyn Fn(usize) -> Option<&'a str>, shape: &Shape) -> Option<usize> {
        let places = || shape.places.iter().flatten();
        for likeness in [Likeness::Exact, Likeness::Loose] {
            let print = self.prints.of(places().map(|place| {
                let value = result(*place).unwrap_or_default();
                if likeness == Likeness::Exact { Cow::Borrowed(value) } else { loose(value) }
            }));
            loop {
                let index = if likeness == Likeness::Exact { &mut self.exact } else { &mut self.loose };
                match index.next(print) {
                    // One that the other index gave away.
                    Some(at) if !self.outcomes.get(at).is_some_and(Option::is_none) => {}
                    Some(at) => return Some(at),
                    None => break,
                }
            }
        }
        None
    }

    /// Says the same of all rows of which nothing is known.
    pub(crate) fn rest(&mut self, outcome: &Outcome) {
        for slot in &mut self.outcomes {
            slot.get_or_insert_with(|| outcome.clone());
        }
    }

    /// What became of each row, in the order of the part.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        // A row that nobody has spoken of: see `rest`.
        const NONE: &Outcome = &Outcome::Unknown;
        self.outcomes.iter().map(|outcome| outcome.as_ref().unwrap_or(NONE))
    }
}

/// The three kinds of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Successful,
    Failed,
    Unprocessed,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tidegate_client::{Describe, DescribeField};

    use super::super::LoadOperation;
    use super::super::columns::Wanted;
    use super::super::input::rows::Rows;
    use super::super::input::{Dialect, Lines};
    use super::*;

    fn columns(names: &[&str]) -> Columns {
        let field = |name: &&str| DescribeField {
            name: (*name).to_owned(),
            kind: "string".to_owned(),
            createable: true,
            nillable: true,
            ..DescribeField::default()
        };
        let fields = names.iter().map(field).collect();
        let describe = Describe { name: "X".to_owned(), createable: true, fields, ..Describe::default() };
        let header: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let wanted = Wanted { operation: &LoadOperation::Insert, renamed: &[], ignored: &[], empty_as_null: false };
        Columns::read(&header, &wanted, &describe, &BTreeMap::new()).unwrap()
    }

    /// Joins results, given in an order of their own, to rows; the first value of a result says what became of it.
    fn join(table: &[[String; 2]], results: &[(Kind, [String; 3])]) -> (Vec<Option<Outcome>>, u64) {
        let columns = columns(&["A", "B"]);
        let csv: String = table
            .iter()
            .map(|row| {
                row.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n"
            })
            .collect();
        let dialect = Dialect { delimiter: tidegate_client::bulk::ColumnDelimiter::Comma, lines: Lines::Lf };
        let prefixes = Prefixes::new();
        let mut join = Join::new(table.len(), Fingerprints::default());
        for kind in [Kind::Failed, Kind::Successful, Kind::Unprocessed] {
            // The columns of results come in another order, and their names in another case.
            let header = ["sf__Error", "b", "sf__Id", "a"].map(str::to_owned);
            let shape = Shape::of(&header, &columns);
            let mut rows = Rows::new(csv.as_bytes(), dialect, 0, 1);
            join.begin();
            join.expect(&shape, &columns, &prefixes, |row| rows.read(row)).unwrap();
            for (_, [id, a, b]) in results.iter().filter(|(of, _)| *of == kind) {
                let cells = [id.as_str(), b.as_str(), id.as_str(), a.as_str()];
                join.take_one(&|place| cells.get(place).copied(), &shape, kind);
            }
        }
        let strangers = join.strangers();
        (join.outcomes, strangers)
    }

    fn text(outcome: &Outcome) -> &str {
        match outcome {
            Outcome::Succeeded { id, .. } => id,
            Outcome::Failed { error, .. } => error,
            _ => "",
        }
    }

    #[test]
    fn blanks_and_line_breaks_that_the_org_changed_are_seen_through() {
        let own = |cells: [&str; 2]| cells.map(str::to_owned);
        let table = [own([" a", "x\ny"]), own(["a", "x\ny"]), own(["b", ""])];
        let result = |kind, cells: [&str; 3]| (kind, cells.map(str::to_owned));
        // The exact one is preferred, and the other gets what is left.
        let results = [
            result(Kind::Successful, ["1", "a", "x\ny"]),
            result(Kind::Successful, ["2", "a", "x\r\ny"]),
            result(Kind::Failed, ["no", "nobody", ""]),
        ];
        let (outcomes, strangers) = join(&table, &results);
        let told: Vec<_> = outcomes.iter().map(|o| o.as_ref().map(text)).collect();
        assert_eq!((told, strangers), (vec![Some("2"), Some("1"), None], 1));
    }

    proptest! {
        #[test]
        fn every_result_finds_a_row_with_its_values(
            // Few different values, so that many rows are equal.
            rows in prop::collection::vec((prop::array::uniform2("[ab]{0,1}|x\n"), 0..4u8, any::<u64>()), 1..60),
        ) {
            // A row that is an empty line is no row.
            let rows: Vec<_> = rows.into_iter().filter(|(row, ..)| !row.iter().all(String::is_empty)).collect();
            let table: Vec<[String; 2]> = rows.iter().map(|(row, ..)| row.clone()).collect();
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|at| rows[*at].2);
            let kinds = [Kind::Successful, Kind::Failed, Kind::Unprocessed];
            let results: Vec<(Kind, [String; 3])> = order
                .iter()
                .filter_map(|at| {
                    let kind = *kinds.get(usize::from(rows[*at].1))?;
                    let [a, b] = table[*at].clone();
                    // What it says tells the values of its row, not its number.
                    Some((kind, [format!("{a}|{b}"), a, b]))
                })
                .collect();
            let (outcomes, strangers) = join(&table, &results);
            prop_assert_eq!(strangers, 0);
            prop_assert_eq!(outcomes.iter().flatten().count(), results.len());
            for (row, outcome) in table.iter().zip(&outcomes) {
                if let Some(outcome) = outcome && *outcome != Outcome::Unprocessed {
                    prop_assert_eq!(text(outcome), format!("{}|{}", row[0], row[1]));
                }
            }
            // Of equal rows as many have each outcome as there are such results.
            for values in &table {
                let of = |outcome: &Outcome| match outcome {
                    Outcome::Succeeded { .. } => Kind::Successful,
                    Outcome::Failed { .. } => Kind::Failed,
                    _ => Kind::Unprocessed,
                };
                for kind in kinds {
                    let wanted = results.iter().filter(|(k, cells)| *k == kind && cells[1..] == values[..]).count();
                    let got = table.iter().zip(&outcomes)
                        .filter(|(row, o)| *row == values && o.as_ref().is_some_and(|o| of(o) == kind)).count();
                    prop_assert_eq!(got, wanted);
                }
            }
        }
    }
}
