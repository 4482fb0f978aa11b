//! The Metadata API: what an org is made of (objects, fields, permission sets, Apex, …), read, written, deployed and
//! retrieved. Components of any type, as trees of JSON values.
//!
//! A deployment or retrieval runs in the org; the methods that wait can be stopped and taken up again by its id.

mod archive;
mod component;
mod deploy;
mod lists;
mod package;
mod result;
mod retrieve;

use std::{
    fmt,
    time::{Duration, Instant},
};

pub use archive::{FILES_MAX, Package, PackageBuilder, UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX, unpack};
pub use component::{
    COMPONENTS_PER_CALL, ComponentResult, ComponentWrite, DeleteMetadata, MetadataComponent, ReadMetadata,
    RenameMetadata, WriteMetadata, of_type,
};
pub use deploy::{
    CancelDeploy, Deploy, DeployOptions, DeployStatus, DeployValidated, RecentDeployment, RecentDeployments,
    SoapCancelDeploy, SoapDeploy, SoapDeployStatus, SoapDeployValidated, TestLevel,
};
pub use lists::{
    DescribeMetadata, DescribeValueType, FileProperties, ListMetadata, ListQuery, MetadataDescription, MetadataType,
    QUERIES_PER_LIST,
};
pub use package::Manifest;
pub use result::{
    CodeCoverage, CoverageWarning, DeployDetails, DeployMessage, DeployResult, DeployState, RunTestResult, TestOutcome,
};
pub use retrieve::{Retrieve, RetrieveResult, RetrieveStatus, RetrievedZip};

pub(crate) use result::lenient;

use crate::{
    bulk::Wait,
    client::Client,
    error::Error,
    soap::{Element, Operation, Soap, SoapHeaders},
};

/// Metadata calls of an org.
#[derive(Clone, Debug)]
pub struct Metadata {
    client: Client,
    soap: Soap,
}

impl Metadata {
    pub(crate) fn new(client: Client) -> Metadata {
        let soap = client.soap();
        Metadata { client, soap }
    }

    /// With headers, such as all or none for the calls that write components at once.
    pub fn with_headers(mut self, headers: SoapHeaders) -> Metadata {
        self.soap = self.soap.with_headers(headers);
        self
    }

    /// Sends one operation.
    pub async fn send<O: Operation + Clone>(&self, operation: &O) -> Result<O::Reply, Error> {
        self.soap.send(operation).await
    }

    /// The org's types of metadata.
    pub async fn describe(&self) -> Result<MetadataDescription, Error> {
        self.send(&DescribeMetadata).await
    }

    /// The members of a type: see [`DescribeValueType`].
    pub async fn describe_value_type(&self, kind: impl Into<String>) -> Result<Element, Error> {
        self.send(&DescribeValueType { kind: kind.into() }).await
    }

    /// The components of these types, three types a call.
    pub async fn list<Q: Into<ListQuery>>(
        &self,
        queries: impl IntoIterator<Item = Q>,
    ) -> Result<Vec<FileProperties>, Error> {
        let queries: Vec<ListQuery> = queries.into_iter().map(Into::into).collect();
        let mut components = Vec::new();
        for queries in queries.chunks(QUERIES_PER_LIST) {
            components.extend(self.send(&ListMetadata { queries: queries.to_vec() }).await?);
        }
        Ok(components)
    }

    /// Components by name, as many a call as the type allows; `None` for a name that the org does not have.
    pub async fn read(&self, kind: &str, full_names: &[String]) -> Result<Vec<Option<MetadataComponent>>, Error> {
        let mut components = Vec::with_capacity(full_names.len());
        for names in full_names.chunks(of_type(kind)) {
            components.extend(self.send(&ReadMetadata { kind: kind.into(), full_names: names.to_vec() }).await?);
        }
        Ok(components)
    }

    /// Creates, updates or upserts components of any types, as many a call as a type allows. Results are in the order of
    /// the components.
    ///
    /// # Errors
    /// Where a call fails as a whole. What the calls before it did is done.
    pub async fn write(
        &self,
        write: ComponentWrite,
        components: &[MetadataComponent],
    ) -> Result<Vec<ComponentResult>, Error> {
        let mut results = Vec::with_capacity(components.len());
        // A call takes one type, and the order is the caller's, as fields need their object.
        for same in components.chunk_by(|a, b| a.kind == b.kind) {
            for components in same.chunks(of_type(&same[0].kind)) {
                results.extend(self.send(&WriteMetadata { write, components: components.to_vec() }).await?);
            }
        }
        Ok(results)
    }

