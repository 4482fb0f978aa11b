//! Deploying a package: by REST, which takes the zip as it is, and by SOAP, which takes it as base64; watching,
//! cancelling, and deploying what was validated before.

use bytes::Bytes;
use http::{Method, header};
use serde::{Deserialize, Serialize};

use super::result::{DeployResult, DeployState, lenient, moment};
use crate::{
    call::{Call, decode_json, escape, get, with_json},
    error::Error,
    soap::{Element, Endpoint, Operation, Xml, required, result},
    version::ApiVersion,
};

/// Which Apex tests a deployment runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TestLevel {
    /// None; not allowed where production code is deployed.
    NoTestRun,
    /// Those named.
    RunSpecifiedTests,
    /// All but those of installed packages.
    RunLocalTests,
    /// All.
    RunAllTestsInOrg,
    /// Those that the deployed components concern (beta, from 66.0 on).
    RunRelevantTests,
}

impl TestLevel {
    /// The name that the API knows it by.
    pub fn name(self) -> &'static str {
        match self {
            TestLevel::NoTestRun => "NoTestRun",
            TestLevel::RunSpecifiedTests => "RunSpecifiedTests",
            TestLevel::RunLocalTests => "RunLocalTests",
            TestLevel::RunAllTestsInOrg => "RunAllTestsInOrg",
            TestLevel::RunRelevantTests => "RunRelevantTests",
        }
    }
}

/// How a package is deployed. The defaults: for real, undone as a whole by any failure, warnings fail, the org decides on
/// tests.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployOptions {
    /// What package.xml names may be absent from the zip; never for production.
    pub allow_missing_files: bool,
    /// Validates, and changes nothing.
    pub check_only: bool,
    /// Warnings do not fail the deployment.
    pub ignore_warnings: bool,
    /// Deleted components skip the recycle bin; not in production.
    pub purge_on_delete: bool,
    /// Any failure undoes everything. Has to be so in production. Always sent, as the APIs differ in their defaults.
    pub rollback_on_error: bool,
    /// Test classes, for [`TestLevel::RunSpecifiedTests`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run_tests: Vec<String>,
    /// `package.xml` is at the zip's root; otherwise there is a folder for each package.
    pub single_package: bool,
    /// Which tests run; the org's default without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_level: Option<TestLevel>,
}

impl Default for DeployOptions {
    fn default() -> DeployOptions {
        DeployOptions {
            allow_missing_files: false,
            check_only: false,
            ignore_warnings: false,
            purge_on_delete: false,
            rollback_on_error: true,
            run_tests: vec![],
            single_package: true,
            test_level: None,
        }
    }
}

impl DeployOptions {
    fn check(&self, api: ApiVersion) -> Result<(), Error> {
        if self.test_level == Some(TestLevel::RunSpecifiedTests) && self.run_tests.is_empty() {
            return Err(Error::config("RunSpecifiedTests was asked for, and no test class named"));
        }
        if self.test_level != Some(TestLevel::RunSpecifiedTests) && !self.run_tests.is_empty() {
            return Err(Error::config("test classes were named, which only RunSpecifiedTests runs"));
        }
        if self.test_level == Some(TestLevel::RunRelevantTests) && api < ApiVersion::new(66) {
            return Err(Error::config(format!("RunRelevantTests needs API version 66.0, and {api} is in use")));
        }
        Ok(())
    }

    fn write(&self, xml: &mut Xml) {
        xml.flag("allowMissingFiles", self.allow_missing_files);
        xml.flag("autoUpdatePackage", false);
        xml.flag("checkOnly", self.check_only);
        xml.flag("ignoreWarnings", self.ignore_warnings);
        xml.flag("performRetrieve", false);
        xml.flag("purgeOnDelete", self.purge_on_delete);
        xml.flag("rollbackOnError", self.rollback_on_error);
        xml.list("runTests", &self.run_tests);
        xml.flag("singlePackage", self.single_package);
        xml.optional("testLevel", self.test_level.map(TestLevel::name));
    }
}

/// `POST /metadata/deployRequest`: starts a deployment by REST. Not sent again when the answer was lost: the org may have
/// it, and would do it twice. [`RecentDeployments`] then tells whether there is one.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// The package.
    pub zip: Bytes,
    /// How.
    pub options: DeployOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeployBody<'a> {
    deploy_options: &'a DeployOptions,
}

