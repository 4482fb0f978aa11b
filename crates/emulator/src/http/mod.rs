//! The org's HTTP doors: OAuth, REST, Bulk 2.0, and the emulator's own controls.
