-- Remember when a job's start_by or deadline has to be looked at.
-- $1 at  $2 job_id
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}expiry (at, job_id)
select * from unnest($1::bigint[], $2::bigint[])
on conflict (at, job_id) do nothing
