//! Gather: the ends of jobs are noted in their workflows and batches, and what follows from the last one.
//!
//! Any node may run it at any time. It looks at what has committed, as often as needed: an end that was
//! noted is not noted again, and a callback is stored with the note that it was.

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{BundleRow, count, lock};
use super::enqueue::Enqueue;
use crate::core::State;
use crate::job::{BundleState, CallbackOn, JobId, Timestamp};
use crate::store::driver::{Batch, Lane, Param, Row, Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::{Error, crash_point};

/// Looks for members that have ended: these jobs, or with none all that are not known to have, from one on.
#[derive(Debug)]
pub(crate) struct FindEnded {
    pub(crate) jobs: Vec<JobId>,
    pub(crate) after: Place,
    pub(crate) limit: usize,
}

/// A bundle and a job: a member.
pub(crate) type Place = (i64, i64);

/// What was found.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether any bundle is open.
    pub(crate) any: bool,
    pub(crate) members: Vec<Place>,
    /// Where the look at everything goes on, if there is more.
    pub(crate) next: Option<Place>,
    /// Bundles that may have ended, or whose callbacks may be due.
    pub(crate) due: Vec<BundleRow>,
}

/// A member and its job.
struct Member {
    place: Place,
    gathered: i64,
    ended: Option<i64>,
    is_gone: bool,
}

impl Member {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            place: (row.int()?, row.int()?),
            gathered: row.int()?,
            ended: row.opt_int()?,
            is_gone: row.int()? != 0,
        })
    }

    fn is_news(&self) -> bool {
        self.is_gone || self.ended.is_some_and(|state| state != self.gathered)
    }
}

/// Bundles of one round.
const DUE_MAX: i64 = 100;

