-- Take jobs out of their lines, as throttled_head has found them.
-- $1 line  $2 place  $3 seq  $4 job_id
-- index: unique index of job_id; "is true" as in settle_take
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}throttled
where job_id = any ($4::bigint[])
  and ((line, place::bigint, seq, job_id) in (select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]))) is true
