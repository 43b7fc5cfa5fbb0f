-- Take an idempotency key for a new job. Returns nothing when the key is taken: a duplicate never
-- fails the transaction it is in.
-- $1 namespace_id  $2 key  $3 job_id          returns: job_id if the key was free
insert into {prefix}idempotency (namespace_id, key, job_id) values ($1, $2, $3)
on conflict (namespace_id, key) do nothing returning job_id
