//! Operations as things: begun, read, stopped, forgotten. Their steps are in `operate.rs`.
//!
//! Invariant: whoever changes an operation takes its turn first, so that nothing is done after a stop that
//! has committed.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, JobId, Timestamp};
use crate::protocol::{operation_text, read_operation_text};
use crate::store::driver::{Row, Tx, Verb, Waits};
use crate::store::operation::{
    Operation, OperationFailure, OperationId, OperationRecord, OperationState, Target,
};
use crate::store::rows::instant;
use crate::store::statements::Sql;
use crate::store::{Shared, types};

/// Failures shown with an operation.
const FAILURES_SHOWN: i64 = 100;

/// A row of the table of operations.
#[derive(Debug, Clone)]
pub(crate) struct OperationRow {
    pub(crate) id: OperationId,
    turn: i64,
    pub(crate) namespace: String,
    pub(crate) state: OperationState,
    definition: String,
    pub(crate) after_job: i64,
    pub(crate) matched: i64,
    pub(crate) done: i64,
    pub(crate) failed: i64,
    pub(crate) created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl OperationRow {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (id, turn, namespace, state) = (row.int()?, row.int()?, row.text()?, row.int()?);
        let state = OperationState::from_code(state).ok_or_else(|| {
            Error::bug(format!("a row holds {state} as the state of an operation"))
        })?;
        Ok(Self {
            id: OperationId::from_i64(id),
            turn,
            namespace,
            state,
            definition: row.text()?,
            after_job: row.int()?,
            matched: row.int()?,
            done: row.int()?,
            failed: row.int()?,
            created_at: Timestamp::from_micros(row.int()?),
            finished_at: instant(row)?,
        })
    }

    async fn locate<T: Tx>(tx: &mut T, namespace: &str, id: OperationId) -> Result<Self, Error> {
        let rows = tx.query(Sql::OperationGet, &[id.as_i64().into(), namespace.into()]).await?;
        rows.first(Self::read)?.ok_or_else(|| Error::not_found(format!("operation {id}")))
    }

