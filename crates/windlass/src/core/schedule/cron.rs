//! Cron expressions: which local times they name. Zones are for [`Timetable`](super::Timetable).

use jiff::civil::Date;

/// Bytes of an expression: lists of every minute fit.
const BYTES_MAX: usize = 512;

/// Years that a search looks ahead: 29 February falls on a given weekday again within 40.
const YEARS_AHEAD: i16 = 41;

const DAY_SECONDS: i64 = 86_400;

/// Short forms and what they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of an expression: its name, its range, and names for the values from the first on.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", first: 0, last: 59, names: &[] };
const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
/// 7 is Sunday as well.
const WEEKDAY: Field = Field { name: "day of week", first: 0, last: 7, names: &WEEKDAYS };

/// An expression of five fields, or of six with seconds first; each field is a set of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// A day has to be right in the month *and* the week: one of the two is a wildcard.
    both_days: bool,
    /// The hour is a wildcard or has steps.
    any_hour: bool,
}

impl Cron {
    /// Reads an expression; says in a sentence what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("is {} bytes long (at most {BYTES_MAX})", text.len()));
        }
        let text = text.trim().to_ascii_lowercase();
        let text = if text.starts_with('@') {
            let known = NICKNAMES.iter().find(|(name, _)| *name == text);
            let names = NICKNAMES.map(|(name, _)| name).join(", ");
            known.ok_or_else(|| format!("`{text}` is not one of {names}"))?.1
        } else {
            &text
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            rest if rest.len() == 5 => ("0", rest),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            _ => {
                let count = fields.len();
                return Err(format!("has {count} fields (5, or 6 with seconds first, allowed)"));
            }
        };
        let is_wild = |field: &str| field.starts_with('*') || field.starts_with('?');
        let mut weekdays = WEEKDAY.read(rest[4])?;
        weekdays = (weekdays | (weekdays >> 7)) & 0x7f;
        let cron = Self {
            seconds: SECOND.read(second)?,
            minutes: MINUTE.read(rest[0])?,
            hours: HOUR.read(rest[1])?,
            days: DAY.read(rest[2])?,
            months: MONTH.read(rest[3])?,
            weekdays,
            both_days: is_wild(rest[2]) || is_wild(rest[4]),
            any_hour: rest[1].contains(['*', '/']),
        };
        if cron.is_possible() { Ok(cron) } else { Err("names a day that never comes".to_owned()) }
    }

    /// Whether the hours follow the clock's reading however often it comes to it, instead of naming
    /// times of the day.
    pub(crate) const fn any_hour(&self) -> bool {
        self.any_hour
    }

    /// The first local time named, not before `from`; both in seconds since 1970 on a local clock.
    pub(crate) fn next_local(&self, from: i64) -> Option<i64> {
        let mut day = from.div_euclid(DAY_SECONDS);
        let mut from_second = from.rem_euclid(DAY_SECONDS);
        let mut date = date_of(day)?;
        let last_year = date.year().checked_add(YEARS_AHEAD)?;
        while date.year() <= last_year {
            if !has(self.months, date.month()) {
                day += i64::from(date.days_in_month() - date.day()) + 1;
                date = date_of(day)?;
                from_second = 0;
                continue;
            }
            if self.has_day(date)
                && let Some(second) = self.next_second(from_second)
            {
                return Some(day * DAY_SECONDS + second);
            }
            day += 1;
            date = date.tomorrow().ok()?;
            from_second = 0;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let in_month = has(self.days, date.day());
        let in_week = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.both_days { in_month && in_week } else { in_month || in_week }
    }

    /// The first second of a day named, not before `from`.
    fn next_second(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let [first_minute, first_second] =
            [self.minutes, self.seconds].map(|bits| i64::from(bits.trailing_zeros()));
        if has(self.hours, i8::try_from(hour).ok()?) {
            if has(self.minutes, i8::try_from(minute).ok()?)
                && let Some(second) = next_bit(self.seconds, second)
            {
                return Some(hour * 3600 + minute * 60 + second);
            }
            if let Some(minute) = next_bit(self.minutes, minute + 1) {
                return Some(hour * 3600 + minute * 60 + first_second);
            }
        }
        let hour = next_bit(self.hours, hour + 1)?;
        Some(hour * 3600 + first_minute * 60 + first_second)
    }

    /// Whether there is a date that it names: not 30 February.
    fn is_possible(&self) -> bool {
        const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let fits = |(month, length): (u32, &u32)| {
            self.months & (1 << month) != 0 && self.days.trailing_zeros() <= *length
        };
        !self.both_days || (1..).zip(&LONGEST).any(fits)
    }
}

