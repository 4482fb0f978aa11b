//! Why an org would not sign us in, and where in Setup to change that.

use std::time::Duration;

/// A refusal of the token endpoint. Its description is Salesforce's; our advice is in `hint`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the org did not sign us in: {}", words(error, description))]
pub struct AuthError {
    /// The OAuth error code, such as `invalid_grant`.
    pub error: String,
    /// Salesforce's words, often the only thing that tells causes apart.
    pub description: String,
    /// What to change, and where.
    pub hint: Option<String>,
}

impl AuthError {
    /// From what the token endpoint said. `skew` is how far this machine's clock is ahead of the org's.
    pub(crate) fn new(error: &str, description: &str, skew: Option<ClockSkew>) -> AuthError {
        AuthError {
            error: error.to_owned(),
            description: description.to_owned(),
            hint: advice(error, description, skew),
        }
    }

    /// A token that was given to us, and that the org no longer accepts.
    pub(crate) fn token_refused() -> AuthError {
        AuthError {
            error: "invalid_token".into(),
            description: "the access token given is expired or revoked, or belongs to another org".into(),
            hint: Some("get a new token, or sign in with a key or client secret so that it can be renewed".into()),
        }
    }

    /// Whether the same attempt may succeed later. Everything else is permanent and is never tried again.
    pub fn is_retryable(&self) -> bool {
        self.error == "rate_limit_exceeded"
    }

    /// Whether the org found our assertion too old, as it does when clocks differ.
    pub(crate) fn says_expired(&self) -> bool {
        let description = self.description.to_lowercase();
        self.error == "invalid_grant"
            && description.contains("expired")
            && !description.contains("refresh")
            && !description.contains("code")
    }
}

/// How far this machine's clock and the org's are apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClockSkew {
    Ahead(Duration),
    Behind(Duration),
}

fn words(error: &str, description: &str) -> String {
    match (error, description) {
        ("", description) => description.to_owned(),
        (error, "") => error.to_owned(),
        (error, description) => format!("{error}: {description}"),
    }
}

