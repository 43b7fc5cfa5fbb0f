-- Some of what a job waits for has ended.
-- $1 job_id  $2 how many
-- lock order: job_id, which the batch is sorted by
-- differs: one statement for the whole batch, by whole keys.
update ({keys select $1 as job_id, $2 as met}) k
straight_join {prefix}blocked x force index (primary) on x.job_id = k.job_id
set x.pending = x.pending - k.met
where x.pending > k.met
