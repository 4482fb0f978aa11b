//! Asking before something is done that cannot be undone easily.

use std::io::{IsTerminal, Write};

use crate::failure::Failure;

/// Asks, unless `yes` was given. Without a person to ask, nothing is done.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::usage(format!("nobody can be asked here: \"{question}\"")).hint("give --yes"));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed("cannot read the answer").with_cause(&error))?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        let _ = writeln!(stderr, "nothing was done");
    }
    Ok(agreed)
}
