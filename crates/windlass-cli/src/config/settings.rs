//! The settings of `serve`: every option with a variable is one, and the variable's name is its key
//! (`WINDLASS_AUTH__HOSTS`: `hosts` in the table `auth`). So flags, environment and file cannot come apart.

use std::any::TypeId;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory};
use serde_json::Value;

use super::located::{Located, Mistake, Shape};
use crate::args::Cli;

const PREFIX: &str = "WINDLASS_";

/// Where the file itself is; it cannot say so.
const FILE: &str = "config";

/// What a setting is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    List,
}

/// `serve` as it is without any environment.
pub(crate) fn serve() -> Command {
    let whole = Cli::command();
    let serve = whole.find_subcommand("serve").cloned().unwrap_or_else(|| Command::new("serve"));
    serve.no_binary_name(true)
}

/// The options that are settings, in the order of the help.
pub(crate) fn all(serve: &Command) -> impl Iterator<Item = (String, &Arg)> {
    serve.get_arguments().filter_map(|arg| Some((key(arg)?, arg)))
}

/// The key of an option in the file: `http`, `auth.hosts`.
pub(crate) fn key(arg: &Arg) -> Option<String> {
    let name = arg.get_env()?.to_str()?.strip_prefix(PREFIX)?;
    let key = name.to_ascii_lowercase().replace("__", ".");
    (key != FILE).then_some(key)
}

/// Says which of these variables has the form of a setting of a table, and is none.
pub(crate) fn stray<'a>(
    serve: &Command,
    variables: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    variables.into_iter().find_map(|variable| {
        let name = variable.strip_prefix(PREFIX)?;
        let (table, _) = name.split_once("__")?;
        let known = |arg: &Arg| arg.get_env()?.to_str().map(ToOwned::to_owned);
        let known: Vec<String> = serve.get_arguments().filter_map(known).collect();
        if known.iter().any(|it| it == variable) {
            return None;
        }
        let table = format!("{PREFIX}{table}__");
        let near = known.iter().map(String::as_str).filter(|it| it.starts_with(&table));
        let near: Vec<&str> = near.collect();
        Some(match near.as_slice() {
            [] => format!("the variable {variable} is no setting"),
            near => {
                format!("the variable {variable} is no setting (there are {})", near.join(", "))
            }
        })
    })
}

pub(crate) fn kind(arg: &Arg) -> Kind {
    let numbers = [TypeId::of::<u16>(), TypeId::of::<u32>()];
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        Kind::Flag
    } else if arg.get_value_delimiter().is_some() {
        Kind::List
    } else if numbers.iter().any(|number| arg.get_value_parser().type_id() == *number) {
        Kind::Number
    } else {
        Kind::Text
    }
}

/// The words of a value, as they would stand on the command line.
pub(crate) fn words(serve: &Command, arg: &Arg, value: &Located) -> Result<Vec<String>, Mistake> {
    let (kind, line) = (kind(arg), value.line);
    let words = match (kind, &value.shape) {
        (Kind::Text, Shape::Plain(Value::String(text))) => vec![text.clone()],
        (Kind::Number, Shape::Plain(Value::Number(number))) if number.is_i64() => {
            vec![number.to_string()]
        }
        (Kind::Flag, Shape::Plain(Value::Bool(flag))) => return Ok(vec![flag.to_string()]),
        (Kind::List, Shape::List(items)) => {
            let texts = items.iter().map(|item| match &item.shape {
                Shape::Plain(Value::String(text)) => Ok(text.clone()),
                _ => Err(Mistake::new(item.line, format!("is {}, and not a string", item.kind()))),
            });
            texts.collect::<Result<Vec<String>, Mistake>>()?
        }
        _ => {
            let message = format!("is {}, and not {}", value.kind(), kind.as_str());
            return Err(Mistake::new(line, message));
        }
    };
    for word in &words {
        check(serve, arg, word).map_err(|why| Mistake::new(line, why))?;
    }
    Ok(words)
}

/// Whether the option takes a value; it alone decides.
fn check(serve: &Command, arg: &Arg, word: &str) -> Result<(), String> {
    let flag = format!("--{}={word}", arg.get_long().unwrap_or_default());
    let serve = serve.clone().mut_args(|arg| arg.env(None::<&'static str>));
    let Err(error) = serve.try_get_matches_from([flag]) else { return Ok(()) };
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            Err(std::error::Error::source(&error)
                .map_or_else(|| brief(&error), ToString::to_string))
        }
        // What goes with it is looked at when everything is there.
        _ => Ok(()),
    }
}

/// The first paragraph of what clap says.
fn brief(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    lines.collect::<Vec<&str>>().join(" ").trim_start_matches("error: ").to_owned()
}

/// The value a setting has when nobody says anything, as it would stand in a file.
pub(crate) fn default_of(arg: &Arg) -> Option<Value> {
    let words: Vec<String> =
        arg.get_default_values().iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match kind(arg) {
        Kind::Flag => Some(Value::from(words.first().is_some_and(|word| word == "true"))),
        Kind::List => Some(Value::from(words)),
        kind => words.first().map(|word| kind.value(word)),
    }
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::List => "an array of strings",
        }
    }

    /// A word of the command line as it would stand in a file.
    pub(crate) fn value(self, word: &str) -> Value {
        match (self, word.parse::<i64>()) {
            (Self::Number, Ok(number)) => Value::from(number),
            _ => Value::from(word),
        }
    }
}

/// What people read about a setting: the help of its option.
pub(crate) fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}
