//! Addresses by name: `production`, `sandbox`, a My Domain, a host, a URL.

use url::Url;

use crate::{config::checked_url, error::Error};

/// Where every production org can sign in.
const PRODUCTION: &str = "https://login.salesforce.com";
/// Where every sandbox can sign in.
const SANDBOX: &str = "https://test.salesforce.com";

/// The address that a person means by `text`:
///
/// | written | means |
/// |---|---|
/// | `production` | `https://login.salesforce.com` |
/// | `sandbox` | `https://test.salesforce.com` |
/// | `acme` | `https://acme.my.salesforce.com` |
/// | `acme--uat` | `https://acme--uat.sandbox.my.salesforce.com` |
/// | `acme-dev-ed` | `https://acme-dev-ed.develop.my.salesforce.com` |
/// | `acme.lightning.force.com` | `https://acme.my.salesforce.com`, as Lightning hosts answer no API |
/// | a host or a URL | itself |
///
/// # Errors
/// [`Error::InsecureUrl`] for `http` to anything but this machine, [`Error::Config`] for what is no address.
pub fn org_address(text: &str) -> Result<Url, Error> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "production" => return checked_url(PRODUCTION),
        "sandbox" => return checked_url(SANDBOX),
        _ => {}
    }
    if text.contains("://") {
        let url = checked_url(text)?;
        return match url.host_str().and_then(api_host) {
            Some(host) => checked_url(&format!("https://{host}")),
            None => Ok(url),
        };
    }
    if is_label(text) && !text.eq_ignore_ascii_case("localhost") {
        let domain = text.to_ascii_lowercase();
        return checked_url(&format!("https://{domain}.{}", suffix(&domain)));
    }
    // A host, perhaps with a port or a path behind it, as it is copied out of an address bar.
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    if name.contains('.') || name.eq_ignore_ascii_case("localhost") {
        let here = name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1";
        return org_address(&format!("{}://{text}", if here { "http" } else { "https" }));
    }
    Err(Error::Config {
        message: format!("`{text}` is no address of an org"),
        hint: Some("write production, sandbox, a My Domain such as acme or acme--uat, or a URL".into()),
    })
}

/// What stands behind a My Domain, by the kind of org that its form shows.
fn suffix(domain: &str) -> &'static str {
    if domain.contains("--") {
        "sandbox.my.salesforce.com"
    } else if domain.ends_with("-dev-ed") {
        "develop.my.salesforce.com"
    } else {
        "my.salesforce.com"
    }
}

/// The API's host of a host that serves pages only.
fn api_host(host: &str) -> Option<String> {
    let pages = [
        (".lightning.force.com", ".my.salesforce.com"),
        (".my.salesforce-setup.com", ".my.salesforce.com"),
        (".lightning.sfcrmapps.cn", ".my.sfcrmproducts.cn"),
    ];
    pages.iter().find_map(|(page, api)| host.strip_suffix(page).map(|domain| format!("{domain}{api}")))
}

/// Whether it can be one label of a host name.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::bare;

    #[test]
    fn names_lead_to_addresses() {
        for (text, address) in [
            ("production", "https://login.salesforce.com"),
            ("Sandbox", "https://test.salesforce.com"),
            ("acme", "https://acme.my.salesforce.com"),
            ("ACME--UAT", "https://acme--uat.sandbox.my.salesforce.com"),
            ("acme-dev-ed", "https://acme-dev-ed.develop.my.salesforce.com"),
            ("acme.my.salesforce.com", "https://acme.my.salesforce.com"),
            ("acme.my.salesforce.com/lightning/page/home", "https://acme.my.salesforce.com"),
            ("acme.lightning.force.com", "https://acme.my.salesforce.com"),
            ("https://acme--uat.sandbox.lightning.force.com/x", "https://acme--uat.sandbox.my.salesforce.com"),
            ("acme.my.salesforce-setup.com", "https://acme.my.salesforce.com"),
            ("acme.lightning.sfcrmapps.cn", "https://acme.my.sfcrmproducts.cn"),
            ("localhost:8080", "http://localhost:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://acme.example/", "https://acme.example"),
        ] {
            assert_eq!(bare(&org_address(text).unwrap()), address, "{text}");
        }
        for bad in ["", "-acme", "two words", "ftp://acme.example", "acme:8080", "über"] {
            assert!(matches!(org_address(bad), Err(Error::Config { .. })), "{bad}");
        }
        assert!(matches!(org_address("http://acme.my.salesforce.com"), Err(Error::InsecureUrl { .. })));
    }

    proptest! {
        #[test]
        fn nothing_leads_to_plain_http_elsewhere(text in ".{0,60}") {
            if let Ok(url) = org_address(&text) {
                prop_assert!(url.scheme() == "https" || checked_url(url.as_str()).is_ok());
                prop_assert_eq!(url.path(), "/");
            }
        }
    }
}
