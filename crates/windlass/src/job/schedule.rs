//! Schedules: what repeats, when, and the job that each tick becomes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{
    NewJob, RunAt, SCHEDULE_CATCH_UP_MAX, SCHEDULE_EVERY_RANGE, SCHEDULE_JITTER_MAX, Timestamp,
};
use crate::core::schedule::{Cron, Custom, Pattern, Timetable, zone};
use crate::{Error, FieldError};

/// Missed ticks that are made up for with [`CatchUp::All`] where no number is given.
const CATCH_UP_DEFAULT: u32 = 100;

/// A key of metadata: ticks of a schedule whose job has it are skipped while the job's queue does not exist.
pub const NEEDS_QUEUE: &str = "needs_queue";

/// Makes the job of a tick.
type Make = Arc<dyn Fn(Timestamp) -> Result<NewJob, Error> + Send + Sync>;

/// Something that happens again and again: a pattern of ticks, and the job that each of them becomes.
///
/// ```
/// use std::time::Duration;
/// use windlass::{CatchUp, NewJob, Overlap, Schedule};
///
/// let nightly = Schedule::cron("0 3 * * *").timezone("Europe/Berlin").job(NewJob::new("report", "{}"));
/// let polling = Schedule::every(Duration::from_secs(90))
///     .overlap(Overlap::Skip)
///     .catch_up(CatchUp::Skip)
///     .job(NewJob::new("poll", "null").queue("feeds"));
/// ```
#[derive(Clone)]
pub struct Schedule {
    pub(crate) timing: Timing,
    pub(crate) timezone: String,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) jitter: Duration,
    pub(crate) catch_up: CatchUp,
    pub(crate) overlap: Overlap,
    pub(crate) run_on_start: bool,
    /// None where code makes the jobs.
    pub(crate) job: Option<NewJob>,
    pub(crate) code: Code,
}

/// What repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timing {
    Cron(String),
    Every(Duration),
    /// A function of the application.
    Custom,
}

/// The parts of a schedule that only the process which declares it knows.
#[derive(Clone, Default)]
pub(crate) struct Code {
    pub(crate) next: Option<Custom>,
    pub(crate) make: Option<Make>,
    /// This was read from the database: the job is made by code that may be elsewhere.
    pub(crate) is_elsewhere: bool,
}

/// What becomes of ticks that nobody fired within 10 s of their time, because no worker ran or the
/// schedule was paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// Nothing.
    Skip,
    /// The last of them is fired, unless a tick on time comes with it.
    #[default]
    Last,
    /// The last so many of them are fired, in order: 1 to 1000.
    All(u32),
}

/// What becomes of a tick while a job of an earlier one has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// Its job runs beside the others.
    #[default]
    Allow,
    /// It is left out.
    Skip,
    /// The first one waits until no job of the schedule is left; further ones are left out.
    Buffer,
    /// The other jobs are cut off and end `cancelled (overlap)`.
    Cancel,
}

impl Schedule {
    /// Ticks at the local times that a cron expression names: five fields, or six with seconds first.
    pub fn cron(expression: impl Into<String>) -> Self {
        Self::of(Timing::Cron(expression.into()))
    }

    /// Ticks every so often, 1 s to 366 days, counted from `start` or else from when the schedule is made.
    pub fn every(period: Duration) -> Self {
        Self::of(Timing::Every(period))
    }

    /// Ticks when `next` says: given an instant it returns the first tick after that, or none. It must
    /// answer alike in every process. Such a schedule is declared with
    /// [`Worker::schedule`](crate::Worker::schedule) and fired by workers that declare it.
    pub fn custom(next: impl Fn(Timestamp) -> Option<Timestamp> + Send + Sync + 'static) -> Self {
        let code = Code { next: Some(Arc::new(next)), ..Code::default() };
        Self { code, ..Self::of(Timing::Custom) }
    }

