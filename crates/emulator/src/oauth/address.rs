//! Ranges of IP addresses: an org's trusted networks, and where a user may sign in from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A range of addresses of one family, both ends in it. Written `10.0.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpRange {
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }
}

impl FromStr for IpRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no IP address, no network and no range of addresses");
        let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| refused());
        let (first, last) = if let Some((first, last)) = text.split_once('-') {
            (address(first)?, address(last)?)
        } else if let Some((network, length)) = text.split_once('/') {
            let length: u32 = length.trim().parse().map_err(|_| refused())?;
            network_range(address(network)?, length).ok_or_else(refused)?
        } else {
            (address(text)?, address(text)?)
        };
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(refused());
        }
        Ok(Self { first, last })
    }
}

/// First and last address of a network; `None` for a prefix longer than an address.
fn network_range(network: IpAddr, length: u32) -> Option<(IpAddr, IpAddr)> {
    match network {
        IpAddr::V4(network) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let first = u32::from(network) & !host;
            (length <= 32).then(|| (IpAddr::V4(first.into()), IpAddr::V4((first | host).into())))
        }
        IpAddr::V6(network) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let first = u128::from(network) & !host;
            (length <= 128).then(|| (IpAddr::V6(first.into()), IpAddr::V6((first | host).into())))
        }
    }
}

impl TryFrom<String> for IpRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IpRange> for String {
    fn from(range: IpRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_each_spelling() {
        for (range, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.0/8", "127.255.0.1", "128.0.0.0"),
            ("10.0.0.5 - 10.0.0.9", "10.0.0.9", "10.0.0.10"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::1/128", "::1", "::2"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
        ] {
            let read: IpRange = range.parse().unwrap();
            assert!(read.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(!read.contains(outside.parse().unwrap()), "{range} {outside}");
            assert_eq!(read.to_string().parse::<IpRange>().unwrap(), read);
        }
        for wrong in ["", "x", "10.0.0.1/33", "10.0.0.2-10.0.0.1", "10.0.0.1-::1", "10.0.0.0/-1"] {
            assert!(wrong.parse::<IpRange>().is_err(), "{wrong}");
        }
    }
}
