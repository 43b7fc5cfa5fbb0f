-- When the oldest requests came that are kept no longer.
-- $1 before_us  $2 limit                     returns: at, the oldest first
-- index: reply_at
select at from {prefix}reply where at < $1 order by at limit $2
