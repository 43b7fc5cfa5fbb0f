//! What PostgreSQL's errors mean to whoever meets them
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sqlx::error::DatabaseError;

use crate::Error;
use crate::store::server::Trouble;

/// Codes and classes after which the same transaction may succeed.
const AGAIN: [&str; 3] = ["40001", "40P01", "55P03"];

/// Of a server that cannot be used just now: it only reads, shuts down or starts, or the connection is
/// broken.
const AWAY: [&str; 7] = ["25006", "57P01", "57P02", "57P03", "57P05", "25P03", "08"];

/// Of a role that lacks a right, which somebody may grant again.
const DENIED: &str = "42501";

/// Classes of statements that are wrong, or rows that contradict each other: a defect of ours.
const OURS: [&str; 2] = ["23", "42"];

/// Classes of a server that is there and could do what it was asked for at another time: no memory,
/// disk or connections left, a lock, an operator's intervention, trouble with its files.
const FOR_NOW: [&str; 4] = ["53", "55", "57", "58"];

/// What a failure says of the transaction and its connection.
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    code(error).map_or(Trouble::Lost, |code| trouble_of(&code))
}

/// A failed statement or commit.
pub(super) fn failed(error: sqlx::Error) -> Error {
    match code(&error) {
        Some(code) if is_ours(&code) => {
            Error::bug(format!("the database refused a statement: {error}"))
        }
        _ => unavailable("the database failed", error),
    }
}

/// A connection that was not made, or a schema that could not be prepared: a server that is away is
/// worth waiting for, one that refuses is not.
pub(super) fn not_opened(what: &str, error: sqlx::Error) -> Error {
    let is_away = match (code(&error), &error) {
        (Some(code), _) => trouble_of(&code) != Trouble::Refused || starts_with(&code, &FOR_NOW),
        (None, sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)) => false,
        (None, _) => true,
    };
    if is_away { unavailable(what, error) } else { Error::incompatible(format!("{what}: {error}")) }
}

fn unavailable(what: &str, error: sqlx::Error) -> Error {
    Error::Unavailable { message: format!("{what}: {error}"), source: Some(Box::new(error)) }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(std::borrow::Cow::into_owned)
}

fn trouble_of(code: &str) -> Trouble {
    if AGAIN.contains(&code) {
        Trouble::Again
    } else if starts_with(code, &AWAY) {
        Trouble::Lost
    } else {
        Trouble::Refused
    }
}

fn is_ours(code: &str) -> bool {
    starts_with(code, &OURS) && code != DENIED
}

fn starts_with(code: &str, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_right_are_no_defects() {
        // Disk full, out of memory, too many connections, input/output error, insufficient privilege.
        for code in ["53100", "53200", "53300", "58030", "42501"] {
            assert!(!is_ours(code), "{code}");
            assert_eq!(trouble_of(code), Trouble::Refused, "{code}");
        }
        // Unique violation, undefined column.
        for code in ["23505", "42703"] {
            assert!(is_ours(code), "{code}");
        }
    }

    #[test]
    fn trouble_goes_by_code_and_class() {
        assert_eq!(trouble_of("40P01"), Trouble::Again);
        assert_eq!(trouble_of("08006"), Trouble::Lost);
        assert_eq!(trouble_of("25006"), Trouble::Lost);
    }
}
