//! What a token request is answered with, when it is granted.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::access::Wanted;
use super::grants::Granted;
use super::{App, User, keys, scope};
use crate::{Millis, Org};

/// How long an id token is good, seconds. Documented samples: two minutes.
const ID_TOKEN_S: i64 = 120;

/// Where newer apps are told to find the API of every org (the value is unconfirmed).
pub(super) const API_INSTANCE_URL: &str = "https://api.salesforce.com";

/// What is granted.
pub(super) struct Answer<'a> {
    /// Granted scopes.
    pub(super) scope: &'a str,
    /// The refresh token's family, where there is one.
    pub(super) family: Option<u64>,
    /// The refresh token to hand out.
    pub(super) refresh_token: Option<String>,
    /// `nonce` of the authorization request.
    pub(super) nonce: Option<&'a str>,
    /// Whether the flow gives id tokens, for which the scope has to have `openid`.
    pub(super) id_token: bool,
}

/// The identity URL of a user, as this host shows it.
pub(super) fn identity_url(org: &Org, user: &User, origin: &str) -> String {
    format!("{origin}/id/{}/{}", org.settings.org_id, user.id)
}

/// Gives out an access token, and says so with every member.
pub(super) fn answer(org: &mut Org, app: &App, user: &User, origin: &str, now: Millis, what: Answer<'_>) -> Granted {
    let id = identity_url(org, user, origin);
    let access_token = issue(org, app, user, what.scope, what.family, origin, now);
    let issued_at = now.to_string();
    let id_token = if what.id_token && scope::includes(what.scope, "openid") && what.scope != "full" {
        id_token(org, app, user, origin, now, &access_token, what.nonce)
    } else {
        None
    };
    let mut members = vec![("access_token", access_token)];
    members.extend(what.refresh_token.map(|token| ("refresh_token", token)));
    members.extend([("signature", sign(app, &id, &issued_at)), ("scope", what.scope.to_owned())]);
    members.extend(id_token.map(|token| ("id_token", token)));
    members.extend([("instance_url", origin.to_owned()), ("id", id), ("token_type", "Bearer".into())]);
    members.push(("issued_at", issued_at));
    if app.jwt_access_token_ms.is_some() {
        members.push(("token_format", "jwt".into()));
    }
    if app.external_client_app {
        members.push(("api_instance_url", API_INSTANCE_URL.into()));
    }
    members
}

/// Gives out an access token alone.
pub(super) fn issue(
    org: &mut Org,
    app: &App,
    user: &User,
    scope: &str,
    family: Option<u64>,
    origin: &str,
    now: Millis,
) -> String {
    let (org_id, session_ms) = (org.settings.org_id, org.settings.session_ms);
    org.access.give(&Wanted { org_id, user: user.id, app, scope, now, session_ms, family, origin })
}

/// Base64 of the HMAC-SHA256 of `id` and `issued_at`, keyed by the consumer secret.
pub(super) fn sign(app: &App, id: &str, issued_at: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app.client_secret.as_bytes()) else { return String::new() };
    mac.update(id.as_bytes());
    mac.update(issued_at.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// An OpenID Connect id token.
fn id_token(
    org: &Org,
    app: &App,
    user: &User,
    origin: &str,
    now: Millis,
    access_token: &str,
    nonce: Option<&str>,
) -> Option<String> {
    let half = &Sha256::digest(access_token.as_bytes())[..16];
    let mut claims = json!({
        "at_hash": URL_SAFE_NO_PAD.encode(half),
        "sub": identity_url(org, user, origin),
        "aud": app.client_id,
        "iss": origin,
        "exp": now / 1000 + ID_TOKEN_S,
        "iat": now / 1000,
    });
    if let (Some(claims), Some(nonce)) = (claims.as_object_mut(), nonce) {
        claims.insert("nonce".into(), Json::from(nonce));
    }
    keys::sign(&json!({}), &claims)
}
