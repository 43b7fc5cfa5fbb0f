//! What attribute values mean: names, durations, backoffs. Pure functions from text.

const NAME_LENGTH_MAX: usize = 128;

const DURATION_WANTED: &str = "expected a duration like \"30s\"";
const BACKOFF_WANTED: &str = "expected a duration like \"30s\" or a range of two like \"2s..1h\"";

/// Waits between attempts, in milliseconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Backoff {
    Constant { ms: u64 },
    Exponential { first_ms: u64, max_ms: u64 },
}

/// Refuses what the store would refuse as the name of a kind or queue.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("expected a name of 1 to {NAME_LENGTH_MAX} characters out of A-Z a-z 0-9 . _ : -"))
}

/// Milliseconds of `1h30m`: whole numbers, each with a unit, added up.
pub(crate) fn duration_ms(text: &str) -> Result<u64, String> {
    sum_of_units(text).ok_or_else(|| DURATION_WANTED.to_owned())
}

/// `2s..1h` is exponential between its ends, `5s` constant.
pub(crate) fn backoff(text: &str) -> Result<Backoff, String> {
    let read = |part| sum_of_units(part).ok_or_else(|| BACKOFF_WANTED.to_owned());
    let Some((first, max)) = text.split_once("..") else {
        return Ok(Backoff::Constant { ms: read(text)? });
    };
    let (first_ms, max_ms) = (read(first)?, read(max)?);
    if first_ms == 0 {
        return Err("doubling a first wait of zero never grows it: start above zero".to_owned());
    }
    if first_ms > max_ms {
        return Err(format!("the first wait `{first}` is longer than the longest, `{max}`"));
    }
    Ok(Backoff::Exponential { first_ms, max_ms })
}

/// The default kind: `HTTPCall` is `http_call`, `Mp3ToWav` is `mp3_to_wav`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (i, c) in chars.iter().enumerate() {
        if c.is_uppercase() && i > 0 && starts_word(chars[i - 1], chars.get(i + 1)) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// An upper-case letter starts a word after a lower-case one, and where an acronym ends.
fn starts_word(before: char, after: Option<&char>) -> bool {
    before != '_' && (!before.is_uppercase() || after.is_some_and(|c| c.is_lowercase()))
}

/// `None` for text that is no duration, or one too long for 64 bits.
fn sum_of_units(text: &str) -> Option<u64> {
    let (mut rest, mut sum_ms) = (text, 0_u64);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) =
            after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let part_ms = number.parse::<u64>().ok()?.checked_mul(unit_ms(unit)?)?;
        sum_ms = sum_ms.checked_add(part_ms)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum_ms)
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up_their_units() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("1h30m", 5_400_000), ("0s", 0)] {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
        }
        assert_eq!(duration_ms("2d1ms"), Ok(172_800_001));
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in ["", "30", "s", "1.5s", "-1s", "1 s", "1h30", "1w", "99999999999999999d"] {
            assert_eq!(duration_ms(text), Err(DURATION_WANTED.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_backoff_is_a_duration_or_a_growing_range() {
        assert_eq!(backoff("5s"), Ok(Backoff::Constant { ms: 5_000 }));
        assert_eq!(
            backoff("2s..1h"),
            Ok(Backoff::Exponential { first_ms: 2_000, max_ms: 3_600_000 })
        );
        assert_eq!(backoff("2s..").unwrap_err(), BACKOFF_WANTED);
        assert_eq!(backoff("often").unwrap_err(), BACKOFF_WANTED);
        assert!(backoff("1h..2s").unwrap_err().contains("longer than the longest"));
        assert!(backoff("0s..2s").unwrap_err().contains("start above zero"));
    }

    #[test]
    fn kinds_are_snake_case_of_the_type() {
        for (name, kind) in [
            ("SendEmail", "send_email"),
            ("HTTPCall", "http_call"),
            ("CallHTTP", "call_http"),
            ("Mp3ToWav", "mp3_to_wav"),
            ("S3Upload", "s3_upload"),
            ("HTTP2Call", "http2_call"),
            ("Send_Email", "send_email"),
            ("X", "x"),
        ] {
            assert_eq!(snake_case(name), kind);
        }
    }

    #[test]
    fn names_keep_to_their_alphabet_and_length() {
        for name in ["a", "image.resize", "A-z_0:9", &"x".repeat(128)] {
            assert_eq!(check_name(name), Ok(()));
        }
        for name in ["", "a b", "a/b", "caf\u{e9}", &"x".repeat(129)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