    /// Keeps everybody else from changing it until the commit, unless someone has since it was read.
    pub(super) async fn take_turn<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let params = [self.id.as_i64().into(), self.turn.into()];
        match tx.execute(Sql::OperationTake, &params).await? {
            0 => Err(Error::moved(format!("operation {}", self.id))),
            _ => Ok(()),
        }
    }

    /// Whether its turn was taken since it was read, or it is gone.
    pub(super) async fn was_taken<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        match Self::locate(tx, &self.namespace, self.id).await {
            Ok(now) => Ok(now.turn != self.turn),
            Err(Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Notes how far it has come; someone goes on at `next_at`, or it has ended.
    pub(super) async fn write<T: Tx>(
        &self,
        tx: &mut T,
        next_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let finished_at = self.state.is_terminal().then_some(now);
        let params = [
            self.id.as_i64().into(),
            self.state.code().into(),
            self.after_job.into(),
            self.matched.into(),
            self.done.into(),
            self.failed.into(),
            next_at.map(Timestamp::as_micros).into(),
            finished_at.map(Timestamp::as_micros).into(),
        ];
        tx.execute(Sql::OperationMove, &params).await?;
        tx.effects().operations();
        Ok(())
    }

    /// What is done to which jobs.
    pub(crate) fn operation(&self) -> Result<Operation, Error> {
        let unreadable =
            |detail| Error::bug(format!("operation {} is unreadable: {detail}", self.id));
        read_operation_text(&self.definition).map_err(unreadable)
    }

    pub(crate) fn record(self) -> Result<OperationRecord, Error> {
        let count = |n| u64::try_from(n).unwrap_or(0);
        Ok(OperationRecord {
            operation: self.operation()?,
            id: self.id,
            state: self.state,
            matched: count(self.matched),
            done: count(self.done),
            failed: count(self.failed),
            failures: Vec::new(),
            created_at: self.created_at,
            finished_at: self.finished_at,
        })
    }
}

/// Begins an operation.
#[derive(Debug)]
pub(crate) struct BeginOperation {
    pub(crate) id: OperationId,
    pub(crate) namespace: Arc<str>,
    pub(crate) operation: Operation,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for BeginOperation {
    type Reply = OperationRecord;

    fn act(&self) -> Option<Act> {
        let act = Act::new(&self.namespace, "operation.start", self.id.to_string());
        Some(act.detail(self.operation.action()))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<OperationRecord, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        // Jobs that are named need not be counted.
        let (state, matched) = match &self.operation.target.0 {
            Target::Filter(_) => (OperationState::Counting, 0),
            Target::Jobs(jobs) => {
                (OperationState::Running, i64::try_from(jobs.len()).unwrap_or(i64::MAX))
            }
        };
        let definition = operation_text(&self.operation)?;
        let params = [
            self.id.as_i64().into(),
            namespace_id.into(),
            state.code().into(),
            definition.as_str().into(),
            matched.into(),
            self.now.as_micros().into(),
        ];
        tx.execute(Sql::OperationInsert, &params).await?;
        tx.effects().operations();
        OperationRow::locate(tx, &self.namespace, self.id).await?.record()
    }

    async fn landed<T: Tx>(&self, _: &OperationRecord, tx: &mut T) -> Result<bool, Error> {
        match OperationRow::locate(tx, &self.namespace, self.id).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Reads one operation with its first failures.
#[derive(Debug)]
pub(crate) struct GetOperation {
    pub(crate) namespace: Arc<str>,
    pub(crate) id: OperationId,
}

impl Verb for GetOperation {
    type Reply = OperationRecord;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<OperationRecord, Error> {
        let mut record = OperationRow::locate(tx, &self.namespace, self.id).await?.record()?;
        let params = [self.id.as_i64().into(), FAILURES_SHOWN.into()];
        let rows = tx.query(Sql::OperationFailureList, &params).await?;
        record.failures = rows.read(|row| {
            Ok(OperationFailure { job: JobId::from_i64(row.int()?), detail: row.text()? })
        })?;
        Ok(record)
    }
}

/// Reads operations of a namespace, the latest first.
#[derive(Debug)]
pub(crate) struct ListOperations {
    pub(crate) namespace: Arc<str>,
    pub(crate) before: Option<OperationId>,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListOperations {
    type Reply = Vec<OperationRow>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<OperationRow>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let before = self.before.map_or(i64::MAX, OperationId::as_i64);
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let params = [namespace_id.into(), before.into(), limit.into()];
        tx.query(Sql::OperationList, &params).await?.read(OperationRow::read)
    }
}

/// Stops an operation; what was done stays done.
#[derive(Debug)]
pub(crate) struct CancelOperation {
    pub(crate) namespace: Arc<str>,
    pub(crate) id: OperationId,
    pub(crate) now: Timestamp,
}

impl Verb for CancelOperation {
    type Reply = OperationRecord;

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "operation.cancel", self.id.to_string()))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<OperationRecord, Error> {
        let mut row = OperationRow::locate(tx, &self.namespace, self.id).await?;
        if row.state.is_terminal() {
            return Err(Error::conflict(format!(
                "operation {} has already ended: {}",
                self.id,
                row.state.as_str()
            )));
        }
        row.take_turn(tx).await?;
        row.state = OperationState::Cancelled;
        row.write(tx, None, self.now).await?;
        OperationRow::locate(tx, &self.namespace, self.id).await?.record()
    }

    async fn landed<T: Tx>(&self, _: &OperationRecord, tx: &mut T) -> Result<bool, Error> {
        let row = OperationRow::locate(tx, &self.namespace, self.id).await?;
        Ok(row.state.is_terminal())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Reads the operations that someone has to go on with, and when to look again.
#[derive(Debug)]
pub(crate) struct DueOperations {
    pub(crate) now: Timestamp,
    pub(crate) limit: usize,
}

impl Verb for DueOperations {
    type Reply = (Vec<OperationRow>, Option<Timestamp>);

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let due = tx.query(Sql::OperationDue, &[self.now.as_micros().into(), limit.into()]).await?;
        let due = due.read(OperationRow::read)?;
        let next = tx.query(Sql::OperationNext, &[]).await?.first_int()?;
        Ok((due, next.map(Timestamp::from_micros)))
    }
}

/// Deletes operations that ended before an instant.
#[derive(Debug)]
pub(crate) struct ForgetOperations {
    pub(crate) before: Timestamp,
}

impl Verb for ForgetOperations {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let before = [self.before.as_micros().into()];
        tx.execute(Sql::OperationFailureForget, &before).await?;
        tx.execute(Sql::OperationForget, &before).await?;
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Reads groups of dead letters: how many died of the same thing.
#[derive(Debug)]
pub(crate) struct DeadGroups {
    pub(crate) namespace: Arc<str>,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for DeadGroups {
    type Reply = types::Dead;

    /// It looks at many.
    fn weight(&self) -> usize {
        self.limit
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<types::Dead, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let limit = i64::try_from(self.limit + 1).unwrap_or(i64::MAX);
        let params = [namespace_id.into(), i64::MAX.into(), limit.into()];
        let rows = tx.query(Sql::DeadScan, &params).await?;
        let mut letters = rows.read(|row| {
            Ok(types::DeadLetter {
                job: JobId::from_i64(row.int()?),
                queue: row.text()?,
                kind: row.text()?,
                class: row.opt_text()?,
                message: row.opt_text()?,
                at: Timestamp::from_micros(row.int()?),
            })
        })?;
        let complete = letters.len() <= self.limit;
        letters.truncate(self.limit);
        Ok(types::Dead { letters, complete })
    }
}
