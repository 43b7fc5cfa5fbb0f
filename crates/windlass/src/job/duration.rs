//! Durations as people write them: `90s`, `5m`, `1h30m`, `250ms`.

use std::time::Duration;

/// Units by length, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a duration such as `90s`, `1h30m` or `250ms` or `1.5h` (units d, h, m, s, ms; to the
/// millisecond).
///
/// # Errors
/// A sentence that names the text and the form expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 90s, 1h30m or 250ms");
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative: a duration is 0s or more"));
    }
    let mut millis: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let is_digit = |c: char| c.is_ascii_digit() || c == '.';
        let digits = rest.find(|c: char| !is_digit(c)).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(is_digit).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let span = millis_of(number, *length).ok_or_else(wrong)?;
        millis = millis.checked_add(span).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_millis(millis)) }
}

/// So many units of `length` milliseconds; none where that is no number of milliseconds.
fn millis_of(number: &str, length: u64) -> Option<u64> {
    let Some((whole, part)) = number.split_once('.') else {
        return number.parse::<u64>().ok()?.checked_mul(length);
    };
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let parts = part.parse::<u64>().ok()?.checked_mul(length)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(length)?;
    (parts % scale == 0).then(|| whole.checked_add(parts / scale))?
}

/// Writes a duration in the form [`parse_duration`] reads, to the millisecond.
pub fn format_duration(span: Duration) -> String {
    let mut millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, length) in UNITS {
        let count = millis / length;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
            millis %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["0s", "250ms", "90s", "1h30m", "2d3h4m5s6ms"] {
            let span = parse_duration(text).unwrap();

            assert_eq!(parse_duration(&format_duration(span)), Ok(span), "{text}");
        }
    }

    #[test]
    fn reads_parts_of_a_unit() {
        for (text, millis) in
            [("1.5h", 5_400_000), ("1h0m0.25s", 3_600_250), ("0.500d", 43_200_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        let wrong =
            ["", "5", "s", "-1s", "1y", ".5s", "1.s", "1..5s", "0.0005s", "1.5ms", "1.5.5s"];
        for text in wrong.into_iter().chain(["99999999999999999999s", "0.00000000000000000000s"]) {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
