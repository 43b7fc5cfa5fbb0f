-- When the oldest sessions ended that time has ended.
-- $1 now_us  $2 limit                       returns: expires_at, the oldest first
-- index: session_expires
select expires_at from {prefix}session where expires_at <= $1 order by expires_at limit $2
