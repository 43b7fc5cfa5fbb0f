-- Give a unique key back, if it is still this job's.
-- $1 digest  $2 job_id
-- lock order: digests ascending
delete from {prefix}unique_claim where digest = $1 and job_id = $2
