-- Forget buckets that are full and that nobody waits for. Those of queues stay: claims lock them.
-- $1 now_ns  $2 now_us
delete from {prefix}bucket
where wake_at is null and full_at < $1 and shut_until < $2 and line not like 'q:%'
