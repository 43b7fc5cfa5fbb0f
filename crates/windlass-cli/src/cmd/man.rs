//! `windlass man`: manual pages, from the same definitions as the help.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use crate::args;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this folder, instead of the first one to stdout
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let mut whole = args::command();
    whole.build();
    match &args.out {
        None => output::data(&page(&whole, "windlass")?),
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
            write(folder, &whole, "windlass")
        }
    }
}

fn write(folder: &Path, command: &Command, name: &str) -> Result<(), Failure> {
    let file = folder.join(format!("{name}.1"));
    std::fs::write(&file, page(command, name)?).map_err(|error| failed(&file, &error))?;
    let inner = command.get_subcommands().filter(|inner| inner.get_name() != "help");
    for command in inner {
        write(folder, command, &format!("{name}-{}", command.get_name()))?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    let man = Man::new(command.clone()).title(name.to_uppercase());
    man.render(&mut text).map_err(|error| failed(Path::new(name), &error))?;
    String::from_utf8(text).map_err(|error| {
        Failure::new(Exit::Failure, format!("the page is not readable text: {error}"))
    })
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failure, format!("cannot write `{}`: {error}", path.display()))
}
