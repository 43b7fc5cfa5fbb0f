-- Add to a maintained count (batched by the driver).
-- $1 queue_id  $2 kind_id  $3 measure  $4 n
-- lock order: the primary key, which the batch is sorted by
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}tally as t (queue_id, kind_id, measure, n)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
on conflict (queue_id, kind_id, measure) do update set n = t.n + excluded.n
