-- Give a job to a worker. The primary key refuses a second lease, the unique index a slot that is taken.
-- $1 job_id  $2 worker_id  $3 queue_id  $4 kind_id  $5 priority  $6 epoch  $7 attempt  $8 crashes  $9 snoozes  $10 claimed_at  $11 line  $12 slot
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}lease (job_id, worker_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes, claimed_at, line, slot)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[])
