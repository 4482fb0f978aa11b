//! Token exchange: another identity provider's token, which a handler of the app maps to a user.

use super::answer::{Answer, answer};
use super::client::{active, check_app, check_permitted, client, spend_login};
use super::grants::{Asked, Granted};
use super::{OauthError, by_username, scope};
use crate::{Millis, Org};

const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:";
const TOKEN_TYPES: [&str; 5] = ["access_token", "id_token", "jwt", "saml2", "refresh_token"];

/// The token exchange flow.
pub(super) fn exchange(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = client(org, asked, now, |app| app.secret_required)?;
    check_app(&app, !app.token_handlers.is_empty())?;
    let required = |name: &str| asked.form.get(name).filter(|v| !v.is_empty()).ok_or_else(|| OauthError::missing(name));
    let (token, kind) = (required("subject_token")?, required("subject_token_type")?);
    if !kind.strip_prefix(TOKEN_TYPE).is_some_and(|kind| TOKEN_TYPES.contains(&kind)) {
        return Err(OauthError::new("invalid_request", "subject_token_type is not supported"));
    }
    let named = asked.form.get("token_handler").filter(|name| !name.is_empty());
    let handler = match named {
        Some(name) => app.token_handlers.iter().find(|handler| handler.name == *name),
        None => app.token_handlers.first(),
    };
    let username = handler.and_then(|handler| handler.subjects.get(token));
    let username = username.ok_or_else(|| OauthError::grant("token handler validation failed"))?;
    let user = active(org, by_username(org, username))?;
    check_permitted(org, &app, &user)?;
    let granted = asked.scope(&app)?;
    asked.admit(org, &app, &user, now)?;
    spend_login(org, &user, now)?;
    let lasting = scope::includes(&granted, "refresh_token");
    let (refresh_token, family) = org.access.begin_family(lasting, user.id, &app.client_id, &granted, now);
    let what = Answer { scope: &granted, family, refresh_token, nonce: None, id_token: true };
    Ok(answer(org, &app, &user, asked.origin, now, what))
}
