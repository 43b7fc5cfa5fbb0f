//! Lists: pages of jobs, by index where one answers, otherwise by looking at a bounded number.

use std::sync::Arc;

use super::inspect::{READ_WEIGHT, named, rows};
use crate::Error;
use crate::core::{Reason, State};
use crate::job::{JobId, Timestamp};
use crate::runtime::Clock;
use crate::store::catalog::Pair;
use crate::store::driver::{Tx, Verb};
use crate::store::list::ListFilter;
use crate::store::statements::Sql;
use crate::store::{Found, ListQuery, Listed, Shared};

/// Jobs that are looked at in a step.
const STEP: usize = 500;

/// Queues or types that are read one after the other, each in the order of its index. More are one
/// statement, which comes past the jobs of all others.
const APART_MAX: usize = 16;

/// Reads a page of jobs.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) namespace: Arc<str>,
    pub(crate) query: ListQuery,
    pub(crate) now: Timestamp,
    /// Says when the time for looking is up.
    pub(crate) clock: Clock,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for List {
    type Reply = Listed;

    fn weight(&self) -> usize {
        READ_WEIGHT
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Listed, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let is_alone = is_alone(tx, &self.shared, namespace_id).await?;
        let has_ended = self.query.states.iter().any(|state| state.is_terminal());
        let (ids, stopped_at) = if !self.query.is_indexed()
            || (has_ended && self.query.bundle.is_none() && !is_alone)
        {
            self.sieve(tx, namespace_id).await?
        } else {
            let scope = (namespace_id, !is_alone);
            (find(tx, &self.shared, scope, &self.query).await?, None)
        };
        let rows = rows(tx, Sql::JobGet, &ids, self.now).await?;
        Ok(Listed { jobs: rows.into_iter().map(|row| row.record).collect(), stopped_at })
    }
}

impl List {
    /// Looks at the jobs that may be meant, as far as the budget goes: the ids of those that are, and where
    /// it stopped early.
    async fn sieve<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
    ) -> Result<(Vec<i64>, Option<JobId>), Error> {
        let query = &self.query;
        let (most, span) = query.budget();
        let end = self.clock.now() + span;
        let mut candidates = query.candidates();
        let (first, below) = query.id_range();
        let is_named = !query.queues.is_empty() || !query.kinds.is_empty();
        let pair = |pair: &Pair| {
            pair.namespace_id == namespace_id
                && named(&query.queues, &pair.queue)
                && named(&query.kinds, &pair.kind)
        };
        if is_named && self.shared.catalog.pairs(tx, pair).await?.is_empty() {
            return Ok((Vec::new(), None));
        }
        let scoped = !query.states.iter().any(|state| state.is_terminal())
            && !is_alone(tx, &self.shared, namespace_id).await?;
        let (mut passed, mut looked_at) = (Vec::new(), 0);
        let stopped_at = loop {
            candidates.limit = STEP.min(most.saturating_sub(looked_at)).max(1);
            let asked = Asked { query: &candidates, from: first, below };
            let ids = find_in(tx, &self.shared, (namespace_id, scoped), asked).await?;
            let rows = rows(tx, Sql::JobLook, &ids, self.now).await?;
            let here = rows.into_iter().filter(|row| row.namespace_id == namespace_id);
            let here = here.map(|row| row.record).filter(|job| query.passes(job));
            passed.extend(here.map(|job| job.id.as_i64()));
            looked_at += ids.len();
            candidates.cursor = ids.last().copied().map(JobId::from_i64);
            if ids.len() < candidates.limit || passed.len() >= query.limit {
                break None;
            }
            if looked_at >= most || self.clock.now() >= end {
                break candidates.cursor;
            }
        };
        passed.truncate(query.limit);
        Ok((passed, stopped_at))
    }
}

/// Reads a page of the ids of jobs.
#[derive(Debug)]
pub(crate) struct Find(pub(crate) List);

impl Verb for Find {
    type Reply = Found;

    fn weight(&self) -> usize {
        READ_WEIGHT
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Found, Error> {
        let List { namespace, query, shared, .. } = &self.0;
        let namespace_id = shared.catalog.namespace(tx, namespace).await?;
        if query.is_sieved() {
            let (ids, stopped_at) = self.0.sieve(tx, namespace_id).await?;
            let jobs: Vec<JobId> = ids.into_iter().map(JobId::from_i64).collect();
            let last = jobs.last().copied().filter(|_| jobs.len() == query.limit);
            return Ok(Found { next: stopped_at.or(last), jobs });
        }
        let is_alone = is_alone(tx, shared, namespace_id).await?;
        let ids = find(tx, shared, (namespace_id, !is_alone), query).await?;
        let jobs: Vec<JobId> = ids.into_iter().map(JobId::from_i64).collect();
        let next = jobs.last().copied().filter(|_| jobs.len() == query.limit);
        Ok(Found { jobs, next })
    }
}

/// Whether no other namespace has ever held a job: then none has to be kept out.
async fn is_alone<T: Tx>(tx: &mut T, shared: &Shared, namespace_id: i64) -> Result<bool, Error> {
    let others = shared.catalog.pairs(tx, |pair| pair.namespace_id != namespace_id).await?;
    Ok(others.is_empty())
}

/// Which jobs: by the conditions that statements answer, and between which ids.
#[derive(Clone, Copy)]
struct Asked<'a> {
    query: &'a ListQuery,
    from: Option<JobId>,
    below: Option<JobId>,
}

