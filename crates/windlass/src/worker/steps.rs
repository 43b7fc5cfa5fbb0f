//! Durable steps: parts of a handler that run once, and waits that free its slot.
//!
//! Invariant: a step is known by its place in the handler and by its name. What an earlier attempt kept at
//! a place is only ever handed to the step of the same name.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::context::{Ctx, bounded_json};
use crate::Error;
use crate::job::{Ending, JobError, check_name};
use crate::store::{Part, Saved};

/// The steps of one attempt.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// What earlier attempts kept, by place.
    kept: OnceCell<HashMap<u32, Saved>>,
    begun: Mutex<Begun>,
}

/// The steps that this attempt has come to.
#[derive(Debug, Default)]
struct Begun {
    names: HashSet<String>,
    sleeps: u32,
}

/// A step that an attempt has come to.
struct Step {
    place: u32,
    name: String,
    /// What is kept of it.
    kept: Option<Saved>,
}

impl Steps {
    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_sleep(&self) -> u32 {
        let mut begun = self.lock();
        begun.sleeps += 1;
        begun.sleeps
    }

    /// Takes the next place, under a name that is new.
    fn next_place(&self, name: &str) -> Result<u32, JobError> {
        let mut begun = self.lock();
        if !begun.names.insert(name.to_owned()) {
            return Err(JobError::permanent(format!(
                "two steps are named `{name}`: each needs a name of its own"
            )));
        }
        Ok(u32::try_from(begun.names.len()).unwrap_or(u32::MAX))
    }
}

