-- Give slots back, if they are still these jobs'.
-- $1 line  $2 n  $3 job_id
-- index: slot_job; "is true" as in settle_take
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}slot
where job_id = any ($3::bigint[])
  and ((line, n, job_id) in (select * from unnest($1::text[], $2::bigint[], $3::bigint[]))) is true
