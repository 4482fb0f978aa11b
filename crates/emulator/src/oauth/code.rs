//! Authorization codes: given to a browser, exchanged for tokens once, and bound to their client by PKCE.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::access::random;
use super::answer::{Answer, answer};
use super::client::{check_app, client, spend_login};
use super::grants::{Asked, Granted};
use super::{OauthError, by_id, scope};
use crate::{Millis, Org, RecordId};

/// How long a code is remembered, so that a late or second use is told from a wrong code.
const MEMORY_MS: i64 = 24 * 60 * 60 * 1000;
/// Most codes that are remembered.
const CODES_MAX: usize = 10_000;

/// What the verifier has to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    /// Reads `code_challenge` and its method. Without a method it is S256, as Salesforce has it.
    pub(super) fn parse(challenge: &str, method: Option<&str>) -> Option<Self> {
        match method {
            None | Some("" | "S256") => Some(Self::S256(challenge.trim_end_matches('=').to_owned())),
            Some("plain") => Some(Self::Plain(challenge.to_owned())),
            Some(_) => None,
        }
    }

    fn fits(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
        }
    }
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) user: RecordId,
    pub(super) scope: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
    pub(super) issued_at: Millis,
    pub(super) used: bool,
}

/// The codes that were given out.
#[derive(Default)]
pub(super) struct Codes(HashMap<String, Code>);

impl Codes {
    /// Gives out a code. It ends in `==`, so it has to be decoded once and no more.
    pub(super) fn give(&mut self, code: Code) -> String {
        let now = code.issued_at;
        self.0.retain(|_, code| now.saturating_sub(code.issued_at) < MEMORY_MS);
        if self.0.len() >= CODES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, code)| code.issued_at).map(|(text, _)| text.clone());
            oldest.and_then(|text| self.0.remove(&text));
        }
        let text = format!("aPrx{}==", random(72));
        self.0.insert(text.clone(), code);
        text
    }
}

/// The web server flow's second half.
pub(super) fn exchange(org: &mut Org, asked: &Asked<'_>, now: Millis) -> Result<Granted, OauthError> {
    let app = client(org, asked, now, |app| app.secret_required)?;
    check_app(&app, true)?;
    let required = |name: &str| asked.form.get(name).filter(|v| !v.is_empty()).ok_or_else(|| OauthError::missing(name));
    let (text, redirect_uri) = (required("code")?, required("redirect_uri")?);
    let kept = org.access.codes.0.get(text).filter(|code| code.client_id == app.client_id);
    let code = kept.ok_or_else(|| OauthError::grant("invalid authorization code"))?.clone();
    if code.used || now >= code.issued_at.saturating_add(org.settings.authorization_code_ms) {
        return Err(OauthError::grant("expired authorization code"));
    }
    if code.redirect_uri != *redirect_uri {
        return Err(OauthError::new("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    let verifier = asked.form.get("code_verifier").map(String::as_str);
    let secret_given = asked.client.client_secret.as_deref().is_some_and(|s| !s.is_empty());
    let proven = match &code.challenge {
        Some(challenge) => verifier.is_some_and(|verifier| challenge.fits(verifier)),
        // Who has no secret has nothing else to show that the code is its own.
        None => secret_given || asked.client.assertion.is_some(),
    };
    if !proven {
        // Unconfirmed wording.
        return Err(OauthError::grant("invalid code verifier"));
    }
    if let Some(code) = org.access.codes.0.get_mut(text) {
        code.used = true;
    }
    let user = by_id(org, code.user).ok_or_else(|| OauthError::grant("user is not active"))?;
    asked.admit_again(org, &app, &user, now)?;
    spend_login(org, &user, now)?;
    let lasting = scope::includes(&code.scope, "refresh_token");
    let (refresh_token, family) = org.access.begin_family(lasting, user.id, &app.client_id, &code.scope, now);
    let what = Answer { scope: &code.scope, family, refresh_token, nonce: code.nonce.as_deref(), id_token: true };
    Ok(answer(org, &app, &user, asked.origin, now, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let s256 = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (challenge, method, fits) in [
            (s256, Some("S256"), true),
            (s256, None, true),
            (verifier, Some("plain"), true),
            (verifier, Some("S256"), false),
            (s256, Some("plain"), false),
        ] {
            assert_eq!(Challenge::parse(challenge, method).unwrap().fits(verifier), fits, "{challenge} {method:?}");
        }
        assert_eq!(Challenge::parse(s256, Some("S512")), None);
    }
}
