-- Forget requests that came up to an instant.
-- $1 at_us
-- index: reply_at
delete from {prefix}reply where at <= $1
