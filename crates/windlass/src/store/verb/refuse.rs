//! What an enqueue refuses because of other things in the database: parents and batches that do not exist.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bundle::{BundleRow, Sort};
use super::enqueue::{Enqueue, New};
use crate::job::{BatchId, JobId};
use crate::store::Stored;
use crate::store::driver::Tx;
use crate::store::statements::Sql;
use crate::{Error, FieldError};

impl Enqueue {
    /// Takes out of `new` what waits for jobs that do not exist, and says so.
    pub(super) async fn refuse_orphans<T: Tx>(
        &self,
        tx: &mut T,
        new: &mut Vec<New>,
        replies: &mut [Result<Stored, Error>],
    ) -> Result<(), Error> {
        let parents = |item: &New| self.jobs[item.index].job.depends_on.iter().map(|on| on.id);
        let wanted: HashSet<JobId> = new.iter().flat_map(parents).collect();
        let own: HashSet<JobId> = self.ids.iter().copied().collect();
        let mut known = own.clone();
        for parent in wanted.into_iter().filter(|id| !own.contains(id)) {
            let rows = tx.query(Sql::JobNamespace, &[parent.as_i64().into()]).await?;
            if rows.first_int()? == Some(self.namespace_id) {
                known.insert(parent);
            }
        }
        new.retain(|item| {
            let unknown = parents(item).enumerate().filter(|(_, id)| !known.contains(id));
            let broken = unknown.map(|(place, id)| {
                FieldError::new(format!("/depends_on/{place}"), format!("job {id} does not exist"))
            });
            let broken: Vec<FieldError> = broken.collect();
            if broken.is_empty() {
                return true;
            }
            replies[item.index] = Err(Error::Invalid(broken));
            false
        });
        Ok(())
    }

    /// Takes out of `new` what is to join batches that do not exist or have ended, and says so. The others
    /// cannot end until the commit.
    pub(super) async fn refuse_latecomers<T: Tx>(
        &self,
        tx: &mut T,
        new: &mut Vec<New>,
        replies: &mut [Result<Stored, Error>],
    ) -> Result<(), Error> {
        let batch = |item: &New| self.jobs[item.index].job.batch;
        let wanted: BTreeSet<BatchId> = new.iter().filter_map(batch).collect();
        let mut refused: HashMap<BatchId, String> = HashMap::new();
        for id in wanted {
            let rows = tx.query(Sql::BundleShare, &[id.as_i64().into()]).await?;
            let found = rows.first(BundleRow::read)?;
            let found = found.filter(|row| row.is_of(self.namespace_id, Sort::Batch));
            match found {
                None => refused.insert(id, format!("batch {id} does not exist")),
                Some(row) if row.ended_at.is_some() => {
                    refused.insert(id, format!("batch {id} has ended: it takes no more jobs"))
                }
                Some(_) => None,
            };
        }
        new.retain(|item| {
            let Some(detail) = batch(item).and_then(|id| refused.get(&id)) else { return true };
            replies[item.index] = Err(Error::invalid("/batch_id", detail.clone()));
            false
        });
        Ok(())
    }
}
