-- Keep an attempt that did not complete. One epoch is one attempt; an outcome that is revived
-- may already have its row.
-- $1 job_id  $2 epoch  $3 attempt  $4 worker  $5 started_at  $6 finished_at  $7 class  $8 message  $9 backtrace
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}attempt (job_id, epoch, attempt, worker, started_at, finished_at, class, message, backtrace)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
