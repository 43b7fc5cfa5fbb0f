//! `windlass backup` and `windlass restore`: copies of an SQLite database, and back.

use std::path::PathBuf;

use clap::Args;
use windlass::schema;

use crate::args::{database, redacted};
use crate::client::refuse_missing;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The file of the copy
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The database
    #[arg(
        long,
        value_name = "URL",
        env = "WINDLASS_DATABASE",
        default_value = "sqlite:./data/windlass.db",
        value_parser = database
    )]
    database: String,
}

/// How SQLite says that a file is none of its own.
const NO_DATABASE: &str = "file is not a database";

/// Copies the database into a file that is not there yet, beside whoever works on it.
pub(crate) async fn backup(args: &CopyArgs) -> Result<(), Failure> {
    refuse_servers(&args.database)?;
    refuse_missing(&args.database)?;
    schema::backup(&args.database, &args.file).await?;
    output::say(&format!("copied {} into {}", redacted(&args.database), args.file.display()));
    Ok(())
}

/// Makes a database that is not there yet out of a copy.
pub(crate) async fn restore(args: &CopyArgs) -> Result<(), Failure> {
    refuse_servers(&args.database)?;
    let copy = format!("sqlite:{}", args.file.display());
    let file = args.file.display();
    if !args.file.exists() {
        let missing = Failure::usage(format!("there is no copy at `{file}`"));
        return Err(missing.hint("name the file that `windlass backup` wrote"));
    }
    let status = match schema::status(&copy).await {
        Err(error) if error.to_string().contains(NO_DATABASE) => None,
        status => Some(status?),
    };
    if status.is_none_or(|status| status.number == 0) {
        return Err(Failure::usage(format!("`{file}` holds no jobs: it is no copy of a database")));
    }
    let path = PathBuf::from(args.database.trim_start_matches("sqlite:").trim_start_matches("//"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(format!("cannot make the folder `{}`: {error}", folder.display()))
        })?;
    }
    let done = schema::backup(&copy, &path).await.map_err(Failure::from);
    done.map_err(|failure| failure.hint("stop the server and move its files away first"))?;
    output::say(&format!("restored {} from {}", redacted(&args.database), args.file.display()));
    Ok(())
}

fn refuse_servers(url: &str) -> Result<(), Failure> {
    if url.starts_with("sqlite:") {
        return Ok(());
    }
    Err(Failure::usage("copies are made of SQLite files only").hint(
        "use pg_dump or mariadb-dump, which leave a running server consistent, and their ways back",
    ))
}
