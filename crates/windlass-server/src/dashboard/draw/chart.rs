//! Charts over time: bars of counts, lines of times, and the small curves in tiles.

use std::fmt::Write as _;
use std::time::Duration;

use windlass::Timestamp;

use crate::dashboard::text::{Safe, short, span};

/// Size of a chart in its own units; the page scales it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 180.0;

/// What the numbers at the left and the instants below need.
const LEFT: f64 = 54.0;
const BELOW: f64 = 22.0;
const ABOVE: f64 = 10.0;

/// Instants below a chart.
const MARKS: usize = 5;

/// One bar: completed, failed, dead letters.
#[derive(Debug, Clone, Copy)]
pub(in crate::dashboard) struct Bar {
    pub(in crate::dashboard) at: Timestamp,
    pub(in crate::dashboard) parts: [u64; 3],
}

const PARTS: [(&str, &str); 3] =
    [("completed", "completed"), ("failed", "failed"), ("dead_letter", "dead letters")];

/// One line: its class and name, and a value where there is one.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Line {
    pub(in crate::dashboard) class: &'static str,
    pub(in crate::dashboard) name: &'static str,
    pub(in crate::dashboard) values: Vec<Option<Duration>>,
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has no need of the last digits")]
const fn real(n: u64) -> f64 {
    n as f64
}

fn place(index: usize) -> f64 {
    real(u64::try_from(index).unwrap_or(0))
}

/// Stacked bars with a table for whoever does not see them.
pub(in crate::dashboard) fn bars(title: &str, bars: &[Bar]) -> Safe {
    let most = bars.iter().map(|bar| bar.parts.iter().sum::<u64>()).max().unwrap_or(0);
    let top = nice(most);
    let mut svg = begin(title);
    for step in 0..=2_u64 {
        grid(&mut svg, real(step) / 2.0, &short(top * step / 2));
    }
    let each = (WIDTH - LEFT) / place(bars.len().max(1));
    let (gap, height) = ((each * 0.2).min(2.0), HEIGHT - BELOW - ABOVE);
    for (index, bar) in bars.iter().enumerate() {
        let x = LEFT + each * place(index);
        let mut y = HEIGHT - BELOW;
        for (n, (class, _)) in bar.parts.into_iter().zip(PARTS).filter(|(n, _)| *n > 0) {
            let tall = (height * real(n) / real(top)).max(1.0);
            y -= tall;
            let wide = each - gap;
            put(
                &mut svg,
                format_args!(
                    r#"<rect class="b-{class}" x="{x:.1}" y="{y:.1}" width="{wide:.1}" height="{tall:.1}"/>"#
                ),
            );
        }
    }
    let instants: Vec<Timestamp> = bars.iter().map(|bar| bar.at).collect();
    marks(&mut svg, &instants);
    svg.push_str("</svg>");
    let head: Vec<&str> = PARTS.iter().map(|(_, name)| *name).collect();
    let rows = bars.iter().filter(|bar| bar.parts.iter().any(|n| *n > 0));
    let rows = rows.map(|bar| (bar.at, bar.parts.map(|n| n.to_string()).to_vec()));
    table(&mut svg, title, &head, rows);
    Safe(svg)
}