/// What comes back from the deploy resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeployAnswer {
    id: String,
    #[serde(default)]
    deploy_result: Option<serde_json::Value>,
}

impl Call for Deploy {
    /// The deployment's id.
    type Reply = String;

    fn what(&self) -> String {
        "starting a deployment".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        self.options.check(api)?;
        let options = serde_json::to_string(&DeployBody { deploy_options: &self.options })
            .map_err(|source| Error::decode("writing JSON", source))?;
        let boundary = format!("tidegate-{:032x}", rand::random::<u128>());
        let mut body = Vec::with_capacity(self.zip.len() + 1024);
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n{options}\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"deploy.zip\"\r\nContent-Type: application/zip\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(&self.zip);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        http::Request::builder()
            .method(Method::POST)
            .uri(format!("{}/metadata/deployRequest", api.base_path()))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .body(Bytes::from(body))
            .map_err(|source| Error::config(format!("the request cannot be written: {source}")))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<String, Error> {
        let answer: DeployAnswer = decode_json(&self.what(), response.body())?;
        Ok(answer.id)
    }
}

/// `GET /metadata/deployRequest/{id}`: how far a deployment is.
#[derive(Clone, Debug)]
pub struct DeployStatus {
    /// The deployment's id, `0Af…`.
    pub id: String,
    /// With messages of components and tests.
    pub details: bool,
}

impl Call for DeployStatus {
    type Reply = DeployResult;