    /// How often it ticks, where that is every so often.
    pub const fn period(&self) -> Option<Duration> {
        match self.timing {
            Timing::Every(period) => Some(period),
            Timing::Cron(_) | Timing::Custom => None,
        }
    }

    /// The job that each tick becomes, unless code makes it.
    pub const fn template(&self) -> Option<&NewJob> {
        self.job.as_ref()
    }

    /// Ticks every so often from now on, instead of what it did.
    #[must_use]
    pub fn with_period(mut self, period: Duration) -> Self {
        self.timing = Timing::Every(period);
        self
    }

    /// The queue without which ticks are skipped, where the metadata of its job says so
    /// ([`NEEDS_QUEUE`]).
    pub(crate) fn needed_queue(&self) -> Option<&str> {
        let job = self.job.as_ref()?;
        job.metadata.contains_key(NEEDS_QUEUE).then_some(job.queue.as_str())
    }

    /// A cron expression, a short form such as `@daily`, or `every 90s`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the period.
    pub fn parse(spec: &str) -> Result<Self, String> {
        match spec.trim().strip_prefix("every ") {
            Some(period) => Ok(Self::every(super::parse_duration(period.trim())?)),
            None => Ok(Self::cron(spec)),
        }
    }

    pub(crate) fn of(timing: Timing) -> Self {
        Self {
            timing,
            timezone: "UTC".to_owned(),
            start: None,
            end: None,
            jitter: Duration::ZERO,
            catch_up: CatchUp::default(),
            overlap: Overlap::default(),
            run_on_start: false,
            job: None,
            code: Code::default(),
        }
    }

    /// The IANA time zone whose clock a cron expression goes by (default UTC).
    #[must_use]
    pub fn timezone(mut self, name: impl Into<String>) -> Self {
        self.timezone = name.into();
        self
    }

    /// No tick before this instant; periods are counted from it.
    #[must_use]
    pub fn start(mut self, instant: impl Into<Timestamp>) -> Self {
        self.start = Some(instant.into());
        self
    }

    /// No tick after this instant.
    #[must_use]
    pub fn end(mut self, instant: impl Into<Timestamp>) -> Self {
        self.end = Some(instant.into());
        self
    }

    /// Fires each tick up to so much later, at most 24 h: by its name and the tick, so that every node
    /// agrees (default 0).
    #[must_use]
    pub const fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// What becomes of missed ticks (default [`CatchUp::Last`]).
    #[must_use]
    pub const fn catch_up(mut self, policy: CatchUp) -> Self {
        self.catch_up = policy;
        self
    }

    /// What becomes of a tick while an earlier job has not ended (default [`Overlap::Allow`]).
    #[must_use]
    pub const fn overlap(mut self, policy: Overlap) -> Self {
        self.overlap = policy;
        self
    }

    /// Ticks once more at the moment the schedule is made (default no).
    #[must_use]
    pub const fn run_on_start(mut self, run: bool) -> Self {
        self.run_on_start = run;
        self
    }

    /// The job that each tick becomes.
    #[must_use]
    pub fn job(mut self, job: NewJob) -> Self {
        self.job = Some(job);
        self.code.make = None;
        self
    }

    /// Makes the job of each tick with `make`, which is given the tick. Such a schedule is declared with
    /// [`Worker::schedule`](crate::Worker::schedule) and fired by workers that declare it.
    #[must_use]
    pub fn job_of(
        mut self,
        make: impl Fn(Timestamp) -> Result<NewJob, Error> + Send + Sync + 'static,
    ) -> Self {
        self.job = None;
        self.code.make = Some(Arc::new(make));
        self
    }

