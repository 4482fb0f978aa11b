//! Questions on a terminal. Where there is none, the option that would answer is named instead.

use std::io::{self, BufRead, IsTerminal, Write};

use secrecy::SecretString;

use crate::failure::Failure;

/// Whether somebody can answer.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

fn missing(what: &str, option: &str) -> Failure {
    Failure::usage(format!("{what} is missing")).hint(format!("give it with {option}; on a terminal it is asked for"))
}

/// A line of text.
pub(super) fn text(what: &str, option: &str) -> Result<String, Failure> {
    if !is_possible() {
        return Err(missing(what, option));
    }
    loop {
        // That stderr is closed is nobody's business.
        let _ = write!(io::stderr().lock(), "{what}: ");
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return Err(missing(what, option)),
            Ok(_) if line.trim().is_empty() => {}
            Ok(_) => return Ok(line.trim().to_owned()),
        }
    }
}

/// A line that is not shown.
pub(super) fn secret(what: &str, option: &str) -> Result<SecretString, Failure> {
    if !is_possible() {
        return Err(missing(what, option));
    }
    let typed = rpassword::prompt_password(format!("{what} (not shown): "))
        .map_err(|error| missing(what, option).with_cause(&error))?;
    match typed.trim() {
        "" => Err(missing(what, option)),
        secret => Ok(secret.to_owned().into()),
    }
}

/// Waits for Enter.
pub(super) fn enter(words: &str) -> bool {
    let _ = write!(io::stderr().lock(), "{words} ");
    io::stdin().lock().read_line(&mut String::new()).is_ok_and(|n| n > 0)
}
