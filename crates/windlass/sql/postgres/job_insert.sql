-- Store a job's immutable part (one row per call, batched by the driver).
-- $1 id  $2 queue_id  $3 kind_id  $4 priority  $5 max_attempts  $6 max_crashes  $7 timeout_ms
-- $8 created_at  $9 run_at  $10 start_by  $11 deadline  $12 backoff  $13 idempotency_key
-- $14 correlation_id  $15 tags  $16 metadata  $17 payload  $18 uniqueness  $19 depends_on
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, run_at, start_by, deadline, backoff, idempotency_key, correlation_id, tags, metadata, payload, uniqueness, depends_on)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[], $18::text[], $19::text[])
