//! What the errors of MySQL and MariaDB mean to whoever meets them
//! (<https://mariadb.com/kb/en/mariadb-error-code-reference/>).

use sqlx::mysql::MySqlDatabaseError;

use crate::Error;
use crate::store::server::Trouble;

/// After these the same transaction may succeed: lock wait timeout, deadlock, and MariaDB's record that
/// changed since it was read.
const AGAIN: [u16; 3] = [1205, 1213, 1020];

/// Of a server that cannot be used just now: shutting down, killed, read-only, idle for too long.
const AWAY: [u16; 9] = [1053, 1077, 1290, 1317, 1792, 1836, 1927, 3169, 4031];

/// Of a server that has run out of something: disk, table, memory, threads, connections, log.
const FULL: [u16; 21] = [
    3, 20, 1021, 1026, 1030, 1037, 1038, 1040, 1041, 1114, 1135, 1180, 1197, 1203, 1206, 1226,
    1637, 1878, 1969, 3024, 3675,
];

/// Of a user that lacks a right, which somebody may grant again.
const DENIED: [u16; 5] = [1044, 1142, 1143, 1227, 1370];

/// A statement that is longer than the server's `max_allowed_packet`.
const TOO_LONG: u16 = 1153;

/// What a failure says of the transaction and its connection.
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    number(error).map_or(Trouble::Lost, trouble_of)
}

/// A failed statement or commit.
pub(super) fn failed(error: sqlx::Error) -> Error {
    match number(&error) {
        Some(TOO_LONG) => Error::incompatible(format!(
            "a statement is longer than the database's max_allowed_packet: raise that ({error})"
        )),
        Some(number) if is_ours(number) => {
            Error::bug(format!("the database refused a statement: {error}"))
        }
        _ => unavailable("the database failed", error),
    }
}

/// A connection that was not made, or a schema that could not be prepared: a server that is away is
/// worth waiting for, one that refuses is not.
pub(super) fn not_opened(what: &str, error: sqlx::Error) -> Error {
    let is_away = match (number(&error), &error) {
        (Some(number), _) => trouble_of(number) != Trouble::Refused || FULL.contains(&number),
        (None, sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)) => false,
        (None, _) => true,
    };
    if is_away { unavailable(what, error) } else { Error::incompatible(format!("{what}: {error}")) }
}

fn unavailable(what: &str, error: sqlx::Error) -> Error {
    Error::Unavailable { message: format!("{what}: {error}"), source: Some(Box::new(error)) }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let refusal = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(refusal.number())
}

fn trouble_of(number: u16) -> Trouble {
    if AGAIN.contains(&number) {
        Trouble::Again
    } else if AWAY.contains(&number) {
        Trouble::Lost
    } else {
        Trouble::Refused
    }
}

fn is_ours(number: u16) -> bool {
    let known = FULL.contains(&number) || DENIED.contains(&number);
    trouble_of(number) == Trouble::Refused && !known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_right_are_no_defects() {
        // Disk full, out of resources, table full, tablespace not made, command denied.
        for number in [1021, 1041, 1114, 3675, 1142] {
            assert!(!is_ours(number), "{number}");
            assert_eq!(trouble_of(number), Trouble::Refused, "{number}");
        }
        // Duplicate entry, unknown column.
        for number in [1062, 1054] {
            assert!(is_ours(number), "{number}");
        }
    }

    #[test]
    fn trouble_goes_by_number() {
        assert_eq!(trouble_of(1213), Trouble::Again);
        assert_eq!(trouble_of(1053), Trouble::Lost);
    }
}
