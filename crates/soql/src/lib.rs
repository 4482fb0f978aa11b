//! SOQL text: parse it, print it, bind values into it. No I/O.

pub mod ast;
