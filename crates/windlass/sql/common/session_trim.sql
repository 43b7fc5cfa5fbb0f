-- Forget sessions that ended up to an instant.
-- $1 expires_at_us
-- index: session_expires
delete from {prefix}session where expires_at <= $1
