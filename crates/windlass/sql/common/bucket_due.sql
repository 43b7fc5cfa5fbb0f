-- Lines in which somebody waits for a rate, and whose time has come.
-- $1 now_us  $2 limit     returns: line
-- index: bucket_wake
select line from {prefix}bucket where wake_at <= $1 order by wake_at limit $2
