-- Remember when a job's start_by or deadline has to be looked at.
-- $1 at  $2 job_id
insert into {prefix}expiry (at, job_id) values ($1, $2) on conflict (at, job_id) do nothing
