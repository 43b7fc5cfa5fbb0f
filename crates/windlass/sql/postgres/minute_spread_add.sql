-- Keep how long things took in a minute, as one process saw it; once, however often it is told.
-- $1 minute  $2 queue_id  $3 source  $4 waits  $5 runs
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}minute_spread (minute, queue_id, source, waits, runs)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
on conflict (minute, queue_id, source) do nothing