impl Field {
    /// Reads a list of values, ranges and steps into bits.
    fn read(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |bits, item| Ok(bits | self.read_item(item)?))
    }

    fn read_item(&self, item: &str) -> Result<u64, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.read_step(step)?)),
            None => (item, None),
        };
        let day_field = matches!(self.name, "day of month" | "day of week");
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || (range == "?" && day_field) => (self.first, self.last),
            Some((first, last)) => self.ordered(self.value(first)?, self.value(last)?, range)?,
            // `5/15` means from 5 on.
            None if step.is_some() => (self.value(range)?, self.last),
            None => (self.value(range)?, self.value(range)?),
        };
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((first..=last).step_by(step).fold(0, |bits, value| bits | (1 << value)))
    }

    fn ordered(&self, first: u32, last: u32, range: &str) -> Result<(u32, u32), String> {
        // `SAT-SUN` ends on the seventh day.
        let last = if self.names.len() == 7 && last == 0 && first > 0 { 7 } else { last };
        let name = self.name;
        if first > last {
            return Err(format!(
                "`{range}` is no range of the field {name}: it ends before it begins"
            ));
        }
        Ok((first, last))
    }

    fn read_step(&self, text: &str) -> Result<u32, String> {
        let (name, most) = (self.name, self.last);
        let step = text.parse().ok().filter(|step| (1..=most).contains(step));
        step.ok_or_else(|| format!("`{text}` is no step of the field {name} (1 to {most} allowed)"))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text);
        let named = named.and_then(|place| Some(u32::try_from(place).ok()? + self.first));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = named.or_else(|| text.parse().ok().filter(|_| digits));
        value.filter(|value| (self.first..=self.last).contains(value)).ok_or_else(|| {
            let Self { name, first, last, .. } = self;
            let named = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!(", or {first} to {last},"),
                _ => String::new(),
            };
            format!("`{text}` is not in the field {name} ({first} to {last}{named} allowed)")
        })
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits & (1 << value) != 0)
}

/// The first bit that is set, not before `from`.
fn next_bit(bits: u64, from: i64) -> Option<i64> {
    let from = u32::try_from(from).ok().filter(|from| *from < u64::BITS)?;
    let left = bits >> from << from;
    (left != 0).then(|| i64::from(left.trailing_zeros()))
}

fn date_of(day: i64) -> Option<Date> {
    let midnight = jiff::Timestamp::from_second(day.checked_mul(DAY_SECONDS)?).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(midnight).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_after(text: &str, from: &str) -> Option<String> {
        let from: jiff::civil::DateTime = from.parse().unwrap();
        let from = jiff::tz::Offset::UTC.to_timestamp(from).unwrap().as_second();
        let next = Cron::parse(text).unwrap().next_local(from)?;
        let next = jiff::Timestamp::from_second(next).unwrap();
        Some(jiff::tz::Offset::UTC.to_datetime(next).to_string())
    }

    #[test]
    fn the_next_time_named_is_found() {
        for (text, from, next) in [
            ("* * * * *", "2026-01-01T00:00:01", "2026-01-01T00:01:00"),
            ("*/15 * * * * *", "2026-01-01T00:00:46", "2026-01-01T00:01:00"),
            ("0 9 * * MON-FRI", "2026-01-02T09:00:01", "2026-01-05T09:00:00"),
            ("0 9 * * mon-fri", "2026-01-02T09:00:00", "2026-01-02T09:00:00"),
            ("30 8,17 * * *", "2026-01-02T08:31:00", "2026-01-02T17:30:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
            ("0 0 29 FEB *", "2096-03-01T00:00:00", "2104-02-29T00:00:00"),
            ("0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
            ("0 0 13 * */7", "2026-01-01T00:00:00", "2026-09-13T00:00:00"),
            ("0 0 * * SAT-SUN", "2026-01-01T00:00:00", "2026-01-03T00:00:00"),
            ("0 0 * * 7", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
            ("5/20 * * * *", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
            ("10-20/5 3 ? JAN,JUL ?", "2026-01-31T03:21:00", "2026-07-01T03:10:00"),
            ("@yearly", "2026-01-01T00:00:01", "2027-01-01T00:00:00"),
            ("@hourly", "2026-12-31T23:00:01", "2027-01-01T00:00:00"),
            ("59 59 23 31 12 *", "2026-12-31T23:59:59", "2026-12-31T23:59:59"),
        ] {
            assert_eq!(first_after(text, from).as_deref(), Some(next), "{text} from {from}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_what_is_allowed() {
        for (text, said) in [
            ("", "has 0 fields"),
            ("* * * *", "has 4 fields (5, or 6 with seconds first, allowed)"),
            ("* * * * * * *", "has 7 fields"),
            ("60 * * * *", "`60` is not in the field minute (0 to 59 allowed)"),
            ("* 24 * * *", "field hour (0 to 23 allowed)"),
            ("* * 0 * *", "field day of month (1 to 31 allowed)"),
            ("* * * foo *", "field month (1 to 12, or jan to dec, allowed)"),
            ("* * * * 8", "field day of week (0 to 7, or sun to sat, allowed)"),
            ("*/0 * * * *", "`0` is no step of the field minute (1 to 59 allowed)"),
            ("1--100000000 * * * *", "`-100000000` is not in the field minute"),
            ("+5 * * * *", "`+5` is not in the field minute"),
            ("5-3 * * * *", "ends before it begins"),
            ("? * * * *", "`?` is not in the field minute"),
            ("0 0 30 2 *", "names a day that never comes"),
            ("0 0 31 4,6,9,11 *", "names a day that never comes"),
            ("@every 5m", "is not one of @yearly"),
            (", * * * *", "`` is not in the field minute"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(Cron::parse(&"*".repeat(600)).unwrap_err().contains("at most 512"));
        // A weekday stands in for the day that never comes.
        assert!(Cron::parse("0 0 30 2 MON").is_ok());
    }

    #[test]
    fn only_wildcards_and_steps_follow_the_clock_through_its_changes() {
        for (text, any_hour) in
            [("0 3 * * *", false), ("* 1-4 * * *", false), ("0 */2 * * *", true), ("@hourly", true)]
        {
            assert_eq!(Cron::parse(text).unwrap().any_hour(), any_hour, "{text}");
        }
    }
}
