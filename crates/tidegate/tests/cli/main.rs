//! The binary from outside: what is typed, and everything that comes back.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod person;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
mod transcript;

#[cfg(unix)]
mod transcripts {
    use crate::transcript::{check, check_alone};

    #[test]
    fn controls() {
        check_alone("controls.txt");
    }

    #[test]
    fn configuration() {
        check("configuration.txt");
    }

    #[test]
    fn login() {
        check("login.txt");
    }

    #[test]
    fn signing_in() {
        check("signing-in.txt");
    }

    #[test]
    fn queries() {
        check("queries.txt");
    }

    #[test]
    fn records() {
        check_alone("records.txt");
    }

    #[test]
    fn limits() {
        check_alone("limits.txt");
    }

    #[test]
    fn linting() {
        check("lint.txt");
    }

    #[test]
    fn events() {
        check_alone("events.txt");
    }

    #[test]
    fn plans() {
        check_alone("plan.txt");
    }

    #[test]
    fn destinations() {
        check("destinations.txt");
    }

    #[test]
    fn loading() {
        check_alone("load.txt");
    }

    #[test]
    fn metadata() {
        check_alone("metadata.txt");
    }

    #[test]
    fn replication() {
        check("replication.txt");
    }
}
