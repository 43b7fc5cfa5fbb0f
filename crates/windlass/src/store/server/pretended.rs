//! Lanes over a server that is only pretended: nobody is told of a success that was none, and a call
//! that panics takes nobody with it.

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

/// A server whose commits are refused, or are not.
struct Pretended {
    commits: bool,
}

struct Pretence {
    effects: Effects,
    commits: bool,
}

impl Tx for Pretence {
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
        &mut self.effects
    }
}

impl Session for Pretence {
    fn begin_nothing(&mut self) {}

    async fn begin(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    async fn commit(&mut self) -> Result<Effects, Error> {
        match self.commits {
            true => Ok(std::mem::take(&mut self.effects)),
            false => Err(Error::unavailable("commit refused")),
        }
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

impl Server for Pretended {
    type Session = Pretence;

    async fn connect(&self, _: Mode) -> Result<Pretence, Error> {
        Ok(Pretence { effects: Effects::default(), commits: self.commits })
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

/// Has a defect.
struct Panicking;

impl Verb for Panicking {
    type Reply = ();

    async fn run<T: Tx>(&self, _: &mut T) -> Result<(), Error> {
        panic!("a defect, as the test wants it")
    }
}

fn lane(commits: bool) -> Lane<Pretended> {
    let (server, shared, tasks) =
        (Arc::new(Pretended { commits }), Arc::default(), Tasks::default());
    Lane::start(&server, Mode::Write, 1, &shared, &tasks)
}

#[tokio::test]
async fn a_refused_commit_is_never_answered_with_success() {
    let lane = lane(false);

    let (one, other) = tokio::join!(lane.run(Fine), lane.run(Fine));

    for answer in [one, other] {
        assert!(answer.is_err_and(|error| error.to_string().contains("commit refused")));
    }
}

#[tokio::test]
async fn a_call_that_panics_takes_nobody_with_it() {
    let lane = lane(true);

    let (before, defect, after) = tokio::join!(lane.run(Fine), lane.run(Panicking), lane.run(Fine));

    assert!(defect.is_err_and(|error| error.to_string().contains("panicked")));
    assert!(before.is_ok() && after.is_ok());
    lane.run(Fine).await.unwrap();
    lane.stop().await;
    assert!(matches!(lane.run(Fine).await, Err(Error::Closed)));
}