    /// The first `count` ticks after an instant, as if it were made then.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what is wrong with its times; [`Error::Conflict`] when it ticks by a function
    /// that this process does not have.
    pub fn ticks(&self, after: Timestamp, count: usize) -> Result<Vec<Timestamp>, Error> {
        let Some(table) = self.timetable("", after)? else {
            return Err(Error::conflict(
                "only the workers that declare the schedule know its ticks",
            ));
        };
        let ticks = std::iter::successors(table.next(after), |tick| table.next(*tick));
        Ok(ticks.take(count).collect())
    }

    /// Whether only a process that declares it can fire it.
    pub(crate) const fn is_by_code(&self) -> bool {
        matches!(self.timing, Timing::Custom) || self.job.is_none()
    }

    /// The job of a tick.
    pub(crate) fn job_of_tick(&self, tick: Timestamp) -> Result<NewJob, Error> {
        match (&self.job, &self.code.make) {
            (Some(job), _) => Ok(job.clone()),
            (None, Some(make)) => make(tick),
            (None, None) => Err(Error::bug("nothing here makes the jobs of this schedule")),
        }
    }

    /// Whether it ticks at the same instants as another.
    pub(crate) fn ticks_like(&self, other: &Self) -> bool {
        let parts = |it: &Self| (it.timing.clone(), it.timezone.clone(), it.start, it.end);
        parts(self) == parts(other)
    }

    /// When it ticks; `anchor` is when it was made. None where the function that says so is elsewhere.
    pub(crate) fn timetable(
        &self,
        name: &str,
        anchor: Timestamp,
    ) -> Result<Option<Timetable>, Error> {
        let wrong = |pointer: &'static str| move |detail| Error::invalid(pointer, detail);
        let pattern = match &self.timing {
            Timing::Cron(text) => Pattern::Cron(
                Cron::parse(text).map_err(wrong("/cron"))?,
                zone(&self.timezone).map_err(wrong("/timezone"))?,
            ),
            Timing::Every(every) => {
                Pattern::Every { anchor: self.start.unwrap_or(anchor), every: *every }
            }
            Timing::Custom => match &self.code.next {
                Some(next) => Pattern::Custom(Arc::clone(next)),
                None => return Ok(None),
            },
        };
        let (start, end, jitter) = (self.start, self.end, self.jitter);
        Ok(Some(Timetable { pattern, start, end, jitter, name: name.to_owned() }))
    }

    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let mut refuse = |pointer: &str, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        match &self.timing {
            Timing::Cron(text) => {
                if let Err(detail) = Cron::parse(text) {
                    refuse("/cron", detail);
                }
            }
            Timing::Every(every) => {
                if *every < SCHEDULE_EVERY_RANGE.0 || *every > SCHEDULE_EVERY_RANGE.1 {
                    refuse("/interval", "must be between 1 s and 366 days".to_owned());
                }
            }
            Timing::Custom => {}
        }
        if let Err(detail) = zone(&self.timezone) {
            refuse("/timezone", detail);
        }
        for (pointer, instant) in [("/start", self.start), ("/end", self.end)] {
            if let Some(instant) = instant.filter(|instant| !instant.is_plausible()) {
                refuse(pointer, format!("is {instant} (the years 2000 to 2200 allowed)"));
            }
        }
        if let (Some(start), Some(end)) = (self.start, self.end)
            && end < start
        {
            refuse("/end", "is before the start".to_owned());
        }
        if self.jitter > SCHEDULE_JITTER_MAX {
            refuse("/jitter", "is longer than 24 h".to_owned());
        }
        if let CatchUp::All(most) = self.catch_up
            && !(1..=SCHEDULE_CATCH_UP_MAX).contains(&most)
        {
            refuse("/catch_up", format!("is all:{most} (1 to {SCHEDULE_CATCH_UP_MAX} allowed)"));
        }
        match (&self.job, &self.code.make) {
            (None, None) if self.code.is_elsewhere => {}
            (None, None) => {
                refuse("/job", "is missing (the job that each tick becomes)".to_owned());
            }
            (Some(job), _) => {
                broken.extend(check_template(job).into_iter().map(|field| field.under("/job")));
            }
            (None, Some(_)) => {}
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// What is wrong with a job that is to be stored again and again.
/// Names what is wrong with a job that is made later, perhaps more than once.
pub(super) fn check_template(job: &NewJob) -> Vec<FieldError> {
    let mut broken = match job.check() {
        Err(Error::Invalid(broken)) => broken,
        _ => Vec::new(),
    };
    if job.idempotency_key.is_some() {
        let detail = "would make all jobs that are made like this the same one";
        broken.push(FieldError::new("/idempotency_key", detail));
    }
    for (pointer, when) in
        [("/scheduled_at", job.run_at), ("/start_by", job.start_by), ("/deadline", job.deadline)]
    {
        if matches!(when, Some(RunAt::At(_))) {
            let detail = "is one instant (a span counted from when the job is made is allowed)";
            broken.push(FieldError::new(pointer, detail));
        }
    }
    broken
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("timing", &self.timing)
            .field("timezone", &self.timezone)
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("skip"),
            Self::Last => f.write_str("last"),
            Self::All(most) => write!(f, "all:{most}"),
        }
    }
}

