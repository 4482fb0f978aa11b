//! The header `Sforce-Limit-Info`.

/// API calls of the last 24 hours, from `Sforce-Limit-Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls made by everybody in the org.
    pub used: u64,
    /// Calls allowed.
    pub allowed: u64,
}

impl ApiUsage {
    /// Used as a share of allowed, in percent.
    pub fn percent(&self) -> f64 {
        if self.allowed == 0 {
            return 0.0;
        }
        self.used as f64 * 100.0 / self.allowed as f64
    }

    /// Understands the header's `api-usage=n/m`, among other items in any order.
    pub(crate) fn parse(header: &str) -> Option<ApiUsage> {
        header
            .split([';', ',', ' ', '\t'])
            .find_map(|item| item.strip_prefix("api-usage="))
            .and_then(|figures| figures.split_once('/'))
            .and_then(|(used, allowed)| Some(ApiUsage { used: used.parse().ok()?, allowed: allowed.parse().ok()? }))
            // Figures that no org has are not figures: nothing is to overflow on them.
            .filter(|usage| usage.used < FIGURE_MAX && usage.allowed < FIGURE_MAX)
    }
}

const FIGURE_MAX: u64 = 1 << 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_header() {
        let cases = [
            ("api-usage=18/5000", Some((18, 5000))),
            ("api-bursts=1/750;api-usage=10018/100000", Some((10018, 100_000))),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", Some((25, 5000))),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=x/y", None),
            ("api-usage=18446744073709551615/5", None),
            ("", None),
        ];
        for (header, expected) in cases {
            let expected = expected.map(|(used, allowed)| ApiUsage { used, allowed });
            assert_eq!(ApiUsage::parse(header), expected, "{header}");
        }
    }
}
