-- Let a job that was retried wait for others again.
-- $1 job_id  $2 pending  $3 run_at  $4 queue_id  $5 kind_id  $6 priority  $7 epoch  $8 attempt  $9 crashes
-- $10 snoozes
insert into {prefix}blocked (job_id, pending, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
