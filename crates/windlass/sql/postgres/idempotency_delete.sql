-- Give idempotency keys back together with their jobs.
-- $1 namespace_id  $2 key  $3 job_id
-- index: primary key, one probe per row; "is true" as in settle_take
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}idempotency
where namespace_id = any ($1::bigint[]) and key = any ($2::text[])
  and ((namespace_id::bigint, key, job_id) in (select * from unnest($1::bigint[], $2::text[], $3::bigint[]))) is true
