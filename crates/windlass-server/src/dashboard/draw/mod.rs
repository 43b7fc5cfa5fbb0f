//! Drawings: charts, timelines and graphs as SVG, which needs no script and can be printed.
//!
//! Invariant: texts of users are escaped; colours and lines are the style sheet's.

mod chart;
mod graph;
mod runs;
mod timeline;

pub(super) use chart::{Bar, Line, bars, lines, spark};
pub(super) use graph::{Node, graph};
pub(super) use runs::{runs, summary};
pub(super) use timeline::timeline;

/// A text inside markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(escaped("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
    }
}
