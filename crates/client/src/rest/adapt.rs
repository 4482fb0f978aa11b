//! Adaptors around any call: further headers, the Tooling API, conditions, and the head of the answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use jiff::Timestamp;

use crate::{
    call::{Call, http_date},
    error::Error,
    version::ApiVersion,
};

use super::Headers;

/// A call with further headers. Made by [`Call::with`].
#[derive(Clone, Debug)]
pub struct With<C> {
    pub(crate) call: C,
    pub(crate) headers: Headers,
}

/// A call on the Tooling API. Made by [`Call::tooling`].
#[derive(Clone, Debug)]
pub struct Tooling<C> {
    pub(crate) call: C,
}

/// A call whose reply comes with the answer's status and headers. Made by [`Call::with_head`].
#[derive(Clone, Debug)]
pub struct WithHead<C> {
    pub(crate) call: C,
}

/// A call on a condition. Made by [`Call::if_changed`].
#[derive(Clone, Debug)]
pub struct IfChanged<C> {
    pub(crate) call: C,
    pub(crate) since: Unchanged,
}

/// When something counts as unchanged.
#[derive(Clone, Debug)]
pub enum Unchanged {
    /// Since this time, in whole seconds: `If-Modified-Since`. For records, describes and the list of objects.
    Since(Timestamp),
    /// While it has this ETag, with its quotes: `If-None-Match`. Salesforce knows ETags of Account records only.
    Etag(String),
}

/// The parts of [`Call`] that an adaptor passes on as they are.
macro_rules! passed_on {
    () => {
        fn what(&self) -> String {
            self.call.what()
        }

        fn is_idempotent(&self, method: &Method) -> bool {
            self.call.is_idempotent(method)
        }

        fn needs_sign_in(&self) -> bool {
            self.call.needs_sign_in()
        }

        fn takes_refusals(&self) -> bool {
            self.call.takes_refusals()
        }
    };
}

impl<C: Call> Call for With<C> {
    type Reply = C::Reply;

    passed_on!();

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let mut request = self.call.request(api)?;
        self.headers.add_to(request.headers_mut())?;
        Ok(request)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Self::Reply, Error> {
        self.call.reply(response)
    }

    fn repeated(&self, outcome: Result<Self::Reply, Error>) -> Result<Self::Reply, Error> {
        self.call.repeated(outcome)
    }
}

impl<C: Call> Call for Tooling<C> {
    type Reply = C::Reply;

    passed_on!();

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let mut request = self.call.request(api)?;
        let base = api.base_path();
        let target = request.uri().path_and_query().map(|target| target.as_str()).unwrap_or_default();
        let Some(rest) = target.strip_prefix(&base) else {
            return Err(Error::config(format!("{}: it is not a resource of the Tooling API", self.what())));
        };
        if !rest.starts_with("/tooling/") {
            let target = format!("{base}/tooling{rest}");
            *request.uri_mut() = target
                .parse::<Uri>()
                .map_err(|source| Error::config(format!("the request cannot be written: {source}")))?;
        }
        Ok(request)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Self::Reply, Error> {
        self.call.reply(response)
    }

    fn repeated(&self, outcome: Result<Self::Reply, Error>) -> Result<Self::Reply, Error> {
        self.call.repeated(outcome)
    }
}

impl<C: Call> Call for WithHead<C> {
    type Reply = (C::Reply, StatusCode, HeaderMap);

    passed_on!();

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        self.call.request(api)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Self::Reply, Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((self.call.reply(response)?, status, headers))
    }

    fn repeated(&self, outcome: Result<Self::Reply, Error>) -> Result<Self::Reply, Error> {
        match outcome {
            Ok((reply, status, headers)) => Ok((self.call.repeated(Ok(reply))?, status, headers)),
            Err(error) => Ok((self.call.repeated(Err(error))?, StatusCode::OK, HeaderMap::new())),
        }
    }
}

impl<C: Call> Call for IfChanged<C> {
    type Reply = Option<C::Reply>;

    passed_on!();

    fn request(&self, api: ApiVersion) -> Result<Request<Bytes>, Error> {
        let mut request = self.call.request(api)?;
        let (name, value) = match &self.since {
            Unchanged::Since(since) => (header::IF_MODIFIED_SINCE, http_date(*since)),
            Unchanged::Etag(etag) => (header::IF_NONE_MATCH, etag.clone()),
        };
        let value = HeaderValue::from_str(&value)
            .map_err(|_| Error::config("the ETag has characters that a header cannot carry"))?;
        request.headers_mut().insert(name, value);
        Ok(request)
    }

    fn reply(&self, response: Response<Bytes>) -> Result<Self::Reply, Error> {
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        self.call.reply(response).map(Some)
    }

    fn repeated(&self, outcome: Result<Self::Reply, Error>) -> Result<Self::Reply, Error> {
        match outcome {
            Ok(None) => Ok(None),
            Ok(Some(reply)) => self.call.repeated(Ok(reply)).map(Some),
            Err(error) => self.call.repeated(Err(error)).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Get, Query, QueryMore};

    const V66: ApiVersion = ApiVersion::new(66);

    #[test]
    fn tooling_follows_the_version() {
        let get = Get::new("ApexClass", "01p0").tooling();
        assert_eq!(get.request(V66).unwrap().uri(), "/services/data/v66.0/tooling/sobjects/ApexClass/01p0");
        let query = Query::new("SELECT Id FROM ApexClass").tooling();
        assert_eq!(
            query.request(V66).unwrap().uri(),
            "/services/data/v66.0/tooling/query?q=SELECT%20Id%20FROM%20ApexClass"
        );
        // The next page is one of the Tooling API already.
        let more = QueryMore::new("/services/data/v66.0/tooling/query/01g-2000").tooling();
        assert_eq!(more.request(V66).unwrap().uri(), "/services/data/v66.0/tooling/query/01g-2000");
        assert!(crate::Versions.tooling().request(V66).is_err());
    }

    #[test]
    fn not_modified_is_none() {
        let get = Get::new("Account", "001").if_changed(Unchanged::Etag("\"abc--gzip\"".into()));
        assert_eq!(get.request(V66).unwrap().headers()[header::IF_NONE_MATCH], "\"abc--gzip\"");
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        assert_eq!(get.reply(response).unwrap(), None);
        let response = Response::new(Bytes::from_static(br#"{"Id":"001"}"#));
        assert_eq!(get.reply(response).unwrap().unwrap()["Id"], "001");
        let get = Get::new("Account", "001").if_changed(Unchanged::Since("2026-11-23T15:04:05Z".parse().unwrap()));
        assert_eq!(get.request(V66).unwrap().headers()[header::IF_MODIFIED_SINCE], "Mon, 23 Nov 2026 15:04:05 GMT");
    }

    #[test]
    fn the_head_comes_with_the_reply() {
        let get = Get::new("Account", "001").with_head();
        let mut response = Response::new(Bytes::from_static(br#"{"Id":"001"}"#));
        response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"x\""));
        let (record, status, headers) = get.reply(response).unwrap();
        assert_eq!((record["Id"].as_str(), status.as_u16()), (Some("001"), 200));
        assert_eq!(headers[header::ETAG], "\"x\"");
    }
}
