//! Bundles: workflows and batches as things, made, committed and read. Their jobs are its members.
//!
//! Invariant: whoever changes a bundle, or what is known of the ends of its members, locks its row first;
//! whoever adds members shares that lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use crate::core::State;
use crate::job::{BatchId, BundleState, CallbackOn, JobId, NewJob, Timestamp, WorkflowId};
use crate::protocol::read_callbacks;
use crate::store::Shared;
use crate::store::driver::{Batch, Param, Row, Tx, Verb, Waits};
use crate::store::effects::Effects;
use crate::store::rows::instant;
use crate::store::statements::Sql;

/// What a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Workflow,
    Batch,
}

impl Sort {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Workflow => 1,
            Self::Batch => 2,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Batch => "batch",
        }
    }
}

/// A row of the table of bundles.
#[derive(Debug, Clone)]
pub(crate) struct BundleRow {
    pub(crate) id: i64,
    namespace_id: i64,
    pub(crate) namespace: String,
    sort: i64,
    pub(crate) name: String,
    digest: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) committed_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) state: BundleState,
    /// Members by the state they ended in, as they were at the end.
    pub(crate) counts: BTreeMap<State, u64>,
    pub(crate) callbacks: Option<String>,
    /// The jobs of the callbacks that were made, in the order of [`CallbackOn::ALL`].
    pub(crate) made: [Option<JobId>; 3],
}

/// The states in which members end, in the order of the columns.
const ENDS: [State; 4] = [State::Completed, State::Failed, State::DeadLetter, State::Cancelled];

impl BundleRow {
    pub(crate) fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (id, namespace_id) = (row.int()?, row.int()?);
        let (namespace, sort) = (row.opt_text()?.unwrap_or_default(), row.int()?);
        let (name, digest) = (row.text()?, row.opt_text()?);
        let created_at = Timestamp::from_micros(row.int()?);
        let (committed_at, ended_at) = (instant(row)?, instant(row)?);
        let state = row.int()?;
        let state = BundleState::from_code(state)
            .ok_or_else(|| Error::bug(format!("a row holds {state} as the state of a bundle")))?;
        let mut counts = BTreeMap::new();
        for state in ENDS {
            counts.insert(state, u64::from(row.count()?));
        }
        let callbacks = row.opt_text()?;
        let mut made = [None; 3];
        for job in &mut made {
            *job = row.opt_int()?.map(JobId::from_i64);
        }
        Ok(Self {
            id,
            namespace_id,
            namespace,
            sort,
            name,
            digest,
            created_at,
            committed_at,
            ended_at,
            state,
            counts,
            callbacks,
            made,
        })
    }

    /// What is known of one that a server shows, before the rest of it is read.
    #[cfg(feature = "remote")]
    pub(crate) const fn shown(
        (id, sort): (i64, Sort),
        state: BundleState,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            namespace_id: 0,
            namespace: String::new(),
            sort: sort.code(),
            name: String::new(),
            digest: None,
            created_at,
            committed_at: None,
            ended_at: None,
            state,
            counts: BTreeMap::new(),
            callbacks: None,
            made: [None; 3],
        }
    }

    pub(crate) fn is_of(&self, namespace_id: i64, sort: Sort) -> bool {
        self.namespace_id == namespace_id && self.sort == sort.code()
    }

    pub(crate) const fn has_callbacks(&self) -> bool {
        self.callbacks.is_some()
    }

    /// What is made when.
    pub(crate) fn callbacks(&self) -> Result<Vec<(CallbackOn, NewJob)>, Error> {
        let Some(text) = &self.callbacks else { return Ok(Vec::new()) };
        let wrong = |detail| Error::bug(format!("batch {} is unreadable: {detail}", self.id));
        read_callbacks(text).map_err(wrong)
    }

    /// The job of a callback that was made.
    pub(crate) fn made(&self, on: CallbackOn) -> Option<JobId> {
        CallbackOn::ALL.iter().zip(self.made).find(|(known, _)| **known == on)?.1
    }
}

