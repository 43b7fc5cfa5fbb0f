-- Forget a moment that was looked at.
-- $1 at  $2 job_id
delete from {prefix}expiry where at = $1 and job_id = $2
