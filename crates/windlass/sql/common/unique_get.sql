-- Who holds a unique key (one row per key, batched by the driver).
-- $1 digest                                   returns: digest, job_id
select digest, job_id from {prefix}unique_claim where digest = $1
