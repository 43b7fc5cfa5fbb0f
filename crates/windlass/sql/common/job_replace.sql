-- Make a waiting job what a new one with its unique key would have been.
-- $1 id; the others as in job_insert, of which $8 created_at and $13 idempotency_key stay as they are; $20 changed_at
update {prefix}job
set queue_id = $2, kind_id = $3, priority = $4, max_attempts = $5, max_crashes = $6, timeout_ms = $7, created_at = $8, run_at = $9, start_by = $10, deadline = $11, backoff = $12, idempotency_key = $13, correlation_id = $14, tags = $15, metadata = $16, payload = $17, uniqueness = $18, depends_on = $19, changed_at = $20
where id = $1
