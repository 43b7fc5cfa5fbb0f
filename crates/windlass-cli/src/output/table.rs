//! An aligned table: columns as wide as their widest cell, two spaces apart.

use std::fmt;

/// Characters shown of one cell in any but the last column.
const CELL_CHARS_MAX: usize = 48;

/// Rows of `N` cells.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned)] }
    }

    pub(crate) const fn without_header() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        let mut cells = cells.map(|cell| printable(&cell));
        for cell in cells.iter_mut().take(N.saturating_sub(1)) {
            *cell = shortened(cell);
        }
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The cell on one line, and without characters that would steer a terminal.
fn printable(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn shortened(cell: &str) -> String {
    if cell.chars().count() <= CELL_CHARS_MAX {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(CELL_CHARS_MAX - 2).collect();
    format!("{kept}..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: [&str; 2]) -> [String; 2] {
        texts.map(str::to_owned)
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_space() {
        let mut table = Table::new(["ID", "TYPE"]);
        table.row(cells(["812", "echo"]));
        table.row(cells(["7", ""]));

        assert_eq!(table.to_string(), "ID   TYPE\n812  echo\n7\n");
    }

    #[test]
    fn long_and_hostile_cells_stay_on_their_line() {
        let mut table = Table::without_header();
        table.row([String::from("x").repeat(60), "red \u{1b}[31m\nnext".to_owned()]);

        let text = table.to_string();

        assert_eq!(text, format!("{}..  red  [31m next\n", "x".repeat(46)));
    }
}