impl Verb for FindEnded {
    type Reply = Ended;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Ended, Error> {
        if tx.query(Sql::BundleAny, &[]).await?.is_empty() {
            return Ok(Ended { any: false, members: Vec::new(), next: None, due: Vec::new() });
        }
        let is_sweep = self.jobs.is_empty();
        let rows = if is_sweep {
            let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
            let params = [self.after.0, self.after.1, limit].map(Param::Int);
            tx.query(Sql::MemberSlice, &params).await?
        } else {
            let jobs = self.jobs.iter().map(|id| Param::Int(id.as_i64())).collect();
            tx.query_each(Sql::MemberEnded, &Batch::of_rows(1, jobs)).await?
        };
        let rows = rows.read(Member::read)?;
        let next = rows.last().filter(|_| is_sweep && rows.len() >= self.limit);
        let next = next.map(|member| member.place);
        let due = tx.query(Sql::BundleDue, &[DUE_MAX.into()]).await?.read(BundleRow::read)?;
        let news = rows.into_iter().filter(Member::is_news);
        Ok(Ended { any: true, members: news.map(|member| member.place).collect(), next, due })
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

/// Notes the ends of members.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) members: Vec<Place>,
}

impl Verb for Gather {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let ids: BTreeSet<i64> = self.members.iter().map(|(bundle, _)| *bundle).collect();
        let mut bundles = BTreeMap::new();
        for id in ids {
            bundles.extend(lock(tx, id).await?.map(|row| (id, row)));
        }
        // As they are now: nobody lets one of them run again from here on.
        let jobs: BTreeSet<i64> = self.members.iter().map(|(_, job)| *job).collect();
        let jobs = Batch::of_rows(1, jobs.into_iter().map(Param::Int).collect());
        let rows = tx.query_each(Sql::MemberEnded, &jobs).await?.read(Member::read)?;
        let news = rows.into_iter().filter(Member::is_news);
        let mut by_state: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
        let mut touched: BTreeMap<i64, bool> = BTreeMap::new();
        for member in news.filter(|member| bundles.contains_key(&member.place.0)) {
            let (bundle, job) = member.place;
            if member.is_gone {
                tx.execute(Sql::MemberDrop, &[bundle.into(), job.into()]).await?;
            }
            let state = member.ended.filter(|_| !member.is_gone);
            if let Some(state) = state {
                by_state.entry(state).or_default().push(member.place);
            }
            let has_failed = state.is_some_and(|state| FAILURES.contains(&state));
            *touched.entry(bundle).or_default() |= has_failed;
        }
        for (state, mut places) in by_state {
            places.sort_unstable();
            let values = places.iter().flat_map(|(bundle, job)| [state, *bundle, *job]);
            let rows = Batch::of_rows(3, values.map(Param::Int).collect());
            tx.execute_each(Sql::MemberMove, &rows).await?;
        }
        for (bundle, has_failed) in touched {
            let row = &bundles[&bundle];
            let calls =
                has_failed && row.has_callbacks() && row.made(CallbackOn::FirstFailure).is_none();
            if calls || !has_members_in(tx, bundle, [0, 0]).await? {
                tx.execute(Sql::BundleTouch, &[bundle.into()]).await?;
            }
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.members.len()
    }
}

/// The states of a member that has failed.
const FAILURES: [i64; 2] = [State::Failed.code(), State::DeadLetter.code()];

async fn has_members_in<T: Tx>(tx: &mut T, id: i64, states: [i64; 2]) -> Result<bool, Error> {
    let params = [id, states[0], states[1]].map(Param::Int);
    Ok(!tx.query(Sql::MemberIn, &params).await?.is_empty())
}

/// Looks whether a bundle has ended, and stores the callbacks whose time has come.
#[derive(Debug)]
pub(crate) struct CallBack {
    pub(crate) id: i64,
    /// The callbacks that were not made, and what makes them.
    pub(crate) runs: Vec<(CallbackOn, Enqueue)>,
    pub(crate) now: Timestamp,
}

impl Verb for CallBack {
    type Reply = ();

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let Some(row) = lock(tx, self.id).await? else { return Ok(()) };
        let is_over = row.committed_at.is_some() && !has_members_in(tx, self.id, [0, 0]).await?;
        let has_failed = has_members_in(tx, self.id, FAILURES).await?;
        let cancelled = State::Cancelled.code();
        let is_well = !has_failed && !has_members_in(tx, self.id, [cancelled, cancelled]).await?;
        let mut made = row.made;
        for (on, run) in &self.runs {
            let is_due = match on {
                CallbackOn::Success => is_over && is_well,
                CallbackOn::Complete => is_over,
                CallbackOn::FirstFailure => has_failed,
            };
            let places = CallbackOn::ALL.iter().zip(&mut made);
            for (_, job) in places.filter(|(known, job)| *known == on && is_due && job.is_none()) {
                let stored = run.run(tx).await?.into_iter().next();
                let stored = stored.ok_or_else(|| Error::bug("a callback has no job"))??;
                *job = Some(stored.id);
            }
        }
        if is_over && row.ended_at.is_none() {
            self.end(tx).await?;
        }
        crash_point!("callback");
        let [success, complete, failure] = made.map(|job| job.map(JobId::as_i64).into());
        tx.execute(Sql::BundleCalled, &[self.id.into(), success, complete, failure]).await?;
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl CallBack {
    async fn end<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let counts = count(tx, Sql::MemberCount, self.id).await?;
        let n = |state| counts.get(&state).copied().unwrap_or(0);
        let failed = n(State::Failed) + n(State::DeadLetter);
        let state = match (failed, n(State::Cancelled)) {
            (0, 0) => BundleState::Completed,
            (0, _) => BundleState::Cancelled,
            _ => BundleState::Failed,
        };
        let ends = [State::Completed, State::Failed, State::DeadLetter, State::Cancelled];
        let [completed, failed, dead_letter, cancelled] =
            ends.map(|state| Param::Int(i64::try_from(n(state)).unwrap_or(i64::MAX)));
        let (now, state) = (self.now.as_micros().into(), state.code().into());
        let params = [self.id.into(), now, state, completed, failed, dead_letter, cancelled];
        tx.execute(Sql::BundleEnd, &params).await?;
        Ok(())
    }
}
