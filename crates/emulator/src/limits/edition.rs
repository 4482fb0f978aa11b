//! What an edition allows (Developer Limits and Allocations Quick Reference).

use serde::{Deserialize, Serialize};

/// An edition of Salesforce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Developer Edition.
    #[default]
    Developer,
    /// Professional Edition, with the API.
    Professional,
    /// Enterprise Edition.
    Enterprise,
    /// Unlimited Edition.
    Unlimited,
    /// Performance Edition.
    Performance,
}

impl Edition {
    /// `OrganizationType` of the organization's record.
    pub fn organization_type(self) -> &'static str {
        match self {
            Self::Developer => "Developer Edition",
            Self::Professional => "Professional Edition",
            Self::Enterprise => "Enterprise Edition",
            // Performance Edition has no name of its own there.
            Self::Unlimited | Self::Performance => "Unlimited Edition",
        }
    }
}

/// Allowances that depend on the edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances {
    /// API requests in 24 hours.
    pub daily_requests: u64,
    /// Long requests at once.
    pub concurrent_long_requests: u64,
    /// Events delivered in 24 hours.
    pub daily_delivered_events: u64,
    /// Platform events published in an hour.
    pub hourly_published_events: u64,
    /// CometD clients at once.
    pub streaming_clients_max: u64,
    /// Megabytes of records.
    pub data_storage_mb: u64,
    /// Megabytes of files.
    pub file_storage_mb: u64,
}

/// API requests that every paid org has, whatever its licences.
const BASE_REQUESTS: u64 = 100_000;
/// A help article gives this as the default of all sandboxes.
const SANDBOX_REQUESTS: u64 = 5_000_000;
const GB: u64 = 1024;

impl Allowances {
    /// Those of an org of this edition with so many Salesforce licences, or of a sandbox of one. A sandbox is taken
    /// for a Developer sandbox: 200 MB of each kind of storage.
    pub fn of(edition: Edition, licences: u64, sandbox: bool) -> Self {
        // Requests, megabytes of records and of files that a licence adds.
        let (requests, data, files) = match edition {
            Edition::Developer => (0, 0, 0),
            Edition::Professional => (1_000, 20, 612),
            Edition::Enterprise => (1_000, 20, 2 * GB),
            Edition::Unlimited | Edition::Performance => (5_000, 120, 2 * GB),
        };
        let by_licence = |base: u64, each: u64| base.saturating_add(licences.saturating_mul(each));
        let mut allowed = match edition {
            Edition::Developer => Self {
                daily_requests: 15_000,
                concurrent_long_requests: 5,
                daily_delivered_events: 10_000,
                hourly_published_events: 50_000,
                streaming_clients_max: 20,
                data_storage_mb: 5,
                file_storage_mb: 20,
            },
            Edition::Professional | Edition::Enterprise => Self {
                daily_requests: by_licence(BASE_REQUESTS, requests),
                concurrent_long_requests: 25,
                daily_delivered_events: 25_000,
                hourly_published_events: 250_000,
                streaming_clients_max: 1_000,
                data_storage_mb: by_licence(10 * GB, data),
                file_storage_mb: by_licence(10 * GB, files),
            },
            Edition::Unlimited | Edition::Performance => Self {
                daily_requests: by_licence(BASE_REQUESTS, requests),
                concurrent_long_requests: 25,
                daily_delivered_events: 50_000,
                hourly_published_events: 250_000,
                streaming_clients_max: 2_000,
                data_storage_mb: by_licence(10 * GB, data),
                file_storage_mb: by_licence(10 * GB, files),
            },
        };
        if sandbox {
            allowed.daily_requests = SANDBOX_REQUESTS;
            allowed.concurrent_long_requests = 25;
            (allowed.data_storage_mb, allowed.file_storage_mb) = (200, 200);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples() {
        let of = |edition, licences, sandbox| {
            let allowed = Allowances::of(edition, licences, sandbox);
            (allowed.daily_requests, allowed.concurrent_long_requests)
        };
        assert_eq!(of(Edition::Enterprise, 15, false), (115_000, 25));
        assert_eq!(of(Edition::Unlimited, 15, false), (175_000, 25));
        assert_eq!(of(Edition::Developer, 15, false), (15_000, 5));
        assert_eq!(of(Edition::Enterprise, 15, true), (5_000_000, 25));
        assert_eq!(Allowances::of(Edition::Performance, u64::MAX, false).daily_requests, u64::MAX);
    }
}
