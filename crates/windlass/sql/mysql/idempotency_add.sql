-- Take an idempotency key for a new job, unless another job has it: a duplicate never fails the
-- transaction it is in (one row per key, batched by the driver).
-- $1 namespace_id  $2 key  $3 job_id
-- lock order: keys ascending
-- differs: no `on conflict` here. `insert ignore` would share the lock of a key that is being given
-- back with others who wait for it, and then each would wait for the other to let go.
insert into {prefix}idempotency (namespace_id, `key`, job_id) values ($1, $2, $3)
on duplicate key update job_id = job_id
