//! Faults that a user of the emulator plans: what goes wrong, on which route, how often.
