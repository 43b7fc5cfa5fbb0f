//! Reports: the ends of attempts, as workers elsewhere tell them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{RemoteWorkers, ReportReply, ReportedJob, check_job};
use crate::Error;
use crate::job::WorkerId;
use crate::store::{KnownWorker, Report, Settled, WorkerKey};

impl RemoteWorkers {
    /// Stores the ends of attempts of one worker, and answers each in its place. An item whose follow-up jobs
    /// are refused changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the worker is of another namespace, [`Error::Unavailable`] (safe to repeat).
    pub async fn settle(
        &self,
        id: WorkerId,
        items: Vec<ReportedJob>,
    ) -> Result<Vec<ReportReply>, Error> {
        let known = self.find(id).await?;
        if let Some(worker) = &known {
            // What is reported late counts as long as the lease stands, so an expired worker is no error.
            self.is_heard(worker).await?;
        }
        let mut replies: Vec<Option<ReportReply>> = Vec::with_capacity(items.len());
        let mut good = Vec::with_capacity(items.len());
        for item in items {
            let refused = refused(&item, id);
            if refused.is_none() {
                good.push(item);
            }
            replies.push(refused);
        }
        let mut settled = self.report(known.as_ref(), good, false).await?.into_iter();
        let reply = |refused: Option<ReportReply>| refused.or_else(|| settled.next());
        Ok(replies.into_iter().filter_map(reply).collect())
    }

    /// Stores the end of one attempt by its token alone.
    ///
    /// # Errors
    /// [`Error::Lost`] when the lease is gone, [`Error::Invalid`] when the token is of another job, and what the
    /// follow-up jobs were refused with.
    pub async fn settle_one(&self, item: ReportedJob) -> Result<ReportReply, Error> {
        check_job(item.job, &item.token)?;
        let (job, known) = (item.job, self.find(item.token.worker).await?);
        match self.report(known.as_ref(), vec![item], true).await?.pop() {
            Some(ReportReply::Invalid(error)) => Err(error),
            Some(ReportReply::LeaseLost) | None => Err(Error::Lost { job }),
            Some(reply) => Ok(reply),
        }
    }

    /// Reports what may be reported. A worker that is forgotten may still repeat what it has reported before.
    async fn report(
        &self,
        known: Option<&KnownWorker>,
        items: Vec<ReportedJob>,
        may_pass: bool,
    ) -> Result<Vec<ReportReply>, Error> {
        let Some(first) = items.first().map(|item| item.token) else { return Ok(Vec::new()) };
        let name = known.map_or_else(|| "".into(), |worker| Arc::clone(&worker.key.name));
        let worker = WorkerKey { id: first.worker.as_i64(), nonce: first.nonce, name };
        let mut replies: Vec<Option<ReportReply>> = items.iter().map(|_| None).collect();
        for turn in in_turns(items) {
            // Two transactions, so that follow-up jobs that are refused keep nobody else's end from being stored.
            let is_plain = |(_, item): &(usize, ReportedJob)| item.follow_ups.is_empty();
            let (plain, others): (Vec<_>, Vec<_>) = turn.into_iter().partition(is_plain);
            for group in [plain, others] {
                let reports = group.into_iter().map(|(place, item)| (place, item.into_report()));
                let (places, reports): (Vec<usize>, Vec<Report>) = reports.unzip();
                let settled = self.report_all(&worker, reports, may_pass).await?;
                for (place, reply) in places.into_iter().zip(settled) {
                    replies[place] = Some(reply);
                }
            }
        }
        Ok(replies.into_iter().flatten().collect())
    }

    /// Stores ends together, or one by one when one of them is refused.
    async fn report_all(
        &self,
        worker: &WorkerKey,
        reports: Vec<Report>,
        may_pass: bool,
    ) -> Result<Vec<ReportReply>, Error> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let namespace = Arc::from(self.queue.namespace());
        let store = self.queue.store();
        let refused = match store.report(&namespace, worker, reports.clone(), may_pass).await {
            Ok(settled) => return Ok(settled.into_iter().map(ReportReply::from).collect()),
            Err(error) if !is_of_one(&error) => return Err(error),
            Err(error) => error,
        };
        if reports.len() == 1 {
            return Ok(vec![ReportReply::Invalid(refused)]);
        }
        let mut replies = Vec::with_capacity(reports.len());
        for report in reports {
            match store.report(&namespace, worker, vec![report], may_pass).await {
                Ok(settled) => replies.extend(settled.into_iter().map(ReportReply::from)),
                Err(error) if is_of_one(&error) => replies.push(ReportReply::Invalid(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(replies)
    }
}

/// Items of the same job one after another, all others together: what is reported first counts.
fn in_turns(items: Vec<ReportedJob>) -> Vec<Vec<(usize, ReportedJob)>> {
    let (mut turns, mut met) = (Vec::<Vec<_>>::new(), HashMap::new());
    for (place, item) in items.into_iter().enumerate() {
        let turn = met.entry(item.job).or_insert(0_usize);
        match turns.get_mut(*turn) {
            Some(turn) => turn.push((place, item)),
            None => turns.push(vec![(place, item)]),
        }
        *turn += 1;
    }
    turns
}

/// Why an item may not be reported by this worker.
fn refused(item: &ReportedJob, id: WorkerId) -> Option<ReportReply> {
    let error = if item.token.worker == id {
        check_job(item.job, &item.token).err()?
    } else {
        Error::invalid("/token", "is the token of another worker")
    };
    Some(ReportReply::Invalid(error))
}

/// Whether one item of a batch may be to blame: then the others stand without it.
const fn is_of_one(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid(_) | Error::Full { .. } | Error::Conflict { .. } | Error::NotFound { .. }
    )
}

impl From<Settled> for ReportReply {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Applied(state) => Self::Applied(state),
            Settled::AlreadyApplied(state) => Self::AlreadyApplied(state),
            Settled::Lost => Self::LeaseLost,
        }
    }
}