fn advice(error: &str, description: &str, skew: Option<ClockSkew>) -> Option<String> {
    let text = description.to_lowercase();
    let says = |words: &str| text.contains(words);
    let advice = match error {
        "invalid_grant" if says("approved this consumer") => {
            "the user is not pre-authorised for the app: in Setup > External Client App Manager > the app > Policies (connected app: Setup > App Manager > the app > Manage > Edit Policies) set Permitted Users to \"Admin approved users are pre-authorized\", and select a profile or permission set of the user; check also that the login URL is the user's org"
        }
        "invalid_grant" if says("audience") => {
            "the audience must fit the org: use the org's My Domain address as login URL, or https://login.salesforce.com (production) or https://test.salesforce.com (sandbox)"
        }
        "invalid_grant" if says("assertion") && !says("expired") => {
            "the signature does not fit: upload the certificate of this private key to the app (Setup > the app > OAuth settings > Use digital signatures), and check the consumer key"
        }
        "invalid_grant" if says("access/refresh token") => {
            "the refresh token was revoked, expired or replaced: sign in again. Each user has five approvals per app, and a sixth ends the oldest; with rotation, two programs that share one token end it for both, and so does an answer that was lost on the way"
        }
        "invalid_grant" if says("authorization code") => {
            "the code was used already or is too old: start the sign-in again, and finish it within two minutes"
        }
        "invalid_grant" if says("code verifier") => "the sign-in was mixed up with another one: start it again",
        "invalid_grant" if says("expired") => {
            return Some(match skew {
                Some(ClockSkew::Ahead(by)) if by.as_secs() >= 60 => {
                    format!("this machine's clock is {} s ahead of the org's: set the clock (NTP)", by.as_secs())
                }
                Some(ClockSkew::Behind(by)) if by.as_secs() >= 60 => {
                    format!("this machine's clock is {} s behind the org's: set the clock (NTP)", by.as_secs())
                }
                _ => "the assertion reached the org too late: check this machine's clock and the network".into(),
            });
        }
        "invalid_grant" if says("inactive") || says("not active") => {
            "the user is deactivated or frozen, or the username is wrong (in a sandbox it ends in the sandbox's name): check Setup > Users"
        }
        "inactive_user" => "the user is deactivated or frozen: check Setup > Users",
        "inactive_org" => "the org is locked, expired or being copied: ask Salesforce's support, or wait",
        "invalid_grant" if says("no client credentials user") => {
            "the app has no run-as user: Setup > the app > Policies > Client Credentials Flow > Run As, by username, not by e-mail"
        }
        "invalid_grant" if says("not supported on this domain") => {
            "this flow works on the org's own address only: use https://<domain>.my.salesforce.com instead of login or test.salesforce.com"
        }
        "invalid_grant" if says("ip restricted") || says("login ip") => {
            "this network's address may not sign in: Setup > the app > Policies > IP Relaxation, or the profile's Login IP Ranges"
        }
        "invalid_grant" if says("login hours") => "the user may not sign in at this time: the profile's Login Hours",
        "invalid_grant" if says("token handler") => {
            "the org's token exchange handler refused the token: Setup > Apex Jobs and the handler's log"
        }
        "invalid_grant" if says("authentication failure") => {
            "check the user name and password, the security token behind it, IP restrictions, a lock-out and multi-factor sign-in, and whether the flow is allowed (Setup > OAuth and OpenID Connect Settings > Allow OAuth Username-Password Flows); the flow is being retired, so prefer JWT bearer"
        }
        "invalid_client_id" => {
            "the org does not know this consumer key: copy it again from the app (a new app takes up to 10 minutes), and check that the login URL is the app's org"
        }
        "invalid_client" | "invalid_client_credentials" => {
            "the consumer secret is wrong: copy it again from Setup > the app > Manage Consumer Details"
        }
        "invalid_app_access" => "assign the user to the app: Setup > the app > Policies > profiles or permission sets",
        "app_not_found" => {
            "the app is not installed in this org, or the audience is not the org's My Domain address, which External Client Apps require; a refreshed sandbox needs the app again"
        }
        "unauthorized_client" => {
            "switch this flow on in the app: Setup > External Client App Manager > the app > Settings > OAuth Settings > Flow Enablement (connected app: App Manager > the app > Edit)"
        }
        "unsupported_grant_type" => {
            "the app or the org does not offer this flow (External Client Apps have no username-password): choose JWT bearer or client credentials"
        }
        "unsupported_response_type" => "the app does not offer this flow: switch it on in its OAuth settings",
        "invalid_request" if says("code challenge") => {
            "the app demands PKCE, which this client always sends: something on the way changed the request"
        }
        "invalid_request" if says("code_verifier") => "the sign-in was mixed up with another one: start it again",
        "invalid_request" if says("client_secret") => {
            "the app demands its consumer secret for this: give it (a file, TIDEGATE_CLIENT_SECRET), or switch \"Require Secret for Web Server Flow\" and \"... for Refresh Token Flow\" off in the app's OAuth settings"
        }
        "redirect_uri_mismatch" | "redirect_uri_missing" => {
            "register the callback in the app letter for letter (Setup > the app > OAuth settings > Callback URL), or name the one that is registered"
        }
        "access_denied" => "somebody chose Deny: start the sign-in again and choose Allow",
        "expired_token" => "start the sign-in again",
        "invalid_scope" => {
            "the app does not grant a scope that was asked for: add `api` and `refresh_token` in its OAuth settings"
        }
        "rate_limit_exceeded" => "too many sign-ins of this user: wait up to an hour",
        "OAUTH_APP_BLOCKED" => "an admin has blocked the app: Setup > Connected Apps OAuth Usage > Unblock",
        "OAUTH_APP_ACCESS_DENIED" => {
            "an admin must install the app first: Setup > Connected Apps OAuth Usage > Install; or the user needs the permission Approve Uninstalled Connected Apps"
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_its_cure() {
        let cases = [
            ("invalid_grant", "user hasn't approved this consumer", "pre-authorized"),
            ("invalid_grant", "audience is invalid", "My Domain"),
            ("invalid_grant", "Audience validation failed", "My Domain"),
            ("invalid_grant", "invalid assertion", "certificate"),
            ("invalid_grant", "assertion expired", "clock"),
            ("invalid_grant", "inactive user", "Setup > Users"),
            ("invalid_grant", "user is not active", "Setup > Users"),
            ("invalid_grant", "no client credentials user enabled", "Run As"),
            ("invalid_grant", "request not supported on this domain", "my.salesforce.com"),
            ("invalid_grant", "expired access/refresh token", "sign in again"),
            ("invalid_client_id", "client identifier invalid", "consumer key"),
            ("invalid_client", "invalid client credentials", "consumer secret"),
            ("invalid_app_access", "user is not admin approved to access this app", "assign"),
            ("app_not_found", "External client app is not installed in this org", "not installed"),
            ("rate_limit_exceeded", "", "wait"),
            ("invalid_client_credentials", "client secret invalid", "consumer secret"),
            ("invalid_grant", "expired authorization code", "start the sign-in again"),
            ("invalid_grant", "invalid authorization code", "start the sign-in again"),
            ("invalid_grant", "invalid code verifier", "start it again"),
            ("invalid_grant", "authentication failure", "security token"),
            ("invalid_grant", "ip restricted", "IP Relaxation"),
            ("invalid_grant", "invalid login IP", "Login IP Ranges"),
            ("invalid_grant", "invalid login hours", "Login Hours"),
            ("invalid_grant", "token handler validation failed", "handler"),
            ("unauthorized_client", "", "Flow Enablement"),
            ("unsupported_grant_type", "grant type not supported", "External Client Apps"),
            ("invalid_request", "missing required code challenge", "PKCE"),
            ("invalid_request", "missing required parameter: client_secret", "consumer secret"),
            ("invalid_scope", "the requested scope is invalid, unknown, or malformed", "refresh_token"),
            ("redirect_uri_mismatch", "redirect_uri must match configuration", "letter for letter"),
            ("inactive_user", "", "Setup > Users"),
            ("inactive_org", "", "locked"),
            ("access_denied", "end-user denied authorization", "Allow"),
            ("OAUTH_APP_BLOCKED", "this app is blocked by admin", "Unblock"),
            ("OAUTH_APP_ACCESS_DENIED", "", "Install"),
        ];
        for (error, description, expected) in cases {
            let refusal = AuthError::new(error, description, None);
            let hint = refusal.hint.clone().unwrap_or_default();
            assert!(hint.contains(expected), "{error} {description}: {hint}");
            assert_eq!(refusal.is_retryable(), error == "rate_limit_exceeded");
        }
        assert_eq!(AuthError::new("something_new", "x", None).hint, None);
    }

    #[test]
    fn a_wrong_clock_is_said() {
        let ahead = ClockSkew::Ahead(Duration::from_secs(400));
        let refusal = AuthError::new("invalid_grant", "expired token", Some(ahead));
        assert!(refusal.says_expired());
        assert!(refusal.hint.unwrap().contains("400 s ahead"));
        assert!(!AuthError::new("invalid_grant", "expired access/refresh token", None).says_expired());
    }
}
