//! `windlass completions`: a script that completes commands and options at a shell's prompt.

use clap::Args;
use clap_complete::Shell;

use crate::args;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to write it for
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "windlass", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        Failure::new(Exit::Failure, format!("the script is not readable text: {error}"))
    })?;
    output::data(&script)
}
