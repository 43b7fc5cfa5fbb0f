-- Put a job into the delayed room.
-- $1 run_at  $2 job_id  $3 reason  $4 queue_id  $5 kind_id  $6 priority  $7 epoch  $8 attempt  $9 crashes  $10 snoozes
insert into {prefix}delayed (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
