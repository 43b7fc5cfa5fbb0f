-- A job that has ended runs again.
-- $1 bundle_id  $2 job_id
update {prefix}member set state = 0 where bundle_id = $1 and job_id = $2
