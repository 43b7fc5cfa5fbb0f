-- Keep what changed in a minute.
-- $1 minute  $2 queue_id  $3 measure  $4 n
insert into {prefix}minute (minute, queue_id, measure, n)
values ($1, $2, $3, $4)
