//! API versions: which exist, and how a path names one.

use crate::ApiError;

/// An API version, by its whole number: `66` is `v66.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(pub u16);

impl ApiVersion {
    /// The oldest version that answers. Versions up to 30.0 were retired in Summer '25.
    pub const OLDEST: ApiVersion = ApiVersion(31);
    /// The newest version (Winter '27).
    pub const LATEST: ApiVersion = ApiVersion(68);

    /// Reads a path segment such as `v66.0`.
    ///
    /// # Errors
    /// 410 `GONE` for a retired version, 404 `NOT_FOUND` for one that never was.
    pub fn from_segment(segment: &str) -> Result<Self, ApiError> {
        let missing = || ApiError::new("NOT_FOUND", "The requested resource does not exist").status(404);
        let number = segment.strip_prefix(['v', 'V']).and_then(|t| t.strip_suffix(".0")).ok_or_else(missing)?;
        let number: u16 = number.parse().map_err(|_| missing())?;
        match number {
            7..31 => Err(ApiError::new("GONE", "The requested API version has been retired").status(410)),
            n if n < 7 || ApiVersion(n) > Self::LATEST => Err(missing()),
            n => Ok(ApiVersion(n)),
        }
    }

    /// The version of a path `/services/data/vNN.0/…`; the latest for a path that names none.
    ///
    /// # Errors
    /// As [`ApiVersion::from_segment`].
    pub fn from_path(path: &str) -> Result<Self, ApiError> {
        match path.strip_prefix("/services/data/").and_then(|rest| rest.split('/').next()) {
            Some(segment) if !segment.is_empty() => Self::from_segment(segment),
            _ => Ok(Self::LATEST),
        }
    }

    /// Every version that answers, oldest first.
    pub fn all() -> impl Iterator<Item = ApiVersion> {
        (Self::OLDEST.0..=Self::LATEST.0).map(ApiVersion)
    }

    /// The release that brought it, as the version list names it: `Winter '27`.
    pub fn label(self) -> String {
        // 31.0 was Summer '14; three releases a year since.
        let releases = self.0.saturating_sub(Self::OLDEST.0);
        let (season, year) = match releases % 3 {
            0 => ("Summer", 14 + releases / 3),
            1 => ("Winter", 15 + releases / 3),
            _ => ("Spring", 15 + releases / 3),
        };
        format!("{season} '{year}")
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.0", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_releases() {
        for (version, label) in [
            (31, "Summer '14"),
            (32, "Winter '15"),
            (33, "Spring '15"),
            (66, "Spring '26"),
            (67, "Summer '26"),
            (68, "Winter '27"),
        ] {
            assert_eq!(ApiVersion(version).label(), label);
        }
    }

    #[test]
    fn paths_name_versions() {
        assert_eq!(ApiVersion::from_path("/services/data/v66.0/query"), Ok(ApiVersion(66)));
        assert_eq!(ApiVersion::from_path("/services/oauth2/userinfo"), Ok(ApiVersion::LATEST));
        for (path, status) in [
            ("/services/data/v30.0/query", 410),
            ("/services/data/v69.0/query", 404),
            ("/services/data/v66/query", 404),
            ("/services/data/66.0/query", 404),
            ("/services/data/v99999999.0/", 404),
        ] {
            assert_eq!(ApiVersion::from_path(path).unwrap_err().status, status, "{path}");
        }
    }
}
