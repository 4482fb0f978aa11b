//! `login`, `logout`, `invalidateSessions`, passwords, `getUserInfo`, `getServerTimestamp`.

use std::net::IpAddr;

use rand::Rng;
use serde_json::{Value as Json, json};

use super::call::{Answer, Call};
use super::envelope::Dialect;
use super::fault::{Fault, Kind};
use super::input::id;
use super::reads::instant;
use crate::http::{ApiVersion, AppState};
use crate::oauth::{User, by_id, soap_login};
use crate::xml::Element;
use crate::{Millis, Org, RecordId, Value};

/// Sessions of one `invalidateSessions`. Documented.
const SESSIONS_MAX: usize = 200;
/// Characters of a password, at least. The default policy of a new org.
const PASSWORD_MIN: usize = 8;
/// Documented for `orgAttachmentFileSizeLimit` of an ordinary org: 5 MB.
const ATTACHMENT_BYTES: u32 = 5_242_880;

/// Who signs in, from where, through which door.
pub(super) struct Entrance<'a> {
    pub(super) state: &'a AppState,
    pub(super) dialect: Dialect,
    pub(super) version: ApiVersion,
    pub(super) origin: &'a str,
    pub(super) address: IpAddr,
}

/// `login(username, password)`.
pub(super) fn login(at: &Entrance<'_>, element: &Element) -> Answer {
    let text = |name: &str| element.text_of(name).unwrap_or_default();
    let now = at.state.now();
    let mut org = at.state.org.write();
    let login = soap_login(&mut org, at.version.0, text("username"), text("password"), now, at.address)?;
    let user = by_id(&org, login.user).ok_or_else(|| Fault::session(None))?;
    let org_id = org.settings.org_id.as_15();
    let url = |letter: &str| format!("{}/services/Soap/{letter}/{}/{org_id}", at.origin, at.version);
    Ok(json!({
        "metadataServerUrl": url("m"),
        "passwordExpired": login.password_expired,
        "sandbox": is_sandbox(&org),
        "serverUrl": url(at.dialect.letter()),
        "sessionId": login.session_id,
        "userId": login.user.to_string(),
        "userInfo": user_info(&org, &user, login.session_ms),
    }))
}

/// `logout()`: ends the session for everybody who shares it.
pub(super) fn logout(call: &Call) -> Answer {
    if let Some(token) = &call.headers.session_id {
        call.state.org.write().access.revoke(token);
    }
    Ok(Json::Null)
}

/// `invalidateSessions(sessionIds)`.
pub(super) fn invalidate_sessions(call: &Call) -> Answer {
    let tokens = call.texts("sessionIds", SESSIONS_MAX)?;
    let mut org = call.state.org.write();
    let end = |token: &str| {
        if org.access.revoke(token) {
            return json!({ "errors": [], "success": true });
        }
        let error = json!({ "message": "Invalid Session ID", "statusCode": "INVALID_SESSION_ID" });
        json!({ "errors": [error], "success": false })
    };
    Ok(tokens.into_iter().map(end).collect())
}

/// `getServerTimestamp()`.
pub(super) fn server_timestamp(call: &Call) -> Answer {
    Ok(json!({ "timestamp": instant(call.now) }))
}

/// `getUserInfo()`.
pub(super) fn get_user_info(call: &Call) -> Answer {
    let org = call.state.org.read();
    let user = by_id(&org, call.grant.user).ok_or_else(|| Fault::session(None))?;
    Ok(user_info(&org, &user, call.grant.expires_at.saturating_sub(call.now)))
}

/// `setPassword(userId, password)`.
pub(super) fn set_password(call: &Call) -> Answer {
    let mut org = call.state.org.write();
    let user = known_user(&org, call.text("userId")?)?;
    let password = call.text("password")?;
    check_new(password)?;
    put_password(&mut org, user, password);
    Ok(json!({}))
}

