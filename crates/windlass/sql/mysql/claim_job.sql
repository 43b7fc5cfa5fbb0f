-- What a worker needs of a claimed job.
-- $1 id     returns: id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by,
--           deadline, backoff, correlation_id, tags, metadata, payload, uniqueness
-- differs: one statement for the whole batch.
select id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by, deadline, backoff, correlation_id, tags, metadata, payload, uniqueness
from {prefix}job
where {any id = $1}
