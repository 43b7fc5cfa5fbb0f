-- Let a new job wait for others.
-- $1 job_id  $2 pending  $3 run_at  $4 queue_id  $5 kind_id  $6 priority
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}blocked (job_id, pending, run_at, queue_id, kind_id, priority)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
