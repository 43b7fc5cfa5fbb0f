-- Take the outcome of a job whose retention is over, if it is still this one.
-- $1 job_id  $2 epoch                         returns: job_id
-- differs: one writer at a time, so no row needs locking or skipping.
delete from {prefix}outcome where job_id = $1 and epoch = $2
returning job_id
