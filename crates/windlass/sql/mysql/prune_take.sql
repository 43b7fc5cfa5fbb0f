-- Take the outcomes of jobs whose retention is over, where they are still these.
-- $1 job_id  $2 epoch                         returns: job_id
-- lock order: job_id, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys, one
-- by one: a condition of many keys may be read as a range, and waits for the rows of others.
select x.job_id
from ({keys select $1 as job_id, $2 as epoch}) k
straight_join {prefix}outcome x force index (primary) on x.job_id = k.job_id
where x.epoch = k.epoch
for update skip locked
-- then
delete x from ({keys select #1 as job_id}) k straight_join {prefix}outcome x force index (primary) on x.job_id = k.job_id
