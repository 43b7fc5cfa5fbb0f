//! Jobs, queues and schedules of a namespace as lines of text, and back: from one database to another.

use super::manage::check_queue;
use super::{JobFilter, Queue, check_schedule};
use crate::job::{JobId, JobRecord, PauseOptions, Timestamp, check_name};
use crate::protocol::{Line, Refusal, job_line, queue_line, read_line, schedule_line};
use crate::store::{Part, Restored, Transferred};
use crate::{Error, FieldError, State, Timing};

/// Jobs on a page: each may bring a megabyte of payload and of result along.
const PAGE_MAX: usize = 50;

/// Jobs of one import in one transaction.
const IMPORT_MAX: usize = 100;

/// Classes of attempts that are kept as history.
const FAILED: [&str; 6] = ["retryable", "permanent", "timeout", "panic", "crash", "undecodable"];

/// A line of an export that was read.
#[derive(Debug, Clone)]
pub struct ExportLine(Line);

impl ExportLine {
    /// Reads a line of [`Queue::export_settings`] or [`Queue::export_jobs`].
    ///
    /// # Errors
    /// [`Error::Invalid`] saying what is wrong with it.
    pub fn read(line: &str) -> Result<Self, Error> {
        read_line(line)
            .map(Self)
            .map_err(|detail| Error::Invalid(vec![FieldError::new("", detail)]))
    }

    /// What it holds: `queue`, `schedule` or `job`.
    pub const fn kind(&self) -> &'static str {
        match self.0 {
            Line::Queue { .. } => "queue",
            Line::Schedule { .. } => "schedule",
            Line::Job(_) => "job",
        }
    }
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// It is here now.
    New,
    /// It was here, and stays as it is.
    Known,
    /// It is not here, for this reason.
    Refused(String),
}

