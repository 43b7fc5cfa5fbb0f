-- Take an idempotency key for a new job, unless another job has it: a duplicate never fails the
-- transaction it is in (one row per key, batched by the driver).
-- $1 namespace_id  $2 key  $3 job_id
-- lock order: keys ascending
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}idempotency (namespace_id, key, job_id)
select * from unnest($1::bigint[], $2::text[], $3::bigint[])
on conflict (namespace_id, key) do nothing