    /// Deletes components, as many a call as the type allows.
    ///
    /// # Errors
    /// As for [`Metadata::write`].
    pub async fn delete(&self, kind: &str, full_names: &[String]) -> Result<Vec<ComponentResult>, Error> {
        let mut results = Vec::with_capacity(full_names.len());
        for names in full_names.chunks(of_type(kind)) {
            results.extend(self.send(&DeleteMetadata { kind: kind.into(), full_names: names.to_vec() }).await?);
        }
        Ok(results)
    }

    /// Renames a component.
    pub async fn rename(&self, kind: &str, old: &str, new: &str) -> Result<ComponentResult, Error> {
        self.send(&RenameMetadata { kind: kind.into(), old: old.into(), new: new.into() }).await
    }

    /// Starts a deployment by REST, and gives its id.
    ///
    /// # Errors
    /// Where the answer is lost, the deployment may have begun: it is not started a second time, and
    /// [`Metadata::recent_deployments`] tells.
    pub async fn deploy(&self, package: &Package, options: &DeployOptions) -> Result<String, Error> {
        self.client.send(&Deploy { zip: package.zip(), options: options.clone() }).await
    }

    /// Starts a deployment by SOAP, where REST is closed, and gives its id.
    ///
    /// # Errors
    /// As for [`Metadata::deploy`].
    pub async fn deploy_by_soap(&self, package: &Package, options: &DeployOptions) -> Result<String, Error> {
        self.send(&SoapDeploy { zip: package.zip(), options: options.clone() }).await
    }

    /// Deploys what a validation has found good within the last ten days, and gives the new deployment's id.
    pub async fn deploy_validated(&self, validation: &str) -> Result<String, Error> {
        self.client.send(&DeployValidated { validation: validation.into() }).await
    }

    /// How far a deployment is, with all its messages.
    pub async fn deploy_status(&self, id: &str) -> Result<DeployResult, Error> {
        self.client.send(&DeployStatus { id: id.into(), details: true }).await
    }

    /// The org's latest deployments, the newest first.
    pub async fn recent_deployments(&self, limit: u16) -> Result<Vec<RecentDeployment>, Error> {
        self.client.send(&RecentDeployments { limit }).await
    }

    /// Asks to cancel a deployment; wait for it to see what came of that.
    pub async fn cancel_deploy(&self, id: &str) -> Result<(), Error> {
        self.client.send(&CancelDeploy { id: id.into() }).await
    }

    /// Waits for a deployment to end, however it ends, and tells `progress` each time it was looked at.
    ///
    /// # Errors
    /// [`Error::JobDeadline`] when the time is over; the deployment goes on and can be waited for again.
    pub async fn wait_for_deploy(
        &self,
        id: &str,
        wait: Wait,
        mut progress: impl FnMut(&DeployResult),
    ) -> Result<DeployResult, Error> {
        let mut pauses = Pauses::new(wait);
        loop {
            // The details may be large, and only the last ones count.
            let result = self.client.send(&DeployStatus { id: id.into(), details: false }).await?;
            progress(&result);
            if result.done {
                return self.deploy_status(id).await;
            }
            pauses.pause(id, &result.status).await?;
        }
    }

    /// Asks for components, and gives the retrieval's id.
    pub async fn retrieve(&self, manifest: &Manifest) -> Result<String, Error> {
        self.send(&Retrieve { manifest: manifest.clone() }).await
    }

    /// Waits for a retrieval, and fetches its package. The org gives it once: save it before anything else.
    ///
    /// # Errors
    /// [`Error::Job`] where it failed; [`Error::JobDeadline`] when the time is over; it can be waited for again.
    pub async fn wait_for_retrieve(
        &self,
        id: &str,
        wait: Wait,
        mut progress: impl FnMut(&RetrieveResult),
    ) -> Result<RetrieveResult, Error> {
        let mut pauses = Pauses::new(wait);
        let mut result = loop {
            let result = self.client.send(&RetrieveStatus { id: id.into(), zip: false }).await?;
            progress(&result);
            if result.done {
                break result;
            }
            pauses.pause(id, &result.status).await?;
        };
        if result.success {
            result = self.client.send(&RetrieveStatus { id: id.into(), zip: true }).await?;
        }
        if !result.success {
            return Err(Error::Job { id: id.into(), state: result.status, message: result.error_message });
        }
        if result.zip.is_none() {
            return Err(Error::unexpected(
                format!("fetching the package of {id}"),
                "there is no package in the answer",
            ));
        }
        Ok(result)
    }
}

/// The pauses of one wait.
struct Pauses {
    wait: Wait,
    next: Duration,
    since: Instant,
}

impl Pauses {
    fn new(wait: Wait) -> Pauses {
        Pauses { next: wait.first, wait, since: Instant::now() }
    }

    async fn pause(&mut self, id: &str, state: &impl fmt::Display) -> Result<(), Error> {
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

#[cfg(test)]
mod tests;
