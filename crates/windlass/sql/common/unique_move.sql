-- Give a unique key from one job to another.
-- $1 digest  $2 job_id  $3 new job_id  $4 expires_at
update {prefix}unique_claim set job_id = $3, expires_at = $4 where digest = $1 and job_id = $2
