//! Asks before something is done that cannot be taken back.

use std::io::{BufRead, IsTerminal, Write};

use crate::exit::{Exit, Failure};

/// Asks the person at the terminal; where there is none, `--yes` has to say it.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage("there is no terminal to ask at").hint("add --yes"));
    }
    let mut stderr = std::io::stderr().lock();
    drop(write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(Exit::Failure, "nothing was done"))
    }
}