/// `changeOwnPassword(oldPassword, newPassword)`.
pub(super) fn change_own_password(call: &Call) -> Answer {
    let mut org = call.state.org.write();
    let user = call.grant.user;
    let known = org.access.users.get(&user).and_then(|access| access.password.clone());
    if known.as_deref() != Some(call.text("oldPassword")?) {
        let message = "Your old password is invalid.";
        return Err(Fault::new(Kind::InvalidOldPassword, "INVALID_OLD_PASSWORD", message));
    }
    let password = call.text("newPassword")?;
    check_new(password)?;
    put_password(&mut org, user, password);
    Ok(json!({}))
}

/// `resetPassword(userId)`: a new one, told to the caller.
pub(super) fn reset_password(call: &Call) -> Answer {
    const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut org = call.state.org.write();
    let user = known_user(&org, call.text("userId")?)?;
    let mut rng = rand::rng();
    let letters = (0..10).filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())));
    let password: String = letters.map(|byte| char::from(*byte)).collect();
    put_password(&mut org, user, &password);
    Ok(json!({ "password": password }))
}

fn put_password(org: &mut Org, user: RecordId, password: &str) {
    let access = org.access.users.entry(user).or_default();
    access.password = Some(password.to_owned());
    access.password_expired = false;
    (access.failed_logins, access.locked_until) = (0, None);
}

fn known_user(org: &Org, text: &str) -> Result<RecordId, Fault> {
    let invalid = |message: String| Fault::new(Kind::InvalidId, "INVALID_ID_FIELD", message);
    let id = id(text).map_err(|e| invalid(e.message))?;
    by_id(org, id).map(|user| user.id).ok_or_else(|| invalid(format!("{text} is no user of this org")))
}

fn check_new(password: &str) -> Result<(), Fault> {
    let (letters, digits) = (password.chars().any(char::is_alphabetic), password.chars().any(|c| c.is_ascii_digit()));
    if password.chars().count() >= PASSWORD_MIN && letters && digits {
        return Ok(());
    }
    let message =
        format!("Your password must be at least {PASSWORD_MIN} characters long and must include letters and numbers");
    Err(Fault::new(Kind::InvalidNewPassword, "INVALID_NEW_PASSWORD", message))
}

fn is_sandbox(org: &Org) -> bool {
    organization(org, "IsSandbox").as_bool().unwrap_or(false)
}

fn organization(org: &Org, field: &str) -> Value {
    let value = || {
        let (object, facts) = org.schema.find("Organization")?;
        let (field, _) = facts.field(field)?;
        Some(org.store.get(object, org.settings.org_id)?.get(field))
    };
    value().unwrap_or(Value::Null)
}

fn user_info(org: &Org, user: &User, session_ms: Millis) -> Json {
    let text = |field: &str| user.text(org, field);
    let reference = |field: &str| user.get(org, field).as_id().map(|id| id.to_string());
    let name = organization(org, "Name").as_text().unwrap_or_default().to_owned();
    let locale = organization(org, "DefaultLocaleSidKey").as_text().unwrap_or("en_US").to_owned();
    json!({
        "accessibilityMode": false,
        "chatterExternal": false,
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": ATTACHMENT_BYTES,
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDefaultCurrencyLocale": locale,
        "orgDisallowHtmlAttachments": false,
        "orgHasPersonAccounts": false,
        "organizationId": org.settings.org_id.to_string(),
        "organizationMultiCurrency": false,
        "organizationName": name,
        "profileId": reference("ProfileId"),
        "roleId": reference("UserRoleId"),
        "sessionSecondsValid": session_ms / 1000,
        "userDefaultCurrencyIsoCode": null,
        "userEmail": text("Email"),
        "userFullName": text("Name"),
        "userId": user.id.to_string(),
        "userLanguage": text("LanguageLocaleKey"),
        "userLocale": text("LocaleSidKey"),
        "userName": text("Username"),
        "userTimeZone": text("TimeZoneSidKey"),
        "userType": text("UserType"),
        "userUiSkin": "Theme3",
    })
}
