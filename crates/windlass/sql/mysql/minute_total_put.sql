-- Keep a total as it is now.
-- $1 queue_id  $2 measure  $3 n
-- differs: no `on conflict` here.
insert into {prefix}minute_total (queue_id, measure, n)
values ($1, $2, $3)
on duplicate key update n = values(n)
