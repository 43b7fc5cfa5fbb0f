-- Buckets by line (one row per line, batched by the driver).
-- $1 line     returns: line, full_at, shut_until, wake_at
-- index: primary key of bucket
select line, full_at, shut_until, wake_at from {prefix}bucket where line = $1