/// Locks a bundle until the commit, if it is there.
pub(super) async fn lock<T: Tx>(tx: &mut T, id: i64) -> Result<Option<BundleRow>, Error> {
    tx.query(Sql::BundleLock, &[id.into()]).await?.first(BundleRow::read)
}

/// Locks a bundle of a namespace until the commit.
pub(super) async fn lock_in<T: Tx>(
    tx: &mut T,
    (namespace_id, sort): (i64, Sort),
    id: i64,
) -> Result<BundleRow, Error> {
    let found = lock(tx, id).await?.filter(|row| row.is_of(namespace_id, sort));
    found.ok_or_else(|| Error::not_found(format!("{} {id}", sort.as_str())))
}

/// Makes jobs members of bundles.
pub(super) async fn join<T: Tx>(
    tx: &mut T,
    members: impl Iterator<Item = (i64, JobId)>,
) -> Result<(), Error> {
    let mut rows = Batch::with_capacity(3, 0);
    for (bundle, job) in members {
        rows.push([bundle.into(), job.as_i64().into(), Param::Int(0)]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    tx.effects().joined();
    Effects::insert(tx, Sql::MemberInsert, &rows).await
}

/// A job that has ended runs again, and with it what it is a member of. Nothing of the job may be locked
/// so far.
pub(super) async fn reopen<T: Tx>(tx: &mut T, job: JobId, bundles: &[i64]) -> Result<(), Error> {
    for id in bundles {
        if lock(tx, *id).await?.is_none() {
            continue;
        }
        tx.execute(Sql::MemberReopen, &[(*id).into(), job.as_i64().into()]).await?;
        tx.execute(Sql::BundleReopen, &[(*id).into(), BundleState::Running.code().into()]).await?;
        tx.effects().joined();
    }
    Ok(())
}

/// A bundle to be made.
#[derive(Debug)]
pub(crate) struct NewBundle {
    pub(crate) id: i64,
    pub(crate) namespace_id: i64,
    pub(crate) sort: Sort,
    pub(crate) name: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) digest: String,
    pub(crate) callbacks: Option<String>,
}

/// A bundle that was made, now or before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) id: i64,
    pub(crate) is_new: bool,
}

impl NewBundle {
    /// Makes it, unless another one has its key.
    pub(super) async fn make<T: Tx>(&self, tx: &mut T, now: Timestamp) -> Result<Made, Error> {
        let is_workflow = self.sort == Sort::Workflow;
        let state = if is_workflow { BundleState::Running } else { BundleState::Open };
        let params = [
            self.id.into(),
            self.namespace_id.into(),
            self.sort.code().into(),
            self.name.as_str().into(),
            self.idempotency_key.as_deref().into(),
            self.digest.as_str().into(),
            now.as_micros().into(),
            is_workflow.then_some(now.as_micros()).into(),
            state.code().into(),
            self.callbacks.as_deref().into(),
            Param::Int(0),
        ];
        tx.execute(Sql::BundleInsert, &params).await?;
        let own = Made { id: self.id, is_new: true };
        let Some(key) = self.idempotency_key.as_deref() else { return Ok(own) };
        let params = [self.namespace_id.into(), self.sort.code().into(), key.into()];
        match tx.query(Sql::BundleFind, &params).await?.first(BundleRow::read)? {
            Some(found) if found.id == self.id => Ok(own),
            Some(found) if found.digest.as_ref() == Some(&self.digest) => {
                Ok(Made { id: found.id, is_new: false })
            }
            Some(found) => Err(Error::Conflict {
                code: "idempotency_mismatch",
                message: format!(
                    "idempotency key `{key}` belongs to {} {}, which is another one",
                    self.sort.as_str(),
                    found.id
                ),
            }),
            // It went between the two statements: the next run finds the key free.
            None => Err(Error::moved(format!("idempotency key `{key}`"))),
        }
    }

