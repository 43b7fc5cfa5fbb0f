-- Write a job's terminal fact. The primary key refuses a second one.
-- $1 job_id  $2 state  $3 reason  $4 epoch  $5 attempt  $6 crashes  $7 snoozes  $8 worker_id
-- $9 worker  $10 started_at  $11 finished_at  $12 detail  $13 result
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}outcome (job_id, state, reason, epoch, attempt, crashes, snoozes, worker_id, worker, started_at, finished_at, detail, result)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::text[], $13::bytea[])
