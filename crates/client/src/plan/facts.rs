//! What a plan is made of: what is wanted, and what is known of the objects and of the org.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::Serialize;

use crate::{
    budget::{BudgetReport, Kind, Priority},
    error::Error,
};

use super::{Assumptions, Range};

/// How soon it has to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Somebody waits: time counts more than calls.
    Now,
    /// Within minutes: calls count, and so does time.
    #[default]
    Minutes,
    /// By tomorrow: calls count.
    Overnight,
}

impl FromStr for Urgency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Urgency, Error> {
        match text {
            "now" => Ok(Urgency::Now),
            "minutes" => Ok(Urgency::Minutes),
            "overnight" => Ok(Urgency::Overnight),
            other => Err(Error::Config {
                message: format!("`{other}` is no urgency"),
                hint: Some("there are now, minutes and overnight".into()),
            }),
        }
    }
}

/// A way to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Api {
    /// REST query pages.
    Rest,
    /// Records by id, up to 2,000 in a request (sObject Collections).
    Retrieve,
    /// Bulk API 2.0 query jobs.
    Bulk,
    /// Bulk API 1.0 with PK chunking.
    Bulk1,
    /// One record in a request.
    Single,
    /// sObject Collections: 200 records in a request.
    Collections,
    /// Composite graph: up to 500 records that refer to each other in a request, all or none.
    Graph,
    /// Bulk API 2.0 ingest jobs.
    Ingest,
    /// Change events over the Pub/Sub API.
    PubSub,
    /// Change events over CometD.
    Cometd,
    /// Asking again and again what has changed.
    Polling,
}

impl Api {
    /// All of them, in the order in which a person thinks of them.
    pub const ALL: [Api; 11] = [
        Api::Rest,
        Api::Retrieve,
        Api::Bulk,
        Api::Bulk1,
        Api::Single,
        Api::Collections,
        Api::Graph,
        Api::Ingest,
        Api::PubSub,
        Api::Cometd,
        Api::Polling,
    ];

    /// Its name on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Api::Rest => "rest",
            Api::Retrieve => "retrieve",
            Api::Bulk => "bulk",
            Api::Bulk1 => "bulk1",
            Api::Single => "single",
            Api::Collections => "collections",
            Api::Graph => "graph",
            Api::Ingest => "ingest",
            Api::PubSub => "pubsub",
            Api::Cometd => "cometd",
            Api::Polling => "polling",
        }
    }

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Api::Rest => "REST query",
            Api::Retrieve => "retrieve by id",
            Api::Bulk => "Bulk 2.0 query",
            Api::Bulk1 => "Bulk 1.0 with PK chunking",
            Api::Single => "one record a request",
            Api::Collections => "sObject Collections",
            Api::Graph => "composite graph",
            Api::Ingest => "Bulk 2.0 ingest",
            Api::PubSub => "change events by Pub/Sub",
            Api::Cometd => "change events by CometD",
            Api::Polling => "polling",
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl FromStr for Api {
    type Err = Error;

    fn from_str(text: &str) -> Result<Api, Error> {
        Api::ALL.into_iter().find(|api| api.as_str() == text).ok_or_else(|| Error::Config {
            message: format!("`{text}` is no API"),
            hint: Some(format!("there are {}", Api::ALL.map(Api::as_str).join(", "))),
        })
    }
}

/// How we know how many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsKnown {
    /// The caller said so, or counted them.
    Exactly,
    /// The org's cached count of records.
    RecordCount,
    /// The query optimiser's estimate.
    Explained,
    /// Nobody knows.
    Unknown,
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The names say it.
pub enum WriteOperation {
    Insert,
    Update,
    Upsert,
    Delete,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Read objects, or the result of a query, once.
    Read,
    /// Write rows.
    Write {
        /// What is done with them.
        operation: WriteOperation,
        /// All rows are saved, or none.
        all_or_none: bool,
        /// Rows refer to others of the same input.
        related: bool,
    },
    /// Know of every change from now on.
    Follow,
}

/// An object, or a query, as far as it matters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectFacts {
    /// API name.
    pub object: String,
    /// Rows to be read or written; for following, rows that there are.
    pub rows: Range,
    /// How we know.
    pub rows_known: RowsKnown,
    /// Bytes of a row as CSV.
    pub row_bytes: Range,
    /// Fields of a row.
    pub fields: usize,
    /// Bytes of the query in a URL; more than 16,000 do not fit.
    pub query_bytes: usize,
    /// Why REST alone can do it: a subquery, an aggregate.
    pub only_rest: Vec<String>,
    /// Why it may not work by Bulk: the org tells only when it is tried.
    pub bulk_doubts: Vec<String>,
    /// `ORDER BY` or `LIMIT`, which make a Bulk query run in one piece.
    pub in_one_piece: bool,
    /// Fields that Bulk does not carry, with the reason.
    pub not_in_bulk: Vec<(String, String)>,
    /// Whether the ids are known, so that records can be read by them.
    pub ids_known: bool,
    /// Whether the object can raise change events, where that is known.
    pub has_events: Option<bool>,
    /// Fields whose changes raise no event: formulas and roll-ups.
    pub silent_fields: Vec<String>,
}

impl ObjectFacts {
    /// An object of which only the rows and their width are known.
    pub fn new(object: impl Into<String>, rows: u64, row_bytes: u64) -> ObjectFacts {
        ObjectFacts {
            object: object.into(),
            rows: Range::exactly(rows as f64),
            rows_known: RowsKnown::Exactly,
            row_bytes: Range::exactly(row_bytes as f64),
            fields: 10,
            query_bytes: 500,
            only_rest: vec![],
            bulk_doubts: vec![],
            in_one_piece: false,
            not_in_bulk: vec![],
            ids_known: false,
            has_events: None,
            silent_fields: vec![],
        }
    }

    pub(super) fn bytes(&self) -> Range {
        self.rows.by(self.row_bytes)
    }
}

/// One allowance of the org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// What the org allows.
    pub allowed: u64,
    /// Used by everybody, under way and reserved included.
    pub used: u64,
    /// Where our work stops.
    pub stop: u64,
}

/// All that a plan is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// What is wanted.
    pub task: Task,
    /// Of which objects.
    pub objects: Vec<ObjectFacts>,
    /// How soon.
    pub urgency: Urgency,
    /// The API that the user insists on.
    pub overrule: Option<Api>,
    /// What the org allows, as far as it is known.
    pub allowances: BTreeMap<Kind, Allowance>,
    /// What is taken for granted.
    pub assumptions: Assumptions,
}

impl Facts {
    /// Facts of one task, with nothing known of the org.
    pub fn new(task: Task, objects: Vec<ObjectFacts>) -> Facts {
        Facts {
            task,
            objects,
            urgency: Urgency::default(),
            overrule: None,
            allowances: BTreeMap::new(),
            assumptions: Assumptions::default(),
        }
    }

    /// Takes the org's allowances from a budget, as work of this priority sees them.
    pub fn with_budget(mut self, budget: &BudgetReport, priority: Priority) -> Facts {
        for report in &budget.kinds {
            if let (Some(allowed), Some(stop)) = (report.allowed, report.stops.get(&priority)) {
                let used = report.used + report.in_flight + report.reserved;
                self.allowances.insert(report.kind, Allowance { allowed, used, stop: *stop });
            }
        }
        self
    }
}
