-- Put a job into the delayed room.
-- $1 run_at  $2 job_id  $3 reason  $4 queue_id  $5 kind_id  $6 priority  $7 epoch  $8 attempt  $9 crashes  $10 snoozes
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}delayed (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
