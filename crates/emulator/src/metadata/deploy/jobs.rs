//! Deployments and retrievals as jobs: asked for, run when they are due, asked about until they are done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DeployOptions, DeployResult, DeployStatus, run};
use crate::dml::WriteContext;
use crate::id::INSTANCE;
use crate::metadata::{Problem, RetrieveRequest, RetrieveResult, retrieve};
use crate::{ApiError, Millis, Org, RecordId};

/// Jobs that are remembered. Salesforce keeps them for about 30 days; a process on a laptop has less room.
const JOBS_MAX: usize = 200;
/// How long a validation can be deployed without being checked again. Documented: 10 days.
const VALIDATION_MS: Millis = 10 * 24 * 60 * 60 * 1000;

/// The jobs of an org.
#[derive(Debug, Default)]
pub struct Jobs {
    next: u64,
    deployments: BTreeMap<RecordId, DeployJob>,
    retrievals: BTreeMap<RecordId, RetrieveJob>,
}

/// A deployment.
#[derive(Debug, Clone)]
pub struct DeployJob {
    /// How it stands.
    pub result: DeployResult,
    zip: Arc<[u8]>,
    due: Millis,
    context: WriteContext,
    /// For a validation: whether it was deployed since.
    used: bool,
}

/// A retrieval. It is made when it is asked for; its answer waits to be fetched.
#[derive(Debug, Clone)]
pub struct RetrieveJob {
    /// Its id.
    pub id: RecordId,
    /// What came of it.
    pub result: Result<RetrieveResult, Problem>,
}

impl Jobs {
    fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        self.next += 1;
        RecordId::new(prefix, INSTANCE, self.next)
    }

    /// A deployment, as it stood when it was last looked at.
    pub fn deployment(&self, id: RecordId) -> Option<&DeployJob> {
        self.deployments.get(&id)
    }

    /// A retrieval.
    pub fn retrieval(&self, id: RecordId) -> Option<&RetrieveJob> {
        self.retrievals.get(&id)
    }

    /// Every deployment, oldest first.
    pub fn deployments(&self) -> impl Iterator<Item = &DeployJob> {
        self.deployments.values()
    }
}

impl Org {
    /// Takes a deployment in. It runs when it is due, after those that came before it.
    pub fn deploy(&mut self, zip: Arc<[u8]>, options: DeployOptions, context: &WriteContext) -> RecordId {
        let id = self.deployments.next_id(*b"0Af");
        let result = DeployResult {
            id,
            status: DeployStatus::Pending,
            options,
            created: context.now,
            created_by: context.user,
            started: None,
            completed: None,
            canceled_by: None,
            error: None,
            messages: Vec::new(),
        };
        let due = context.now.saturating_add(self.settings.deploy_delay_ms);
        let job = DeployJob { result, zip, due, context: context.clone(), used: false };
        self.deployments.deployments.insert(id, job);
        while self.deployments.deployments.len() > JOBS_MAX {
            self.deployments.deployments.pop_first();
        }
        self.run_deployments(context.now);
        id
    }

    /// Runs the deployments that are due, one after the other.
    pub fn run_deployments(&mut self, now: Millis) {
        loop {
            let due = self.deployments.deployments.values();
            let next = due
                .filter(|job| job.result.status == DeployStatus::Pending && job.due <= now)
                .map(|j| j.result.id)
                .next();
            let Some(id) = next else { return };
            let Some(job) = self.deployments.deployments.get(&id).cloned() else { return };
            let context = WriteContext { now, ..job.context.clone() };
            let outcome = run::run(self, &job.zip, &job.result.options, &context);
            if let Some(job) = self.deployments.deployments.get_mut(&id) {
                job.result.status = outcome.status;
                job.result.messages = outcome.messages;
                job.result.error = outcome.error;
                job.result.started = Some(now);
                job.result.completed = Some(now);
                if !(job.result.options.check_only && outcome.status == DeployStatus::Succeeded) {
                    // Only a validation is deployed again.
                    job.zip = Arc::from([]);
                }
            }
        }
    }

    /// Cancels a deployment that has not begun. Gives whether it is cancelled now.
    ///
    /// # Errors
    /// There is none with this id; it is done.
    pub fn cancel_deployment(&mut self, id: RecordId, context: &WriteContext) -> Result<(), ApiError> {
        let Some(job) = self.deployments.deployments.get_mut(&id) else { return Err(no_such(id)) };
        if job.result.status.is_done() {
            let message = format!("Deployment already completed: {id}");
            return Err(ApiError::new("INVALID_ID_FIELD", message));
        }
        job.result.status = DeployStatus::Canceled;
        job.result.completed = Some(context.now);
        job.result.canceled_by = Some(context.user);
        Ok(())
    }

    /// Deploys a validation again, without its check.
    ///
    /// # Errors
    /// There is no validation with this id that succeeded in the last ten days and was not deployed since.
    pub fn deploy_validated(&mut self, id: RecordId, context: &WriteContext) -> Result<RecordId, ApiError> {
        let usable = |job: &&mut DeployJob| {
            let done = job.result.completed.is_some_and(|at| context.now - at <= VALIDATION_MS);
            job.result.options.check_only && job.result.status == DeployStatus::Succeeded && done && !job.used
        };
        let Some(job) = self.deployments.deployments.get_mut(&id).filter(usable) else { return Err(no_such(id)) };
        job.used = true;
        let (zip, options) = (job.zip.clone(), DeployOptions { check_only: false, ..job.result.options.clone() });
        Ok(self.deploy(zip, options, context))
    }

    /// Retrieves; the answer is fetched by its id.
    pub fn retrieve(&mut self, request: &RetrieveRequest) -> RecordId {
        let result = retrieve(self, request);
        let id = self.deployments.next_id(*b"09S");
        self.deployments.retrievals.insert(id, RetrieveJob { id, result });
        while self.deployments.retrievals.len() > JOBS_MAX {
            self.deployments.retrievals.pop_first();
        }
        id
    }

    /// The answer of a retrieval. With `take` it is forgotten, as its zip file is given once.
    pub fn retrieved(&mut self, id: RecordId, take: bool) -> Option<RetrieveJob> {
        let found = self.deployments.retrievals.get(&id).cloned()?;
        if take && found.result.is_ok() {
            self.deployments.retrievals.remove(&id);
        }
        Some(found)
    }
}

fn no_such(id: RecordId) -> ApiError {
    ApiError::new("INVALID_CROSS_REFERENCE_KEY", format!("invalid cross reference id: {id}")).status(404)
}