impl<S: Send + Sync + 'static> Ctx<S> {
    /// Runs `work` once for the whole life of the job: what it returned is kept, and later attempts are
    /// given that instead of running it again. An error is not kept.
    ///
    /// The result is stored before this returns. A process that dies between the work and the storing runs
    /// it again, so its effects should bear that (an idempotency key made of job and step, for instance).
    /// Steps are told apart by their order and their names, which are names as those of queues and unique
    /// within the handler. Use `tokio::join!` only with steps that begin in the same order every time.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Order { id: u64 }
    /// # impl windlass::Job for Order { const KIND: &'static str = "order"; type Output = (); }
    /// # async fn card(order: u64) -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # async fn mail(receipt: &str) -> Result<(), std::io::Error> { Ok(()) }
    /// # use std::time::Duration;
    /// async fn order(job: Order, ctx: windlass::Ctx) -> windlass::Result {
    ///     let receipt = ctx.step("card", async || card(job.id).await).await?;
    ///     ctx.sleep(Duration::from_secs(24 * 3600)).await?;
    ///     ctx.step("mail", async || mail(&receipt).await).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// What `work` fails with. Ends the job for good when steps changed their order or names since an
    /// earlier attempt, when two have one name, and when the result is larger than 1 MiB of JSON;
    /// undecodable when a kept result is no `T`.
    pub async fn step<T, E, F>(&self, name: &str, work: F) -> Result<T, JobError>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        E: Into<JobError>,
        F: AsyncFnOnce() -> Result<T, E>,
    {
        check(name)?;
        let step = self.begin(name).await?;
        if let Some(data) = step.kept.as_ref().and_then(|kept| kept.data.as_deref()) {
            return decoded(name, data);
        }
        let value = work().await.map_err(Into::into)?;
        let data = bounded_json(&value, &format!("/steps/{name}")).map_err(JobError::permanent)?;
        self.keep(step, Saved { data: Some(data), ..Saved::default() }).await?;
        Ok(value)
    }

    /// Waits without a slot: the attempt ends, uncounted, and the job runs again after `span` (counted
    /// from the first time an attempt came here), passing all steps that are done. Use with `?`.
    ///
    /// # Errors
    /// The snooze that ends the attempt, until the time has come; otherwise as [`step`](Self::step).
    pub async fn sleep(&self, span: Duration) -> Result<(), JobError> {
        // No step and no signal has a name with a space.
        let name = format!("sleep {}", self.attempt.steps.next_sleep());
        let step = self.begin(&name).await?;
        let now = self.attempt.clock.now();
        let kept = step.kept.as_ref().and_then(|kept| kept.due_at);
        let due_at = kept.unwrap_or_else(|| now + span);
        if due_at <= now {
            return Ok(());
        }
        if kept.is_none() {
            self.keep(step, Saved { due_at: Some(due_at), ..Saved::default() }).await?;
        }
        Err(JobError::snooze(due_at.since(now)))
    }

    /// Waits without a slot, as [`sleep`](Self::sleep), for a signal that someone sends to this job
    /// ([`Queue::signal`](crate::Queue::signal), `POST /jobs/{id}/signals`), also one that came before.
    /// Returns what came with it; none when `timeout` has passed since an attempt first came here. Both
    /// are kept: later attempts are given the same. Use with `?`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn example(ctx: windlass::Ctx) -> windlass::Result {
    /// let approval: Option<bool> = ctx.wait_signal("approval", Duration::from_secs(3600)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The snooze that ends the attempt, until a signal comes or the time has; otherwise as
    /// [`step`](Self::step), under the name of the signal.
    pub async fn wait_signal<T: DeserializeOwned>(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<Option<T>, JobError> {
        check(name)?;
        let step = self.begin(name).await?;
        let now = self.attempt.clock.now();
        let due_at = match &step.kept {
            Some(Saved { data: Some(data), .. }) => return decoded(name, data).map(Some),
            Some(Saved { due_at: None, .. }) => return Ok(None),
            Some(Saved { due_at, .. }) => *due_at,
            None => None,
        };
        let signals = self.store.saved(None, self.attempt.info.id, Part::Signal).await?;
        let signal = signals.into_iter().find(|signal| signal.name == name);
        if let Some(data) = signal.and_then(|signal| signal.data) {
            let value = decoded(name, &data)?;
            self.keep(step, Saved { data: Some(data), ..Saved::default() }).await?;
            return Ok(Some(value));
        }
        let is_new = due_at.is_none();
        let due_at = due_at.unwrap_or_else(|| now + timeout);
        if due_at <= now {
            self.keep(step, Saved::default()).await?;
            return Ok(None);
        }
        if is_new {
            self.keep(step, Saved { due_at: Some(due_at), ..Saved::default() }).await?;
        }
        let (delay, signal) = (due_at.since(now), name.to_owned());
        Err(JobError::from_ending(Ending::Wait { delay, signal }))
    }

    /// Comes to a step: finds what is kept of it, and that it is the same as before.
    async fn begin(&self, name: &str) -> Result<Step, JobError> {
        let steps = &self.attempt.steps;
        let place = steps.next_place(name)?;
        let job = self.attempt.info.id;
        let kept = steps.kept.get_or_try_init(async || {
            let saved = self.store.saved(None, job, Part::Step).await?;
            Ok::<_, Error>(saved.into_iter().map(|saved| (saved.place, saved)).collect())
        });
        let kept = kept.await?;
        let elsewhere = kept.values().find(|kept| kept.name == name && kept.place != place);
        let here = kept.get(&place);
        match (here, elsewhere) {
            (Some(kept), _) if kept.name != name => Err(JobError::permanent(format!(
                "step {place} was `{}` in an earlier attempt and is `{name}` now: steps must keep \
                 their order",
                kept.name
            ))),
            (_, Some(kept)) => Err(JobError::permanent(format!(
                "step `{name}` was number {} in an earlier attempt and is number {place} now: steps \
                 must keep their order",
                kept.place
            ))),
            (kept, None) => Ok(Step { place, name: name.to_owned(), kept: kept.cloned() }),
        }
    }

    async fn keep(&self, step: Step, item: Saved) -> Result<(), JobError> {
        let item = Saved { name: step.name, place: step.place, ..item };
        let is_kept = self.store.save(&self.attempt.fence(), Part::Step, item).await?;
        if is_kept { Ok(()) } else { Err(Error::Lost { job: self.attempt.info.id }.into()) }
    }
}

fn check(name: &str) -> Result<(), JobError> {
    check_name(name).map_err(|detail| JobError::permanent(format!("step name `{name}` {detail}")))
}

fn decoded<T: DeserializeOwned>(name: &str, data: &[u8]) -> Result<T, JobError> {
    serde_json::from_slice(data).map_err(|error| {
        JobError::undecodable(format!("what is kept of step `{name}` cannot be read: {error}"))
    })
}