/// Lines of times, on a scale that grows tenfold from step to step.
pub(in crate::dashboard) fn lines(title: &str, instants: &[Timestamp], lines: &[Line]) -> Safe {
    let values = || lines.iter().flat_map(|line| line.values.iter().flatten());
    let log = |span: Duration| span.as_secs_f64().max(1e-4).log10();
    let low = values().copied().map(log).fold(f64::INFINITY, f64::min).floor().clamp(-4.0, 4.0);
    let high = values().copied().map(log).fold(f64::NEG_INFINITY, f64::max).ceil().clamp(-3.0, 6.0);
    let high = high.max(low + 1.0);
    let mut svg = begin(title);
    let steps = high - low;
    let mut step = 0.0;
    while step <= steps {
        let label = Duration::from_secs_f64(10_f64.powf(low + step));
        grid(&mut svg, step / steps, &decade(label));
        step += if steps > 4.0 { 2.0 } else { 1.0 };
    }
    let (each, height) = ((WIDTH - LEFT) / place(instants.len().max(1)), HEIGHT - BELOW - ABOVE);
    for line in lines {
        let mut path = String::new();
        let mut is_down = false;
        for (index, value) in line.values.iter().enumerate() {
            let Some(value) = value else {
                is_down = false;
                continue;
            };
            let x = LEFT + each * (place(index) + 0.5);
            let y = HEIGHT - BELOW - height * (log(*value) - low) / steps;
            put(&mut path, format_args!("{}{x:.1} {y:.1}", if is_down { "L" } else { "M" }));
            // A point without neighbours is drawn by its round end.
            if !is_down {
                path.push_str("h0.01");
            }
            is_down = true;
        }
        put(&mut svg, format_args!(r#"<path class="l l-{}" d="{path}"/>"#, line.class));
    }
    marks(&mut svg, instants);
    svg.push_str("</svg>");
    let head: Vec<&str> = lines.iter().map(|line| line.name).collect();
    let cell = |index: usize, line: &Line| {
        line.values.get(index).copied().flatten().map_or_else(|| "-".to_owned(), span)
    };
    let rows = instants.iter().enumerate();
    let rows = rows.filter(|(index, _)| {
        lines.iter().any(|line| line.values.get(*index).is_some_and(Option::is_some))
    });
    let rows = rows.map(|(index, at)| (*at, lines.iter().map(|line| cell(index, line)).collect()));
    table(&mut svg, title, &head, rows);
    Safe(svg)
}

/// A curve without numbers.
pub(in crate::dashboard) fn spark(values: &[u64]) -> Safe {
    const WIDE: f64 = 120.0;
    const TALL: f64 = 28.0;
    let most = real(values.iter().copied().max().unwrap_or(0).max(1));
    let each = WIDE / place(values.len().saturating_sub(1).max(1));
    let mut line = String::new();
    for (index, value) in values.iter().enumerate() {
        let (x, y) = (each * place(index), TALL - 2.0 - (TALL - 4.0) * real(*value) / most);
        put(&mut line, format_args!("{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" }));
    }
    Safe(format!(
        r#"<svg class="spark" viewBox="0 0 {WIDE} {TALL}" preserveAspectRatio="none" aria-hidden="true"><path class="area" d="{line}L{WIDE} {TALL}L0 {TALL}Z"/><path class="line" d="{line}"/></svg>"#
    ))
}

/// The least number not below `most` that reads well: 1, 2, 4, 5, 6, 8 or 10 times a power of ten, and even.
fn nice(most: u64) -> u64 {
    let mut scale = 1_u64;
    loop {
        let found = [2, 4, 6, 8, 10, 20]
            .map(|n| scale.saturating_mul(n))
            .into_iter()
            .find(|top| *top >= most);
        match (found, scale.checked_mul(10)) {
            (Some(top), _) => return top,
            (None, Some(next)) => scale = next,
            (None, None) => return most,
        }
    }
}

fn decade(label: Duration) -> String {
    let micros = label.as_micros() + 1;
    match micros {
        0..1000 => format!("{} us", micros / 10 * 10),
        1000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

fn begin(title: &str) -> String {
    format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}, as a table below">"#
    )
}

/// A line from left to right at this share of the height.
fn grid(svg: &mut String, share: f64, label: &str) {
    let y = HEIGHT - BELOW - (HEIGHT - BELOW - ABOVE) * share;
    put(
        svg,
        format_args!(
            r#"<path class="grid" d="M{LEFT} {y:.1}H{WIDTH}"/><text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{label}</text>"#,
            LEFT - 6.0,
            y + 4.0
        ),
    );
}

/// Instants below, a few of them.
fn marks(svg: &mut String, instants: &[Timestamp]) {
    let each = (WIDTH - LEFT) / place(instants.len().max(1));
    let every = instants.len().div_ceil(MARKS).max(1);
    for (index, at) in instants.iter().enumerate().step_by(every) {
        let (x, y) = (LEFT + each * place(index), HEIGHT - 6.0);
        let text = at.to_string();
        let clock = text.get(11..16).unwrap_or_default();
        put(svg, format_args!(r#"<text class="tick" x="{x:.1}" y="{y:.1}">{clock}</text>"#));
    }
}

fn table(
    out: &mut String,
    title: &str,
    head: &[&str],
    rows: impl Iterator<Item = (Timestamp, Vec<String>)>,
) {
    put(
        out,
        format_args!(
            r#"<details class="as-table"><summary>{title} as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="{title}"><table><thead><tr><th scope="col">from (UTC)</th>"#
        ),
    );
    for name in head {
        put(out, format_args!(r#"<th scope="col" class="n">{name}</th>"#));
    }
    out.push_str("</tr></thead><tbody>");
    for (at, cells) in rows {
        let text = at.to_string();
        put(
            out,
            format_args!("<tr><td>{}</td>", text.get(..16).unwrap_or(&text).replace('T', " ")),
        );
        for cell in cells {
            put(out, format_args!(r#"<td class="n">{cell}</td>"#));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></details>");
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_chart_reads_well() {
        let tops = [0, 2, 3, 9, 11, 21, 99, 101, 1234].map(nice);

        assert_eq!(tops, [2, 2, 4, 10, 20, 40, 100, 200, 2000]);
        assert!(nice(u64::MAX) >= u64::MAX / 2);
    }

    #[test]
    fn bars_stand_on_each_other_and_in_the_table() {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let drawn = bars("Throughput", &[Bar { at, parts: [3, 1, 0] }]).0;

        assert_eq!(drawn.matches("<rect").count(), 2);
        assert!(drawn.contains("<td class=\"n\">3</td><td class=\"n\">1</td>"));
        assert!(bars("Throughput", &[]).0.ends_with("</details>"));
    }

    #[test]
    fn lines_have_gaps_where_nothing_was() {
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let ms = |n| Some(Duration::from_millis(n));
        let line = Line { class: "p50", name: "p50", values: vec![ms(1), None, ms(30)] };
        let drawn = lines("Waits", &[at, at, at], &[line]).0;

        let path = drawn.split("<path class=\"l l-p50\" d=\"").nth(1).unwrap();
        assert_eq!(path.split('"').next().unwrap().matches('M').count(), 2);
        assert!(drawn.contains("10 ms</text>"), "{drawn}");
        assert!(lines("Waits", &[], &[]).0.contains("</svg>"));
    }
}
