//! A server whose commits are refused: nobody is told of success.

use std::sync::Arc;

use super::lane::Lane;
use super::session::{Mode, Server, Session, Trouble};
use crate::Error;
use crate::runtime::Tasks;
use crate::store::driver::{Batch, Param, Rows, Tx, Verb};
use crate::store::effects::{Effects, News};
use crate::store::list::ListFilter;
use crate::store::statements::Sql;
use crate::store::within::Dialect;

/// A server whose commits are refused.
struct Refusing;

struct NoCommit(Effects);

impl Tx for NoCommit {
    async fn query(&mut self, _: Sql, _: &[Param<'_>]) -> Result<Rows, Error> {
        Ok(Rows::default())
    }

    async fn query_each(&mut self, _: Sql, _: &Batch<'_>) -> Result<Rows, Error> {
        Ok(Rows::default())
    }

    async fn query_list(&mut self, _: Sql, _: &ListFilter) -> Result<Rows, Error> {
        Ok(Rows::default())
    }

    async fn execute(&mut self, _: Sql, _: &[Param<'_>]) -> Result<u64, Error> {
        Ok(1)
    }

    async fn execute_each(&mut self, _: Sql, _: &Batch<'_>) -> Result<u64, Error> {
        Ok(1)
    }

    fn effects(&mut self) -> &mut Effects {
        &mut self.0
    }
}

impl Session for NoCommit {
    fn begin_nothing(&mut self) {}

    async fn begin(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    async fn commit(&mut self) -> Result<Effects, Error> {
        Err(Error::unavailable("commit refused"))
    }

    async fn roll_back(&mut self) {}

    fn trouble(&self) -> Option<Trouble> {
        Some(Trouble::Refused)
    }

    fn has_written(&self) -> bool {
        true
    }

    async fn close(self) {}
}

impl Server for Refusing {
    type Session = NoCommit;

    async fn connect(&self, _: Mode) -> Result<NoCommit, Error> {
        Ok(NoCommit(Effects::default()))
    }

    fn dialect(&self) -> Dialect {
        unreachable!("nothing asks")
    }

    fn address(&self) -> String {
        "a server of the test".to_owned()
    }

    fn days(&self) -> Option<i64> {
        None
    }

    fn announce(&self, _: News) {}
}

/// Succeeds until the commit.
struct Fine;

impl Verb for Fine {
    type Reply = ();

    async fn run<T: Tx>(&self, _: &mut T) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_refused_commit_is_never_answered_with_success() {
    let (server, shared, tasks) = (Arc::new(Refusing), Arc::default(), Tasks::default());
    let lane = Lane::start(&server, Mode::Write, 1, &shared, &tasks);

    let (one, other) = tokio::join!(lane.run(Fine), lane.run(Fine));

    for answer in [one, other] {
        assert!(answer.is_err_and(|error| error.to_string().contains("commit refused")));
    }
}
