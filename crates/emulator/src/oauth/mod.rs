//! Connected apps, grants, sessions.
