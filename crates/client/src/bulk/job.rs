//! What query jobs and ingest jobs have in common: states, CSV dialects, waiting.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    call::{Call, build, decode_json, escape, get, with_json},
    error::Error,
    version::ApiVersion,
};

/// Where a job is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// An ingest job that takes data.
    Open,
    /// Waiting in the org's queue.
    UploadComplete,
    /// Being processed.
    InProgress,
    /// Processed. An ingest job may still have failed rows.
    JobComplete,
    /// Could not be finished. Rows that were done stay done.
    Failed,
    /// Stopped by a user.
    Aborted,
    /// A state that this library does not know.
    Other(String),
}

impl JobState {
    /// Whether the org will do no more.
    pub fn is_final(&self) -> bool {
        matches!(self, JobState::JobComplete | JobState::Failed | JobState::Aborted)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobState::Open => "Open",
            JobState::UploadComplete => "UploadComplete",
            JobState::InProgress => "InProgress",
            JobState::JobComplete => "JobComplete",
            JobState::Failed => "Failed",
            JobState::Aborted => "Aborted",
            JobState::Other(state) => state,
        })
    }
}

impl<'de> Deserialize<'de> for JobState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JobState, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "Open" => JobState::Open,
            "UploadComplete" => JobState::UploadComplete,
            "InProgress" => JobState::InProgress,
            "JobComplete" => JobState::JobComplete,
            "Failed" => JobState::Failed,
            "Aborted" => JobState::Aborted,
            _ => JobState::Other(text),
        })
    }
}

/// What stands between the columns of a job's CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // The names say it.
pub enum ColumnDelimiter {
    Backquote,
    Caret,
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Tab,
}

impl ColumnDelimiter {
    /// The character.
    pub fn byte(self) -> u8 {
        match self {
            ColumnDelimiter::Backquote => b'`',
            ColumnDelimiter::Caret => b'^',
            ColumnDelimiter::Comma => b',',
            ColumnDelimiter::Pipe => b'|',
            ColumnDelimiter::Semicolon => b';',
            ColumnDelimiter::Tab => b'\t',
        }
    }
}

/// How the rows of a job's CSV end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LineEnding {
    /// A line feed.
    #[default]
    Lf,
    /// Carriage return and line feed.
    Crlf,
}

/// How to wait for a job: ask soon, then less and less often, and not for ever.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// The first pause between two questions.
    pub first: Duration,
    /// The longest pause. Each is half as long again as the one before, less up to a fifth at random.
    pub cap: Duration,
    /// When to stop waiting. The job goes on in the org.
    pub deadline: Duration,
}

impl Default for Wait {
    fn default() -> Wait {
        Wait {
            first: Duration::from_millis(200),
            cap: Duration::from_secs(30),
            deadline: Duration::from_secs(24 * 3600),
        }
    }
}

/// The pauses of one wait.
pub(crate) struct Pauses {
    wait: Wait,
    next: Duration,
    since: Instant,
}

impl Pauses {
    pub(crate) fn new(wait: Wait) -> Pauses {
        Pauses { next: wait.first, wait, since: Instant::now() }
    }

    /// Pauses, or says that the deadline has passed.
    pub(crate) async fn pause(&mut self, id: &str, state: &JobState) -> Result<(), Error> {
        let waited = self.since.elapsed();
        let Some(left) = self.wait.deadline.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return Err(Error::JobDeadline { id: id.to_owned(), state: state.to_string(), waited });
        };
        let pause = self.next.mul_f64(1.0 - rand::random::<f64>() / 5.0);
        self.next = self.next.mul_f64(1.5).min(self.wait.cap);
        tokio::time::sleep(pause.min(left)).await;
        Ok(())
    }
}

/// Which family of jobs, as in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Query,
    Ingest,
}

impl Family {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Family::Query => "query",
            Family::Ingest => "ingest",
        }
    }
}

/// The path of a job. The version is the one the job was created with: any other is refused with 409.
pub(crate) fn job_path(api: ApiVersion, family: Family, id: &str) -> String {
    format!("{}/jobs/{}/{}", api.base_path(), family.path(), escape(id))
}

/// `GET` of a job, with the version in use; the answer names its own.
pub(crate) struct GetJob<J> {
    pub(crate) family: Family,
    pub(crate) id: String,
    pub(crate) reply: std::marker::PhantomData<fn() -> J>,
}

impl<J: serde::de::DeserializeOwned> Call for GetJob<J> {
    type Reply = J;

    fn what(&self) -> String {
        format!("reading job {}", self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get(job_path(api, self.family, &self.id))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<J, Error> {
        decode_json(&self.what(), response.body())
    }
}

/// `PATCH` of a job's state.
pub(crate) struct SetState {
    pub(crate) family: Family,
    pub(crate) id: String,
    pub(crate) state: JobState,
}

impl Call for SetState {
    type Reply = ();

    fn what(&self) -> String {
        format!("setting job {} to {}", self.id, self.state)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let body = serde_json::json!({ "state": self.state.to_string() });
        with_json(Method::PATCH, job_path(api, self.family, &self.id), &body)
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }
}

/// `DELETE` of a job and its results.
pub(crate) struct DeleteJob {
    pub(crate) family: Family,
    pub(crate) id: String,
}

impl Call for DeleteJob {
    type Reply = ();

    fn what(&self) -> String {
        format!("deleting job {}", self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        build(Method::DELETE, job_path(api, self.family, &self.id), None)
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }
}

/// A job's `apiVersion`, which is a JSON number such as `66.0`.
pub(crate) fn api_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ApiVersion, D::Error> {
    let number = serde_json::Value::deserialize(deserializer)?;
    let text = match &number {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().map_err(serde::de::Error::custom)
}
