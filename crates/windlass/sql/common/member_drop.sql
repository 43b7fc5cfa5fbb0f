-- A job that is gone is no member any more.
-- $1 bundle_id  $2 job_id
delete from {prefix}member where bundle_id = $1 and job_id = $2
