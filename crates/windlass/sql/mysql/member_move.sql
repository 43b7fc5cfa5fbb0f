-- The end of a job is gathered (one row per job, batched by the driver).
-- $1 state  $2 bundle_id  $3 job_id
-- differs: one statement for the whole batch, by whole keys: a condition of many keys may be read as
-- a range, and waits for the rows of others. All rows get the same state.
update ({keys select $2 as bundle_id, $3 as job_id}) k straight_join {prefix}member x force index (primary) on x.bundle_id = k.bundle_id and x.job_id = k.job_id set x.state = $1
