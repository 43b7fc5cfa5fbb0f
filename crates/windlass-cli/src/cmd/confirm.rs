//! Asks before something is done that cannot be taken back.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{Exit, Failure};

/// Whether someone may be asked at all.
static MAY_ASK: AtomicBool = AtomicBool::new(true);

/// Says once, at the start, whether someone may be asked (`--no-input`).
pub(crate) fn may_ask(may: bool) {
    MAY_ASK.store(may, Ordering::Relaxed);
}

/// Asks the person at the terminal; where there is none, `--yes` has to say it.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !MAY_ASK.load(Ordering::Relaxed) {
        return Err(
            Failure::usage("this needs a yes, and --no-input forbids to ask").hint("add --yes")
        );
    }
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
