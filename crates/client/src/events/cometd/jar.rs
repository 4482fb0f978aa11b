//! The cookies of one Bayeux session. Salesforce ties a client id to `BAYEUX_BROWSER` and to the load balancer's cookie;
//! a jar never outlives its session, as stale cookies lead to a server that is gone (Streaming API Developer Guide).

/// Cookies kept, and bytes of each: more than any server sets.
const COOKIES_MAX: usize = 64;
const COOKIE_BYTES_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Jar(Vec<(String, String)>);

impl Jar {
    /// Takes a `Set-Cookie` header. All of a jar's requests go to one path, so paths are not looked at.
    pub(super) fn take(&mut self, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let fits = |text: &str| !text.contains(|c: char| c.is_control()) && text.len() <= COOKIE_BYTES_MAX;
        if name.is_empty() || !fits(name) || !fits(value) {
            return;
        }
        self.0.retain(|(known, _)| known != name);
        let ends = parts.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0"));
        if !ends && self.0.len() < COOKIES_MAX {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The `Cookie` header, where there is something to send back.
    pub(super) fn header(&self) -> Option<String> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cookies_come_back() {
        let mut jar = Jar::default();
        assert_eq!(jar.header(), None);
        jar.take("BAYEUX_BROWSER=a-1; HttpOnly; Secure; Path=/cometd");
        jar.take("sticky=\"!x=y\"; Path=/");
        jar.take("nonsense");
        jar.take("=x");
        assert_eq!(jar.header().as_deref(), Some("BAYEUX_BROWSER=a-1; sticky=\"!x=y\""));
        jar.take("BAYEUX_BROWSER=b-2");
        assert_eq!(jar.header().as_deref(), Some("sticky=\"!x=y\"; BAYEUX_BROWSER=b-2"));
        jar.take("sticky=; Max-Age=0");
        assert_eq!(jar.header().as_deref(), Some("BAYEUX_BROWSER=b-2"));
    }

    proptest! {
        #[test]
        fn any_header_does_no_harm(headers: Vec<String>) {
            let mut jar = Jar::default();
            headers.iter().for_each(|header| jar.take(header));
            if let Some(header) = jar.header() {
                prop_assert!(!header.contains('\n') && !header.contains('\r'));
            }
        }
    }
}
