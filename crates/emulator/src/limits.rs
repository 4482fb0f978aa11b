//! Allocations of the org: daily requests and the rest of `/limits`.
