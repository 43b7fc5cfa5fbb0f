//! What the migrations of all databases have in common: numbers, and what they say of a schema.

use crate::{Error, Timestamp};

/// A number and the text that leads to the schema of that number.
pub(crate) type Migration = (i64, &'static str);

/// The oldest schema that a release must know to use what this release writes.
const COMPATIBLE_FROM: i64 = 1;

/// What a database says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    /// The number of its last migration; 0 for a new one.
    pub(crate) number: i64,
    /// The oldest release, by schema, that may use it.
    pub(crate) compatible_from: i64,
}

impl Schema {
    /// Reads the rows of the table `meta`.
    pub(crate) fn of(facts: &[(String, i64)]) -> Self {
        let fact = |name| facts.iter().find(|(known, _)| known == name).map_or(0, |(_, n)| *n);
        Self { number: fact("schema"), compatible_from: fact("compatible_from") }
    }

    /// The migrations that are missing, unless the database is of a release this one does not
    /// understand.
    pub(crate) fn pending(self, all: &[Migration]) -> Result<&[Migration], Error> {
        let known = all.last().map_or(0, |(number, _)| *number);
        let Self { number, compatible_from } = self;
        if compatible_from > known {
            return Err(Error::incompatible(format!(
                "the database has schema {number} and needs a release that knows schema \
                 {compatible_from}; this one knows {known}: install a newer Windlass"
            )));
        }
        Ok(&all[all.partition_point(|(n, _)| *n <= number)..])
    }
}

/// The migrations to run: none where they are not allowed, and an error if some are missing then.
pub(crate) fn allowed(
    schema: Schema,
    all: &[Migration],
    migrate: bool,
) -> Result<&[Migration], Error> {
    let pending = schema.pending(all)?;
    match pending.last() {
        Some((needed, _)) if !migrate => Err(Error::incompatible(format!(
            "the database has schema {} and this release needs {needed}: run `windlass db migrate`",
            schema.number
        ))),
        _ => Ok(pending),
    }
}

/// What to write into `meta` after a migration.
pub(crate) fn facts(number: i64, now: Timestamp) -> Vec<(&'static str, i64)> {
    let mut facts = vec![("schema", number), ("compatible_from", COMPATIBLE_FROM)];
    if number == 1 {
        facts.push(("created_at", now.as_micros()));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Migration; 2] = [(1, "one"), (2, "two")];

    fn schema(number: i64, compatible_from: i64) -> Schema {
        Schema { number, compatible_from }
    }

    #[test]
    fn what_is_missing_is_pending() {
        assert_eq!(schema(0, 0).pending(&ALL).unwrap(), &ALL);
        assert_eq!(schema(1, 1).pending(&ALL).unwrap(), &ALL[1..]);
        assert!(schema(2, 1).pending(&ALL).unwrap().is_empty());
    }

    #[test]
    fn a_newer_but_compatible_database_is_welcome_and_another_is_not() {
        assert!(schema(9, 2).pending(&ALL).unwrap().is_empty());
        let error = schema(9, 3).pending(&ALL).unwrap_err();
        assert!(error.to_string().contains("install a newer Windlass"), "{error}");
    }
}
