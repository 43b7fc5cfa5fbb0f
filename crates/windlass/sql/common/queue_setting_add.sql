-- Keep the settings of a queue that has none.
-- $1 queue_id  $2 version  $3 deleted  $4 ttl_ms  $5 max_attempts  $6 backoff  $7 max_depth  $8 to $11 retention of completed, failed, dead letter, cancelled  $12 concurrency  $13 rate  $14 fair
insert into {prefix}queue_setting (queue_id, version, deleted, ttl_ms, max_attempts, backoff, max_depth, keep_completed_ms, keep_failed_ms, keep_dead_letter_ms, keep_cancelled_ms, concurrency, rate, fair)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
