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
            "the user is not pre-authorised for the app: in Setup > App Manager (or External Client App Manager) > the app > Policies set Permitted Users to \"Admin approved users are pre-authorized\", and assign the user's profile or a permission set; check also that the login URL is the user's org"
        }
        "invalid_grant" if says("audience") => {
            "the audience must fit the org: use the org's My Domain address as login URL, or https://login.salesforce.com (production) or https://test.salesforce.com (sandbox)"
        }
        "invalid_grant" if says("assertion") && !says("expired") => {
            "the signature does not fit: upload the certificate of this private key to the app (Setup > the app > OAuth settings > Use digital signatures), and check the consumer key"
        }
        "invalid_grant" if says("access/refresh token") => {
            "the refresh token was revoked, expired or replaced: sign in again"
        }
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
        "inactive_org" => "the org is locked or expired",
        "invalid_grant" if says("no client credentials user") => {
            "the app has no run-as user: Setup > the app > Policies > Client Credentials Flow > Run As, by username"
        }
        "invalid_grant" if says("not supported on this domain") => {
            "this flow works on the org's own address only: use https://<domain>.my.salesforce.com instead of login or test.salesforce.com"
        }
        "invalid_grant" if says("ip restricted") || says("login ip") => {
            "this address may not sign in: Setup > the app > Policies > IP Relaxation, or the profile's login IP ranges"
        }
        "invalid_grant" if says("authentication failure") => {
            "check the user name and password, the security token, IP restrictions, and whether the flow is allowed (Setup > OAuth and OpenID Connect Settings)"
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
        "unauthorized_client" => "switch this flow on in the app's OAuth settings",
        "unsupported_grant_type" => "the app does not offer this flow: choose JWT bearer or client credentials",
        "invalid_scope" => "the app does not grant the scope: add `api` in its OAuth settings",
        "rate_limit_exceeded" => "too many sign-ins: wait up to an hour",
        "OAUTH_APP_BLOCKED" => "an admin has blocked the app: Setup > Connected Apps OAuth Usage",
        "OAUTH_APP_ACCESS_DENIED" => {
            "an admin must install the app first: Setup > Connected Apps OAuth Usage > Install"
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
