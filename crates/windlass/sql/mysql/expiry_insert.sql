-- Remember when a job's start_by or deadline has to be looked at.
-- $1 at  $2 job_id
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}expiry (at, job_id) values ($1, $2)
