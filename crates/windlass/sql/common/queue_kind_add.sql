-- Make a pair of queue and kind known, so that claims look at it.
-- $1 queue_id  $2 kind_id
insert into {prefix}queue_kind (queue_id, kind_id) values ($1, $2) on conflict (queue_id, kind_id) do nothing
