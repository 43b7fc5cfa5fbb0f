-- Keep what changed in a minute.
-- $1 minute  $2 queue_id  $3 measure  $4 n
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}minute (minute, queue_id, measure, n)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
