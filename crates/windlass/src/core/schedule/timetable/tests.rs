//! The timetable against a walk through every second of a clock, over the changes of many zones.

use proptest::prelude::*;

use super::*;

/// The zones with the oddest changes of the clock, and what happens there.
const ZONES: [&str; 18] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",   // at midnight, until 2019
    "America/Havana",      // at midnight
    "Africa/Cairo",        // on a Friday at midnight
    "Africa/Casablanca",   // twice more around Ramadan
    "Asia/Tehran",         // by half hours
    "Asia/Beirut",         // at midnight
    "Asia/Pyongyang",      // by half an hour, twice
    "Asia/Kathmandu",      // by a quarter of an hour
    "Australia/Lord_Howe", // by half an hour
    "Australia/Adelaide",  // half hours off
    "Pacific/Apia",        // a day left out in 2011
    "Pacific/Kwajalein",   // a day left out in 1993
    "Antarctica/Troll",    // by two hours
    "America/Godthab",     // on a Saturday evening
    "America/Caracas",     // by half an hour
    "Asia/Manila",
];

const HOUR_SECONDS: i64 = 3600;

fn at(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn table(cron: &str, zone_name: &str) -> Timetable {
    Timetable {
        pattern: Pattern::Cron(Cron::parse(cron).unwrap(), zone(zone_name).unwrap()),
        start: None,
        end: None,
        jitter: Duration::ZERO,
        name: "test".to_owned(),
    }
}

/// Ticks in `(from, until]` found by looking at each second: what the clock reads now, and what it has
/// read before.
fn walked(cron: &str, zone_name: &str, from: i64, until: i64) -> Vec<i64> {
    let (cron, zone) = (Cron::parse(cron).unwrap(), zone(zone_name).unwrap());
    let reading = |at: i64| at + i64::from(zone.to_offset(instant(at).unwrap()).seconds());
    let named = |reading: i64| cron.next_local(reading) == Some(reading);
    let mut highest = (from - 26 * HOUR_SECONDS..=from).map(reading).max().unwrap();
    let mut ticks = Vec::new();
    for second in from + 1..=until {
        let now = reading(second);
        let comes = match cron.any_hour() {
            true => named(now),
            false => (highest + 1..=now).any(named),
        };
        highest = highest.max(now);
        ticks.extend(comes.then_some(second));
    }
    ticks
}

fn told(table: &Timetable, from: i64, until: i64) -> Vec<i64> {
    let mut tick = table.next(Timestamp::from_micros(from * SECOND_US));
    let mut ticks = Vec::new();
    while let Some(at) = tick.filter(|at| at.as_micros() <= until * SECOND_US) {
        assert_eq!(at.as_micros() % SECOND_US, 0);
        ticks.push(at.as_micros() / SECOND_US);
        tick = table.next(at);
    }
    ticks
}

/// Changes of the clock of a zone between 2000 and 2100.
fn changes(name: &str) -> Vec<i64> {
    let changes = zone(name).unwrap();
    let changes = changes.following(instant(946_684_800).unwrap());
    let seconds = changes.map(|change| change.timestamp().as_second());
    seconds.take_while(|second| *second < 4_102_444_800).collect()
}

fn item(last: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        (0..=last).prop_map(|n| n.to_string()),
        (0..=last, 0..=last).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        (0..=last, 0..=last).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn minutes() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), Just("*/15".to_owned()), item(59)]
}

fn hours() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), Just("*/2".to_owned()), item(4), item(23)]
}

fn days() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("* * *"), 1 => Just("* * SUN"), 1 => Just("1-15 * *"), 1 => Just("30 * 6")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_tick_is_where_a_walk_through_the_seconds_finds_it(
        place in 0..ZONES.len(),
        which in any::<prop::sample::Index>(),
        second in prop_oneof![3 => Just(String::new()), 1 => Just("30 ".to_owned())],
        (minute, hour, day) in (minutes(), hours(), days()),
        shift in -2 * HOUR_SECONDS..2 * HOUR_SECONDS,
    ) {
        let changes = changes(ZONES[place]);
        // Zones that have settled on one time have few changes, or none.
        let change = if changes.is_empty() { 1_800_000_000 } else { *which.get(&changes) };
        let (from, until) = (change - 4 * HOUR_SECONDS + shift, change + 6 * HOUR_SECONDS);
        let cron = format!("{second}{minute} {hour} {day}");

        let expected = walked(&cron, ZONES[place], from, until);

        prop_assert_eq!(told(&table(&cron, ZONES[place]), from, until), expected, "{}", cron);
    }

    #[test]
    fn the_last_ticks_are_the_end_of_all_ticks(
        every in 1_u64..5000, span in 1_i64..200_000, count in 0_usize..50,
    ) {
        let (from, until) = (at("2026-01-01T00:00:07Z"), at("2026-01-01T00:00:07Z") + Duration::from_secs(span.unsigned_abs()));
        let pattern = Pattern::Every { anchor: at("2025-12-31T00:00:00Z"), every: Duration::from_secs(every) };
        let table = Timetable { pattern, ..table("* * * * *", "UTC") };
        let all = told(&table, from.as_micros() / SECOND_US, until.as_micros() / SECOND_US);

        let last = table.last(from, until, count);

        let last: Vec<i64> = last.iter().map(|tick| tick.as_micros() / SECOND_US).collect();
        prop_assert_eq!(&last[..], &all[all.len().saturating_sub(count)..]);
    }
}

