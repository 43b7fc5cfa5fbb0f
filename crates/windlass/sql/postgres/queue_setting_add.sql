-- Keep the settings of a queue that has none.
-- $1 queue_id  $2 version  $3 deleted  $4 ttl_ms  $5 max_attempts  $6 backoff  $7 max_depth  $8 to $11 retention of completed, failed, dead letter, cancelled  $12 concurrency  $13 rate  $14 fair
-- differs: a first queue without a setting would let the server take the narrow type of its column for all that come after.
insert into {prefix}queue_setting (queue_id, version, deleted, ttl_ms, max_attempts, backoff, max_depth, keep_completed_ms, keep_failed_ms, keep_dead_letter_ms, keep_cancelled_ms, concurrency, rate, fair)
values ($1, $2, $3, $4::bigint, $5::bigint, $6, $7::bigint, $8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13, $14)
