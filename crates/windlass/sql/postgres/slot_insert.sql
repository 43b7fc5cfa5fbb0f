-- Take a slot for a job: the primary key says whether there is one.
-- $1 line  $2 n  $3 job_id  $4 held  $5 taken_at
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}slot (line, n, job_id, held, taken_at)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
