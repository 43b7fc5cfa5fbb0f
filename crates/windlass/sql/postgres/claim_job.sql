-- What a worker needs of a claimed job.
-- $1 id     returns: id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by,
--           deadline, backoff, correlation_id, tags, metadata, payload
-- differs: one array per column, so that a batch of any size is one statement.
select id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by, deadline, backoff, correlation_id, tags, metadata, payload
from {prefix}job
where id = any ($1::bigint[])
