//! Tests of the rules over a small schema of every kind of field.
