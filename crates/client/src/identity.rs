//! Who is signed in.

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    call::{Call, decode_json, get},
    error::Error,
    version::ApiVersion,
};

/// `GET /services/oauth2/userinfo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserInfo;

/// The part of the answer that we use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserInfoReply {
    /// The org's id.
    pub organization_id: String,
    /// The user's id.
    pub user_id: String,
    /// The username.
    #[serde(default)]
    pub preferred_username: Option<String>,
}

impl Call for UserInfo {
    type Reply = UserInfoReply;

    fn what(&self) -> String {
        "asking who is signed in".into()
    }

    fn request(&self, _: ApiVersion) -> Result<http::Request<Bytes>, Error> {
        get("/services/oauth2/userinfo".into())
    }

    fn reply(&self, response: http::Response<Bytes>) -> Result<UserInfoReply, Error> {
        decode_json(&self.what(), response.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_answer() {
        let body = r#"{"sub":"x","user_id":"005xx000001SwiUAAS","organization_id":"00Dxx0000001gPFEAY","preferred_username":"u@example.com"}"#;
        let info = UserInfo.reply(http::Response::new(Bytes::from_static(body.as_bytes()))).unwrap();
        assert_eq!(info.organization_id, "00Dxx0000001gPFEAY");
    }
}
