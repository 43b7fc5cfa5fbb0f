-- Add to a maintained count (batched by the driver).
-- $1 queue_id  $2 kind_id  $3 measure  $4 n
-- lock order: the primary key, which the batch is sorted by
-- differs: no `on conflict` here.
insert into {prefix}tally (queue_id, kind_id, measure, n)
values ($1, $2, $3, $4)
on duplicate key update n = n + values(n)
