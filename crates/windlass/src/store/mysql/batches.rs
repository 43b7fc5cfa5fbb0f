//! Batches: one statement for many rows, and a second one for the rows that the first one found.

use std::future::Future;

use super::texts::{Piece, Statement, Texts};
use crate::Error;
use crate::store::driver::{Batch, Param, Rows, Value};
use crate::store::list::ListFilter;
use crate::store::statements::Sql;

/// Rows in one statement, at most; a power of two.
const ROWS_MAX: usize = 512;

/// Batches are round numbers more often than others: multiples of this are not cut up.
const ROUND: usize = 50;

/// Batches up to this are not cut up at all: counts come in threes, and callers in few.
const SMALL: usize = 32;

/// Bytes of the rows of one statement, at most, unless one row alone has more: well below the 16 MiB that
/// MariaDB accepts by default, because rows that are rounded up may double.
const BYTES_MAX: usize = 4 << 20;

/// Something that sends one statement.
pub(crate) trait Sender: Send {
    /// Adds what the statement returns to `rows`, and says how many rows it changed.
    fn send(
        &mut self,
        text: String,
        params: &[Param<'_>],
        rows: &mut Rows,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

/// Runs a statement over a batch, and the one that follows it for the rows it found.
pub(crate) async fn run_both<S: Sender>(
    sender: &mut S,
    texts: &Texts,
    sql: Sql,
    batch: &Batch<'_>,
) -> Result<(Rows, u64), Error> {
    let text = texts.of(sql);
    let mut rows = Rows::default();
    let changed = run(sender, &text.first, (batch, 0), &mut rows).await?;
    let Some(then) = text.then.as_ref().filter(|_| !rows.is_empty()) else {
        return Ok((rows, changed));
    };
    let call = batch.rows().next().unwrap_or_default();
    let mut found = Batch::with_capacity(call.len() + rows.width(), rows.len());
    for row in rows.iter() {
        found.push_all(call.iter().copied().chain(row.iter().map(Value::as_param)));
    }
    let deleted = run(sender, then, (&found, call.len()), &mut Rows::default()).await?;
    let expected = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    if deleted != expected {
        return Err(Error::bug(format!(
            "{sql:?} locked {expected} rows and deleted {deleted}: this server does not lock"
        )));
    }
    Ok((rows, changed))
}

/// Runs a list statement with its filter.
pub(crate) async fn run_list<S: Sender>(
    sender: &mut S,
    texts: &Texts,
    sql: Sql,
    filter: &ListFilter,
) -> Result<Rows, Error> {
    let piece = Piece::of(&filter.insert_into(&texts.of(sql).raw));
    let statement = Statement { head: piece, repeated: None, tail: Piece::default() };
    let mut rows = Rows::default();
    let params = Batch::of_one(&filter.params());
    run(sender, &statement, (&params, 0), &mut rows).await?;
    Ok(rows)
}

/// Runs a statement over a batch, as few times as its rows allow; of each row, so many values are the
/// call's and the rest columns that were found.
async fn run<S: Sender>(
    sender: &mut S,
    statement: &Statement,
    (batch, params): (&Batch<'_>, usize),
    rows: &mut Rows,
) -> Result<u64, Error> {
    let all: Vec<&[Param<'_>]> = batch.rows().collect();
    let pads = statement.repeated.as_ref().is_some_and(|repeated| repeated.pads);
    let mut changed = 0;
    for chunk in chunks(&all, statement.repeated.is_some(), pads) {
        let (text, arguments) = composed(statement, &chunk, params)?;
        changed += sender.send(text, &arguments, rows).await?;
    }
    Ok(changed)
}

/// Rows as they go into one statement each: one by one where nothing is repeated, rounded up to the
/// next size where rows may stand there twice, and otherwise the largest sizes that they fill.
fn chunks<'r, 'p>(all: &[&'r [Param<'p>]], repeats: bool, pads: bool) -> Vec<Vec<&'r [Param<'p>]>> {
    if !repeats {
        return all.iter().map(|row| vec![*row]).collect();
    }
    let mut chunks = Vec::new();
    let mut rest = all;
    while !rest.is_empty() {
        let most = fitting(rest);
        let size = if pads { size_above(most) } else { size_below(most) };
        let (chunk, more) = rest.split_at(size.min(most));
        let mut chunk = chunk.to_vec();
        chunk.resize(size, rest[chunk.len() - 1]);
        chunks.push(chunk);
        rest = more;
    }
    chunks
}

/// The largest number of rows up to `rows` that statements are prepared for.
fn size_below(rows: usize) -> usize {
    if rows <= SMALL {
        return rows;
    }
    let power = (rows + 1).next_power_of_two() / 2;
    power.max(rows / ROUND * ROUND).min(ROWS_MAX)
}

/// The smallest number of rows from `rows` on that statements are prepared for.
fn size_above(rows: usize) -> usize {
    rows.next_power_of_two().min(rows.next_multiple_of(ROUND)).min(ROWS_MAX)
}

/// How many of the first rows go into one statement: at least one.
fn fitting(rows: &[&[Param<'_>]]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&&[Param<'_>]| {
        bytes += row.iter().map(Param::bytes).sum::<usize>();
        bytes <= BYTES_MAX
    };
    rows.iter().take(ROWS_MAX).take_while(fits).count().max(1)
}

/// The text for so many rows, and its parameters.
fn composed<'p>(
    statement: &Statement,
    rows: &[&[Param<'p>]],
    params: usize,
) -> Result<(String, Vec<Param<'p>>), Error> {
    let first = rows.first().copied().unwrap_or_default();
    let mut text = statement.head.text.clone();
    let mut arguments = Vec::new();
    let mut fill = |piece: &Piece, row: &[Param<'p>]| -> Result<(), Error> {
        for source in &piece.sources {
            arguments.push(value(row, source.place(params))?);
        }
        Ok(())
    };
    fill(&statement.head, first)?;
    if let Some(repeated) = &statement.repeated {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                text.push_str(repeated.separator);
            }
            text.push_str(&repeated.piece.text);
            fill(&repeated.piece, row)?;
        }
    }
    text.push_str(&statement.tail.text);
    fill(&statement.tail, first)?;
    Ok((text, arguments))
}

fn value<'p>(row: &[Param<'p>], place: usize) -> Result<Param<'p>, Error> {
    row.get(place).copied().ok_or_else(|| Error::bug("a statement has too few parameters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_few_sizes() {
        let rows: Vec<[Param<'_>; 1]> = (0..600).map(|n| [Param::Int(n)]).collect();
        let rows: Vec<&[Param<'_>]> = rows.iter().map(<[_; 1]>::as_slice).collect();
        let sizes = |n: usize, repeats, pads| {
            let chunks = chunks(&rows[..n], repeats, pads);
            chunks.iter().map(Vec::len).collect::<Vec<_>>()
        };

        assert_eq!(sizes(0, true, true), [0; 0]);
        assert_eq!(sizes(3, false, false), [1, 1, 1]);
        assert_eq!(sizes(5, true, true), [8]);
        assert_eq!(sizes(100, true, true), [100]);
        assert_eq!(sizes(120, true, true), [128]);
        assert_eq!(sizes(600, true, true), [512, 100]);
        assert_eq!(sizes(7, true, false), [7]);
        assert_eq!(sizes(100, true, false), [100]);
        assert_eq!(sizes(64, true, false), [64]);
        assert_eq!(sizes(163, true, false), [150, 13]);
        assert_eq!(sizes(499, true, false), [450, 32, 17]);
        assert_eq!(sizes(600, true, false), [512, 64, 24]);
    }

    #[test]
    fn large_rows_do_not_make_a_large_statement() {
        let large = vec![0; BYTES_MAX / 4 + 1];
        let rows = [[Param::Bytes(&large)]; 7];
        let rows: Vec<&[Param<'_>]> = rows.iter().map(<[_; 1]>::as_slice).collect();
        let sizes = |pads| chunks(&rows, true, pads).iter().map(Vec::len).collect::<Vec<_>>();

        assert_eq!(sizes(false), [3, 3, 1]);
        assert_eq!(sizes(true), [4, 4, 1]);
    }
}