impl Queue {
    /// Writes the queues and schedules of this namespace, a line each. Schedules whose ticks come from code
    /// are left out: code makes them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn export_settings(&self) -> Result<Vec<String>, Error> {
        let mut lines = Vec::new();
        let mut after = String::new();
        loop {
            let queues = self.queues(&after).await?;
            let Some(last) = queues.last() else { break };
            after.clone_from(&last.name);
            lines.extend(
                queues
                    .iter()
                    .map(queue_line)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|it| lost(&it))?,
            );
        }
        after.clear();
        loop {
            let schedules = self.schedules(&after).await?;
            let Some(last) = schedules.last() else { break };
            after.clone_from(&last.name);
            let told = schedules.iter().filter(|it| it.schedule.timing != Timing::Custom);
            lines.extend(
                told.map(schedule_line).collect::<Result<Vec<_>, _>>().map_err(|it| lost(&it))?,
            );
        }
        Ok(lines)
    }

    /// Writes jobs of this namespace after one, in the order in which they were stored, a line each: some of them, and the
    /// last one that was looked at; none when there are no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn export_jobs(
        &self,
        after: Option<JobId>,
    ) -> Result<(Vec<String>, Option<JobId>), Error> {
        let mut filter = JobFilter::new().oldest_first().limit(PAGE_MAX);
        if let Some(after) = after {
            filter = filter.after(after);
        }
        let page = self.list(filter).await?;
        let last = page.jobs.last().map(|job| job.id);
        let mut lines = Vec::with_capacity(page.jobs.len());
        for record in page.jobs {
            let job = self.transferred(record).await?;
            lines.push(job_line(&job).map_err(|it| lost(&it))?);
        }
        Ok((lines, last))
    }

    async fn transferred(&self, mut record: JobRecord) -> Result<Transferred, Error> {
        let id = record.id;
        let has_run = record.attempt > 0 || record.snoozes > 0 || record.crashes > 0;
        let mut attempts = Vec::new();
        if has_run
            && !(record.state == State::Completed && record.attempt == 1 && record.crashes == 0)
        {
            attempts = self.attempts(id).await?;
            attempts.retain(|attempt| FAILED.contains(&attempt.class.as_str()));
        }
        let mut saved = Vec::new();
        if !record.state.is_terminal() {
            if record.state == State::Pending && !record.depends_on.is_empty() {
                // What it waits for is known where one job is read.
                record.blocked_by = self.get(id).await?.blocked_by;
            }
            let parts: &[Part] = if has_run {
                &[Part::Checkpoint, Part::Step, Part::Signal]
            } else {
                &[Part::Signal]
            };
            for part in parts {
                let kept = self.store().saved(Some(&self.namespace), id, *part).await?;
                saved.extend(kept.into_iter().map(|item| (*part, item)));
            }
        }
        Ok(Transferred { record, attempts, saved })
    }

    /// Stores what lines of an export hold in this namespace, in their order, and says what became of each. With
    /// `dry_run` nothing is stored.
    ///
    /// Queues and schedules that are here stay as they are. Jobs keep their ids, and stand where they stood; one that
    /// ran is given back, uncounted. `import` names the export: what was imported under that name is never stored
    /// again, whatever has become of it, so an import that broke off is simply begun again. The lines of jobs have to
    /// come in the order in which they were written.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Invalid`] for a name that is none,
    /// [`Error::Unavailable`]: what was answered before is stored.
    pub async fn import(
        &self,
        import: &str,
        lines: Vec<ExportLine>,
        dry_run: bool,
    ) -> Result<Vec<Imported>, Error> {
        check_name(import).map_err(|detail| Error::invalid("/import", detail))?;
        let mut answers = Vec::with_capacity(lines.len());
        let mut jobs = Vec::new();
        for ExportLine(line) in lines {
            match line {
                Line::Job(job) => jobs.push(*job),
                other => {
                    answers.extend(self.import_jobs(import, &mut jobs, dry_run).await?);
                    answers.push(self.import_other(other, dry_run).await?);
                }
            }
            if jobs.len() >= IMPORT_MAX {
                answers.extend(self.import_jobs(import, &mut jobs, dry_run).await?);
            }
        }
        answers.extend(self.import_jobs(import, &mut jobs, dry_run).await?);
        Ok(answers)
    }

    async fn import_jobs(
        &self,
        import: &str,
        jobs: &mut Vec<Transferred>,
        dry_run: bool,
    ) -> Result<Vec<Imported>, Error> {
        let jobs = std::mem::take(jobs);
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        if dry_run {
            let ids: Vec<JobId> = jobs.iter().map(|job| job.record.id).collect();
            let here = self.get_many(ids.clone()).await?;
            let is_here = |id: &JobId| here.iter().any(|job| job.id == *id);
            let answer = |id| if is_here(id) { Imported::Known } else { Imported::New };
            return Ok(ids.iter().map(answer).collect());
        }
        let ids: Vec<JobId> = jobs.iter().map(|job| job.record.id).collect();
        let restored = self.store().restore(&self.namespace, import, jobs).await?;
        let answer = |(restored, id)| match restored {
            Restored::New => Imported::New,
            Restored::Known => Imported::Known,
            Restored::Taken(other) => {
                Imported::Refused(format!("job {id}: job {other} has its unique key"))
            }
        };
        Ok(restored.into_iter().zip(ids).map(answer).collect())
    }

    async fn import_other(&self, line: Line, dry_run: bool) -> Result<Imported, Error> {
        let now = self.clock().now();
        let is_there = match &line {
            Line::Queue { name, .. } => is_found(self.queue(name).await)?,
            Line::Schedule { name, .. } => is_found(self.schedule(name).await)?,
            Line::Job(_) => false,
        };
        if is_there || dry_run {
            return Ok(if is_there { Imported::Known } else { Imported::New });
        }
        match self.bring(line, now).await {
            Ok(()) => Ok(Imported::New),
            Err(error @ (Error::Invalid(_) | Error::Conflict { .. })) => {
                Ok(Imported::Refused(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a queue or schedule. One that is to be paused is so from its first moment on, also when this process ends
    /// in between.
    async fn bring(&self, line: Line, now: Timestamp) -> Result<(), Error> {
        let check =
            |pause: &Option<PauseOptions>| pause.as_ref().map_or(Ok(()), |it| it.check(now));
        match line {
            Line::Queue { name, settings, pause } => {
                let pause = Line::pause_of(pause, now);
                check_queue(&name, &settings)?;
                check(&pause)?;
                self.store().bring_queue(&self.namespace, &name, *settings, pause).await
            }
            Line::Schedule { name, schedule, pause } => {
                let pause = Line::pause_of(pause, now);
                check_schedule(&name, &schedule)?;
                check(&pause)?;
                self.store().bring_schedule(&self.namespace, &name, *schedule, pause).await
            }
            Line::Job(_) => Ok(()),
        }
    }
}

fn is_found<T>(answer: Result<T, Error>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(Error::NotFound { what }) if !what.starts_with("namespace") => Ok(false),
        Err(error) => Err(error),
    }
}

fn lost(refusal: &Refusal) -> Error {
    Error::bug(refusal.message())
}
