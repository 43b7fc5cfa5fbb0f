-- Keep a total as it is now.
-- $1 queue_id  $2 measure  $3 n
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}minute_total (queue_id, measure, n)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
on conflict (queue_id, measure) do update set n = excluded.n
