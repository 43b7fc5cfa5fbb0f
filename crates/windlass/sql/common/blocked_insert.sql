-- Let a new job wait for others.
-- $1 job_id  $2 pending  $3 run_at  $4 queue_id  $5 kind_id  $6 priority
insert into {prefix}blocked (job_id, pending, run_at, queue_id, kind_id, priority)
values ($1, $2, $3, $4, $5, $6)
