-- Who holds a unique key (one row per key, batched by the driver).
-- $1 digest                                   returns: digest, job_id
-- differs: one statement for the whole batch.
select digest, job_id from {prefix}unique_claim where {any digest = $1}
