//! Scopes: which an app may ask for, and what a token may do.

use super::{App, OauthError};

/// Scopes that come with any sign-in that tells who somebody is.
const IDENTITY: [&str; 4] = ["profile", "email", "address", "phone"];

/// The scopes to grant, separated by spaces: those asked for, or all of the app's where none are.
///
/// # Errors
/// `invalid_scope` for one that the app does not have.
pub(super) fn grantable(app: &App, requested: Option<&str>) -> Result<String, OauthError> {
    let has = |scope: &str| app.scope.split_whitespace().map(own_name).any(|own| own == scope);
    let allowed = |scope: &str| {
        has(scope)
            || scope == "id"
            || (has("full") && scope != "refresh_token")
            || (IDENTITY.contains(&scope) && (has("id") || has("openid")))
    };
    let mut granted: Vec<&str> = Vec::new();
    for scope in requested.unwrap_or_default().split_whitespace().map(own_name) {
        if !allowed(scope) {
            let text = "the requested scope is invalid, unknown, or malformed";
            return Err(OauthError::new("invalid_scope", text));
        }
        if !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    if granted.is_empty() {
        return Ok(app.scope.clone());
    }
    Ok(granted.join(" "))
}

/// `offline_access` is another name of `refresh_token`.
fn own_name(scope: &str) -> &str {
    if scope == "offline_access" { "refresh_token" } else { scope }
}

/// Whether the scopes of a grant have this one among them. `full` stands for every one but `refresh_token`.
pub fn includes(granted: &str, scope: &str) -> bool {
    granted.split_whitespace().map(own_name).any(|s| s == scope || (s == "full" && scope != "refresh_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_gets_what_it_has_and_no_more() {
        let app = App { scope: "id api refresh_token openid".into(), ..App::default() };
        for (requested, expected) in [
            (None, Some("id api refresh_token openid")),
            (Some(""), Some("id api refresh_token openid")),
            (Some("api"), Some("api")),
            (Some("api  offline_access api"), Some("api refresh_token")),
            (Some("openid profile"), Some("openid profile")),
            (Some("web"), None),
            (Some("full"), None),
            (Some("api nonsense"), None),
        ] {
            assert_eq!(grantable(&app, requested).ok().as_deref(), expected, "{requested:?}");
        }
        let full = App { scope: "full".into(), ..App::default() };
        assert_eq!(grantable(&full, Some("api web")).unwrap(), "api web");
        assert_eq!(grantable(&full, Some("refresh_token")).unwrap_err().error, "invalid_scope");
    }

    #[test]
    fn full_is_every_scope_but_the_lasting_one() {
        assert!(includes("full", "api") && includes("id api", "api") && includes("offline_access", "refresh_token"));
        assert!(!includes("full", "refresh_token") && !includes("web", "api"));
    }
}
