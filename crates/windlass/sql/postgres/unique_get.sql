-- Who holds a unique key (one row per key, batched by the driver).
-- $1 digest                                   returns: digest, job_id
-- differs: one array per column, so that a batch of any size is one statement.
select digest, job_id from {prefix}unique_claim where digest = any ($1::text[])
