-- The settings of every queue that has any.
-- returns: queue_id, and the columns that store/settings.rs reads, in its order
select queue_id, version, ttl_ms, max_attempts, backoff, max_depth, keep_completed_ms, keep_failed_ms, keep_dead_letter_ms, keep_cancelled_ms, concurrency, rate, fair
from {prefix}queue_setting
where deleted = 0
