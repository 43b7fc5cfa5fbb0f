-- Buckets by line (one row per line, batched by the driver).
-- $1 line     returns: line, full_at, shut_until, wake_at
-- index: primary key of bucket
-- differs: one array per column, so that a batch of any size is one statement.
select line, full_at, shut_until, wake_at from {prefix}bucket where line = any ($1::text[])
