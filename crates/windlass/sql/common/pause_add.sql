-- Pause a queue, a kind, or a kind in a queue that is not paused.
-- $1 namespace_id  $2 queue_id  $3 kind_id  $4 paused_at  $5 paused_until  $6 reason  $7 actor
insert into {prefix}pause (namespace_id, queue_id, kind_id, paused_at, paused_until, reason, actor)
values ($1, $2, $3, $4, $5, $6, $7)
