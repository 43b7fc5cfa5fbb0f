-- Take one job out of the delayed room, if it is still there.
-- $1 run_at  $2 job_id  $3 epoch
-- lock order: primary key first, as everywhere
-- differs: by the index of job_id the locks would be taken in another order than a promotion's.
delete x from {prefix}delayed x force index (primary) where run_at = $1 and job_id = $2 and epoch = $3
