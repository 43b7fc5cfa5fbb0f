//! Statements as MySQL takes them: `?` for every parameter, and one part repeated for every row of a
//! batch.
//!
//! Marks in a statement's file: `$N` is a parameter of the call; `{any A = $1 and B = $2}` holds for any
//! of the rows; `{each SELECT}` is a union over them, and `{keys SELECT}` one without repetitions, to join with;
//! `values (...)` of an insert is a tuple of each. After a line `-- then`, a second statement runs for
//! the rows that the first one found, and `#N` is a column of such a row.

use crate::store::statements::{Sql, whole};

/// Where a `?` takes its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A parameter of the call: of its row, where rows are repeated.
    Param(usize),
    /// A column of a row that was found.
    Column(usize),
}

impl Source {
    /// The place in a row that holds `params` parameters of the call, then the columns found.
    pub(super) const fn place(self, params: usize) -> usize {
        match self {
            Self::Param(index) => index,
            Self::Column(index) => params + index,
        }
    }
}

/// Text with its parameters in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) sources: Vec<Source>,
}

/// The part of a statement that is repeated for every row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) piece: Piece,
    pub(super) separator: &'static str,
    /// Whether a row may stand there twice: then the number of rows is rounded up, so that fewer
    /// different statements are prepared.
    pub(super) pads: bool,
}

/// One statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) head: Piece,
    pub(super) repeated: Option<Repeated>,
    pub(super) tail: Piece,
}

/// A statement, and the one that follows for the rows it found.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) first: Statement,
    pub(super) then: Option<Statement>,
    /// The whole file, for the list filter.
    pub(super) raw: String,
}

/// Every statement.
#[derive(Debug)]
pub(crate) struct Texts(Vec<Text>);

impl Texts {
    pub(crate) fn new(prefix: &str) -> Self {
        let text = |sql: &Sql| Text::of(sql.for_mysql().unwrap_or_default(), prefix);
        Self(Sql::ALL.iter().map(text).collect())
    }

    pub(super) fn of(&self, sql: Sql) -> &Text {
        &self.0[sql as usize]
    }
}

impl Text {
    fn of(file: &str, prefix: &str) -> Self {
        let (first, then) = match file.split_once("\n-- then\n") {
            Some((first, then)) => (first, Some(Statement::of(&whole(then, prefix)))),
            None => (file, None),
        };
        let raw = whole(first, prefix);
        Self { first: Statement::of(&raw), then, raw }
    }
}

impl Statement {
    /// Reads a statement's marks.
    pub(super) fn of(text: &str) -> Self {
        if let Some((head, rest)) = text.split_once("{any ") {
            let (conditions, tail) = rest.rsplit_once('}').unwrap_or((rest, ""));
            let (columns, tuple) = row_of(conditions);
            return Self {
                head: Piece::of(&format!("{head}{columns} in (")),
                repeated: Some(Repeated { piece: Piece::of(&tuple), separator: ", ", pads: true }),
                tail: Piece::of(&format!("){tail}")),
            };
        }
        for (mark, separator) in [("{each ", " union all "), ("{keys ", " union ")] {
            if let Some((head, rest)) = text.split_once(mark) {
                let (inner, tail) = rest.rsplit_once('}').unwrap_or((rest, ""));
                let piece = Piece::of(inner);
                return Self {
                    head: Piece::of(head),
                    repeated: Some(Repeated { piece, separator, pads: true }),
                    tail: Piece::of(tail),
                };
            }
        }
        match text.split_once("values ($") {
            Some((head, rest)) => {
                let (tuple, tail) = rest.split_once(')').unwrap_or((rest, ""));
                let piece = Piece::of(&format!("(${tuple})"));
                Self {
                    head: Piece::of(&format!("{head}values ")),
                    repeated: Some(Repeated { piece, separator: ", ", pads: false }),
                    tail: Piece::of(tail),
                }
            }
            None => Self { head: Piece::of(text), repeated: None, tail: Piece::default() },
        }
    }
}

