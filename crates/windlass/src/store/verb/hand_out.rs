//! Hand-out: one transaction gives jobs to several workers that wait for the same.

use crate::Error;
use crate::store::driver::{Lane, Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::store::verb::{Claim, Register};
use crate::store::{Claims, WorkerKey};

/// Gives each in turn what it may take, until there is no more.
#[derive(Debug)]
pub(crate) struct HandOut {
    /// Who takes, and the worker that has to be made for it.
    pub(crate) takers: Vec<(Option<Register>, Claim)>,
}

impl Verb for HandOut {
    /// For as many takers as there was something to look for.
    type Reply = Vec<(WorkerKey, Claims)>;

    const LANE: Lane = Lane::Claim;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let mut replies = Vec::new();
        for (register, claim) in &self.takers {
            let claims = match register {
                Some(register) => take_passing(tx, register, claim).await?,
                None => claim.run(tx).await?,
            };
            let more = !matches!(claims, Claims::Jobs { more: false, .. });
            replies.push((claim.worker.clone(), claims));
            if !more {
                break;
            }
        }
        Ok(replies)
    }

    async fn landed<T: Tx>(&self, replies: &Self::Reply, tx: &mut T) -> Result<bool, Error> {
        for ((_, claim), (_, claims)) in self.takers.iter().zip(replies) {
            if matches!(claims, Claims::Jobs { jobs, .. } if !jobs.is_empty()) {
                return claim.landed(claims, tx).await;
            }
        }
        Ok(false)
    }

    fn weight(&self) -> usize {
        self.takers.iter().map(|(_, claim)| claim.weight()).sum()
    }

    fn waits(&self) -> Waits {
        self.takers.first().map_or(Waits::Nothing, |(_, claim)| claim.waits())
    }
}

/// Makes the worker only if there is something for it.
async fn take_passing<T: Tx>(
    tx: &mut T,
    register: &Register,
    claim: &Claim,
) -> Result<Claims, Error> {
    if !claim.may_find(tx).await? {
        return Ok(Claims::Jobs { jobs: Vec::new(), more: false, next_at: None });
    }
    register.run(tx).await?;
    let claims = claim.run(tx).await?;
    if matches!(&claims, Claims::Jobs { jobs, .. } if jobs.is_empty()) {
        let params = [claim.worker.id.into(), claim.worker.nonce.into()];
        tx.execute(Sql::WorkerRemove, &params).await?;
    }
    Ok(claims)
}
