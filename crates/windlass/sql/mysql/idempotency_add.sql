-- Take an idempotency key for a new job, unless another job has it: a duplicate never fails the
-- transaction it is in (one row per key, batched by the driver).
-- $1 namespace_id  $2 key  $3 job_id
-- lock order: keys ascending
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}idempotency (namespace_id, `key`, job_id) values ($1, $2, $3)
