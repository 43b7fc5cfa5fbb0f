//! `cargo xtask load`: load and abuse against a server of our own.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

use std::process::ExitCode;

use windlass_bench::{LoadOptions, run_load};

const USAGE: &str = "\
usage: windlass-load PROGRAM [--only NAME]... [--jobs N] [--claims N] [--streams N] [--rows N]
                     [--seconds N] [--folder FOLDER] [--database URL] [--json]

PROGRAM is the `windlass` that serves. NAME: rates, claims, streams, flood, pages. URL: PostgreSQL, for the
pages alone; a schema of our own in it is made and removed.";

#[tokio::main]
async fn main() -> ExitCode {
    let (options, is_json) = match read(std::env::args().skip(1)) {
        Ok(read) => read,
        Err(message) => {
            eprintln!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let figures = run_load(&options, |next| eprintln!("{next}")).await;
    match figures {
        Ok(figures) if is_json => println!("{}", figures.json()),
        Ok(figures) => print!("{}", figures.table()),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn read(mut args: impl Iterator<Item = String>) -> Result<(LoadOptions, bool), String> {
    let program = args.next().filter(|it| !it.starts_with('-')).ok_or("no program given")?;
    let (mut options, mut is_json) = (LoadOptions::new(program), false);
    while let Some(flag) = args.next() {
        if flag == "--json" {
            is_json = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{flag}: no value given"))?;
        let number = || value.parse().map_err(|_| format!("{flag}: `{value}` is not a number"));
        match flag.as_str() {
            "--only" => options.only.push(value),
            "--database" => options.database = Some(value),
            "--folder" => options.folder = value.into(),
            "--jobs" => options.jobs = number()?,
            "--claims" => options.claims = number()?,
            "--streams" => options.streams = number()?,
            "--rows" => options.rows = number()?,
            "--seconds" => options.seconds = number()? as u64,
            _ => return Err(format!("unknown option `{flag}`")),
        }
    }
    Ok((options, is_json))
}
