//! An emulator that runs: an org, its doors and its clock.
