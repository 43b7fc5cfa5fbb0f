-- Store a job's immutable part (one row per call, batched by the driver).
-- $1 id  $2 queue_id  $3 kind_id  $4 priority  $5 max_attempts  $6 max_crashes  $7 timeout_ms
-- $8 created_at  $9 run_at  $10 start_by  $11 deadline  $12 backoff  $13 idempotency_key
-- $14 correlation_id  $15 tags  $16 metadata  $17 payload  $18 uniqueness  $19 depends_on
insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, run_at, start_by, deadline, backoff, idempotency_key, correlation_id, tags, metadata, payload, uniqueness, depends_on)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