/// `a = $1 and b = $2` as `(a, b)` and `($1, $2)`: a list of rows is searched by its index, where a
/// chain of `or` is compared one by one (256 rows of three columns: 2 ms instead of 17 ms on MariaDB
/// 10.11, `windlass bench`).
fn row_of(conditions: &str) -> (String, String) {
    let pairs = conditions.split(" and ").filter_map(|condition| condition.split_once(" = "));
    let (columns, marks): (Vec<&str>, Vec<&str>) = pairs.unzip();
    match columns.as_slice() {
        [column] => ((*column).to_owned(), marks.concat()),
        _ => (format!("({})", columns.join(", ")), format!("({})", marks.join(", "))),
    }
}

impl Piece {
    /// `$N` and `#N` become `?`.
    pub(super) fn of(text: &str) -> Self {
        let mut piece = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '#']) {
            let (before, mark) = rest.split_at(at);
            let digits = mark[1..].bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = mark[1..=digits].parse().unwrap_or(1);
            let make = if mark.starts_with('$') { Source::Param } else { Source::Column };
            piece.text.push_str(before);
            piece.text.push('?');
            piece.sources.push(make(number - 1));
            rest = &mark[digits + 1..];
        }
        piece.text.push_str(rest);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_question_marks_in_the_order_of_the_text() {
        let piece = Piece::of("set a = $2 where id = $10 and b < $2");

        assert_eq!(piece.text, "set a = ? where id = ? and b < ?");
        let sources = [Source::Param(1), Source::Param(9), Source::Param(1)];
        assert_eq!(piece.sources, sources);
    }

    #[test]
    fn the_tuple_of_an_insert_is_repeated() {
        let statement = Statement::of(
            "insert into t (a, b) values ($1, $2) on duplicate key update a = values(a)",
        );

        let repeated = statement.repeated.unwrap();
        assert_eq!(statement.head.text, "insert into t (a, b) values ");
        assert_eq!((repeated.piece.text.as_str(), repeated.separator), ("(?, ?)", ", "));
        assert_eq!(statement.tail.text, " on duplicate key update a = values(a)");
    }

    #[test]
    fn a_condition_and_a_select_are_repeated() {
        let any = Statement::of("delete from t where q = $1 and {any s = #3 and r = #1}");
        assert_eq!(any.head.text, "delete from t where q = ? and (s, r) in (");
        let repeated = any.repeated.unwrap();
        assert_eq!((repeated.piece.text.as_str(), repeated.separator), ("(?, ?)", ", "));
        assert_eq!(repeated.piece.sources, [Source::Column(2), Source::Column(0)]);
        assert_eq!(any.tail.text, ")");
        let one = Statement::of("select 1 from t where {any id = $1}");
        assert_eq!(one.head.text, "select 1 from t where id in (");
        assert_eq!(one.repeated.unwrap().piece.text, "?");

        let each = Statement::of("{each (select 1 from t where a = $1 limit 1)}");
        let repeated = each.repeated.unwrap();
        assert_eq!(repeated.piece.text, "(select 1 from t where a = ? limit 1)");
        assert_eq!(repeated.separator, " union all ");

        let keys =
            Statement::of("delete x from ({keys select #1 as id}) k join t x on x.id = k.id");
        assert_eq!(keys.head.text, "delete x from (");
        assert_eq!(keys.repeated.unwrap().separator, " union ");
        assert_eq!(keys.tail.text, ") k join t x on x.id = k.id");
    }

    #[test]
    fn every_statement_that_exists_is_complete() {
        let texts = Texts::new("windlass_");

        for sql in Sql::ALL.iter().filter(|sql| sql.for_mysql().is_some()) {
            let text = texts.of(*sql);
            assert!(!text.raw.is_empty() && !text.raw.contains("{prefix}"), "{sql:?}");
        }
    }
}
