//! A small ingest job in one request: the job and its data together.

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use crate::{
    call::{Call, build, decode_json},
    error::Error,
    version::ApiVersion,
};

use super::{
    Bulk, CreateIngestJob, IngestJob, IngestSpec, IngestSummary,
    job::{JobState, Wait},
};

/// The most characters of data that come with the creation of a job.
pub const DATA_CHARACTERS_MAX: usize = 100_000;

/// `POST /jobs/ingest` with the data: the org starts to work at once. Not sent again when the answer was lost, as that
/// could do the work twice.
#[derive(Clone, Debug)]
pub struct CreateIngestJobWithData {
    /// The job.
    pub spec: IngestSpec,
    /// CSV with a header row, in the job's dialect; at most [`DATA_CHARACTERS_MAX`].
    pub csv: String,
}

impl CreateIngestJobWithData {
    /// A boundary that is not in the data.
    fn boundary(&self) -> String {
        loop {
            let boundary = format!("tidegate-{:032x}", rand::random::<u128>());
            if !self.csv.contains(&boundary) {
                return boundary;
            }
        }
    }
}

impl Call for CreateIngestJobWithData {
    type Reply = IngestJob;

    fn what(&self) -> String {
        format!("loading {} by one request", self.spec.object)
    }

    fn request(&self, api: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        let characters = self.csv.chars().count();
        if characters > DATA_CHARACTERS_MAX {
            return Err(Error::UploadTooLarge { bytes: characters as u64, max: DATA_CHARACTERS_MAX as u64 });
        }
        let job = CreateIngestJob(self.spec.clone()).request(api)?;
        let boundary = self.boundary();
        let mut body = format!(
            "--{boundary}\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(job.body());
        body.extend_from_slice(
            format!(
                "\r\n--{boundary}\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; \
                 filename=\"content\"\r\n\r\n{}\r\n--{boundary}--\r\n",
                self.csv
            )
            .as_bytes(),
        );
        let mut request = build(Method::POST, format!("{}/jobs/ingest", api.base_path()), Some(body.into()))?;
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
            .map_err(|source| Error::decode("writing a request", source))?;
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(request)
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<IngestJob, Error> {
        decode_json(&self.what(), response.body())
    }
}

impl Bulk {
    /// Loads up to [`DATA_CHARACTERS_MAX`] characters of CSV by one request and waits for the job: for little data it
    /// saves two calls of [`Bulk::ingest`].
    ///
    /// # Errors
    /// [`Error::UploadTooLarge`] before anything is sent. [`Error::Transport`] when the answer was lost: whether there
    /// is a job is then unknown, and [`Bulk::ingest_jobs`] tells. [`Error::Job`] when the job as a whole fails.
    pub async fn ingest_small(
        &self,
        spec: IngestSpec,
        csv: impl Into<String>,
        wait: Wait,
    ) -> Result<IngestSummary, Error> {
        let job = self.client.send(&CreateIngestJobWithData { spec, csv: csv.into() }).await?;
        let job = self.wait_ingest(&job.id, wait).await?;
        match job.state {
            JobState::JobComplete => Ok(IngestSummary::of(job)),
            _ => Err(Error::Job { id: job.id, state: job.state.to_string(), message: job.error_message }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::IngestOperation;

    #[test]
    fn writes_the_job_before_the_data() {
        let call = CreateIngestJobWithData {
            spec: IngestSpec::new("Contact", IngestOperation::Insert),
            csv: "LastName\nÄ\n".into(),
        };
        let request = call.request(ApiVersion::new(66)).unwrap();
        let kind = request.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let body = std::str::from_utf8(request.body()).unwrap();
        let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4);
        assert!(parts[1].contains("name=\"job\"") && parts[1].contains("\"operation\":\"insert\""));
        assert!(parts[2].contains("name=\"content\"; filename=\"content\"\r\n\r\nLastName\nÄ\n\r\n"));
        assert_eq!(parts[3], "--\r\n");
        let large = CreateIngestJobWithData { csv: "x".repeat(DATA_CHARACTERS_MAX + 1), ..call };
        assert!(matches!(large.request(ApiVersion::new(66)), Err(Error::UploadTooLarge { .. })));
    }
}