    fn what(&self) -> String {
        format!("asking for the deployment {}", self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let details = if self.details { "?includeDetails=true" } else { "" };
        get(format!("{}/metadata/deployRequest/{}{details}", api.base_path(), escape(&self.id)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<DeployResult, Error> {
        let what = self.what();
        let answer: DeployAnswer = decode_json(&what, response.body())?;
        let result = answer.deploy_result.ok_or_else(|| Error::unexpected(&what, "there is no deployResult"))?;
        DeployResult::read(&what, result)
    }
}

/// `PATCH /metadata/deployRequest/{id}`: asks to cancel. The deployment goes on until its status is `Canceled`.
#[derive(Clone, Debug)]
pub struct CancelDeploy {
    /// The deployment's id.
    pub id: String,
}

impl Call for CancelDeploy {
    type Reply = ();

    fn what(&self) -> String {
        format!("cancelling the deployment {}", self.id)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let path = format!("{}/metadata/deployRequest/{}", api.base_path(), escape(&self.id));
        with_json(Method::PATCH, path, &serde_json::json!({ "deployResult": { "status": "Canceling" } }))
    }

    fn reply(&self, _: http::Response<Bytes>) -> Result<(), Error> {
        Ok(())
    }
}

/// `POST /metadata/deployRequest` with a validation's id: deploys what a validation with tests has found good within the
/// last ten days, without running the tests again. The answer is a new deployment's id.
#[derive(Clone, Debug)]
pub struct DeployValidated {
    /// The validation's id.
    pub validation: String,
}

impl Call for DeployValidated {
    type Reply = String;

    fn what(&self) -> String {
        format!("deploying what {} has validated", self.validation)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        // The guide also shows the id in the path; the body alone is what Salesforce's own tools send.
        let path = format!("{}/metadata/deployRequest", api.base_path());
        with_json(Method::POST, path, &serde_json::json!({ "validatedDeployRequestId": self.validation }))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<String, Error> {
        let answer: DeployAnswer = decode_json(&self.what(), response.body())?;
        Ok(answer.id)
    }
}

/// `GET /tooling/query` of `DeployRequest`: the org's latest deployments and validations, the newest first. What tells
/// whether a start whose answer was lost has happened.
#[derive(Clone, Debug)]
pub struct RecentDeployments {
    /// How many at most.
    pub limit: u16,
}

/// One of the latest deployments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"))]
pub struct RecentDeployment {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub status: DeployState,
    /// Whether it only validates.
    #[serde(default)]
    pub check_only: bool,
    /// When it was asked for.
    #[serde(default, deserialize_with = "moment")]
    pub created_date: Option<jiff::Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "moment")]
    pub completed_date: Option<jiff::Timestamp>,
    /// Components that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub number_component_errors: u64,
    /// Components done.
    #[serde(default, deserialize_with = "lenient")]
    pub number_components_deployed: u64,
    /// Components in all.
    #[serde(default, deserialize_with = "lenient")]
    pub number_components_total: u64,
    /// Tests that failed.
    #[serde(default, deserialize_with = "lenient")]
    pub number_test_errors: u64,
    /// Why it failed as a whole.
    #[serde(default)]
    pub error_message: Option<String>,
}

#[derive(Deserialize)]
struct RecentAnswer {
    records: Vec<RecentDeployment>,
}

impl Call for RecentDeployments {
    type Reply = Vec<RecentDeployment>;

    fn what(&self) -> String {
        "listing the latest deployments".into()
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let soql = format!(
            "SELECT Id, Status, CheckOnly, CreatedDate, CompletedDate, NumberComponentErrors, NumberComponentsDeployed, \
             NumberComponentsTotal, NumberTestErrors, ErrorMessage FROM DeployRequest ORDER BY CreatedDate DESC, Id DESC LIMIT {}",
            self.limit
        );
        get(format!("{}/tooling/query?q={}", api.base_path(), escape(&soql)))
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<Self::Reply, Error> {
        let answer: RecentAnswer = decode_json(&self.what(), response.body())?;
        Ok(answer.records)
    }
}

/// `deploy` by SOAP, where REST is closed. The envelope takes a third more than the zip.
#[derive(Clone, Debug)]
pub struct SoapDeploy {
    /// The package.
    pub zip: Bytes,
    /// How.
    pub options: DeployOptions,
}

impl Operation for SoapDeploy {
    type Reply = String;

    fn what(&self) -> String {
        "starting a deployment by SOAP".into()
    }

    fn name(&self) -> &str {
        "deploy"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, api: ApiVersion, xml: &mut Xml) {
        if let Err(error) = self.options.check(api) {
            xml.refuse(error.to_string());
        }
        xml.base64("ZipFile", &self.zip);
        xml.node("DeployOptions", |xml| self.options.write(xml));
    }

    fn read(&self, answer: Element) -> Result<String, Error> {
        let what = self.what();
        required(&what, &result(&what, answer)?, "id")
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `checkDeployStatus` by SOAP.
#[derive(Clone, Debug)]
pub struct SoapDeployStatus {
    /// The deployment's id.
    pub id: String,
    /// With messages of components and tests.
    pub details: bool,
}

impl Operation for SoapDeployStatus {
    type Reply = DeployResult;

    fn what(&self) -> String {
        format!("asking for the deployment {}", self.id)
    }

    fn name(&self) -> &str {
        "checkDeployStatus"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("asyncProcessId", &self.id);
        xml.flag("includeDetails", self.details);
    }

    fn read(&self, answer: Element) -> Result<DeployResult, Error> {
        let what = self.what();
        DeployResult::read(&what, result(&what, answer)?.to_json())
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `cancelDeploy` by SOAP: whether it is cancelled already.
#[derive(Clone, Debug)]
pub struct SoapCancelDeploy {
    /// The deployment's id.
    pub id: String,
}

impl Operation for SoapCancelDeploy {
    type Reply = bool;

    fn what(&self) -> String {
        format!("cancelling the deployment {}", self.id)
    }

    fn name(&self) -> &str {
        "cancelDeploy"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        // The parameter is called so in the WSDL.
        xml.leaf("String", &self.id);
    }

    fn read(&self, answer: Element) -> Result<bool, Error> {
        Ok(result(&self.what(), answer)?.is("done"))
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `deployRecentValidation` by SOAP: see [`DeployValidated`].
#[derive(Clone, Debug)]
pub struct SoapDeployValidated {
    /// The validation's id.
    pub validation: String,
}

impl Operation for SoapDeployValidated {
    type Reply = String;

    fn what(&self) -> String {
        format!("deploying what {} has validated", self.validation)
    }

    fn name(&self) -> &str {
        "deployRecentValidation"
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Metadata
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("validationId", &self.validation);
    }

    fn read(&self, answer: Element) -> Result<String, Error> {
        Ok(result(&self.what(), answer)?.text)
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}