    /// Whether the commit that made it took effect.
    pub(super) async fn landed<T: Tx>(made: Made, tx: &mut T) -> Result<bool, Error> {
        Ok(made.is_new && !tx.query(Sql::BundleGet, &[made.id.into()]).await?.is_empty())
    }
}

/// Opens a batch.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    pub(crate) bundle: NewBundle,
    pub(crate) now: Timestamp,
}

impl Verb for OpenBatch {
    type Reply = Made;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Made, Error> {
        self.bundle.make(tx, self.now).await
    }

    async fn landed<T: Tx>(&self, made: &Made, tx: &mut T) -> Result<bool, Error> {
        NewBundle::landed(*made, tx).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Closes the opening of a batch; once more, it does nothing.
#[derive(Debug)]
pub(crate) struct CommitBatch {
    pub(crate) namespace: Arc<str>,
    pub(crate) batch: BatchId,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for CommitBatch {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let id = self.batch.as_i64();
        let row = lock_in(tx, (namespace_id, Sort::Batch), id).await?;
        if row.committed_at.is_none() {
            let state = BundleState::Running.code();
            let params = [id.into(), self.now.as_micros().into(), state.into()];
            tx.execute(Sql::BundleCommit, &params).await?;
            tx.effects().joined();
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Which bundles to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// One, with the counts of its members.
    One(i64),
    /// The newest before one, in a state or any.
    Page { before: i64, state: Option<BundleState>, limit: usize },
}

/// Reads bundles of a namespace.
#[derive(Debug)]
pub(crate) struct ReadBundles {
    pub(crate) namespace: Arc<str>,
    pub(crate) sort: Sort,
    pub(crate) which: Which,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReadBundles {
    type Reply = Vec<BundleRow>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<BundleRow>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        match self.which {
            Which::One(id) => {
                let rows = tx.query(Sql::BundleGet, &[id.into()]).await?;
                let row = rows.first(BundleRow::read)?;
                let row = row.filter(|row| row.is_of(namespace_id, self.sort));
                let mut row =
                    row.ok_or_else(|| Error::not_found(format!("{} {id}", self.sort.as_str())))?;
                if row.ended_at.is_none() {
                    row.counts = self.count(tx, id).await?;
                }
                Ok(vec![row])
            }
            Which::Page { before, state, limit } => {
                let (first, last) =
                    state.map_or((0, i64::MAX), |state| (state.code(), state.code()));
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let numbers = [namespace_id, self.sort.code(), before, first, last, limit];
                let rows = tx.query(Sql::BundleList, &numbers.map(Param::Int)).await?;
                let mut rows = rows.read(BundleRow::read)?;
                for row in rows.iter_mut().filter(|row| row.ended_at.is_none()) {
                    row.counts.clear();
                }
                Ok(rows)
            }
        }
    }

    fn weight(&self) -> usize {
        1000
    }
}

impl ReadBundles {
    /// The nodes of a workflow by where they are; the jobs of a batch, which may be very many, by what was
    /// gathered of them.
    async fn count<T: Tx>(&self, tx: &mut T, id: i64) -> Result<BTreeMap<State, u64>, Error> {
        let sql = match self.sort {
            Sort::Workflow => Sql::MemberStates,
            Sort::Batch => Sql::MemberCount,
        };
        count(tx, sql, id).await
    }
}

/// Members by state; those that have not ended count as pending where only ends are known.
pub(super) async fn count<T: Tx>(
    tx: &mut T,
    sql: Sql,
    id: i64,
) -> Result<BTreeMap<State, u64>, Error> {
    let rows = tx.query(sql, &[id.into()]).await?;
    let rows = rows.read(|row| {
        let state = State::from_code(row.int()?).unwrap_or(State::Pending);
        Ok((state, u64::from(row.count()?)))
    })?;
    Ok(rows.into_iter().collect())
}

impl From<WorkflowId> for Which {
    fn from(id: WorkflowId) -> Self {
        Self::One(id.as_i64())
    }
}

impl From<BatchId> for Which {
    fn from(id: BatchId) -> Self {
        Self::One(id.as_i64())
    }
}