/// The ids of a page of jobs, in its order.
async fn find<T: Tx>(
    tx: &mut T,
    shared: &Shared,
    namespace: (i64, bool),
    query: &ListQuery,
) -> Result<Vec<i64>, Error> {
    find_in(tx, shared, namespace, Asked { query, from: None, below: None }).await
}

/// As [`find`]; the flag says whether statements have to keep other namespaces out.
async fn find_in<T: Tx>(
    tx: &mut T,
    shared: &Shared,
    (namespace_id, scoped): (i64, bool),
    asked: Asked<'_>,
) -> Result<Vec<i64>, Error> {
    let query = asked.query;
    let pairs = shared.catalog.pairs(tx, |pair| {
        pair.namespace_id == namespace_id
            && named(&query.queues, &pair.queue)
            && named(&query.kinds, &pair.kind)
    });
    let pairs = pairs.await?;
    let queues = distinct(pairs.iter().map(|pair| pair.queue_id));
    let kinds = distinct(pairs.iter().map(|pair| pair.kind_id));
    // A type belongs to one namespace.
    let needs_queues = !query.queues.is_empty() || (scoped && query.kinds.is_empty());
    let names = Names {
        queues: needs_queues.then_some(queues),
        kinds: (!query.kinds.is_empty()).then_some(kinds),
    };
    let mut ids = Vec::new();
    for (sql, mut filter) in statements(query, &names) {
        filter.between(asked.from, asked.below);
        query.restrict(&mut filter);
        let rows = tx.query_list(sql, &filter).await?;
        ids.extend(rows.ints()?);
    }
    ids.sort_unstable();
    ids.dedup();
    if !query.ascending {
        ids.reverse();
    }
    ids.truncate(query.limit);
    Ok(ids)
}

/// The ids of queues and types that jobs must be of; none where any will do.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) queues: Option<Vec<i64>>,
    pub(crate) kinds: Option<Vec<i64>>,
}

/// The statements that together find the jobs, each with its part of the filter.
pub(crate) fn statements(query: &ListQuery, names: &Names) -> Vec<(Sql, ListFilter)> {
    let mut all = Vec::new();
    for (sql, filter) in sources(query) {
        let apart = match (sql, &names.queues, &names.kinds) {
            (Sql::ListAll, Some(queues), None) => Some(("j.queue_id", queues)),
            (Sql::ListAll, None, Some(kinds)) => Some(("j.kind_id", kinds)),
            _ => None,
        };
        if let Some((column, ids)) = apart.filter(|(_, ids)| (1..=APART_MAX).contains(&ids.len())) {
            all.extend(ids.iter().map(|id| {
                let mut filter = filter.clone();
                filter.one_of(column, [*id]);
                (sql, filter)
            }));
            continue;
        }
        let mut filter = filter;
        // Ready jobs are read lane by lane: those of other queues and types are not walked through.
        let (queue_id, kind_id) = match sql {
            Sql::ListReady => ("p.queue_id", "p.kind_id"),
            _ => ("j.queue_id", "j.kind_id"),
        };
        if let Some(queues) = &names.queues {
            filter.one_of(queue_id, queues.iter().copied());
        }
        if let Some(kinds) = &names.kinds {
            filter.one_of(kind_id, kinds.iter().copied());
        }
        all.push((sql, filter));
    }
    all
}

/// The statements that together find the states asked for.
fn sources(query: &ListQuery) -> Vec<(Sql, ListFilter)> {
    if let Some(bundle) = query.bundle {
        let mut filter = ListFilter::over("j.id");
        filter.one_of("j.bundle_id", [bundle]);
        if !query.states.is_empty() {
            filter.one_of("j.state", query.states.iter().map(|state| state.code()));
        }
        return vec![(Sql::ListMember, filter)];
    }
    if query.states.is_empty() {
        return vec![(Sql::ListAll, ListFilter::over("j.id"))];
    }
    let mut sources = Vec::new();
    for state in &query.states {
        match state {
            State::Pending => {
                sources.push((Sql::ListReady, ListFilter::over("r.seq")));
                sources.push((Sql::ListBlocked, ListFilter::over("b.job_id")));
                sources.push((Sql::ListThrottled, ListFilter::over("t.job_id")));
            }
            State::Running => sources.push((Sql::ListRunning, ListFilter::over("l.job_id"))),
            State::Delayed | State::Retrying => {
                // One by one, each in the order of its index: those of other reasons are not walked over.
                let reasons = Reason::ALL.iter().filter(|reason| reason.is_waiting());
                for reason in reasons.filter(|reason| reason.waiting_state() == *state) {
                    let mut filter = ListFilter::over("d.job_id");
                    filter.is("d.reason", reason.code());
                    sources.push((Sql::ListDelayed, filter));
                }
            }
            State::Completed | State::Failed | State::DeadLetter | State::Cancelled => {
                let mut filter = ListFilter::over("o.job_id");
                filter.is("o.state", state.code());
                sources.push((Sql::ListEnded, filter));
            }
        }
    }
    sources
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
