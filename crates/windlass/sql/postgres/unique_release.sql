-- Give a unique key back, if it is still this job's.
-- $1 digest  $2 job_id
-- index: primary key of unique_claim; "is true" as in settle_take
-- lock order: digests ascending
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}unique_claim
where digest = any ($1::text[])
  and ((digest, job_id) in (select * from unnest($1::text[], $2::bigint[]))) is true
