//! Records and custom objects that look like an org in use, made from a number.
