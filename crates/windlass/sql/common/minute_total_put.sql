-- Keep a total as it is now.
-- $1 queue_id  $2 measure  $3 n
insert into {prefix}minute_total (queue_id, measure, n) values ($1, $2, $3)
on conflict (queue_id, measure) do update set n = excluded.n