impl FromStr for CatchUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("all:").and_then(|most| most.parse().ok())) {
            ("skip", _) => Ok(Self::Skip),
            ("last", _) => Ok(Self::Last),
            ("all", _) => Ok(Self::All(CATCH_UP_DEFAULT)),
            (_, Some(most)) => Ok(Self::All(most)),
            _ => Err("must be skip, last, all or all:N with N from 1 to 1000".to_owned()),
        }
    }
}

impl Overlap {
    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Buffer => "buffer",
            Self::Cancel => "cancel",
        }
    }
}

impl FromStr for Overlap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Allow, Self::Skip, Self::Buffer, Self::Cancel];
        let found = all.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| "must be allow, skip, buffer or cancel".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_rule_is_named() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let job = NewJob::new("no name", "1").idempotency_key("k").at(at(1_800_000_000));
        let schedule = Schedule::cron("* * *")
            .timezone("Mars")
            .start(at(1_800_000_000))
            .end(at(1_700_000_000))
            .jitter(2 * SCHEDULE_JITTER_MAX)
            .catch_up(CatchUp::All(0))
            .job(job);

        let Err(Error::Invalid(broken)) = schedule.check() else { panic!("accepted") };

        let pointers: Vec<_> = broken.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/cron",
            "/timezone",
            "/end",
            "/jitter",
            "/catch_up",
            "/job/type",
            "/job/idempotency_key",
            "/job/scheduled_at",
        ];
        assert_eq!(pointers, expected);
        for every in
            [Duration::ZERO, Duration::from_millis(999), 367 * 24 * Duration::from_secs(3600)]
        {
            let schedule = Schedule::every(every).job(NewJob::new("t", "1"));
            assert!(schedule.check().unwrap_err().to_string().contains("1 s and 366 days"));
        }
        assert!(Schedule::cron("@daily").check().unwrap_err().to_string().contains("is missing"));
    }

    #[test]
    fn policies_are_words() {
        for text in ["skip", "last", "all:7"] {
            assert_eq!(text.parse::<CatchUp>().unwrap().to_string(), text);
        }
        assert_eq!("all".parse(), Ok(CatchUp::All(100)));
        assert!("all:x".parse::<CatchUp>().is_err() && "never".parse::<Overlap>().is_err());
        assert_eq!("buffer".parse(), Ok(Overlap::Buffer));
    }

    #[test]
    fn a_spec_is_an_expression_or_a_period() {
        let timing = |spec: &str| Schedule::parse(spec).unwrap().timing;
        assert_eq!(timing("every 90s"), Timing::Every(Duration::from_secs(90)));
        assert_eq!(timing("@daily"), Timing::Cron("@daily".to_owned()));
        assert!(Schedule::parse("every now").is_err());
    }
}
