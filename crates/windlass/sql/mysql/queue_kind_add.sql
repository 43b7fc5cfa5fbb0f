-- Make a pair of queue and kind known, so that claims look at it.
-- $1 queue_id  $2 kind_id
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}queue_kind (queue_id, kind_id) values ($1, $2)
