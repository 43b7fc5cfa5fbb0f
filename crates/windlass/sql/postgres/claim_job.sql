-- What a worker needs of a claimed job.
-- $1 id, ascending
-- returns: id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by, deadline,
--           backoff, correlation_id, tags, metadata, payload, uniqueness
-- index: primary key of job; the bounds spare the days that hold none of these jobs
-- differs: one array per column, so that a batch of any size is one statement.
select id, priority, max_attempts, max_crashes, timeout_ms, created_at, start_by, deadline, backoff, correlation_id, tags, metadata, payload, uniqueness
from {prefix}job
where id = any ($1::bigint[])
  and id between ($1::bigint[])[1] and ($1::bigint[])[cardinality($1::bigint[])]
