-- Write a job's terminal fact. The primary key refuses a second one.
-- $1 job_id  $2 state  $3 reason  $4 epoch  $5 attempt  $6 crashes  $7 snoozes  $8 worker_id
-- $9 worker  $10 started_at  $11 finished_at  $12 detail  $13 result
insert into {prefix}outcome (job_id, state, reason, epoch, attempt, crashes, snoozes, worker_id, worker, started_at, finished_at, detail, result)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