#[test]
fn the_examples_of_the_documentation_hold() {
    for (cron, zone, from, expected) in [
        // Forward in Berlin: 02:00 becomes 03:00 at 01:00 UTC.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"],
        ),
        (
            "30 */2 * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            ["2026-03-29T02:30:00Z", "2026-03-29T04:30:00Z"],
        ),
        // Back: 03:00 becomes 02:00 at 01:00 UTC.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"],
        ),
        (
            "30 */2 * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        // A whole day is left out.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T20:00:00Z",
            ["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"],
        ),
        // Midnight does not exist.
        (
            "0 0 * * *",
            "Africa/Cairo",
            "2026-04-23T00:00:00Z",
            ["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"],
        ),
    ] {
        let table = table(cron, zone);
        let first = table.next(at(from)).unwrap();
        let second = table.next(first).unwrap();
        assert_eq!([first, second], expected.map(at), "{cron} in {zone}");
    }
}

#[test]
fn a_period_does_not_drift_and_bounds_hold() {
    let start = at("2026-01-01T00:00:10Z");
    let pattern = Pattern::Every { anchor: start, every: Duration::from_secs(90) };
    let end = Some(at("2026-01-01T00:04:40Z"));
    let table = Timetable { pattern, start: Some(start), end, ..table("* * * * *", "UTC") };

    assert_eq!(table.next(at("2020-01-01T00:00:00Z")), Some(start));
    assert_eq!(table.next(start), Some(at("2026-01-01T00:01:40Z")));
    assert_eq!(table.next(at("2026-01-01T00:02:59.9Z")), Some(at("2026-01-01T00:03:10Z")));
    assert_eq!(table.next(at("2026-01-01T00:03:10Z")), end);
    assert_eq!(table.next(at("2026-01-01T00:04:40Z")), None);
}

#[test]
fn jitter_is_spread_and_the_same_for_everyone() {
    let minute = Duration::from_secs(60);
    let mut table = table("* * * * *", "UTC");
    assert_eq!(table.due_at(at("2026-01-01T00:00:00Z")), at("2026-01-01T00:00:00Z"));
    table.jitter = minute;
    let delays = |table: &Timetable| -> Vec<Duration> {
        let first = at("2026-01-01T00:00:00Z");
        let ticks = (0..60).map(|n| first + n * minute);
        ticks.map(|tick| table.due_at(tick).since(tick)).collect()
    };

    let of_test = delays(&table);
    table.name = "other".to_owned();
    let of_other = delays(&table);

    assert!(of_test.iter().all(|delay| *delay < minute) && of_test != of_other);
    for half in [|d: &&Duration| d.as_secs() < 30, |d: &&Duration| d.as_secs() >= 30] {
        assert!(of_test.iter().filter(half).count() > 15, "{of_test:?}");
    }
    // Written down: another release must not fire a tick at another time.
    assert_eq!(of_test[0], Duration::from_micros(15_462_938));
}

#[test]
fn a_function_that_does_not_move_on_has_ended() {
    let stuck: Custom = Arc::new(Some);
    let table = Timetable { pattern: Pattern::Custom(stuck), ..table("* * * * *", "UTC") };

    assert_eq!(table.next(at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn zones_are_known_by_their_names() {
    for name in ["UTC", "utc", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
        assert!(zone(name).is_ok(), "{name}");
    }
    for name in ["", "Berlin", "Mars/Olympus", "../../etc/passwd"] {
        assert!(zone(name).unwrap_err().contains("not a time zone"), "{name}");
    }
}
