-- Add to a maintained count.
-- $1 queue_id  $2 kind_id  $3 measure  $4 n
insert into {prefix}tally (queue_id, kind_id, measure, n) values ($1, $2, $3, $4)
on conflict (queue_id, kind_id, measure) do update set n = {prefix}tally.n + excluded.n
