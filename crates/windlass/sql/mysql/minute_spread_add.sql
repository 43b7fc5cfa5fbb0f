-- Keep how long things took in a minute, as one process saw it; once, however often it is told.
-- $1 minute  $2 queue_id  $3 source  $4 waits  $5 runs
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}minute_spread (minute, queue_id, source, waits, runs)
values ($1, $2, $3, $4, $5)
