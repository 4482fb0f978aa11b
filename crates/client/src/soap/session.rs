//! The user, the session and the clock: getUserInfo, getServerTimestamp, passwords, ending sessions.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    data::at_most,
    operation::{Operation, required, result, time},
    result::{SaveResult, results},
    xml::{Element, Xml},
};
use crate::{error::Error, version::ApiVersion};

/// `getServerTimestamp`: the org's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct GetServerTimestamp;

impl Operation for GetServerTimestamp {
    type Reply = Timestamp;

    fn what(&self) -> String {
        "asking for the org's time".into()
    }

    fn name(&self) -> &str {
        "getServerTimestamp"
    }

    fn write(&self, _: ApiVersion, _: &mut Xml) {}

    fn read(&self, answer: Element) -> Result<Timestamp, Error> {
        let what = self.what();
        time(&what, &result(&what, answer)?, "timestamp")
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `getUserInfo`: who is signed in, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct GetUserInfo;

/// The answer to [`GetUserInfo`]: what programs ask for most; everything is in `all`.
#[derive(Clone, Debug)]
pub struct SoapUserInfo {
    /// The user's id.
    pub user_id: String,
    /// The username.
    pub user_name: String,
    /// The name for people.
    pub user_full_name: String,
    /// The mail address.
    pub user_email: String,
    /// The profile's id.
    pub profile_id: String,
    /// The org's id.
    pub organization_id: String,
    /// The org's name.
    pub organization_name: String,
    /// Whether amounts have a currency each.
    pub organization_multi_currency: bool,
    /// The user's time zone, such as `Europe/Berlin`.
    pub user_time_zone: String,
    /// The user's locale, such as `de_DE`.
    pub user_locale: String,
    /// How long the session lives without a call.
    pub session_seconds_valid: u64,
    /// All members.
    pub all: Element,
}

impl Operation for GetUserInfo {
    type Reply = SoapUserInfo;

    fn what(&self) -> String {
        "asking who is signed in".into()
    }

    fn name(&self) -> &str {
        "getUserInfo"
    }

    fn write(&self, _: ApiVersion, _: &mut Xml) {}

    fn read(&self, answer: Element) -> Result<SoapUserInfo, Error> {
        let what = self.what();
        let all = result(&what, answer)?;
        let text = |name: &str| all.value(name).unwrap_or_default().to_owned();
        Ok(SoapUserInfo {
            user_id: required(&what, &all, "userId")?,
            user_name: text("userName"),
            user_full_name: text("userFullName"),
            user_email: text("userEmail"),
            profile_id: text("profileId"),
            organization_id: required(&what, &all, "organizationId")?,
            organization_name: text("organizationName"),
            organization_multi_currency: all.is("organizationMultiCurrency"),
            user_time_zone: text("userTimeZone"),
            user_locale: text("userLocale"),
            session_seconds_valid: all.value("sessionSecondsValid").and_then(|n| n.parse().ok()).unwrap_or(0),
            all,
        })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

/// `setPassword`: gives a user this password.
#[derive(Clone)]
pub struct SetPassword {
    /// The user.
    pub user_id: String,
    /// The new password.
    pub password: SecretString,
}

impl fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetPassword").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl Operation for SetPassword {
    type Reply = ();

    fn what(&self) -> String {
        format!("setting the password of user {}", self.user_id)
    }

    fn name(&self) -> &str {
        "setPassword"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("userId", &self.user_id);
        xml.leaf("password", self.password.expose_secret());
    }

    fn read(&self, _: Element) -> Result<(), Error> {
        Ok(())
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `resetPassword`: gives a user a password that the org makes up, which the answer tells.
#[derive(Clone, Debug)]
pub struct ResetPassword {
    /// The user.
    pub user_id: String,
}

impl Operation for ResetPassword {
    type Reply = SecretString;

    fn what(&self) -> String {
        format!("resetting the password of user {}", self.user_id)
    }

    fn name(&self) -> &str {
        "resetPassword"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("userId", &self.user_id);
    }

    fn read(&self, answer: Element) -> Result<SecretString, Error> {
        let what = self.what();
        Ok(required(&what, &result(&what, answer)?, "password")?.into())
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `changeOwnPassword`: the signed-in user's own.
#[derive(Clone)]
pub struct ChangeOwnPassword {
    /// The password until now.
    pub old: SecretString,
    /// The new one.
    pub new: SecretString,
}

impl fmt::Debug for ChangeOwnPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeOwnPassword")
    }
}

impl Operation for ChangeOwnPassword {
    type Reply = ();

    fn what(&self) -> String {
        "changing the signed-in user's password".into()
    }

    fn name(&self) -> &str {
        "changeOwnPassword"
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.leaf("oldPassword", self.old.expose_secret());
        xml.leaf("newPassword", self.new.expose_secret());
    }

    fn read(&self, _: Element) -> Result<(), Error> {
        Ok(())
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `logout`: ends the session for every program that shares it. The same user signing in often gets the same session, so
/// this is not for an integration user that others use too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logout;

impl Operation for Logout {
    type Reply = ();

    fn what(&self) -> String {
        "ending the session".into()
    }

    fn name(&self) -> &str {
        "logout"
    }

    fn write(&self, _: ApiVersion, _: &mut Xml) {}

    fn read(&self, _: Element) -> Result<(), Error> {
        Ok(())
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// `invalidateSessions`: ends up to 200 sessions by their ids.
#[derive(Clone)]
pub struct InvalidateSessions {
    /// The sessions' ids.
    pub session_ids: Vec<SecretString>,
}

impl fmt::Debug for InvalidateSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidateSessions").field("sessions", &self.session_ids.len()).finish()
    }
}

impl Operation for InvalidateSessions {
    type Reply = Vec<SaveResult>;

    fn what(&self) -> String {
        "ending sessions".into()
    }

    fn name(&self) -> &str {
        "invalidateSessions"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.session_ids.len(), 200)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        xml.list("sessionIds", self.session_ids.iter().map(ExposeSecret::expose_secret));
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.session_ids.len(), SaveResult::read)
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}
